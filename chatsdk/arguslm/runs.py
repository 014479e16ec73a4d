"""ArgusLM: one benchmark run, polled until it ends."""

from __future__ import annotations

import time
from typing import Any, Callable, Iterator, Type, TypeVar

from .. import errors
from .._core.options import is_valid_timeout
from .._core.request import Request
from .errors import InvalidRequestError
from .models import BenchmarkDetail

E = TypeVar("E", bound=errors.APIError)

DEFAULT_TIMEOUT = 3600.0  # seconds; a run whose server died stays "running" for ever


class BenchmarkPoller:
    """Polls one benchmark run until a deadline.

    Args:
        run_id: the id of the run.
        request: makes a GET request from what follows the path of the run and the seconds that it may take.
        seconds: from now to the deadline.
    """

    def __init__(self, run_id: str, request: Callable[[str, float], Request], seconds: float) -> None:
        self._id = run_id
        self._request = request
        self._seconds = seconds
        self._deadline = time.monotonic() + seconds
        self.unsent = request("", seconds)  # only makes the errors about this run

    def request(self, suffix: str = "") -> Request:
        """Return a request below the path of the run, limited to the remaining time."""
        return self._request(suffix, self.remaining())

    def get(self) -> BenchmarkDetail:
        """Return the run as it is now."""
        return self.request().model(BenchmarkDetail)

    def poll(self, interval: float) -> Iterator[BenchmarkDetail]:
        """Yield the run every *interval* seconds; the last time after its end."""
        while True:
            detail = self.get()
            yield detail
            if is_over(detail):
                return
            time.sleep(min(interval, self.remaining()))

    def remaining(self) -> float:
        """Return the seconds to the deadline; raises APITimeoutError after it."""
        remaining = self._deadline - time.monotonic()
        if remaining <= 0:
            text = f"benchmark {self._id} did not end within {self._seconds:g} seconds"
            raise self.unsent.error(errors.APITimeoutError, text)
        return remaining

    def failed(self, kind: Type[E], detail: BenchmarkDetail, **details: Any) -> E:
        """Return the error for a run that ended without success."""
        return self.unsent.error(kind, f"benchmark {self._id} {detail.status}", **details)


def check_seconds(seconds: float, name: str) -> float:
    """Return *seconds*; raises InvalidRequestError if it is not a valid timeout."""
    if not is_valid_timeout(seconds):
        raise InvalidRequestError(f"{name} must be a finite number of seconds above 0")
    return float(seconds)


def is_over(detail: BenchmarkDetail) -> bool:
    """Return whether a run has ended; newer servers may have further final statuses."""
    return detail.status in ("completed", "failed") or detail.completed_at is not None
