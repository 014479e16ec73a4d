"""Streams that fail: what was delivered stays, and the error says what happened."""

import gzip
import threading

import pytest

from chatsdk import (
    APIConnectionError,
    APIResponseError,
    APIStatusError,
    APITimeoutError,
    AuthenticationError,
    StreamError,
    StreamInterruptedError,
)
from chatsdk.chatserver import ChatServerError
from chatsdk.zaguan import ZaguanError

from .answers import (
    ASK,
    CHAT,
    DONE,
    FRAMINGS,
    MODELS,
    STOP,
    delta,
    event,
    framed,
    head,
    json_reply,
    reply,
    text_event,
)
from .server import RESET, SILENCE, TIMEOUT

FAILURE = {"error": {"message": "The model fell over", "code": "overloaded"}}


@pytest.fixture
def both(serve, connect):
    """Open the same answer as a stream of each service."""

    def open_streams(answer, **settings):
        client = connect(serve(answer), **settings)
        yield client.zaguan.chat_stream(**ASK), ZaguanError
        yield client.chatserver.create_completion("m", "Hi", stream=True), ChatServerError

    return open_streams


def text_of(item):
    return item if isinstance(item, str) else item.text


def fails(stream, kind, texts):
    """Read until the error; what came before must have come."""
    seen = []
    with pytest.raises(kind) as caught:
        seen.extend(map(text_of, stream))
    assert seen == texts
    error = caught.value
    assert error.partial.text == "".join(texts)
    assert list(stream) == []
    with pytest.raises(kind) as again:
        stream.final()
    assert again.value is error
    return error


@pytest.mark.parametrize("framing", FRAMINGS)
def test_an_error_object(both, framing):
    answer = framed(framing, [text_event("a"), text_event("b"), event(FAILURE), text_event("c"), STOP, DONE])
    for stream, base in both(answer):
        error = fails(stream, StreamError, ["a", "b"])
        assert isinstance(error, base)
        assert not isinstance(error, StreamInterruptedError)
        assert str(error) == "The model fell over"
        assert error.code == "overloaded"
        assert error.body == FAILURE


SHAPES = {
    "object": (event({"error": {"message": "broke", "type": "x"}}), "broke"),
    "string": (event({"error": "broke"}), "broke"),
    "beside a choice": (event({**delta("lost"), "error": {"message": "broke"}}), "broke"),
    "named event": (b"event: error\n" + event({"message": "broke"}), "broke"),
    "named event, detail": (b"event:error\n" + event({"detail": "broke"}), "broke"),
    "null": (event(None), ""),
    "list": (event([delta("x")]), ""),
    "string event": (event("hello"), ""),
    "number": (event(5), ""),
    "broken JSON": (b'data: {"choices": [\n\n', ""),
    "no JSON": (b"data: hello\n\n", ""),
    "too deep": (b"data: " + b"[" * 100000 + b"\n\n", ""),
    "named event, text": (b"event: error\ndata: broke\n\n", ""),
}


@pytest.mark.parametrize(("bad", "message"), SHAPES.values(), ids=SHAPES.keys())
@pytest.mark.parametrize("before", [[], ["a"]], ids=["first", "later"])
def test_an_event_that_is_no_chunk(both, bad, message, before):
    answer = framed("chunked", [*map(text_event, before), bad, text_event("c"), STOP, DONE])
    for stream, base in both(answer):
        error = fails(stream, StreamError, before)
        assert isinstance(error, base)
        assert not isinstance(error, StreamInterruptedError)
        assert message in str(error)


def test_an_error_frees_the_connection(serve, connect):
    gate = threading.Event()
    server = serve(framed("chunked", [event(FAILURE), gate, DONE]))
    stream = connect(server).zaguan.chat_stream(**ASK)
    with pytest.raises(StreamError):
        next(stream)
    assert server.connections[0].closed.wait(TIMEOUT)


@pytest.mark.parametrize("status", [400, 401, 422, 500, 503])
def test_a_status_is_raised_by_the_call(serve, connect, status):
    server = serve(json_reply(FAILURE, status))
    client = connect(server)
    for call in (
        lambda: client.zaguan.chat_stream(**ASK),
        lambda: client.chatserver.create_completion("m", "Hi", stream=True),
    ):
        with pytest.raises(APIStatusError, match="fell over") as caught:
            call()
        assert caught.value.status_code == status


def test_a_status_wins_over_the_content_type(serve, connect):
    server = serve(reply(event(FAILURE), 401, kind="text/event-stream"))
    with pytest.raises(AuthenticationError):
        connect(server).zaguan.chat_stream(**ASK)


def test_a_connection_that_fails_is_raised_by_the_call(serve, connect):
    with pytest.raises(APIConnectionError):
        connect(serve(RESET)).zaguan.chat_stream(**ASK)


def test_an_error_with_status_200(serve, connect):
    server = serve(json_reply(FAILURE), MODELS)
    client = connect(server)
    with pytest.raises(StreamError, match="fell over") as caught:
        client.zaguan.chat_stream(**ASK)
    assert caught.value.code == "overloaded"
    client.zaguan.list_models()
    assert len(server.connections) == 1


def test_a_plain_reply_is_one_item(both):
    for stream, _ in both(CHAT):
        assert [text_of(item) for item in stream] == ["Hello"]
        final = stream.final()
        assert final.text == "Hello"
        assert final.choices[0].finish_reason == "stop"


@pytest.mark.parametrize("kind", ["text/html", "text/plain", "application/octet-stream"])
def test_another_kind_of_answer(serve, connect, kind):
    server = serve(reply(b"<html>Please log in</html>", kind=kind))
    with pytest.raises(APIResponseError) as caught:
        connect(server).zaguan.chat_stream(**ASK)
    assert caught.value.content_type == kind
    assert "log in" in caught.value.body


@pytest.mark.parametrize("framing", FRAMINGS)
@pytest.mark.parametrize("before", [[], ["a", "b"]], ids=["empty", "begun"])
def test_an_end_without_any_sign_of_it(both, framing, before):
    """Neither end marker nor finish reason: the answer may be half of what it should be."""
    for stream, base in both(framed(framing, list(map(text_event, before)))):
        error = fails(stream, StreamInterruptedError, before)
        assert isinstance(error, base)


@pytest.mark.parametrize("framing", FRAMINGS)
def test_a_missing_end_marker_passes_after_a_finish_reason(both, framing):
    for stream, _ in both(framed(framing, [text_event("a"), STOP])):
        assert "".join(map(text_of, stream)) == "a"
        assert stream.final().text == "a"


@pytest.mark.parametrize("framing", FRAMINGS)
def test_an_end_marker_without_a_finish_reason_passes(both, framing):
    for stream, _ in both(framed(framing, [text_event("a"), DONE])):
        assert stream.final().text == "a"


@pytest.mark.parametrize("framing", ["chunked", "one-chunk", "length"])
@pytest.mark.parametrize(
    "last", [b"", b": half a comm", b'data: {"choi', b"da"], ids=["between", "comment", "event", "field"]
)
def test_a_cut_connection(both, framing, last):
    steps = [text_event("a"), *([last] if last else [])]
    for stream, base in both(framed(framing, steps, cut=True)):
        error = fails(stream, StreamInterruptedError, ["a"])
        assert isinstance(error, base)


@pytest.mark.parametrize("last", [b'data: {"choi', b"da"], ids=["event", "field"])
def test_a_body_until_the_close_that_ends_inside_an_event(both, last):
    for stream, _ in both(framed("close", [text_event("a"), last])):
        fails(stream, StreamInterruptedError, ["a"])


@pytest.mark.parametrize("framing", FRAMINGS)
def test_a_reset_connection(serve, connect, framing):
    gate = threading.Event()
    server = serve([*framed(framing, [text_event("a"), gate, RESET])])
    stream = connect(server).zaguan.chat_stream(**ASK)
    assert next(stream).text == "a"
    gate.set()
    with pytest.raises(StreamInterruptedError) as caught:
        next(stream)
    assert caught.value.partial.text == "a"


def test_a_silence_in_the_middle(both):
    for stream, base in both(framed("chunked", [text_event("a"), SILENCE]), timeout=0.2):
        error = fails(stream, APITimeoutError, ["a"])
        assert isinstance(error, base)


def test_an_event_beyond_the_limit(both):
    """Neither one long line nor many short ones may fill the memory."""
    long_line = [b"data: " + b"x" * 30000] * 40
    many_lines = [b"data: x\n" * 4000] * 40
    for steps in (long_line, many_lines):
        answer = framed("chunked", [text_event("a"), *steps])
        for stream, _ in both(answer, max_response_bytes=100_000):
            error = fails(stream, StreamError, ["a"])
            assert "100000" in str(error)


def test_a_line_without_end_is_left(serve, connect):
    def endless(request):
        yield head(200, "Content-Type: text/event-stream")
        yield text_event("a") + b"data: "
        for _ in range(100_000_000 // 65536):  # far beyond what sockets buffer
            yield b"x" * 65536

    server = serve(endless)
    fails(connect(server, max_response_bytes=100_000).zaguan.chat_stream(**ASK), StreamError, ["a"])
    assert server.connections[0].closed.wait(TIMEOUT)
    assert server.connections[0].sent < 50_000_000


def test_a_stream_beyond_the_limit_passes(serve, connect):
    """The limit is for what is in memory: a stream may be as long as it likes."""
    steps = [text_event("x" * 1000)] * 200
    stream = connect(serve(framed("chunked", [*steps, STOP, DONE])), max_response_bytes=10_000).zaguan
    assert len(stream.chat_stream(**ASK).final().text) == 200_000


def test_an_encoding_that_was_not_accepted(both):
    for stream, _ in both(framed("chunked", [b"\x0b\x02"], "Content-Encoding: br")):
        assert "br" in str(fails(stream, StreamError, []))


def test_broken_compression(both):
    broken = gzip.compress(text_event("a") * 100)[:20] + b"\xff" * 50
    for stream, _ in both(framed("chunked", [broken], "Content-Encoding: gzip")):
        fails(stream, StreamError, [])


def test_headers_of_a_stream(serve, connect):
    server = serve(
        [head(200, "Content-Type: text/event-stream", "X-Request-Id: of-server", "Content-Length: 0")]
    )
    with pytest.raises(StreamInterruptedError) as caught:
        connect(server).zaguan.chat_stream(**ASK).final()
    assert caught.value.request_id == "of-server"
