from itertools import product

import pytest

from chatsdk._core.body import BodyError
from chatsdk._core.sse import SSEDecoder
from tests.support.cases import for_each

STREAMS = {
    "plain": b'data: {"a": 1}\n\ndata: {"b": 2}\n\ndata: [DONE]\n\n',
    "names": b"event: error\ndata: x\n\nid: 7\nretry: 100\ndata: y\n\n",
    "name after data": b"data: x\nevent: late\n\n",
    "no space": b"data:x\n\nevent:e\ndata:y\n\n",
    "two spaces": b"data:  x\n\n",
    "lines": b"data: one\ndata: two\ndata:\ndata: three\n\n",
    "comments": b": hello\n\n: ping\ndata: x\n: within\n\n:\n",
    "bom": b"\xef\xbb\xbfdata: x\n\n",
    "no blank line at the end": b"data: x\n\ndata: y\n",
    "lines, no blank line at the end": b"data: x\n\nevent: e\ndata: one\ndata:\ndata: two\n",
    "truncated": b"data: x\n\ndata: y",
    "truncated lines": b"data: one\ndata: two",
    "empty": b"",
    "only blank lines": b"\n\n\n\n",
    "no data": b"event: ping\n\nid: 1\n\ndata: x\n\n",
    "unknown": b"foo: bar\nnonsense\ndata: x\n\n",
    "unicode": "data: caf\u00e9 \u2028\u2029\u0085 \U0001f600\n\ndata: \x0b\x0c\x1c\x1d\n\n".encode(),
    "blank name": b"event: a\n\ndata: x\n\n",
}
EXPECTED = {
    "plain": [(b"", b'{"a": 1}'), (b"", b'{"b": 2}'), (b"", b"[DONE]")],
    "names": [(b"error", b"x"), (b"", b"y")],
    "name after data": [(b"late", b"x")],
    "no space": [(b"", b"x"), (b"e", b"y")],
    "two spaces": [(b"", b" x")],
    "lines": [(b"", b"one\ntwo\n\nthree")],
    "comments": [(b"", b"x")],
    "bom": [(b"", b"x")],
    "no blank line at the end": [(b"", b"x"), (b"", b"y")],
    "lines, no blank line at the end": [(b"", b"x"), (b"e", b"one\n\ntwo")],
    "truncated": [(b"", b"x"), (b"", b"y")],
    "truncated lines": [(b"", b"one\ntwo")],
    "empty": [],
    "only blank lines": [],
    "no data": [(b"", b"x")],
    "unknown": [(b"", b"x")],
    "unicode": [
        (b"", "caf\u00e9 \u2028\u2029\u0085 \U0001f600".encode()),
        (b"", b"\x0b\x0c\x1c\x1d"),
    ],
    "blank name": [(b"", b"x")],
}
ENDS = {"LF": b"\n", "CRLF": b"\r\n", "CR": b"\r"}


def read(pieces, limit=1000):
    return list(SSEDecoder(pieces, limit))


def written(name, end):
    return STREAMS[name].replace(b"\n", ENDS[end])


@for_each(product(STREAMS, ENDS))
def test_events(name, end):
    assert read([written(name, end)]) == EXPECTED[name]


@for_each(product(STREAMS, ENDS))
def test_the_same_wherever_it_is_split(name, end):
    data = written(name, end)
    for first in range(len(data) + 1):
        assert read([data[:first], data[first:]]) == EXPECTED[name]
        second = (first + len(data)) // 2
        assert read([data[:first], b"", data[first:second], data[second:]]) == EXPECTED[name]


@for_each(product(STREAMS, ENDS))
def test_the_same_byte_by_byte(name, end):
    data = written(name, end)
    assert read([data[at : at + 1] for at in range(len(data))]) == EXPECTED[name]
    assert read([piece for at in range(len(data)) for piece in (b"", data[at : at + 1])]) == EXPECTED[name]


def test_mixed_ends():
    assert read([b"data: a\r\ndata: b\rdata: c\n\r\ndata: d\r\r"]) == [(b"", b"a\nb\nc"), (b"", b"d")]


def test_ends_that_are_split():
    """The LF of a CRLF is no blank line, another LF is one."""
    assert read([b"data: a\r", b"\n", b"\n", b"data: b\r\n\r", b"\ndata: c"]) == [
        (b"", b"a"),
        (b"", b"b"),
        (b"", b"c"),
    ]
    assert read([b"data: a\n", b"\ndata: b\r\r"]) == [(b"", b"a"), (b"", b"b")]


def test_an_event_is_delivered_as_soon_as_it_is_whole():
    def pieces():
        yield b"data: x\n\nda"
        raise AssertionError("asked for more than the event needs")

    assert next(iter(SSEDecoder(pieces(), 1000))) == (b"", b"x")


@pytest.mark.parametrize(
    ("data", "truncated"), [(b"data: x\n\n", False), (b"data: x\n", False), (b"data: x", True), (b"", False)]
)
def test_truncated(data, truncated):
    reader = SSEDecoder([data], 1000)
    list(reader)
    assert reader.truncated is truncated


@pytest.mark.parametrize(
    "pieces",
    [
        [b"data: " + b"x" * 200 + b"\n\n"],
        [b"data: "] + [b"x" * 10] * 20,
        [b"data: xxxxxxxxxx\n"] * 20,
        [b": " + b"x" * 50] * 4,
    ],
    ids=["one piece", "one line", "many lines", "a comment"],
)
def test_the_limit(pieces):
    with pytest.raises(BodyError, match="100"):
        read(pieces, limit=100)


def test_the_limit_is_for_one_event():
    assert len(read([b"data: " + b"x" * 60 + b"\n\n"] * 50, limit=100)) == 50
    assert len(read([b"data: ", b"x" * 60, b"\n\n"] * 50, limit=100)) == 50
    assert len(read([b"data: " + b"x" * 94, b"\n\n"], limit=100)) == 1
