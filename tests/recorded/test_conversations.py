"""The same talk on all four services, with recorded answers: asked plainly, then as a stream."""

import json
import re
from contextlib import contextmanager
from uuid import UUID

import responses

from chatsdk import Client, Conversation, Service
from tests.support.cases import for_each

from .playback import HOST
from .recordings import ALL

_BY_NAME = {f"{recording.service} {recording.name}": recording for recording in ALL}

# What the service answers to a plain call, and to the stream that follows it; monGARS has no streams.
TALKS = {
    "zaguan": ("corex_derived__chat_basic", "litellm__stream_mock_usage", {"model": "m"}),
    "chatserver": ("history_6_resume_full_transcript", "stream_no_usage", {"model": "m"}),
    "infinity": ("chat_ok_full", "chat_stream_ok_language", {}),
    "mongars": ("chat_ok", "chat_ok_newlines", {}),
}


@contextmanager
def answering(*recordings):
    """Give the recorded answers one after the other."""
    with responses.RequestsMock() as mock:
        for recording in recordings:
            kind = recording.headers.get("content-type")
            mock.add("POST", re.compile(re.escape(HOST) + "/.*"), body=recording.body, content_type=kind)
        requests = []
        yield requests
        requests += [call.request for call in mock.calls]


@for_each([(service, *talk) for service, talk in TALKS.items()])
def test_a_talk(service, plain, streamed, settings):
    recordings = [_BY_NAME[f"{service} {name}"] for name in (plain, streamed)]
    with answering(*recordings) as requests:
        client = Client(**{service: Service(HOST, api_key="k")})
        talk = Conversation(getattr(client, service), **settings)
        first = talk.stream("one").final() if service in ("chatserver", "infinity") else talk.say("one")
        pieces = list(talk.stream("two"))
    assert len(pieces) > 1 or service == "mongars"
    texts = [first.text, "".join(pieces)]
    assert all(texts)
    assert [message["content"] for message in talk.messages] == ["one", texts[0], "two", texts[1]]
    bodies = [json.loads(request.body) for request in requests]
    if service in ("zaguan", "chatserver"):
        assert [body["stream"] for body in bodies] == [False, True]
        assert bodies[1]["messages"] == talk.messages[:3]
    if service == "chatserver":
        sessions = {body["metadata"]["session_id"] for body in bodies}
        assert sessions == {str(UUID(talk.id))}
    if service == "infinity":
        assert [request.url for request in requests] == [f"{HOST}/chat", f"{HOST}/chat/stream"]
        assert bodies[1]["conversationId"] == recordings[0].decoded["conversationId"]
    if service == "mongars":
        assert [body["session_id"] for body in bodies] == [talk.id, talk.id]
    assert (
        talk.usage.total_tokens
        == {"zaguan": 200 + 33, "chatserver": 46, "infinity": 84, "mongars": 0}[service]
    )


def test_a_round_of_tools():
    """LiteLLM streams two calls; their results go back in its own words."""
    calls = []

    def get_weather(city: str) -> str:
        """Get the weather."""
        calls.append(city)
        return f"cold in {city}"

    recordings = [
        _BY_NAME[f"zaguan {name}"] for name in ("litellm__stream_up_tools", "litellm__stream_mock_usage")
    ]
    with answering(*recordings) as requests:
        client = Client(zaguan=Service(HOST, api_key="k"))
        talk = Conversation(client.zaguan, model="m", tools=[get_weather])
        talk.stream("The weather?").final()
    assert calls == ["Málaga ☀️"]
    assert [message["role"] for message in talk.messages] == [
        "user",
        "assistant",
        "tool",
        "tool",
        "assistant",
    ]
    results = {message.get("tool_call_id"): message["content"] for message in talk.messages[2:4]}
    assert results == {
        "call_A1": "cold in Málaga ☀️",
        "call_B2": "ValueError: there is no such tool; there are get_weather",
    }
    assert json.loads(requests[1].body)["messages"] == talk.messages[:-1]
    assert talk.last.text == talk.messages[-1]["content"]
