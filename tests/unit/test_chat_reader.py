"""ChatReader: one response out of the chunks of a stream."""

import pytest

from chatsdk._core.chat import ChatReader
from chatsdk.zaguan import ChatChunk, ChatResponse


def read(*chunks):
    reader = ChatReader(ChatChunk.from_dict, ChatResponse.from_dict)
    for chunk in chunks:
        reader.read(b"", chunk)
    return reader


def chunk(delta, index=0, **choice):
    return {"id": "x", "choices": [{"index": index, "delta": delta, **choice}]}


def merged(*deltas):
    """The message that these deltas make."""
    return read(*map(chunk, deltas)).result().choices[0].message


def calls(*fragments):
    """The calls that lists of fragments, one for each chunk, make."""
    found = merged(*({"tool_calls": list(group)} for group in fragments)).tool_calls
    return [(call.id, call.function.name, call.function.arguments) for call in found]


def fragment(index=None, call_id=None, name=None, arguments=None):
    function = {"name": name, "arguments": arguments}
    found = {"index": index, "id": call_id, "type": "function", "function": function}
    return {key: value for key, value in found.items() if value is not None}


A = ("a", "f", '{"x":1}')
B = ("b", "g", '{"y":2}')


@pytest.mark.parametrize(
    "fragments",
    [
        [
            [fragment(0, "a", "f", "")],
            [fragment(0, arguments='{"x"')],
            [fragment(0, arguments=":1}")],
            [fragment(1, "b", "g", "")],
            [fragment(1, arguments='{"y":2}')],
        ],
        [
            [fragment(0, "a", "f", '{"x"'), fragment(1, "b", "g", '{"y"')],
            [fragment(1, arguments=":2}"), fragment(0, arguments=":1}")],
        ],
        [
            [fragment(0, "a", "f", '{"x"')],
            [fragment(0, "a", "f", ":1}")],
            [fragment(1, "b", "g", '{"y"')],
            [fragment(1, "b", "g", ":2}")],
        ],
        [
            [fragment(None, "a", "f", '{"x"')],
            [fragment(None, "b", "g", '{"y"')],
            [fragment(None, "a", None, ":1}")],
            [fragment(None, "b", None, ":2}")],
        ],
        [
            [fragment(None, "a", "f", '{"x"'), fragment(None, "b", "g", '{"y"')],
            [fragment(arguments=":1}"), fragment(arguments=":2}")],
        ],
        [
            [fragment(None, "a", "f", '{"x"')],
            [fragment(arguments=":1}")],
            [fragment(None, "b", "g", '{"y"')],
            [fragment(arguments=":2}")],
        ],
        [[fragment(0, "a", "f", '{"x":1}')], [fragment(0, "b", "g", '{"y":2}')]],
        [[fragment(0, "a", "f", '{"x":1}'), fragment(0, "b", "g", '{"y":2}')]],
        [
            [fragment(0, "a", "f", '{"x"')],
            [fragment(0, arguments=":1}")],
            [fragment(0, "b", "g", '{"y"')],
            [fragment(0, arguments=":2}")],
        ],
        [[fragment(0, "a", "f", '{"x":1}'), fragment(1, "b", "g", '{"y":2}')]],
        [
            [fragment(0, None, "f", '{"x"')],
            [fragment(0, "a", None, ":1}")],
            [fragment(1, "", "g", '{"y"')],
            [fragment(1, "b", "", ":2}")],
        ],
        [
            [fragment(None, None, "f", '{"x"')],
            [fragment(None, "a", None, ":")],
            [fragment(None, "a", None, "1}")],
            [fragment(None, "", "g", '{"y"')],
            [fragment(None, "b", "", ":2}")],
        ],
        [
            [fragment(None, None, "f", '{"x"'), fragment(None, None, "g", '{"y"')],
            [fragment(None, "a", None, ":1}"), fragment(None, "b", None, ":2}")],
        ],
    ],
    ids=[
        "by index",
        "by index, crossed",
        "all repeated",
        "by id",
        "by place",
        "by place, one at a time",
        "index 0 for all",
        "index 0 for all, at once",
        "index 0 for all, in fragments",
        "whole at once",
        "the id comes late",
        "the id comes late, by place",
        "the ids come late, by place, at once",
    ],
)
def test_tool_calls(fragments):
    assert calls(*fragments) == [A, B]


def test_calls_without_index_and_id_are_told_apart_by_place():
    first = [fragment(name="f", arguments='{"x"'), fragment(name="g", arguments='{"y"')]
    second = [fragment(arguments=":1}"), fragment(arguments=":2}")]
    assert calls(first, second) == [(None, *A[1:]), (None, *B[1:])]


def test_calls_keep_the_order_in_which_they_began():
    assert calls([fragment(3, "b", "g", "")], [fragment(1, "a", "f", "")])[0][0] == "b"


def test_a_call_has_no_index_in_the_end():
    call = merged({"tool_calls": [fragment(0, "a", "f", "{}")]}).tool_calls[0]
    assert call.to_dict() == {
        "id": "a",
        "type": "function",
        "function": {"name": "f", "arguments": "{}"},
    }


def test_custom_tools():
    first = {"index": 0, "id": "a", "type": "custom", "custom": {"name": "shell", "input": "ls "}}
    second = {"index": 0, "custom": {"input": "-l"}}
    call = merged({"tool_calls": [first]}, {"tool_calls": [second]}).tool_calls[0]
    assert (call.type, call.custom.name, call.custom.input) == ("custom", "shell", "ls -l")


@pytest.mark.parametrize("junk", [None, 5, "x", [None], [5, "x"], {}, []])
def test_junk_in_place_of_tool_calls(junk):
    assert merged({"content": "h", "tool_calls": junk}, {"content": "i"}).content == "hi"


def test_function_call():
    message = merged(
        {"function_call": {"name": "f", "arguments": '{"x"'}},
        {"function_call": {"name": "f", "arguments": ":1}"}, "content": None},
    )
    assert (message.function_call.name, message.function_call.arguments) == ("f", '{"x":1}')
    assert message.content is None


def test_texts():
    message = merged(
        {"role": "assistant", "content": ""},
        {"role": "assistant", "content": "a\r", "reasoning_content": "h"},
        {"content": "\nb\r\n", "reasoning_content": "m"},
        {"content": None, "refusal": "n"},
        {"refusal": "o", "reasoning": "x"},
        {"reasoning": "y"},
        {},
    )
    assert message.role == "assistant"
    assert message.content == "a\r\nb\r\n"
    assert (message.reasoning_content, message.refusal, message.reasoning) == ("hm", "no", "xy")


def test_audio():
    message = merged(
        {"audio": {"id": "a1", "transcript": "he"}},
        {"audio": {"data": "AA", "transcript": "llo"}},
        {"audio": {"data": "BB"}},
        {"audio": {"expires_at": 1700000000}},
    )
    assert message.audio.to_dict() == {
        "id": "a1",
        "data": "AABB",
        "expires_at": 1700000000,
        "transcript": "hello",
    }


def test_logprobs():
    def token(text):
        return {"token": text, "logprob": -0.5, "bytes": None, "top_logprobs": []}

    reader = read(
        chunk({"content": "a"}, logprobs={"content": [token("a")], "refusal": None}),
        chunk({"content": "b"}, logprobs=None),
        chunk({"content": "c"}, logprobs={"content": [token("c"), token("d")]}),
        chunk({"refusal": "e"}, logprobs={"content": None, "refusal": [token("e")]}),
        chunk({}, finish_reason="stop"),
    )
    logprobs = reader.result().choices[0].logprobs
    assert [found.token for found in logprobs.content] == ["a", "c", "d"]
    assert [found.token for found in logprobs.refusal] == ["e"]
    assert logprobs.content[0].top_logprobs == []


def test_several_choices():
    reader = read(
        chunk({"role": "assistant", "content": "a"}, index=1),
        {"choices": [{"index": 0, "delta": {"content": "x"}}, {"index": 1, "delta": {"content": "b"}}]},
        chunk({"content": "y"}, index=0, finish_reason="stop"),
        chunk({}, index=1, finish_reason="length"),
    )
    found = [(c.index, c.message.content, c.finish_reason) for c in reader.result().choices]
    assert found == [(0, "xy", "stop"), (1, "ab", "length")]
    assert reader.result().text == "xy"


USAGE = {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}


@pytest.mark.parametrize(
    "chunks",
    [
        [chunk({"content": "a"}, finish_reason="stop"), {"choices": [], "usage": USAGE}],
        [chunk({"content": "a"}), {**chunk({}, finish_reason="stop"), "usage": USAGE}],
        [chunk({"content": "a"}, finish_reason="stop"), {**chunk({}), "usage": USAGE}],
        [
            {**chunk({"content": "a"}, finish_reason="stop"), "usage": None},
            {"choices": [], "usage": USAGE},
            {"choices": [], "usage": None},
        ],
    ],
    ids=["own chunk", "with the finish", "after the finish", "null before and after"],
)
def test_usage_and_finish_reason(chunks):
    reader = read(*chunks)
    result = reader.result()
    assert result.usage.to_dict() == USAGE
    assert result.choices[0].finish_reason == "stop"
    assert result.text == "a"
    assert reader.finished
    assert reader.metadata()["usage"] == USAGE
    assert reader.metadata()["finish_reason"] == "stop"


def test_usage_of_zeros_is_usage():
    usage = dict.fromkeys(USAGE, 0)
    assert read(chunk({}), {"choices": [], "usage": usage}).result().usage.to_dict() == usage


def test_top_level():
    reader = read(
        {"id": "x", "object": "chat.completion.chunk", "system_fingerprint": "fp", "created": 1, "own": [1]},
        {"id": "x", "system_fingerprint": None, "service_tier": "default", "choices": None},
    )
    assert reader.result().to_dict() == {
        "id": "x",
        "object": "chat.completion",
        "created": 1,
        "model": "",
        "choices": [],
        "system_fingerprint": "fp",
        "service_tier": "default",
        "own": [1],
    }
    assert reader.metadata()["system_fingerprint"] == "fp"


@pytest.mark.parametrize("finish_reason", [None, "absent"])
def test_not_finished(finish_reason):
    choice = {} if finish_reason else {"finish_reason": None}
    reader = read(chunk({"content": "a"}, **choice))
    assert not reader.finished
    assert "finish_reason" not in reader.metadata()


@pytest.mark.parametrize(
    "junk",
    [
        {"choices": 5},
        {"choices": [None, 5, "x"]},
        {"choices": [{"index": "0", "delta": "x"}]},
        {"choices": [{"index": None, "delta": {"content": 5, "role": []}}]},
        {"choices": [{"delta": {"content": ["a"], "audio": "x"}, "logprobs": "x"}]},
        {"choices": [{"delta": {"tool_calls": [{"index": [], "id": {}, "function": "f"}]}}]},
        {"usage": "x", "created": [], "choices": {}},
    ],
)
def test_junk_is_no_reason_to_fail(junk):
    reader = read(chunk({"content": "a"}), junk, chunk({"content": "b"}))
    assert isinstance(reader.result(), ChatResponse)
    assert isinstance(reader.metadata(), dict)


def test_a_result_in_the_middle_changes_nothing():
    reader = read(chunk({"content": "a", "tool_calls": [fragment(0, "a", "f", '{"x"')]}))
    assert reader.result().text == "a"
    reader.read(b"", chunk({"content": "b", "tool_calls": [fragment(0, arguments=":1}")]}))
    message = reader.result().choices[0].message
    assert message.content == "ab"
    assert message.tool_calls[0].function.arguments == '{"x":1}'


def test_an_answer_that_came_whole():
    body = {
        "id": "x",
        "usage": USAGE,
        "choices": [
            {
                "index": 0,
                "finish_reason": "tool_calls",
                "message": {
                    "role": "assistant",
                    "content": "hi",
                    "tool_calls": [
                        {"type": "function", "function": {"name": "f", "arguments": "{}"}},
                        {"type": "function", "function": {"name": "g", "arguments": "[]"}},
                    ],
                },
            }
        ],
    }
    reader = read()
    assert reader.read_whole(body).text == "hi"
    assert reader.result().to_dict() == ChatResponse.from_dict(body).to_dict()
    assert reader.finished
