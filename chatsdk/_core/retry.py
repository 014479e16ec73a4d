"""What is sent again, and after how long a wait: nothing that the server may have acted on."""

from __future__ import annotations

import copy
import random
import re
import time
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from typing import Any, Mapping, Optional, TypeVar, Union

from urllib3.exceptions import (
    ConnectTimeoutError,
    MaxRetryError,
    ProtocolError,
    ProxyError,
    ReadTimeoutError,
)
from urllib3.util import Retry, Timeout

from ..errors import ConfigurationError
from .call import CallContext
from .connection import current
from .error_body import ErrorBody

P = TypeVar("P", bound="DeadlineRetry")

SAFE_METHODS = frozenset(["GET", "HEAD", "OPTIONS"])
MAX_RETRY_WAIT = 60.0  # seconds; a caller who is told to wait longer decides for himself
BACKOFF_INITIAL = 0.5
BACKOFF_MAX = 8.0
_SECONDS = r"\d{1,15}(\.\d+)?"


def retry_after(headers: Mapping[str, str]) -> Optional[float]:
    """Return the seconds that ``retry-after-ms`` or ``Retry-After`` asks for; None if neither is readable."""
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
    """Return the seconds that the body or the headers of a failure ask to wait, or None."""
    return retry_after(headers) if body.retry_after is None else body.retry_after


class AnotherAttempt(Exception):
    """Leaves the loop of urllib3, which logs a warning with the values of the query at each attempt."""

    def __init__(self, policy: Retry) -> None:
        super().__init__("another attempt")
        self.policy = policy


class DeadlineRetry(Retry):
    """What every retry policy minds in a call of ours: its deadline, long waits, garbage, and the log."""

    call: Optional[CallContext] = None
    wait = 0.0  # seconds before the next attempt

    def new(self, **options: Any) -> DeadlineRetry:
        """Return a copy with other settings; urllib3 asks for one after each attempt."""
        policy: DeadlineRetry = super().new(**options)
        policy.call = self.call
        return policy

    def increment(
        self: P,
        method: Optional[str] = None,
        url: Optional[str] = None,
        response: Any = None,
        error: Optional[Exception] = None,
        _pool: Any = None,
        _stacktrace: Any = None,
    ) -> P:
        """Return the policy for the next attempt.

        Raises MaxRetryError where no attempt or time is left; with a response in hand,
        urllib3 then returns that response.
        """
        if self.call is not None and not self.call.can_repeat and not _is_unsent(error):
            raise error or MaxRetryError(_pool, url or "")
        policy: P = super().increment(method, url, response, error, _pool, _stacktrace)
        asked = None
        if response is not None and self.respect_retry_after_header:
            asked = retry_after(response.headers)
        if not policy.plan_wait(asked):
            raise MaxRetryError(_pool, url or "", error)
        if response is not None:
            response.close()  # urllib3 would read the whole of it, however large, to save the connection
        if self.call is not None:
            self.call.log(type(error).__name__ if response is None else response.status)
        return policy

    def sleep(self, response: Any = None) -> None:
        """Wait before the next attempt, as long as ``increment`` decided."""
        time.sleep(self.wait)
        if self.call is not None:
            self.call.start_attempt()
        if response is None and current.call is not None:
            raise AnotherAttempt(self)

    def plan_wait(self, asked: Optional[float]) -> bool:
        """Wait *asked* seconds before the next attempt, or back off; return whether that is acceptable."""
        self.wait = asked or self.get_backoff_time()
        deadline = None if self.call is None else self.call.deadline
        in_time = deadline is None or time.monotonic() + self.wait < deadline
        return in_time and self.wait <= MAX_RETRY_WAIT


class DefaultRetry(DeadlineRetry):
    """The library's retry policy.

    GET, HEAD and OPTIONS are sent again after connection errors, read errors and 429, 502, 503, 504.
    Any other method only if no connection could be made, after 429, and after 503 with a valid
    ``Retry-After``: after a timeout or a broken connection the server may have acted.
    """

    def after_status(
        self, status: int, headers: Mapping[str, str], body: ErrorBody
    ) -> Optional[DefaultRetry]:
        """Return the policy for another attempt after an answer with a failing *status*; None for none."""
        call = self.call
        forbidden = headers.get("x-should-retry", "").strip().lower() == "false"
        if call is None or not call.can_repeat or not self.total or forbidden or body.is_exhausted:
            return None
        asked = wait_after(headers, body)
        if call.method in SAFE_METHODS:
            again = status in (429, 502, 503, 504)
        else:
            again = status == 429 or (status == 503 and asked is not None)
        policy: DefaultRetry = Retry.increment(self, call.method, call.url)
        return policy if again and policy.plan_wait(asked) else None

    def increment(
        self,
        method: Optional[str] = None,
        url: Optional[str] = None,
        response: Any = None,
        error: Optional[Exception] = None,
        _pool: Any = None,
        _stacktrace: Any = None,
    ) -> DefaultRetry:
        """Return the policy for the next attempt, or raise *error* where it forbids one."""
        safe = (method or "").upper() in SAFE_METHODS
        if error is not None and not _is_retryable(error, safe):
            raise error
        return super().increment(method, url, response, error, _pool, _stacktrace)

    def get_backoff_time(self) -> float:
        """Return the seconds before the next attempt: doubling, with jitter."""
        longest: float = min(BACKOFF_INITIAL * 2 ** (len(self.history) - 1), BACKOFF_MAX)
        return random.uniform(longest / 2, longest)


def bind_to_call(policy: DeadlineRetry, call: CallContext) -> DeadlineRetry:
    """Return *policy* for one call."""
    policy = copy.copy(policy)
    policy.call = call
    return policy


def _is_retryable(error: Exception, safe: bool) -> bool:
    return _is_unsent(error) or (safe and isinstance(error, (ProtocolError, ReadTimeoutError)))


def _is_unsent(error: Optional[Exception]) -> bool:
    """Return whether no connection could be made, so that nothing was sent."""
    if isinstance(error, ProxyError):
        error = error.original_error
    return isinstance(error, ConnectTimeoutError)  # also what urllib3 raises for a refused connection


def retry_policy(max_retries: Union[int, Retry]) -> DeadlineRetry:
    """Return the policy for a number of retries; a user's own Retry keeps its rules.

    The last answer must reach the caller with its body, so nothing is raised on a status.
    """
    if isinstance(max_retries, Retry):
        kind = type(max_retries)
        timely: DeadlineRetry = object.__new__(type(kind.__name__, (DeadlineRetry, kind), {}))
        timely.__dict__.update(max_retries.new(raise_on_status=False).__dict__)
        return timely
    if not isinstance(max_retries, int) or max_retries < 0:
        raise ConfigurationError("max_retries must be a whole number from 0, or a urllib3 Retry")
    # urllib3 would repeat after a status with Retry-After before the body is there, which may forbid it.
    return DefaultRetry(max_retries, raise_on_status=False, respect_retry_after_header=False)


class CallTimeout(Timeout):
    """Connect and read timeouts, and a moment by which all attempts together must be over."""

    def __init__(self, connect: float, read: float, deadline: Optional[float]) -> None:
        super().__init__(connect=connect, read=read)
        self._deadline = deadline

    def clone(self) -> Timeout:
        """Return the timeouts of one attempt; urllib3 asks for them as it begins one."""
        left = None
        if self._deadline is not None:
            left = max(self._deadline - time.monotonic(), 0.001)
        return Timeout(connect=self._connect, read=self._read, total=left)
