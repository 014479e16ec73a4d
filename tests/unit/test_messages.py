"""serialize_messages: all that may be a message, as servers want it."""

from enum import Enum

import pytest

from chatsdk import chatserver, zaguan
from chatsdk._core import json_codec
from chatsdk._core.answer import content_text, first_choice_text
from chatsdk._core.chat import serialize_messages

from .helpers import CHATSERVER, COMPLETION, ZAGUAN, sent_json

USER = {"role": "user", "content": "hi"}
PART = {"type": "text", "text": "hi"}
CALL = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}


class Role(str, Enum):
    USER = "user"


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ("hi", [USER]),
        (["hi", "there"], [USER, {"role": "user", "content": "there"}]),
        (("hi",), [USER]),
        ([], []),
        (USER, [USER]),
        ([USER], [USER]),
        (zaguan.Message("user", "hi"), [USER]),
        (chatserver.Message(chatserver.MessageRole.USER, "hi"), [USER]),
        (chatserver.Message(content="hi"), [USER]),
        ([{"role": Role.USER, "content": "hi"}], [USER]),
        (["hi", USER, zaguan.Message("user", "hi")], [USER, USER, USER]),
        ([{**USER, "name": None}], [USER]),
        ([{**USER, "name": "Ann"}], [{**USER, "name": "Ann"}]),
        ([zaguan.Message("user", [PART])], [{"role": "user", "content": [PART]}]),
        ([chatserver.Message(content=[PART, "x"])], [{"role": "user", "content": [PART, "x"]}]),
        ([{"role": "assistant", "content": None}], [{"role": "assistant", "content": ""}]),
        ([{"role": "assistant"}], [{"role": "assistant", "content": ""}]),
        ([zaguan.Message("assistant", None)], [{"role": "assistant", "content": ""}]),
        ([{"role": "user", "content": ""}], [{"role": "user", "content": ""}]),
        (
            [{"role": "assistant", "content": None, "tool_calls": [CALL]}],
            [{"role": "assistant", "content": "", "tool_calls": [CALL]}],
        ),
        (
            [
                zaguan.Message(
                    "assistant", tool_calls=[zaguan.ToolCall("c1", function=zaguan.FunctionCall("f"))]
                )
            ],
            [{"role": "assistant", "content": "", "tool_calls": [CALL]}],
        ),
        (
            [{"role": "tool", "tool_call_id": "c1", "content": "21"}],
            [{"role": "tool", "tool_call_id": "c1", "content": "21"}],
        ),
        (
            [zaguan.Message("tool", "21", tool_call_id="c1")],
            [{"role": "tool", "content": "21", "tool_call_id": "c1"}],
        ),
        ([{**USER, "own": {"kept": None}}], [{**USER, "own": {"kept": None}}]),
    ],
)
def test_sent(given, sent):
    assert serialize_messages(given) == sent


def test_an_answer_goes_back_as_a_request_may_hold_it():
    answer = zaguan.Message.from_dict(
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [CALL],
            "refusal": "no",
            "annotations": [],
            "reasoning_content": "hm",
            "citations": ["x"],
            "audio": {"id": "a1", "data": "AAAA", "expires_at": 1, "transcript": "hi"},
            "provider_specific_fields": {"x": 1},
        }
    )
    assert json_codec.loads(json_codec.dumps(serialize_messages(["hi", answer])))[1] == {
        "role": "assistant",
        "content": "",
        "tool_calls": [CALL],
        "refusal": "no",
        "reasoning_content": "hm",
        "audio": {"id": "a1"},
    }


REASONING = {"reasoning_content": "a", "reasoning": "b", "reasoning_details": [{"text": "c"}]}
UNTYPED = {"id": "c1", "function": {"name": "f", "arguments": "{}"}}


@pytest.mark.parametrize("cls", [zaguan.Message, chatserver.Message])
def test_an_answer_with_tool_calls_goes_back_with_their_type_and_the_reasoning(cls):
    answer = cls.from_dict({"role": "assistant", "content": "", "tool_calls": [UNTYPED, CALL], **REASONING})
    sent = json_codec.loads(json_codec.dumps(serialize_messages([answer])))
    assert sent == [{"role": "assistant", "content": "", "tool_calls": [CALL, CALL], **REASONING}]
    assert serialize_messages([answer.to_dict()]) == sent
    custom = {"id": "c1", "custom": {"name": "shell", "input": "ls"}}
    sent = serialize_messages([{"role": "assistant", "tool_calls": [custom, 5]}])[0]["tool_calls"]
    assert sent == [{**custom, "type": "custom"}, 5]


@pytest.mark.parametrize("cls", [zaguan.Message, chatserver.Message])
def test_no_tool_calls_are_not_sent(cls):
    answer = {"role": "assistant", "content": "hi", "tool_calls": []}
    assert serialize_messages([answer]) == [{"role": "assistant", "content": "hi"}]
    assert serialize_messages([cls.from_dict({**answer, **REASONING})]) == [
        {"role": "assistant", "content": "hi"}
    ]
    assert answer["tool_calls"] == []


def test_what_was_given_is_left_alone():
    given = [{"role": "user", "name": None}]
    serialize_messages(given)
    assert given == [{"role": "user", "name": None}]


@pytest.mark.parametrize("wrong", [5, None, ["hi"], 1.5, zaguan.ChatResponse()])
def test_what_is_no_message(wrong):
    with pytest.raises(TypeError, match=r"messages\[1\].*" + type(wrong).__name__):
        serialize_messages(["hi", wrong])


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("hi", "hi"),
        (None, ""),
        (5, ""),
        ([], ""),
        ([PART, {"type": "image_url"}, " there", None, {"text": 5}], "hi there"),
    ],
)
def test_content_text(content, text):
    assert content_text(content) == text


@pytest.mark.parametrize(
    ("chunk", "text"),
    [
        ({}, ""),
        ({"choices": None}, ""),
        ({"choices": []}, ""),
        ({"choices": [None, 5]}, ""),
        ({"choices": [{"index": 0, "delta": {"content": "hi"}}]}, "hi"),
        ({"choices": [{"delta": {"content": "hi"}}]}, "hi"),
        ({"choices": [{"index": 0, "delta": None}]}, ""),
        ({"choices": [{"index": 0, "delta": {"content": None}}]}, ""),
        ({"choices": [{"index": 1, "delta": {"content": "no"}}]}, ""),
        (
            {"choices": [{"index": 1, "delta": {"content": "no"}}, {"index": 0, "delta": {"content": "hi"}}]},
            "hi",
        ),
    ],
)
def test_text_of_a_chunk(chunk, text):
    assert first_choice_text(chunk, "delta") == text
    assert zaguan.ChatChunk.from_dict(chunk).text == text


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        ({}, ""),
        ({"choices": [{"index": 0, "message": {"content": "hi"}}]}, "hi"),
        ({"choices": [{"message": {"content": [PART]}}]}, "hi"),
        ({"choices": [{"index": 0, "message": None}]}, ""),
        ({"choices": "nonsense"}, ""),
    ],
)
@pytest.mark.parametrize("cls", [zaguan.ChatResponse, chatserver.ChatCompletionResponse])
def test_text_of_an_answer(cls, answer, text):
    assert cls.from_dict(answer).text == text
    assert cls.from_dict(answer)._repr_markdown_() == (text or None)


def test_the_message_of_an_answer_goes_back_into_the_next_request(http, client):
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    message = {"role": "assistant", "content": "Hi", "tool_calls": [call]}
    http.add("POST", f"{ZAGUAN}/v1/chat/completions", json={"choices": [{"index": 0, "message": message}]})
    http.add("POST", f"{CHATSERVER}/v1/chat/completions", json=COMPLETION)
    for ask, sent in (
        (lambda history: client.zaguan.chat(model="m", messages=history), message),
        (
            lambda history: client.chatserver.create_completion("m", history),
            COMPLETION["choices"][0]["message"],
        ),
    ):
        history = ["Hello"]
        history.append(ask(history).message)
        ask(history)
        assert sent_json(http)["messages"] == [{"role": "user", "content": "Hello"}, sent]


def test_the_message_of_an_answer_without_choices_is_empty():
    for cls in (zaguan.ChatResponse, chatserver.ChatCompletionResponse):
        for choices in ([], [{"index": 0}], "odd"):
            message = cls.from_dict({"choices": choices}).message
            assert (message.role, message.content or "") == ("assistant", "")
