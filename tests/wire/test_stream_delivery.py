"""Events are delivered as they arrive, however the body is framed and wherever it is split."""

import gzip
import json
import threading
import zlib

import pytest

from .answers import ASK, DONE, FRAMINGS, STOP, cuts, delta, event, framed, text_event

WORDS = "h\u00e9 \u20ac \U0001f600 \u2028\u2029\x85 \r\n"


@pytest.fixture
def stream_of(serve, connect):
    """Open a stream whose body is made of the given steps."""

    def open_stream(steps, *lines, framing="chunked"):
        server = serve(framed(framing, steps, *lines))
        return connect(server, timeout=5).zaguan.chat_stream(**ASK)

    return open_stream


def texts_of(stream):
    return [chunk.text for chunk in stream]


@pytest.mark.parametrize("framing", FRAMINGS)
def test_each_event_is_delivered_before_the_next_is_sent(stream_of, framing):
    """No read waits for a full buffer, nor for the end of a chunk."""
    gates = [threading.Event() for _ in range(3)]
    steps = [text_event("a"), gates[0], text_event("b"), gates[1], text_event("c"), STOP, gates[2], DONE]
    stream = stream_of(steps, framing=framing)
    assert next(stream).text == "a"
    gates[0].set()
    assert next(stream).text == "b"
    gates[1].set()
    assert next(stream).text == "c"
    assert next(stream).text == ""
    gates[2].set()
    assert list(stream) == []
    assert stream.final().text == "abc"


@pytest.mark.parametrize("framing", FRAMINGS)
def test_events_that_come_together_are_delivered_at_once(stream_of, framing):
    gate = threading.Event()
    stream = stream_of(
        [text_event("a") + text_event("b") + b"data: {", gate, b"}\n\n", STOP, DONE], framing=framing
    )
    assert next(stream).text == "a"
    assert next(stream).text == "b"
    gate.set()
    assert "".join(texts_of(stream)) == ""


def test_the_call_returns_before_the_first_event(stream_of):
    gate = threading.Event()
    stream = stream_of([gate, text_event("a"), STOP, DONE])
    gate.set()
    assert texts_of(stream) == ["a", ""]


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"], ids=["LF", "CRLF", "CR"])
def test_an_event_is_delivered_with_its_blank_line(stream_of, end):
    """A CR may be half of a CRLF: the event must not wait for what follows it."""
    gate = threading.Event()
    first = text_event("a").replace(b"\n", end)
    stream = stream_of([first, gate, b"\n" if end == b"\r" else b"", STOP.replace(b"\n", end), DONE])
    assert next(stream).text == "a"
    gate.set()
    assert texts_of(stream) == [""]


@pytest.mark.parametrize("framing", FRAMINGS)
@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"], ids=["LF", "CRLF", "CR"])
def test_all_line_ends(stream_of, end, framing):
    body = (text_event(WORDS) + STOP + DONE).replace(b"\n", end)
    assert "".join(texts_of(stream_of([body], framing=framing))) == WORDS


def mixed(end):
    # Two lines of data: a blank line too many, where a CRLF is split, would tear the event apart.
    first, second = event(delta("\u20ac\u2028")).strip().split(b", ", 1)
    lines = [b"\xef\xbb\xbf: hi", b"", b"event: message", first + b",", b"data: " + second, b"", b""]
    body = b"\n".join(lines) + STOP + DONE
    return body.replace(b"\n", end)


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"], ids=["LF", "CRLF", "CR"])
def test_a_split_at_any_byte_changes_nothing(serve, connect, end):
    """Between CR and LF, inside a character, inside the byte order mark."""
    pieces = cuts(mixed(end))
    server = serve(*[framed("chunked", pair) for pair in pieces])
    zaguan = connect(server).zaguan
    for pair in pieces:
        assert zaguan.chat_stream(**ASK).final().text == "\u20ac\u2028", pair
    assert len(server.connections) == 1


@pytest.mark.parametrize("framing", FRAMINGS)
@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"], ids=["LF", "CRLF", "CR"])
def test_a_stream_of_single_bytes(stream_of, framing, end):
    body = mixed(end)
    stream = stream_of([body[place : place + 1] for place in range(len(body))], framing=framing)
    assert stream.final().text == "\u20ac\u2028"


@pytest.mark.parametrize("framing", FRAMINGS)
def test_a_huge_event(stream_of, framing):
    text = "\u20ac" * 1_400_000
    pieces = text_event(text)
    steps = [pieces[place : place + 50_000] for place in range(0, len(pieces), 50_000)]
    assert stream_of([*steps, STOP, DONE], framing=framing).final().text == text


def test_many_events(stream_of):
    steps = [b"".join(text_event(f"{number} ") for number in range(2000))]
    text = stream_of([*steps, STOP, DONE]).final().text
    assert text.split() == [str(number) for number in range(2000)]


def compressor(coding):
    window = {"gzip": 16 + zlib.MAX_WBITS, "deflate": zlib.MAX_WBITS}[coding]
    return zlib.compressobj(wbits=window)


@pytest.mark.parametrize("framing", FRAMINGS)
@pytest.mark.parametrize("coding", ["gzip", "deflate"])
def test_a_compressed_stream_is_delivered_as_it_arrives(stream_of, coding, framing):
    """Some gateways compress although they were asked not to."""
    machine = compressor(coding)
    gate = threading.Event()
    pieces = []
    for data in (text_event("a"), text_event(WORDS), STOP + DONE):
        pieces.append(machine.compress(data) + machine.flush(zlib.Z_SYNC_FLUSH))
    pieces.append(machine.flush())
    stream = stream_of([pieces[0], gate, *pieces[1:]], f"Content-Encoding: {coding}", framing=framing)
    assert next(stream).text == "a"
    gate.set()
    assert texts_of(stream) == [WORDS, ""]


def test_a_compressed_stream_gives_its_connection_back(serve, connect):
    body = gzip.compress(text_event("a") + STOP + DONE)
    server = serve(framed("chunked", [body], "Content-Encoding: gzip"))
    zaguan = connect(server).zaguan
    zaguan.chat_stream(**ASK).final()
    zaguan.chat_stream(**ASK).final()
    assert len(server.connections) == 1


EVENTS = {
    "no space": b"data:" + json.dumps(delta("a")).encode() + b"\n\n",
    "two spaces": b"data:  " + json.dumps(delta("a")).encode() + b"\n\n",
    "several lines": b"".join(
        b"data: " + line + b"\n" for line in json.dumps(delta("a"), indent=1).encode().split(b"\n")
    )
    + b"\n",
    "comment": b": ping\n\n:\n\n" + event(delta("a")) + b": OPENROUTER PROCESSING\n\n",
    "comment inside": b": ping\n" + event(delta("a")),
    "other fields": b"id: 7\nretry: 100\nevent: chunk\nunknown: x\nnothing\n" + event(delta("a")),
    "a name without data": b"event: error\n\n" + event(delta("a")),
    "blank lines": b"\n\n\n" + event(delta("a")) + b"\n\n",
    "byte order mark": b"\xef\xbb\xbf" + event(delta("a")),
    "empty data": b"data:\n\ndata: \n\ndata\n\n" + event(delta("a")),
    "fields without data": b"event: ping\n\nid: 1\n\n" + event(delta("a")),
}


@pytest.mark.parametrize("body", EVENTS.values(), ids=EVENTS.keys())
def test_the_forms_of_an_event(stream_of, body):
    assert "".join(texts_of(stream_of([body, STOP, DONE]))) == "a"


@pytest.mark.parametrize("framing", FRAMINGS)
@pytest.mark.parametrize("end", [b"\n\n", b"\n", b""], ids=["whole", "no-blank-line", "no-line-end"])
def test_the_last_event_may_lack_its_end(stream_of, framing, end):
    body = text_event("a") + text_event("b", "stop").rstrip(b"\n") + end
    assert stream_of([body], framing=framing).final().text == "ab"


@pytest.mark.parametrize(
    "kind", ["text/event-stream", "text/event-stream; charset=latin-1", "TEXT/EVENT-STREAM", ""]
)
def test_the_content_type_of_a_stream(serve, connect, kind):
    """Also with no content type at all."""
    server = serve(framed("chunked", [text_event(WORDS), STOP, DONE], kind=kind))
    assert connect(server).zaguan.chat_stream(**ASK).final().text == WORDS
