import json
import pickle
from datetime import datetime, timezone
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
import responses

from chatsdk import Client, Service, errors, infinity
from chatsdk.infinity import ChatRequest, InfinityAssistantError, KnowledgeFilters, ResearchRequest

from .helpers import sent_json

URL = "https://infinity.example/api"
ANSWER = {
    "response": "Paris.",
    "conversationId": "conv_1",
    "rateLimit": {"allowed": True, "limit": 50, "remaining": 49},
    "metadata": {"model": "infinity-agent", "tokensUsed": 42, "processingTime": 18},
}
STAMP = "2026-11-20T09:36:29.868Z"
MOMENT = datetime(2026, 11, 20, 9, 36, 29, 868000, tzinfo=timezone.utc)


@pytest.fixture
def api():
    with Client(infinity=Service(URL, api_key="ia_secret_1", max_retries=0)) as client:
        yield client.infinity


def test_the_default_address(http):
    http.add("GET", "https://infinityassistant.io/api/health", json={"status": "healthy"})
    with Client() as client:
        assert client.infinity.health().status == "healthy"


class TestChat:
    @pytest.mark.parametrize(
        ("args", "fields"),
        [
            ([ChatRequest("Hi", "c1", user_id="u1")], {}),
            ([ChatRequest(message="Hi", conversation_id="c1")], {"user_id": "u1"}),
            ([{"message": "Hi", "conversationId": "c1", "userId": "u1"}], {}),
            ([{"message": "Hi", "conversation_id": "c1", "user_id": "u1"}], {}),
            ([{"message": "Hi", "conversationId": "c1", "userId": "other"}], {"userId": "u1"}),
            ([], {"message": "Hi", "conversation_id": "c1", "user_id": "u1"}),
            ([], {"message": "Hi", "conversationId": "c1", "userId": "u1"}),
            ([], {"request": {"message": "other"}, "message": "Hi", "conversationId": "c1", "user_id": "u1"}),
        ],
    )
    def test_one_call_in_all_its_forms(self, http, api, args, fields):
        http.add("POST", URL + "/chat", json=ANSWER)
        assert api.chat(*args, **fields).text == "Paris."
        assert sent_json(http) == {"message": "Hi", "conversationId": "c1", "userId": "u1"}

    def test_all_fields(self, http, api):
        http.add("POST", URL + "/chat", json=ANSWER)
        api.chat(
            message="Hi",
            conversation_id="c",
            user_id="u",
            user_tier="pro",
            mode="build",
            user_context="x",
            preferences={"role": None},
            essence={"voiceTone": "calm"},
            session_id="s",
            driving_mode={"enabled": True},
        )
        assert sent_json(http) == {
            "message": "Hi",
            "conversationId": "c",
            "userId": "u",
            "userTier": "pro",
            "mode": "build",
            "userContext": "x",
            "preferences": {"role": None},
            "essence": {"voiceTone": "calm"},
            "sessionId": "s",
            "drivingMode": {"enabled": True},
        }

    def test_what_is_none_is_not_sent_and_what_is_false_is(self, http, api):
        http.add("POST", URL + "/chat", json=ANSWER)
        api.chat({"message": "", "mode": None, "brand_new": 1}, userId=None, driving_mode=False)
        assert sent_json(http) == {"message": "", "drivingMode": False, "brand_new": 1}

    @pytest.mark.parametrize("method", ["chat", "chat_stream"])
    @pytest.mark.parametrize(
        ("args", "fields", "word"),
        [
            ([], {"message": "Hi", "conversationID": "c"}, "conversationID"),
            ([], {}, "message"),
            ([], {"user_id": "u"}, "message"),
            (["Hi"], {}, "str"),
            ([5], {}, "int"),
            ([ResearchRequest("topic")], {}, "ResearchRequest"),
        ],
    )
    def test_what_is_a_mistake_of_the_caller(self, api, method, args, fields, word):
        with pytest.raises(TypeError) as caught:
            getattr(api, method)(*args, **fields)
        assert word in str(caught.value)

    def test_answer(self, http, api):
        http.add("POST", URL + "/chat", json=ANSWER)
        found = api.chat(message="Hi")
        assert found["response"] == found.response == found.text == found._repr_markdown_() == "Paris."
        assert found["conversationId"] == found.conversation_id == "conv_1"
        assert (found.rate_limit.limit, found["rateLimit"]["remaining"]) == (50, 49)
        assert found.metadata["tokensUsed"] == 42
        assert (found.success, found["success"], found.message_id, found.error) == (True, True, None, None)
        assert found.get("messageId") is None

    def test_what_other_servers_add(self, http, api):
        http.add("POST", URL + "/chat", json={**ANSWER, "success": False, "messageId": "m1", "new": [1]})
        found = api.chat(message="Hi")
        assert (found.success, found.message_id, found.extra) == (False, "m1", {"new": [1]})

    def test_an_apology_is_an_answer(self, http, api):
        http.add("POST", URL + "/chat", json={"response": "I apologize.", "metadata": {"tokensUsed": 0}})
        found = api.chat(message="Hi")
        assert (found.text, found.conversation_id, found.rate_limit) == ("I apologize.", "", None)

    @pytest.mark.parametrize("body", [{}, {"response": None}, {"response": {"text": "x"}}, {"response": 5}])
    def test_no_answer(self, http, api, body):
        http.add("POST", URL + "/chat", json=body)
        with pytest.raises(errors.APIResponseError, match="response") as caught:
            api.chat(message="Hi")
        assert isinstance(caught.value, InfinityAssistantError)

    def test_a_failure_that_came_as_a_success(self, http, api):
        http.add("POST", URL + "/chat", json={"success": False, "error": {"message": "No model"}})
        with pytest.raises(errors.APIResponseError, match=r"^No model$"):
            api.chat(message="Hi")

    def test_what_json_has_not(self, api):
        for message in ("\ud800", float("nan")):
            with pytest.raises(errors.InvalidRequestError) as caught:
                api.chat(message=message)
            assert isinstance(caught.value, InfinityAssistantError)


ITEMS = {
    "gotchas": [{"id": "g", "title": "G", "content": "gc", "score": 0.7, "source": "s"}],
    "patterns": [{"id": "p", "name": "P", "description": "pc", "score": 1.2, "domain": "python"}],
    "wisdom": [{"id": "w", "title": "W", "content": "wc"}],
}


class TestSearch:
    def body(self, http, api, *args, **fields):
        http.add("POST", URL + "/search", json={"results": []})
        api.search_knowledge(*args, **fields)
        return sent_json(http)

    @pytest.mark.parametrize(
        "filters",
        [
            {"type": "pattern", "domain": "d", "tags": ["a"]},
            KnowledgeFilters("pattern", "d", ["a"]),
            KnowledgeFilters.from_dict({"type": "patterns", "domain": "d", "tags": ["a"]}),
        ],
    )
    def test_filters_are_lifted(self, http, api, filters):
        body = self.body(http, api, query="q", limit=5, filters=filters)
        assert body == {"query": "q", "limit": 5, "type": "patterns", "domain": "d", "tags": ["a"]}

    def test_a_field_wins_over_the_filters(self, http, api):
        filters = {"type": "gotcha", "domain": "d", "tags": None, "new": 1, "query": "other"}
        body = self.body(http, api, {"query": "q", "filters": filters, "more": 2}, type="wisdom", domain=None)
        assert body == {"query": "q", "type": "wisdom", "domain": "d", "new": 1, "more": 2}

    @pytest.mark.parametrize(
        ("given", "sent"),
        [
            ("pattern", "patterns"),
            ("patterns", "patterns"),
            ("gotcha", "gotchas"),
            ("wisdom", "wisdom"),
            ("all", "all"),
            ("brand new", "brand new"),
        ],
    )
    def test_types(self, http, api, given, sent):
        assert self.body(http, api, query="q", type=given) == {"query": "q", "type": sent}

    def test_nothing_is_sent_but_what_is_given(self, http, api):
        assert self.body(http, api, query="q", limit=None, tags=None, filters={}) == {"query": "q"}
        assert self.body(http, api, query="q", userId="u", user_tier="pro", limit=0, tags=[]) == {
            "query": "q",
            "userId": "u",
            "userTier": "pro",
            "limit": 0,
            "tags": [],
        }

    @pytest.mark.parametrize("filters", ["wisdom", ["wisdom"], 5])
    def test_filters_of_another_kind(self, api, filters):
        with pytest.raises(TypeError, match="KnowledgeFilters, a dict"):
            api.search_knowledge(query="q", filters=filters)

    def test_a_query_is_needed(self, api):
        with pytest.raises(TypeError, match="query"):
            api.search_knowledge(filters={"type": "wisdom"})

    def found(self, http, api, **body):
        http.add("POST", URL + "/search", json=body)
        return api.search_knowledge(query="q")

    def test_groups_become_one_list(self, http, api):
        counts = {"total": 30, "wisdom": 10, "patterns": 10, "gotchas": 10}
        found = self.found(http, api, success=True, query="q", results=ITEMS, counts=counts)
        assert [(i.type, i.id, i.title, i.content, i.score, i.domain, i.source) for i in found] == [
            ("wisdom", "w", "W", "wc", None, None, None),
            ("pattern", "p", "P", "pc", 1.2, "python", None),
            ("gotcha", "g", "G", "gc", 0.7, None, "s"),
        ]
        assert found["results"] is found.results
        assert (found.total, found.counts, found.query, found.success) == (30, counts, "q", True)
        assert not any(item.extra for item in found)
        missing = dict.fromkeys(["score", "domain", "source"])
        assert found.to_rows()[0] == {"id": "w", "type": "wisdom", "title": "W", "content": "wc", **missing}
        assert "<td>gc</td>" in found._repr_html_()

    def test_nothing_that_was_sent_is_lost(self, http, api):
        item = {"id": "x", "title": "T", "name": "N", "content": "", "description": "D", "new": 1}
        results = {"tips": [{"id": "t"}], "wisdom": None, "gotchas": [item]}
        found = self.found(http, api, results=results, total=7, counts={"total": 3}, new=2)
        first, second = found.results
        assert (first.type, first.title, first.content, first.extra) == (
            "gotcha",
            "T",
            "D",
            {"name": "N", "new": 1},
        )
        assert (second.type, second.id, second.title) == ("tips", "t", "")
        assert (found.total, found.counts, found.extra) == (7, {"total": 3}, {"new": 2})

    def test_a_list_stays_one(self, http, api):
        found = self.found(http, api, results=[{"id": "a", "type": "wisdom", "title": "A"}], total=1)
        assert [(item.type, item.title) for item in found] == [("wisdom", "A")]
        assert found.total == 1

    def test_an_answer_of_its_own(self, http, api):
        found = self.found(
            http, api, results={"wisdom": []}, gapCaptured=True, generatedAnswer="Text", knowledgeCreated=0
        )
        assert (found.results, found.gap_captured, found.generated_answer, found.knowledge_created) == (
            [],
            True,
            "Text",
            0,
        )

    @pytest.mark.parametrize(
        "results",
        [None, "x", 5, {"wisdom": "x"}, {"wisdom": ["x"]}, {"patterns": [None]}, ["x"], {"gotchas": [[]]}],
    )
    def test_results_that_cannot_be_read(self, http, api, results):
        with pytest.raises(errors.APIResponseError, match="results"):
            self.found(http, api, results=results)

    @pytest.mark.parametrize("counts", [None, {}, [], "x"])
    def test_counts_that_are_missing(self, http, api, counts):
        assert self.found(http, api, results={}, counts=counts).total == 0


EMPTY = {"recentMessages": [], "compressedHistory": [], "criticalFacts": []}


def fact(content, *tags):
    return {
        "id": "mem_1",
        "content": content,
        "type": "insight",
        "importance": "critical",
        "tags": list(tags),
        "createdAt": STAMP,
    }


class TestMemory:
    @pytest.mark.parametrize(
        ("value", "text"),
        [
            ({"theme": "dark", "n": [1, None]}, '{"theme":"dark","n":[1,null]}'),
            ("café \u2028🎉", '"café \u2028🎉"'),
            ("", '""'),
            (None, "null"),
            (0, "0"),
            (False, "false"),
            ([], "[]"),
            (MOMENT, '"2026-11-20T09:36:29.868000Z"'),
            (KnowledgeFilters("wisdom"), '{"type":"wisdom"}'),
        ],
    )
    def test_a_value_is_stored_as_json_text(self, http, api, value, text):
        http.add("POST", URL + "/memory", json={"success": True, "entry": fact(text)})
        found = api.store_memory("user preference/☕", value)
        assert sent_json(http) == {"conversationId": "user preference/☕", "content": text}
        assert found.success is found.stored is found["stored"] is True
        assert (found.entry.content, found.entry.created_at) == (text, MOMENT)

    def test_ttl_is_refused(self, api):
        for ttl in (0, 3600, -1):
            with pytest.raises(errors.InvalidRequestError, match="ttl") as caught:
                api.store_memory("key", 1, ttl)
            assert isinstance(caught.value, InfinityAssistantError)

    @pytest.mark.parametrize("value", [float("nan"), [float("inf")], "\ud800"])
    def test_what_json_has_not(self, api, value):
        with pytest.raises(errors.InvalidRequestError) as caught:
            api.store_memory("key", value)
        assert isinstance(caught.value, InfinityAssistantError)
        with pytest.raises(TypeError):
            api.store_memory("key", {1, 2})

    @pytest.mark.parametrize("key", ["", "  ", None, 5, b"x", "..", "a/../b", "..\\a", "a/..", "\ud800"])
    def test_keys_that_cannot_be_used(self, api, key):
        for call in (lambda: api.store_memory(key, 1), lambda: api.retrieve_memory(key)):
            with pytest.raises(errors.InvalidRequestError) as caught:
                call()
            assert isinstance(caught.value, InfinityAssistantError)

    @pytest.mark.parametrize("key", ["a key", "a/b", "...", "a..b", "☕&x=1#y", ".", "%2e%2e"])
    def test_keys_that_can(self, http, api, key):
        http.add("GET", URL + "/memory", json={"memory": EMPTY})
        api.retrieve_memory(key)
        assert parse_qs(urlsplit(http.calls[0].request.url).query) == {"conversationId": [key]}

    def test_an_answer_without_an_entry(self, http, api):
        http.add("POST", URL + "/memory", json={"success": True})
        with pytest.raises(errors.APIResponseError, match="entry"):
            api.store_memory("key", 1)

    @pytest.mark.parametrize(
        ("text", "value"),
        [
            ('{"theme":"dark"}', {"theme": "dark"}),
            ('"café"', "café"),
            ("null", None),
            (" 5 ", 5),
            ("my name is Ada", "my name is Ada"),
            ("NaN", "NaN"),
            ("1e999", "1e999"),
            ('{"a":', '{"a":'),
            ("1 2", "1 2"),
            ("", ""),
            ("[" * 100_000, "[" * 100_000),
        ],
    )
    def test_a_value_comes_back(self, http, api, text, value):
        facts = [fact('"first"', "remembered"), fact(text, "remembered", "fact"), fact('"x"', "other")]
        http.add("GET", URL + "/memory", json={"memory": {**EMPTY, "criticalFacts": facts}})
        found = api.retrieve_memory("key")
        assert (found.found, found.value) == (True, value)
        assert (found["found"], found["value"], found.success) == (True, value, True)
        assert (found.entry.content, found.entry.tags) == (text, ["remembered", "fact"])
        assert [entry.content for entry in found.memory.critical_facts] == ['"first"', text, '"x"']
        assert found.entry.created_at == found.memory.critical_facts[0].created_at == MOMENT

    @pytest.mark.parametrize(
        "facts",
        [
            [],
            None,
            "x",
            [None, "x", 5],
            [fact("1")],
            [fact("1", "forgotten")],
            [{"tags": "remembered", "content": "1"}],
        ],
    )
    def test_nothing_is_found(self, http, api, facts):
        http.add("GET", URL + "/memory", json={"memory": {"criticalFacts": facts}})
        found = api.retrieve_memory("key")
        assert (found.found, found.value, found.entry) == (False, None, None)

    def test_all_that_is_remembered(self, http, api):
        message = {"id": "m", "type": "user", "content": "Hi", "importance": "medium", "timestamp": STAMP}
        summary = {
            "id": "s",
            "summary": "They met.",
            "originalCount": 12,
            "timeRange": {"start": STAMP, "end": STAMP},
            "keyInsights": ["a"],
            "importance": "high",
        }
        memory = {"recentMessages": [message], "compressedHistory": [summary], "criticalFacts": []}
        http.add("GET", URL + "/memory", json={"memory": memory})
        found = api.retrieve_memory("conv_1").memory
        assert found.recent_messages[0].timestamp == MOMENT
        assert found.compressed_history[0].time_range.end == MOMENT
        assert (found.compressed_history[0].original_count, found.compressed_history[0].key_insights) == (
            12,
            ["a"],
        )
        assert not found.extra
        assert not found.compressed_history[0].extra

    @pytest.mark.parametrize("body", [{}, {"memory": None}, {"memory": []}, {"value": 1, "found": True}])
    def test_an_answer_without_a_memory(self, http, api, body):
        http.add("GET", URL + "/memory", json=body)
        with pytest.raises(errors.APIResponseError, match="memory"):
            api.retrieve_memory("key")


RESULT = {
    "query": {"topic": "t", "mode": "quick"},
    "findings": [{"id": "f", "content": "c", "source": "web-search", "sourceType": "fact", "relevance": 0.9}],
    "synthesis": {"summary": "In short.", "keyInsights": ["k"], "gaps": [], "confidence": 0.3},
    "sources": {"internal": 1, "external": 0, "total": 1},
    "timing": {"startTime": 1795167614857, "endTime": 1795167614862, "durationMs": 5},
    "mode": "quick",
}


class TestResearch:
    @pytest.mark.parametrize(
        ("fields", "sent"),
        [
            ({"topic": "t"}, {"topic": "t"}),
            ({"query": "t"}, {"topic": "t"}),
            ({"query": "other", "topic": "t"}, {"topic": "t"}),
            ({"topic": ""}, {"topic": ""}),
            ({"query": "t", "depth": "shallow"}, {"topic": "t", "mode": "quick"}),
            ({"query": "t", "depth": "medium"}, {"topic": "t", "mode": "standard"}),
            ({"query": "t", "depth": "deep"}, {"topic": "t", "mode": "deep"}),
            ({"query": "t", "depth": "comprehensive"}, {"topic": "t", "mode": "comprehensive"}),
            ({"query": "t", "depth": "quick", "mode": "deep"}, {"topic": "t", "mode": "deep"}),
            ({"topic": "t", "mode": "shallow"}, {"topic": "t", "mode": "shallow"}),
            ({"query": "t", "sources": 5}, {"topic": "t", "maxSources": 5}),
            ({"query": "t", "sources": 5, "maxSources": 3}, {"topic": "t", "maxSources": 3}),
            (
                {"topic": "t", "context": "c", "domains": ["d"], "max_sources": 0, "includeExternal": False},
                {"topic": "t", "context": "c", "domains": ["d"], "maxSources": 0, "includeExternal": False},
            ),
        ],
    )
    def test_body(self, http, api, fields, sent):
        http.add("POST", URL + "/research", json={"result": {}})
        api.research(**fields)
        assert sent_json(http) == sent
        api.research({**fields, "new": 1})
        assert sent_json(http) == {**sent, "new": 1}

    @pytest.mark.parametrize("fields", [{}, {"depth": "deep"}, {"topic": None, "query": None}])
    def test_a_topic_is_needed(self, api, fields):
        with pytest.raises(TypeError, match="topic"):
            api.research(**fields)

    @pytest.mark.parametrize("depth", ["Deep", "", 5, ["deep"]])
    def test_an_unknown_depth(self, api, depth):
        with pytest.raises(errors.InvalidRequestError, match="shallow") as caught:
            api.research(topic="t", depth=depth)
        assert isinstance(caught.value, InfinityAssistantError)

    def test_answer(self, http, api):
        http.add("POST", URL + "/research", json={"success": True, "result": RESULT})
        found = api.research(topic="t")
        (finding,) = found.result.findings
        assert found.findings == found.results == found["results"] == found["findings"] == [finding]
        assert (finding.source_type, finding.relevance, finding.domain) == ("fact", 0.9, None)
        assert found.summary == found["summary"] == found.result.synthesis.summary == "In short."
        assert found.get("summary") == "In short."
        assert (found.result.query.topic, found.result.sources.total) == ("t", 1)
        assert (found.result.timing.start_time, found.result.timing.duration_ms) == (1795167614857, 5)
        assert found.to_dict()["result"].keys() == RESULT.keys()
        with pytest.raises(KeyError):
            found["nothing"]

    def test_an_answer_with_little_in_it(self, http, api):
        http.add("POST", URL + "/research", json={"result": {"findings": None}})
        found = api.research(topic="t")
        assert (found.findings, found.summary, found.result.sources) == ([], "", None)
        assert all(name in found for name in ("findings", "results", "summary", "result"))

    @pytest.mark.parametrize("body", [{}, {"result": None}, {"result": []}])
    def test_no_answer(self, http, api, body):
        http.add("POST", URL + "/research", json=body)
        with pytest.raises(errors.APIResponseError, match="result"):
            api.research(topic="t")


class TestKeysAndWebhooks:
    def test_a_new_key_is_not_in_the_repr(self, http, api):
        made = {"id": "k1", "name": "My App", "key": "ia_new_secret", "prefix": "ia_new_", "createdAt": STAMP}
        http.add("POST", URL + "/api-keys", json={"success": True, "apiKey": made, "message": "Save it"})
        found = api.create_api_key("My App")
        assert sent_json(http) == {"name": "My App"}
        assert (found.key, found["key"], found.created_at) == ("ia_new_secret", "ia_new_secret", MOMENT)
        assert (found.is_active, found.last_used) == (True, None)
        assert "ia_new_secret" not in repr(found)

    def test_keys(self, http, api):
        listed = [
            {"id": "a", "name": "A", "prefix": "ia_a", "createdAt": STAMP, "isActive": False},
            {"id": "b", "name": "B", "prefix": "ia_b", "lastUsed": STAMP, "isActive": True},
        ]
        http.add("GET", URL + "/api-keys", json={"success": True, "apiKeys": listed})
        first, second = found = api.list_api_keys()
        assert (first.is_active, first.last_used, first.key) == (False, None, None)
        assert (second.is_active, second["lastUsed"]) == (True, MOMENT)
        assert [row["name"] for row in found.to_rows()] == ["A", "B"]

    def test_a_new_webhook(self, http, api):
        made = {"id": "w", "url": "https://a.example", "events": ["chat.message"], "secret": "whsec"}
        http.add("POST", URL + "/webhooks", json={"success": True, "webhook": {**made, "createdAt": STAMP}})
        found = api.create_webhook("https://a.example", ("chat.message",))
        assert sent_json(http) == {"url": "https://a.example", "events": ["chat.message"]}
        assert (found.secret, found.events, found.created_at) == ("whsec", ["chat.message"], MOMENT)
        assert (found.is_active, found.failure_count, found.last_triggered) == (True, 0, None)
        assert "whsec" not in repr(found)

    def test_webhooks(self, http, api):
        one = {"id": "w", "url": "u", "events": [], "isActive": False, "lastTriggered": STAMP}
        http.add("GET", URL + "/webhooks", json={"success": True, "webhooks": [{**one, "failureCount": 3}]})
        (found,) = api.list_webhooks()
        assert (found.is_active, found.last_triggered, found.failure_count) == (False, MOMENT, 3)

    @pytest.mark.parametrize("events", ["chat.message", None, 5])
    def test_events_must_be_a_list(self, api, events):
        with pytest.raises(TypeError):
            api.create_webhook("https://a.example", events)

    @pytest.mark.parametrize("path", ["api-keys", "webhooks"])
    def test_deleting(self, http, api, path):
        delete = {"api-keys": api.delete_api_key, "webhooks": api.delete_webhook}[path]
        http.add("DELETE", f"{URL}/{path}", json={"success": True, "message": "Gone"})
        found = delete("a/b&c=☕")
        assert (found.success, found["message"]) == (True, "Gone")
        assert parse_qs(urlsplit(http.calls[0].request.url).query) == {"id": ["a/b&c=☕"]}
        assert http.calls[0].request.body is None
        for nothing in ("", " ", None, 5):
            with pytest.raises(errors.InvalidRequestError) as caught:
                delete(nothing)
            assert isinstance(caught.value, InfinityAssistantError)

    @pytest.mark.parametrize("body", [{}, {"apiKey": None}, {"apiKey": {}}, {"apiKey": "x"}, {"webhook": []}])
    def test_answers_without_what_was_made(self, http, api, body):
        http.add("POST", URL + "/api-keys", json=body)
        http.add("POST", URL + "/webhooks", json=body)
        with pytest.raises(errors.APIResponseError):
            api.create_api_key("x")
        with pytest.raises(errors.APIResponseError):
            api.create_webhook("https://a.example", ["chat.message"])

    @pytest.mark.parametrize(
        "body",
        [
            '{"apiKey": {"key": "ia_\\"new", "name": "x"}}',
            '{"webhook": {"signingSecret" : "ia_new\\\\", "url": "x"}}',
            '{"apiKey": {"id": "k", "key": "ia_ne',
        ],
    )
    def test_what_cannot_be_read_keeps_its_secret(self, http, api, body):
        http.add("POST", URL + "/api-keys", body=body)
        with pytest.raises(errors.APIResponseError) as caught:
            api.create_api_key("x")
        assert "***" in caught.value.body
        assert "ia_" not in caught.value.body
        assert b"ia_" not in pickle.dumps(caught.value)
        assert caught.value.body.endswith(('"x"}}', '"***"'))

    @pytest.mark.parametrize("body", [{}, [], {"apiKeys": None, "webhooks": {}}, {"apiKeys": ["x"]}])
    def test_answers_without_a_list(self, http, api, body):
        http.add("GET", URL + "/api-keys", json=body)
        http.add("GET", URL + "/webhooks", json=body)
        for method in (api.list_api_keys, api.list_webhooks):
            with pytest.raises(errors.APIResponseError):
                method()

    def test_a_refusal(self, http, api):
        http.add("GET", URL + "/api-keys", json={"error": "Authentication required"}, status=401)
        with pytest.raises(errors.AuthenticationError, match=r"^HTTP \d+: Authentication required \("):
            api.list_api_keys()

    def test_the_key_in_use(self, api):
        assert api.get_api_key() == "ia_secret_1"
        api.with_options(timeout=5).set_api_key(" ia_2 ")
        assert api.get_api_key() == "ia_2"
        api.set_api_key(None)
        assert api.get_api_key() is None


def test_health(http, api):
    checks = {"ollama": {"status": "offline", "latency": 1, "details": {"models": []}}, "stripe": {}}
    body = {"status": "critical", "timestamp": STAMP, "version": "1.0.0", "service": "x", "checks": checks}
    http.add("GET", URL + "/health", json=body)
    found = api.health()
    assert (found.status, found.timestamp, found.version) == ("critical", MOMENT, "1.0.0")
    assert (found.checks["ollama"].latency, found["checks"]["ollama"]["details"]) == (1, {"models": []})
    assert found.checks["stripe"].status == ""


class TestFailures:
    @pytest.mark.parametrize(
        ("status", "body", "message", "code"),
        [
            (400, {"error": "Message is required"}, "Message is required", None),
            (504, {"error": "Request timeout", "message": "It took too long."}, "It took too long.", None),
            (400, {"success": False, "error": "Query is required"}, "Query is required", None),
            (500, {"success": False, "error": "Server error", "message": "Again later"}, "Again later", None),
            (
                503,
                {"success": False, "error": {"code": "NETWORK_ERROR", "message": "No", "retry_after": 5}},
                "No",
                "NETWORK_ERROR",
            ),
            (405, "", "HTTP 405 Method Not Allowed", None),
            (404, "<!DOCTYPE html><html><title>404: Not found</title></html>", "404: Not found", None),
        ],
    )
    def test_every_shape(self, http, api, status, body, message, code):
        text = body if isinstance(body, str) else json.dumps(body)
        http.add("POST", URL + "/chat", body=text, status=status)
        with pytest.raises(errors.APIStatusError) as caught:
            api.chat(message="the prompt")
        error = caught.value
        assert isinstance(error, InfinityAssistantError)
        assert (error.status_code, error.message, error.code) == (status, message, code)
        assert error.body == body
        assert error.retry_after == (5.0 if code else None)

    def test_the_quota(self, http, api):
        limits = {"allowed": False, "limit": 50, "remaining": 0, "reset_at": "2026-11-21T00:00:00.000Z"}
        body = {"error": "Rate limit exceeded", "message": "Come back tomorrow.", "rateLimit": limits}
        for path in ("/chat", "/chat/stream"):
            http.add("POST", URL + path, json=body, status=429)
        for call in (api.chat, api.chat_stream):
            with pytest.raises(infinity.InfinityAssistantRateLimitError, match="tomorrow") as caught:
                call(message="Hi")
            assert isinstance(caught.value, errors.RateLimitError)
            assert caught.value.reset_at == datetime(2026, 11, 21, tzinfo=timezone.utc)
            assert caught.value.retry_after is None
            copy = pickle.loads(pickle.dumps(caught.value))
            assert type(copy) is infinity.InfinityAssistantRateLimitError
            assert copy.reset_at == caught.value.reset_at

    @pytest.mark.parametrize(
        ("body", "expected"),
        [
            ({"rateLimit": {"reset_at": "tomorrow"}}, "tomorrow"),
            ({"rateLimit": {"reset_at": 5}}, None),
            ({"rateLimit": {}}, None),
            ({"rateLimit": "x"}, None),
            ({}, None),
            ([], None),
        ],
    )
    def test_a_quota_without_a_readable_time(self, http, api, body, expected):
        http.add("POST", URL + "/chat", json=body, status=429)
        with pytest.raises(infinity.InfinityAssistantRateLimitError) as caught:
            api.chat(message="Hi")
        assert caught.value.reset_at == expected

    @pytest.mark.parametrize(
        ("cause", "kind", "code"),
        [
            (requests.ReadTimeout("x"), infinity.InfinityAssistantTimeoutError, "TIMEOUT"),
            (requests.ConnectionError("x"), infinity.InfinityAssistantNetworkError, "NETWORK_ERROR"),
        ],
    )
    def test_no_answer(self, http, api, cause, kind, code):
        http.add("POST", URL + "/chat", body=cause)
        with pytest.raises(kind) as caught:
            api.chat(message="Hi")
        error = caught.value
        assert type(error) is kind
        assert isinstance(error, errors.APIConnectionError)
        assert isinstance(error, InfinityAssistantError)
        assert isinstance(error, errors.APITimeoutError) is (code == "TIMEOUT")
        assert (error.code, error.response, error.status_code) == (code, None, None)
        assert type(pickle.loads(pickle.dumps(error))) is kind

    def test_all_errors_have_code_and_response(self, api):
        with pytest.raises(InfinityAssistantError) as caught:
            api.delete_api_key("")
        assert (caught.value.code, caught.value.response, caught.value.status_code) == (None, None, None)

    def test_other_services_are_not_meant(self):
        with responses.RequestsMock() as http, Client(zaguan="https://zaguan.example") as client:
            http.add("GET", "https://zaguan.example/health", body=requests.ReadTimeout("x"))
            with pytest.raises(errors.APITimeoutError) as caught:
                client.zaguan.with_options(max_retries=0).health_check()
        assert not isinstance(caught.value, InfinityAssistantError)
