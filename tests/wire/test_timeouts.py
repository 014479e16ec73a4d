"""Every wait has an end."""

import gzip
import socket
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
import urllib3.util.connection

from chatsdk import APIConnectionError, APIError, APIStatusError, APITimeoutError
from chatsdk._core import options, retry

from .answers import ASK, CHAT, DONE, MODELS, STOP, framed, head, reply, text_event
from .server import CLOSE, RESET, SILENCE, Pause

# The begin of a gzip body of one long block that is stored as it is.
STORED = gzip.compress(b"")[:10] + b"\x00\xff\xff\x00\x00"
HEAD = head(200, "Content-Type: application/json", "Content-Length: 1000")
DROP = Pause(0.05)  # between two pieces of what drips


@contextmanager
def soon():
    """Less than any drip here lasts, and far more than a timeout here takes."""
    started = time.monotonic()
    yield
    assert time.monotonic() - started < 4


@pytest.fixture
def short_waits(monkeypatch):
    monkeypatch.setattr(retry, "BACKOFF_INITIAL", 0.01)
    monkeypatch.setattr(retry, "BACKOFF_MAX", 0.01)


def drip(first, piece, count=100):
    """Give *first*, and then *piece* again and again: no read ever waits long."""
    yield first
    for _ in range(count):
        yield piece
        yield DROP
    yield CLOSE


def dripping(framing, piece=b" "):
    return framed(framing, [piece, DROP] * 100, kind="application/json")


@pytest.mark.parametrize("answer", [SILENCE, [HEAD, SILENCE], [HEAD, b"{", SILENCE]], ids=str)
def test_a_silent_server_is_a_timeout(serve, connect, waits, answer):
    server = serve(answer)
    zaguan = connect(server, timeout=0.1).zaguan
    with pytest.raises(APITimeoutError):
        zaguan.chat(**ASK)
    assert len(server.settled()) == 1
    # Under a mounted Retry the same arrives as a ConnectionError around a MaxRetryError.
    with pytest.raises(APITimeoutError):
        zaguan.list_models()
    assert len(server.settled()) == 1 + 3


def test_the_read_timeout_of_a_pair(serve, connect):
    with pytest.raises(APITimeoutError):
        connect(serve(SILENCE), timeout=(30, 0.1), max_retries=0).zaguan.list_models()


def test_the_timeout_of_one_copy_and_of_one_request(serve, connect):
    zaguan = connect(serve(SILENCE), max_retries=0).zaguan
    with pytest.raises(APITimeoutError):
        zaguan.with_options(timeout=0.1).list_models()
    with pytest.raises(APITimeoutError):
        zaguan.request("POST", "/v1/models", timeout=0.1)


def test_a_timeout_waits_for_bytes_not_for_the_whole(serve, connect):
    """The body takes longer than the timeout, and no part of it does."""
    answer = framed("chunked", [b"[", *[Pause(0.1), b" "] * 6, b"]"], kind="application/json")
    response = connect(serve(answer), timeout=0.5).zaguan.request("GET", "/x")
    assert response.json() == []


@pytest.mark.parametrize(
    ("settings", "expected"),
    [({}, 5.0), ({"timeout": 30}, 5.0), ({"timeout": 2}, 2.0), ({"timeout": (0.7, 30)}, 0.7)],
)
def test_the_connect_timeout(serve, connect, monkeypatch, waits, settings, expected):
    used = []

    def never_connects(address, timeout=None, *args, **options):
        used.append(timeout)
        raise socket.timeout("timed out")

    monkeypatch.setattr(urllib3.util.connection, "create_connection", never_connects)
    with pytest.raises(APITimeoutError):
        connect("http://127.0.0.1:9", **settings).zaguan.chat(**ASK)
    assert used == [expected] * 3  # nothing was sent: also a POST may try again


@pytest.mark.skipif(sys.platform != "linux", reason="other systems answer for a full backlog")
def test_a_full_backlog_is_a_timeout(connect):
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        waiting = [socket.socket() for _ in range(3)]
        for sock in waiting:
            sock.setblocking(False)
            sock.connect_ex(listener.getsockname())
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        with pytest.raises(APITimeoutError):
            connect(url, timeout=(0.2, 30), max_retries=0).zaguan.chat(**ASK)
        for sock in waiting:
            sock.close()


def test_a_refused_connection_is_no_timeout(serve, connect):
    with pytest.raises(APIConnectionError) as caught:
        connect(serve(listen=False), max_retries=0).zaguan.chat(**ASK)
    assert not isinstance(caught.value, APITimeoutError)


@pytest.mark.parametrize("failure", [RESET, [HEAD, CLOSE], None], ids=["reset", "cut", "refused"])
def test_a_failure_is_not_judged_by_the_one_before_it(serve, connect, failure):
    """Whoever asks another service because the first was too slow works inside an "except" block."""
    slow = connect(serve(SILENCE), timeout=0.1).zaguan
    other = serve(*([failure] if failure else []), listen=failure is not None)

    def ask():
        try:
            slow.chat(**ASK)
        except APITimeoutError:
            connect(other, max_retries=0).zaguan.chat(**ASK)

    with pytest.raises(APIConnectionError) as caught:
        ask()
    assert not isinstance(caught.value, APITimeoutError)
    assert not isinstance(caught.value.__cause__, APITimeoutError)


SLOW = {
    "silent": lambda: SILENCE,
    "silent after the head": lambda: [HEAD, SILENCE],
    "dripping head": lambda: drip(b"HTTP/1.1 200 OK\r\nX-Slow: ", b"a"),
    "dripping header lines": lambda: drip(b"HTTP/1.1 200 OK\r\n", b"X-Slow: 1\r\n", 90),
    "dripping length": lambda: dripping("length"),
    "dripping chunks": lambda: dripping("chunked"),
    "dripping chunk": lambda: dripping("one-chunk"),
    "dripping until close": lambda: dripping("close"),
    "dripping chunk size": lambda: drip(head(200, "Transfer-Encoding: chunked") + b"5;", b"a"),
    "dripping trailer": lambda: drip(head(200, "Transfer-Encoding: chunked") + b"0\r\n", b"A: 1\r\n"),
    "dripping gzip": lambda: drip(head(200, "Content-Encoding: gzip") + STORED, b" "),
    "dripping failure": lambda: drip(head(500, "Content-Length: 1000"), b" "),
    "dripping refusal": lambda: drip(head(503, "Content-Length: 1000"), b" "),
    "dripping redirect": lambda: drip(head(302, "Location: /x", "Content-Length: 1000"), b" "),
}


@pytest.mark.parametrize(("method", "retries"), [("GET", 5), ("POST", 0)])
def test_total_timeout_bounds_the_call(serve, connect, short_waits, method, retries):
    def ask(zaguan):
        # Of a failure the status is the news, even if its text never comes.
        with pytest.raises((APITimeoutError, APIStatusError)):
            zaguan.request(method, "/v1/models")
        return time.monotonic()

    servers = [serve(lambda request, slow=slow: slow()) for slow in SLOW.values()]
    settings = {"timeout": 30, "total_timeout": 0.2, "max_retries": retries}
    services = [connect(server, **settings).zaguan for server in servers]
    started = time.monotonic()
    with ThreadPoolExecutor(len(SLOW)) as pool:  # nearly all of it is waiting
        ends = dict(zip(SLOW, pool.map(ask, services)))
    assert {name: end for name, end in ends.items() if end - started >= 4} == {}


def test_total_timeout_bounds_a_call_through_a_proxy(serve, connect, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", serve(lambda request: SLOW["dripping head"]()).url)
    with soon(), pytest.raises(APITimeoutError):
        connect("http://127.0.0.1:9", total_timeout=0.2, max_retries=0).zaguan.chat(**ASK)


def test_total_timeout_bounds_all_attempts_together(serve, connect, short_waits):
    server = serve(SILENCE)
    with soon(), pytest.raises(APITimeoutError):
        connect(server, timeout=0.1, total_timeout=0.35, max_retries=1000).zaguan.list_models()
    assert 2 <= len(server.settled()) <= 4


def test_total_timeout_bounds_attempts_after_cut_bodies(serve, connect, short_waits):
    server = serve([HEAD, Pause(0.1), RESET])
    with soon(), pytest.raises(APIError):
        connect(server, total_timeout=0.5, max_retries=1000).zaguan.list_models()
    assert 2 <= len(server.requests) <= 6


def test_total_timeout_bounds_the_connection(connect, monkeypatch):
    used = []

    def never_connects(address, timeout=None, *args, **options):
        used.append(timeout)
        raise socket.timeout("timed out")

    monkeypatch.setattr(urllib3.util.connection, "create_connection", never_connects)
    with pytest.raises(APITimeoutError):
        connect("http://127.0.0.1:9", total_timeout=0.5, max_retries=0).zaguan.list_models()
    assert 0 < used[0] <= 0.5


def test_total_timeout_of_a_copy(serve, connect):
    server = serve([HEAD, *[b" ", DROP] * 100])
    with soon(), pytest.raises(APITimeoutError):
        connect(server, max_retries=0).zaguan.with_options(total_timeout=0.2).list_models()


def test_total_timeout_bounds_a_stream(serve, connect):
    server = serve(framed("chunked", [text_event("a"), DROP] * 100))
    stream = connect(server, total_timeout=0.3).zaguan.chat_stream(**ASK)
    texts = []
    with soon(), pytest.raises(APITimeoutError) as caught:
        texts.extend(chunk.text for chunk in stream)
    assert caught.value.partial.text == "".join(texts) != ""


def test_total_timeout_ends_with_its_call(serve, connect):
    """The socket of the next call is the same, its time is not."""
    server = serve(MODELS, [Pause(0.7), CHAT])
    zaguan = connect(server).zaguan
    zaguan.with_options(total_timeout=0.6).list_models()
    assert zaguan.chat(**ASK).text == "Hello"
    assert len(server.connections) == 1


@pytest.mark.parametrize(
    ("settings", "ends"), [({}, True), ({"timeout": 30}, False), ({"timeout": 0.2}, True)], ids=str
)
def test_streams_wait_longer_unless_told_otherwise(serve, connect, monkeypatch, settings, ends):
    monkeypatch.setattr(options, "STREAM_TIMEOUT", 0.2)
    server = serve(framed("chunked", [text_event("a"), Pause(0.5), STOP, DONE]))
    stream = connect(server, **settings).zaguan.chat_stream(**ASK)
    assert next(stream).text == "a"
    if ends:
        with pytest.raises(APITimeoutError) as caught:
            next(stream)
        assert caught.value.partial.text == "a"
    else:
        assert stream.final().text == "a"


def test_a_plain_call_does_not_wait_like_a_stream(serve, connect, monkeypatch):
    monkeypatch.setattr(options, "STREAM_TIMEOUT", 0.1)
    assert connect(serve([Pause(0.3), CHAT])).zaguan.chat(**ASK).text == "Hello"


def test_a_stream_that_never_begins_is_a_timeout_of_the_call(serve, connect):
    with pytest.raises(APITimeoutError):
        connect(serve(SILENCE), timeout=0.1).zaguan.chat_stream(**ASK)


@pytest.mark.parametrize("status", [400, 500])
def test_a_failure_without_its_text_is_still_that_failure(serve, connect, status):
    server = serve([head(status, "Content-Length: 100"), b"half of", SILENCE])
    with pytest.raises(APIStatusError) as caught:
        connect(server, timeout=0.2).zaguan.chat(**ASK)
    assert caught.value.status_code == status


def test_time_for_a_wait_that_the_server_asks_for(serve, connect, waits):
    server = serve(reply(b"", 429, "Retry-After: 2"), CHAT)
    assert connect(server, total_timeout=30).zaguan.chat(**ASK).text == "Hello"
    assert waits == [2.0]
