"""Every wait has an end."""

import gzip
import socket
import sys
import time
from contextlib import contextmanager
from functools import partial
from itertools import product

import pytest
import urllib3.util.connection

from chatsdk import APIConnectionError, APIError, APIStatusError, APITimeoutError
from chatsdk._core import options, retry
from tests.support.cases import for_each

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


@pytest.fixture
def short_stream_timeout(monkeypatch):
    monkeypatch.setattr(options, "STREAM_TIMEOUT", 0.2)


def drip(first, piece, count=100):
    """Give *first*, and then *piece* again and again: no read ever waits long."""
    yield first
    for _ in range(count):
        yield piece
        yield DROP
    yield CLOSE


def dripping(framing, piece=b" "):
    return framed(framing, [piece, DROP] * 100, kind="application/json")


SILENT = {"at once": SILENCE, "after the head": [HEAD, SILENCE], "in the body": [HEAD, b"{", SILENCE]}


@for_each(product(SILENT, ["POST", "GET"]), at_once=True)
def test_a_silent_server_is_a_timeout(place, method, serve, connect, waits):
    """Under a mounted Retry it arrives as a ConnectionError around a MaxRetryError."""
    server, attempts = serve(SILENT[place]), 3 if method == "GET" else 1
    zaguan = connect(server, timeout=0.1).zaguan
    with pytest.raises(APITimeoutError):
        zaguan.list_models() if method == "GET" else zaguan.chat(**ASK)
    server.until(lambda: len(server.requests) >= attempts)
    assert len(server.settled()) == attempts


TIMEOUTS = {
    "of a pair": lambda connect, server: connect(server, timeout=(30, 0.1)).zaguan.list_models(),
    "of a copy": lambda connect, server: connect(server).zaguan.with_options(timeout=0.1).list_models(),
    "of one request": lambda connect, server: connect(server).zaguan.request("POST", "/x", timeout=0.1),
    "of a stream that never begins": lambda connect, server: connect(server, timeout=0.1).zaguan.chat_stream(
        **ASK
    ),
}


@for_each(TIMEOUTS, at_once=True)
def test_a_read_timeout(name, serve, connect):
    with pytest.raises(APITimeoutError):
        TIMEOUTS[name](partial(connect, max_retries=0), serve(SILENCE))


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
            connect(url, timeout=(0.1, 30), max_retries=0).zaguan.chat(**ASK)
        for sock in waiting:
            sock.close()


def test_a_refused_connection_is_no_timeout(serve, connect):
    with pytest.raises(APIConnectionError) as caught:
        connect(serve(listen=False), max_retries=0).zaguan.chat(**ASK)
    assert not isinstance(caught.value, APITimeoutError)


FAILURES = {"reset": RESET, "cut": [HEAD, CLOSE], "refused": None}


@for_each(FAILURES, at_once=True)
def test_a_failure_is_not_judged_by_the_one_before_it(name, serve, connect):
    """Whoever asks another service because the first was too slow works inside an "except" block."""
    slow = connect(serve(SILENCE), timeout=0.1).zaguan
    other = serve(FAILURES[name], listen=name != "refused")

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


@for_each(product(SLOW, [("GET", 5), ("POST", 0)]), at_once=True)
def test_total_timeout_bounds_the_call(kind, call, serve, connect, short_waits):
    method, retries = call
    server = serve(lambda request: SLOW[kind]())
    zaguan = connect(server, timeout=30, total_timeout=0.2, max_retries=retries).zaguan
    # Of a failure the status is the news, even if its text never comes.
    with soon(), pytest.raises((APITimeoutError, APIStatusError)):
        zaguan.request(method, "/v1/models")


def test_total_timeout_bounds_a_call_through_a_proxy(serve, connect, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", serve(lambda request: SLOW["dripping head"]()).url)
    with soon(), pytest.raises(APITimeoutError):
        connect("http://127.0.0.1:9", total_timeout=0.1, max_retries=0).zaguan.chat(**ASK)


def test_total_timeout_bounds_the_connection(connect, monkeypatch):
    used = []

    def never_connects(address, timeout=None, *args, **options):
        used.append(timeout)
        raise socket.timeout("timed out")

    monkeypatch.setattr(urllib3.util.connection, "create_connection", never_connects)
    with pytest.raises(APITimeoutError):
        connect("http://127.0.0.1:9", total_timeout=0.5, max_retries=0).zaguan.list_models()
    assert 0 < used[0] <= 0.5


def all_attempts_together(serve, connect):
    server = serve(SILENCE)
    with soon(), pytest.raises(APITimeoutError):
        connect(server, timeout=0.1, total_timeout=0.35, max_retries=1000).zaguan.list_models()
    assert 2 <= len(server.settled()) <= 4


def attempts_after_cut_bodies(serve, connect):
    server = serve([HEAD, Pause(0.07), RESET])
    with soon(), pytest.raises(APIError):
        connect(server, total_timeout=0.35, max_retries=1000).zaguan.list_models()
    assert 2 <= len(server.requests) <= 6


def calls_of_a_copy(serve, connect):
    server = serve([HEAD, *[b" ", DROP] * 100])
    with soon(), pytest.raises(APITimeoutError):
        connect(server, max_retries=0).zaguan.with_options(total_timeout=0.2).list_models()


def a_stream(serve, connect):
    server = serve(framed("chunked", [text_event("a"), DROP] * 100))
    stream = connect(server, total_timeout=0.3).zaguan.chat_stream(**ASK)
    texts = []
    with soon(), pytest.raises(APITimeoutError) as caught:
        texts.extend(chunk.text for chunk in stream)
    assert caught.value.partial.text == "".join(texts) != ""


@for_each([all_attempts_together, attempts_after_cut_bodies, calls_of_a_copy, a_stream], at_once=True)
def test_total_timeout_bounds(check, serve, connect, short_waits):
    check(serve, connect)


def bytes_of_an_answer_that_takes_longer_as_a_whole(serve, connect):
    answer = framed("chunked", [b"[", *[Pause(0.1), b" "] * 6, b"]"], kind="application/json")
    response = connect(serve(answer), timeout=0.5).zaguan.request("GET", "/x")
    assert response.json() == []


def the_next_call_after_one_with_a_total_timeout(serve, connect):
    """The socket of the next call is the same, its time is not."""
    server = serve(MODELS, [Pause(0.6), CHAT])
    zaguan = connect(server).zaguan
    zaguan.with_options(total_timeout=0.5).list_models()
    assert zaguan.chat(**ASK).text == "Hello"
    assert len(server.connections) == 1


def a_stream_whose_user_gave_a_longer_timeout(serve, connect):
    server = serve(framed("chunked", [text_event("a"), Pause(0.5), STOP, DONE]))
    assert connect(server, timeout=30).zaguan.chat_stream(**ASK).final().text == "a"


def a_plain_call(serve, connect):
    assert connect(serve([Pause(0.3), CHAT])).zaguan.chat(**ASK).text == "Hello"


IN_TIME = [
    bytes_of_an_answer_that_takes_longer_as_a_whole,
    the_next_call_after_one_with_a_total_timeout,
    a_stream_whose_user_gave_a_longer_timeout,
    a_plain_call,
]


@for_each(IN_TIME, at_once=True)
def test_what_is_in_time(check, serve, connect, short_stream_timeout):
    check(serve, connect)


@for_each([({},), ({"timeout": 0.2},)], at_once=True)
def test_streams_wait_longer_unless_told_otherwise(settings, serve, connect, short_stream_timeout):
    server = serve(framed("chunked", [text_event("a"), Pause(5), STOP, DONE]))
    stream = connect(server, **settings).zaguan.chat_stream(**ASK)
    assert next(stream).text == "a"
    with pytest.raises(APITimeoutError) as caught:
        next(stream)
    assert caught.value.partial.text == "a"


@for_each([400, 500], at_once=True)
def test_a_failure_without_its_text_is_still_that_failure(status, serve, connect):
    server = serve([head(status, "Content-Length: 100"), b"half of", SILENCE])
    with pytest.raises(APIStatusError) as caught:
        connect(server, timeout=0.1).zaguan.chat(**ASK)
    assert caught.value.status_code == status


def test_time_for_a_wait_that_the_server_asks_for(serve, connect, waits):
    server = serve(reply(b"", 429, "Retry-After: 2"), CHAT)
    assert connect(server, total_timeout=30).zaguan.chat(**ASK).text == "Hello"
    assert waits == [2.0]
