"""Retry policy: only requests that are safe to repeat."""

from __future__ import annotations

import random
import re
import time
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from typing import Any, Mapping, Optional, Union

import requests
from urllib3.exceptions import ConnectTimeoutError, HTTPError as URLLib3Error, MaxRetryError
from urllib3.util import Retry

from ..errors import ConfigurationError
from .call import CallContext
from .causes import iter_causes
from .error_body import ErrorBody

SAFE_METHODS = frozenset(["GET", "HEAD", "OPTIONS"])
MAX_RETRY_WAIT = 60.0  # seconds; a request that asks for a longer wait fails at once
BACKOFF_INITIAL = 0.5  # seconds
BACKOFF_MAX = 8.0
_SECONDS = r"\d{1,15}(\.\d+)?"


def retry_after(headers: Mapping[str, str]) -> Optional[float]:
    """Return the seconds in ``retry-after-ms`` or ``Retry-After``; None if neither is valid."""
    for name, per_second in (("retry-after-ms", 1000), ("Retry-After", 1)):
        value = (headers.get(name) or "").strip()
        if re.fullmatch(_SECONDS, value, re.ASCII):
            return float(value) / per_second
    try:
        moment = parsedate_to_datetime(value)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=timezone.utc)
        return max(0.0, (moment - datetime.now(timezone.utc)).total_seconds())
    except (TypeError, ValueError, IndexError, OverflowError):
        return None


def wait_after(headers: Mapping[str, str], body: ErrorBody) -> Optional[float]:
    """Return the seconds to wait from the body or the headers of a failure, or None."""
    return retry_after(headers) if body.retry_after is None else body.retry_after


class DefaultRetry(Retry):
    """The library's retry policy.

    GET, HEAD and OPTIONS are sent again after connection errors, read errors and 429, 502, 503, 504.
    Any other method only if no connection could be made, after 429, and after 503 with a valid
    ``Retry-After``: after a timeout or a broken connection the server may have acted.
    """

    def is_retry(self, method: str, status_code: int, has_retry_after: bool = False) -> bool:
        """Return whether a request is sent again after this status."""
        if method in SAFE_METHODS:
            return status_code in (429, 502, 503, 504)
        return status_code == 429 or (status_code == 503 and has_retry_after)

    def get_backoff_time(self) -> float:
        """Return the seconds before the next attempt: doubling, with jitter."""
        longest: float = min(BACKOFF_INITIAL * 2 ** (len(self.history) - 1), BACKOFF_MAX)
        return random.uniform(longest / 2, longest)


def retry_policy(max_retries: Union[int, Retry]) -> Retry:
    """Return the policy for a number of retries, or the user's own."""
    if isinstance(max_retries, Retry):
        return max_retries
    if not isinstance(max_retries, int) or max_retries < 0:
        raise ConfigurationError("max_retries must be 0, a positive integer or a urllib3 Retry")
    # "other" are the errors that are neither connection nor read errors.
    return DefaultRetry(max_retries, allowed_methods=SAFE_METHODS, other=0)


class Attempts:
    """The attempts of one call under a retry policy; without a policy there is only one attempt."""

    def __init__(self, call: CallContext, policy: Optional[Retry]) -> None:
        self._call = call
        self.policy = policy

    def after_error(self, error: BaseException) -> bool:
        """Wait for another attempt after *error*; return False if there must be none."""
        causes = [cause for cause in iter_causes(error) if isinstance(cause, URLLib3Error)]
        causes = [cause for cause in causes if not isinstance(cause, MaxRetryError)]
        # urllib3 raises a ConnectTimeoutError for a refused connection too.
        is_unsent = any(isinstance(cause, ConnectTimeoutError) for cause in causes)
        may_repeat = self._call.can_repeat or is_unsent
        return bool(causes) and may_repeat and self._wait(None, error=causes[0])

    def after_status(self, response: requests.Response, body: ErrorBody) -> bool:
        """Wait for another attempt after a failing status; return False if there must be none."""
        policy, asked = self.policy, wait_after(response.headers, body)
        if policy is None or not self._call.can_repeat:
            return False
        forbidden = response.headers.get("x-should-retry", "").strip().lower() == "false"
        if isinstance(policy, DefaultRetry) and (forbidden or body.is_exhausted):
            return False
        if not policy.respect_retry_after_header:
            asked = None
        again = policy.is_retry(self._call.method, response.status_code, asked is not None)
        return again and self._wait(asked, response=response.raw)

    def _wait(self, asked: Optional[float], **reason: Any) -> bool:
        """Wait *asked* seconds, or back off; return False if policy, deadline or MAX_RETRY_WAIT forbid it."""
        if self.policy is None:
            return False
        try:
            self.policy = self.policy.increment(self._call.method, self._call.url, **reason)
        except URLLib3Error:
            return False
        wait = asked or self.policy.get_backoff_time()
        deadline = self._call.deadline
        if wait > MAX_RETRY_WAIT or (deadline is not None and time.monotonic() + wait >= deadline):
            return False
        time.sleep(wait)
        self._call.start_attempt()
        return True
