"""A stream that is left early closes its connection at once."""

import gc
import sys
import threading
from contextlib import redirect_stdout, suppress
from types import SimpleNamespace

import pytest

from chatsdk import StreamInterruptedError

from .answers import ASK, CHAT, DONE, FRAMINGS, STOP, framed, text_event
from .server import TIMEOUT


def leaves_loop(streams):
    for chunk in streams.pop():
        assert chunk.text == "a"
        break


def leaves_loop_and_keeps(streams):
    for chunk in streams[0]:
        assert chunk.text == "a"
        break


def closes(streams):
    next(streams[0])
    streams[0].close()
    streams[0].close()


def closes_unread(streams):
    streams[0].close()


def leaves_block(streams):
    with streams[0] as stream:
        next(stream)


def leaves_block_by_error(streams):
    with pytest.raises(KeyError), streams[0]:
        raise KeyError


def fails_in_loop(streams):
    with suppress(KeyError):
        for _ in streams.pop():
            raise KeyError


def drops(streams):
    next(streams[0])
    streams.clear()


def drops_unread(streams):
    streams.clear()


def drops_iterator(streams):
    iterator = iter(streams[0])
    next(iterator)
    del iterator


def returns(streams):
    def first():
        for chunk in streams.pop():
            return chunk
        return None

    assert first().text == "a"


def interrupts_display(streams):
    def write(text):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), redirect_stdout(SimpleNamespace(write=write, encoding="utf-8")):
        streams[0].display()


LEAVING = [
    interrupts_display,
    leaves_loop,
    leaves_loop_and_keeps,
    closes,
    closes_unread,
    leaves_block,
    leaves_block_by_error,
    fails_in_loop,
    drops,
    drops_unread,
    drops_iterator,
    returns,
]


@pytest.mark.parametrize("framing", FRAMINGS)
@pytest.mark.parametrize("leave", LEAVING)
def test_the_connection_is_closed_at_once(serve, connect, framing, leave):
    """Also without the garbage collector; and what was read of the answer is not lost."""
    gate = threading.Event()
    server = serve(framed(framing, [text_event("a"), gate, text_event("b"), STOP, DONE]), CHAT)
    zaguan = connect(server).zaguan
    streams = [zaguan.chat_stream(**ASK)]
    gc.disable()
    try:
        leave(streams)
        assert server.connections[0].closed.wait(TIMEOUT)
    finally:
        gc.enable()
    if streams:
        unread = leave in (closes_unread, leaves_block_by_error)
        if leave in (leaves_loop_and_keeps, drops_iterator, interrupts_display):
            with pytest.raises(StreamInterruptedError, match=r"closed before its end.*next"):
                next(iter(streams[0]))
            with pytest.raises(StreamInterruptedError):
                next(streams[0])
        else:
            assert list(streams[0]) == []
        with pytest.raises(StreamInterruptedError) as caught:
            streams[0].final()
        assert caught.value.partial.text == ("" if unread else "a")
    assert zaguan.chat(**ASK).text == "Hello"
    assert len(server.connections) == 2


def test_a_text_stream_is_closed_alike(serve, connect):
    gate = threading.Event()
    server = serve(framed("chunked", [text_event("a"), gate, DONE]))
    for piece in connect(server).chatserver.create_completion("m", "Hi", stream=True):
        assert piece == "a"
        break
    assert server.connections[0].closed.wait(TIMEOUT)


def test_a_response_that_is_not_read_is_closed_by_its_owner(serve, connect):
    gate = threading.Event()
    server = serve(framed("chunked", [b"abc", gate, b"def"]))
    response = connect(server).zaguan.request("GET", "/x", stream=True)
    assert next(response.iter_content(3)) == b"abc"
    response.close()
    assert server.connections[0].closed.wait(TIMEOUT)


@pytest.mark.parametrize("framing", FRAMINGS)
def test_events_that_have_arrived_do_not_outlive_the_close(serve, connect, framing):
    server = serve(framed(framing, [text_event("a") + text_event("b") + STOP + DONE]))
    stream = connect(server).zaguan.chat_stream(**ASK)
    assert next(stream).text == "a"
    stream.close()
    assert list(stream) == []
    with pytest.raises(StopIteration):
        next(stream)
    with pytest.raises(StreamInterruptedError) as caught:
        stream.final()
    assert caught.value.partial.text == "a"


def test_closing_after_the_end_keeps_connection_and_result(serve, connect):
    server = serve(framed("chunked", [text_event("a"), STOP, DONE]), CHAT)
    zaguan = connect(server).zaguan
    with zaguan.chat_stream(**ASK) as stream:
        assert stream.final().text == "a"
    stream.close()
    assert list(stream) == []
    assert stream.final().text == "a"
    zaguan.chat(**ASK)
    assert len(server.connections) == 1


def test_a_second_iteration_yields_nothing(serve, connect):
    server = serve(framed("chunked", [text_event("a"), text_event("b"), STOP, DONE]))
    stream = connect(server).zaguan.chat_stream(**ASK)
    assert len(list(stream)) == 3
    assert list(stream) == []
    assert stream.final().text == "ab"


def wait_in_read(thread):
    """Wait until *thread* waits in a read of its socket."""
    for _ in range(int(TIMEOUT / 0.005)):
        frame = sys._current_frames().get(thread.ident)
        while frame is not None:
            if frame.f_code.co_name == "readinto":
                return
            frame = frame.f_back
        threading.Event().wait(0.005)
    raise AssertionError("the thread does not read")


@pytest.mark.parametrize("framing", FRAMINGS)
def test_a_close_wakes_a_thread_that_reads(serve, connect, framing):
    gate = threading.Event()
    server = serve(framed(framing, [text_event("a"), gate, DONE]), CHAT)
    zaguan = connect(server).zaguan
    stream = zaguan.chat_stream(**ASK)
    assert next(stream).text == "a"
    outcome = []

    def read():
        try:
            outcome.extend(chunk.text for chunk in stream)
        except Exception as error:
            outcome.append(error)

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    wait_in_read(reader)
    stream.close()
    reader.join(TIMEOUT / 2)
    assert not reader.is_alive()
    assert isinstance(outcome[-1], StreamInterruptedError)
    assert str(outcome[-1]) == "the stream was closed before its end"
    assert outcome[-1].partial.text == "a"
    assert server.connections[0].closed.wait(TIMEOUT)
    assert zaguan.chat(**ASK).text == "Hello"


def test_two_streams_at_once(serve, connect):
    gates = [threading.Event(), threading.Event()]
    answers = [
        framed("chunked", [text_event(name), gate, text_event(name), STOP, DONE])
        for name, gate in zip("ab", gates)
    ]
    server = serve(*answers, CHAT)
    zaguan = connect(server).zaguan
    first, second = zaguan.chat_stream(**ASK), zaguan.chat_stream(**ASK)
    assert [next(second).text, next(first).text] == ["b", "a"]
    first.close()
    gates[1].set()
    assert second.final().text == "bb"
    assert server.connections[0].closed.wait(TIMEOUT)
    assert not server.connections[1].closed.is_set()
