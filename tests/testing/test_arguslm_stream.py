"""The live stream of a benchmark: what is said, and when."""

import json
from datetime import datetime

import pytest

from chatsdk.testing.arguslm.calls import Call
from chatsdk.testing.arguslm.runs import Result, Run

from .arguslm import TEXT, UNKNOWN, WebSocketClient, argus_server

START = {"type": "progress", "status": "running"}
END = {"type": "complete", "status": "completed"}


@pytest.fixture
def run():
    """Two calls of 10 seconds each, from 101 to 121."""
    return Run(
        name="",
        model_ids=["1", "2"],
        prompt_pack="reasoning",
        started_at=datetime(2025, 1, 1),
        asked=100.0,
        begins=101.0,
        call_seconds=10.0,
        coming=[Result("1", "Öne", Call(100.0, 1100.0, 50)), Result("2", "two", Call(error="no"))],
    )


FIRST = [
    {"type": "progress", "completed": 1, "total": 2, "current_model": "Öne"},
    {
        "type": "result",
        "data": {"model_id": "1", "model_name": "Öne", "ttft_ms": 100.0, "tps": 50.0, "error": None},
    },
]
SECOND = [
    {"type": "progress", "completed": 2, "total": 2, "current_model": "two"},
    {
        "type": "result",
        "data": {"model_id": "2", "model_name": "two", "ttft_ms": 0.0, "tps": 0.0, "error": "no"},
    },
]


def snapshot(completed):
    return {"type": "progress", "completed": completed, "total": 2, "current_model": None}


class TestTexts:
    def told(self, run, clock):
        return [(when, json.loads(text)) for when, text in run.texts(clock)]

    def test_from_the_start(self, run):
        expected = [(101.0, START), *[(111.0, text) for text in FIRST]]
        expected += [(121.0, text) for text in [*SECOND, END]]
        assert self.told(run, 100.0) == expected

    @pytest.mark.parametrize("clock", [101.0, 105.0])
    def test_before_the_first_result(self, run, clock):
        told = self.told(run, clock)
        assert told[0] == (clock, snapshot(0))
        assert [text for _, text in told[1:]] == [*FIRST, *SECOND, END]

    @pytest.mark.parametrize("clock", [111.0, 120.9])
    def test_results_are_not_repeated(self, run, clock):
        told = self.told(run, clock)
        assert told[0] == (clock, snapshot(1))
        assert [text for _, text in told[1:]] == [*SECOND, END]

    @pytest.mark.parametrize("clock", [121.0, 500.0])
    def test_of_a_run_that_is_over(self, run, clock):
        assert self.told(run, clock) == []

    def test_are_compact_and_raw(self, run):
        _, (_, text), *_ = run.texts(100.0)
        assert text == '{"type":"progress","completed":1,"total":2,"current_model":"Öne"}'

    @pytest.mark.parametrize(
        ("clock", "status", "count"),
        [(100.9, "pending", 0), (101.0, "running", 0), (120.9, "running", 0), (121.0, "completed", 2)],
    )
    def test_over_http(self, run, clock, status, count):
        shown = run.shown(clock)
        assert (shown["status"], shown["result_count"], len(run.results(clock))) == (status, count, count)
        assert shown["completed_at"] == ("2025-01-01T00:00:21" if count else None)


class TestWatching:
    def test_to_the_end(self, arguslm):
        run_id = arguslm.start("gpt-4o", "gpt-4-broken", num_runs=2)
        with arguslm.watch(run_id) as client:
            messages = client.messages()
        # Over HTTP everything is there now, and the same.
        run = arguslm.read(f"/benchmarks/{run_id}")
        assert run["status"] == "completed"
        results = [message["data"] for message in messages if message["type"] == "result"]
        assert len(results) == 4
        for told, stored in zip(results, run["results"]):
            assert told["tps"] == stored["tps_excluding_ttft"]
            for name in ("model_id", "model_name", "ttft_ms", "error"):
                assert told[name] == stored[name]
        types = [message["type"] for message in messages]
        assert types == ["progress", *["progress", "result"] * 4, "complete"]
        assert messages[-1] == END

    def test_live(self, session):
        with argus_server(session, 0.1) as arguslm:
            run_id = arguslm.start("gpt-4o", num_runs=10)
            with arguslm.watch(run_id) as first:
                while first.message()["type"] != "result":
                    pass
                assert arguslm.read(f"/benchmarks/{run_id}/results")["total"] == 0
                with arguslm.watch(run_id) as second:
                    message = second.message()
        assert (message["type"], message["total"], message["current_model"]) == ("progress", 10, None)
        assert message["completed"] >= 1

    def test_the_connection_stays_open_afterwards(self, arguslm):
        with arguslm.watch(arguslm.start("gpt-4o", num_runs=3)) as client:
            assert client.messages()[-1] == END
            client.send(TEXT, b"ping")
            assert client.text() == "pong"

    @pytest.mark.parametrize("form", [str.upper, lambda text: text.replace("-", "")])
    def test_ids_in_other_forms(self, arguslm, form):
        with arguslm.watch(form(arguslm.start("gpt-4o", num_runs=3))) as client:
            assert client.messages()[-1] == END

    def test_a_run_that_is_over_or_unknown_is_silent(self, session):
        with argus_server(session, 0) as arguslm:
            for run_id in (arguslm.start(), UNKNOWN):
                with arguslm.watch(run_id) as client:
                    assert client.status == 101
                    client.send(TEXT, b"ping")
                    assert client.text() == "pong"

    @pytest.mark.parametrize(
        "path", ["/benchmarks/nope/stream", f"/benchmarks/{UNKNOWN}/stream/", "/benchmarks", "/nope"]
    )
    def test_refused(self, arguslm, path):
        with WebSocketClient(arguslm.base_url, path) as client:
            assert client.status == 403
            assert client.headers["content-length"] == "0"
            assert client.headers["connection"] == "close"
            assert client.reader.read() == b""

    @pytest.mark.parametrize("path", [f"{UNKNOWN}/stream", "nope/stream", f"{UNKNOWN}/stream/"])
    def test_plain_http(self, arguslm, path):
        answer = arguslm.get(f"/benchmarks/{path}")
        assert (answer.status_code, answer.json()) == (404, {"detail": "Not Found"})

    def test_any_key_is_ignored(self, arguslm):
        path = f"/benchmarks/{UNKNOWN}/stream"
        with WebSocketClient(arguslm.base_url, path, Authorization="Bearer nonsense") as client:
            assert client.status == 101
        assert arguslm.get("/models", headers={"Authorization": "Bearer nonsense"}).status_code == 200
