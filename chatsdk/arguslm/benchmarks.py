"""ArgusLM: benchmarks."""

from __future__ import annotations

from collections import OrderedDict
from contextlib import suppress
from typing import Any, Generator, Iterator, List, Mapping, Optional, Union

from .. import errors
from .._core.auth import Credentials
from .._core.download import Download
from .._core.model import build_request, int_or_zero
from .._core.options import Service, is_valid_timeout
from .._core.paging import iter_pages
from .._core.progress import Progress
from .._core.request import Request
from .._core.service import ServiceClient
from .._core.transport import Transport
from .errors import InvalidRequestError
from .models import (
    BenchmarkDetail,
    BenchmarkEvent,
    BenchmarkList,
    BenchmarkResults,
    BenchmarkRun,
    BenchmarkStart,
)
from .requests import BenchmarkCreate
from .runs import BenchmarkPoller, iter_events

_DEFAULT_RUNS = 3  # of the server, for each model
_MAX_REMEMBERED = 1000  # runs
_DEFAULT_TIMEOUT = 3600.0  # seconds; a run whose server died stays "running"


class Benchmarks(ServiceClient):
    """The endpoints for benchmarks."""

    def __init__(self, transport: Transport, settings: Service, credentials: Credentials) -> None:
        super().__init__(transport, settings, credentials)
        self._expected_calls: OrderedDict[str, int] = OrderedDict()  # by run id; no endpoint returns it

    def start_benchmark(
        self,
        request: Union[BenchmarkCreate, Mapping[str, Any], None] = None,
        *,
        model_ids: Optional[List[str]] = None,
        prompt_pack: Optional[str] = None,
        name: Optional[str] = None,
        max_tokens: Optional[int] = None,
        num_runs: Optional[int] = None,
    ) -> BenchmarkStart:
        """Start a benchmark (see BenchmarkCreate) in the background; the other methods take its ``id``.

        Raises:
            BadRequestError: a model does not exist, or is given twice.

        POST /api/v1/benchmarks
        """
        body = build_request(BenchmarkCreate, request, locals())
        started = self._request("POST", "/api/v1/benchmarks", json=body).model(BenchmarkStart)
        runs = _DEFAULT_RUNS if body.num_runs is None else int_or_zero(body.num_runs)
        self._expected_calls[started.id] = len(body.model_ids) * runs
        if len(self._expected_calls) > _MAX_REMEMBERED:
            self._expected_calls.popitem(last=False)
        return started

    def list_benchmarks(
        self, *, page: int = 1, per_page: int = 20, status: Optional[str] = None
    ) -> BenchmarkList:
        """Return a page of benchmark runs in ``runs``, newest first; ``iter_benchmarks`` yields all runs.

        Args:
            page: from 1; a page after the last is empty.
            per_page: runs on a page, 1 to 100.
            status: only runs with this status: ``pending``, ``running``, ``completed`` or ``failed``; others
                match nothing.

        GET /api/v1/benchmarks
        """
        params = {"page": page, "per_page": per_page, "status": status}
        return self._request("GET", "/api/v1/benchmarks", params=params).model(BenchmarkList)

    def iter_benchmarks(
        self, *, per_page: int = 20, status: Optional[str] = None, progress: bool = False
    ) -> Iterator[BenchmarkRun]:
        """Yield the benchmark runs of all pages of ``list_benchmarks``, each once.

        With ``status``, runs may be skipped if the status of others changes during the iteration.

        Args:
            per_page: runs per request, 1 to 100.
            status: as for ``list_benchmarks``.
            progress: show a progress bar (tqdm if it is installed).

        GET /api/v1/benchmarks, once per page
        """
        return iter_pages(self.list_benchmarks, "page", progress, per_page=per_page, status=status)

    def get_benchmark(self, run_id: str) -> BenchmarkDetail:
        """Return a benchmark run with its results and their percentiles, which are empty until it ends.

        GET /api/v1/benchmarks/{run_id}
        """
        path = self._path("/api/v1/benchmarks/{run_id}", run_id=run_id)
        return self._request("GET", path).model(BenchmarkDetail)

    def get_benchmark_results(self, run_id: str) -> BenchmarkResults:
        """Return the results of a benchmark run in ``results``, which is empty until the run ends.

        GET /api/v1/benchmarks/{run_id}/results
        """
        path = self._path("/api/v1/benchmarks/{run_id}/results", run_id=run_id)
        return self._request("GET", path).model(BenchmarkResults)

    def export_benchmark(self, run_id: str, format: str = "json") -> Download:
        """Return a benchmark run and its results as a file: ``content``, ``text``, ``save(path)``.

        Args:
            format: ``json`` or ``csv``. CSV fields may contain newlines: use a CSV parser.

        GET /api/v1/benchmarks/{run_id}/export
        """
        path = self._path("/api/v1/benchmarks/{run_id}/export", run_id=run_id)
        return self._request("GET", path, params={"format": format}).download()

    def stream_benchmark(
        self, run_id: str, *, timeout: Optional[float] = None
    ) -> Generator[BenchmarkEvent, None, None]:
        """Yield the events of a benchmark run until its end.

        They are live if the package ``websockets`` is installed (the extra ``ws``) and no proxy is used.
        Otherwise, and after that connection breaks, the run is polled every second: the events are the same,
        but the results follow at its end. Each result is yielded once, including those from before the call.

        Args:
            timeout: seconds from the call to the end of the run; by default ``total_timeout``, or one hour.

        Returns:
            A generator of BenchmarkEvent: a ``progress`` when the run starts, a ``progress`` and a ``result``
            for each call, and a ``complete`` at the end. Leaving the loop closes the connection.

        Raises:
            StreamError: the run failed.
            APITimeoutError: the run did not end in time. One whose server died never ends.
            InvalidRequestError: an empty id, or an invalid timeout.

        WebSocket /api/v1/benchmarks/{run_id}/stream, GET /api/v1/benchmarks/{run_id} and its results
        """
        return iter_events(self._poller(run_id, timeout), self._expected_calls.get(run_id, 0))

    def wait_for_benchmark(
        self,
        run_id: str,
        *,
        timeout: Optional[float] = None,
        poll_interval: float = 1.0,
        progress: bool = False,
    ) -> BenchmarkDetail:
        """Wait for the end of a benchmark run and return it with its results.

        Args:
            timeout: seconds to wait in total; by default ``total_timeout``, or one hour.
            poll_interval: seconds between two requests.
            progress: show a progress bar (tqdm if it is installed) that follows ``stream_benchmark``.

        Raises:
            APIError: the run failed; ``partial`` of the error is the BenchmarkDetail.
            APITimeoutError: the run did not end in time. One whose server died never ends.
            InvalidRequestError: an empty id, or an invalid timeout or interval.

        GET /api/v1/benchmarks/{run_id}, repeatedly
        """
        run = self._poller(run_id, timeout)
        _check_seconds(poll_interval, "poll_interval")
        total = self._expected_calls.get(run_id, 0)
        with Progress(total, "calls", shown=progress) as bar, suppress(errors.StreamError):
            for event in iter_events(run, total) if progress else ():  # a failed run is a StreamError there
                bar.update(event.type == "result")
        for detail in run.poll(poll_interval):
            last = detail
        if last.status != "completed":
            raise run.unsent.error(errors.APIError, f"benchmark {run_id} {last.status}", partial=last)
        return last

    def _poller(self, run_id: str, timeout: Optional[float]) -> BenchmarkPoller:
        path = self._path("/api/v1/benchmarks/{run_id}", run_id=run_id)
        limit = self._options.total_timeout

        def request(suffix: str, seconds: float) -> Request:
            service = self.with_options(total_timeout=min(seconds, limit or seconds))
            return service._request("GET", path + suffix)

        seconds = (limit or _DEFAULT_TIMEOUT) if timeout is None else _check_seconds(timeout, "timeout")
        return BenchmarkPoller(run_id, request, seconds)


def _check_seconds(seconds: float, name: str) -> float:
    if not is_valid_timeout(seconds):
        raise InvalidRequestError(f"{name} must be a finite number of seconds above 0")
    return float(seconds)
