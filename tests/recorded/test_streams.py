"""Every recorded stream of OpenAI's dialect, played over a socket in its own chunks, cut where it was cut."""

import json

import pytest

from chatsdk import errors
from tests.support.cases import for_each

from .calls import call, service_at
from .compare import extras_in, losses, misplaced_in
from .merging import chunks_of, events_of, merged, text_of, texts_of
from .player import play_on_socket
from .recordings import chosen
from .services import SERVICES

STREAMS = chosen(lambda recording: recording.offered and recording.is_stream and recording.is_openai)
TRANSPORT_ERRORS = [r for r in STREAMS if r.is_cut or not events_of(r)]
FAILED = [r for r in STREAMS if any("error" in event for event in events_of(r))]
WHOLE = [r for r in STREAMS if r not in TRANSPORT_ERRORS and r not in FAILED]
KNOWN_EXTRAS = {
    "ChatChunk.provider",
    "ChunkChoice.native_finish_reason",
    "Usage.cost",
    "Usage.cost_details",
}


def text(item):
    return item if isinstance(item, str) else item.text


def read(recording):
    """The items of a stream, the stream, and the error that ended it."""
    items = []
    with play_on_socket(recording) as server:
        stream = call(service_at(recording, server.url), recording)
        try:
            for item in stream:
                items.append(item)
        except errors.ChatSDKError as error:
            return items, stream, error
    return items, stream, None


def whole(recording):
    with play_on_socket(recording) as server:
        return call(service_at(recording, server.url), recording).final()


@for_each(WHOLE)
def test_items(recording):
    items, _, error = read(recording)
    assert error is None
    if recording.service == "zaguan":
        assert [item.text for item in items] == texts_of(recording)
    else:
        assert items == [piece for piece in texts_of(recording) if piece]


@for_each([r for r in STREAMS if r.service == "zaguan"])
def test_chunks_lose_nothing(recording):
    items, _, _ = read(recording)
    assert losses(chunks_of(recording), [item.to_dict() for item in items]) == []
    assert misplaced_in(items) == []
    assert extras_in(items) <= KNOWN_EXTRAS


@for_each(WHOLE)
def test_final(recording):
    result = whole(recording)
    expected = merged(recording)
    assert result.text == expected["text"]
    assert result.object == "chat.completion"
    assert [choice.finish_reason for choice in result.choices] == [expected["finish_reason"]]
    assert [choice.message.role for choice in result.choices] == ["assistant"]
    kept = result.to_dict()
    for key in ("id", "model", "created", "system_fingerprint", "service_tier", "usage", "provider"):
        assert losses(expected[key], kept.get(key)) == []
    assert misplaced_in(result) == []


@for_each(WHOLE)
def test_final_after_the_loop_is_the_same(recording):
    with play_on_socket(recording) as server:
        stream = call(service_at(recording, server.url), recording)
        assert "".join(map(text, stream)) == merged(recording)["text"]
    assert stream.final().to_dict() == whole(recording).to_dict()
    assert stream.final() == stream.final()


@for_each(WHOLE)
def test_metadata(recording):
    _, stream, _ = read(recording)
    expected = merged(recording)
    for key in ("id", "model", "system_fingerprint", "usage", "finish_reason"):
        assert stream.metadata.get(key) == expected.get(key)


@for_each([r for r in WHOLE if merged(r)["tool_calls"]])
def test_tool_calls(recording):
    calls = whole(recording).choices[0].message.tool_calls
    expected = merged(recording)["tool_calls"]
    assert [
        {"id": found.id, "name": found.function.name, "arguments": found.function.arguments}
        for found in calls
    ] == [expected[index] for index in sorted(expected)]
    assert all(found.type == "function" and not found.extra for found in calls)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("aimock__stream_mixed", [("call_C3", "get_weather", {"city": "SF"})]),
        (
            "litellm__stream_up_tools",
            [
                ("call_A1", "get_weather", {"city": "Málaga ☀️"}),
                ("call_B2", "get_time", {"tz": "Europe/Madrid"}),
            ],
        ),
    ],
)
def test_tool_calls_by_hand(name, expected):
    calls = whole(named(name)).choices[0].message.tool_calls
    assert [(c.id, c.function.name, json.loads(c.function.arguments)) for c in calls] == expected


def test_logprobs():
    recording = named("litellm__stream_up_logprobs")
    expected = merged(recording)["logprobs"]
    assert len(expected) == 2
    kept = whole(recording).choices[0].logprobs
    assert losses(expected, [token.to_dict() for token in kept.content]) == []
    assert kept.content[0].logprob == expected[0]["logprob"]


@for_each(FAILED)
def test_an_error_in_the_stream(recording):
    items, stream, error = read(recording)
    told = next(event["error"] for event in events_of(recording) if "error" in event)
    before = "".join(texts_of(recording))
    assert isinstance(error, errors.StreamError)
    assert isinstance(error, SERVICES[recording.service].BASE)
    assert not isinstance(error, errors.StreamInterruptedError)
    assert str(error) == told["message"]
    assert error.body == {"error": told}
    assert (error.type, error.code) == (told.get("type"), told.get("code"))
    assert "".join(map(text, items)) == before
    assert error.partial.text == before
    with pytest.raises(errors.StreamError):
        stream.final()


@for_each(TRANSPORT_ERRORS)
def test_a_cut_stream(recording):
    items, stream, error = read(recording)
    before = "".join(texts_of(recording))
    assert type(error).__name__ == "StreamInterruptedError"
    assert isinstance(error, errors.StreamInterruptedError)
    assert isinstance(error, SERVICES[recording.service].BASE)
    assert "".join(map(text, items)) == before
    assert error.partial.text == before
    for prompt in recording.prompts:
        assert prompt not in str(error)
    with pytest.raises(errors.StreamInterruptedError):
        stream.final()


def test_each_kind_of_end_is_recorded():
    assert TRANSPORT_ERRORS
    assert FAILED
    assert len(WHOLE) > 10
    assert any(not chunks_of(r) for r in TRANSPORT_ERRORS if not r.is_cut)
    assert any(text_of(chunk) == "" for r in WHOLE for chunk in chunks_of(r))


def named(name):
    return next(r for r in STREAMS if r.name == name)
