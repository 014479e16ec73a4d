"""ArgusLM: one benchmark run that is waited for."""

from __future__ import annotations

import threading
import time
from typing import Any, Callable, Dict, Iterator, List, Type, TypeVar

from .. import errors
from .._core.options import is_valid_timeout
from .._core.request import Request
from .errors import InvalidRequestError
from .models import BenchmarkDetail, BenchmarkResult, BenchmarkResults

E = TypeVar("E", bound=errors.APIError)

LONGEST_RUN = 3600.0  # seconds; a run that died with its server is "running" for ever
_UNFINISHED = ("pending", "running")
_REMEMBERED = 1000  # runs


class BenchmarkPoller:
    """One benchmark run on the server, which is asked until a deadline.

    Args:
        run_id: the id of the run.
        request: makes a GET request of what follows the path of the run, and of the seconds for it.
        seconds: from now on to the end of the run.
    """

    def __init__(self, run_id: str, request: Callable[[str, float], Request], seconds: float) -> None:
        self._id = run_id
        self._request = request
        self._seconds = seconds
        self._end = time.monotonic() + seconds

    def detail(self) -> BenchmarkDetail:
        """Return how it is now."""
        return self._request("", self.remaining()).model(BenchmarkDetail)

    def results(self) -> List[BenchmarkResult]:
        """Return its results."""
        return self._request("/results", self.remaining()).model(BenchmarkResults).results

    def details(self, interval: float) -> Iterator[BenchmarkDetail]:
        """Yield how it is, again and again after *interval* seconds; the last time, how it ended."""
        while True:
            detail = self.detail()
            yield detail
            if is_over(detail):
                return
            time.sleep(min(interval, self.remaining()))

    def stream_request(self) -> Request:
        """Return the request for its events."""
        return self._request("/stream", self.remaining())

    def remaining(self) -> float:
        """Return the seconds that are left; APITimeoutError where there are none."""
        left = self._end - time.monotonic()
        if left <= 0:
            text = f"benchmark {self._id} did not end within {self._seconds:g} seconds"
            raise self.error(errors.APITimeoutError, text)
        return left

    def failed(self, kind: Type[E], detail: BenchmarkDetail, **details: Any) -> E:
        """Return the error for a run that ended as *detail* says."""
        return self.error(kind, f"benchmark {self._id} {detail.status}", **details)

    def error(self, kind: Type[E], message: str, **details: Any) -> E:
        """Return an error of the service about this run."""
        return self._request("", self._seconds).error(kind, message, **details)

    def decode_error(self, message: bytes) -> Any:
        """Return what the server sent, without the key."""
        return self._request("", self._seconds).decode_error(message)


def checked_wait(seconds: float, name: str) -> float:
    """Return *seconds* where that is a time to wait, or raise InvalidRequestError."""
    if not is_valid_timeout(seconds):
        raise InvalidRequestError(f"{name} must be a finite number of seconds above 0")
    return float(seconds)


def is_over(detail: BenchmarkDetail) -> bool:
    """Return whether a run has ended; newer servers may know further ends."""
    if detail.status in ("completed", "failed"):
        return True
    return detail.completed_at is not None and detail.status not in _UNFINISHED


class ExpectedCalls:
    """How many calls each of the last runs makes that were started here: no endpoint tells it."""

    def __init__(self) -> None:
        self._totals: Dict[str, int] = {}
        self._lock = threading.Lock()

    def __reduce__(self) -> Any:
        return ExpectedCalls, ()

    def remember(self, run_id: str, total: int) -> None:
        """Keep the number for a run that has been started."""
        with self._lock:
            self._totals[_key(run_id)] = total
            if len(self._totals) > _REMEMBERED:
                del self._totals[next(iter(self._totals))]

    def get(self, run_id: str) -> int:
        """Return the number, 0 where it is not known."""
        return self._totals.get(_key(run_id), 0)


def _key(run_id: str) -> str:
    return str(run_id).replace("-", "").lower()  # the server takes ids in these forms too
