import pytest

from chatsdk._core.json_codec import dumps, loads
from chatsdk.errors import InvalidRequestError

CIRCLE = {}
CIRCLE["again"] = [CIRCLE]
DEEP = []
for _ in range(100_000):
    DEEP = [DEEP]


def test_encoded():
    assert dumps({"a": [1, None, True, "é\u2028😀"]}) == '{"a":[1,null,true,"é\u2028😀"]}'.encode()


@pytest.mark.parametrize(
    ("value", "word"),
    [
        (float("nan"), "NaN"),
        ({"x": [float("-inf")]}, "infinity"),
        ({"secret prompt": "\ud83d"}, "surrogate"),
        ({"\udc00": "secret prompt"}, "surrogate"),
        (CIRCLE, "itself"),
        (DEEP, "deep"),
    ],
    ids=["nan", "infinity", "surrogate", "surrogate key", "circle", "deep"],
)
def test_refused(value, word):
    with pytest.raises(InvalidRequestError) as caught:
        dumps(value)
    assert word in str(caught.value)
    assert "secret" not in str(caught.value)
    assert "secret" not in str(caught.value.__cause__)


@pytest.mark.parametrize(
    ("data", "value"),
    [
        (b'{"a":1}', {"a": 1}),
        (b'\xef\xbb\xbf{"a":1}', {"a": 1}),
        (b" [1.5, null]\r\n", [1.5, None]),
        ('"é\u2028"'.encode(), "é\u2028"),
        (b'"\\ud83d\\ude00"', "😀"),
        (b"-0", 0),
        (b"123456789012345678901", 123456789012345678901),
    ],
)
def test_decoded(data, value):
    assert loads(data) == value


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"   ",
        b"\xef\xbb\xbf",
        b"{",
        b"[1,]",
        b"{'a': 1}",
        b"1e999",
        b'{"a": -1e400}',
        b"9" * 10_000,
        b"hello",
        b"{} {}",
        b'"\xff\xfe"',
        b'"\xe9"',
        b'"a\nb"',
        '{"a": 1}'.encode("utf-16"),
    ],
    ids=lambda data: repr(data[:20]),
)
def test_not_json(data):
    with pytest.raises(ValueError):  # noqa: PT011 - the words are those of the json module
        loads(data)


def test_numbers_that_are_none():
    """Servers send them in log probabilities and costs: no reason to lose an answer."""
    value = loads(b'{"a": [NaN, Infinity, -Infinity]}')
    assert str(value) == "{'a': [nan, inf, -inf]}"


def test_bytes_that_are_not_utf8():
    assert loads(b'{"a": "x\xf0\x9f"}', "replace") == {"a": "x\ufffd"}


def test_absurd_nesting():
    with pytest.raises((ValueError, RecursionError)):
        loads(b"[" * 1_000_000)
