"""Stream: how an answer that arrives in pieces goes on and how it ends."""

import json

import pytest

from chatsdk import errors
from chatsdk.errors import APIResponseError
from chatsdk.zaguan import ZaguanError

from .helpers import COMPLETION, ZAGUAN, sent_json, sse

CHAT = ZAGUAN + "/v1/chat/completions"
BODY = {"model": "m", "messages": "hi"}
CHUNK = {"id": "x", "choices": [{"index": 0, "delta": {"content": "Hi"}, "finish_reason": "stop"}]}
OPEN = {"id": "x", "choices": [{"index": 0, "delta": {"content": "Hi"}}]}


def open_stream(http, client, body, content_type="text/event-stream"):
    http.add("POST", CHAT, body=body, content_type=content_type)
    return client.zaguan.chat_stream(**BODY)


def test_whole(http, client):
    with open_stream(http, client, sse(OPEN, CHUNK)) as stream:
        assert [chunk.text for chunk in stream] == ["Hi", "Hi"]
        assert stream.final().text == "HiHi"
        assert stream.metadata["finish_reason"] == "stop"
    assert sent_json(http)["stream"] is True
    assert http.calls[0].request.headers["Accept"] == "text/event-stream"


def test_events_after_the_end_are_ignored(http, client):
    body = sse(CHUNK) + "data: nonsense\n\n" + sse(CHUNK)
    assert open_stream(http, client, body).final().text == "Hi"


def test_a_finish_reason_is_an_end_too(http, client):
    body = sse(CHUNK).replace("data: [DONE]\n\n", "")
    assert open_stream(http, client, body).final().text == "Hi"


@pytest.mark.parametrize("body", ["", ": ping\n\n", sse(OPEN).replace("data: [DONE]\n\n", "")])
def test_no_end(http, client, body):
    stream = open_stream(http, client, body)
    with pytest.raises(errors.StreamInterruptedError):
        list(stream)


@pytest.mark.parametrize("event", ["null", "[]", '"x"', "5", "nonsense", "{", "NaN"])
def test_an_event_that_cannot_be_read(http, client, event):
    stream = open_stream(http, client, f"{sse(OPEN)[:-14]}data: {event}\n\ndata: [DONE]\n\n")
    assert next(stream).text == "Hi"
    with pytest.raises(errors.StreamError) as caught:
        next(stream)
    assert not isinstance(caught.value, errors.StreamInterruptedError)
    assert isinstance(caught.value, ZaguanError)
    assert caught.value.partial.text == "Hi"


def test_an_event_cut_in_two(http, client):
    stream = open_stream(http, client, sse(OPEN)[:-14] + 'data: {"id": "x", "cho')
    with pytest.raises(errors.StreamInterruptedError):
        list(stream)


@pytest.mark.parametrize(
    "event",
    ['data: {"error": {"message": "Down", "code": "c"}}', 'event: error\ndata: {"message": "Down"}'],
)
def test_an_error_event(http, client, event):
    stream = open_stream(http, client, event + "\n\ndata: [DONE]\n\n")
    with pytest.raises(errors.StreamError, match=r"^Down$"):
        list(stream)


def test_a_plain_answer(http, client):
    stream = open_stream(http, client, json.dumps(COMPLETION), "application/json")
    assert [chunk.text for chunk in stream] == ["Hello"]
    assert stream.final().text == "Hello"


@pytest.mark.parametrize(
    "body", ['{"error": {"message": "Down"}}', '{"error": "Down"}', "<html>Down</html>", "[]", "{}", ""]
)
def test_a_plain_answer_that_is_none(http, client, body):
    with pytest.raises((errors.StreamError, APIResponseError)) as caught:
        open_stream(http, client, body, "application/json").final()
    assert isinstance(caught.value, ZaguanError)
    if "error" in body:
        assert str(caught.value) == "Down"


def test_a_failure_is_raised_at_once(http, client):
    http.add("POST", CHAT, json={"error": {"message": "Bad key"}}, status=401)
    with pytest.raises(errors.AuthenticationError, match=r"^HTTP \d+: Bad key \("):
        client.zaguan.chat_stream(**BODY)


def test_closed_before_the_end(http, client):
    stream = open_stream(http, client, sse(OPEN, CHUNK))
    assert next(stream).text == "Hi"
    stream.close()
    with pytest.raises(errors.StreamInterruptedError) as caught:
        stream.final()
    assert caught.value.partial.text == "Hi"
    assert list(stream) == []


def test_repr_tells_state_and_address(http, client):
    where = f"POST {ZAGUAN}/v1/chat/completions>"
    stream = open_stream(http, client, sse(OPEN, CHUNK))
    assert repr(stream) == f"<Stream open, {where}"
    stream.final()
    assert repr(stream) == f"<Stream complete, {where}"
    stream = open_stream(http, client, sse(OPEN, CHUNK))
    stream.close()
    assert repr(stream) == f"<Stream closed, {where}"
    stream = open_stream(http, client, 'data: {"error": "no"}\n\n')
    with pytest.raises(errors.StreamError):
        list(stream)
    assert repr(stream) == f"<Stream failed, {where}"
