"""The errors of Infinity Assistant: a subclass of each common error."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Optional, Union

from .. import errors
from .._core.dates import parse_datetime

if TYPE_CHECKING:
    import requests


class InfinityAssistantError(errors.ChatSDKError):
    """Base of all errors that ``client.infinity`` raises."""

    code: Optional[str] = None
    response: Optional[requests.Response] = None


# map_classes() gives each class the docstring of its common class.
# fmt: off
class ConfigurationError(errors.ConfigurationError, InfinityAssistantError): ...
class InvalidRequestError(errors.InvalidRequestError, InfinityAssistantError): ...
class APIError(errors.APIError, InfinityAssistantError): ...
class APIStatusError(errors.APIStatusError, APIError): ...
class BadRequestError(errors.BadRequestError, APIStatusError): ...
class AuthenticationError(errors.AuthenticationError, APIStatusError): ...
class InsufficientCreditsError(errors.InsufficientCreditsError, APIStatusError): ...
class PermissionDeniedError(errors.PermissionDeniedError, APIStatusError): ...
class NotFoundError(errors.NotFoundError, APIStatusError): ...
class ConflictError(errors.ConflictError, APIStatusError): ...
class UnprocessableEntityError(errors.UnprocessableEntityError, APIStatusError): ...
class InternalServerError(errors.InternalServerError, APIStatusError): ...
class APIConnectionError(errors.APIConnectionError, APIError): ...
class APIResponseError(errors.APIResponseError, APIError): ...
class StreamError(errors.StreamError, APIError): ...
class StreamInterruptedError(errors.StreamInterruptedError, StreamError): ...
# fmt: on


class RateLimitError(errors.RateLimitError, APIStatusError):
    """429: the daily quota is used up until ``reset_at``; ``retry_after`` holds the seconds to wait."""

    @property
    def reset_at(self) -> Union[datetime, str, None]:
        """When the quota is renewed; a string if the server's value is not a valid date-time."""
        quota = self.body.get("rateLimit") if isinstance(self.body, dict) else None
        value = quota.get("reset_at") if isinstance(quota, dict) else None
        return parse_datetime(value) if isinstance(value, str) else None


class InfinityAssistantNetworkError(APIConnectionError):
    """The server could not be reached, or the connection broke; ``code`` is ``"NETWORK_ERROR"``."""

    code = "NETWORK_ERROR"


class APITimeoutError(errors.APITimeoutError, APIConnectionError):
    """The server did not answer in time; ``code`` is ``"TIMEOUT"``."""

    code = "TIMEOUT"


InfinityAssistantRateLimitError = RateLimitError
InfinityAssistantTimeoutError = APITimeoutError

ERROR_CLASSES = {
    **errors.map_classes(InfinityAssistantError, globals()),
    errors.APIConnectionError: InfinityAssistantNetworkError,  # not a base of the timeout error
}
