"""ArgusLM: the events of a benchmark run, live over a WebSocket or, at its end, over plain HTTP."""

from __future__ import annotations

import time
from typing import Any, Dict, Generator, Iterator, List, Optional, Sequence, Tuple

from .._core import json_codec
from .._core.error_body import parse_error_body
from .._core.paging import count
from .._core.websocket import WebSocket, WebSocketError, open_websocket
from ..errors import StreamError
from .models import BenchmarkDetail, BenchmarkEvent, BenchmarkResult, LiveResult
from .runs import BenchmarkPoller, is_over

Events = Generator[BenchmarkEvent, None, None]

POLL_SECONDS = 1.0
RECV_TIMEOUT = 2.0  # the longest wait for a message; Windows hears of Ctrl-C only between two
STATUS_CHECK_INTERVAL = 10.0  # after so many without news, ask whether the run has ended


class BenchmarkProgress:
    """What was told of a run so far, and the events that go on from there."""

    def __init__(self, total: int) -> None:
        self.completed = 0
        self.total = total
        self._begun = False
        self._seen_results: List[Tuple[Any, ...]] = []

    @property
    def is_whole(self) -> bool:
        """Whether all results were told, as far as their number is known."""
        return 0 < self.total <= len(self._seen_results)

    def begin(self) -> Iterator[BenchmarkEvent]:
        """Yield the first event, unless there was one."""
        if not self._begun:
            yield self.event({"type": "progress", "status": "running"})

    def event(self, frame: Dict[str, Any]) -> BenchmarkEvent:
        """Return the event that a message is, with the numbers that it leaves out."""
        event = BenchmarkEvent.from_dict(frame)
        if event.type == "progress":
            self.completed = count(event.completed) or self.completed
            self.total = count(event.total) or self.total
        elif event.type == "result" and isinstance(event.data, LiveResult):
            data = event.data
            self._seen_results.append((data.model_id, data.ttft_ms, data.tps, data.error))
            self.completed = max(self.completed, len(self._seen_results))
        event.completed, event.total = self.completed, self.total
        self._begun = True
        return event

    def remaining_events(self, results: Sequence[BenchmarkResult]) -> Iterator[BenchmarkEvent]:
        """Yield what was not told of all *results* of a run."""
        yield from self.begin()
        self.total = max(self.total, len(results))
        for result in self._missing(results):
            if self.completed < self.total:
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
        told = list(self._seen_results)
        if len(told) >= len(results):  # all were told, even if the server stored other numbers
            return []
        missing = []
        for result in results:
            mark = (result.model_id, result.ttft_ms, result.tps_excluding_ttft, result.error)
            if mark in told:
                told.remove(mark)  # a model that fails at once gives the same result several times
            else:
                missing.append(result)
        return missing


def iter_events(run: BenchmarkPoller, total: int) -> Events:
    """Yield the events of a run, of *total* calls if that is known, until its end."""
    progress = BenchmarkProgress(total)
    last = None
    socket = open_websocket(run.stream_request())
    if socket is not None:
        with socket:
            last = yield from _live(run, progress, socket)
    if last is None:
        last = yield from _polled(run, progress)
    yield last


def _live(
    run: BenchmarkPoller, progress: BenchmarkProgress, socket: WebSocket
) -> Generator[BenchmarkEvent, None, Optional[BenchmarkEvent]]:
    """Yield the events that arrive but the last; return that one, or None where the connection broke."""
    detail = run.detail()  # after connecting: what ends in between is seen here or there
    news = time.monotonic()
    while not is_over(detail):
        try:
            message = socket.receive(min(RECV_TIMEOUT, run.remaining()))
        except WebSocketError:
            return None
        frame = None if message is None else _parse_message(message)
        if message is None or frame is None:
            # The server accepts ids of runs that it does not know or that have ended, and then is silent.
            if time.monotonic() - news >= STATUS_CHECK_INTERVAL:
                detail = run.detail()
                news = time.monotonic()
            continue
        news = time.monotonic()
        if frame["type"] == "error":
            raise _error(run, message)
        if frame["type"] == "complete":
            if not progress.is_whole:  # results from before the connection come here
                yield from progress.remaining_events(run.results())
            return progress.event(frame)
        yield progress.event(frame)
    return (yield from _end(run, progress, detail))


def _polled(
    run: BenchmarkPoller, progress: BenchmarkProgress
) -> Generator[BenchmarkEvent, None, BenchmarkEvent]:
    """Yield the events that plain HTTP shows but the last; return that one."""
    for detail in run.details(POLL_SECONDS):
        if detail.status != "pending" and not is_over(detail):
            yield from progress.begin()
    return (yield from _end(run, progress, detail))


def _end(
    run: BenchmarkPoller, progress: BenchmarkProgress, detail: BenchmarkDetail
) -> Generator[BenchmarkEvent, None, BenchmarkEvent]:
    """Yield what is left to tell of a run that is over but the last event; return that one."""
    if detail.status != "completed":
        raise run.failed(StreamError, detail, code=detail.status, body=detail.to_dict())
    yield from progress.remaining_events(detail.results)
    return progress.event({"type": "complete", "status": "completed"})


def _parse_message(message: bytes) -> Optional[Dict[str, Any]]:
    """Return the object that a message is; None for keep-alives, and for what is none."""
    try:
        frame = json_codec.loads(message)
    except (ValueError, RecursionError):
        return None
    if not isinstance(frame, dict) or not isinstance(frame.get("type"), str):
        return None
    return frame if frame["type"] != "ping" else None


def _error(run: BenchmarkPoller, message: bytes) -> StreamError:
    """Return the error that a message tells of."""
    body = run.decode_error(message)
    said = parse_error_body(body).message or "the benchmark failed"
    code = body.get("status") if isinstance(body, dict) else None
    return run.error(StreamError, said, code=code, body=body)
