"""Batch: sends the calls, writes and yields what comes of them."""

from __future__ import annotations

import functools
import os
import queue
import time
from collections import deque
from concurrent.futures import BrokenExecutor, Executor, Future
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any, Callable, Deque, Dict, Iterator, List, NamedTuple, Optional, Set, Tuple

from .._core.progress import Progress
from ..errors import APIConnectionError, InvalidRequestError
from .answers import to_rows, usage_of
from .failures import may_have_acted, wait_before_retry
from .id_set import IdSet, id_digest
from .input import Arguments, Requests, check_ids, content, content_hash, count_requests, iter_input
from .pacing import MAX_PAUSES, Pacer, SentCall
from .result_file import FilePath, ResultFile
from .workers import DaemonThreads, MethodCall, interrupts_deferred, without_retries

_UNSENT_RETRIES = 2  # of a call for which no connection could be made
_POLL_SECONDS = 0.5  # between two looks at the clock while nothing happens
# Of calls that take no time some wait in the queue of the threads, and many that ended are handled at once:
# a change of threads for each costs as much as all else.
_FAST_CALLS = 200  # in a second
_QUEUED_CALLS = 16
_NAP_SECONDS = 0.003


@dataclass
class Item:
    """The outcome of one call.

    Attributes:
        custom_id: its id.
        result: what the method returned; of a stream, its ``final()``. None if it failed.
        error: why it failed, or None.
        unknown: True if it failed and the server may have acted all the same: a timeout, a cut connection, a
            worker that died.
    """

    custom_id: str
    result: Any = field(default=None, repr=False)
    error: Optional[BaseException] = None
    unknown: bool = False

    @property
    def ok(self) -> bool:
        """Whether it succeeded."""
        return self.error is None


@dataclass
class Summary:
    """What came of a run so far.

    Attributes:
        read: requests that were read from the input.
        done: calls that succeeded.
        failed: calls that failed, those of unknown outcome among them.
        skipped: requests that were not sent, since the file holds their result.
        unknown: requests that were not sent, since an earlier run did not hear what came of them.
        refused: how often the server refused a call that was then sent again.
        tokens: tokens used, as far as the service tells them.
        cost: what it cost, in the unit of the service, if it tells that.
        seconds: how long it took.
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
    """Many calls of one method, with a file of results that a crash does not harm.

    The file is in the form of OpenAI's batch output, one line for each call that ended. A run with the same
    file sends only what is missing in it. Before a call is sent, a line with the error code ``started`` is
    written; where no other line of its id follows, the call was in flight at a crash, and the server may have
    acted: it is sent again only on Zaguan, under its ``X-Request-Id``, or with ``resend_unknown``. A run that
    reaches the end of its input leaves one line for each id.

    Args:
        method: a method of a service, such as ``client.zaguan.chat``; ``functools.partial`` of it to give
            arguments that all calls share, such as ``model``.
        path: the file of results; it is made if it does not exist.
        max_workers: how many calls are in flight at most.
        executor: where the calls run, instead of threads: a ``ProcessPoolExecutor``, a Dask client's
            ``get_executor()``, ... Keys do not travel: workers take them from their environment.
        resend_failed: whether a run sends again what failed in an earlier one.
        resend_unknown: whether it sends again what an earlier run did not hear the outcome of.
        requests_per_minute, tokens_per_minute: limits to keep, if you know them. Without them a batch sends
            as fast as it can, and slows down when the server refuses calls (429).
        stop_after: end the run after so many failures in a row.
        progress: show a bar, or a line on stderr where tqdm is not installed.
    """

    def __init__(
        self,
        method: Callable[..., Any],
        path: FilePath,
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
        """Send the requests and yield what comes of each, as they end.

        Args:
            requests: an iterable, read as it is needed, of texts, dicts of keywords, request objects, or
                ``(custom_id, request)``; or the path of a JSONL file in the form of OpenAI's batch input.
                Without an id of its own a request gets one of its content and position.

        Yields:
            An Item for each call, failed or not; nothing for what the file holds already. Leaving the loop
            waits for the calls in flight.

        Raises:
            InvalidRequestError: an id that comes twice, or an input that cannot be read. Of files and lists
                nothing is sent then; of other iterables what came before.
            ChatSDKError: another process has the file of results open, or it is something else.
            OSError: the file cannot be written; nothing that was written is lost.
            BrokenExecutor: the executor cannot run calls any more.
        """
        check_ids(requests)
        self._summary = Summary()
        file = ResultFile(self._path)
        try:
            run = _Run(self, file, requests)
            yield from run.items()
            file.compact()
        finally:
            file.close()

    def dry_run(self, requests: Requests) -> Summary:
        """Return what ``run`` would find: ``read`` less ``skipped`` and ``unknown`` is what it would send."""
        check_ids(requests)
        self._summary = Summary()
        for _ in self._jobs(requests, ResultFile(self._path, read_only=True)):
            pass
        return self._summary

    def summary(self) -> Summary:
        """Return what came of the last run so far."""
        return self._summary

    def to_rows(self) -> List[Dict[str, Any]]:
        """Return ``chatsdk.batch.to_rows()`` of the file of results."""
        return to_rows(self._path)

    def _jobs(self, requests: Requests, file: ResultFile) -> Iterator[_Job]:
        """Yield what is to be sent, in order."""
        seen = IdSet()
        for position, (given_id, request) in enumerate(iter_input(requests)):
            self._summary.read += 1
            custom_id = given_id or f"{position}-{content_hash(request)}"
            digest = id_digest(custom_id)
            if given_id and not seen.add(digest):
                raise InvalidRequestError(f"two requests have the id {given_id!r}")
            if digest in file.done:
                self._summary.skipped += 1
            elif digest in file.unknown and not self._resend_unknown:
                self._summary.unknown += 1
            elif digest in file.failed and not self._resend_failed:
                self._summary.skipped += 1
            else:
                request_id = file.request_id(digest) if self._arguments.takes_request_id else None
                args, kwargs = self._arguments.bind(request, request_id)
                yield _Job(custom_id, digest, args, kwargs)


class _Job:
    """A call that is to be sent or on its way."""

    __slots__ = ("args", "custom_id", "digest", "error", "kwargs", "retries", "sent", "tokens")

    def __init__(self, custom_id: str, digest: int, args: Tuple[Any, ...], kwargs: Dict[str, Any]) -> None:
        self.custom_id = custom_id
        self.digest = digest
        self.args = args
        self.kwargs = kwargs
        self.retries = 0
        self.tokens = 0.0  # that it will probably take
        self.sent: Optional[SentCall] = None
        self.error: Optional[BaseException] = None  # of the last attempt


class _Ended(NamedTuple):
    """A call that has ended; *wait* says after how many seconds it may be sent again."""

    job: _Job
    result: Any
    error: Optional[BaseException]
    unknown: bool
    wait: Optional[float]


class _Run:
    """One run of a batch: sends, collects, keeps the count. All in the thread of the caller, but ``_end``."""

    def __init__(self, batch: Batch, file: ResultFile, requests: Requests) -> None:
        self._file = file
        self._call = batch._call
        self._has_own_threads = batch._executor is None
        self._executor = batch._executor or DaemonThreads(batch._max_workers)
        self._stop_after = batch._stop_after
        self._summary = batch._summary
        self._new = batch._jobs(requests, file)
        self._due: Deque[_Job] = deque()  # to be sent now
        self._again: Deque[_Job] = deque()
        self._ended: Deque[_Ended] = deque()
        self._news: queue.SimpleQueue[None] = queue.SimpleQueue()  # of ``_ended``
        self._in_flight: Set[_Job] = set()  # emptied by ``_end``
        self._is_fast = False
        self._is_waiting = True  # in the loop of ``items``, not in the caller's
        self._has_input = True
        self._failures = 0  # in a row
        self._shown = 0  # by the bar
        self._tokens_per_minute = batch._limits[1]
        self._failure: Optional[BaseException] = None  # of the file, the executor or the input
        self._start = time.monotonic()
        self._pacer = Pacer(self._start, batch._max_workers, *batch._limits)
        self._bar = Progress(count_requests(requests), "calls") if batch._progress else None

    def items(self) -> Iterator[Item]:
        """Yield what comes of the calls."""
        ready: Deque[Item] = deque()
        try:
            while True:
                timeout = self._send_due()
                if ready:
                    with self._away():
                        yield ready.popleft()
                        while ready and self._is_fast:
                            yield ready.popleft()
                    timeout = 0.0
                elif timeout is None:
                    break
                self._collect(timeout, ready)
            if self._failure is not None:
                raise self._failure
        finally:
            self._finish()

    def _collect(self, timeout: float, ready: Deque[Item]) -> None:
        """Wait so long for a call to end; add all that have ended to *ready*."""
        if timeout and self._is_fast:
            time.sleep(_NAP_SECONDS)
        self._wait(timeout)
        if self._ended:
            with interrupts_deferred():
                while self._ended:
                    item = self._take(self._ended.popleft())
                    if item is not None:
                        ready.append(item)
        seconds = max(self._summary.seconds, 0.5)
        is_fast = self._summary.done > _FAST_CALLS * seconds and not self._failures
        self._is_fast = is_fast and self._has_own_threads

    def _send_due(self) -> Optional[float]:
        """Send what may be sent now; return the seconds until the next call may be, None if there is none."""
        jobs = self._due
        delay: Optional[float] = 0.0
        queued = _QUEUED_CALLS if self._is_fast else 0
        while (self._has_input or self._again) and not self._is_stopped():
            now = time.monotonic()
            delay = self._pacer.delay(now, max(0, len(self._in_flight) + len(jobs) - queued))
            if delay is None or delay > 0:
                break
            job = self._next_job()
            if job is None:
                break
            if self._tokens_per_minute:
                job.tokens = self._expected_tokens(job)
            job.sent = self._pacer.sent(now, job.tokens)
            jobs.append(job)
        if jobs:
            with interrupts_deferred():  # each call that is sent gets its callback
                self._send(jobs)
        if delay:
            return min(delay, _POLL_SECONDS)
        return _POLL_SECONDS if self._has_more() else None

    def _has_more(self) -> bool:
        """Return whether calls are in flight, or have ended and are not yet counted."""
        return bool(self._in_flight or self._ended)

    def _next_job(self) -> Optional[_Job]:
        if self._again:
            return self._again.popleft()
        try:
            with nullcontext() if self._is_fast else self._away():  # an input may block for long
                job = next(self._new, None)
        except Exception as error:  # of the input; what came before is sent
            self._failure = error
            return None
        self._has_input = job is not None
        return job

    @contextmanager
    def _away(self) -> Iterator[None]:
        """Let the threads of the calls write their results, while the caller or the input works."""
        self._is_waiting = False
        try:
            self._file.flush()
            yield
        finally:
            self._is_waiting = True

    def _is_stopped(self) -> bool:
        return self._failure is not None or self._summary.stopped is not None

    def _send(self, jobs: Deque[_Job]) -> None:
        try:
            for job in jobs:
                self._file.add_started(job.custom_id, job.digest)
            self._file.flush()
            while jobs:
                job = jobs[0]
                # Dask takes two calls with the same arguments for one.
                key = (job.custom_id, job.retries, self._start)
                future = self._executor.submit(self._call, key, job.args, job.kwargs)
                self._in_flight.add(jobs.popleft())
                future.add_done_callback(functools.partial(self._end, job))
        except Exception as error:  # the disk is full, the executor is broken or shut down
            self._failure = error
            for job in jobs:
                self._write(job, None, error, unknown=False)
            jobs.clear()

    def _expected_tokens(self, job: _Job) -> float:
        if self._summary.done and self._summary.tokens:
            return self._summary.tokens / self._summary.done
        return len(content(job.kwargs or job.args)) / 4  # characters

    def _end(self, job: _Job, future: Future[Tuple[Any, Optional[Exception]]]) -> None:
        """Write what came of a call at once, whatever the caller of the batch does meanwhile."""
        try:
            result, error = future.result()
        except BaseException as failure:  # of the executor: nobody knows whether the call was sent
            if isinstance(failure, BrokenExecutor):
                self._failure = failure
            self._report(_Ended(job, None, failure, True, None))
            return
        unknown = error is not None and may_have_acted(error)
        wait = None if error is None else wait_before_retry(error)
        if wait is not None and isinstance(error, APIConnectionError):
            wait = 0.5 * 2**job.retries if job.retries < _UNSENT_RETRIES else None
        try:
            if wait is None:
                self._write(job, result, error, unknown)
        except Exception as failure:  # a result that is nested too deeply
            self._failure = failure
        self._report(_Ended(job, result, error, unknown, wait))
        # Of fast calls the caller mostly comes back before all have ended.
        if not self._is_waiting and not (self._is_fast and self._in_flight):
            try:
                self._file.flush()
            except Exception as failure:
                self._failure = failure

    def _report(self, ended: _Ended) -> None:
        self._ended.append(ended)
        self._in_flight.discard(ended.job)
        self._news.put(None)

    def _write(self, job: _Job, result: Any, error: Optional[BaseException], unknown: bool) -> None:
        if error is None:
            self._file.add_result(job.custom_id, job.digest, job.kwargs.get("request_id"), result)
        else:
            self._file.add_failure(job.custom_id, job.digest, error, unknown)

    def _wait(self, timeout: float) -> None:
        """Wait so long for a call to end."""
        try:
            if timeout:
                self._news.get(timeout=timeout)
            while True:
                self._news.get_nowait()
        except queue.Empty:
            if timeout and not self._ended and self._failure is None:
                self._file.flush()

    def _take(self, ended: _Ended) -> Optional[Item]:
        """Count a call that has ended and return it; None if it is to be sent again."""
        job, _, error, unknown, wait = ended
        assert job.sent is not None
        if wait is not None and not self._is_stopped():
            self._summary.refused += 1
            job.retries += 1
            job.error = error
            now = time.monotonic()
            if isinstance(error, APIConnectionError):
                self._pacer.pause(now, wait)
            else:
                self._pacer.refused(now, job.sent, wait)
            if self._pacer.pauses <= MAX_PAUSES:
                self._again.append(job)
                return None
            self._summary.stopped = f"the server refuses all calls: {error}"
        if wait is not None:
            self._write(job, None, error, unknown)
        self._count(ended)
        return Item(job.custom_id, ended.result, error, unknown)

    def _count(self, ended: _Ended) -> None:
        summary = self._summary
        tokens = 0
        if ended.error is None:
            summary.done += 1
            self._failures = 0
            found, cost = usage_of(ended.result)
            tokens = found or 0
            if cost is not None:
                summary.cost = (summary.cost or 0.0) + cost
        else:
            summary.failed += 1
            self._failures += 1
            if self._failures == self._stop_after and not summary.stopped:
                summary.stopped = f"{self._failures} failures in a row, the last: {ended.error}"
            if getattr(ended.error, "status_code", None) == 429 and not summary.stopped:
                summary.stopped = f"a limit that no waiting lifts: {ended.error}"
        summary.tokens += tokens
        summary.seconds = time.monotonic() - self._start
        assert ended.job.sent is not None
        self._pacer.accepted(ended.job.sent, tokens - ended.job.tokens)
        self._show()

    def _show(self) -> None:
        summary = self._summary
        if self._bar is not None:
            facts = [f"{summary.failed} failed", f"{summary.tokens} tokens" if summary.tokens else ""]
            facts.append(f"cost {summary.cost:.4g}" if summary.cost is not None else "")
            ended = summary.done + summary.failed + summary.skipped + summary.unknown
            self._bar.update(ended - self._shown, ", ".join(filter(None, facts)))
            self._shown = ended

    def _finish(self) -> None:
        """Wait for the calls in flight; an interrupt while waiting ends it at once."""
        try:
            self._summary.stopped = self._summary.stopped or ("interrupted" if self._has_more() else None)
            while self._has_more():
                self._collect(_POLL_SECONDS, deque())
            for job in (*self._again, *self._due):
                if job.error is not None:
                    self._write(job, None, job.error, unknown=False)
        finally:
            if self._has_own_threads:
                self._executor.shutdown(wait=False)
            if self._bar is not None:
                self._show()
                self._bar.close()
            self._file.flush()
            self._file.sync()
