"""When the next call of a batch may be sent: limits of the user, and those that a server shows by 429."""

from __future__ import annotations

import math
from typing import NamedTuple, Optional

MAX_REFUSALS = 8  # in a row, with no success between them

_FIRST_PAUSE, _LAST_PAUSE = 0.25, 30.0  # seconds; doubled from refusal to refusal
_LONG_PAUSE = 1.5
_BACK_OFF = 0.95  # of the rate that the server accepted
_MAX_CUT = 0.7  # of the rate before, unless the limit is by the minute
_FIRST_RECOVERY, _RECOVERY = 1.0, 25.0  # seconds
_RECOVERY_CALLS = 100  # or the time of so many calls, if that is longer
_BURST_SECONDS = 0.05


class SentCall(NamedTuple):
    """When a call was sent, and how many were sent before it."""

    time: float
    number: int


class Pacer:
    """The pace of all workers of a batch. Times are those of ``time.monotonic()``.

    There is no limit until the server refuses a call. The rate is then set to a little less than the server
    accepted, and grows with the cube of the time: slowly at first, fast if the limit is gone.
    """

    def __init__(
        self,
        now: float,
        requests_per_minute: Optional[float] = None,
        tokens_per_minute: Optional[float] = None,
    ) -> None:
        self.refusals = 0  # in a row
        self._min_interval = 60 / requests_per_minute if requests_per_minute else 0.0
        self._seconds_per_token = 60 / tokens_per_minute if tokens_per_minute else 0.0
        self._next = now
        self._sent = 0
        self._rate = 0.0  # calls a second when they go on after a refusal; 0 before the first one
        self._recovery = 0.0  # seconds until that rate is doubled
        self._resumed = now
        self._first_number = 0  # of the calls that were sent after the last refusal
        self._accepted = 0  # of these calls

    def delay(self, now: float) -> float:
        """Return the seconds until the next call may be sent."""
        return max(0.0, self._next - now)

    def sent(self, now: float) -> SentCall:
        """Record that a call is sent."""
        interval = max(self._min_interval, 1 / self._rate_at(now))
        # A call that is late lets the next ones catch up, by a little.
        self._next = max(self._next, now - _BURST_SECONDS) + interval
        call = SentCall(now, self._sent)
        self._sent += 1
        return call

    def accepted(self, call: SentCall, tokens: int = 0) -> None:
        """Record that the server accepted a call, and how many tokens it used."""
        self.refusals = 0
        if call.number >= self._first_number:
            self._accepted += 1
        self._next += tokens * self._seconds_per_token

    def refused(self, now: float, call: SentCall, retry_after: float) -> None:
        """Record that the server refused a call; *retry_after* is 0 if it does not say how long to wait."""
        if call.number < self._first_number:  # sent before the last refusal was known
            self.pause(now, retry_after)
            return
        self.refusals += 1
        pause = retry_after
        if not retry_after or self.refusals > 1:  # the time that the server names can be too short
            pause = max(pause, min(_FIRST_PAUSE * 2 ** (self.refusals - 1), _LAST_PAUSE))
        if self._accepted:
            self._reduce_rate(call, pause)
        self.pause(now, pause)
        self._resumed = now + pause
        self._first_number = self._sent
        self._accepted = 0

    def pause(self, now: float, seconds: float) -> None:
        """Let no call be sent for so many seconds."""
        self._next = max(self._next, now + seconds)

    def _rate_at(self, now: float) -> float:
        if not self._rate:
            return math.inf
        return self._rate * (1 + (max(now - self._resumed, 0.0) / self._recovery) ** 3)

    def _reduce_rate(self, call: SentCall, pause: float) -> None:
        accepted = max(call.number - self._first_number, self._accepted)
        seconds = max(call.time - self._resumed, 1.0)
        if pause > _LONG_PAUSE:  # a limit by the minute: it accepts no more calls until its end
            rate = accepted / (seconds + pause)
        else:
            rate = max(accepted / seconds, _MAX_CUT * self._rate)
        rate = _BACK_OFF * min(rate, self._rate_at(call.time))
        # One refusal may be by chance; a second one shows that there is a limit.
        self._recovery = max(_RECOVERY, _RECOVERY_CALLS / rate) if self._rate else _FIRST_RECOVERY
        self._rate = rate
