import json
import time

import pytest

from chatsdk._core.error_body import is_error_body, parse_error_body


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"error": {"message": "Bad key"}}, "Bad key"),
        ({"error": {"message": "a\n\nb"}}, "a\n\nb"),
        ({"error": {"error": "Bad key"}}, "Bad key"),
        ({"error": {"error": {"message": "Bad key"}}}, "Bad key"),
        ({"error": "Bad key"}, "Bad key"),
        ({"error": "bad_key", "message": "The key is bad"}, "The key is bad"),
        ({"error": {"message": "Bad key"}, "message": "other", "detail": "other"}, "Bad key"),
        ({"error": {"message": ""}, "detail": "Bad key"}, "Bad key"),
        ({"error": {"type": "x"}, "message": "Bad key"}, "Bad key"),
        ({"error": None, "detail": "Bad key"}, "Bad key"),
        ({"detail": "Bad key"}, "Bad key"),
        ({"detail": {"message": "Bad key"}}, "Bad key"),
        ({"detail": {"error": {"message": "Bad key"}}}, "Bad key"),
        (
            {"detail": [{"loc": ["body", "messages", 0, "role"], "msg": "wrong"}]},
            "body.messages.0.role: wrong",
        ),
        (
            {"detail": [{"loc": ["body", "a"], "msg": "one"}, {"loc": ["query", "b"], "msg": "two"}]},
            "body.a: one; query.b: two",
        ),
        ({"detail": [{"msg": "wrong"}]}, "wrong"),
        ({"detail": [{"loc": [], "msg": "wrong"}]}, "wrong"),
        ({"detail": [{"loc": "body", "message": "wrong"}]}, "wrong"),
        ({"detail": ["one", "two"]}, "one; two"),
        ({"detail": [None, 5, {"loc": ["x"]}, {"msg": 5}, {"msg": "wrong"}]}, "wrong"),
        ({"status": "failure", "message": "Bad key"}, "Bad key"),
        ({"html-message": "<html><body><h1>503 Down</h1></body></html>"}, "503 Down"),
        ({"type": "error", "error": {"type": "x", "message": "Bad key"}}, "Bad key"),
        ([{"error": {"code": 400, "message": "Bad key", "status": "INVALID_ARGUMENT"}}], "Bad key"),  # Gemini
        ({"success": False, "errors": [{"code": 7, "message": "one"}, {"message": "two"}]}, "one; two"),
        ({"error": "invalid_token", "error_description": "It expired"}, "It expired"),
        ({"error": {"detail": "Bad key"}}, "Bad key"),
        ({"code": 1, "msg": "Bad key"}, "Bad key"),
        ({"title": "Bad Request", "errors": {"model": ["required"]}}, "Bad Request"),
        ({"title": "Bad Request", "detail": "Bad key"}, "Bad key"),
        ("Internal Server Error", "Internal Server Error"),
        ("  Internal Server Error\r\n", "Internal Server Error"),
        ("<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>", "502 Bad Gateway"),
        ("<html><body><h1>502 Bad Gateway</h1></body></html>", "502 Bad Gateway"),
        ("<!DOCTYPE html>\n<HTML><TITLE lang=en>\n 502\n Bad </TITLE>", "502 Bad"),
        ("<html><body><h1>A &amp; B &lt;down&gt;</h1>", "A & B <down>"),
        ("<html><h1>Not <b>here</b></h1></html>", "Not here"),
        ("<html><style>p {}</style><script>run()</script><p>Down</p></html>", "Down"),
        ("a < b", "a < b"),
        ("<nonsense>", "<nonsense>"),
    ],
)
def test_message(body, message):
    assert parse_error_body(body).message == message


@pytest.mark.parametrize(
    "body",
    [
        None,
        5,
        True,
        [],
        ["x"],
        {},
        "",
        "  \n",
        {"error": {}},
        {"error": []},
        {"error": 5},
        {"error": True},
        {"error": {"message": None}},
        {"error": {"message": 5}},
        {"detail": None},
        {"detail": []},
        {"detail": [[]]},
        {"detail": 5},
        {"message": {"nested": 1}},
        {"input": "the prompt"},
        "<html></html>",
    ],
)
def test_no_message(body):
    assert parse_error_body(body).message is None


def test_the_input_of_a_complaint_is_not_repeated():
    complaint = {"loc": ["body"], "msg": "wrong", "input": "the prompt", "ctx": {"x": "the prompt"}}
    assert "the prompt" not in parse_error_body({"detail": [complaint]}).message


def test_many_complaints_are_cut():
    complaints = [{"loc": ["body", number], "msg": "wrong" * 200} for number in range(2000)]
    message = parse_error_body({"detail": complaints}).message
    assert message.startswith("body.0: wrongwrong")
    assert message.endswith("; and 1990 more")
    assert len(message) < 1100
    short = [{"loc": ["body", number], "msg": "bad"} for number in range(10)]
    assert parse_error_body({"detail": short}).message.endswith("; body.9: bad")
    deep = [{"loc": ["a", json.loads("[" * 900 + "]" * 900), 1], "msg": "bad"}]
    assert parse_error_body({"detail": deep}).message == "a.1: bad"


@pytest.mark.parametrize(
    "piece",
    [
        "<",
        "<script ",
        "<script>",
        "<style ",
        "<title>",
        "<title ",
        "<h1>x",
        "</title",
        "<a <b",
        "&#1",
        "1" * 9,
    ],
)
def test_a_page_is_read_in_linear_time(piece):
    """The quadratic patterns of an earlier version took 12 s for the first of these."""
    for start in ("<html>", "<html><title>", "<html><h1>&#"):
        started = time.process_time()
        parse_error_body(start + piece * 120_000)
        assert time.process_time() - started < 1
    title = "<html><head><title>502 Bad Gateway</title></head>"
    assert parse_error_body(title + piece * 120_000).message == "502 Bad Gateway"


def test_a_very_long_message_is_cut():
    assert 500 < len(parse_error_body("x" * 10**6).message) < 5000
    assert 500 < len(parse_error_body({"error": {"message": "x" * 10**6}}).message) < 5000


@pytest.mark.parametrize(
    ("error", "code"),
    [
        ({"code": "rate_limit_exceeded", "type": "other"}, "rate_limit_exceeded"),
        ({"code": "400", "type": "invalid_request_error"}, "400"),
        ({"code": 400, "type": "invalid_request_error"}, "400"),
        ({"code": None, "type": "server_error"}, None),
        ({"type": "server_error"}, None),
        ({"code": "500", "type": None}, "500"),
        ({"code": 429}, "429"),
        ({"code": None, "type": None}, None),
        ({"code": "", "type": ""}, None),
        ({"code": [], "type": {}}, None),
        ({}, None),
    ],
)
def test_code(error, code):
    assert parse_error_body({"error": {"message": "x", **error}}).code == code
    assert parse_error_body({"message": "x", **error}).code == code


@pytest.mark.parametrize(
    ("error", "type_", "param"),
    [
        ({"code": "c", "type": "server_error", "param": "model"}, "server_error", "model"),
        ({"code": "c"}, None, None),
        ({"type": None, "param": None}, None, None),
        ({"type": "None", "param": "None"}, None, None),  # LiteLLM
        ({"type": ["x"], "param": {"x": 1}}, None, None),
        ({"param": 0}, None, None),
    ],
)
def test_type_and_param(error, type_, param):
    for body in ({"error": {"message": "x", **error}}, {"message": "x", **error}):
        failure = parse_error_body(body)
        assert (failure.type, failure.param) == (type_, param)
        assert type_ is None or type_ in failure.codes


@pytest.mark.parametrize(
    ("error", "code"),
    [
        ({"error": "approval_required"}, "approval_required"),
        ({"error": "approval_required", "type": "other"}, "approval_required"),
        ({"error": "approval_required", "code": "blocked"}, "blocked"),
        ({"error": "approval_required", "code": 403}, "approval_required"),
        ({"error": "Rate limit exceeded"}, None),
        ({"error": ""}, None),
        ({"error": 5}, None),
        ({"error": ["x"]}, None),
    ],
)
def test_a_word_beside_the_sentence_is_a_code(error, code):
    assert parse_error_body({"message": "The sentence", **error}).code == code
    inside = parse_error_body({"detail": {"message": "The sentence", **error}})
    assert (inside.message, inside.code) == ("The sentence", code)


def test_an_error_without_a_sentence_is_no_code():
    assert parse_error_body({"error": "Forbidden"}).code is None
    assert parse_error_body({"detail": {"error": "Forbidden"}}).code is None


@pytest.mark.parametrize(
    ("value", "seconds"),
    [(60, 60.0), (0, 0.0), (1.5, 1.5), (-1, None), (None, None), (True, None), ([], None), (10**20, None)],
)
def test_retry_after(value, seconds):
    assert parse_error_body({"error": {"message": "x", "retry_after": value}}).retry_after == seconds


def test_details():
    flat = parse_error_body({"error": {"message": "x", "band": "D"}})
    inner = parse_error_body({"error": {"message": "x", "details": {"band": "D"}}})
    both = parse_error_body({"error": {"message": "x", "band": "D", "details": {"band": "C", "tier": "pro"}}})
    assert flat.details["band"] == inner.details["band"] == both.details["band"] == "D"
    assert both.details["tier"] == "pro"


@pytest.mark.parametrize(
    ("body", "failed"),
    [
        ({"error": {"message": "x"}}, True),
        ({"error": "x"}, True),
        ({"error": None}, False),
        ({"error": {}}, True),
        ({"type": "error", "message": "x"}, True),
        ({"type": "text", "error": None}, False),
        ({"detail": "x"}, False),
        ({}, False),
    ],
)
def test_has_failure(body, failed):
    assert is_error_body(body) is failed
