"""The whole response that a stream leaves behind."""

import pytest

from chatsdk import StreamInterruptedError

from .answers import ASK, DONE, STOP, delta, event, framed, text_event

USAGE = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}


@pytest.fixture
def final_of(serve, connect):
    def read(*chunks):
        server = serve(framed("chunked", [*map(event, chunks), DONE]))
        return connect(server).zaguan.chat_stream(**ASK).final()

    return read


def choice(index=0, finish=None, **fields):
    return {"id": "c1", "choices": [{"index": index, "delta": fields, "finish_reason": finish}]}


def calls(*fragments):
    return choice(tool_calls=list(fragments))


def test_text_usage_and_the_rest(final_of):
    final = final_of(
        choice(role="assistant", content=""),
        delta("Hel", system_fingerprint="fp"),
        delta("lo"),
        choice(finish="stop"),
        {"id": "c1", "model": "m", "choices": [], "usage": USAGE},
    )
    assert final.text == "Hello"
    assert final.usage.total_tokens == 5
    assert final.choices[0].finish_reason == "stop"
    assert final.choices[0].message.role == "assistant"
    assert (final.id, final.model, final.system_fingerprint) == ("c1", "m", "fp")
    assert final.object == "chat.completion"


def test_usage_that_comes_with_a_choice_does_not_undo_the_finish(final_of):
    late = {"id": "c1", "choices": [{"index": 0, "delta": {}}], "usage": USAGE}
    nulls = {"id": None, "choices": [{"index": 0, "delta": None, "finish_reason": None}], "usage": None}
    final = final_of(delta("a"), choice(finish="length"), late, nulls)
    assert final.choices[0].finish_reason == "length"
    assert final.usage.total_tokens == 5
    assert final.id == "c1"


def test_tool_calls_are_merged_by_index(final_of):
    def part(index, arguments, **fields):
        return {"index": index, "function": {"arguments": arguments}, **fields}

    final = final_of(
        calls({"index": 0, "id": "t1", "type": "function", "function": {"name": "look", "arguments": ""}}),
        calls(part(0, '{"a"')),
        calls({"index": 1, "id": "t2", "type": "function", "function": {"name": "find", "arguments": ""}}),
        calls(part(1, '{"b"'), part(0, ": 1}", id="t1", type="function")),
        calls(part(1, ": 2}")),
        choice(finish="tool_calls"),
    )
    found = [
        (c.id, c.type, c.function.name, c.function.arguments) for c in final.choices[0].message.tool_calls
    ]
    assert found == [("t1", "function", "look", '{"a": 1}'), ("t2", "function", "find", '{"b": 2}')]


def test_tool_calls_without_an_index(final_of):
    """They are identified by id, and fragments without one belong to the call before."""
    final = final_of(
        calls({"id": "t1", "function": {"name": "look", "arguments": "{"}}),
        calls({"function": {"arguments": "}"}}),
        calls({"id": "t2", "function": {"name": "find", "arguments": "[]"}}),
        choice(finish="tool_calls"),
    )
    found = [(c.id, c.function.name, c.function.arguments) for c in final.choices[0].message.tool_calls]
    assert found == [("t1", "look", "{}"), ("t2", "find", "[]")]


def test_several_choices_are_kept_apart(final_of):
    final = final_of(
        delta("a", index=1),
        delta("x", index=0),
        delta("b", "stop", index=1),
        delta("y", "length", index=0),
    )
    assert [c.message.content for c in final.choices] == ["xy", "ab"]
    assert [c.finish_reason for c in final.choices] == ["length", "stop"]
    assert [c.index for c in final.choices] == [0, 1]
    assert final.text == "xy"


def test_chunks_of_other_choices_have_no_text_of_the_first(serve, connect):
    server = serve(framed("chunked", [event(delta("a", index=1)), text_event("x"), STOP, DONE]))
    client = connect(server)
    assert [chunk.text for chunk in client.zaguan.chat_stream(**ASK)] == ["", "x", ""]
    assert list(client.chatserver.create_completion("m", "Hi", stream=True)) == ["x"]


def test_a_stream_read_halfway_is_read_on(serve, connect):
    server = serve(framed("chunked", [text_event("a"), text_event("b"), text_event("c"), STOP, DONE]))
    stream = connect(server).zaguan.chat_stream(**ASK)
    assert next(stream).text == "a"
    final = stream.final()
    assert final.text == "abc"
    assert stream.final() == final


def test_metadata_grows_with_the_stream(serve, connect):
    first = event(delta("a", system_fingerprint="session-1"))
    last = event({"choices": [], "usage": USAGE})
    server = serve(framed("chunked", [first, STOP, last, DONE]))
    stream = connect(server).chatserver.create_completion("m", "Hi", stream=True)
    assert stream.metadata == {}
    assert next(stream) == "a"
    assert stream.metadata["system_fingerprint"] == "session-1"
    assert "finish_reason" not in stream.metadata
    assert list(stream) == []
    assert stream.metadata["finish_reason"] == "stop"
    assert stream.metadata["usage"] == USAGE
    assert "choices" not in stream.metadata


def test_an_empty_answer(final_of):
    assert final_of(choice(finish="stop")).text == ""


@pytest.mark.parametrize("events", [[], [{"id": "c1", "choices": []}], [{"choices": [], "usage": USAGE}]])
def test_an_end_marker_without_any_choice_is_no_answer(final_of, events):
    with pytest.raises(StreamInterruptedError, match="without an answer"):
        final_of(*events)


def test_the_response_behind_a_stream(serve, connect):
    server = serve(framed("chunked", [STOP, DONE], "X-Served-By: x"))
    stream = connect(server).zaguan.chat_stream(**ASK)
    assert stream.response.status_code == 200
    assert stream.response.headers["X-Served-By"] == "x"
    stream.final()
    assert server.requests[0].json()["stream"] is True
