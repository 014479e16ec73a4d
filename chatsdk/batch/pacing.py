"""When the next call of a batch may be sent: limits of the user, and those that a server shows by its 429."""

from __future__ import annotations

from collections import deque
from typing import Deque, NamedTuple, Optional, Tuple

MAX_PAUSES = 8  # in a row without a success between them

_RAMP_SECONDS = 0.5
_FIRST_PAUSE, _LAST_PAUSE = 0.25, 30.0
_SHORT_PAUSE = 1.5
_BELOW_LIMIT = 0.95
_FEW_CALLS = 20
_FAST_RECOVERY, _RECOVERY = 1.0, 25.0  # seconds until the rate is doubled
_RECOVERY_CALLS = 100  # or so many calls, if the rate is low
_CATCH_UP = 0.05  # seconds by which a late call may shorten the wait of the next ones


class SentCall(NamedTuple):
    """When a call was sent, after how many others, and how many of them in the second before it."""

    time: float
    number: int
    recent: int


class Pacer:
    """The one clock of all workers of a batch; *now* is the time of ``time.monotonic()``.

    After a refusal the rate falls to a little below what the server took, then grows with the cube of the
    time: slowly near the limit, quickly if the limit is gone.
    """

    def __init__(
        self,
        now: float,
        max_workers: int,
        requests_per_minute: Optional[float] = None,
        tokens_per_minute: Optional[float] = None,
    ) -> None:
        self.pauses = 0  # in a row
        self._max_workers = max_workers
        self._interval = 60 / requests_per_minute if requests_per_minute else 0.0
        self._per_token = 60 / tokens_per_minute if tokens_per_minute else 0.0
        self._start = self._next = now
        self._sent: Deque[float] = deque()  # in the last second
        self._number = 0
        self._cuts = 0
        self._rate = self._recovery = 0.0  # calls in a second after the last cut, seconds until it is doubled
        self._cut = SentCall(now, 0, 0)  # what was sent up to the last cut
        self._resumed = now
        self._round: Optional[Tuple[float, int]] = None
        self._has_success = False  # since the last cut

    def delay(self, now: float, in_flight: int) -> Optional[float]:
        """Return the seconds until the next call may be sent; None if a worker must be free first."""
        if in_flight >= self._max_workers:
            return None
        # Not all at once: the first answers tell whether there is a limit.
        ramp = self._start + _RAMP_SECONDS * in_flight / self._max_workers
        return max(0.0, self._next - now, ramp - now)

    def sent(self, now: float, tokens: float = 0.0) -> SentCall:
        """Note that a call is sent now, which will take about so many tokens."""
        interval = max(self._interval, 1 / self._rate_at(now) if self._cuts else 0.0)
        self._next = max(self._next, now - _CATCH_UP) + interval + tokens * self._per_token
        while self._sent and self._sent[0] <= now - 1:
            self._sent.popleft()
        call = SentCall(now, self._number, len(self._sent))
        self._sent.append(now)
        self._number += 1
        return call

    def accepted(self, call: SentCall, tokens: float = 0.0) -> None:
        """Note that the server took a call, and how many tokens it took beyond what was expected."""
        self.pauses = 0
        self._has_success = self._has_success or call.number >= self._cut.number
        self._next += tokens * self._per_token

    def refused(self, now: float, call: SentCall, retry_after: float) -> None:
        """Note that the server refused a call; *retry_after* is 0 if it does not say how long to wait."""
        if call.number < self._cut.number:  # sent before the limit was known
            self.pause(now, retry_after)
            return
        if self._has_success:
            self._reduce_rate(now, call)
        self.pauses += 1
        wait = retry_after
        if not retry_after or self.pauses > 1:  # what the server asked for was not enough
            wait = max(wait, min(_FIRST_PAUSE * 2 ** (self.pauses - 1), _LAST_PAUSE))
        self.pause(now, wait)
        # A server that counts by the minute asks for long pauses: its limit shows in two rounds together.
        self._round = (self._resumed, self._cut.number) if wait > _SHORT_PAUSE else None
        self._resumed = now + wait
        self._cut = SentCall(now, self._number, 0)
        self._sent.clear()
        self._has_success = False

    def pause(self, now: float, seconds: float) -> None:
        """Send nothing for so long."""
        self._next = max(self._next, now + seconds)

    def _rate_at(self, now: float) -> float:
        return self._rate * (1 + (max(now - self._resumed, 0.0) / self._recovery) ** 3)

    def _reduce_rate(self, now: float, call: SentCall) -> None:
        rate = max(call.recent, 1) / 1.0
        if self._cuts:
            rate = min(self._rate_at(call.time), rate / min(max(call.time - self._resumed, 0.01), 1.0))
            if self._round is not None:
                start, number = self._round
                rate = min(rate, (call.number - number) / (call.time - start))
        self._cuts += 1
        self._rate = _BELOW_LIMIT * rate
        # Of a refusal after few calls nobody knows whether it was a limit by the second.
        certain = self._cuts > 1 or call.recent >= _FEW_CALLS
        self._recovery = max(
            max(_RECOVERY, _RECOVERY_CALLS / self._rate) if certain else _FAST_RECOVERY,
            5 * (now - call.time),
        )
