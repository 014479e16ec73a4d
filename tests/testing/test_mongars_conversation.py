import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone

import pytest

from chatsdk.testing import LocalServer

from .mongars import CHAT, HISTORY, Clock, as_user, say
from .wire import Api


@pytest.fixture
def alice(mongars):
    return as_user(mongars, "alice")


@pytest.fixture
def clock(monkeypatch):
    return Clock(monkeypatch)


def history(api, user_id="alice", **query):
    answer = api.get(HISTORY, params={"user_id": user_id, **query})
    assert answer.status_code == 200, answer.text
    return answer.json()


def problems(answer):
    assert answer.status_code == 422, answer.text
    return [(problem["type"], problem["loc"]) for problem in answer.json()["detail"]]


def time_of(text):
    assert text.endswith("Z")
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ" if "." in text else "%Y-%m-%dT%H:%M:%SZ")


def test_chat(alice):
    answer = say(alice, "Hello there!")
    assert answer["response"] == "Hello! You said: Hello there!"
    assert 0 < answer["confidence"] < 1
    assert 0 <= answer["processing_time"] < 5
    turn = answer["speech_turn"]
    assert turn["text"] == answer["response"]
    assert uuid.UUID(turn["turn_id"]).version == 4
    now = datetime.now(timezone.utc).replace(tzinfo=None)
    assert abs(time_of(turn["created_at"]) - now) < timedelta(minutes=1)


@pytest.mark.parametrize(
    ("reply", "sentences"),
    [
        ("One. Two words! Three?", ["One.", "Two words!", "Three?"]),
        ("First line.\nSecond line.\r\n\tTabbed.", ["First line.", "Second line.", "Tabbed."]),
        ("Version 1.5 is out", ["Version 1.5 is out"]),
        ("", ["..."]),
    ],
)
def test_speech(session, reply, sentences):
    with LocalServer(reply=lambda messages: reply) as server:
        api = as_user(Api(session, server.url("mongars"), {}), "u1")
        answer = say(api, "Hi")
    assert answer["response"] == answer["speech_turn"]["text"] == reply
    segments = answer["speech_turn"]["segments"]
    assert [segment["text"] for segment in segments] == sentences
    words = [len(sentence.split()) for sentence in sentences]
    durations = [segment["estimated_duration"] for segment in segments]
    assert durations == pytest.approx([count / 2.75 for count in words], abs=0.001)
    assert all(0 < segment["pause_after"] <= 1.35 for segment in segments)


def test_reply_is_made_from_the_message_as_it_was_sent(session):
    seen = []
    with LocalServer(reply=lambda messages: seen.append(messages) or "ok") as server:
        say(as_user(Api(session, server.url("mongars"), {}), "u1"), "  1 < 2 \n")
    assert seen == [[{"role": "user", "content": "1 < 2"}]]


def test_history(alice, clock):
    assert history(alice) == []
    say(alice, *map(str, range(12)), clock=clock)
    items = history(alice)
    assert [item["query"] for item in items] == [str(number) for number in range(11, 1, -1)]
    assert len(history(alice, limit=100)) == 12
    assert history(alice, limit="2.0") == items[:2]
    newest, second = items[:2]
    assert newest["response"] == "Hello! You said: 11"
    assert newest["user_id"] == "alice"
    assert time_of(newest["timestamp"]) - time_of(second["timestamp"]) == timedelta(seconds=1)
    assert time_of(newest["expires_at"]) - time_of(newest["timestamp"]) == timedelta(days=1)


def test_history_has_at_most_100_items_of_a_day(alice, clock):
    say(alice, *map(str, range(102)), clock=clock)
    assert len(history(alice, limit=1000)) == 100
    clock.move_on(24 * 3600 - 50.5)
    assert [item["query"] for item in history(alice, limit=100)] == [str(n) for n in range(101, 51, -1)]
    clock.move_on(60)
    assert history(alice) == []


@pytest.mark.parametrize(
    ("message", "query"),
    [
        ("is 1 < 2 & 3 > 2", "is 1 &lt; 2 &amp; 3 &gt; 2"),
        ("  <b>bold</b> <script>alert(1)</script> ", "<b>bold</b> alert(1)"),
        ("<p>one</p><!-- two --> &amp; &#39; &no; AT&T", "one &amp; &#39; &amp;no; AT&amp;T"),
        ("<a href='http://x?a=1&b=2' onclick='x()'>link", '<a href="http://x?a=1&amp;b=2">link</a>'),
        ("<b><i>x</b>", "<b><i>x</i></b>"),
        ("</b>\"quoted\" 'too'\r\nline\u2028😀", "\"quoted\" 'too'\nline\u2028😀"),
    ],
)
def test_history_has_the_cleaned_message(alice, message, query):
    say(alice, message)
    assert [item["query"] for item in history(alice)] == [query]


@pytest.mark.parametrize("message", ["<!-- only a comment -->", "<br>", "<img src=x>"])
def test_nothing_is_left_of_the_message(alice, message):
    answer = alice.post(CHAT, json={"message": message})
    assert answer.status_code == 422
    assert answer.json() == {"detail": "Missing required fields: user_id and query."}
    assert history(alice) == []


@pytest.mark.parametrize(
    ("fields", "kind"),
    [
        ({"message": ""}, "string_too_short"),
        ({"message": " \n"}, "value_error"),
        ({"message": "x" * 1001}, "string_too_long"),
        ({"message": " " * 600 + "x" * 600}, "string_too_long"),
        ({"message": None}, "string_type"),
        ({"session_id": ""}, "value_error"),
        ({"session_id": "x" * 101}, "string_too_long"),
        ({"session_id": 5}, "string_type"),
        ({"allowed_actions": []}, "value_error"),
        ({"allowed_actions": ["a", " "]}, "value_error"),
        ({"allowed_actions": "a"}, "list_type"),
        ({"approval_token": "x" * 129}, "string_too_long"),
        ({"token_ref": "x" * 65}, "string_too_long"),
    ],
)
def test_bad_messages(alice, fields, kind):
    answer = alice.post(CHAT, json={"message": "Hi", **fields})
    assert problems(answer) == [(kind, ["body", *fields])]


def test_a_bad_item_of_a_list_is_named(alice):
    answer = alice.post(CHAT, json={"message": "Hi", "allowed_actions": ["a", 5]})
    assert problems(answer) == [("string_type", ["body", "allowed_actions", 1])]


@pytest.mark.parametrize("body", [b"", b"null"])
def test_no_body(alice, body):
    assert problems(alice.post(CHAT, data=body)) == [("missing", ["body"])]


def test_what_is_optional(alice):
    fields = {
        "session_id": "s" * 100,
        "allowed_actions": ["a", "a"],
        "approval_token": "",
        "token_ref": None,
        "temperature": 1,
    }
    assert alice.post(CHAT, json={"message": "x" * 1000, **fields}).status_code == 200


def test_characters_are_counted_as_code_points(alice):
    say(alice, "😀" * 1000)


class TestLimit:
    def test_one_message_a_second_for_each_user(self, mongars, alice, clock):
        say(alice, "Hi")
        clock.move_on(0.9)
        answer = alice.post(CHAT, json={"message": "again"})
        assert answer.status_code == 429
        detail = "Too many requests: please wait before sending another message."
        assert answer.json() == {"detail": detail}
        assert "retry-after" not in answer.headers
        say(as_user(mongars, "u2"), "Hi")
        # The refused attempt did not begin another second.
        clock.move_on(0.1)
        say(alice, "now")
        assert [item["query"] for item in history(alice)] == ["now", "Hi"]

    def test_a_bad_message_uses_it_up(self, alice, clock):
        assert alice.post(CHAT, json={"message": ""}).status_code == 422
        assert alice.post(CHAT, json={"message": "Hi"}).status_code == 429
        clock.move_on(1)
        say(alice, "Hi")

    def test_a_body_that_is_no_json_does_not(self, alice, clock):
        assert alice.post(CHAT, data=b"{bad").status_code == 422
        say(alice, "Hi")

    def test_without_a_token_nobody_is_counted(self, mongars, alice, clock):
        mongars.headers = {}
        assert mongars.post(CHAT, json={"message": "Hi"}).status_code == 401
        say(alice, "Hi")

    def test_one_of_many_is_let_through(self, alice, clock):
        def chat(_):
            return alice.post(CHAT, json={"message": "Hi"}).status_code

        with ThreadPoolExecutor(8) as pool:
            assert sorted(pool.map(chat, range(16))) == [200] + [429] * 15
        assert len(history(alice)) == 1


@pytest.mark.parametrize(
    ("query", "detail"),
    [
        ({"user_id": "  "}, "user_id must be a non-empty string"),
        ({"user_id": "alice", "limit": 0}, "limit must be a positive integer"),
        ({"user_id": "bob", "limit": -1}, "limit must be a positive integer"),
    ],
)
def test_bad_history(alice, query, detail):
    answer = alice.get(HISTORY, params=query)
    assert (answer.status_code, answer.json()) == (422, {"detail": detail})


@pytest.mark.parametrize("limit", ["ten", "True", "", "1.5"])
def test_limits_that_are_no_numbers(alice, limit):
    answer = alice.get(HISTORY, params={"user_id": "alice", "limit": limit})
    assert problems(answer) == [("int_parsing", ["query", "limit"])]


def test_history_is_one_s_own(mongars, alice):
    say(alice, "secret")
    for name, admin in (("u2", False), ("u1", True)):
        answer = as_user(mongars, name, admin).get(HISTORY, params={"user_id": "alice"})
        assert (answer.status_code, answer.json()) == (403, {"detail": "Forbidden"})
    assert history(alice, " alice ") == history(alice) != []
    assert history(as_user(mongars, "u2"), "u2") == []


def test_history_without_a_user(alice):
    assert problems(alice.get(HISTORY)) == [("missing", ["query", "user_id"])]


def test_texts_are_sent_as_they_are(alice):
    answer = alice.post(CHAT, json={"message": "né\u2028😀"})
    assert "né\u2028😀" in answer.content.decode("utf-8")
    assert answer.headers["content-type"] == "application/json"


def test_a_reply_that_fails_is_a_500(session):
    with LocalServer(reply=lambda messages: 1 / 0) as server:
        api = as_user(Api(session, server.url("mongars"), {}), "u1")
        answer = api.post(CHAT, json={"message": "Hi"})
        assert (answer.status_code, answer.text) == (500, "Internal Server Error")
        assert api.get(HISTORY, params={"user_id": "u1"}).json() == []
        assert [type(error) for error in server.errors] == [ZeroDivisionError]


def test_two_servers_share_nothing(mongars, clock):
    say(mongars, "Hi")
    with LocalServer() as other:
        api = Api(mongars.session, other.url("mongars"), mongars.headers)
        say(api, "Hi")
        assert len(history(api, "u1")) == 1
