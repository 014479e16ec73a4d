"""Retry policy: only requests that are safe to repeat."""

from __future__ import annotations

import random
import re
import time
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from typing import Any, Mapping, Optional, Union

import requests
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError as URLLib3Error,
    MaxRetryError,
    ProtocolError,
    ProxyError,
    ReadTimeoutError,
)
from urllib3.util import Retry

from ..errors import ConfigurationError
from .call import CallContext
from .error_body import ErrorBody
from .redaction import iter_causes

SAFE_METHODS = frozenset(["GET", "HEAD", "OPTIONS"])
MAX_RETRY_WAIT = 60.0  # seconds; a longer wait is left to the caller
BACKOFF_INITIAL = 0.5
BACKOFF_MAX = 8.0
_SECONDS = r"\d{1,15}(\.\d+)?"


def retry_after(headers: Mapping[str, str]) -> Optional[float]:
    """Return the seconds of ``retry-after-ms`` or ``Retry-After``; None if neither is valid."""
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
    """Return the seconds to wait that the body or the headers of a failure name, or None."""
    return retry_after(headers) if body.retry_after is None else body.retry_after


class DefaultRetry(Retry):
    """The library's retry policy.

    GET, HEAD and OPTIONS are sent again after connection errors, read errors and 429, 502, 503, 504.
    Any other method only if no connection could be made, after 429, and after 503 with a valid
    ``Retry-After``: after a timeout or a broken connection the server may have acted.
    """

    def increment(
        self,
        method: Optional[str] = None,
        url: Optional[str] = None,
        response: Any = None,
        error: Optional[Exception] = None,
        _pool: Any = None,
        _stacktrace: Any = None,
    ) -> DefaultRetry:
        """Return the policy for the next attempt; raises *error* if there must be none."""
        is_read_error = method in SAFE_METHODS and isinstance(error, (ProtocolError, ReadTimeoutError))
        if error is not None and not is_read_error and not _is_unsent(error):
            raise error
        return super().increment(method, url, response, error, _pool, _stacktrace)

    def get_backoff_time(self) -> float:
        """Return the seconds before the next attempt: doubling, with jitter."""
        longest: float = min(BACKOFF_INITIAL * 2 ** (len(self.history) - 1), BACKOFF_MAX)
        return random.uniform(longest / 2, longest)


def retry_policy(max_retries: Union[int, Retry]) -> Retry:
    """Return the policy for a number of retries, or the user's own."""
    if isinstance(max_retries, Retry):
        return max_retries
    if not isinstance(max_retries, int) or max_retries < 0:
        raise ConfigurationError("max_retries must be a whole number from 0, or a urllib3 Retry")
    return DefaultRetry(max_retries)


class Attempts:
    """The attempts of one call under a retry policy; without a policy there is one."""

    def __init__(self, call: CallContext, policy: Optional[Retry]) -> None:
        self._call = call
        self.policy = policy

    def after_error(self, error: BaseException) -> bool:
        """Wait for another attempt after *error*; return False if there must be none."""
        for cause in iter_causes(error):
            if isinstance(cause, URLLib3Error) and not isinstance(cause, MaxRetryError):
                may_repeat = self._call.can_repeat or _is_unsent(cause)
                return may_repeat and self._wait(None, error=cause)
        return False

    def after_status(self, response: requests.Response, body: ErrorBody) -> bool:
        """Wait for another attempt after a failing status; return False if there must be none."""
        method, status, headers = self._call.method, response.status_code, response.headers
        asked = wait_after(headers, body)
        if self.policy is None or not self._call.can_repeat:
            return False
        if not isinstance(self.policy, DefaultRetry):
            again = self.policy.is_retry(method, status, bool(headers.get("Retry-After")))
            asked = asked if self.policy.respect_retry_after_header else None
            return again and self._wait(asked, response=response.raw)
        if body.is_exhausted or headers.get("x-should-retry", "").strip().lower() == "false":
            return False
        if method in SAFE_METHODS:
            again = status in (429, 502, 503, 504)
        else:
            again = status == 429 or (status == 503 and asked is not None)
        return again and self._wait(asked)

    def _wait(self, asked: Optional[float], **reason: Any) -> bool:
        """Wait *asked* seconds, or back off, unless the policy, the deadline or the length forbids it."""
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


def _is_unsent(error: BaseException) -> bool:
    """Return whether no connection could be made, so that nothing was sent."""
    if isinstance(error, ProxyError):
        error = error.original_error
    return isinstance(error, ConnectTimeoutError)  # also what urllib3 raises for a refused connection
