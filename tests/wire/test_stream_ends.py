"""What happens around the end marker of a stream."""

import threading
import time

import pytest

from chatsdk._core import stream as stream_module
from tests.support.cases import for_each

from .answers import ASK, CHAT, DONE, FRAMINGS, STOP, event, framed, text_event
from .server import CLOSE, RESET, SILENCE, TIMEOUT, Pause

BODY = [text_event("a"), STOP, DONE]


@pytest.fixture
def short_drain(monkeypatch):
    assert stream_module._DRAIN_TIMEOUT == 1.0
    monkeypatch.setattr(stream_module, "_DRAIN_TIMEOUT", 0.2)


@pytest.mark.parametrize("framing", FRAMINGS)
@pytest.mark.parametrize("read", ["for", "final", "with", "text"])
def test_the_connection_is_used_again(serve, connect, framing, read):
    server = serve(framed(framing, BODY), CHAT)
    client = connect(server)
    if read == "text":
        assert list(client.chatserver.create_completion("m", "Hi", stream=True)) == ["a"]
    else:
        stream = client.zaguan.chat_stream(**ASK)
        if read == "final":
            assert stream.final().text == "a"
        elif read == "for":
            assert [chunk.text for chunk in stream] == ["a", ""]
        else:
            with stream:
                assert [chunk.text for chunk in stream] == ["a", ""]
    assert client.zaguan.chat(**ASK).text == "Hello"
    # The server of ChatServer may close it after a stream, a moment too late for the next call to see.
    assert len(server.connections) == (2 if framing == "close" or read == "text" else 1)


@pytest.mark.parametrize("framing", ["chunked", "one-chunk", "length"])
def test_the_body_is_read_to_its_end(serve, connect, framing):
    """ChatServer saves an answer only if the client is still there after the end marker."""
    server = serve(framed(framing, [*BODY, Pause(0.05), b": saved\n\n"]), CHAT)
    zaguan = connect(server).zaguan
    zaguan.chat_stream(**ASK).final()
    assert not server.connections[0].closed.is_set()
    zaguan.chat(**ASK)
    assert len(server.connections) == 1


def test_the_server_sees_no_early_end_of_a_body_until_the_close(serve, connect):
    saved = threading.Event()

    def answer(request):
        yield from framed("close", [*BODY, Pause(0.05), b": saved\n\n"])[:-1]
        saved.set()
        yield CLOSE

    server = serve(answer)
    connect(server).zaguan.chat_stream(**ASK).final()
    assert saved.wait(TIMEOUT)
    assert not server.connections[0].closed.is_set()


MORE = {
    "text": text_event("more"),
    "error": event({"error": {"message": "too late"}}),
    "second marker": DONE,
    "nonsense": b"\xff\xff{{{",
    "half an event": b"data: {",
    "a lot": b": x\n" * 300_000,
}


@pytest.mark.parametrize("more", MORE.values(), ids=MORE.keys())
@pytest.mark.parametrize("together", [True, False])
def test_what_follows_the_end_marker_is_ignored(serve, connect, more, together):
    steps = [text_event("a"), DONE + more] if together else [text_event("a"), DONE, more]
    server = serve(framed("chunked", steps), CHAT)
    zaguan = connect(server).zaguan
    stream = zaguan.chat_stream(**ASK)
    assert [chunk.text for chunk in stream] == ["a"]
    assert stream.final().text == "a"
    zaguan.chat(**ASK)
    assert len(server.connections) == 1


@pytest.mark.parametrize("framing", ["chunked", "one-chunk", "length"])
@pytest.mark.parametrize("end", [CLOSE, RESET], ids=str)
def test_a_cut_after_the_end_marker_is_no_error(serve, connect, framing, end):
    server = serve(framed(framing, [*BODY, end], cut=True), CHAT)
    zaguan = connect(server).zaguan
    stream = zaguan.chat_stream(**ASK)
    assert [chunk.text for chunk in stream] == ["a", ""]
    assert stream.final().text == "a"
    assert zaguan.chat(**ASK).text == "Hello"
    assert len(server.connections) == 2


def dripping(request):
    yield from framed("chunked", BODY)[:-1]
    for _ in range(400):
        yield b"4\r\n: x\n\r\n"
        yield Pause(0.02)


def flooding(request):
    yield from framed("chunked", BODY)[:-1]
    for _ in range(10_000):
        yield b"10000\r\n" + b"\n" * 65536 + b"\r\n"


ENDLESS = {
    "silence": lambda request: framed("chunked", [*BODY, SILENCE]),
    "inside a chunk": lambda request: framed("one-chunk", [*BODY, SILENCE]),
    "close-delimited": lambda request: framed("close", [*BODY, SILENCE]),
    "drip": dripping,
    "flood": flooding,
}


@for_each(ENDLESS, at_once=True)
def test_nothing_after_the_end_marker_holds_up_the_caller(more, serve, connect, short_drain):
    """The connection is of no more use then: it is closed, and the next call gets another."""
    server = serve(ENDLESS[more], CHAT)
    zaguan = connect(server).zaguan
    started = time.monotonic()
    stream = zaguan.chat_stream(**ASK)
    assert [chunk.text for chunk in stream] == ["a", ""]
    assert time.monotonic() - started < 5
    assert stream.final().text == "a"
    assert server.connections[0].closed.wait(TIMEOUT)
    assert zaguan.chat(**ASK).text == "Hello"
    assert len(server.connections) == 2


def begins_with_the_end_marker(serve, connect):
    server = serve(framed("chunked", [text_event("a"), STOP, Pause(0.25), text_event("b"), DONE]))
    assert connect(server).zaguan.chat_stream(**ASK).final().text == "ab"


def does_not_stay_with_the_connection(serve, connect):
    server = serve(framed("chunked", [*BODY, Pause(0.01)]), [Pause(0.25), CHAT])
    zaguan = connect(server).zaguan
    zaguan.chat_stream(**ASK).final()
    assert zaguan.chat(**ASK).text == "Hello"
    assert len(server.connections) == 1


@for_each([begins_with_the_end_marker, does_not_stay_with_the_connection], at_once=True)
def test_the_drain_timeout(check, serve, connect, short_drain):
    check(serve, connect)
