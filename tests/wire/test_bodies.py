"""Bodies: how they are framed, encoded and compressed, and when they are no answer."""

import gc
import gzip
import json
import threading
import tracemalloc
import zlib

import pytest

from chatsdk import APIConnectionError, APIError, APIResponseError, APIStatusError
from chatsdk.zaguan import ZaguanError
from tests.support.cases import for_each

from .answers import ASK, COMPLETION, DONE, FRAMINGS, framed, head, reply, text_event
from .server import CLOSE, TIMEOUT

WORDS = "h\u00e9 \u20ac \U0001f600 \u2028"
JSON = "application/json"


def completion(text):
    choice = {**COMPLETION["choices"][0], "message": {"role": "assistant", "content": text}}
    return json.dumps({**COMPLETION, "choices": [choice]}, ensure_ascii=False).encode("utf-8")


def raw_deflate(data):
    machine = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return machine.compress(data) + machine.flush()


CODINGS = {
    "gzip": gzip.compress,
    "x-gzip": gzip.compress,
    "GZIP ": gzip.compress,
    "deflate": zlib.compress,
    "deflate, bare": raw_deflate,
    "gzip, two members": lambda data: gzip.compress(data[:20]) + gzip.compress(data[20:]),
    "identity": bytes,
}


def coding_line(name):
    return "Content-Encoding: " + name.partition(",")[0]


@pytest.mark.parametrize("framing", FRAMINGS)
def test_every_framing_is_read(serve, connect, framing):
    body = completion(WORDS)
    server = serve(framed(framing, [body[:30], body[30:]], kind=JSON))
    zaguan = connect(server).zaguan
    assert zaguan.chat(**ASK).text == WORDS
    assert zaguan.chat(**ASK).text == WORDS
    assert len(server.connections) == (2 if framing == "close" else 1)


@pytest.mark.parametrize(
    "kind",
    [
        "",
        "application/json; charset=iso-8859-1",
        "application/json; charset=utf-16",
        "text/plain",
        "text/html",
    ],
)
def test_a_body_is_utf8_whatever_its_header_says(serve, connect, kind):
    assert connect(serve(reply(completion(WORDS), kind=kind))).zaguan.chat(**ASK).text == WORDS


def test_a_text_body_is_utf8_too(serve, connect):
    response = connect(serve(reply(WORDS.encode(), kind="text/plain"))).zaguan.request("GET", "/x")
    assert response.text == WORDS


def test_a_failure_is_utf8_too(serve, connect):
    body = json.dumps({"error": WORDS}, ensure_ascii=False).encode()
    server = serve(reply(body, 400, kind="application/json; charset=latin-1"))
    with pytest.raises(APIStatusError, match=WORDS.strip()):
        connect(server).zaguan.chat(**ASK)


def test_a_byte_order_mark_is_dropped(serve, connect):
    assert connect(serve(reply(b"\xef\xbb\xbf" + completion("x")))).zaguan.chat(**ASK).text == "x"


@pytest.mark.parametrize("framing", ["chunked", "one-chunk", "length"])
@pytest.mark.parametrize("coding", ["identity", "gzip"])
def test_a_cut_body_is_an_error_even_if_it_looks_whole(serve, connect, framing, coding):
    """Only white space is missing, or nothing but the end of the framing: still it was cut."""
    body = CODINGS[coding](completion("x"))
    server = serve(framed(framing, [body], coding_line(coding), kind=JSON, cut=True))
    with pytest.raises(APIConnectionError) as caught:
        connect(server).zaguan.chat(**ASK)
    assert isinstance(caught.value, ZaguanError)


@pytest.mark.parametrize("place", [0, 1, 2, 3, 5])
def test_a_chunk_cut_anywhere_is_an_error(serve, connect, place):
    answer = head(200, "Transfer-Encoding: chunked") + b"2\r\n{}\r\n"
    more = b"2\r\n  \r\n"
    server = serve([answer + more[:place], *framed("close", [])[1:]])
    with pytest.raises(APIConnectionError):
        connect(server).zaguan.chat(**ASK)


@pytest.mark.parametrize("size", [b"zz", b"", b"1" * 70000], ids=["letters", "none", "long"])
def test_a_broken_chunk_size_is_an_error(serve, connect, size):
    server = serve(head(200, "Transfer-Encoding: chunked") + size + b"\r\n{}\r\n0\r\n\r\n")
    with pytest.raises(APIConnectionError):
        connect(server).zaguan.chat(**ASK)


@pytest.mark.parametrize(
    "lines", [("Content-Length: 5", "Content-Length: 7"), ("X: 1",) * 150], ids=["lengths", "many"]
)
def test_a_broken_head_is_an_error(serve, connect, lines):
    with pytest.raises(APIConnectionError):
        connect(serve(head(200, *lines))).zaguan.chat(**ASK)


@pytest.mark.parametrize("coding", CODINGS)
@pytest.mark.parametrize("framing", FRAMINGS)
def test_compressed_bodies(serve, connect, coding, framing):
    body = CODINGS[coding](completion(WORDS))
    server = serve(framed(framing, [body[:40], body[40:]], coding_line(coding), kind=JSON))
    assert connect(server).zaguan.chat(**ASK).text == WORDS
    assert server.requests[0].headers["accept-encoding"] == "gzip, deflate"


@pytest.mark.parametrize("coding", CODINGS)
def test_compressed_bodies_that_arrive_byte_by_byte(serve, connect, coding):
    body = CODINGS[coding](completion(WORDS))
    pieces = [body[place : place + 1] for place in range(len(body))]
    server = serve(framed("chunked", pieces, coding_line(coding), kind=JSON))
    assert connect(server).zaguan.chat(**ASK).text == WORDS


@pytest.mark.parametrize("coding", CODINGS)
def test_large_compressed_bodies(serve, connect, coding):
    """The end of the body, wherever it falls in the pieces in which it is decompressed."""
    server = serve(lambda request: bodies.pop())
    zaguan = connect(server).zaguan
    for size in (65536, 65537, 65540, 65600, 131072, 131100, 1000000):
        body = b" " * (size - 2) + b"{}"
        bodies = [reply(CODINGS[coding](body), 200, coding_line(coding))]
        assert zaguan.request("POST", "/x").content == body


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
@pytest.mark.parametrize("missing", [1, 4, 8, 12, 30])
def test_a_truncated_compressed_body_is_an_error(serve, connect, coding, missing):
    """The framing is whole: the server, or a cache before it, lost the end of what it compressed."""
    body = CODINGS[coding](completion(WORDS))[:-missing]
    with pytest.raises(APIError):
        connect(serve(reply(body, 200, coding_line(coding)))).zaguan.chat(**ASK)


@pytest.mark.parametrize(
    "coding", ["gzip", "deflate", "none", "utf-8", "identity, gzip", "gzip, identity", "br", "nonsense"]
)
def test_a_body_that_is_not_compressed_as_it_says(serve, connect, coding):
    """Plain answers, failures and streams alike; the connection is used again."""
    line = f"Content-Encoding: {coding}"
    answers = [
        reply(completion(WORDS), 200, line),
        framed("chunked", [text_event("Hel"), text_event("lo", "stop") + DONE], line),
        reply(b'{"error": {"message": "No"}}', 400, line),
    ]
    server = serve(*answers)
    client = connect(server)
    assert client.zaguan.chat(**ASK).text == WORDS
    assert client.zaguan.chat_stream(**ASK).final().text == "Hello"
    with pytest.raises(APIStatusError) as caught:
        client.zaguan.chat(**ASK)
    assert caught.value.message == "No"
    server.script(*answers)
    assert client.chatserver.create_completion(**ASK).text == WORDS
    assert client.chatserver.create_completion(**ASK, stream=True).final().text == "Hello"
    assert len(server.connections) == 1


@pytest.mark.parametrize("framing", FRAMINGS)
def test_a_compressed_stream_with_bytes_behind_it(serve, connect, framing):
    """Each event arrives as it is sent, whatever the encoding."""
    machine = zlib.compressobj(wbits=31)
    first = machine.compress(text_event("Hel")) + machine.flush(zlib.Z_SYNC_FLUSH)
    rest = machine.compress(text_event("lo", "stop") + DONE) + machine.flush() + b"\0" * 20
    gate = threading.Event()
    server = serve(framed(framing, [first, gate, rest], "Content-Encoding: gzip"))
    stream = connect(server).zaguan.chat_stream(**ASK)
    assert next(stream).text == "Hel"
    gate.set()
    assert stream.final().text == "Hello"


@pytest.mark.parametrize("length", ["\u00b2", "1" * 5000, "-5", "5, x", ""], ids=lambda text: text[:4])
def test_a_length_that_is_no_number(serve, connect, length):
    """Such a body lasts until the connection closes."""
    server = serve(
        [head(200, f"Content-Length: {length}", "Content-Type: application/json"), completion("x"), CLOSE]
    )
    assert connect(server).zaguan.chat(**ASK).text == "x"


@pytest.mark.parametrize(
    "coding", ["br", "zstd", "compress", "gzip, br", pytest.param("nonsense" * 50, id="long")]
)
def test_an_encoding_that_nobody_asked_for_is_named(serve, connect, coding):
    server = serve(reply(b"\x0b\x02\x80{}\x03", 200, f"Content-Encoding: {coding}"))
    with pytest.raises(APIResponseError, match=coding[:20]) as caught:
        connect(server).zaguan.chat(**ASK)
    assert len(str(caught.value)) < 200


UNREADABLE = {
    "empty": b"",
    "html": b"<html><body>Welcome</body></html>",
    "text": b"OK",
    "cut JSON": b'{"choices": [',
    "two values": b'{"choices": []}{}',
    "null": b"null",
    "array": b"[1, 2]",
    "string": b'"hello"',
    "number": b"5",
    "not utf-8": b'{"choices": ["\xff\xfe"]}',
    "utf-16": '{"choices": []}'.encode("utf-16"),
    "too deep": b'{"choices": ' + b"[" * 200000 + b"]" * 200000 + b"}",
    "float beyond all": b'{"choices": [], "created": 1e999}',
    "integer beyond all": b'{"choices": [], "created": ' + b"1" * 100000 + b"}",
}


@pytest.fixture
def no_garbage():
    """What other tests left is gone: its finalisers fail where the reader of JSON is as deep as it may go."""
    gc.collect()


@for_each(UNREADABLE.items())
def test_a_success_that_cannot_be_read(name, body, serve, connect, no_garbage):
    server = serve(reply(body, kind="text/weird; charset=latin-1"))
    with pytest.raises(APIResponseError) as caught:
        connect(server).zaguan.chat(**ASK)
    error = caught.value
    assert isinstance(error, ZaguanError)
    assert error.status_code == 200
    assert error.content_type == "text/weird; charset=latin-1"
    assert "text/weird" in str(error)
    assert error.body[:10] == body.decode("utf-8", "replace")[:10]
    assert len(error.body) <= 2000
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "body", [b"null", b"{}", b'"data"', b'{"data": null}', b'{"data": {"a": 1}}', b'{"data": [1]}']
)
def test_a_list_that_is_none(serve, connect, body):
    with pytest.raises(APIResponseError):
        connect(serve(reply(body))).zaguan.list_models()


@pytest.mark.parametrize(
    "body", [b"{}", b'{"choices": null}', b'{"id": "c", "choices": []}', b'{"object": "chat.completion"}']
)
def test_an_object_without_its_essential_field(serve, connect, body):
    with pytest.raises(APIResponseError, match="choices"):
        connect(serve(reply(body))).zaguan.chat(**ASK)


@for_each(UNREADABLE.items())
def test_a_failure_that_cannot_be_read_is_still_that_failure(name, body, serve, connect, no_garbage):
    with pytest.raises(APIStatusError) as caught:
        connect(serve(reply(body, 418))).zaguan.chat(**ASK)
    assert caught.value.status_code == 418
    assert str(caught.value)


LIMIT = 100000


def test_the_least_limit(serve, connect):
    zaguan = connect(serve(reply(b"1"), reply(b"12")), max_response_bytes=1).zaguan
    assert zaguan.request("GET", "/x").content == b"1"
    with pytest.raises(APIResponseError, match="more than 1 bytes"):
        zaguan.request("GET", "/x")


@pytest.mark.parametrize("coding", ["identity", "gzip", "deflate"])
@pytest.mark.parametrize("framing", FRAMINGS)
@pytest.mark.parametrize("excess", [0, 1])
def test_the_limit_counts_decompressed_bytes(serve, connect, coding, framing, excess):
    body = CODINGS[coding](b'"' + b"a" * (LIMIT + excess - 2) + b'"')
    server = serve(framed(framing, [body], coding_line(coding), kind=JSON))
    zaguan = connect(server, max_response_bytes=LIMIT).zaguan
    if excess:
        with pytest.raises(APIResponseError, match=str(LIMIT)):
            zaguan.request("GET", "/x")
    else:
        assert len(zaguan.request("GET", "/x").content) == LIMIT


@pytest.fixture(scope="module")
def bomb():
    return gzip.compress(b" " * 25_000_000)


@pytest.mark.parametrize("status", [200, 400, 503])
def test_a_compression_bomb_needs_little_memory(serve, connect, waits, bomb, status):
    server = serve(reply(bomb, status, "Content-Encoding: gzip"))
    zaguan = connect(server, max_response_bytes=LIMIT).zaguan
    tracemalloc.start()
    try:
        with pytest.raises((APIResponseError, APIStatusError)) as caught:
            zaguan.list_models()
        assert tracemalloc.get_traced_memory()[1] < 5_000_000
    finally:
        tracemalloc.stop()
    assert caught.value.status_code == status


@pytest.mark.parametrize("status", [200, 400, 503])
def test_a_body_without_end_is_left(serve, connect, waits, status):
    def endless(request):
        yield head(status)
        for _ in range(100_000_000 // 65536):  # far beyond what sockets buffer
            yield b" " * 65536
        yield CLOSE

    server = serve(endless)
    with pytest.raises((APIResponseError, APIStatusError)) as caught:
        connect(server, max_response_bytes=LIMIT).zaguan.list_models()
    assert caught.value.status_code == status
    assert max(connection.sent for connection in server.connections) < 50_000_000
    for connection in server.connections:
        assert connection.closed.wait(TIMEOUT)


@pytest.mark.parametrize("status", [204, 205, 304])
def test_answers_without_a_body(serve, connect, status):
    server = serve(head(status, "X: 1") if status != 205 else head(205, "Content-Length: 0"))
    zaguan = connect(server, timeout=2).zaguan
    for _ in range(2):
        if status == 304:
            with pytest.raises(APIStatusError):
                zaguan.request("DELETE", "/x")
        else:
            assert zaguan.request("DELETE", "/x").content == b""
    assert len(server.connections) == 1
