import re

import pytest


def store(guest, content="I like tea", conversation_id="c", **fields):
    return guest.post(
        "/memory", json={"conversationId": conversation_id, "content": content, **fields}
    ).json()


def delete(guest, **fields):
    return guest.send("DELETE", "/memory", json={"conversationId": "c", **fields})


def contents(guest, conversation_id="c"):
    return [fact["content"] for fact in guest.memory(conversation_id)["criticalFacts"]]


def test_store(guest):
    entry = store(guest, "tea ☕")["entry"]
    assert re.fullmatch("mem_[0-9]{13}_[0-9a-z]{7}", entry["id"])
    assert (entry["content"], entry["type"], entry["importance"]) == ("tea ☕", "insight", "critical")
    assert set(entry) == {"id", "content", "type", "importance", "createdAt"}
    (fact,) = guest.memory("c")["criticalFacts"]
    assert fact == {**entry, "tags": ["remembered", "fact"]}


@pytest.mark.parametrize("kind", ["wisdom", "pattern", "gotcha", "fact"])
def test_types_are_tags(guest, kind):
    assert store(guest, type=kind)["entry"]["type"] == "insight"
    assert guest.memory("c")["criticalFacts"][0]["tags"] == ["remembered", kind]


def test_facts_keep_their_order_and_length(guest):
    stored = ["a" * 1000, "b", "c", "b"]
    for content in stored:
        store(guest, content)
    assert contents(guest) == stored


@pytest.mark.parametrize("conversation_id", ["a b", "a/b", "☕", "..", "%2F", "a&b=c"])
def test_any_text_is_an_id(guest, conversation_id):
    store(guest, "x", conversation_id)
    assert contents(guest, conversation_id) == ["x"]
    assert contents(guest, conversation_id + "!") == []


def test_memory_belongs_to_nobody(guest, infinity):
    store(infinity, "shared")
    assert contents(guest) == ["shared"]


def test_a_stored_conversation_becomes_the_first_chatter_s(guest):
    store(guest)
    guest.chat(conversationId="c", userId="first")
    guest.chat(conversationId="c", userId="second")
    (row,) = guest.get("/chat?conversationId=c&userId=first").json()["messages"]
    assert row["total_messages"] == 4
    assert [fact["content"] for fact in row["critical_facts"]] == ["I like tea"]
    assert guest.get("/chat?conversationId=c&userId=second").json()["messages"] == []


def test_unknown(guest):
    assert guest.memory("never seen") == {"recentMessages": [], "compressedHistory": [], "criticalFacts": []}


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ({}, "conversationId is required"),
        ({"conversationId": "", "content": "x"}, "conversationId is required"),
        ({"conversationId": "c"}, "content is required and must be a string"),
        ({"conversationId": "c", "content": ""}, "content is required and must be a string"),
        ({"conversationId": "c", "content": {"a": 1}}, "content is required and must be a string"),
        (
            {"conversationId": "c", "content": "x", "type": "preference"},
            "type must be one of: wisdom, pattern, gotcha, fact",
        ),
        (
            {"conversationId": "c", "content": "x", "type": None},
            "type must be one of: wisdom, pattern, gotcha, fact",
        ),
    ],
)
def test_bad_entries(guest, body, error):
    answer = guest.post("/memory", json=body)
    assert (answer.status_code, answer.json()) == (400, {"error": error})
    assert contents(guest) == []


def test_bodies_that_crash(guest):
    stored = guest.post("/memory", data=b"{")
    assert (stored.status_code, stored.json()) == (500, {"error": "Failed to store memory"})
    deleted = guest.send("DELETE", "/memory")
    assert (deleted.status_code, deleted.json()) == (500, {"error": "Failed to delete memory"})
    assert guest.post("/memory", json={"conversationId": 7, "content": "x"}).status_code == 500


def test_get_needs_an_id(guest):
    for query in ("", "?conversationId=", "?key=c"):
        answer = guest.get("/memory" + query)
        assert (answer.status_code, answer.json()) == (400, {"error": "conversationId is required"})


def test_delete_a_fact(guest):
    first = store(guest, "first")["entry"]["id"]
    store(guest, "second")
    assert delete(guest, type="critical", entryId=first).json() == {
        "success": True,
        "message": "Fact removed",
    }
    assert contents(guest) == ["second"]
    assert delete(guest, type="critical", entryId="unknown").status_code == 200
    assert contents(guest) == ["second"]


def test_delete_all(guest):
    store(guest)
    guest.chat(conversationId="c")
    assert delete(guest, type="all").json() == {"success": True, "message": "All memory cleared"}
    assert guest.memory("c")["recentMessages"] == []
    again = delete(guest, type="all")
    assert again.status_code == 404
    assert again.json() == {"error": "No memory found for this conversation"}


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({}, "type must be one of: critical, compressed, all"),
        ({"type": "facts"}, "type must be one of: critical, compressed, all"),
        ({"type": "critical"}, "Invalid delete request"),
        ({"type": "compressed", "entryId": "0"}, "Invalid delete request"),
        ({"type": "all", "conversationId": None}, "conversationId is required"),
    ],
)
def test_bad_deletes(guest, fields, error):
    store(guest)
    answer = delete(guest, **fields)
    assert (answer.status_code, answer.json()) == (400, {"error": error})
    assert contents(guest) == ["I like tea"]


def test_long_conversations_are_summarised(guest):
    for number in range(16):
        guest.chat(f"Question {number}", conversationId="c")
    memory = guest.memory("c")
    (summary,) = memory["compressedHistory"]
    assert set(summary) == {"id", "summary", "originalCount", "timeRange", "keyInsights", "importance"}
    assert summary["originalCount"] + len(memory["recentMessages"]) == 32
    assert set(summary["timeRange"]) == {"start", "end"}
    assert memory["recentMessages"][-1]["content"] == "Hello! You said: Question 15"
    assert delete(guest, type="compressed", entryId="1").status_code == 400
    assert delete(guest, type="compressed", entryId="0").json()["message"] == "Segment removed"
    assert guest.memory("c")["compressedHistory"] == []
