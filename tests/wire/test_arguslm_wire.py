"""ArgusLM on the wire: what is sent once, what is sent again, and WebSockets that go wrong."""

import base64
import hashlib
import json
import time
from functools import partial

import pytest

from chatsdk import (
    APIConnectionError,
    APITimeoutError,
    Client,
    ConflictError,
    InternalServerError,
    Service,
)
from chatsdk.arguslm import ArgusLMError, runs
from tests.support.cases import for_each

from .answers import json_reply
from .conftest import KEY
from .server import CLOSE, RESET, SILENCE, Pause

ID = "f2bfa32b-2249-4ed0-9d6e-6a11f5d9b6c0"
RUNNING = {"id": ID, "status": "running", "completed_at": None, "results": []}
RESULT = {
    "model_id": "m",
    "model_name": "a\u2028\u6a21",
    "ttft_ms": 1.5,
    "tps": 1.0,
    "tps_excluding_ttft": 2.0,
}
DONE = {**RUNNING, "status": "completed", "results": [RESULT]}


@pytest.fixture
def argus(serve):
    """A namespace and the server behind it; keywords are settings of the service."""
    clients = []

    def make(*answers, **settings):
        server = serve(*answers)
        clients.append(Client(arguslm=Service(server.url, **{"api_key": KEY, **settings})))
        return clients[-1].arguslm, server

    yield make
    for client in clients:
        client.close()


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(runs, "POLL_SECONDS", 0.01)


CHANGES = (
    ("create_provider", [{"display_name": "n", "provider_type": "t"}]),
    ("update_provider", [ID, {"enabled": True}]),
    ("delete_provider", [ID]),
    ("test_provider_connection", [{"display_name": "n", "provider_type": "t"}]),
    ("test_existing_provider", [ID]),
    ("refresh_provider_models", [ID]),
    ("create_model", [{"provider_account_id": ID, "model_id": "m"}]),
    ("update_model", [ID, {"custom_name": ""}]),
    ("update_monitoring_config", [{"enabled": True}]),
    ("run_monitoring", []),
    ("start_benchmark", [{"model_ids": [ID], "prompt_pack": "p"}]),
    ("create_alert_rule", [{"name": "n", "rule_type": "t"}]),
    ("update_alert_rule", [ID, {"enabled": True}]),
    ("delete_alert_rule", [ID]),
    ("acknowledge_alert", [ID]),
)


@for_each(CHANGES, at_once=True)
def test_a_change_is_sent_once_before_a_timeout(method, args, argus):
    api, server = argus([SILENCE], timeout=0.1, max_retries=3)
    with pytest.raises(APITimeoutError) as caught:
        getattr(api, method)(*args)
    assert isinstance(caught.value, ArgusLMError)
    assert len(server.settled()) == 1


class TestOnce:
    """What the server may have acted on is never sent again."""

    @pytest.mark.parametrize(("method", "args"), CHANGES)
    def test_after_a_lost_connection(self, argus, method, args):
        api, server = argus([RESET], max_retries=3)
        with pytest.raises(APIConnectionError):
            getattr(api, method)(*args)
        assert len(server.requests) == 1

    @pytest.mark.parametrize(("status", "kind"), [(409, ConflictError), (500, InternalServerError)])
    def test_after_a_refusal(self, argus, status, kind):
        api, server = argus(json_reply({"detail": "no"}, status), max_retries=3)
        with pytest.raises(kind):
            api.delete_provider(ID)
        assert len(server.requests) == 1


class TestWaiting:
    def test_a_broken_look_is_repeated(self, argus, waits):
        api, server = argus(json_reply(RUNNING), [RESET], json_reply(DONE))
        assert api.wait_for_benchmark(ID, poll_interval=0.01).status == "completed"
        assert len(waits) == 1
        assert len(server.requests) == 3

    def test_one_that_stays_broken_raises(self, argus, waits):
        api, server = argus(json_reply(RUNNING), [RESET], max_retries=2)
        with pytest.raises(APIConnectionError):
            api.wait_for_benchmark(ID, poll_interval=0.01)
        assert len(server.requests) == 4

    def test_one_connection_is_enough(self, argus):
        api, server = argus(*[json_reply(RUNNING)] * 5, json_reply(DONE))
        api.wait_for_benchmark(ID, poll_interval=0.001)
        assert len(server.requests) == 6
        assert len(server.connections) == 1

    def test_a_server_that_ends_each_connection(self, argus):
        last = json_reply(DONE, 200, "Connection: close")
        api, server = argus([json_reply(RUNNING, 200, "Connection: close"), CLOSE], [last, CLOSE])
        assert api.wait_for_benchmark(ID, timeout=5, poll_interval=0.001).status == "completed"
        assert len(server.connections) == 2


@for_each(["wait_for_benchmark", "stream_benchmark"], at_once=True)
def test_waiting_for_a_server_that_says_nothing(method, argus):
    """The read timeout of each request is longer than the timeout of the call."""
    api, _ = argus([SILENCE])
    begun = time.monotonic()
    with pytest.raises(APITimeoutError) as caught:
        list(getattr(api, method)(ID, timeout=0.2))
    assert time.monotonic() - begun < 5
    assert isinstance(caught.value, ArgusLMError)


def handshake(request, key=None):
    """The answer that opens a WebSocket."""
    key = key or request.headers["sec-websocket-key"]
    digest = hashlib.sha1((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest()
    lines = [
        "HTTP/1.1 101 Switching Protocols",
        "Upgrade: websocket",
        "Connection: Upgrade",
        f"Sec-WebSocket-Accept: {base64.b64encode(digest).decode()}",
    ]
    return "\r\n".join([*lines, "", ""]).encode()


def text_frame(message):
    data = json.dumps(message, ensure_ascii=False).encode("utf-8")
    size = bytes([len(data)]) if len(data) < 126 else b"\x7e" + len(data).to_bytes(2, "big")
    return b"\x81" + size + data


START = text_frame({"type": "progress", "status": "running"})
PROGRESS = text_frame({"type": "progress", "completed": 1, "total": 1, "current_model": "a\u2028\u6a21"})
TOLD = text_frame(
    {"type": "result", "data": {"model_id": "m", "model_name": "a\u2028\u6a21", "ttft_ms": 1.5, "tps": 2.0}}
)
END = text_frame({"type": "complete", "status": "completed"})


@pytest.mark.usefixtures("quick")
class TestWebSocket:
    @pytest.fixture(autouse=True)
    def package(self):
        pytest.importorskip("websockets", reason="the package websockets is not installed")

    @pytest.fixture
    def stream(self, argus):
        """Events of a run whose WebSocket is answered by *reply*: steps made from the request."""

        def make(reply, details=(RUNNING, RUNNING, DONE), **settings):
            left = list(details)

            def answer(request):
                if request.target.endswith("/stream"):
                    assert request.headers["authorization"] == f"Bearer {KEY}"
                    return reply(request)
                return json_reply(left.pop(0) if len(left) > 1 else left[0])

            api, server = argus(answer, **{"max_retries": 0, "total_timeout": 20, **settings})
            return list(api.stream_benchmark(ID)), server

        return make

    def check(self, events):
        """Each event comes once, over the WebSocket or by polling."""
        assert [event.type for event in events] == ["progress", "progress", "result", "complete"]
        assert [(event.completed, event.total) for event in events[1:]] == [(1, 1)] * 3
        assert events[1].current_model == events[2].data.model_name == "a\u2028\u6a21"

    def test_frames_in_one_piece(self, stream):
        events, server = stream(lambda request: [handshake(request) + START + PROGRESS + TOLD + END, CLOSE])
        self.check(events)
        assert len(server.requests) == 2

    def test_frames_byte_by_byte(self, stream):
        sent = START + PROGRESS + TOLD + END
        pieces = [sent[number : number + 1] for number in range(len(sent))]
        events, _ = stream(lambda request: [handshake(request), *pieces, CLOSE])
        self.check(events)

    def test_a_silence_longer_than_the_connect_timeout(self, stream):
        later = [Pause(0.5), START + PROGRESS + TOLD + END, CLOSE]
        events, server = stream(lambda request: [handshake(request), *later], timeout=(0.2, 5))
        self.check(events)
        assert len(server.requests) == 2

    @pytest.mark.parametrize(
        "end",
        [
            [CLOSE],
            [RESET],
            [PROGRESS[:9], CLOSE],
            [PROGRESS, CLOSE],
            [PROGRESS, TOLD[:-1], RESET],
            [PROGRESS + TOLD, CLOSE],
            [b"\x88\x02\x03\xf4", CLOSE],  # close, 1012
            [b"HTTP/1.1 500 Internal Server Error\r\n\r\n", CLOSE],
            [b"\x81\x02\xff\xfe", CLOSE],  # no UTF-8
            [b"\x81\x7f" + b"\xff" * 8, CLOSE],  # longer than anything
        ],
        ids=repr,
    )
    def test_that_ends_early(self, stream, end):
        events, _ = stream(lambda request: [handshake(request), START, *end])
        self.check(events)

    @pytest.mark.parametrize(
        "reply",
        [
            lambda request: [CLOSE],
            lambda request: [RESET],
            lambda request: [b"nonsense\r\n\r\n", CLOSE],
            lambda request: [handshake(request, key="another"), CLOSE],
            lambda request: json_reply({"detail": "Not Found"}, 404),
            lambda request: json_reply({}),
            lambda request: [b"HTTP/1.1 101 Switching Protocols\r\n", CLOSE],
        ],
        ids=["closed", "reset", "nonsense", "wrong key", "404", "200", "cut"],
    )
    def test_that_does_not_open(self, stream, reply):
        events, server = stream(reply)
        self.check(events)
        assert sum(request.target.endswith("/stream") for request in server.requests) == 1

    @pytest.mark.parametrize("settings", [{"timeout": (0.2, 5)}, {"total_timeout": 0.5}], ids=str)
    def test_that_is_not_answered(self, stream, settings):
        begun = time.monotonic()
        events, _ = stream(lambda request: [SILENCE], **settings)
        self.check(events)
        assert time.monotonic() - begun < 3

    def test_that_goes_silent_while_the_run_ends(self, stream, monkeypatch):
        monkeypatch.setattr(runs, "STATUS_CHECK_INTERVAL", 0.05)
        monkeypatch.setattr(runs, "RECV_TIMEOUT", 0.01)
        events, _ = stream(lambda request: [handshake(request), START, SILENCE])
        self.check(events)


def test_the_deadline_holds_while_a_server_keeps_pinging(argus):
    pytest.importorskip("websockets", reason="the package websockets is not installed")

    def pings(request):
        yield handshake(request)
        while True:
            yield text_frame({"type": "ping"})
            yield Pause(0.01)

    def answer(request):
        return pings(request) if request.target.endswith("/stream") else json_reply(RUNNING)

    api, server = argus(answer)
    with pytest.raises(APITimeoutError):
        list(api.stream_benchmark(ID, timeout=0.2))
    server.until(lambda: any(connection.closed.is_set() for connection in server.connections))


def test_raw_line_separators_in_answers(argus):
    body = json.dumps({"items": [{"id": ID, "message": "a\u2028b"}]}, ensure_ascii=False).encode("utf-8")
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body)
    api, _ = argus(head + body)
    assert [alert.message for alert in api.iter_alerts()] == ["a\u2028b"]


def test_credentials_are_in_no_error_of_a_broken_exchange(argus):
    secret = "sk-provider-0123456789"
    echo = (
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n" + secret.encode()
    )
    broken = f"{secret}\r\n\r\n".encode()
    for reply in (echo, broken):
        api, _ = argus([reply, CLOSE])
        create = partial(api.create_provider, display_name="n", provider_type="t")
        with pytest.raises(APIConnectionError) as caught:
            create(credentials={"api_key": secret})
        error = caught.value
        while error is not None:
            assert secret not in f"{error} {error!r}"
            error = error.__cause__
