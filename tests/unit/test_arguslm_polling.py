"""Waiting for a benchmark over plain HTTP."""

import logging
import sys
from types import SimpleNamespace

import pytest
import requests

from chatsdk import Client, Service, errors
from chatsdk._core import websocket
from chatsdk.arguslm import ArgusLMError, BenchmarkDetail, runs

from .helpers import summarize

ID = "f2bfa32b-2249-4ed0-9d6e-6a11f5d9b6c0"
URL = f"https://argus.example/api/v1/benchmarks/{ID}"


def detail(status, *results, **more):
    return {"id": ID, "status": status, "completed_at": None, "results": list(results), **more}


def result(model, error=None):
    return {
        "model_id": f"id-of-{model}",
        "model_name": model,
        "ttft_ms": 1.5,
        "tps": 10.0,
        "tps_excluding_ttft": 20.0,
        "error": error,
    }


PENDING, RUNNING = detail("pending"), detail("running")
DONE = detail("completed", result("a"), result("b", "no"), completed_at="2026-11-20T09:41:50Z")


class Clock:
    """Time that passes only in sleep()."""

    def __init__(self):
        self.now = 1000.0
        self.sleeps = []

    def monotonic(self):
        return self.now

    def sleep(self, seconds):
        self.sleeps.append(seconds)
        self.now += seconds


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(runs, "time", SimpleNamespace(monotonic=clock.monotonic, sleep=clock.sleep))
    return clock


@pytest.fixture
def api(clock, monkeypatch):
    monkeypatch.setattr(websocket, "find_connect", lambda: None)
    with Client(arguslm=Service("https://argus.example", max_retries=0)).arguslm as api:
        yield api


def plan(http, *details):
    """Answer with one of these after the other, the last again and again."""
    for item in details:
        http.add("GET", URL, **({"json": item} if isinstance(item, dict) else {"status": item}))


class TestEvents:
    def test_from_start_to_end(self, http, api, clock):
        plan(http, PENDING, RUNNING, RUNNING, DONE)
        events = list(api.stream_benchmark(ID))
        assert summarize(events) == [
            ("progress", 0, 0, None),
            ("progress", 1, 2, "a"),
            ("result", 1, 2, "a"),
            ("progress", 2, 2, "b"),
            ("result", 2, 2, "b"),
            ("complete", 2, 2, None),
        ]
        assert [event.status for event in events] == ["running", None, None, None, None, "completed"]
        assert clock.sleeps == [1.0, 1.0, 1.0]

    def test_the_missing_extra_is_logged_once(self, http, api, caplog):
        caplog.set_level(logging.INFO, "chatsdk")
        plan(http, RUNNING, DONE)
        list(api.stream_benchmark(ID))
        (record,) = caplog.records
        assert (record.name, record.levelname) == ("chatsdk", "INFO")
        assert "the extra ws" in record.getMessage()

    def test_the_first_comes_as_soon_as_it_runs(self, http, api, clock):
        plan(http, PENDING, RUNNING, DONE)
        stream = api.stream_benchmark(ID)
        assert summarize([next(stream)]) == [("progress", 0, 0, None)]
        assert len(http.calls) == 2
        list(stream)

    def test_data_has_the_fields_of_the_websocket(self, http, api):
        plan(http, DONE)
        first, second = [event.data for event in api.stream_benchmark(ID) if event.type == "result"]
        assert first.to_dict() == {"model_id": "id-of-a", "model_name": "a", "ttft_ms": 1.5, "tps": 20.0}
        assert second.error == "no"

    def test_the_total_of_a_run_that_was_started_here(self, http, api):
        http.add("POST", "https://argus.example/api/v1/benchmarks", json={"id": ID})
        plan(http, RUNNING, DONE)
        api.start_benchmark(model_ids=["a", "b"], prompt_pack="p", num_runs=1)
        events = list(api.stream_benchmark(ID))
        assert {event.total for event in events} == {2}

    def test_a_run_without_results(self, http, api):
        plan(http, detail("completed"))
        assert summarize(api.stream_benchmark(ID)) == [("progress", 0, 0, None), ("complete", 0, 0, None)]

    def test_nothing_is_asked_before_it_is_needed(self, api):
        api.stream_benchmark(ID).close()

    def test_of_a_run_that_failed(self, http, api):
        plan(http, RUNNING, detail("failed"))
        stream = api.stream_benchmark(ID)
        assert next(stream).type == "progress"
        with pytest.raises(errors.StreamError, match=f"^benchmark {ID} failed$") as caught:
            next(stream)
        assert isinstance(caught.value, ArgusLMError)
        assert (caught.value.code, caught.value.body["id"]) == ("failed", ID)

    def test_of_a_run_that_goes_on_for_ever(self, http, api, clock):
        plan(http, RUNNING)
        stream = api.stream_benchmark(ID, timeout=3.5)
        assert next(stream).type == "progress"
        with pytest.raises(errors.APITimeoutError, match=r"did not end within 3\.5 seconds") as caught:
            next(stream)
        assert isinstance(caught.value, ArgusLMError)
        assert clock.sleeps == [1.0, 1.0, 1.0, 0.5]

    def test_an_hour_is_the_longest(self, http, api, clock, monkeypatch):
        monkeypatch.setattr(runs, "POLL_SECONDS", 60.0)
        plan(http, RUNNING)
        with pytest.raises(errors.APITimeoutError, match="3600 seconds"):
            list(api.stream_benchmark(ID))
        assert sum(clock.sleeps) == 3600


class TestWaiting:
    def test_until_the_end(self, http, api, clock):
        plan(http, PENDING, RUNNING, DONE)
        found = api.wait_for_benchmark(ID, poll_interval=0.25)
        assert isinstance(found, BenchmarkDetail)
        assert (found.status, len(found.results)) == ("completed", 2)
        assert clock.sleeps == [0.25, 0.25]

    def test_for_what_is_over(self, http, api, clock):
        plan(http, DONE)
        assert api.wait_for_benchmark(ID).completed_at is not None
        assert clock.sleeps == []

    @pytest.mark.parametrize(
        "end", [detail("failed"), detail("failed", completed_at="2026-11-20T09:41:50Z")], ids=["", "at"]
    )
    def test_for_what_failed(self, http, api, end):
        plan(http, RUNNING, end)
        with pytest.raises(errors.APIError, match=f"^benchmark {ID} failed$") as caught:
            api.wait_for_benchmark(ID)
        assert isinstance(caught.value, ArgusLMError)
        assert not isinstance(caught.value, (errors.APITimeoutError, errors.APIStatusError))
        assert caught.value.partial.status == "failed"

    def test_for_a_run_with_a_new_final_status(self, http, api):
        plan(http, RUNNING, detail("cancelled"), detail("cancelled", completed_at="2026-11-20T09:41:50Z"))
        with pytest.raises(errors.APIError, match=r"cancelled$"):
            api.wait_for_benchmark(ID)
        assert len(http.calls) == 3

    def test_too_long(self, http, api, clock):
        plan(http, RUNNING)
        with pytest.raises(errors.APITimeoutError, match="within 2 seconds"):
            api.wait_for_benchmark(ID, timeout=2, poll_interval=0.75)
        assert clock.sleeps == [0.75, 0.75, 0.5]

    def test_an_hour_is_the_longest(self, http, api, clock):
        plan(http, RUNNING)
        with pytest.raises(errors.APITimeoutError, match="3600 seconds"):
            api.wait_for_benchmark(ID, poll_interval=60)
        assert sum(clock.sleeps) == 3600

    def test_total_timeout_bounds_it(self, http, api):
        plan(http, RUNNING)
        hurried = api.with_options(total_timeout=5)
        with pytest.raises(errors.APITimeoutError, match="within 5 seconds"):
            hurried.wait_for_benchmark(ID)
        with pytest.raises(errors.APITimeoutError, match="within 9 seconds"):
            hurried.wait_for_benchmark(ID, timeout=9)

    @pytest.mark.parametrize(
        ("status", "kind"), [(404, errors.NotFoundError), (422, errors.UnprocessableEntityError)]
    )
    def test_for_what_is_not_there(self, http, api, status, kind):
        plan(http, status)
        with pytest.raises(kind):
            api.wait_for_benchmark(ID)
        with pytest.raises(kind):
            list(api.stream_benchmark(ID))

    def test_a_connection_that_breaks(self, http, api):
        plan(http, RUNNING)
        http.add("GET", URL, body=requests.ConnectionError("gone"))
        with pytest.raises(errors.APIConnectionError) as caught:
            api.wait_for_benchmark(ID)
        assert not isinstance(caught.value, errors.APITimeoutError)


class TestBar:
    @pytest.fixture(autouse=True)
    def no_tqdm(self, monkeypatch):
        monkeypatch.setitem(sys.modules, "tqdm.auto", None)

    def test_a_run_that_was_started_here(self, http, api, capsys):
        http.add("POST", "https://argus.example/api/v1/benchmarks", json={"id": ID})
        plan(http, PENDING, RUNNING, DONE)
        api.start_benchmark(model_ids=["a", "b"], prompt_pack="p", num_runs=1)
        assert len(api.wait_for_benchmark(ID, progress=True).results) == 2
        assert capsys.readouterr().err.splitlines()[-1].startswith("2/2 calls, ")

    def test_a_run_that_failed(self, http, api, capsys):
        plan(http, RUNNING, detail("failed"))
        with pytest.raises(errors.APIError, match=f"benchmark {ID} failed") as caught:
            api.wait_for_benchmark(ID, progress=True)
        assert isinstance(caught.value.partial, BenchmarkDetail)
        assert not isinstance(caught.value, errors.StreamError)
        assert capsys.readouterr().err.splitlines()[-1].startswith("0 calls, ")


class TestBadInput:
    BAD = (0, -1, float("nan"), float("inf"), 1e300, 10**400, "5", True, (1, 2))

    @pytest.mark.parametrize("seconds", BAD, ids=repr)
    def test_of_times(self, api, seconds):
        for call in (
            lambda: api.stream_benchmark(ID, timeout=seconds),
            lambda: api.wait_for_benchmark(ID, timeout=seconds),
        ):
            with pytest.raises(errors.InvalidRequestError, match=r"^timeout must") as caught:
                call()
            assert isinstance(caught.value, ArgusLMError)
        with pytest.raises(errors.InvalidRequestError, match=r"^poll_interval must"):
            api.wait_for_benchmark(ID, poll_interval=seconds)

    def test_no_interval(self, api):
        with pytest.raises(errors.InvalidRequestError):
            api.wait_for_benchmark(ID, poll_interval=None)

    def test_a_closed_client(self, api):
        stream = api.stream_benchmark(ID)
        api.close()
        with pytest.raises(ArgusLMError, match="closed"):
            next(stream)
