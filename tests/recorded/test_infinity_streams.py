"""Every recorded stream of Infinity Assistant, played over a socket in its own chunks."""

import json

import pytest

from chatsdk import errors
from chatsdk.infinity import ChatResponse, InfinityAssistantError, StreamChunk
from tests.support.cases import for_each

from .calls import KEY, call, service_at
from .compare import losses
from .player import play_on_socket
from .recordings import chosen

STREAMS = chosen(lambda recording: recording.service == "infinity" and recording.is_stream)


def events_of(recording):
    """The events as pairs of name and data, read line by line without the library."""
    lines = recording.body.decode("utf-8").split("\n")
    names = [line[len("event: ") :] for line in lines if line.startswith("event: ")]
    data = [json.loads(line[len("data: ") :]) for line in lines if line.startswith("data: ")]
    assert len(names) == len(data)
    return list(zip(names, data))


def named(recording, name):
    """The data of all events of one name."""
    return [data for found, data in events_of(recording) if found == name]


FAILED = [r for r in STREAMS if named(r, "error")]
WHOLE = [r for r in STREAMS if r not in FAILED]


def told(recording):
    """What the events tell beside text and errors, by the name under which the stream shows it."""
    found = {}
    for name, data in events_of(recording):
        if name in ("start", "done"):
            found.update({"conversationId": data["conversationId"], **data.get("metadata", {})})
        elif name not in ("chunk", "error"):
            found[name] = data
    return found


def text_of(recording):
    return "".join(data["text"] for data in named(recording, "chunk"))


def read(recording):
    """The chunks of a stream, the stream, and the error that ended it."""
    chunks = []
    with play_on_socket(recording) as server:
        stream = call(service_at(recording, server.url), recording)
        try:
            chunks += stream
        except errors.ChatSDKError as error:
            return chunks, stream, error
    return chunks, stream, None


@for_each(WHOLE)
def test_chunks(recording):
    chunks, _, error = read(recording)
    assert error is None
    assert all(isinstance(chunk, StreamChunk) for chunk in chunks)
    *parts, telling, done = chunks
    assert done == StreamChunk("done")
    (end,) = named(recording, "done")
    assert telling == StreamChunk(
        "metadata", metadata={"conversationId": end["conversationId"], **end["metadata"]}
    )
    expected = []
    for name, data in events_of(recording):
        if name == "chunk":
            expected.append(StreamChunk("text", data["text"]))
        elif name not in ("start", "done"):
            expected.append(StreamChunk("metadata", metadata={name: data}))
    assert parts == expected
    assert "".join(chunk.text for chunk in chunks) == text_of(recording)
    assert not any(chunk.extra for chunk in chunks)


@for_each(WHOLE)
def test_as_the_services_document_reads_it(recording):
    text = ""
    with play_on_socket(recording) as server:
        for chunk in call(service_at(recording, server.url), recording):
            if chunk["type"] == "text":
                text += chunk["content"]
    assert text == text_of(recording)


@for_each(WHOLE)
def test_final(recording):
    _, stream, _ = read(recording)
    response = stream.final()
    expected = told(recording)
    assert isinstance(response, ChatResponse)
    assert response.text == response["response"] == text_of(recording)
    assert response.conversation_id == response["conversationId"] == expected.pop("conversationId")
    assert losses(expected, response.metadata) == losses(response.metadata, expected) == []
    assert response.success


@for_each(STREAMS)
def test_metadata(recording):
    _, stream, _ = read(recording)
    assert stream.metadata == told(recording)


@for_each(FAILED)
def test_an_error_event(recording):
    chunks, stream, error = read(recording)
    (said,) = named(recording, "error")
    assert isinstance(error, errors.StreamError)
    assert isinstance(error, InfinityAssistantError)
    assert not isinstance(error, errors.StreamInterruptedError)
    assert str(error) == said["message"]
    assert error.body == said
    assert [chunk.type for chunk in chunks if chunk.type == "done"] == []
    assert error.partial.text == text_of(recording)
    assert error.partial.conversation_id == told(recording)["conversationId"]
    with pytest.raises(errors.StreamError):
        stream.final()


@for_each(STREAMS)
def test_on_the_wire(recording):
    """The request as a server reads it from the socket; the key is in its own header, once."""
    with play_on_socket(recording) as server:
        call(service_at(recording, server.url), recording).close()
    (request,) = server.requests
    assert losses(recording.json, request.json()) == []
    assert (request.method, request.target) == ("POST", "/api/chat/stream")
    assert [value for name, value in request.pairs if name.lower() == "x-api-key"] == [KEY]
    assert not {"authorization", "cookie"} & set(request.headers)


@for_each(WHOLE)
def test_cut_before_the_end(recording):
    """Wherever the connection breaks before ``done`` is whole: an error that holds what came."""
    body = recording.body
    done = body.index(b"event: done")
    places = [0, 1, body.index(b"\n\n") + 2, body.index(b"event: chunk") + 20, done, len(body) - 4]
    for place in places:
        received = body[:place].decode("utf-8")
        complete = received[: received.rfind("\n\n") + 1]
        lines = [line for line in complete.split("\n") if line.startswith('data: {"text":')]
        with play_on_socket(recording, place) as server:
            stream = call(service_at(recording, server.url), recording)
            with pytest.raises(errors.StreamInterruptedError) as caught:
                list(stream)
        assert isinstance(caught.value, InfinityAssistantError)
        assert caught.value.partial.text == "".join(json.loads(line[6:])["text"] for line in lines)


def test_each_kind_of_event_is_recorded():
    names = {name for r in STREAMS for name, _ in events_of(r)}
    assert {"start", "chunk", "done", "error"} < names
    assert {"phase", "memory", "speaker", "essence", "driving"} < names
    assert FAILED
    assert len(WHOLE) > 5
