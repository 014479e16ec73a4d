import json

import pytest

from chatsdk.testing.chat import (
    ChatInfo,
    ChatModel,
    Completion,
    ModelError,
    QueuedAnswer,
    content_text,
    split_text,
)
from chatsdk.testing.json_schema import example

USER = [{"role": "user", "content": "hi"}]
WEATHER = {
    "type": "object",
    "properties": {
        "city": {"type": "string"},
        "days": {"type": "integer", "minimum": 2},
        "unit": {"enum": ["C", "F"]},
        "note": {"type": "string"},
    },
    "required": ["city", "days", "unit"],
}
TOOLS = [
    {"type": "function", "function": {"name": "get_weather", "parameters": WEATHER}},
    {"type": "function", "function": {"name": "get_time"}},
]


def answer(reply=None, messages=USER, **info):
    return ChatModel(reply).answer(messages, ChatInfo("zaguan", **info))


def calls_of(found):
    functions = [call["function"] for call in found.message["tool_calls"]]
    return [(function["name"], json.loads(function["arguments"])) for function in functions]


def test_split_text():
    for text in ["", " ", "one", " two  words\n", "a\u2028b\u0085 c", "日本語" * 20, "x" * 100, "end \n\n"]:
        assert "".join(split_text(text)) == text
    assert split_text("Hello! You said: hi") == ["Hello!", " You", " said:", " hi"]
    assert len(split_text("日本語" * 20)) == 5


def test_text_of_contents():
    assert content_text(["part one", {"type": "text", "text": "part two"}, {"type": "image_url"}, 3]) == (
        "part one\npart two"
    )
    assert content_text(None) == ""


def test_echo():
    assert answer(messages=[*USER, {"role": "assistant", "content": None}]).text == "Hello! You said: hi"
    assert answer(messages=[]).text == "Hello! How can I help you?"
    assert answer().usage == {"prompt_tokens": 1, "completion_tokens": 6, "total_tokens": 7}


def test_reply_may_take_the_request_too():
    seen = []

    def reply(messages, info):
        seen.append((messages, info))
        return "fine"

    found = answer(reply, model="m", tools=TOOLS, response_format={"type": "text"})
    assert found.text == "fine"
    assert seen == [(USER, ChatInfo("zaguan", "m", TOOLS, None, {"type": "text"}))]
    assert answer(lambda messages, default="kept": default).text == "kept"


def test_reply_may_return_calls_a_message_or_nothing():
    called = answer(
        lambda messages: [("f", {"a": "é"}), {"id": "c1", "function": {"name": "g", "arguments": "{}"}}]
    )
    assert called.finish_reason == "tool_calls"
    assert calls_of(called) == [("f", {"a": "é"}), ("g", {})]
    assert [call["type"] for call in called.message["tool_calls"]] == ["function"] * 2
    assert called.message["tool_calls"][1]["id"] == "c1"
    whole = answer(lambda messages: {"content": "t", "reasoning_content": "r"})
    assert whole.message == {"role": "assistant", "content": "t", "reasoning_content": "r"}
    assert answer(lambda messages: None).text == "Hello! You said: hi"


def test_reply_that_fails():
    errors = []
    for reply, words in ((lambda messages: 1 / 0, "ZeroDivisionError"), (lambda messages: 5, "not 5")):
        with pytest.raises(ModelError, match=words) as caught:
            ChatModel(reply, errors.append).answer(USER, ChatInfo("zaguan"))
        assert caught.value.status == 500
    assert [type(error) for error in errors] == [ZeroDivisionError, TypeError]


def test_planned_answers_come_first_and_in_order():
    model = ChatModel(lambda messages: "reply")
    model.enqueue("zaguan", QueuedAnswer("one", "length", {"total_tokens": 9}), 2)
    model.enqueue("zaguan", QueuedAnswer([("f", {})]), 1)
    model.enqueue("other", QueuedAnswer("elsewhere"), 1)
    found = [model.answer(USER, ChatInfo("zaguan")) for _ in range(4)]
    assert [one.text for one in found] == ["one", "one", "", "reply"]
    assert [one.finish_reason for one in found] == ["length", "length", "tool_calls", "stop"]
    assert found[0].usage == {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 9}


def test_model_down():
    model = ChatModel(lambda messages: "reply")
    model.down.add("zaguan")
    with pytest.raises(ModelError) as caught:
        model.answer(USER, ChatInfo("zaguan"))
    assert caught.value.status == 503
    assert model.answer(USER, ChatInfo("other")).text == "reply"
    model.down.remove("zaguan")
    assert model.answer(USER, ChatInfo("zaguan")).text == "reply"


def test_tool_calls_fit_the_schema():
    assert calls_of(answer(tools=TOOLS)) == [("get_weather", {"city": "text", "days": 2, "unit": "C"})]
    chosen = {"type": "function", "function": {"name": "get_time"}}
    assert calls_of(answer(tools=TOOLS, tool_choice=chosen)) == [("get_time", {})]
    assert answer(tools=TOOLS, tool_choice="none").text == "Hello! You said: hi"
    result = [*USER, {"role": "assistant", "tool_calls": []}, {"role": "tool", "content": "sunny"}]
    assert answer(messages=result, tools=TOOLS).text == "Hello! You said: hi"


def test_json_fits_the_response_format():
    schema = {"type": "json_schema", "json_schema": {"name": "w", "schema": WEATHER}}
    assert json.loads(answer(response_format=schema).text) == {
        "city": "Hello! You said: hi",
        "days": 2,
        "unit": "C",
    }
    assert json.loads(answer(response_format={"type": "json_object"}).text) == {"text": "Hello! You said: hi"}


def test_examples_of_schemas():
    tree = {
        "$defs": {
            "Node": {"type": "object", "properties": {"next": {"$ref": "#/$defs/Node"}}, "required": ["v"]}
        },
        "$ref": "#/$defs/Node",
        "properties": {"v": {"type": "boolean"}},
    }
    for schema, expected in [
        ({}, "text"),
        (True, "text"),
        (None, "text"),
        ({"type": "object"}, {}),
        ({"type": ["integer", "null"]}, 1),
        ({"type": "null"}, None),
        ({"const": 5}, 5),
        ({"type": "string", "default": "d"}, "d"),
        ({"type": "string", "minLength": 6}, "textxx"),
        ({"type": "string", "maxLength": 2}, "te"),
        ({"type": "string", "format": "date"}, "2025-01-01"),
        ({"type": "integer", "exclusiveMinimum": 3}, 4),
        ({"type": "integer", "exclusiveMaximum": 0}, -1),
        ({"type": "integer", "minimum": 5, "multipleOf": 3}, 6),
        ({"type": "number", "maximum": 0.5}, 0.5),
        ({"type": "number", "minimum": 1.5}, 1.5),
        ({"type": "array", "items": {"type": "integer"}}, []),
        ({"type": "array", "items": {"type": "integer"}, "minItems": 2}, [1, 1]),
        ({"anyOf": [{"type": "null"}, {"type": "string"}]}, None),
        ({"oneOf": [{"$ref": "#/x"}], "x": {"type": "integer"}}, 1),
        ({"allOf": [{"properties": {"a": {"const": 1}}}, {"required": ["a"]}], "type": "object"}, {"a": 1}),
        (tree, {"v": True}),
    ]:
        assert example(schema) == expected, schema


def test_an_endless_schema_has_an_end():
    endless = {"type": "object", "properties": {"a": {"$ref": "#"}}, "required": ["a"]}
    json.dumps(example(endless))


def test_completions_whole_and_in_chunks():
    model = ChatModel()
    planned = {"content": "two words", "tool_calls": [("f", {"a": 1})]}
    model.enqueue("zaguan", QueuedAnswer(planned), 1)
    found = model.answer(USER, ChatInfo("zaguan"))
    completion = Completion(found, "m", 2, system_fingerprint="s")
    body = completion.body(name=None)
    assert [choice["index"] for choice in body["choices"]] == [0, 1]
    assert body["choices"][0]["message"] == {**found.message, "name": None}
    chunks = list(completion.chunks())
    assert {(chunk["id"], chunk["created"], chunk["system_fingerprint"]) for chunk in chunks} == {
        (body["id"], body["created"], "s")
    }
    for index in (0, 1):
        choices = [chunk["choices"][0] for chunk in chunks if chunk["choices"][0]["index"] == index]
        deltas = [choice["delta"] for choice in choices]
        assert deltas[0] == {"role": "assistant", "content": "two"}
        assert "".join(delta.get("content") or "" for delta in deltas) == "two words"
        fragments = [delta["tool_calls"][0] for delta in deltas if "tool_calls" in delta]
        (call,) = found.message["tool_calls"]
        assert fragments[0] == {**call, "index": 0, "function": {"name": "f", "arguments": ""}}
        assert "".join(fragment["function"]["arguments"] for fragment in fragments) == '{"a": 1}'
        assert [choice["finish_reason"] for choice in choices] == [None] * (len(choices) - 1) + ["tool_calls"]
