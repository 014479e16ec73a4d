"""The live events of a benchmark, over a WebSocket."""

import gc
import json
import logging
import ssl
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

import pytest
import requests

from chatsdk import Client, Service, errors
from chatsdk._core import websocket
from chatsdk.arguslm import ArgusLMError, BenchmarkEvent, LiveResult, runs

pytest.importorskip("websockets", reason="the package websockets is not installed")

from websockets.datastructures import Headers
from websockets.http11 import Response

from tests.support.recordings import recordings

from .helpers import summarize
from .live_server import LiveServer, frames, vanish

KEY = "sk-argus-very-secret"
ID = "f2bfa32b-2249-4ed0-9d6e-6a11f5d9b6c0"
RECORDINGS = recordings("arguslm")
RUNNING = {"id": ID, "status": "running", "completed_at": None, "results": []}
START = {"type": "progress", "status": "running"}
COMPLETE = {"type": "complete", "status": "completed"}


def recorded_texts(name):
    """The text frames that the server sent in a recorded conversation, up to the end of the run."""
    texts = [
        frame["text"]
        for frame in RECORDINGS[name]["ws_frames"]
        if frame["dir"] == "in" and frame["opcode"] == "text"
    ]
    ends = [number for number, text in enumerate(texts, 1) if '"type":"complete"' in text]
    return texts[: ends[0]] if ends else texts


def recorded_body(name):
    return json.loads(RECORDINGS[name]["response"]["body"])


def result(model="m", ttft=1.5, error=None, number=0):
    """One result as HTTP shows it."""
    return {
        "id": f"result-{number}",
        "model_id": f"id-of-{model}",
        "model_name": model,
        "ttft_ms": ttft,
        "tps": 10.0,
        "tps_excluding_ttft": 20.0,
        "error": error,
    }


def pair(completed, total, shown):
    """The two frames of a result."""
    data = {name: shown[name] for name in ("model_id", "model_name", "ttft_ms", "error")}
    progress = {"completed": completed, "total": total, "current_model": shown["model_name"]}
    return [
        {"type": "progress", **progress},
        {"type": "result", "data": {**data, "tps": shown["tps_excluding_ttft"]}},
    ]


def completed(*results):
    return {
        "id": ID,
        "status": "completed",
        "completed_at": "2026-11-20T09:41:50.604857",
        "results": list(results),
    }


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(runs, "STATUS_CHECK_INTERVAL", 0.1)
    monkeypatch.setattr(runs, "RECV_TIMEOUT", 0.02)
    monkeypatch.setattr(runs, "POLL_SECONDS", 0.02)


@pytest.fixture
def connect():
    clients = []

    def make(server, session=None, **settings):
        # A run that the server calls running for ever is polled for an hour otherwise.
        limits = {"max_retries": 0, "total_timeout": 20}
        service = Service(server.url, **{"api_key": KEY, **limits, **settings})
        clients.append(Client(arguslm=service, session=session))
        return clients[-1].arguslm

    yield make
    for client in clients:
        client.close()


class TestRecordings:
    def test_a_whole_run(self, connect):
        texts = recorded_texts("ws_benchmark_full_run")
        results = recorded_body("benchmark_results")["results"]
        with LiveServer(frames(*texts), RUNNING, results=results) as server:
            events = list(connect(server).stream_benchmark(ID))
            assert server.left.wait(5)
        sent = [json.loads(text) for text in texts]
        assert [event.type for event in events] == [frame["type"] for frame in sent]
        for event, frame in zip(events, sent):
            shown = event.to_dict()
            for name in ("status", "current_model", "data"):
                expected = frame.get(name)
                if isinstance(expected, dict):
                    expected = {key: value for key, value in expected.items() if value is not None}
                assert shown.get(name) == expected
            if "completed" in frame:
                assert (event["completed"], event["total"]) == (frame["completed"], frame["total"])
        assert (events[0].completed, events[0].total) == (0, 0)  # which the server does not say
        assert summarize(events)[-1] == ("complete", 12, 12, None)
        assert server.requests == [f"/api/v1/benchmarks/{ID}"]  # all results came live
        assert server.closed == [1000]

    def test_both_ways_mean_the_same(self, connect):
        """The frames and the stored results of this run are the same."""
        texts = recorded_texts("ws_benchmark_full_run")
        detail = recorded_body("benchmark_get")
        with LiveServer(frames(*texts), RUNNING, detail) as server:
            api = connect(server)
            over_websocket = list(api.stream_benchmark(ID))
            over_http = list(api.stream_benchmark(ID))
        assert len(over_http) == len(over_websocket) == 26

        def results(events):
            return sorted(json.dumps(event.data.to_dict()) for event in events if event.type == "result")

        assert results(over_http) == results(over_websocket)
        assert [event.type for event in over_http] == [event.type for event in over_websocket]

    def test_joined_in_the_middle(self, connect):
        texts = recorded_texts("ws_connect_mid_run")
        data = [frame["data"] for frame in map(json.loads, texts) if frame["type"] == "result"]
        shown = [{**item, "tps": 1.0, "tps_excluding_ttft": item["tps"]} for item in data]
        before = [result(f"before {number}", number) for number in range(8)]
        with LiveServer(frames(*texts), RUNNING, results=[*before, *shown]) as server:
            events = list(connect(server).stream_benchmark(ID))
        assert summarize(events[:1]) == [("progress", 8, 12, None)]
        names = [event.data.model_name for event in events if event.type == "result"]
        assert names == [*(item["model_name"] for item in data), *(f"before {n}" for n in range(8))]
        assert {event.total for event in events} == {12}
        assert [event.completed for event in events] == sorted(event.completed for event in events)
        assert summarize(events)[-1] == ("complete", 12, 12, None)

    @pytest.mark.parametrize("end", [vanish, lambda connection: connection.close(1012)])
    def test_the_connection_ends_early_but_not_the_run(self, connect, end):
        texts = recorded_texts("ws_server_sigkill")
        data = [frame["data"] for frame in map(json.loads, texts) if frame["type"] == "result"]
        shown = [{**item, "tps": 1.0, "tps_excluding_ttft": item["tps"]} for item in data]
        rest = [result(f"later {number}", number) for number in range(4)]

        def play(connection):
            frames(*texts)(connection)
            assert seen.wait(5)
            end(connection)

        seen = Event()
        with LiveServer(play, RUNNING, RUNNING, completed(*rest, *shown)) as server:
            events = []
            for event in connect(server).stream_benchmark(ID):
                events.append(event)
                if len(events) == len(texts):
                    seen.set()
        assert summarize(events)[len(texts) :] == [
            item
            for number in range(4)
            for item in [
                ("progress", 3 + number, 6, f"later {number}"),
                ("result", 3 + number, 6, f"later {number}"),
            ]
        ] + [("complete", 6, 6, None)]
        assert len(server.requests) == 3

    def test_the_server_died(self, connect):
        detail = recorded_body("benchmark_get_after_sigkill_restart")
        assert detail["status"] == "running"

        def play(connection):
            frames(*recorded_texts("ws_server_sigkill"))(connection)
            vanish(connection)

        with LiveServer(play, detail) as server:
            stream = connect(server).stream_benchmark(ID, timeout=0.3)
            with pytest.raises(errors.APITimeoutError) as caught:  # between two looks, or in the midst of one
                list(stream)
            assert len(server.requests) > 1
        assert isinstance(caught.value, ArgusLMError)

    def test_keep_alives_are_no_events(self, connect):
        texts = recorded_texts("ws_long_run_with_pings")
        assert '{"type":"ping"}' in texts
        with LiveServer(frames(*texts), RUNNING) as server:
            events = list(connect(server).stream_benchmark(ID))
        assert [event.type for event in events] == ["progress", "progress", "result", "complete"]

    def test_an_unknown_run(self, connect):
        texts = recorded_texts("ws_unknown_run_accepted")
        assert set(texts) == {'{"type":"ping"}'}
        with LiveServer(frames(*texts), 404) as server:
            with pytest.raises(errors.NotFoundError) as caught:
                list(connect(server).stream_benchmark(ID))
            assert server.left.wait(5)
        assert isinstance(caught.value, ArgusLMError)
        assert server.closed == [1000]

    @pytest.mark.parametrize("name", ["ws_invalid_uuid_rejected", "ws_trailing_slash"])
    def test_a_refused_handshake(self, connect, name):
        status = RECORDINGS[name]["response"]["status"]
        assert status == 403
        refusal = Response(status, "Forbidden", Headers({"Content-Length": "0", "Connection": "close"}), b"")
        with LiveServer(None, completed(result()), refuse=refusal) as server:
            events = list(connect(server).stream_benchmark(ID))
        assert [event.type for event in events] == ["progress", "progress", "result", "complete"]
        assert len(server.handshakes) == 1


def test_an_event_reads_like_a_dict(connect):
    play = frames(START, *pair(1, 1, result("gpt", 233.5)), COMPLETE)
    with LiveServer(play, RUNNING) as server:
        lines = []
        for event in connect(server).stream_benchmark(ID):
            assert isinstance(event, BenchmarkEvent)
            if event["type"] == "progress":
                lines.append(f"Progress: {event['completed']}/{event['total']}")
            elif event["type"] == "result":
                assert isinstance(event.data, LiveResult)
                lines.append(f"Result: {event['data']['model_name']} {event['data']['ttft_ms']}ms")
                assert (event["data"]["tps"], event["data"]["error"]) == (20.0, None)
            elif event["type"] == "complete":
                lines.append("Benchmark finished!")
    assert lines == ["Progress: 0/0", "Progress: 1/1", "Result: gpt 233.5ms", "Benchmark finished!"]


def test_the_total_of_a_run_that_was_started_here(connect):
    with LiveServer(frames(START, *pair(1, 2, result())), RUNNING, completed(result(), result())) as server:
        api = connect(server)
        api._expected_calls[ID] = 2
        events = list(api.with_options(timeout=5).stream_benchmark(ID))
    assert summarize(events)[0] == ("progress", 0, 2, None)
    assert [event.total for event in events] == [2] * 6


def test_events_come_before_the_run_ends(connect):
    go_on = Event()

    def play(connection):
        frames(START, *pair(1, 2, result("first")))(connection)
        assert go_on.wait(5)
        frames(*pair(2, 2, result("second")), COMPLETE)(connection)

    with LiveServer(play, RUNNING) as server:
        stream = connect(server).stream_benchmark(ID)
        first = [next(stream) for _ in range(3)]
        assert summarize(first)[-1] == ("result", 1, 2, "first")
        go_on.set()
        assert summarize(stream)[-1] == ("complete", 2, 2, None)


def test_each_of_several_watchers_gets_all_events(connect):
    go_on = Event()

    def play(connection):
        frames(START)(connection)
        assert go_on.wait(5)
        frames(*pair(1, 1, result()), COMPLETE)(connection)

    with LiveServer(play, RUNNING) as server:
        api = connect(server)
        streams = [api.stream_benchmark(ID) for _ in range(4)]
        with ThreadPoolExecutor(4) as pool:
            firsts = list(pool.map(next, streams))
            go_on.set()
            rests = list(pool.map(list, streams))
    assert [first.type for first in firsts] == ["progress"] * 4
    assert [summarize(rest) for rest in rests] == [
        [("progress", 1, 1, "m"), ("result", 1, 1, "m"), ("complete", 1, 1, None)]
    ] * 4


class TestEnds:
    def test_a_run_that_ended_before(self, connect):
        detail = completed(result("a"), result("b", 0.0, "no"))
        with LiveServer(frames({"type": "ping"}), detail) as server:
            events = list(connect(server).stream_benchmark(ID))
        assert summarize(events) == [
            ("progress", 0, 0, None),
            ("progress", 1, 2, "a"),
            ("result", 1, 2, "a"),
            ("progress", 2, 2, "b"),
            ("result", 2, 2, "b"),
            ("complete", 2, 2, None),
        ]
        assert [event.data.tps for event in events if event.data] == [20.0, 20.0]
        assert events[0].status == "running"
        assert events[4].data.error == "no"

    def test_a_run_that_ended_between_connecting_and_asking(self, connect):
        """Its last frames have arrived, and HTTP shows the same: each result comes once."""
        shown = [result("a"), result("b")]
        play = frames(START, *pair(1, 2, shown[0]), *pair(2, 2, shown[1]), COMPLETE)
        with LiveServer(play, completed(*shown)) as server:
            events = list(connect(server).stream_benchmark(ID))
        assert [event.data.model_name for event in events if event.type == "result"] == ["a", "b"]
        assert events[-1].type == "complete"

    def test_a_connection_cut_between_a_progress_and_its_result(self, connect):
        shown = [result("a"), result("b"), result("c", number=2), result("b", 2.5, number=3)]

        def play(connection):
            frames(START, *pair(1, 4, shown[0]), pair(2, 4, shown[1])[0])(connection)
            assert seen.wait(5)
            vanish(connection)

        for stored in (shown, [shown[2], *shown[:2], shown[3]]):  # in any order
            seen = Event()
            with LiveServer(play, RUNNING, completed(*stored)) as server:
                stream = connect(server).stream_benchmark(ID)
                events = [next(stream) for _ in range(4)]
                seen.set()
                events += stream
            assert [(event.type, event.completed) for event in events[3:]] == [
                ("progress", 2),
                ("result", 2),
                ("progress", 3),
                ("result", 3),
                ("progress", 4),
                ("result", 4),
                ("complete", 4),
            ]
            models = [event.current_model or event.data.model_name for event in events[3:-1]]
            assert models[::2] == models[1::2]

    def test_a_run_that_ends_in_silence(self, connect):
        shown = [result("a"), result("b")]
        play = frames(START, *pair(1, 2, shown[0]))
        with LiveServer(play, RUNNING, RUNNING, completed(*shown)) as server:
            events = list(connect(server).stream_benchmark(ID))
            assert server.left.wait(5)
        assert summarize(events)[3:] == [
            ("progress", 2, 2, "b"),
            ("result", 2, 2, "b"),
            ("complete", 2, 2, None),
        ]
        assert server.closed == [1000]

    def test_keep_alives_are_silence(self, connect):
        stop = Event()

        def play(connection):
            while not stop.wait(0.005):
                connection.send('{"type":"ping"}')

        with LiveServer(play, RUNNING, RUNNING, completed(result())) as server:
            events = list(connect(server).stream_benchmark(ID))
            stop.set()
        assert events[-1].type == "complete"
        assert len(server.requests) == 4  # after connecting, twice in the silence, and for the results

    def test_the_same_result_several_times(self, connect):
        """A model that cannot be called gives equal results; those from before the connection still come."""
        broken = result("broken", 0.0, "no key")
        play = frames(
            {"type": "progress", "completed": 1, "total": 3, "current_model": None},
            *pair(2, 3, broken),
            *pair(3, 3, broken),
            COMPLETE,
        )
        with LiveServer(play, RUNNING, results=[broken] * 3) as server:
            events = list(connect(server).stream_benchmark(ID))
        assert len([event for event in events if event.type == "result"]) == 3

    def test_results_that_the_database_rounds_do_not_come_twice(self, connect):
        play = frames(*pair(1, 1, result("a", 1.23456789)), COMPLETE)
        with LiveServer(play, RUNNING, RUNNING, results=[result("a", 1.2346)]) as server:
            api = connect(server)
            api._expected_calls[ID] = 2  # so that it asks for the results
            events = list(api.stream_benchmark(ID))
        assert len([event for event in events if event.type == "result"]) == 1

    def test_results_without_progress_count_too(self, connect):
        play = frames(*(pair(0, 0, result(name))[1] for name in "ab"), COMPLETE)
        with LiveServer(play, RUNNING, results=[result(name) for name in "abc"]) as server:
            events = list(connect(server).stream_benchmark(ID))
        assert summarize(events) == [
            ("result", 1, 0, "a"),
            ("result", 2, 0, "b"),
            ("progress", 3, 3, "c"),
            ("result", 3, 3, "c"),
            ("complete", 3, 3, None),
        ]

    def test_the_run_failed(self, connect):
        text = "IntegrityError: 'x' \u2028 " + KEY
        play = frames(START, {"type": "error", "error": text, "status": "failed"})
        with LiveServer(play, RUNNING) as server:
            stream = connect(server).stream_benchmark(ID)
            assert next(stream).type == "progress"
            with pytest.raises(errors.StreamError) as caught:
                next(stream)
            assert server.left.wait(5)
        assert server.closed == [1000]
        error = caught.value
        assert isinstance(error, ArgusLMError)
        assert str(error) == "IntegrityError: 'x' \u2028 ***"
        assert error.code == "failed"
        assert error.body["error"] == "IntegrityError: 'x' \u2028 ***"
        assert error.url.endswith(f"/api/v1/benchmarks/{ID}")

    def test_an_error_with_the_key_as_a_number(self, connect):
        frame = {"type": "error", "error": "no", "row": 1234567}
        with LiveServer(frames(frame), RUNNING) as server, pytest.raises(errors.StreamError) as caught:
            list(connect(server, api_key="1234567").stream_benchmark(ID))
        assert "1234567" not in f"{caught.value} {caught.value.body}"

    def test_an_error_without_words(self, connect):
        with LiveServer(frames({"type": "error"}), RUNNING) as server, pytest.raises(
            errors.StreamError
        ) as caught:
            list(connect(server).stream_benchmark(ID))
        assert str(caught.value) == "the benchmark failed"

    def test_a_run_that_failed_before(self, connect):
        failed = {**RUNNING, "status": "failed"}
        with LiveServer(None, failed) as server, pytest.raises(errors.StreamError) as caught:
            list(connect(server).stream_benchmark(ID))
        assert str(caught.value) == f"benchmark {ID} failed"
        assert (caught.value.code, caught.value.body["status"]) == ("failed", "failed")

    @pytest.mark.parametrize("messages", [[], [START], ["pong"] * 3])
    def test_the_deadline(self, connect, messages):
        with LiveServer(frames(*messages), RUNNING) as server:
            begun = time.monotonic()
            with pytest.raises(errors.APITimeoutError):
                list(connect(server).stream_benchmark(ID, timeout=1))
            assert 0.9 < time.monotonic() - begun < 5
            assert server.left.wait(5)
        assert server.closed == [1000]

    def test_the_deadline_of_all_calls(self, connect):
        with LiveServer(None, RUNNING) as server:
            begun = time.monotonic()
            with pytest.raises(errors.APITimeoutError):
                list(connect(server, total_timeout=0.2).stream_benchmark(ID))
            assert time.monotonic() - begun < 3


class TestOddMessages:
    def test_what_is_no_message_is_passed_over(self, connect):
        odd = ["pong", "", "{", "[]", "null", '{"a":1}', '{"type":5}', '{"type":NaN}']
        play = frames(
            *odd, b"\xff\xfe", json.dumps(START).encode(), "[" * 100_000, *pair(1, 1, result()), COMPLETE
        )
        with LiveServer(play, RUNNING) as server:
            events = list(connect(server).stream_benchmark(ID))
        assert [event.type for event in events] == ["progress", "progress", "result", "complete"]

    def test_other_types_pass_through(self, connect):
        play = frames(
            *pair(1, 2, result()), {"type": "warmup", "model": "x"}, *pair(2, 2, result()), COMPLETE
        )
        with LiveServer(play, RUNNING) as server:
            events = list(connect(server).stream_benchmark(ID))
        assert events[2].type == "warmup"
        assert events[2]["model"] == "x"
        assert (events[2].completed, events[2].total) == (1, 2)

    def test_fields_that_are_something_else(self, connect):
        play = frames(
            {"type": "progress", "completed": "many", "total": None, "current_model": 5},
            {"type": "result", "data": "text"},
            {"type": "result", "data": {"model_id": ["x"], "ttft_ms": {}}},
            {"type": "result"},
            COMPLETE,
        )
        with LiveServer(play, RUNNING, results=[result("a")]) as server:
            events = list(connect(server).stream_benchmark(ID))
        assert [event.type for event in events][:4] == ["progress", "result", "result", "result"]
        assert (events[0].completed, events[0].total) == (0, 0)
        assert events[-1].type == "complete"

    def test_a_message_that_is_too_large(self, connect):
        play = frames(START, {"type": "result", "data": {"error": "x" * 5000}})
        with LiveServer(play, RUNNING, completed(result())) as server:
            events = list(connect(server, max_response_bytes=4000).stream_benchmark(ID))
        assert summarize(events)[1:] == [
            ("progress", 1, 1, "m"),
            ("result", 1, 1, "m"),
            ("complete", 1, 1, None),
        ]


class TestConnection:
    @pytest.mark.parametrize("leave", ["close", "break", "drop"])
    def test_who_leaves_ends_it(self, connect, leave):
        with LiveServer(frames(START, *pair(1, 2, result())), RUNNING) as server:
            stream = connect(server).stream_benchmark(ID)
            if leave == "break":
                for _ in stream:
                    break
                del _
            next(stream)
            if leave == "close":
                stream.close()
            del stream
            gc.collect()
            assert server.left.wait(5)
        assert server.closed == [1000]

    def test_nothing_is_opened_before_it_is_needed(self, connect):
        with LiveServer(None, RUNNING) as server:
            stream = connect(server).stream_benchmark(ID)
            stream.close()
        assert (server.handshakes, server.requests) == ([], [])

    def test_key_and_headers_are_those_of_all_requests(self, connect):
        with LiveServer(frames(COMPLETE), RUNNING) as server:
            api = connect(server, headers={"X-Trace": "abc", "Host": "other.example"})
            list(api.stream_benchmark(ID))
        headers = server.handshakes[0].headers
        assert headers.get_all("Authorization") == [f"Bearer {KEY}"]
        assert headers.get_all("X-Trace") == ["abc"]
        assert headers["User-Agent"].startswith("chatsdk/")
        assert len(headers.get_all("Host")) == len(headers.get_all("Connection")) == 1
        assert "Origin" not in headers
        assert server.handshakes[0].path == f"/api/v1/benchmarks/{ID}/stream"

    def test_the_path_prefix(self, connect):
        with LiveServer(frames(COMPLETE), RUNNING) as server:
            server.url += "/argus/"
            list(connect(server).stream_benchmark(ID))
        assert server.handshakes[0].path == f"/argus/api/v1/benchmarks/{ID}/stream"

    def test_a_redirect_is_not_followed(self, connect):
        with LiveServer(frames(COMPLETE), RUNNING) as elsewhere:
            location = elsewhere.url.replace("http", "ws", 1) + f"/api/v1/benchmarks/{ID}/stream"
            headers = Headers({"Location": location, "Content-Length": "0", "Connection": "close"})
            refusal = Response(307, "Temporary Redirect", headers, b"")
            with LiveServer(None, completed(result()), refuse=refusal) as server:
                events = list(connect(server).stream_benchmark(ID))
        assert events[-1].type == "complete"
        assert len(server.handshakes) == 1
        assert elsewhere.handshakes == []

    def test_the_key_is_in_no_log(self, connect, caplog):
        caplog.set_level(logging.DEBUG)
        with LiveServer(frames(START, *pair(1, 1, result("m" * 30))), RUNNING, completed(result())) as server:
            list(connect(server).stream_benchmark(ID))
        ours = [record for record in caplog.records if not record.name.startswith("websockets.server")]
        assert any("101" in record.getMessage() for record in ours)
        assert KEY not in "".join(record.getMessage() for record in ours)
        assert "m" * 30 not in "".join(record.getMessage() for record in ours)
        assert {record.name.split(".")[0] for record in ours} <= {"chatsdk", "urllib3"}

    def test_behind_a_proxy_there_is_no_websocket(self, connect, monkeypatch):
        with LiveServer(None, completed(result())) as server:
            api = connect(server)
            session = api._transport.session
            session.proxies["http"] = "http://127.0.0.1:9"
            assert websocket.open_websocket(api._request("GET", "/api/v1/benchmarks/x/stream")) is None
            session.proxies.clear()
        assert server.handshakes == []


class TestTLS:
    CERTIFICATE = str(Path(__file__).with_name("loopback.pem"))  # for 127.0.0.1, self-signed

    @pytest.fixture
    def server(self, monkeypatch):
        for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):  # they count for more than a session
            monkeypatch.delenv(name, raising=False)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.CERTIFICATE)
        # A ticket makes the client's reading thread enter OpenSSL while the other one writes the handshake
        # there: a TLS connection is not made for that, and now and then loses what was written.
        context.num_tickets = 0
        with LiveServer(frames(START, *pair(1, 1, result()), COMPLETE), RUNNING, secure=context) as server:
            yield server

    @pytest.mark.parametrize("verify", [CERTIFICATE, False])
    @pytest.mark.filterwarnings("ignore:Unverified HTTPS request")
    def test_verify_of_the_session_is_used(self, connect, server, verify):
        with requests.Session() as session:
            session.verify = verify
            events = list(connect(server, session).stream_benchmark(ID))
        assert [event.type for event in events] == ["progress", "progress", "result", "complete"]
        assert len(server.handshakes) == 1

    def test_a_self_signed_certificate_is_not_trusted_by_default(self, connect, server):
        with pytest.raises(errors.APIConnectionError):
            list(connect(server).stream_benchmark(ID))
        assert (server.handshakes, server.requests) == ([], [])

    def test_a_certificate_that_is_not_there(self, connect, server):
        with requests.Session() as session:
            session.verify = "/no/such/file.pem"
            exchange = connect(server, session)._request("GET", "/api/v1/benchmarks/x/stream")
            assert websocket.open_websocket(exchange) is None


class TestPackage:
    def test_it_is_found(self):
        assert websocket.find_connect() is not None

    def test_it_is_not_there(self, monkeypatch):
        for name in [name for name in sys.modules if name.split(".")[0] == "websockets"]:
            monkeypatch.delitem(sys.modules, name)
        monkeypatch.setitem(sys.modules, "websockets", None)
        assert websocket.find_connect() is None

    @pytest.mark.parametrize(("version", "usable"), [("12.0", False), ("11.0.3", False), ("13.0", True)])
    def test_its_version(self, monkeypatch, version, usable):
        monkeypatch.setattr("websockets.version.version", version)
        assert (websocket.find_connect() is not None) is usable

    def test_what_it_raises_stays_inside(self, connect, monkeypatch):
        def connect_badly(*_, **__):
            raise RuntimeError("can't start new thread")

        monkeypatch.setattr(websocket, "find_connect", lambda: connect_badly)
        with LiveServer(None, completed(result())) as server:
            events = list(connect(server).stream_benchmark(ID))
        assert events[-1].type == "complete"
