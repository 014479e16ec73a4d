import pytest
import requests

from chatsdk.testing import LocalServer

from .infinity import InfinityApi, named_events, text_of
from .wire import exchange

REPLY = "one two  three four five six seven\n\ndata: [DONE]\n\n"


@pytest.fixture
def talkative(session):
    with LocalServer(reply=lambda messages: REPLY) as server:
        yield InfinityApi(session, server.url("infinity"), {})


def names(events):
    return [name for name, _ in events]


def test_grammar(guest):
    answer = guest.post("/chat/stream", json={"message": "a\u2028b é 😀"})
    assert answer.headers["content-type"] == "text/event-stream"
    assert answer.headers["cache-control"] == "no-cache"
    text = answer.content.decode("utf-8")
    assert "\r" not in text
    assert "a\u2028b" in text
    assert "😀" in text
    (first, start), *chunks, (last, done) = named_events(text)
    assert (first, last) == ("start", "done")
    assert set(names(chunks)) == {"chunk"}
    assert text_of(chunks) == "Hello! You said: a\u2028b é 😀"
    assert start == {"conversationId": done["conversationId"]}
    assert set(done) == {"conversationId", "metadata"}
    assert set(done["metadata"]) == {"tokensUsed", "processingTime", "drivingMode"}
    assert done["metadata"]["drivingMode"] is False


def test_pieces(talkative):
    events = talkative.stream()
    pieces = [data["text"] for name, data in events if name == "chunk"]
    assert pieces == ["one", " two  three four", " five six seven\n\ndata: [DONE]\n\n"]
    assert text_of(events) == REPLY


def test_each_event_is_sent_alone(guest):
    body = b'{"message": "one two three four five six"}'
    answer = exchange(guest.base_url, "POST", "/chat/stream", body)
    assert answer.complete
    assert len(answer.chunks) == 1 + 3 + 1
    for chunk in answer.chunks:
        assert len(named_events(chunk.decode())) == 1


def test_a_cut_stream_is_not_stored(guest, server):
    server.cut("infinity", after=2)
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        guest.stream(conversationId="c")
    assert [entry["type"] for entry in guest.memory("c")["recentMessages"]] == ["user"]
    guest.stream(conversationId="c")
    assert [entry["type"] for entry in guest.memory("c")["recentMessages"]][-2:] == ["user", "assistant"]


def test_a_reply_that_fails_is_a_500_and_kept(session):
    with LocalServer(reply=lambda messages: 1 / 0) as server:
        guest = InfinityApi(session, server.url("infinity"), {})
        assert guest.post("/chat/stream", json={"message": "hi"}).status_code == 500
        assert guest.chat().status_code == 500
        assert [type(error) for error in server.errors] == [ZeroDivisionError] * 2


def test_all_events_in_their_order(guest):
    fields = {
        "conversationId": "c",
        "sessionId": "s",
        "essence": {"voiceTone": "friendly"},
        "drivingMode": {"enabled": True, "isEV": True},
    }
    events = guest.stream("Please write it and remember this: すし", **fields)
    assert names(events) == [
        "phase",
        "memory",
        "language",
        "speaker",
        "essence",
        "driving",
        "start",
        *["chunk"] * (len(events) - 8),
        "done",
    ]
    told = dict(events)
    assert told["phase"] == {"from": "intake", "to": "execute", "confidence": 0.3}
    assert told["memory"] == {"stored": True, "content": "すし"}
    assert told["language"]["detected"] == "ja"
    assert told["speaker"]["speakerId"].startswith("speaker_")
    assert set(told["speaker"]) == {"speakerId", "ageGroup", "greeting"}
    assert told["essence"] == {"applied": True, "voiceTone": "friendly"}
    assert told["driving"] == {"enabled": True, "isEV": True}
    assert events[-2] == ("chunk", {"text": "\n\n*I've stored that in my memory.*"})
    assert guest.memory("c")["criticalFacts"][0]["content"] == "すし"
    # The answer is remembered as it was made.
    assert guest.memory("c")["recentMessages"][-1]["content"].startswith("Hello! You said: Please")


def test_nothing_unasked(guest):
    assert set(names(guest.stream("My name is Ada. ¿Qué tal?"))) == {"start", "chunk", "done"}


def test_a_phase_is_told_when_it_changes(guest):
    assert names(guest.stream("Write it!", conversationId="c"))[0] == "phase"
    assert names(guest.stream("Go ahead", conversationId="c"))[0] == "start"
    assert guest.stream("Now summarize", conversationId="c")[0][1]["from"] == "execute"
    assert guest.stream("Summarise", conversationId="d")[0][1]["from"] == "intake"


def test_a_speaker_is_new_or_known_by_name(guest):
    def speakers(message, **fields):
        return [data for name, data in guest.stream(message, **fields) if name == "speaker"]

    (new,) = speakers("Hi", sessionId="s")
    assert speakers("Hi", sessionId="s") == []
    assert speakers("My name is Ada", sessionId="s") == []
    (known,) = speakers("Hi", sessionId="s")
    assert (known["speakerId"], known["speakerName"]) == (new["speakerId"], "Ada")
    (other,) = speakers("Hi", sessionId="other")
    assert other["speakerId"] != new["speakerId"]
    guest.chat(sessionId="heard before")
    assert speakers("Hi", sessionId="heard before") == []


@pytest.mark.parametrize(
    ("message", "language"),
    [("こんにちは世界", "ja"), ("안녕하세요", "ko"), ("你好", "zh"), ("مرحبا", "ar"), ("Grüß Gott", None)],
)
def test_languages(guest, message, language):
    told = dict(guest.stream(message))
    assert told.get("language", {"detected": None})["detected"] == language
    assert ("language" in told) is (language is not None)


def test_a_language_that_was_chosen_is_not_guessed(guest):
    assert "language" not in dict(guest.stream("你好", preferences={"preferredLanguage": "zh"}))
    assert "language" in dict(guest.stream("你好", preferences={"preferredLanguage": "en"}))


def test_keys_that_were_not_given_are_absent(guest):
    told = dict(guest.stream(essence={}, drivingMode={"enabled": True}))
    assert told["essence"] == {"applied": True}
    assert told["driving"] == {"enabled": True}
    assert "essence" not in dict(guest.stream(essence=None))
