import json
from datetime import datetime, timezone
from uuid import UUID

from chatsdk.testing.exchange import Headers, Request
from chatsdk.testing.validation import Param, check_params, read_body, read_form

FORM = "application/x-www-form-urlencoded"
ID = "0F8FAD5B-D9CB-469F-A165-70867728950E"


def request(content, content_type="application/json"):
    return Request.parse("POST", "/", Headers([("Content-Type", content_type)]), content)


def problems_of(call, *arguments):
    problems = []
    call(*arguments, problems)
    return problems


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
    (Param("x", int, convert=even), 8, 4),
]

REFUSED = [
    (Param("x"), None, "string_type"),
    (Param("x"), 5, "string_type"),
    (Param("x", int), True, "int_type"),
    (Param("x", int), 1.5, "int_type"),
    (Param("x", int), "1.5", "int_parsing"),
    (Param("x", float), "hot", "float_parsing"),
    (Param("x", bool), "maybe", "bool_parsing"),
    (Param("x", bool), 1, "bool_type"),
    (Param("x", list), "a", "list_type"),
    (Param("x", dict), [], "dict_type"),
    (Param("x", UUID), "u", "uuid_parsing"),
    (Param("x", UUID), 5, "uuid_type"),
    (Param("x", datetime), "soon", "datetime_from_date_parsing"),
    (Param("x", float, min=0, max=2), 2.5, "less_than_equal"),
    (Param("x", float, min=0, max=2), -1, "greater_than_equal"),
    (Param("x", float, min=0), float("nan"), "greater_than_equal"),
    (Param("x", min=1), "", "string_too_short"),
    (Param("x", min=1, strip=True), "  ", "string_too_short"),
    (Param("x", max=2), "abc", "string_too_long"),
    (Param("x", list, min=1), [], "too_short"),
    (Param("x", list, max=2), [1, 2, 3], "too_long"),
    (Param("x", pattern="^a"), "b", "string_pattern_mismatch"),
    (Param("x", choices=("a", "b", "c")), "d", "literal_error"),
    (Param("x", int, convert=even), 3, "value_error"),
]


def test_accepted_values():
    for param, value, expected in ACCEPTED:
        problems = []
        checked = check_params({"x": value, "unknown": 1}, [param], ("body",), problems)
        assert (checked, problems) == ({"x": expected}, []), (param, value)
        assert type(checked["x"]) is type(expected), (param, value)


def test_refused_values():
    for param, value, kind in REFUSED:
        (problem,) = problems_of(check_params, {"x": value}, [param], ("body",))
        assert (problem["type"], problem["loc"]) == (kind, ["body", "x"]), (param, value)
    for param, value, message in [
        (Param("x", int), "x", "Input should be a valid integer"),
        (Param("x", UUID), "x", "Input should be a valid UUID"),
        (Param("x", max=2), "abc", "Input should have at most 2 characters"),
        (Param("x", float, min=0.5), 0, "Input should be greater than or equal to 0.5"),
        (Param("x", choices=("a", "b")), "c", "Input should be 'a' or 'b'"),
        (Param("x", int, convert=even), 3, "must be even"),
    ]:
        (problem,) = problems_of(check_params, {"x": value}, [param], ("body",))
        assert problem["msg"] == message


def test_strict_values_are_not_texts():
    for kind, text in ((int, "1"), (float, "1"), (bool, "true")):
        problems = []
        check_params({"x": text}, [Param("x", kind)], ("body",), problems, True)
        assert [problem["type"] for problem in problems] == [f"{kind.__name__}_type"]


def test_missing_values_have_defaults_or_are_problems():
    params = [Param("a", int), Param("b", int, 5), Param("c", default=None)]
    problems = []
    assert check_params({"a": 1}, params, ("query",), problems) == {"a": 1, "b": 5, "c": None}
    assert problems == []
    (problem,) = problems_of(check_params, {"c": "x"}, params, ("query",))
    assert problem == {"type": "missing", "loc": ["query", "a"], "msg": "Field required", "input": {"c": "x"}}


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
    problems = []
    assert read_body(request(b'{"a": 1, "b": 2}'), [Param("a", int)], problems, False) == {"a": 1}
    for content, place, kind in [
        (b"", ["body"], "missing"),
        (b"{bad", ["body", 1], "json_invalid"),
        (b"\xff\xfe{", ["body", 0], "json_invalid"),
        (b"[" * 100_000, ["body", 0], "json_invalid"),
        (b"[]", ["body"], "model_attributes_type"),
        (b"null", ["body"], "model_attributes_type"),
        (b"{}", ["body", "a"], "missing"),
    ]:
        assert problems == []
        assert read_body(request(content), [Param("a", int)], problems, False) == {}
        problem = problems.pop()
        assert (problem["type"], problem["loc"]) == (kind, place), content[:10]
        json.dumps(problem)


def test_forms():
    params = [Param("a"), Param("b", default="default"), Param("c", default="")]
    sent = request(b"a=1&a=%C3%A9+x&c=&d=4", FORM + "; charset=utf-8")
    problems = []
    assert read_form(sent, params, problems) == {"a": "é x", "b": "default", "c": ""}
    assert problems == []
    for content, content_type in [(b"", FORM), (b"a=1", "text/plain")]:
        (problem,) = problems_of(read_form, request(content, content_type), params)
        assert (problem["type"], problem["loc"]) == ("missing", ["body", "a"])
