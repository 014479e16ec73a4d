import re
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone

import pytest
import requests

from chatsdk.testing import LocalServer

from .infinity import InfinityApi
from .wire import KEY

COOKIE = "infinity_anon_user"
APOLOGY = "I apologize, but I was unable to process your request."


def test_answer(guest):
    answer = guest.chat("Grüße a\u2028b 😀")
    body = answer.json()
    assert answer.headers["content-type"] == "application/json"
    assert "a\u2028b 😀".encode() in answer.content
    assert set(body) == {"response", "conversationId", "rateLimit", "metadata"}
    assert body["response"] == "Hello! You said: Grüße a\u2028b 😀"
    assert re.fullmatch("conv_[0-9]{13}_[0-9a-z]{10,13}", body["conversationId"])
    assert body["rateLimit"] == {"allowed": True, "limit": 50, "remaining": 49}
    assert set(body["metadata"]) == {"model", "tokensUsed", "processingTime"}
    assert body["metadata"]["tokensUsed"] > 0


def test_the_conversation_keeps_its_id(guest):
    assert guest.chat(conversationId="any string / ☕").json()["conversationId"] == "any string / ☕"


def test_reply_gets_the_message(session):
    seen = []
    with LocalServer(reply=lambda messages: seen.append(messages) or "Yes.") as server:
        guest = InfinityApi(session, server.url("infinity"), {})
        assert guest.chat(" One? ").json()["response"] == "Yes."
        guest.stream("Two?")
    assert seen == [[{"role": "user", "content": " One? "}], [{"role": "user", "content": "Two?"}]]


def test_empty_reply_becomes_an_apology(session):
    with LocalServer(reply=lambda messages: "") as server:
        guest = InfinityApi(session, server.url("infinity"), {})
        body = guest.chat().json()
        assert (body["response"], body["metadata"]["tokensUsed"]) == (APOLOGY, 0)
        events = guest.stream()
        assert events[1] == ("chunk", {"text": "I"})
        assert events[-1][1]["metadata"]["tokensUsed"] == 0


class TestRefusals:
    @pytest.mark.parametrize("path", ["/chat", "/chat/stream"])
    @pytest.mark.parametrize("body", [{}, {"message": None}, {"message": 7}, {"message": " \n"}, [], "hi", 7])
    def test_no_message(self, guest, path, body):
        answer = guest.post(path, json=body)
        assert answer.status_code == 400
        assert answer.json() == {"error": "Message is required and must be a non-empty string"}
        assert "set-cookie" not in answer.headers

    @pytest.mark.parametrize("path", ["/chat", "/chat/stream"])
    @pytest.mark.parametrize(("sign", "count"), [("x", 5000), ("😀", 2500)])
    def test_long_messages_are_measured_in_utf_16(self, guest, path, sign, count):
        assert guest.post(path, json={"message": sign * count}).status_code == 200
        answer = guest.post(path, json={"message": sign * count + "x"})
        assert answer.status_code == 400
        assert answer.json() == {"error": "Message too long. Maximum 5000 characters."}

    @pytest.mark.parametrize("body", [b"", b"{", b"null", b'{"message": NaN}', b"\xff", b"[" * 100000])
    def test_no_json(self, guest, body):
        answer = guest.post("/chat", data=body)
        assert answer.status_code == 500
        assert answer.json()["success"] is False
        assert answer.json()["error"]["code"] == "INTERNAL_ERROR"
        streamed = guest.post("/chat/stream", data=body)
        assert streamed.status_code == 500
        assert streamed.json()["error"] == "Internal server error"

    @pytest.mark.parametrize("name", ["userTier", "userId", "conversationId", "sessionId"])
    def test_wrong_types_crash(self, guest, name):
        for path in ("/chat", "/chat/stream"):
            assert guest.post(path, json={"message": "hi", name: {"a": 1}}).status_code == 500
            assert guest.post(path, json={"message": "hi", name: None}).status_code == 200

    def test_the_type_of_the_body_does_not_matter(self, guest):
        headers = {"Content-Type": "text/plain"}
        assert guest.post("/chat", data=b'{"message": "hi"}', headers=headers).status_code == 200


class TestIdentity:
    def test_the_cookie_makes_a_user(self, guest):
        first = guest.chat()
        cookie, *attributes = first.headers["set-cookie"].split("; ")
        assert re.fullmatch(COOKIE + "=anon_[0-9]{13}_[0-9a-z]+", cookie)
        expires = attributes.pop(1)
        assert re.fullmatch(r"Expires=\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT", expires)
        assert attributes == ["Path=/", "Max-Age=31536000", "HttpOnly", "SameSite=strict"]
        second = guest.chat()
        assert second.headers["set-cookie"].startswith(cookie)
        assert second.json()["rateLimit"]["remaining"] == 48

    def test_without_the_cookie_everybody_is_new(self, guest):
        users = set()
        for _ in range(3):
            assert guest.chat().json()["rateLimit"]["remaining"] == 49
            users.add(guest.session.cookies[COOKIE])
            guest.session.cookies.clear()
        assert len(users) == 3

    def test_a_user_in_the_body_gets_no_cookie(self, guest):
        assert "set-cookie" not in guest.chat(userId="user_1").headers
        assert guest.chat(userId="user_1").json()["rateLimit"]["remaining"] == 48
        assert "set-cookie" in guest.chat(userId=None).headers

    @pytest.mark.parametrize(
        "headers",
        [{"X-API-Key": KEY}, {"Authorization": f"Bearer {KEY}"}, {"authorization": f"bearer {KEY}"}],
    )
    def test_the_key_names_its_owner(self, guest, headers):
        answer = guest.post("/chat", json={"message": "hi", "userId": "user_1"}, headers=headers)
        assert "set-cookie" not in answer.headers
        answer = guest.post("/chat", json={"message": "hi"}, headers=headers)
        assert answer.json()["rateLimit"]["remaining"] == 48
        owner = guest.session.cookies[COOKIE]
        assert re.fullmatch("user_[0-9]{13}_[0-9a-f]{8}", owner)
        # From here on the cookie alone is the owner, too.
        assert guest.chat().json()["rateLimit"]["remaining"] == 47

    @pytest.mark.parametrize(
        "headers",
        [
            {"X-API-Key": "ia_" + "x" * 43},
            {"X-API-Key": "", "Authorization": f"Bearer {KEY}"},
            {"Authorization": KEY},
            {"Authorization": f"Basic {KEY}"},
        ],
    )
    def test_another_key_is_nobody(self, guest, headers):
        answer = guest.post("/chat", json={"message": "hi"}, headers=headers)
        assert answer.status_code == 200
        assert guest.session.cookies[COOKIE].startswith("anon_")

    def test_the_stream_knows_no_keys_and_sets_no_cookie(self, guest):
        answer = guest.post("/chat/stream", json={"message": "hi"}, headers={"X-API-Key": KEY})
        assert "set-cookie" not in answer.headers
        guest.headers["X-API-Key"] = KEY
        assert guest.chat().json()["rateLimit"]["remaining"] == 49

    def test_the_stream_knows_the_cookie(self, guest):
        guest.chat()
        guest.stream()
        assert guest.chat().json()["rateLimit"]["remaining"] == 47


class TestQuota:
    @pytest.fixture
    def stingy(self):
        with LocalServer(daily_limit=2) as server, requests.Session() as session:
            session.trust_env = False
            yield InfinityApi(session, server.url("infinity"), {})

    def test_runs_out(self, stingy):
        assert stingy.chat().json()["rateLimit"]["remaining"] == 1
        last = stingy.chat()
        assert last.status_code == 200
        refused = stingy.chat()
        assert refused.status_code == 429
        assert "retry-after" not in refused.headers
        assert "set-cookie" not in refused.headers
        body = refused.json()
        assert set(body) == {"error", "message", "rateLimit", "suggestion"}
        assert body["error"] == "Rate limit exceeded"
        limit = body["rateLimit"]
        assert limit == last.json()["rateLimit"]
        assert (limit["allowed"], limit["limit"], limit["remaining"]) == (False, 2, 0)
        assert limit["reason"] == f"Daily limit of 2 requests reached. Reset at {limit['reset_at']}"
        reset = datetime.strptime(limit["reset_at"], "%Y-%m-%dT%H:%M:%S.000Z").replace(tzinfo=timezone.utc)
        now = datetime.now(timezone.utc)
        assert (reset.hour, reset.minute, reset.second) == (0, 0, 0)
        assert now - timedelta(seconds=10) < reset <= now + timedelta(days=1)

    def test_streams_count(self, stingy):
        for _ in range(2):
            stingy.stream(userId="u")
        refused = stingy.post("/chat/stream", json={"message": "hi", "userId": "u"})
        assert refused.status_code == 429
        assert set(refused.json()) == {"error", "message", "rateLimit"}
        assert refused.headers["content-type"] == "application/json"
        assert stingy.chat(userId="u").status_code == 429
        assert stingy.chat(userId="other").status_code == 200

    def test_refused_chats_do_not_count(self, stingy):
        for _ in range(3):
            assert stingy.chat(" ", userId="u").status_code == 400
        assert stingy.chat(userId="u").status_code == 200

    @pytest.mark.parametrize(
        ("tier", "limit"),
        [
            ("free", 2),
            ("platinum", 2),
            ("", 2),
            ("pro", 4),
            ("assistant_pro", 4),
            ("PRO", 4),
            ("business", -1),
            ("team", -1),
            ("enterprise", -1),
            ("builder_pro", -1),
        ],
    )
    def test_tiers(self, stingy, tier, limit):
        limits = [stingy.chat(userId="u", userTier=tier) for _ in range(5)]
        allowed = [answer.status_code for answer in limits].count(200)
        assert allowed == (5 if limit == -1 else limit)
        assert limits[0].json()["rateLimit"]["limit"] == limit
        if limit == -1:
            assert limits[4].json()["rateLimit"] == {"allowed": True, "limit": -1, "remaining": -1}

    def test_in_many_threads(self):
        def chat(_):
            with requests.Session() as session:
                session.trust_env = False
                return InfinityApi(session, server.url("infinity"), {}).chat(userId="u").status_code

        with LocalServer(daily_limit=7) as server, ThreadPoolExecutor(8) as pool:
            statuses = list(pool.map(chat, range(16)))
        assert sorted(statuses) == [200] * 7 + [429] * 9

    def test_may_be_nothing_or_endless(self):
        for daily_limit, status in ((0, 429), (-1, 200)):
            with LocalServer(daily_limit=daily_limit) as server, requests.Session() as session:
                session.trust_env = False
                guest = InfinityApi(session, server.url("infinity"), {})
                assert guest.chat().status_code == status


class TestHistory:
    def test_is_one_row_of_the_user(self, guest):
        guest.chat("One?", conversationId="c")
        guest.chat("Two?", conversationId="c")
        body = guest.get("/chat?conversationId=c").json()
        assert body["conversationId"] == "c"
        (row,) = body["messages"]
        assert (row["conversation_id"], row["total_messages"]) == ("c", 4)
        assert row["user_id"] == guest.session.cookies[COOKIE]
        contents = [(entry["type"], entry["content"]) for entry in row["active_memory"]]
        assert contents[:2] == [("user", "One?"), ("assistant", "Hello! You said: One?")]
        assert re.fullmatch(r"mem_[0-9]{13}_[0-9a-z]{7}", row["active_memory"][0]["id"])
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00", row["created_at"])
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", row["updated_at"])

    def test_is_nobody_else_s(self, guest):
        guest.chat(conversationId="c", userId="u")
        assert guest.get("/chat?conversationId=c").json()["messages"] == []
        assert guest.get("/chat?conversationId=c&userId=x").json()["messages"] == []
        assert len(guest.get("/chat?conversationId=c&userId=u").json()["messages"]) == 1
        cookie = {"Cookie": f"a=b; {COOKIE}=u"}
        assert len(guest.get("/chat?conversationId=c", headers=cookie).json()["messages"]) == 1

    def test_needs_an_id(self, guest):
        answer = guest.get("/chat")
        assert answer.status_code == 400
        assert answer.json()["error"]["details"] == {
            "field": "conversationId",
            "reason": "conversationId is required",
        }


class TestMemoryInChats:
    @pytest.mark.parametrize(
        ("message", "stored"),
        [
            ("Remember this: I like tea ☕", "I like tea ☕"),
            ("Please don't forget the milk", "the milk"),
            ("Could you save this", "Could you save this"),
        ],
    )
    def test_remembers(self, guest, message, stored):
        body = guest.chat(message, conversationId="c").json()
        assert body["response"] == f"*I've stored that in my memory.*\n\nHello! You said: {message}"
        (fact,) = guest.memory("c")["criticalFacts"]
        assert (fact["content"], fact["tags"]) == (stored, ["remembered", "fact"])

    def test_asks_whether_to_remember(self, guest):
        body = guest.chat("Hi, my name is Ada.", conversationId="c").json()
        assert body["response"].startswith("Hello! You said: Hi, my name is Ada.\n\n---\n")
        assert '"my name is Ada"' in body["response"]
        assert guest.memory("c")["criticalFacts"] == []

    def test_shows_what_was_said(self, guest):
        guest.chat("x" * 300, conversationId="c")
        question, answer = guest.memory("c")["recentMessages"]
        assert question["content"] == "x" * 200 + "..."
        assert (question["type"], answer["type"]) == ("user", "assistant")
        assert set(question) == {"id", "type", "content", "importance", "timestamp"}


class TestDrivingMode:
    @pytest.mark.parametrize("driving", [True, None, {}, {"enabled": False}, [1]])
    def test_off(self, guest, driving):
        assert "drivingMode" not in guest.chat(drivingMode=driving).json()["metadata"]
        assert guest.stream(drivingMode=driving)[-1][1]["metadata"]["drivingMode"] is False

    def test_on(self, guest):
        assert guest.chat(drivingMode={"enabled": True}).json()["metadata"]["drivingMode"] is True
        assert guest.stream(drivingMode={"enabled": True})[-1][1]["metadata"]["drivingMode"] is True
