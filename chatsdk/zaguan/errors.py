"""The errors of Zaguan CoreX beside the common ones."""

from __future__ import annotations

from typing import Any, Mapping, Optional

from .. import errors
from .._core.failures import read_failure


class ZaguanError(errors.ChatSDKError):
    """Base of everything that ``client.zaguan`` raises."""


class InsufficientCreditsError(ZaguanError, errors.InsufficientCreditsError):
    """402: the account has not enough credits for this request."""

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


class BandAccessDeniedError(ZaguanError, errors.PermissionDeniedError):
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


class RateLimitError(ZaguanError, errors.RateLimitError):
    """429: too many requests; wait ``retry_after`` seconds, where the server tells how long."""


def _details(error: errors.APIStatusError) -> Mapping[str, Any]:
    """Return what the server says beside its message, in ``error`` or in ``error.details``."""
    return read_failure(error.body).details
