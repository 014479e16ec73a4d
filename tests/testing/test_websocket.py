"""The WebSocket side of the local server, on the live stream of ArgusLM."""

import base64
import hashlib
import json
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from chatsdk.testing import LocalServer, websocket

from .arguslm import CLOSE, PING, PONG, PREFIX, TEXT, UNKNOWN, ArgusApi, WebSocketClient, argus_server, frame
from .wire import TIMEOUT

MAGIC = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


@pytest.fixture
def quiet(arguslm):
    """A stream on which nothing is said."""
    with arguslm.watch(UNKNOWN) as client:
        yield client


class TestHandshake:
    def test_key_of_the_standard(self):
        assert websocket.accept_key("dGhlIHNhbXBsZSBub25jZQ==") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="

    def test_answer(self, quiet):
        digest = hashlib.sha1((quiet.key + MAGIC).encode()).digest()
        assert quiet.status == 101
        assert quiet.headers["upgrade"] == "websocket"
        assert quiet.headers["connection"] == "Upgrade"
        assert quiet.headers["sec-websocket-accept"] == base64.b64encode(digest).decode()
        assert "sec-websocket-extensions" not in quiet.headers

    def test_connection_may_have_more_options(self, arguslm):
        path, options = f"/benchmarks/{UNKNOWN}/stream", {"Connection": "keep-alive, UPGRADE"}
        with WebSocketClient(arguslm.base_url, path, **options) as client:
            assert client.status == 101

    @pytest.mark.parametrize("missing", ["Upgrade", "Connection"])
    def test_without_an_upgrade_it_is_plain_http(self, arguslm, missing):
        path = f"/benchmarks/{UNKNOWN}/stream"
        with WebSocketClient(arguslm.base_url, path, **{missing: None}) as client:
            assert client.status == 404

    def test_without_a_key(self, arguslm):
        path = f"/benchmarks/{UNKNOWN}/stream"
        with WebSocketClient(arguslm.base_url, path, **{"Sec-WebSocket-Key": None}) as client:
            assert client.status == 400
            assert b"Sec-WebSocket-Key" in client.reader.read()

    def test_is_recorded(self, server, quiet):
        (request,) = server.requests
        assert (request.method, request.path) == ("GET", f"{PREFIX}/benchmarks/{UNKNOWN}/stream")

    def test_may_be_made_to_fail(self, server, arguslm):
        server.fail("arguslm", 503)
        with arguslm.watch(UNKNOWN) as client:
            assert client.status == 503
        with arguslm.watch(UNKNOWN) as client:
            assert client.status == 101


class TestFrames:
    def test_ping(self, quiet):
        for payload in (b"", b"\x00\xff", b"x" * 125):
            quiet.send(PING, payload)
            assert quiet.receive() == (PONG, payload)

    def test_in_pieces(self, quiet):
        data = frame(PING, b"slowly") + frame(TEXT, b"ping")
        for position in range(len(data)):
            quiet.sock.sendall(data[position : position + 1])
        assert [quiet.receive(), quiet.receive()] == [(PONG, b"slowly"), (TEXT, b"pong")]

    def test_many_at_once(self, quiet):
        quiet.sock.sendall(frame(PING, b"1") + frame(PING, b"2") + frame(PING, b"3"))
        assert [quiet.receive() for _ in range(3)] == [(PONG, b"1"), (PONG, b"2"), (PONG, b"3")]

    @pytest.mark.parametrize("text", [b"hello", b"x" * 200, b"x" * 65536, b"\xff\xfe", b""])
    def test_other_texts_are_ignored(self, quiet, text):
        quiet.send(TEXT, text)
        quiet.send(2, b"binary")
        quiet.send(PONG, b"unasked")
        quiet.send(TEXT, b"ping")
        assert quiet.text() == "pong"

    def test_long_texts_out(self, session):
        name = "Ä" * 40000
        with argus_server(session, 0.1) as arguslm:
            model = arguslm.models()["gpt-4o"]["id"]
            for size, custom_name in ((126, name[:60]), (65536, name)):
                arguslm.patch(f"/models/{model}", json={"custom_name": custom_name})
                with arguslm.watch(arguslm.start("gpt-4o", num_runs=10)) as client:
                    texts = [client.text() for _ in range(3)]
                assert len(texts[1].encode("utf-8")) >= size
                assert json.loads(texts[1])["current_model"] == custom_name


class TestClosing:
    @pytest.mark.parametrize("payload", [b"", b"\x03\xe8", b"\x03\xe8done"])
    def test_by_the_client_is_echoed(self, quiet, payload):
        quiet.send(CLOSE, payload)
        assert quiet.rest() == [(CLOSE, payload[:2])]

    def test_frames_without_a_mask(self, quiet):
        quiet.sock.sendall(b"\x81\x04ping")
        assert quiet.rest() == [(CLOSE, b"\x03\xeaprotocol error")]

    def test_reserved_bits(self, quiet):
        quiet.sock.sendall(b"\xc1\x84mask\x00\x00\x00\x00")
        ((opcode, payload),) = quiet.rest()
        assert (opcode, payload[:2]) == (CLOSE, b"\x03\xea")

    def test_texts_that_are_too_big(self, quiet):
        quiet.sock.sendall(b"\x81\xff\x00\x00\x00\x00\x00\x01\x00\x01mask")
        assert quiet.rest() == [(CLOSE, b"\x03\xf1message too big")]

    def test_by_leaving_is_no_error(self, server, arguslm, capsys):
        for _ in range(3):
            with arguslm.watch(arguslm.start()) as client:
                client.message()
        server.close()
        assert server.errors == []
        assert capsys.readouterr() == ("", "")

    def test_with_the_server(self, session):
        before = set(threading.enumerate())
        server = LocalServer(call_seconds=1000)
        arguslm = ArgusApi(session, server.url("arguslm") + PREFIX, {})
        with arguslm.watch(arguslm.start()) as running, arguslm.watch(UNKNOWN) as quiet:
            assert running.message()["type"] == "progress"
            server.close()
            assert set(threading.enumerate()) == before
            assert running.rest() == quiet.rest() == []


class TestKeepAlive:
    @pytest.fixture(autouse=True)
    def _short(self, monkeypatch):
        monkeypatch.setattr(websocket, "PING_SECONDS", 0.3)
        monkeypatch.setattr(websocket, "QUIET_SECONDS", 1000)

    def test_who_answers_pings_stays(self, quiet):
        for _ in range(3):
            opcode, payload = quiet.receive()
            assert (opcode, len(payload)) == (PING, 4)
            quiet.send(PONG, payload)

    def test_who_does_not_is_closed(self, quiet):
        (first, _), last = quiet.rest()
        assert first == PING
        assert last == (CLOSE, b"\x03\xf3keepalive ping timeout")

    def test_another_answer_does_not_count(self, quiet):
        assert quiet.receive()[0] == PING
        quiet.send(PONG, b"else")
        assert quiet.receive() == (CLOSE, b"\x03\xf3keepalive ping timeout")

    def test_text(self, monkeypatch, arguslm):
        monkeypatch.setattr(websocket, "QUIET_SECONDS", 0.05)
        with arguslm.watch(UNKNOWN) as client:
            assert [client.text(), client.text()] == ['{"type":"ping"}'] * 2

    def test_text_waits_for_the_client_s_silence(self, monkeypatch, arguslm):
        monkeypatch.setattr(websocket, "PING_SECONDS", 1000)
        monkeypatch.setattr(websocket, "QUIET_SECONDS", 0.8)
        with arguslm.watch(UNKNOWN) as client:
            client.send(PING)
            assert client.receive() == (PONG, b"")
            monkeypatch.setattr(websocket, "QUIET_SECONDS", 1000)
            client.send(TEXT, b"ping")
            assert client.text() == "pong"
            client.sock.settimeout(1)
            with pytest.raises(OSError, match="timed out"):
                client.receive()


class TestCut:
    @pytest.mark.parametrize("after", [0, 1, 3])
    def test_drops_the_next_stream(self, server, arguslm, after):
        server.cut("arguslm", after=after)
        with arguslm.watch(arguslm.start(num_runs=10)) as client:
            assert client.status == 101
            assert [opcode for opcode, _ in client.rest()] == [TEXT] * after
        with arguslm.watch(arguslm.start(num_runs=2)) as client:
            assert client.messages()[-1] == {"type": "complete", "status": "completed"}

    def test_after_the_last_text(self, server, arguslm):
        server.cut("arguslm", after=100)
        with arguslm.watch(arguslm.start("gpt-4o", num_runs=3)) as client:
            assert json.loads(client.rest()[-1][1])["type"] == "complete"

    def test_waits_for_a_stream(self, server, arguslm):
        server.cut("arguslm", after=0, times=2)
        assert arguslm.get("/models").status_code == 200
        for _ in range(2):
            with arguslm.watch(UNKNOWN) as client:
                assert client.rest() == []
        with arguslm.watch(UNKNOWN) as client:
            client.send(CLOSE)
            assert client.rest() == [(CLOSE, b"")]


def test_many_watchers_get_all(session):
    with argus_server(session, 0.1) as arguslm, ThreadPoolExecutor(8) as pool:
        run_id = arguslm.start("gpt-4o", num_runs=10)

        def watch(_):
            with arguslm.watch(run_id) as client:
                return [message for message in client.messages() if message["type"] != "progress"]

        seen = list(pool.map(watch, range(8), timeout=TIMEOUT))
    complete = max(seen, key=len)
    assert [message["type"] for message in complete] == ["result"] * (len(complete) - 1) + ["complete"]
    for messages in seen:
        assert messages == complete[-len(messages) :]


def test_with_a_real_client(arguslm):
    client = pytest.importorskip("websockets.sync.client", reason="the package websockets is not installed")
    run_id = arguslm.start(num_runs=2)
    address = arguslm.base_url.replace("http", "ws") + f"/benchmarks/{run_id}/stream"
    with client.connect(address, open_timeout=TIMEOUT) as connection:
        assert connection.ping(b"are you there?").wait(TIMEOUT)
        connection.send("ping")
        found = [connection.recv(TIMEOUT)]
        while found[-1] != '{"type":"complete","status":"completed"}':
            found.append(connection.recv(TIMEOUT))
    assert "pong" in found
    assert connection.protocol.close_code == 1000
    types = [json.loads(text)["type"] for text in found if text != "pong"]
    assert types.count("result") == 6


@pytest.mark.parametrize("path", ["/benchmarks/nope/stream", f"/benchmarks/{UNKNOWN}/stream/", "/models"])
def test_a_real_client_is_refused(arguslm, path):
    client = pytest.importorskip("websockets.sync.client", reason="the package websockets is not installed")
    from websockets.exceptions import InvalidStatus

    address = arguslm.base_url.replace("http", "ws") + path
    with pytest.raises(InvalidStatus, match="403"):
        client.connect(address, open_timeout=TIMEOUT)
