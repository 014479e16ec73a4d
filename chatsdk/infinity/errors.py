"""The errors of Infinity Assistant: a class of its own for each of the common ones."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Optional, Union

from .. import errors
from .._core.dates import parse_datetime

if TYPE_CHECKING:
    import requests


class InfinityAssistantError(errors.ChatSDKError):
    """Base of everything that ``client.infinity`` raises; all have ``code`` and ``response``, maybe None."""

    code: Optional[str] = None
    response: Optional[requests.Response] = None


class ConfigurationError(InfinityAssistantError, errors.ConfigurationError):
    """There is no usable address, key or option."""


class InvalidRequestError(InfinityAssistantError, errors.InvalidRequestError):
    """The request was refused before it was sent."""


class APIError(InfinityAssistantError, errors.APIError):
    """A call failed."""


class APIStatusError(APIError, errors.APIStatusError):
    """The server answered with a status other than 2xx."""


class BadRequestError(APIStatusError, errors.BadRequestError):
    """400: the request is wrong."""


class AuthenticationError(APIStatusError, errors.AuthenticationError):
    """401: no API key, or a wrong one."""


class InsufficientCreditsError(APIStatusError, errors.InsufficientCreditsError):
    """402: the account has too few credits."""


class PermissionDeniedError(APIStatusError, errors.PermissionDeniedError):
    """403: the API key does not allow this."""


class NotFoundError(APIStatusError, errors.NotFoundError):
    """404: the resource or the endpoint does not exist."""


class ConflictError(APIStatusError, errors.ConflictError):
    """409: the request conflicts with the current state."""


class UnprocessableEntityError(APIStatusError, errors.UnprocessableEntityError):
    """422: a field is missing or invalid."""


class RateLimitError(APIStatusError, errors.RateLimitError):
    """429: the daily quota is used up; ``reset_at`` tells until when, ``retry_after`` for how long."""

    @property
    def reset_at(self) -> Union[datetime, str, None]:
        """When the quota begins anew; what cannot be read as a date-time as the server wrote it, or None."""
        quota = self.body.get("rateLimit") if isinstance(self.body, dict) else None
        told = quota.get("reset_at") if isinstance(quota, dict) else None
        found: Union[datetime, str, None] = parse_datetime(told) if isinstance(told, str) else None
        return found


class InternalServerError(APIStatusError, errors.InternalServerError):
    """5xx: the server failed."""


class APIConnectionError(APIError, errors.APIConnectionError):
    """The server could not be reached, or the connection broke."""


class InfinityAssistantNetworkError(APIConnectionError):
    """The server could not be reached, or the connection broke; ``code`` is ``"NETWORK_ERROR"``."""

    code = "NETWORK_ERROR"


class APITimeoutError(APIConnectionError, errors.APITimeoutError):
    """The server did not answer in time; ``code`` is ``"TIMEOUT"``."""

    code = "TIMEOUT"


class APIResponseError(APIError, errors.APIResponseError):
    """A successful response that cannot be read."""


class StreamError(APIError, errors.StreamError):
    """An event of a stream is an error, or cannot be read."""


class StreamInterruptedError(StreamError, errors.StreamInterruptedError):
    """A stream ended before it was complete."""


InfinityAssistantRateLimitError = RateLimitError
InfinityAssistantTimeoutError = APITimeoutError

OWN_CLASSES = {
    **errors.own_classes(InfinityAssistantError, globals()),
    errors.APIConnectionError: InfinityAssistantNetworkError,  # which catches no timeouts, as ever
}
