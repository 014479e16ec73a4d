"""CompletionAccumulator: one response out of the chunks of a stream."""

import copy

import pytest

from chatsdk._core.chat import CompletionAccumulator, complete_tool_calls
from chatsdk.zaguan import ChatChunk, ChatResponse

from .helpers import CHATSERVER, ZAGUAN


def read(*chunks):
    reader = CompletionAccumulator(ChatChunk.from_dict, ChatResponse.from_dict)
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
        [
            [fragment("0", "a", "f", '{"x"'), fragment("1", "b", "g", '{"y"')],
            [fragment("1", arguments=":2}"), fragment("0", arguments=":1}")],
        ],
        [
            [fragment(0, "a", "f", '{"x"')],
            [fragment(0, "r7", arguments=":1}")],
            [fragment(1, "b", "g", '{"y"')],
            [fragment(1, "r8", arguments=":")],
            [fragment(1, "r9", arguments="2}")],
        ],
        [
            [fragment(None, "a", "f", '{"x"')],
            [fragment(None, "r7", arguments=":1}")],
            [fragment(None, "b", "g", '{"y"')],
            [fragment(None, "r8", arguments=":2}")],
        ],
        [
            [fragment(0, "a", "f", '{"x"'), fragment(0, "b", "g", '{"y"')],
            [fragment(0, "a", arguments=":1}"), fragment(0, "b", arguments=":2}")],
        ],
        [[fragment(0, "a", "f", {"x": 1})], [fragment(1, "b", "g", {"y": 2})]],
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
        "the index is text",
        "another id in each fragment",
        "another id in each fragment, no index",
        "index 0 for all, crossed",
        "arguments as objects",
    ],
)
def test_tool_calls(fragments):
    found = calls(*fragments)
    assert [call[:2] for call in found] == [call[:2] for call in (A, B)]
    assert [call[2].replace(" ", "") for call in found] == [call[2] for call in (A, B)]


@pytest.mark.parametrize("index", [0, "0"])
def test_a_new_name_is_another_call(index):
    parts = [
        [fragment(index, name="f", arguments='{"x"')],
        [fragment(index, arguments=":1}")],
        [fragment(index, name="g", arguments="")],
        [fragment(index, name="g", arguments='{"y":2}')],
    ]
    assert calls(*parts) == [(None, *A[1:]), (None, *B[1:])]


@pytest.mark.parametrize("index", [0, None])
def test_a_name_that_comes_again_after_complete_arguments_is_another_call(index):
    whole = [[fragment(index, "", "f", '{"x":1}')], [fragment(index, "", "f", '{"x":2}')]]
    begun = [
        [fragment(0, "", "f", '{"x"')],
        [fragment(0, "", "f", ":1}")],
        [fragment(0, "", "f", ' {"x":2}')],
    ]
    for parts in (whole, begun):
        assert [call[2].strip() for call in calls(*parts)] == ['{"x":1}', '{"x":2}']
    nested = [[fragment(0, "", "f", '{"x":')], [fragment(0, "", "f", '{"y":2}}')]]
    assert calls(*nested) == [("", "f", '{"x":{"y":2}}')]


def test_a_number_as_id_is_no_index():
    parts = [[fragment(0, 1, "f", '{"x"')], [fragment(1, 0, "g", '{"y"')]]
    parts += [[fragment(0, arguments=":1}")], [fragment(1, arguments=":2}")]]
    assert calls(*parts) == [(1, *A[1:]), (0, *B[1:])]


def test_the_index_of_a_choice_as_text():
    reader = CompletionAccumulator(ChatChunk.from_dict, ChatResponse.from_dict)
    items = [reader.read(b"", chunk({"content": text}, index)) for text, index in zip("abc", ["0", "1", "0"])]
    assert [item.text for item in items] == ["a", "", "c"]
    assert [(each.index, each.message.content) for each in reader.result().choices] == [(0, "ac"), (1, "b")]


def test_the_same_id_for_all_calls():
    parts = [[fragment(0, "x", "f", '{"x"')], [fragment(1, "x", "g", '{"y"')]]
    parts += [[fragment(0, "x", arguments=":1}")], [fragment(1, "x", arguments=":2}")]]
    assert calls(*parts) == [("x", *A[1:]), ("x", *B[1:])]
    parts = [[fragment(number, "x", "f", "")] for number in range(2)]
    parts += [[fragment(0, arguments='{"x":1}')], [fragment(1, arguments='{"x":2}')]]
    assert calls(*parts) == [("x", *A[1:]), ("x", "f", '{"x":2}')]


@pytest.mark.parametrize("empty", ["{}", {}])
def test_arguments_that_begin_with_an_empty_object(empty):
    first = fragment(0, "a", "f", empty)
    assert calls([first], [fragment(0, arguments='{"x"')], [fragment(0, arguments=":1}")]) == [A]
    assert calls([first]) == [("a", "f", "{}")]


@pytest.mark.parametrize("role", [{}, {"role": None}, {"role": ""}])
def test_the_role_of_an_answer_without_one(http, client, role):
    message = {**role, "content": "Hi"}
    assert merged(message).role == "assistant"
    http.add("POST", ZAGUAN + "/v1/chat/completions", json={"choices": [{"message": message}]})
    assert client.zaguan.chat(model="m", messages="Hi").message.role == "assistant"


def test_a_name_that_changes_under_one_id_is_no_other_call():
    assert calls([fragment(0, "a", "f", '{"x"')], [fragment(0, "a", "f.2", ":1}")]) == [A]


@pytest.mark.parametrize("call_type", [None, ""])
def test_a_missing_type_of_a_call(call_type):
    function = {"index": 0, "id": "a", "type": call_type, "function": {"name": "f", "arguments": "{}"}}
    custom = {"index": 1, "id": "b", "type": call_type, "custom": {"name": "g", "input": "x"}}
    found = merged({"tool_calls": [function, custom]}).tool_calls
    assert [call.type for call in found] == ["function", "custom"]


@pytest.mark.parametrize("service", ["zaguan", "chatserver"])
def test_tool_calls_of_a_plain_answer(http, client, service):
    sent = {"id": "a", "function": {"name": "f", "arguments": {"city": "Málaga", "x": [1, None]}}}
    legacy = {"name": "f", "arguments": {"x": 1}}
    message = {"role": "assistant", "content": "", "tool_calls": [sent, 5], "function_call": legacy}
    body = {"choices": [{"index": 0, "message": message}]}
    urls = {"zaguan": ZAGUAN, "chatserver": CHATSERVER}
    http.add("POST", urls[service] + "/v1/chat/completions", json=body)
    if service == "zaguan":
        got = client.zaguan.chat(model="m", messages="Hi")
    else:
        got = client.chatserver.create_completion("m", "Hi")
    found = got.to_dict()["choices"][0]["message"]
    assert found["tool_calls"][0]["type"] == "function"
    assert found["tool_calls"][0]["function"]["arguments"] == '{"city": "Málaga", "x": [1, null]}'
    assert found["tool_calls"][1:] == [5]
    assert found["function_call"]["arguments"] == '{"x": 1}'


def test_calls_without_index_and_id_are_identified_by_place():
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


def test_arguments_nested_too_deep_stay_as_they_are():
    deep = {}
    for _ in range(20_000):
        deep = {"a": deep}
    function = {"name": "f", "arguments": deep}
    complete_tool_calls({"choices": [{"message": {"tool_calls": [{"function": function}]}}]})
    assert function["arguments"] is deep


WHOLE = {"role": "assistant", "content": "Hello"}


@pytest.mark.parametrize(
    "choices",
    [
        [{"delta": {"content": "Hello"}, "message": {"role": "assistant", "content": ""}}],
        [{"delta": {"content": "Hello"}, "message": WHOLE}],
        [{"delta": {"content": "Hel"}, "message": None}, {"delta": {"content": "lo"}, "message": WHOLE}],
        [{"delta": {"content": "Hello"}}, {"delta": {}, "message": WHOLE}],
        [{"delta": {"role": "assistant"}}, {"delta": {}, "message": WHOLE}],
        [{"delta": {"role": "assistant", "content": ""}, "message": WHOLE}],
        [{"delta": None, "message": WHOLE}],
        [{"message": {"content": "Hel"}}, {"message": {"content": "lo"}}],
        [{"delta": {"content": "Hello"}, "message": "junk"}],
    ],
)
def test_a_message_beside_the_delta(choices):
    reader = CompletionAccumulator(ChatChunk.from_dict, ChatResponse.from_dict)
    items = [reader.read(b"", {"choices": [{"index": 0, **choice}]}) for choice in choices]
    assert "".join(item.text for item in items) == "Hello"
    assert reader.result().to_dict()["choices"] == [{"index": 0, "message": WHOLE}]


IMAGE = {"type": "image_url", "image_url": {"url": "data:,"}}


@pytest.mark.parametrize(
    "contents",
    [
        ["Hel", [{"type": "text", "text": "lo"}, IMAGE]],
        [[IMAGE, {"type": "text", "text": "Hel"}], "lo", ""],
        ["", [IMAGE], "Hello"],
        [{"type": "text", "text": "Hello"}, [IMAGE]],
        ["Hel", {"type": "text", "text": "lo"}, IMAGE],
        [["Hel"], ["lo"], IMAGE],
    ],
)
def test_text_and_parts_are_mixed(contents):
    reader = CompletionAccumulator(ChatChunk.from_dict, ChatResponse.from_dict)
    texts = [reader.read(b"", chunk({"content": content})).text for content in contents]
    result = reader.result()
    assert "".join(texts) == result.text == "Hello"
    assert IMAGE in result.choices[0].message.content


def test_no_value_is_replaced_by_an_empty_one():
    reader = read(
        {
            **chunk({"content": "a"}, finish_reason="stop", note="kept"),
            "model": "m",
            "created": 1,
            "usage": USAGE,
        },
        {
            **chunk({"role": "", "content": ""}, finish_reason="", note=""),
            "id": "",
            "model": "",
            "created": 0,
            "usage": {"prompt_tokens": 0, "cost": 2.5},
        },
        {"id": None, "model": None, "choices": [], "usage": {}},
    )
    result = reader.result()
    assert (result.id, result.model, result.created) == ("x", "m", 1)
    assert result.usage.to_dict() == {**USAGE, "cost": 2.5}
    assert (result.choices[0].finish_reason, result.choices[0].extra) == ("stop", {"note": "kept"})
    assert reader.metadata()["model"] == "m"


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
        {"choices": [{"delta": {"tool_calls": [{"index": "x", "id": 5, "function": {"arguments": 5}}]}}]},
        {"choices": [{"delta": {}, "logprobs": "x", "finish_reason": {}, "message": []}]},
        {"choices": [{"delta": {}, "logprobs": {"content": []}}]},
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
    assert reader.read_response(copy.deepcopy(body)).text == "hi"
    assert reader.result().to_dict() == ChatResponse.from_dict(body).to_dict()
    assert reader.finished
