"""ArgusLM: the events of a benchmark run, polled or live over a WebSocket."""

from __future__ import annotations

import time
from typing import Any, Callable, Dict, Generator, Iterator, List, Optional, Sequence, Tuple

from .. import errors
from .._core import json_codec
from .._core.error_body import parse_error_body
from .._core.model import int_or_zero
from .._core.request import Request
from .._core.websocket import WebSocket, WebSocketError, open_websocket
from .models import BenchmarkDetail, BenchmarkEvent, BenchmarkResult, BenchmarkResults, LiveResult

Message = Dict[str, Any]

POLL_SECONDS = 1.0
RECV_TIMEOUT = 2.0  # seconds; on Windows Ctrl-C is only seen between two waits
STATUS_CHECK_INTERVAL = 10.0  # seconds without an event


class BenchmarkPoller:
    """Polls one benchmark run until a deadline.

    Args:
        request: returns a GET request for a suffix of the run's path and the seconds that it may take.
        seconds: the time from now to the deadline.
    """

    def __init__(self, run_id: str, request: Callable[[str, float], Request], seconds: float) -> None:
        self.id = run_id
        self._request = request
        self._seconds = seconds
        self._deadline = time.monotonic() + seconds
        self.unsent = request("", seconds)  # never sent: it creates the errors of this run

    def request(self, suffix: str = "") -> Request:
        """Return a request below the path of the run, limited to the remaining time."""
        return self._request(suffix, self.remaining())

    def get(self) -> BenchmarkDetail:
        """Return the run as it is now."""
        return self.request().model(BenchmarkDetail)

    def poll(self, interval: float) -> Iterator[BenchmarkDetail]:
        """Yield the run every *interval* seconds, for the last time after its end."""
        while True:
            detail = self.get()
            yield detail
            if _is_over(detail):
                return
            time.sleep(min(interval, self.remaining()))

    def remaining(self) -> float:
        """Return the seconds to the deadline; raises APITimeoutError after it."""
        remaining = self._deadline - time.monotonic()
        if remaining <= 0:
            text = f"benchmark {self.id} did not end within {self._seconds:g} seconds"
            raise self.unsent.error(errors.APITimeoutError, text)
        return remaining


class BenchmarkProgress:
    """Tracks which results of a benchmark were already yielded; *total* is 0 if unknown."""

    def __init__(self, total: int) -> None:
        self.completed = 0
        self.total = total
        self._started = False
        self._announced: Optional[str] = None  # the model of a progress whose result is still to come
        self._seen_results: List[Tuple[Any, ...]] = []

    @property
    def has_all_results(self) -> bool:
        """Whether all results were yielded, if their number is known."""
        return 0 < self.total <= len(self._seen_results)

    def start(self) -> Iterator[BenchmarkEvent]:
        """Yield the first event, unless an event was yielded before."""
        if not self._started:
            yield self.event({"type": "progress", "status": "running"})

    def event(self, message: Message) -> BenchmarkEvent:
        """Return the event in a message, with the counts that the message leaves out."""
        event = BenchmarkEvent.from_dict(message)
        if event.type == "progress":
            self.completed = int_or_zero(event.completed) or self.completed
            self.total = int_or_zero(event.total) or self.total
            self._announced = event.current_model
        elif event.type == "result" and isinstance(event.data, LiveResult):
            data = event.data
            self._seen_results.append((data.model_id, data.ttft_ms, data.tps, data.error))
            self.completed = max(self.completed, len(self._seen_results))
            self._announced = None
        event.completed, event.total = self.completed, self.total
        self._started = True
        return event

    def remaining_events(self, results: Sequence[BenchmarkResult]) -> Iterator[BenchmarkEvent]:
        """Yield the events of the *results* of a run that were not yielded yet."""
        yield from self.start()
        self.total = max(self.total, len(results))
        missing = self._missing(results)
        if self._announced is not None:
            missing.sort(key=lambda result: result.model_name != self._announced)
        for result in missing:
            if self._announced is None and self.completed < self.total:
                progress = {"completed": self.completed + 1, "current_model": result.model_name}
                yield self.event({"type": "progress", **progress})
            data = LiveResult(
                result.model_id, result.model_name, result.ttft_ms, result.tps_excluding_ttft, result.error
            )
            yield self.event({"type": "result", "data": data})

    def _missing(self, results: Sequence[BenchmarkResult]) -> List[BenchmarkResult]:
        seen = list(self._seen_results)
        if len(seen) >= len(results):  # also if the server stored other numbers
            return []
        missing = []
        for result in results:
            key = (result.model_id, result.ttft_ms, result.tps_excluding_ttft, result.error)
            if key in seen:
                seen.remove(key)  # a model that fails immediately has several equal results
            else:
                missing.append(result)
        return missing


def iter_events(run: BenchmarkPoller, total: int) -> Generator[BenchmarkEvent, None, None]:
    """Yield the events of a run until its end; *total* is its number of calls, 0 if unknown."""
    progress = BenchmarkProgress(total)
    last = None
    socket = open_websocket(run.request("/stream"))
    if socket is not None:
        with socket:
            last = yield from _receive(run, progress, socket)
    if last is None:  # no WebSocket, or it broke, or the run ended before it was opened
        for detail in run.poll(POLL_SECONDS):
            if detail.status == "running":
                yield from progress.start()
        if detail.status != "completed":
            text = f"benchmark {run.id} {detail.status}"
            raise run.unsent.error(errors.StreamError, text, code=detail.status, body=detail.to_dict())
        yield from progress.remaining_events(detail.results)
    elif not progress.has_all_results:  # the server does not repeat results from before the connection
        yield from progress.remaining_events(run.request("/results").model(BenchmarkResults).results)
    yield progress.event(last or {"type": "complete", "status": "completed"})


def _receive(
    run: BenchmarkPoller, progress: BenchmarkProgress, socket: WebSocket
) -> Generator[BenchmarkEvent, None, Optional[Message]]:
    """Yield the events that the server sends; return the last message, None if it is missing."""
    over = _is_over(run.get())  # after connecting: the end of the run cannot be missed in between
    checked = time.monotonic()
    while not over:
        try:
            data = socket.receive(min(RECV_TIMEOUT, run.remaining())) or b""
        except WebSocketError:
            break
        message = _parse_message(data)
        if message is None:
            # For runs that are unknown or have ended, the server accepts the connection and sends nothing.
            if time.monotonic() - checked >= STATUS_CHECK_INTERVAL:
                over = _is_over(run.get())
                checked = time.monotonic()
            continue
        checked = time.monotonic()
        if message["type"] == "error":
            body = run.unsent.decode_error(data)
            reason = parse_error_body(body).message or "the benchmark failed"
            code = body.get("status") if isinstance(body, dict) else None
            raise run.unsent.error(errors.StreamError, reason, code=code, body=body)
        if message["type"] == "complete":
            return message
        yield progress.event(message)
    return None


def _parse_message(data: bytes) -> Optional[Message]:
    """Return the event in a message; None for keep-alives and anything else that is not an event."""
    try:
        message = json_codec.loads(data)
    except (ValueError, RecursionError):
        return None
    is_event = isinstance(message, dict) and isinstance(message.get("type"), str)
    return message if is_event and message["type"] != "ping" else None


def _is_over(detail: BenchmarkDetail) -> bool:
    """Return whether a run has ended; newer servers may have further final statuses."""
    return detail.status in ("completed", "failed") or detail.completed_at is not None
