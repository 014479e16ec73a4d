import json
import tracemalloc

import pytest

from chatsdk import Client, Service, errors
from chatsdk.infinity import ChatResponse, InfinityAssistantError, StreamChunk
from chatsdk.infinity.stream import ChunkReader

URL = "https://infinity.example/api"
DONE = ("done", {"conversationId": "c", "metadata": {"tokensUsed": 2, "processingTime": 5}})
TOLD = {"conversationId": "c", "tokensUsed": 2, "processingTime": 5}
LAST = [StreamChunk("metadata", metadata=TOLD), StreamChunk("done")]


def written(*events):
    """An event stream: pairs of name and data, data without a name, or text as it is."""
    parts = []
    for event in events:
        if isinstance(event, str):
            parts.append(event)
            continue
        name, data = event if isinstance(event, tuple) else (None, event)
        parts.append(f"event: {name}\n" if name else "")
        parts.append(f"data: {json.dumps(data, ensure_ascii=False)}\n\n")
    return "".join(parts)


@pytest.fixture
def ask(http):
    """Ask for a stream that consists of the given events."""
    clients = []

    def call(*events, kind="text/event-stream", body=None):
        text = written(*events) if body is None else body
        http.add("POST", URL + "/chat/stream", body=text.encode("utf-8"), content_type=kind)
        clients.append(Client(infinity=Service(URL, max_retries=0)))
        return clients[-1].infinity.chat_stream(message="Hi")

    yield call
    for client in clients:
        client.close()


def test_the_servers_own_events(ask):
    stream = ask(
        ("start", {"conversationId": "c"}), ("chunk", {"text": "a"}), ("chunk", {"text": " b"}), DONE
    )
    assert next(stream) == StreamChunk("text", "a")
    assert stream.metadata == {"conversationId": "c"}
    assert list(stream) == [StreamChunk("text", " b"), *LAST]
    assert stream.metadata == TOLD
    expected = {"tokensUsed": 2, "processingTime": 5}
    assert stream.final() == ChatResponse("a b", "c", metadata=expected)


def test_a_chunk_reads_like_a_dict(ask):
    first, telling, done = ask(("chunk", {"text": "a"}), DONE)
    assert (first["type"], first["content"], first.text, first["metadata"]) == ("text", "a", "a", None)
    assert (telling["type"], telling.get("content"), telling.text) == ("metadata", None, "")
    assert telling["metadata"]["conversationId"] == "c"
    assert (done["type"], done.text, done["error"]) == ("done", "", None)


@pytest.mark.parametrize(
    "text",
    [
        "data: {}\n\ndata: [DONE]\n\n",
        "[DONE]",
        "event: done",
        "é\u2028\u2029\x85🎉",
        "\r\n \r",
        "",
        "x" * 200_000,
    ],
)
def test_text_is_text(ask, text):
    stream = ask(("chunk", {"text": text}), ("chunk", {"text": "!"}), DONE)
    assert [chunk.content for chunk in stream] == [text, "!", None, None]
    assert stream.final().text == text + "!"


@pytest.mark.parametrize(
    "name", ["memory", "language", "speaker", "phase", "essence", "driving", "brand-new"]
)
def test_other_events_are_not_dropped(ask, name):
    data = {"detected": "es", "confidence": 0.4, "content": "text", "type": "x", "metadata": {"a": 1}}
    stream = ask((name, data), ("start", {"conversationId": "c"}), ("chunk", {"text": "a"}), DONE)
    assert next(stream) == StreamChunk("metadata", metadata={name: data})
    assert stream.metadata == {name: data}
    assert [chunk.text for chunk in stream] == ["a", "", ""]
    assert stream.metadata == {name: data, **TOLD}
    assert stream.final().metadata == {name: data, "tokensUsed": 2, "processingTime": 5}


def test_the_last_of_several_is_kept(ask):
    stream = ask(("phase", {"to": "a"}), ("phase", {"to": "b"}), DONE)
    assert [chunk.metadata for chunk in stream][:2] == [{"phase": {"to": "a"}}, {"phase": {"to": "b"}}]
    assert stream.metadata["phase"] == {"to": "b"}


def test_what_stands_beside_a_text(ask):
    stream = ask(("chunk", {"text": "a", "confidence": 0.5}), ("chunk", {"text": None, "x": 1}), DONE)
    first, second, *_ = stream
    assert first == StreamChunk("text", "a", metadata={"confidence": 0.5})
    assert second == StreamChunk("metadata", metadata={"chunk": {"text": None, "x": 1}})
    assert stream.metadata["confidence"] == 0.5


@pytest.mark.parametrize(
    ("end", "last"),
    [
        (("done", {}), []),
        (("done", {"conversationId": "c"}), [{"conversationId": "c"}]),
        (("done", {"metadata": None}), []),
        (("done", {"metadata": {}}), []),
        (("done", {"metadata": "x"}), [{"metadata": "x"}]),
        ({"type": "done"}, []),
        ({"type": "complete"}, []),
        ({"type": "complete", "tokensUsed": 3}, [{"tokensUsed": 3}]),
        ("data: [DONE]\n\n", []),
    ],
)
def test_ends(ask, end, last):
    stream = ask(("chunk", {"text": "a"}), end, ("chunk", {"text": "too late"}))
    expected = [StreamChunk("metadata", metadata=metadata) for metadata in last]
    assert list(stream) == [StreamChunk("text", "a"), *expected, StreamChunk("done")]
    assert stream.final().text == "a"


@pytest.mark.parametrize(
    ("events", "text"),
    [
        ([], ""),
        ([("start", {"conversationId": "c"})], ""),
        ([("start", {"conversationId": "c"}), ("chunk", {"text": "a"})], "a"),
        ([{"content": "a"}], "a"),
        ([{"type": "chunk", "content": "a"}], "a"),
        ([("memory", {"stored": True})], ""),
    ],
)
def test_an_end_without_its_event_is_a_cut(ask, events, text):
    stream = ask(*events)
    with pytest.raises(errors.StreamInterruptedError) as caught:
        list(stream)
    assert isinstance(caught.value, InfinityAssistantError)
    assert caught.value.partial.text == text
    with pytest.raises(errors.StreamInterruptedError):
        stream.final()


@pytest.mark.parametrize(
    ("event", "message"),
    [
        (("error", {"message": "It failed", "error": "HTTP 500 from a service"}), "It failed"),
        (("error", {"error": "HTTP 500"}), "HTTP 500"),
        (("error", {"type": "x"}), "the server reports an error in the stream"),
        ({"type": "error", "error": "It failed"}, "It failed"),
        ({"type": "error", "message": "It failed"}, "It failed"),
        ({"type": "error", "error": {"code": "X", "message": "It failed"}}, "It failed"),
        ({"error": "It failed"}, "It failed"),
        ("event: error\ndata: It failed\n\n", "It failed"),
    ],
)
def test_errors_are_raised(ask, event, message):
    stream = ask(("start", {"conversationId": "c"}), ("chunk", {"text": "a"}), event, DONE)
    assert next(stream).text == "a"
    with pytest.raises(errors.StreamError) as caught:
        next(stream)
    assert isinstance(caught.value, InfinityAssistantError)
    assert not isinstance(caught.value, errors.StreamInterruptedError)
    assert str(caught.value) == message
    assert (caught.value.partial.text, caught.value.partial.conversation_id) == ("a", "c")
    assert list(stream) == []


OTHERS = {
    "content": [{"content": "a"}, {"content": "b"}, {"metadata": {"conversationId": "c", "tokensUsed": 2}}],
    "typed": [
        {"type": "start", "conversationId": "c"},
        {"type": "chunk", "content": "a"},
        {"type": "chunk", "content": "b"},
        {"type": "metadata", "metadata": {"tokensUsed": 2}},
    ],
    "named": [
        ("start", {"conversationId": "c"}),
        ("message", {"content": "a"}),
        ("text", {"text": "b"}),
        ("metadata", {"tokensUsed": 2}),
    ],
    "all at once": [{"content": "a"}, {"content": "b", "metadata": {"conversationId": "c", "tokensUsed": 2}}],
}


@pytest.mark.parametrize("end", ["data: [DONE]\n\n", {"type": "complete"}, ("done", {})], ids=str)
@pytest.mark.parametrize("events", OTHERS.values(), ids=OTHERS.keys())
def test_other_grammars(ask, events, end):
    stream = ask(*events, end)
    chunks = list(stream)
    assert [chunk.content for chunk in chunks if chunk.type == "text"] == ["a", "b"]
    assert chunks[-1] == StreamChunk("done")
    assert stream.metadata == {"conversationId": "c", "tokensUsed": 2}
    assert stream.final() == ChatResponse("ab", "c", metadata={"tokensUsed": 2})


def test_unknown_events_without_a_name(ask):
    stream = ask({"type": "progress", "percent": 5}, {"note": 1}, {"type": 7, "x": 1}, {}, DONE)
    metadata = [chunk.metadata for chunk in stream][:3]
    assert metadata == [{"progress": {"percent": 5}}, {"note": 1}, {"type": 7, "x": 1}]
    assert stream.metadata == {"progress": {"percent": 5}, "note": 1, "type": 7, "x": 1, **TOLD}


@pytest.mark.parametrize(
    "ping", [{"type": "ping", "at": 5}, ("keep-alive", {}), ("ping", "2026"), ("typing", 1)]
)
def test_keep_alives_leave_nothing(ask, ping):
    stream = ask(ping, ("chunk", {"text": "a"}), ping, ("done", {}))
    assert list(stream) == [StreamChunk("text", "a"), StreamChunk("done")]
    assert stream.metadata == {}


def test_what_only_sounds_like_a_keep_alive_is_kept(ask):
    stream = ask({"type": "mapping", "x": 1}, DONE)
    assert next(stream).metadata == {"mapping": {"x": 1}}


PLAIN = {
    "response": "Paris.",
    "conversationId": "c",
    "rateLimit": {"allowed": True, "limit": 50, "remaining": 49},
    "metadata": {"model": "m", "tokensUsed": 2},
}


class TestPlainJson:
    def test_an_answer(self, ask):
        stream = ask(body=json.dumps(PLAIN), kind="application/json")
        metadata = {
            "conversationId": "c",
            "rateLimit": PLAIN["rateLimit"],
            "model": "m",
            "tokensUsed": 2,
        }
        assert list(stream) == [
            StreamChunk("text", "Paris."),
            StreamChunk("metadata", metadata=metadata),
            StreamChunk("done"),
        ]
        assert stream.metadata == metadata
        response = stream.final()
        assert response == ChatResponse.from_dict(PLAIN)
        assert response.rate_limit.remaining == 49

    def test_an_answer_with_nothing_beside_it(self, ask):
        stream = ask(body='{"response": "Hi"}', kind="application/json; charset=utf-8")
        assert list(stream) == [StreamChunk("text", "Hi"), StreamChunk("done")]

    @pytest.mark.parametrize("body", ['{"response": null}', "{}", '{"response": {}}', "[]", "null", "Hi"])
    def test_no_answer(self, ask, body):
        with pytest.raises(errors.APIResponseError) as caught:
            ask(body=body, kind="application/json")
        assert isinstance(caught.value, InfinityAssistantError)

    @pytest.mark.parametrize("body", ['{"error": "No"}', '{"success": false, "error": {"message": "No"}}'])
    def test_a_failure(self, ask, body):
        with pytest.raises(errors.StreamError, match=r"^No$"):
            ask(body=body, kind="application/json")


def test_of_a_long_stream_only_the_text_is_kept():
    reader = ChunkReader()
    events = 5_000
    tracemalloc.start()
    try:
        for number in range(events):
            reader.read(b"chunk", {"text": "a"})
            reader.read(b"phase", {"number": number})
        kept = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert reader.result().text == "a" * events
    assert kept < 10 * events  # bytes; an object kept for each event takes fifty and more
