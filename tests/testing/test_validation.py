import json
from datetime import datetime, timezone
from uuid import UUID

import pytest

from chatsdk.testing.exchange import Headers, Request
from chatsdk.testing.validation import InvalidError, Param, check_params, read_body, read_form

FORM = "application/x-www-form-urlencoded"
ID = "0F8FAD5B-D9CB-469F-A165-70867728950E"


def request(content, content_type="application/json"):
    return Request.parse("POST", "/", Headers([("Content-Type", content_type)]), content)


def problems_of(call, *arguments):
    with pytest.raises(InvalidError) as caught:
        call(*arguments)
    return caught.value.problems


def even(value):
    if value % 2:
        raise ValueError("must be even")
    return value // 2


ACCEPTED = [
    (Param("x"), "é", "é"),
    (Param("x", strip=True, min=1), " a ", "a"),
    (Param("x", int), 3.0, 3),
    (Param("x", int), "3", 3),
    (Param("x", float), 3, 3.0),
    (Param("x", float), "0.5", 0.5),
    (Param("x", bool), "TRUE", True),
    (Param("x", bool), False, False),
    (Param("x", UUID), ID, ID.lower()),
    (Param("x", datetime), "2025-01-02T03:04:05.5Z", datetime(2025, 1, 2, 3, 4, 5, 500000, timezone.utc)),
    (Param("x", datetime), "2025-01-02", datetime(2025, 1, 2, tzinfo=timezone.utc)),
    (Param("x", default=None), None, None),
    (Param("x", (str, list)), ["a"], ["a"]),
    (Param("x", (str, dict)), "a", "a"),
    (Param("x", object), {"any": [1]}, {"any": [1]}),
    (Param("x", list, items=Param("", int)), ["1", 2], [1, 2]),
    (Param("x", dict, fields=[Param("n", int, 7)]), {"other": 1}, {"other": 1, "n": 7}),
    (Param("x", int, check=even), 8, 4),
]

REFUSED = [
    (Param("x"), None, "string_type", "Input should be a valid string"),
    (Param("x"), 5, "string_type", "Input should be a valid string"),
    (Param("x", int), True, "int_type", "Input should be a valid integer"),
    (Param("x", int), 1.5, "int_type", "Input should be a valid integer"),
    (
        Param("x", int),
        "1.5",
        "int_parsing",
        "Input should be a valid integer, unable to parse string as an integer",
    ),
    (
        Param("x", float),
        "hot",
        "float_parsing",
        "Input should be a valid number, unable to parse string as a number",
    ),
    (
        Param("x", bool),
        "maybe",
        "bool_parsing",
        "Input should be a valid boolean, unable to parse string as a boolean",
    ),
    (Param("x", list), "a", "list_type", "Input should be a valid list"),
    (Param("x", dict), [], "dict_type", "Input should be a valid dictionary"),
    (
        Param("x", UUID),
        "u",
        "uuid_parsing",
        "Input should be a valid UUID, badly formed hexadecimal UUID string",
    ),
    (Param("x", datetime), "soon", "datetime_from_date_parsing", "Input should be a valid datetime or date"),
    (Param("x", float, min=0, max=2), 2.5, "less_than_equal", "Input should be less than or equal to 2"),
    (Param("x", float, min=0, max=2), -1, "greater_than_equal", "Input should be greater than or equal to 0"),
    (
        Param("x", float, min=0),
        float("nan"),
        "greater_than_equal",
        "Input should be greater than or equal to 0",
    ),
    (Param("x", min=1), "", "string_too_short", "String should have at least 1 character"),
    (Param("x", min=1, strip=True), "  ", "string_too_short", "String should have at least 1 character"),
    (Param("x", max=2), "abc", "string_too_long", "String should have at most 2 characters"),
    (Param("x", list, min=1), [], "too_short", "List should have at least 1 item after validation, not 0"),
    (
        Param("x", list, max=2),
        [1, 2, 3],
        "too_long",
        "List should have at most 2 items after validation, not 3",
    ),
    (Param("x", pattern="^a"), "b", "string_pattern_mismatch", "String should match pattern '^a'"),
    (Param("x", choices=("a", "b", "c")), "d", "literal_error", "Input should be 'a', 'b' or 'c'"),
    (Param("x", int, check=even), 3, "value_error", "Value error, must be even"),
    (Param("x", int, message="say it"), "?", "int_parsing", "say it"),
]


def test_accepted_values():
    for param, value, expected in ACCEPTED:
        checked = check_params({"x": value, "unknown": 1}, [param], ("body",))
        assert checked == {"x": expected}, (param, value)
        assert type(checked["x"]) is type(expected), (param, value)


def test_refused_values():
    for param, value, kind, message in REFUSED:
        (problem,) = problems_of(check_params, {"x": value}, [param], ("body",))
        assert (problem["type"], problem["loc"]) == (kind, ["body", "x"]), (param, value)
        assert problem["msg"].startswith(message), (param, value)


def test_strict_values_are_not_texts():
    for kind, text in ((int, "1"), (float, "1"), (bool, "true")):
        (problem,) = problems_of(check_params, {"x": text}, [Param("x", kind)], ("body",), True)
        assert problem["type"].endswith("_type")


def test_missing_values_have_defaults_or_are_problems():
    params = [
        Param("a", int),
        Param("b", int, 5),
        Param("c", default=None),
        Param("d", message="d is required"),
    ]
    assert check_params({"a": 1, "d": ""}, params, ("query",)) == {"a": 1, "b": 5, "c": None, "d": ""}
    first, second = problems_of(check_params, {}, params, ("query",))
    assert first == {"type": "missing", "loc": ["query", "a"], "msg": "Field required", "input": {}}
    assert (second["loc"], second["msg"]) == (["query", "d"], "d is required")


def test_all_problems_inside_lists_have_their_place():
    item = Param("", dict, fields=[Param("role", choices=("user",)), Param("content")])
    messages = [{"role": "user", "content": "a"}, {"role": "x"}, "y"]
    problems = problems_of(check_params, {"m": messages}, [Param("m", list, items=item)], ("body",))
    assert [problem["loc"] for problem in problems] == [
        ["body", "m", 1, "role"],
        ["body", "m", 1, "content"],
        ["body", "m", 2],
    ]


def test_bodies():
    assert read_body(request(b'{"a": 1, "b": 2}'), [Param("a", int)], False) == {"a": 1}
    for content, kind in [
        (b"", "missing"),
        (b"{bad", "json_invalid"),
        (b"\xff\xfe{", "json_invalid"),
        (b"[" * 100_000, "json_invalid"),
        (b"[]", "model_attributes_type"),
        (b"null", "model_attributes_type"),
    ]:
        (problem,) = problems_of(read_body, request(content), [], False)
        assert problem["type"] == kind, content[:10]
        assert problem["loc"][0] == "body"
        json.dumps(problem)


def test_forms():
    params = [Param("a"), Param("b", default="default"), Param("c", default="")]
    sent = request(b"a=1&a=%C3%A9+x&c=&d=4", FORM + "; charset=utf-8")
    assert read_form(sent, params) == {"a": "é x", "b": "default", "c": ""}
    for content, content_type in [(b"", FORM), (b"a=1", "text/plain")]:
        (problem,) = problems_of(read_form, request(content, content_type), params)
        assert (problem["type"], problem["loc"]) == ("missing", ["body", "a"])
