"""The errors of Infinity Assistant beside the common ones."""

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


@errors.combination
class InfinityAssistantRateLimitError(errors.RateLimitError, InfinityAssistantError):
    """429: the daily quota is used up; the server says in ``reset_at`` when, and sends no ``Retry-After``."""

    @property
    def reset_at(self) -> Union[datetime, str, None]:
        """When the quota begins anew; what cannot be read as a date-time as the server wrote it, or None."""
        quota = self.body.get("rateLimit") if isinstance(self.body, dict) else None
        told = quota.get("reset_at") if isinstance(quota, dict) else None
        found: Union[datetime, str, None] = parse_datetime(told) if isinstance(told, str) else None
        return found


@errors.combination
class InfinityAssistantTimeoutError(errors.APITimeoutError, InfinityAssistantError):
    """The server did not answer in time; ``code`` is ``"TIMEOUT"``."""

    code = "TIMEOUT"


@errors.combination
class InfinityAssistantNetworkError(errors.APIConnectionError, InfinityAssistantError):
    """The server could not be reached, or the connection broke; ``code`` is ``"NETWORK_ERROR"``."""

    code = "NETWORK_ERROR"
