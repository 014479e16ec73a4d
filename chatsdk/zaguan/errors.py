"""The errors of Zaguan CoreX: a class of its own for each of the common ones."""

from __future__ import annotations

from typing import Any, Mapping, Optional, Union

from .. import errors
from .._core.error_body import parse_error_body


class ZaguanError(errors.ChatSDKError):
    """Base of everything that ``client.zaguan`` raises."""


class ConfigurationError(ZaguanError, errors.ConfigurationError):
    """There is no usable address, key or option."""


class InvalidRequestError(ZaguanError, errors.InvalidRequestError):
    """The request was refused before it was sent."""


class APIError(ZaguanError, errors.APIError):
    """A call failed; made by hand, of a status and a message or of a message alone."""

    def __init__(
        self,
        status_code: Union[int, str, None] = None,
        message: Optional[str] = None,
        request_id: Optional[str] = None,
        **details: Any,
    ) -> None:
        if isinstance(status_code, int):
            self.status_code = status_code
        elif message is None:
            message = status_code
        super().__init__(message or "", request_id=request_id, **details)


class APIStatusError(APIError, errors.APIStatusError):
    """The server answered with a status other than 2xx."""


class BadRequestError(APIStatusError, errors.BadRequestError):
    """400: the request is wrong."""


class AuthenticationError(APIStatusError, errors.AuthenticationError):
    """401: no API key, or a wrong one."""


class InsufficientCreditsError(APIStatusError, errors.InsufficientCreditsError):
    """402: the account has too few credits for this request."""

    @property
    def credits_required(self) -> Optional[float]:
        """What the request would have cost, if the server says so."""
        return _details(self).get("credits_required")

    @property
    def credits_remaining(self) -> Optional[float]:
        """What the account has left, if the server says so."""
        return _details(self).get("credits_remaining")

    @property
    def reset_date(self) -> Optional[str]:
        """When the account gets new credits, as the server writes it."""
        return _details(self).get("reset_date")


class PermissionDeniedError(APIStatusError, errors.PermissionDeniedError):
    """403: the API key does not allow this."""


class BandAccessDeniedError(PermissionDeniedError):
    """403: the model belongs to a band that the account's tier does not reach."""

    @property
    def band(self) -> Optional[str]:
        """The band of the model."""
        return _details(self).get("band")

    @property
    def required_tier(self) -> Optional[str]:
        """The least tier that reaches the band."""
        return _details(self).get("required_tier")

    @property
    def current_tier(self) -> Optional[str]:
        """The tier of the account."""
        return _details(self).get("current_tier")


class NotFoundError(APIStatusError, errors.NotFoundError):
    """404: the resource or the endpoint does not exist."""


class ConflictError(APIStatusError, errors.ConflictError):
    """409: the request conflicts with the current state."""


class UnprocessableEntityError(APIStatusError, errors.UnprocessableEntityError):
    """422: a field is missing or invalid."""


class RateLimitError(APIStatusError, errors.RateLimitError):
    """429: too many requests."""


class InternalServerError(APIStatusError, errors.InternalServerError):
    """5xx: the server failed."""


class APIConnectionError(APIError, errors.APIConnectionError):
    """The server could not be reached, or the connection broke."""


class APITimeoutError(APIConnectionError, errors.APITimeoutError):
    """The server did not answer in time."""


class APIResponseError(APIError, errors.APIResponseError):
    """A successful response that cannot be read."""


class StreamError(APIError, errors.StreamError):
    """An event of a stream is an error, or cannot be read."""


class StreamInterruptedError(StreamError, errors.StreamInterruptedError):
    """A stream ended before it was complete."""


def _details(error: errors.APIStatusError) -> Mapping[str, Any]:
    """Return what the server says beside its message, in ``error`` or in ``error.details``."""
    return parse_error_body(error.body).details


OWN_CLASSES = errors.own_classes(ZaguanError, globals())
