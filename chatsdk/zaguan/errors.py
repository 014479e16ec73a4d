"""The errors of Zaguan CoreX: a subclass of each common error."""

from __future__ import annotations

from typing import Any, Mapping, Optional, Union

from .. import errors
from .._core.error_body import parse_error_body


class ZaguanError(errors.ChatSDKError):
    """Base of all errors that ``client.zaguan`` raises."""


class APIError(errors.APIError, ZaguanError):
    """A call failed. Tests and mocks may also raise it with only a message."""

    def __init__(
        self,
        status_code: Union[int, str, None] = None,
        message: Optional[str] = None,
        request_id: Optional[str] = None,
    ) -> None:
        if isinstance(status_code, int):
            self.status_code = status_code
        elif message is None:
            message = status_code
        super().__init__(message or "")
        self.request_id = request_id


# map_classes() gives each class the docstring of its common class.
# fmt: off
class ConfigurationError(errors.ConfigurationError, ZaguanError): ...
class InvalidRequestError(errors.InvalidRequestError, ZaguanError): ...
class APIStatusError(errors.APIStatusError, APIError): ...
class BadRequestError(errors.BadRequestError, APIStatusError): ...
class AuthenticationError(errors.AuthenticationError, APIStatusError): ...
class PermissionDeniedError(errors.PermissionDeniedError, APIStatusError): ...
class NotFoundError(errors.NotFoundError, APIStatusError): ...
class ConflictError(errors.ConflictError, APIStatusError): ...
class UnprocessableEntityError(errors.UnprocessableEntityError, APIStatusError): ...
class RateLimitError(errors.RateLimitError, APIStatusError): ...
class InternalServerError(errors.InternalServerError, APIStatusError): ...
class APIConnectionError(errors.APIConnectionError, APIError): ...
class APITimeoutError(errors.APITimeoutError, APIConnectionError): ...
class APIResponseError(errors.APIResponseError, APIError): ...
class StreamError(errors.StreamError, APIError): ...
class StreamInterruptedError(errors.StreamInterruptedError, StreamError): ...
# fmt: on


class InsufficientCreditsError(errors.InsufficientCreditsError, APIStatusError):
    """402: the account has too few credits for this request."""

    @property
    def credits_required(self) -> Optional[float]:
        """The cost of the request, if the server says so."""
        return _details(self).get("credits_required")

    @property
    def credits_remaining(self) -> Optional[float]:
        """The credits that are left, if the server says so."""
        return _details(self).get("credits_remaining")

    @property
    def reset_date(self) -> Optional[str]:
        """When the account gets new credits, as the server writes it."""
        return _details(self).get("reset_date")


class BandAccessDeniedError(PermissionDeniedError):
    """403: the model belongs to a band that the account's tier does not reach."""

    @property
    def band(self) -> Optional[str]:
        """The band of the model."""
        return _details(self).get("band")

    @property
    def required_tier(self) -> Optional[str]:
        """The lowest tier that reaches the band."""
        return _details(self).get("required_tier")

    @property
    def current_tier(self) -> Optional[str]:
        """The tier of the account."""
        return _details(self).get("current_tier")


def _details(error: errors.APIStatusError) -> Mapping[str, Any]:
    return parse_error_body(error.body).details


ERROR_CLASSES = errors.map_classes(ZaguanError, globals())
