import json

import pytest

from chatsdk.testing.exchange import CRASH, Headers, Refusal, Request
from chatsdk.testing.validation import Field, Invalid, body, custom, form, number, readable, string, text

FORM = "application/x-www-form-urlencoded"
MISSING = {"type": "missing", "loc": ["body"], "msg": "Field required", "input": None}


def request(content, content_type="application/json"):
    return Request("POST", "http://h", "/", "", Headers([("Content-Type", content_type)]), content)


def refused(call, *arguments):
    with pytest.raises(Refusal) as caught:
        call(*arguments)
    return caught.value.reply


def problem(rule, value):
    with pytest.raises(Invalid) as caught:
        rule(value, ("body", "name"))
    (found,) = caught.value.problems
    assert (found["loc"], found["input"]) == (["body", "name"], value)
    return found["type"], found["msg"], found.get("ctx")


@pytest.mark.parametrize("value", ["ab", "a\u20ac", "ab\U0001f600\U0001f600"])
def test_text(value):
    assert text(2, 4, "^a")(value, ()) == value


@pytest.mark.parametrize(
    ("value", "kind", "message", "context"),
    [
        ("a", "string_too_short", "String should have at least 2 characters", {"min_length": 2}),
        ("abcde", "string_too_long", "String should have at most 4 characters", {"max_length": 4}),
        ("bcd", "string_pattern_mismatch", "String should match pattern '^a'", {"pattern": "^a"}),
        (5, "string_type", "Input should be a valid string", None),
    ],
)
def test_other_text(value, kind, message, context):
    assert problem(text(2, 4, "^a"), value) == (kind, message, context)


def test_one_character_is_singular():
    assert problem(text(1), "")[1] == "String should have at least 1 character"
    assert text()("", ()) == ""


def test_custom():
    def halved(value):
        if value < 1:
            raise ValueError("too little")
        return value / 2

    rule = custom(number(), halved)
    assert rule("3", ()) == 1.5
    assert problem(rule, 0) == ("value_error", "Value error, too little", {"error": {}})
    assert problem(rule, [])[0] == "float_type"


def test_form():
    fields = {"a": Field(string), "b": Field(string, "default"), "c": Field(string, "")}
    sent = request(b"a=1&a=%C3%A9+x&c=&d=4", FORM + "; charset=utf-8")
    assert form(sent, fields) == {"a": "\u00e9 x", "b": "default", "c": ""}


@pytest.mark.parametrize(
    ("content", "content_type"), [(b"", FORM), (b"a", "text/plain"), (b'{"a": "1"}', "application/json")]
)
def test_what_is_no_form(content, content_type):
    reply = refused(form, request(content, content_type), {"a": Field(string)})
    assert reply.status == 422
    assert json.loads(reply.body) == {"detail": [{**MISSING, "loc": ["body", "a"]}]}


@pytest.mark.parametrize("content", [b"", b"null"])
def test_no_body(content):
    readable(request(content))
    reply = refused(body, request(content), {})
    assert (reply.status, json.loads(reply.body)) == (422, {"detail": [MISSING]})


@pytest.mark.parametrize(("content", "status"), [(b"{bad", 422), (b"\xff\xfe{", 400), (b"[" * 100_000, 400)])
def test_what_cannot_be_decoded(content, status):
    assert refused(readable, request(content)).status == status
    assert refused(body, request(content), {}).status == status


@pytest.mark.parametrize("content", [b'{"a": NaN}', b'{"a": [Infinity]}', b'{"a": {"b": "\\ud800"}}'])
def test_input_that_cannot_be_repeated(content):
    readable(request(content))
    assert refused(body, request(content), {"a": Field(number(ge=0))}) is CRASH
