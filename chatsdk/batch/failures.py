"""What a failed call means: whether it may be sent again, and whether the server may have acted."""

from __future__ import annotations

from typing import Optional

from .._core.error_body import parse_error_body
from ..errors import APIConnectionError, APIError, APIResponseError, APIStatusError, StreamInterruptedError

_MAX_WAIT = 600.0  # seconds; a batch does not wait for the quota of the next day


def wait_before_retry(error: Exception) -> Optional[float]:
    """Return how long to wait before a call is sent again, 0 for a usual time; None if it must not be sent.

    Only what the server refused or never saw is sent again: 429 unless a quota is used up, 503 that names the
    time to wait, and connections that could not be made.
    """
    if isinstance(error, APIConnectionError):
        return 0.0 if error.unsent else None
    if not isinstance(error, APIStatusError) or error.status_code not in (429, 503):
        return None
    if error.status_code == 503 and error.retry_after is None:
        return None
    wait = error.retry_after or 0.0
    return None if wait > _MAX_WAIT or parse_error_body(error.body).is_exhausted else wait


def may_have_acted(error: Exception) -> bool:
    """Return whether the server may have done what was asked although the call failed."""
    if not isinstance(error, APIError) or error.method in ("GET", "HEAD", "OPTIONS"):
        return False
    if isinstance(error, APIConnectionError):
        return not error.unsent
    return isinstance(error, (APIResponseError, StreamInterruptedError))
