import hashlib
import hmac
import json

import pytest

from chatsdk.infinity import verify_webhook_signature

SECRET = "1X5tjXzwRsnz3Me5R7vuA-D8q510dxCso2QN_X6Kd8M"

# The texts of "data" as the server writes them: JSON.stringify.
DATA = {
    "plain": '{"conversationId":"conv_1","message":"Hello"}',
    "empty": "{}",
    "text": '"x"',
    "null": "null",
    "list": "[1,[],{},true,false,null]",
    "not ascii": '{"message":"café \u2028🎉","ключ":"ö"}',
    "escapes": '{"a":"\\"\\\\/\\b\\f\\n\\r\\t\\u0001\\u001f\x7f","\\n":1}',
    "a lone surrogate": '{"a":"\\ud83c"}',
    "numbers": "[0,-1,1.5,0.1,12345678901234567890,0.0001]",
    "numbers that Python writes otherwise": "[1e-7,0.000001,123456789012345680000.5,1e21]",
    "brackets in texts": '{"a":"}],\\"data\\":1"}',
    "its own name": '{"data":{"data":1},"event":"x"}',
}


def signed(data, secret=SECRET):
    return hmac.new(secret.encode(), data.encode("utf-8"), hashlib.sha256).hexdigest()


def body_with(data):
    return f'{{"event":"chat.message","timestamp":"2026-11-20T09:36:29.868Z","data":{data}}}'


@pytest.fixture(params=DATA.values(), ids=DATA.keys())
def data(request):
    return request.param


@pytest.fixture
def plain(data):
    """Data that is the same again after it was decoded and encoded."""
    if data == DATA["numbers that Python writes otherwise"]:
        data = DATA["numbers"]
    return data


class TestGenuine:
    def test_as_bytes(self, data):
        assert verify_webhook_signature(body_with(data).encode("utf-8"), signed(data), SECRET) is True

    def test_as_text(self, data):
        assert verify_webhook_signature(body_with(data), signed(data), SECRET) is True

    def test_decoded(self, plain):
        assert verify_webhook_signature(json.loads(body_with(plain)), signed(plain), SECRET) is True

    def test_written_anew(self, plain):
        body = json.dumps(json.loads(body_with(plain)), indent=2, ensure_ascii=True)
        assert verify_webhook_signature(body.encode(), signed(plain), SECRET) is True

    def test_wherever_data_stands(self, data):
        for body in (f'{{"data":{data}}}', f' \t{{ "data" :\r\n{data} , "a" : [{{}}] }} \n'):
            assert verify_webhook_signature(body, signed(data), SECRET) is True

    def test_other_kinds_of_bytes(self, data):
        body = body_with(data).encode("utf-8")
        assert verify_webhook_signature(bytearray(body), signed(data), SECRET) is True
        assert verify_webhook_signature(memoryview(body), signed(data), SECRET) is True
        assert verify_webhook_signature(b"\xef\xbb\xbf" + body, signed(data), SECRET) is True


def test_a_known_signature():
    """Made by the same three lines of JavaScript that the server has."""
    body = (
        '{"event":"chat.message","timestamp":"2026-11-20T09:36:29.868Z","data":{"message":"café","n":1e+21}}'
    )
    data = '{"message":"café","n":1e+21}'
    expected = "706fdcbcff18e43a11052d8595a43e32979f68645e2898c103a67d6ac00a5ae1"
    assert signed(data, "whsec") == expected
    assert verify_webhook_signature(body, expected, "whsec")


class TestForged:
    def test_changed_data(self, data):
        other = body_with('{"conversationId":"conv_2"}')
        for payload in (other, other.encode(), json.loads(other)):
            assert verify_webhook_signature(payload, signed(data), SECRET) is False

    def test_another_secret(self, data):
        assert verify_webhook_signature(body_with(data), signed(data, "other"), SECRET) is False

    def test_the_whole_body_is_not_what_is_signed(self, data):
        body = body_with(data)
        assert verify_webhook_signature(body, signed(body), SECRET) is False

    @pytest.mark.parametrize(
        "change", [str.upper, lambda s: s[:-1], lambda s: s + "0", lambda s: s[1:] + "g"]
    )
    def test_other_signatures(self, change):
        # Letters are needed, or upper case would be the same.
        signature = signed(DATA["plain"])
        assert any(map(str.isalpha, signature))
        assert verify_webhook_signature(body_with(DATA["plain"]), signature, SECRET) is True
        assert verify_webhook_signature(body_with(DATA["plain"]), change(signature), SECRET) is False

    def test_two_readings_of_one_body(self):
        """Whoever reads the first of two, or the last: both must be refused."""
        good, bad = DATA["plain"], '{"message":"bad"}'
        nested = '{"conversationId":"bad","conversationId":"conv_1","message":"Hello"}'
        for body in (
            f'{{"data":{good},"data":{bad}}}',
            f'{{"data":{bad},"data":{good}}}',
            f'{{"data":{good},"d\\u0061ta":{bad}}}',
            f'{{"data":{nested}}}',
            f'{{"data":{good}}}{{"data":{bad}}}',
        ):
            assert verify_webhook_signature(body, signed(good), SECRET) is False


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        "",
        b"{}",
        "{",
        "{}",
        "[]",
        "null",
        '"data"',
        '{"event": "x"}',
        '{"data"}',
        '{"data":}',
        '{"data": 1',
        '{"data": 1,}',
        '{"data": 1]',
        "{data: 1}",
        "{1: 1}",
        '{"data": NaN}',
        '{"data": 1e999}',
        '{"data": 1} x',
        b'{"data": "\xff"}',
        '{"data": "\ud800"}',
        "[" * 100_000,
        '{"data": ' + "[" * 100_000,
        {},
        {"event": "x"},
        {"data": float("nan")},
        {"data": {1: 2}},
        {"data": {1, 2}},
        {"data": object()},
        [],
        None,
        5,
    ],
    ids=lambda value: repr(value)[:30],
)
def test_what_is_no_delivery(payload):
    for signature in (signed(""), signed("null"), signed("1"), ""):
        assert verify_webhook_signature(payload, signature, SECRET) is False


def test_data_that_contains_itself():
    circle = {}
    circle["again"] = circle
    assert verify_webhook_signature({"data": circle}, signed("x"), SECRET) is False


@pytest.mark.parametrize("signature", [None, b"", 5, "", "é", "\ud800", "☕" * 64, [], "0" * 64, b"0" * 64])
def test_signatures_of_any_kind(signature):
    assert verify_webhook_signature(body_with("{}"), signature, SECRET) is False
    if isinstance(signature, bytes):
        assert verify_webhook_signature(body_with("{}"), signed("{}").encode(), SECRET) is False


@pytest.mark.parametrize("secret", [None, b"secret", 5])
def test_a_secret_of_another_kind(secret):
    with pytest.raises(TypeError, match="secret"):
        verify_webhook_signature(body_with("{}"), signed("{}"), secret)


def test_an_empty_secret_would_let_anybody_in():
    with pytest.raises(ValueError, match="secret"):
        verify_webhook_signature(body_with("{}"), signed("{}", ""), "")


def test_comparing_is_left_to_what_is_made_for_it(monkeypatch):
    """The time that it takes tells nothing about how much of a signature was right."""
    compared = []

    def compare(one, other):
        compared.append((one, other))
        return False

    monkeypatch.setattr(hmac, "compare_digest", compare)
    assert verify_webhook_signature(body_with("{}"), signed("{}"), SECRET) is False
    assert compared
    assert all(given == signed("{}").encode() for _, given in compared)
