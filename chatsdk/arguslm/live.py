"""ArgusLM: the events of a benchmark run, live over a WebSocket, or at its end over plain HTTP."""

from __future__ import annotations

import time
from typing import Any, Dict, Generator, List, Optional, Sequence, Tuple

from .._core import json_codec
from .._core.error_body import parse_error_body
from .._core.paging import count
from .._core.websocket import WebSocket, WebSocketError, open_websocket
from ..errors import StreamError
from .models import BenchmarkEvent, BenchmarkResult, BenchmarkResults, LiveResult
from .runs import BenchmarkPoller, is_over

Events = Generator[BenchmarkEvent, None, None]

POLL_SECONDS = 1.0
RECV_TIMEOUT = 2.0  # seconds; on Windows Ctrl-C is only seen between two waits
STATUS_CHECK_INTERVAL = 10.0  # seconds without an event


class BenchmarkProgress:
    """Tracks which results of a benchmark were already yielded."""

    def __init__(self, total: int) -> None:
        self.completed = 0
        self.total = total
        self.completion: Optional[Dict[str, Any]] = None  # the last event, as it was received
        self._started = False
        self._announced: Optional[str] = None  # the model of a progress whose result is still to come
        self._seen_results: List[Tuple[Any, ...]] = []

    @property
    def has_all_results(self) -> bool:
        """Whether all results were yielded, if their number is known."""
        return 0 < self.total <= len(self._seen_results)

    def start(self) -> Events:
        """Yield the first event, unless there was one."""
        if not self._started:
            yield self.event({"type": "progress", "status": "running"})

    def event(self, frame: Dict[str, Any]) -> BenchmarkEvent:
        """Return the event in a message, with the counts that the message leaves out."""
        event = BenchmarkEvent.from_dict(frame)
        if event.type == "progress":
            self.completed = count(event.completed) or self.completed
            self.total = count(event.total) or self.total
            self._announced = event.current_model
        elif event.type == "result" and isinstance(event.data, LiveResult):
            data = event.data
            self._seen_results.append((data.model_id, data.ttft_ms, data.tps, data.error))
            self.completed = max(self.completed, len(self._seen_results))
            self._announced = None
        event.completed, event.total = self.completed, self.total
        self._started = True
        return event

    def remaining_events(self, results: Sequence[BenchmarkResult]) -> Events:
        """Yield the events of those of all *results* of a run that were not yielded."""
        yield from self.start()
        self.total = max(self.total, len(results))
        missing = self._missing(results)
        if self._announced is not None:
            missing.sort(key=lambda result: result.model_name != self._announced)
        for result in missing:
            if self._announced is None and self.completed < self.total:
                progress = {"completed": self.completed + 1, "current_model": result.model_name}
                yield self.event({"type": "progress", **progress})
            data = {
                "model_id": result.model_id,
                "model_name": result.model_name,
                "ttft_ms": result.ttft_ms,
                "tps": result.tps_excluding_ttft,
                "error": result.error,
            }
            yield self.event({"type": "result", "data": data})

    def _missing(self, results: Sequence[BenchmarkResult]) -> List[BenchmarkResult]:
        seen = list(self._seen_results)
        if len(seen) >= len(results):  # also if the server stored other numbers
            return []
        missing = []
        for result in results:
            key = (result.model_id, result.ttft_ms, result.tps_excluding_ttft, result.error)
            if key in seen:
                seen.remove(key)  # a model that fails at once gives the same result several times
            else:
                missing.append(result)
        return missing


def iter_events(run: BenchmarkPoller, total: int) -> Events:
    """Yield the events of a run until its end; *total* is its number of calls, 0 if unknown."""
    progress = BenchmarkProgress(total)
    socket = open_websocket(run.request("/stream"))
    if socket is not None:
        with socket:
            yield from _receive(run, progress, socket)
    if progress.completion is None:  # no WebSocket, or it broke, or the run ended before it was opened
        for detail in run.poll(POLL_SECONDS):
            if detail.status == "running":
                yield from progress.start()
        if detail.status != "completed":
            raise run.failed(StreamError, detail, code=detail.status, body=detail.to_dict())
        yield from progress.remaining_events(detail.results)
    elif not progress.has_all_results:  # the server does not repeat those from before the connection
        yield from progress.remaining_events(run.request("/results").model(BenchmarkResults).results)
    yield progress.event(progress.completion or {"type": "complete", "status": "completed"})


def _receive(run: BenchmarkPoller, progress: BenchmarkProgress, socket: WebSocket) -> Events:
    """Yield the events that the server sends but the last, until the run ends or the connection breaks."""
    over = is_over(run.get())  # after connecting: a run that ends in between is noticed here or there
    checked = time.monotonic()
    while not over:
        try:
            message = socket.receive(min(RECV_TIMEOUT, run.remaining())) or b""
        except WebSocketError:
            return
        frame = _parse_message(message)
        if frame is None:
            # The server accepts ids of runs that are unknown or have ended, and then stays silent.
            if time.monotonic() - checked >= STATUS_CHECK_INTERVAL:
                over = is_over(run.get())
                checked = time.monotonic()
            continue
        checked = time.monotonic()
        if frame["type"] == "error":
            body = run.unsent.decode_error(message)
            text = parse_error_body(body).message or "the benchmark failed"
            code = body.get("status") if isinstance(body, dict) else None
            raise run.unsent.error(StreamError, text, code=code, body=body)
        if frame["type"] == "complete":
            progress.completion = frame
            return
        yield progress.event(frame)


def _parse_message(message: bytes) -> Optional[Dict[str, Any]]:
    """Return the event in a message; None for keep-alives, and for anything that is no event."""
    try:
        frame = json_codec.loads(message)
    except (ValueError, RecursionError):
        return None
    if not isinstance(frame, dict) or not isinstance(frame.get("type"), str):
        return None
    return frame if frame["type"] != "ping" else None
