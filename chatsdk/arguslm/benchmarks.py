"""ArgusLM: benchmarks."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any, Generator, Iterator, List, Mapping, Optional, Union

from .. import errors
from .._core.auth import Credentials
from .._core.download import Download
from .._core.model import build_request
from .._core.options import Service
from .._core.paging import count, iter_pages
from .._core.request import Request
from .._core.service import ServiceClient
from .._core.transport import Transport
from .live import iter_events
from .models import (
    BenchmarkDetail,
    BenchmarkEvent,
    BenchmarkList,
    BenchmarkResults,
    BenchmarkRun,
    BenchmarkStart,
)
from .requests import BenchmarkCreate
from .runs import DEFAULT_TIMEOUT, BenchmarkPoller, check_seconds

_DEFAULT_RUNS = 3  # the server's
_MAX_REMEMBERED = 1000  # runs


class Benchmarks(ServiceClient):
    """The endpoints about benchmarks."""

    def __init__(self, transport: Transport, settings: Service, credentials: Credentials) -> None:
        super().__init__(transport, settings, credentials)
        self._expected_calls: OrderedDict[str, int] = OrderedDict()  # by run id; no endpoint tells it

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
        """Start a benchmark, which then runs in the background.

        Args:
            request: a BenchmarkCreate or a dict; or give its fields as keywords.

        Returns:
            The run; its ``id`` is for ``stream_benchmark``, ``wait_for_benchmark``, ``get_benchmark``, ...

        Raises:
            BadRequestError: a model that is not there, or one that is named twice.
            UnprocessableEntityError: a field is missing or outside its limits.

        POST /api/v1/benchmarks
        """
        body = build_request(BenchmarkCreate, request, locals())
        started = self._request("POST", "/api/v1/benchmarks", json=body).model(BenchmarkStart)
        runs = _DEFAULT_RUNS if body.num_runs is None else count(body.num_runs)
        self._expected_calls[started.id] = len(body.model_ids) * runs
        if len(self._expected_calls) > _MAX_REMEMBERED:
            self._expected_calls.popitem(last=False)
        return started

    def list_benchmarks(
        self, *, page: int = 1, per_page: int = 20, status: Optional[str] = None
    ) -> BenchmarkList:
        """Return one page of benchmark runs, newest first; ``iter_benchmarks`` goes through all of them.

        Args:
            page: from 1; one beyond the last is empty.
            per_page: runs on a page, 1 to 100.
            status: only those with this status: ``pending``, ``running``, ``completed``, ``failed``; an
                unknown one finds nothing.

        Returns:
            The page: ``runs``, and ``total`` of all pages.

        Raises:
            UnprocessableEntityError: a number outside its limits.

        GET /api/v1/benchmarks
        """
        params = {"page": page, "per_page": per_page, "status": status}
        return self._request("GET", "/api/v1/benchmarks", params=params).model(BenchmarkList)

    def iter_benchmarks(self, *, per_page: int = 20, status: Optional[str] = None) -> Iterator[BenchmarkRun]:
        """Yield all benchmark runs that ``list_benchmarks`` would give page by page, each once.

        A run that no longer has the ``status`` moves the others to pages that were fetched already: some may
        be skipped. Ask without ``status`` for all of them.

        Args:
            per_page: runs in each request, 1 to 100.
            status: as for ``list_benchmarks``.

        GET /api/v1/benchmarks, as often as there are pages
        """
        return iter_pages(self.list_benchmarks, "page", per_page=per_page, status=status)

    def get_benchmark(self, run_id: str) -> BenchmarkDetail:
        """Return a benchmark run, its results and their percentiles.

        Args:
            run_id: its id, a UUID.

        Returns:
            The run. Results are there from its end on. ``completed`` says nothing of success: each result may
            have an ``error``.

        Raises:
            NotFoundError: there is no such run.
            UnprocessableEntityError: the id is no UUID.

        GET /api/v1/benchmarks/{run_id}
        """
        path = self._path("/api/v1/benchmarks/{run_id}", run_id=run_id)
        return self._request("GET", path).model(BenchmarkDetail)

    def get_benchmark_results(self, run_id: str) -> BenchmarkResults:
        """Return the results of a benchmark run; there are none before its end.

        Args:
            run_id: its id, a UUID.

        Returns:
            The results, with ``to_rows()`` for tables.

        Raises:
            NotFoundError: there is no such run.
            UnprocessableEntityError: the id is no UUID.

        GET /api/v1/benchmarks/{run_id}/results
        """
        path = self._path("/api/v1/benchmarks/{run_id}/results", run_id=run_id)
        return self._request("GET", path).model(BenchmarkResults)

    def export_benchmark(self, run_id: str, format: str = "json") -> Download:
        """Return a benchmark run and its results as a file.

        Args:
            run_id: its id, a UUID.
            format: ``json`` or ``csv``. Read the CSV with a parser: fields may hold newlines.

        Returns:
            A Download: ``content``, ``text``, ``save(path)``.

        Raises:
            NotFoundError: there is no such run.
            UnprocessableEntityError: another format, or an id that is no UUID.

        GET /api/v1/benchmarks/{run_id}/export
        """
        path = self._path("/api/v1/benchmarks/{run_id}/export", run_id=run_id)
        return self._request("GET", path, params={"format": format}).download()

    def stream_benchmark(
        self, run_id: str, *, timeout: Optional[float] = None
    ) -> Generator[BenchmarkEvent, None, None]:
        """Yield what happens in a benchmark run, until its end.

        Live where the package ``websockets`` is installed (the extra ``ws``) and the server can be reached
        without a proxy. Otherwise, and where that connection breaks, the run is asked for once a
        second: then the same events come, but the results only at its end, which is when the server shows
        them. Either way each result comes once, also those from before the call.

        Args:
            run_id: its id, a UUID.
            timeout: seconds from the call to the end of the run; by default an hour, or ``total_timeout``.

        Returns:
            A generator of BenchmarkEvent: a ``progress`` when the run has begun, a ``progress`` and a
            ``result`` for each call, in the end a ``complete``. All of them have ``completed`` and ``total``,
            which are 0 while they are not known. ``data["tps"]`` is what ``get_benchmark_results`` calls
            ``tps_excluding_ttft``. Leaving the loop, ``close()`` and dropping it end the connection.

        Raises:
            NotFoundError, UnprocessableEntityError: there is no such run, or the id is no UUID.
            StreamError: the run failed; the text is the server's, where it tells one.
            APITimeoutError: it did not end in time. A run that died with its server never ends.
            InvalidRequestError: an empty id, or a timeout that is no number above 0.

        WebSocket /api/v1/benchmarks/{run_id}/stream, GET /api/v1/benchmarks/{run_id} and its results
        """
        return iter_events(self._poller(run_id, timeout), self._expected_calls.get(run_id, 0))

    def wait_for_benchmark(
        self, run_id: str, *, timeout: Optional[float] = None, poll_interval: float = 1.0
    ) -> BenchmarkDetail:
        """Wait for the end of a benchmark run.

        Args:
            run_id: its id, a UUID.
            timeout: seconds for the whole of it; by default an hour, or ``total_timeout``.
            poll_interval: seconds between two looks at it.

        Returns:
            The run with its results, as from ``get_benchmark``.

        Raises:
            NotFoundError, UnprocessableEntityError: there is no such run, or the id is no UUID.
            APIError: the run failed; ``partial`` of the error is the BenchmarkDetail.
            APITimeoutError: it did not end in time. A run that died with its server never ends.
            InvalidRequestError: an empty id, or a time that is no number above 0.

        GET /api/v1/benchmarks/{run_id}, again and again
        """
        run = self._poller(run_id, timeout)
        for detail in run.poll(check_seconds(poll_interval, "poll_interval")):
            last = detail
        if last.status != "completed":
            raise run.failed(errors.APIError, last, partial=last)
        return last

    def _poller(self, run_id: str, timeout: Optional[float]) -> BenchmarkPoller:
        path = self._path("/api/v1/benchmarks/{run_id}", run_id=run_id)
        limit = self._options.total_timeout

        def request(suffix: str, seconds: float) -> Request:
            service = self.with_options(total_timeout=min(seconds, limit or seconds))
            return service._request("GET", path + suffix)

        seconds = (limit or DEFAULT_TIMEOUT) if timeout is None else check_seconds(timeout, "timeout")
        return BenchmarkPoller(run_id, request, seconds)
