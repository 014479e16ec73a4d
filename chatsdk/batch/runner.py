"""Batch: sends many calls of one method, writes their results to a file and yields them."""

from __future__ import annotations

import itertools
import os
import queue
import threading
import time
from concurrent.futures import BrokenExecutor, Executor
from dataclasses import dataclass
from typing import Any, Callable, Dict, Iterator, List, NamedTuple, Optional, Tuple

from .._core.multipart import Path
from .._core.progress import Progress
from ..errors import APIStatusError
from .answers import to_rows, usage_of
from .calls import MethodCall, may_have_acted, retry_wait, without_retries
from .input import Arguments, Requests, check_input, iter_input
from .pacing import MAX_REFUSALS, Pacer, SentCall
from .result_file import DONE, FAILED, STARTED, UNKNOWN, Item, ResultFile

_POLL_SECONDS = 0.5  # Windows delivers Ctrl-C only between two waits
# Waking threads for every single call would take as much CPU as the rest of a short call.
_SHORT_CALLS = 200  # in a second
_QUEUED_CALLS = 32
_NAP_SECONDS = 0.005


@dataclass
class Summary:
    """The counts of a run so far.

    Attributes:
        read: requests read from the input.
        done: calls that succeeded.
        failed: calls that failed, including those of unknown outcome.
        skipped: requests not sent because the file has their result.
        unknown: requests not sent because their outcome in an earlier run is unknown.
        refused: calls that the server refused, or that could not connect, and that were put off.
        tokens: tokens used, as far as the service reports them.
        cost: the cost in the unit of the service, if it reports one.
        seconds: the duration.
        stopped: why the run ended before its input did, or None.
    """

    read: int = 0
    done: int = 0
    failed: int = 0
    skipped: int = 0
    unknown: int = 0
    refused: int = 0
    tokens: int = 0
    cost: Optional[float] = None
    seconds: float = 0.0
    stopped: Optional[str] = None

    def __str__(self) -> str:
        parts = [f"{self.done} done", f"{self.failed} failed", f"{self.skipped} skipped"]
        parts += [f"{self.unknown} of unknown outcome not sent again"] if self.unknown else []
        parts += [f"{self.tokens} tokens"] if self.tokens else []
        parts += [f"cost {self.cost:.6g}"] if self.cost is not None else []
        parts += [f"stopped: {self.stopped}"] if self.stopped else []
        return ", ".join(parts)


class Batch:
    """Many calls of one method, with a result file that survives crashes.

    The file is in the form of OpenAI's batch output. A run with the same file sends only what has no result
    there. Before a call is sent, a line with the error code ``started`` is written. A call without a later
    line was in flight at a crash: the server may have acted on it, so it is sent again only with
    ``resend_unknown``, or on Zaguan, under the same ``X-Request-Id``. A run that reaches the end of its input
    leaves one line for each id.

    Args:
        method: a method of a service, such as ``client.zaguan.chat``, or a ``functools.partial`` of it with
            the arguments that all calls share, such as ``model``.
        path: the result file, created if it does not exist.
        max_workers: maximum number of calls in flight.
        executor: runs the calls instead of threads: a ``ProcessPoolExecutor``, a Dask client's
            ``get_executor()``, ... Keys are not sent to its workers, which take them from their environment.
        resend_failed: send again what failed in an earlier run.
        resend_unknown: send again what has an unknown outcome in an earlier run.
        requests_per_minute, tokens_per_minute: known limits. Without them a batch sends as fast as it can,
            and slows down when the server refuses calls (429).
        stop_after: end the run after this number of consecutive failures.
        progress: show a tqdm bar, or a line on stderr if tqdm is not installed.
    """

    def __init__(
        self,
        method: Callable[..., Any],
        path: Path,
        *,
        max_workers: int = 8,
        executor: Optional[Executor] = None,
        resend_failed: bool = True,
        resend_unknown: bool = False,
        requests_per_minute: Optional[float] = None,
        tokens_per_minute: Optional[float] = None,
        stop_after: Optional[int] = None,
        progress: bool = False,
    ) -> None:
        if max_workers < 1 or (stop_after is not None and stop_after < 1):
            raise ValueError("max_workers and stop_after must be at least 1")
        if min(requests_per_minute or 1, tokens_per_minute or 1) <= 0:
            raise ValueError("requests_per_minute and tokens_per_minute must be above 0")
        self._call = MethodCall(without_retries(method))
        self._arguments = Arguments(method)
        self._path = os.fspath(path)
        self._max_workers = max_workers
        self._executor = executor
        self._resend_failed = resend_failed
        self._resend_unknown = resend_unknown or self._arguments.takes_request_id
        self._limits = requests_per_minute, tokens_per_minute
        self._stop_after = stop_after
        self._progress = progress
        self._summary = Summary()

    def run(self, requests: Requests) -> Iterator[Item]:
        """Send the requests and yield the outcome of each call as it completes.

        Args:
            requests: an iterable, read as needed, of texts, dicts of keywords, request objects, or
                ``(custom_id, request)``; or the path of a JSONL file in the form of OpenAI's batch input.
                A request without an id gets one, made of its position and content.

        Yields:
            An Item for each call, failed or not; nothing for a request whose result the file has. Leaving the
            loop waits for the calls in flight.

        Raises:
            InvalidRequestError: two requests have the same id, or the input cannot be read. If it is a file
                or a collection, nothing is sent; if it is an iterator, what came before is sent.
            ChatSDKError: another process has the result file open, or it is not a result file.
            OSError: the file cannot be written; what was written before is kept.
            BrokenExecutor: the executor cannot run calls any more.
        """
        total = check_input(requests)
        self._summary = Summary()
        with ResultFile(self._path) as file:
            yield from _Run(self, file, requests, total).items()
            file.compact()

    def dry_run(self, requests: Requests) -> Summary:
        """Count without sending: ``run`` would send ``read`` less ``skipped`` less ``unknown``."""
        check_input(requests)
        self._summary = Summary()
        for _ in self._new_calls(requests, ResultFile(self._path, read_only=True)):
            pass
        return self._summary

    def summary(self) -> Summary:
        """Return the counts of the last run so far."""
        return self._summary

    def to_rows(self) -> List[Dict[str, Any]]:
        """Return ``chatsdk.batch.to_rows()`` of the result file."""
        return to_rows(self._path)

    def _new_calls(self, requests: Requests, file: ResultFile) -> Iterator[_Call]:
        """Yield the calls that are to be sent; count the others."""
        for custom_id, request in iter_input(requests):
            self._summary.read += 1
            state = file.claim(custom_id)
            if state == DONE or (state == FAILED and not self._resend_failed):
                self._summary.skipped += 1
            elif state in (STARTED, UNKNOWN) and not self._resend_unknown:
                self._summary.unknown += 1
            else:
                request_id = file.request_id(custom_id) if self._arguments.takes_request_id else None
                yield _Call(custom_id, *self._arguments.bind(request, request_id))


class _Call(NamedTuple):
    """A call that is to be sent."""

    custom_id: str
    args: Tuple[Any, ...]
    kwargs: Dict[str, Any]


class _Run:
    """One run of a batch.

    The thread of the caller puts calls into a queue and takes their outcomes from another one. Worker threads
    do the rest: they send the calls, write to the file and count. So Ctrl-C, which interrupts the main thread
    only, loses no result.
    """

    def __init__(self, batch: Batch, file: ResultFile, requests: Requests, total: Optional[int]) -> None:
        self._batch = batch
        self._file = file
        self._summary = batch._summary
        self._new_calls = batch._new_calls(requests, file)
        self._queue: queue.SimpleQueue[Optional[_Call]] = queue.SimpleQueue()
        self._completed: queue.SimpleQueue[Optional[Item]] = queue.SimpleQueue()
        self._pending = 0  # calls that were queued and whose outcome was not taken yet
        self._workers: List[threading.Thread] = []
        self._stop = threading.Event()
        self._error: Optional[BaseException] = None  # of the input, the file or the executor
        self._lock = threading.Lock()  # of the pacer and the counts
        self._send_lock = threading.Lock()  # of the worker that sends the next call
        self._failures = 0  # consecutive
        self._start = time.monotonic()
        self._pacer = Pacer(self._start, *batch._limits)
        self._bar = Progress(total, "calls") if batch._progress else None
        self._shown = 0  # calls on the bar

    def items(self) -> Iterator[Item]:
        """Yield the outcomes of the calls."""
        try:
            while self._fill_queue():
                item = self._next_completed()
                if item is not None:
                    yield item
            if self._error is not None:
                raise self._error
        except (GeneratorExit, KeyboardInterrupt):
            self._summary.stopped = self._summary.stopped or "interrupted"
            raise
        finally:
            self._finish()

    def _fill_queue(self) -> bool:
        """Queue calls from the input; return whether any call is pending."""
        limit = self._batch._max_workers + (_QUEUED_CALLS if self._has_short_calls() else 0)
        while self._pending < limit and not self._stop.is_set():
            try:
                call = next(self._new_calls, None)
            except Exception as error:  # what came before it is sent
                self._error = error
                break
            if call is None:
                break
            self._queue.put(call)
            self._pending += 1
            if len(self._workers) < self._batch._max_workers:
                worker = threading.Thread(target=self._work, name="chatsdk-batch", daemon=True)
                self._workers.append(worker)
                worker.start()
        return self._pending > 0

    def _next_completed(self) -> Optional[Item]:
        """Wait for a call to complete; return None if it was not sent."""
        if self._has_short_calls() and self._completed.empty():
            time.sleep(_NAP_SECONDS)
        while True:
            try:
                item = self._completed.get(timeout=_POLL_SECONDS)
            except queue.Empty:
                self._file.sync()
                continue
            self._pending -= 1
            self._show_progress()
            return item

    def _has_short_calls(self) -> bool:
        return self._summary.done > _SHORT_CALLS * max(self._summary.seconds, 0.5)

    def _finish(self) -> None:
        """Wait for the calls in flight; a second Ctrl-C ends the wait."""
        self._stop.set()
        for _ in self._workers:
            self._queue.put(None)
        try:
            for worker in self._workers:
                while worker.is_alive():
                    worker.join(_POLL_SECONDS)
        finally:
            if self._bar is not None:
                self._show_progress()
                self._bar.close()
            self._file.sync()

    def _show_progress(self) -> None:
        if self._bar is not None:
            summary = self._summary
            count = summary.done + summary.failed + summary.skipped + summary.unknown
            self._bar.update(count - self._shown, str(summary))
            self._shown = count

    def _work(self) -> None:
        """Send calls from the queue until it ends; run by each worker thread."""
        for call in iter(self._queue.get, None):
            item = None
            try:
                item = self._send(call)
            except BaseException as error:  # the file cannot be written
                self._fail(error)
            self._completed.put(item)

    def _send(self, call: _Call) -> Optional[Item]:
        """Send a call, again after each refusal; return its outcome, None if the run stops before."""
        item = None
        for attempt in itertools.count():
            sent = self._wait_for_turn()
            if sent is None:
                break
            self._file.add_started(call.custom_id)
            item = self._execute(call, sent)
            try:
                self._file.add_outcome(item, call.kwargs.get("request_id"))
            except Exception as error:  # the disk is full, or the result is nested too deeply
                self._fail(error)
            wait = retry_wait(item.error, attempt)
            if wait is None:
                break
            self._back_off(item, sent, wait)
        if item is not None:
            self._count(item, sent)
        return item

    def _wait_for_turn(self) -> Optional[SentCall]:
        """Wait until the pacer allows a call; return None if the run stops before."""
        with self._send_lock:
            while not self._stop.is_set():
                with self._lock:
                    now = time.monotonic()
                    delay = self._pacer.delay(now)
                    if not delay:
                        return self._pacer.sent(now)
                self._stop.wait(delay)
        return None

    def _execute(self, call: _Call, sent: SentCall) -> Item:
        """Call the method, here or in the executor."""
        method, executor = self._batch._call, self._batch._executor
        key = (call.custom_id, sent.time)  # Dask runs calls with equal arguments only once
        if executor is None:
            result, error = method(key, call.args, call.kwargs)
            return Item(call.custom_id, result, error, may_have_acted(error))
        future = None
        try:
            future = executor.submit(method, key, call.args, call.kwargs)
            result, error = future.result()
            return Item(call.custom_id, result, error, may_have_acted(error))
        except BaseException as failure:  # a worker died, or the executor is broken or shut down
            if future is None or isinstance(failure, BrokenExecutor):
                self._fail(failure)
            return Item(call.custom_id, error=failure, unknown=future is not None)

    def _back_off(self, item: Item, sent: SentCall, wait: float) -> None:
        """Slow all workers down after a refusal or a connection that could not be made."""
        with self._lock:
            self._summary.refused += 1
            now = time.monotonic()
            if isinstance(item.error, APIStatusError):
                self._pacer.refused(now, sent, wait)
            else:
                self._pacer.pause(now, wait)
            if self._pacer.refusals > MAX_REFUSALS:
                self._stop_early(f"the server refuses all calls: {item.error}")

    def _count(self, item: Item, sent: Optional[SentCall]) -> None:
        """Count a completed call; *sent* is None if the run stopped after a refusal."""
        summary = self._summary
        tokens, cost = usage_of(item.result)
        with self._lock:
            if sent is not None:
                self._pacer.accepted(sent, tokens)
            summary.tokens += tokens
            if cost is not None:
                summary.cost = (summary.cost or 0.0) + cost
            summary.seconds = time.monotonic() - self._start
            if item.ok:
                summary.done += 1
                self._failures = 0
                return
            summary.failed += 1
            self._failures += 1
            if self._failures == self._batch._stop_after:
                self._stop_early(f"{self._failures} failures in a row, the last: {item.error}")
            elif sent is not None and getattr(item.error, "status_code", None) == 429:
                self._stop_early(f"quota exhausted: {item.error}")

    def _stop_early(self, reason: str) -> None:
        self._summary.stopped = self._summary.stopped or reason
        self._stop.set()

    def _fail(self, error: BaseException) -> None:
        self._error = error
        self._stop.set()
