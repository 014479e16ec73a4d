"""Fake Infinity Assistant: chats, quota, memory, knowledge, keys, compared with recorded answers."""

import json
import re
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone
from urllib.parse import urlencode

import pytest
import requests

from chatsdk.testing import LocalServer

from .infinity import InfinityApi, named_events, text_of
from .shapes import differences, recordings
from .wire import KEY, exchange

RECORDED = recordings("infinity")
COOKIE = "infinity_anon_user"
APOLOGY = "I apologize, but I encountered an error processing your request. Please try again."
STORED = "*I've stored that in my memory.*"
HOOK = {"url": "https://app.example/hook", "events": ["chat.message", "memory.stored"]}
# What the client calls, without back ends that are down, and the words of some endpoints for broken JSON.
CALLED = re.compile(
    "chat_(ok|err_(429|empty|malf|blank|mess)|method|agent|invalid|revoked)|chat_stream_(?!ok_(la|ph)|err_malf)"
    "|memory_(post_(?!err_malf)|get|kv)|(research|search)_(ok|limit|err_(no|sdk))(?!_no_hits)"
    "|(api_keys|webhooks)_(?!create_err_malf)|unknown_route"
)


def prepare(server, guest, infinity, name):
    """The state that the recording started from."""
    server.reset()
    guest.session.cookies.clear()
    if name in ("chat_agent_failure_is_200", "chat_stream_error_event_4xx"):
        server.model_down("infinity")
    if name == "memory_get_after_chat":
        guest.chat(conversationId="conv_1234567890")
    if name == "memory_get_ok":
        guest.post("/memory", json={"conversationId": "conv_mem_x", "content": "☕"})
    if name.endswith("_429"):
        assert {guest.chat(userId="user_limited").status_code for _ in range(50)} == {200}
    if name.startswith("api_keys_list"):
        used, _ = create(infinity), create(infinity, "Other")
        guest.post("/chat", json={"message": "hi"}, headers={"X-API-Key": used["key"]})
    if name == "api_keys_create_err_500":
        create(infinity, "Other")


def replay(guest, infinity, name):
    request = RECORDED[name]["request"]
    headers, query = dict(request["headers"]), dict(request["query"])
    if "stubbed" in RECORDED[name] or re.search("_err_(blank|no|bad)_", name):
        headers["X-API-Key"] = KEY  # the real server checks bodies before it asks who sends them
    if name == "webhooks_delete_ok":
        query["id"] = register(infinity).json()["webhook"]["id"]
    body = (request.get("raw_body") or "").encode("utf-8")
    if request["json"] is not None:
        body = json.dumps(request["json"]).encode("utf-8")
    path = f"{request['path'][len('/api') :]}?{urlencode(query)}"
    return exchange(guest.base_url, request["method"], path, body, headers)


def flat(body):
    """The body with what is in its metadata, which is otherwise compared by its type only."""
    return {**body, **body.get("metadata", {})}


def by_name(text):
    """The events of a stream, one of each name; the real server does not send all of these each time."""
    optional = ("speaker", "essence", "driving")
    return {name: flat(data) for name, data in named_events(text) if name not in optional}


def test_recorded_answers(guest, server, infinity):
    names = [name for name in RECORDED if CALLED.match(name)]
    assert len(names) == 69
    for name in names:
        prepare(server, guest, infinity, name)
        expected, answer = RECORDED[name]["response"], replay(guest, infinity, name)
        content_type = expected["headers"].get("content-type")
        assert answer.status == expected["status"], name
        assert answer.headers.get("content-type") == content_type
        assert ("set-cookie" in answer.headers) == ("set-cookie" in expected["headers"]), name
        if content_type == "text/event-stream":
            assert answer.headers["cache-control"] == expected["headers"]["cache-control"]
            recorded, local = by_name(expected["body"]), by_name(answer.body.decode("utf-8"))
            assert list(recorded) == list(local), name
            assert differences(recorded, local) == [], name
        elif content_type == "application/json":
            found = differences(flat(json.loads(expected["body"])), flat(answer.json()))
            if name == "chat_stream_err_429":
                found.remove("body: suggestion only in one")
            # The knowledge base is another one, and the filters count.
            assert [text for text in found if not text.endswith("nothing to compare")] == [], name
        else:
            assert bool(answer.body) == bool(expected["body"])


def test_injected_failures_are_as_recorded(guest, server):
    for error in ("408_timeout", "429", "499_slow_backend", "503_network", "504_slow_backend"):
        recorded = RECORDED[f"chat_err_{error}"]["response"]
        server.fail("infinity", recorded["status"])
        answer = guest.chat()
        assert answer.status_code == recorded["status"]
        assert differences(json.loads(recorded["body"]), answer.json()) == [], error


def test_health(guest):
    recorded = json.loads(RECORDED["health_critical"]["response"]["body"])
    local = guest.get("/health").json()
    assert set(local.pop("checks")) <= set(recorded.pop("checks"))
    assert differences(recorded, local) == []


class TestChat:
    def test_plain(self, guest):
        answer = guest.chat(" Grüße a\u2028b 😀")
        body = answer.json()
        assert "a\u2028b 😀".encode() in answer.content
        assert body["response"] == "Hello! You said:  Grüße a\u2028b 😀"
        assert re.fullmatch("conv_[0-9]{13}_[0-9a-z]{10,13}", body["conversationId"])
        assert body["rateLimit"] == {"allowed": True, "limit": 50, "remaining": 49}
        assert body["metadata"]["tokensUsed"] > 0

    def test_stream(self, guest):
        body = '{"message": "a\u2028b é 😀 c"}'.encode()
        answer = exchange(guest.base_url, "POST", "/chat/stream", body)
        assert answer.complete
        assert "\u2028b".encode() in answer.body
        (speaker,), (start,), *chunks, (done,) = (named_events(chunk.decode()) for chunk in answer.chunks)
        assert (speaker[0], start[0], done[0]) == ("speaker", "start", "done")
        assert len(chunks) > 3
        assert text_of([one for (one,) in chunks]) == "Hello! You said: a\u2028b é 😀 c"
        assert start[1]["conversationId"] == done[1]["conversationId"]

    def test_begins_with_a_speaker_with_and_without_a_session(self, guest):
        assert {guest.stream(sessionId=session)[0][0] for session in ("s", None)} == {"speaker"}

    def test_reply_gets_the_conversation_so_far(self, session):
        seen = []

        def reply(messages, info):
            seen.append([(message["role"], message["content"]) for message in messages])
            return f"{info.service} {len(seen)}"

        with LocalServer(reply=reply) as server:
            guest = InfinityApi(session, server.url("infinity"), {})
            guest.chat(" One? ", conversationId="c")
            guest.stream("Two?", conversationId="c")
            guest.chat("Three?", conversationId="c")
            guest.chat("Elsewhere")
        first = [("user", " One? "), ("assistant", "infinity 1")]
        second = [("user", "Two?"), ("assistant", "infinity 2")]
        assert seen[2:] == [[*first, *second, ("user", "Three?")], [("user", "Elsewhere")]]

    def test_respond(self, server, guest):
        server.respond("infinity", "planned", usage={"total_tokens": 7}, times=2)
        body = guest.chat().json()
        assert (body["response"], body["metadata"]["tokensUsed"]) == ("planned", 7)
        events = guest.stream()
        assert (text_of(events), events[-1][1]["metadata"]["tokensUsed"]) == ("planned", 7)
        with pytest.raises(ValueError, match="infinity has no tool calls"):
            server.respond("infinity", tool_calls=[("f", {})])

    @pytest.mark.parametrize("reply", [None, lambda messages: 1 / 0])
    def test_a_model_that_is_down_apologizes(self, session, reply):
        with LocalServer(reply=reply) as server:
            guest = InfinityApi(session, server.url("infinity"), {})
            server.model_down("infinity", down=reply is None)
            body = guest.chat().json()
            assert (body["response"], body["metadata"]["tokensUsed"]) == (APOLOGY, 0)
            *_, (name, problem) = guest.stream()
            assert name == "error"
            expected = "The model is not available" if reply is None else "ZeroDivisionError"
            assert expected in problem["error"]
            assert len(server.errors) == (0 if reply is None else 2)

    def test_bad_requests(self, guest):
        for path in ("/chat", "/chat/stream"):
            for fields, name in [
                ({"message": 7}, "message"),
                ({"message": "x" * 5001}, "message"),
                ({"conversationId": 7}, "conversationId"),
                ({"userTier": {}}, "userTier"),
            ]:
                answer = guest.post(path, json={"message": "hi", **fields})
                assert answer.status_code == 400, fields
                assert answer.json()["error"].startswith(f"{name}: ")
            for body in (b"", b"{", b"[]", b"\xff"):
                assert guest.post(path, data=body).status_code == 500
        assert guest.chat("x" * 5000).status_code == 200

    def test_what_is_asked_to_remember(self, guest):
        message = "Remember this: I like tea ☕"
        assert guest.chat(message, conversationId="c").json()["response"].startswith(f"{STORED}\n\nHello!")
        events = guest.stream(message, conversationId="c")
        assert events[0] == ("memory", {"stored": True, "content": "I like tea ☕"})
        assert events[-2] == ("chunk", {"text": f"\n\n{STORED}"})
        facts = guest.memory("c")["criticalFacts"]
        assert [(fact["content"], fact["tags"]) for fact in facts] == [
            ("I like tea ☕", ["remembered", "fact"])
        ] * 2

    def test_a_cut_stream_is_not_stored(self, guest, server):
        server.cut("infinity", after=3)
        with pytest.raises(requests.exceptions.ChunkedEncodingError):
            guest.stream(conversationId="c")
        guest.stream(conversationId="c")
        kinds = [entry["type"] for entry in guest.memory("c")["recentMessages"]]
        assert kinds == ["user", "user", "assistant"]


class TestIdentity:
    def test_the_cookie_makes_a_user(self, guest):
        answer = guest.chat()
        cookie, *rules = answer.headers["set-cookie"].split("; ")
        assert re.fullmatch(COOKIE + "=anon_[0-9]{13}_[0-9a-z]+", cookie)
        assert rules == ["Path=/", "Max-Age=31536000", "HttpOnly", "SameSite=strict"]
        guest.stream()
        second = guest.chat()
        assert second.headers["set-cookie"].startswith(cookie)
        assert second.json()["rateLimit"]["remaining"] == 47
        guest.session.cookies.clear()
        assert guest.chat().json()["rateLimit"]["remaining"] == 49
        assert "set-cookie" not in guest.chat(userId="user_1").headers
        assert guest.chat(userId="user_1").json()["rateLimit"]["remaining"] == 48

    def test_keys_name_their_owner_in_plain_chats_only(self, guest):
        for number, headers in enumerate([{"X-API-Key": KEY}, {"Authorization": f"Bearer {KEY}"}]):
            guest.post("/chat/stream", json={"message": "hi"}, headers=headers)
            answer = guest.post("/chat", json={"message": "hi"}, headers=headers)
            assert answer.json()["rateLimit"]["remaining"] == 49 - number
            assert guest.session.cookies[COOKIE].startswith("user_")
            guest.session.cookies.clear()
        for headers in ({"X-API-Key": "ia_" + "x" * 43}, {"Authorization": f"Basic {KEY}"}):
            assert guest.post("/chat", json={"message": "hi"}, headers=headers).status_code == 200
            assert guest.session.cookies[COOKIE].startswith("anon_")
            guest.session.cookies.clear()


class TestQuota:
    @pytest.fixture
    def stingy(self, session):
        with LocalServer(daily_limit=2) as server:
            yield InfinityApi(session, server.url("infinity"), {})

    def test_runs_out(self, stingy):
        assert stingy.chat(" ", userId="u").status_code == 400  # is not counted
        stingy.stream(userId="u")
        last = stingy.chat(userId="u")
        assert last.status_code == 200
        for path in ("/chat", "/chat/stream"):
            refused = stingy.post(path, json={"message": "hi", "userId": "u"})
            assert refused.status_code == 429
            assert "retry-after" not in refused.headers
            limit = refused.json()["rateLimit"]
            assert limit == last.json()["rateLimit"]
        assert (limit["allowed"], limit["limit"], limit["remaining"]) == (False, 2, 0)
        reset = datetime.strptime(limit["reset_at"], "%Y-%m-%dT00:00:00.000Z").replace(tzinfo=timezone.utc)
        now = datetime.now(timezone.utc)
        assert now - timedelta(minutes=1) < reset <= now + timedelta(days=1)
        assert stingy.chat(userId="other").status_code == 200

    def test_midnight_gives_no_new_quota(self, stingy, monkeypatch):
        """A test that runs at midnight would fail otherwise."""
        assert [stingy.chat(userId="u").status_code for _ in range(2)] == [200, 200]
        monkeypatch.setattr("chatsdk.testing.infinity.timestamp", lambda *_, **__: "2999-01-01T00:00:00.000Z")
        assert stingy.chat(userId="u").status_code == 429

    def test_tiers(self, stingy):
        for tier, limit in [("free", 2), ("platinum", 2), ("PRO", 4), ("assistant_pro", 4), ("team", -1)]:
            answers = [stingy.chat(userId=tier, userTier=tier) for _ in range(5)]
            allowed = [answer.status_code for answer in answers].count(200)
            assert allowed == (5 if limit == -1 else limit), tier
            assert answers[0].json()["rateLimit"]["limit"] == limit

    def test_in_many_threads(self, stingy):
        body = b'{"message": "hi", "userId": "u", "userTier": "pro"}'
        with ThreadPoolExecutor(8) as pool:
            calls = [pool.submit(exchange, stingy.base_url, "POST", "/chat", body) for _ in range(12)]
        assert sorted(call.result().status for call in calls) == [200] * 4 + [429] * 8


class TestMemory:
    def test_facts_are_kept_in_their_order(self, guest):
        for conversation_id in ("a b/☕", "..", "%2F"):
            for kind in ("wisdom", "fact", "gotcha"):
                body = {"conversationId": conversation_id, "content": kind * 50, "type": kind}
                entry = guest.post("/memory", json=body).json()["entry"]
                assert (entry["content"], entry["type"]) == (kind * 50, "insight")
            facts = guest.memory(conversation_id)["criticalFacts"]
            assert [fact["content"] for fact in facts] == ["wisdom" * 50, "fact" * 50, "gotcha" * 50]
            assert facts[-1] == {**entry, "tags": ["remembered", "gotcha"]}

    def test_messages_are_cut(self, guest):
        guest.chat("x\n" * 150, conversationId="c")
        guest.chat("y" * 200, conversationId="c")
        contents = [entry["content"] for entry in guest.memory("c")["recentMessages"]]
        assert contents[::2] == ["x\n" * 100 + "...", "y" * 200]


class TestKnowledge:
    @pytest.fixture
    def search(self, guest):
        return lambda query="python", **fields: guest.post("/search", json={"query": query, **fields}).json()

    def test_search(self, search):
        sizes = {group: len(items) for group, items in search()["results"].items()}
        assert min(sizes.values()) > 1
        for limit, expected in ((1, 1), (0, 0), (None, 0)):
            limited = search(limit=limit)
            assert {len(items) for items in limited["results"].values()} == {expected}
            assert limited["counts"] == {"total": sum(sizes.values()), **sizes}
        for group in sizes:
            assert search(type=group)["counts"]["total"] == sizes[group]
        for fields in ({"domain": "http"}, {"tags": ["style", "none"]}):
            assert search(**fields)["counts"]["total"] == 1
        assert search("zzz")["counts"]["total"] == 0
        scores = [item["score"] for item in search("python style")["results"]["wisdom"]]
        assert scores == [1.0, 0.5]

    def test_research(self, guest):
        def research(**fields):
            return guest.post("/research", json={"topic": " python ", **fields}).json()["result"]

        sizes = [len(research(mode=mode)["findings"]) for mode in ("shallow", "quick", None, "deep")]
        assert 0 == sizes[0] < sizes[1] < sizes[2] < sizes[3]
        given = {"context": None, "domains": ["http"], "maxSources": 3, "includeExternal": True}
        result = research(**given)
        assert result["query"] == {"topic": "python", "mode": "standard", **given}
        assert {finding["domain"] for finding in result["findings"]} == {"http"}
        assert result["synthesis"]["keyInsights"] == [finding["content"] for finding in result["findings"]]


def create(infinity, name="My App"):
    answer = infinity.post("/api-keys", json={"name": name})
    assert answer.status_code == 200, answer.text
    return answer.json()["apiKey"]


def register(infinity, **fields):
    return infinity.post("/webhooks", json={**HOOK, **fields})


class TestKeysAndWebhooks:
    def test_need_a_key(self, guest):
        for headers in ({}, {"X-API-Key": "ia_" + "x" * 43}):
            for method in ("GET", "POST", "DELETE"):
                for path, body in (("/api-keys?id=x", {"name": "x"}), ("/webhooks?id=x", HOOK)):
                    answer = guest.send(method, path, json=body, headers=headers)
                    assert (answer.status_code, answer.json()) == (401, {"error": "Authentication required"})

    def test_a_created_key_is_valid_until_it_is_revoked(self, infinity, guest):
        key = create(infinity, " Café 🎉 ")
        assert key["name"] == "Café 🎉"
        assert re.fullmatch("ia_[A-Za-z0-9_-]{43}", key["key"])
        assert key["prefix"] == key["key"][:12]
        guest.headers["X-API-Key"] = key["key"]
        assert register(guest).status_code == 200
        guest.chat()
        assert guest.session.cookies[COOKIE].startswith("user_")
        assert infinity.send("DELETE", f"/api-keys?id={key['id']}").status_code == 200
        assert guest.get("/webhooks").status_code == 401

    def test_lists_do_not_show_keys(self, infinity):
        first, _ = create(infinity, "first"), create(infinity, "second")
        infinity.get("/webhooks", headers={"X-API-Key": first["key"]})
        infinity.send("DELETE", f"/api-keys?id={first['id']}")
        answer = infinity.get("/api-keys")
        assert first["key"] not in answer.text
        rows = [(row["name"], row["isActive"], "lastUsed" in row) for row in answer.json()["apiKeys"]]
        assert rows == [("second", True, False), ("first", False, True)]
        assert infinity.post("/api-keys", json={"name": "first"}).status_code == 500  # used once

    def test_webhooks(self, infinity):
        hook, kept = (register(infinity).json()["webhook"] for _ in range(2))
        secret = hook.pop("secret")
        assert re.fullmatch("[A-Za-z0-9_-]{43}", secret)
        answer = infinity.get("/webhooks")
        assert secret not in answer.text
        assert answer.json()["webhooks"][0] == {**hook, "isActive": True, "failureCount": 0}
        statuses = [infinity.send("DELETE", f"/webhooks?id={hook['id']}").status_code for _ in range(2)]
        assert statuses == [200, 404]
        assert [one["id"] for one in infinity.get("/webhooks").json()["webhooks"]] == [kept["id"]]
        assert register(infinity, url="app.example").status_code == 400
