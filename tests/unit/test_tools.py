"""Functions as tools, their calls, and answers as dataclasses."""

import enum
import re
import subprocess
import sys
from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import Any, Dict, List, Optional

import pytest

import chatsdk
from chatsdk import APIResponseError, Tool, chatserver, infinity, mongars, zaguan
from tests.support.cases import for_each

from .helpers import COMPLETION, PACKAGE, ZAGUAN, sent_json, sse

CHAT = ZAGUAN + "/v1/chat/completions"


class Unit(enum.Enum):
    CELSIUS = "celsius"
    KELVIN = "kelvin"


@dataclass
class Weather:
    city: str
    degrees: float


def get_weather(
    city: str, day: Optional[date] = None, unit: Unit = Unit.CELSIUS, *, hours: int = 24
) -> Weather:
    """Get the weather of a city.

    It is the forecast.

    Args:
        city (str): The name: without
            country: just the name.
        day: A day,

            if not today.
        unit: The unit.

    Example:
        hours: no description
    """
    return Weather(city, 3.5 if day is None else day.day)


def numpy_style(city: str, day: int = 1) -> str:
    """Get the weather of a city.

    It is the forecast.

    Parameters
    ----------
    city : str
        The name: without
        country: just the name.
    day : int, optional
        A day,
        if not today.

    Returns
    -------
    str
        day: no description
    """
    return ""


def sphinx_style(city: str, day: int = 1) -> str:
    """Get the weather of a city.

    It is the forecast.

    :param str city: The name: without
        country: just the name.
    :type day: int
    :param day: A day,
        if not today.
    :returns: day: no description
    """
    return ""


def test_schema():
    parameters = {
        "type": "object",
        "properties": {
            "city": {"type": "string", "description": "The name: without country: just the name."},
            "day": {
                "anyOf": [{"type": "string", "format": "date"}, {"type": "null"}],
                "description": "A day, if not today.",
            },
            "unit": {"type": "string", "enum": ["celsius", "kelvin"], "description": "The unit."},
            "hours": {"type": "integer"},
        },
        "required": ["city"],
        "additionalProperties": False,
    }
    tool = Tool(get_weather)
    description = "Get the weather of a city.\n\nIt is the forecast."
    function = {"name": "get_weather", "description": description, "parameters": parameters}
    assert tool.schema == {"type": "function", "function": function}
    assert (tool.name, tool.description) == ("get_weather", description)
    strict = Tool(get_weather, strict=True).schema["function"]
    assert strict["strict"] is True
    assert strict["parameters"]["required"] == ["city", "day", "unit", "hours"]


@for_each([numpy_style, sphinx_style])
def test_styles_of_docstrings(function):
    schema = Tool(function).schema["function"]
    assert schema["description"] == "Get the weather of a city.\n\nIt is the forecast."
    properties = schema["parameters"]["properties"]
    assert properties["city"]["description"] == "The name: without country: just the name."
    assert properties["day"]["description"] == "A day, if not today."


def test_a_function_without_docstring_or_parameters():
    def now() -> str:
        return "12:00"

    tool = Tool(now)
    assert tool.schema["function"] == {
        "name": "now",
        "description": "",
        "parameters": {"type": "object", "properties": {}, "required": [], "additionalProperties": False},
    }
    for arguments in ("", "{}", " {} ", "null", None, {}):
        assert tool.run(arguments) == "12:00"
    assert tool() == "12:00"


class Shop:
    def buy(self, count: int) -> Dict[str, Any]:
        return {"bought": count}

    async def sell(self) -> None: ...


def test_a_method():
    assert Tool(Shop().buy).run('{"count": 2}') == '{"bought": 2}'


def unhinted(a):
    return a


def many(*numbers: int): ...


def positional(a: int, /): ...


def unknown(a: "Missing"): ...  # noqa: F821


def raw(a: bytes): ...


NO_TOOLS = [
    (unhinted, "a has no type hint"),
    (many, r"\*numbers"),
    (positional, "cannot be passed by name"),
    (unknown, "hints cannot be evaluated"),
    (raw, "raw.a: bytes has no JSON schema"),
    (Shop().sell, "async"),
    (lambda: 1, "not <lambda>"),
    (print, "a plain function.* not print"),
    (Shop, "must be a plain function"),
    (partial(unhinted, 1), "must be a plain function"),
    ("text", "must be a plain function"),
    (None, "must be a plain function"),
]


@for_each(NO_TOOLS)
def test_what_is_no_tool(function, words):
    with pytest.raises(TypeError, match=words):
        Tool(function)


def test_arguments_are_checked_and_converted():
    tool = Tool(get_weather)
    assert tool.parse('{"city": "Oslo", "day": "2025-01-07", "unit": "kelvin"}') == {
        "city": "Oslo",
        "day": date(2025, 1, 7),
        "unit": Unit.KELVIN,
    }
    assert tool.parse({"city": "Oslo", "unit": None}) == {"city": "Oslo"}
    assert tool.run('{"city": "Oslo", "day": "2025-01-07"}') == '{"city": "Oslo", "degrees": 7}'
    for arguments, message in {
        "{": "the text is not valid JSON",
        "[" * 100000: "the text is not valid JSON",
        "[1]": "the arguments must be a JSON object",
        "{}": "city is missing",
        '{"city": 5}': "city must be a JSON string",
        '{"city": "Oslo", "x": 1}': "the object has unknown fields; known are city, day, unit, hours",
    }.items():
        with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
            tool.run(arguments)


@for_each(
    [
        ("text", "text"),
        (None, "null"),
        ({"a": [1, {"b": date(2025, 1, 2)}]}, '{"a": [1, {"b": "2025-01-02"}]}'),
        ([Weather("Øst", 1.5)], '[{"city": "Øst", "degrees": 1.5}]'),
        ({Unit.KELVIN}, '["kelvin"]'),
        (zaguan.Message("user", "Hi"), '{"role": "user", "content": "Hi"}'),
    ]
)
def test_results_as_text(result, text):
    def tool() -> None:
        return result

    assert Tool(tool).run("") == text


def test_tools_and_dataclasses_in_a_request(http, client):
    http.add("POST", CHAT, json=COMPLETION)
    other = {"type": "function", "function": {"name": "other"}}
    tools = [get_weather, Tool(numpy_style), other]
    client.zaguan.chat(model="m", messages="Hi", tools=tools, response_format=Weather)
    sent = sent_json(http)
    assert sent["tools"] == [Tool(get_weather).schema, Tool(numpy_style).schema, other]
    schema = sent["response_format"]["json_schema"]["schema"]
    assert schema["required"] == ["city", "degrees"]
    http.replace("POST", CHAT, body=sse(), content_type="text/event-stream")
    request = zaguan.ChatRequest("m", "Hi", tools=tools, response_format=Weather)
    client.zaguan.chat_stream(request).close()
    assert sent_json(http) == {**sent, "stream": True}
    assert request.tools is tools
    with pytest.raises(TypeError, match="a has no type hint"):
        client.zaguan.chat(model="m", messages="Hi", tools=[unhinted])
    with pytest.raises(TypeError, match="response_format must be a dataclass or a dict"):
        client.zaguan.chat(model="m", messages="Hi", response_format=List[Weather])
    assert len(http.calls) == 2
    client.zaguan.chat_stream(request, tools=iter(tools)).close()
    assert sent_json(http) == {**sent, "stream": True}


def call(arguments):
    return zaguan.ToolCall("call_1", "function", zaguan.FunctionCall("get_weather", arguments))


def test_arguments_of_a_tool_call():
    found = call('{"city": "Oslo", "degrees": 3}')
    assert found.parse() == {"city": "Oslo", "degrees": 3}
    assert found.parse(Weather) == Weather("Oslo", 3.0)
    assert call('{"total_tokens": 3}').parse(zaguan.Usage) == zaguan.Usage(total_tokens=3)
    dated = call('{"city": "Oslo", "day": "2025-01-07"}')
    for target in (get_weather, Tool(get_weather)):
        assert dated.parse(target) == {"city": "Oslo", "day": date(2025, 1, 7)}
    for nothing in (call(""), call(None), call("null"), call(" "), zaguan.ToolCall()):
        assert nothing.parse() == {}
    wrong = (("{secret", None), ('["secret"]', None), (["secret"], None), ('{"city": "secret"}', Weather))
    for arguments, target in wrong:
        with pytest.raises(APIResponseError) as caught:
            call(arguments).parse(target)
        assert caught.value.body == arguments
        assert "secret" not in str(caught.value)


def completion(content, finish_reason="stop", **message):
    choice = {"index": 0, "finish_reason": finish_reason, "message": {"content": content, **message}}
    return {"choices": [choice]}


def answers(text):
    """The answers of all services with this text, and the class of their errors.

    Several services may share the models of Zaguan, so that only answers of a service have its errors.
    """
    yield zaguan.ChatResponse.from_dict(completion(text)), APIResponseError
    yield chatserver.ChatCompletionResponse.from_dict(completion(text)), chatserver.APIResponseError
    yield infinity.ChatResponse(text), infinity.APIResponseError
    yield mongars.ChatResponse(text), mongars.APIResponseError


@for_each(
    [
        "%s",
        " \n%s\n",
        "```json\n%s\n```",
        "```\n%s```",
        "\n``` JSON\n\n%s\n\n```\n",
        "```json %s ```",
        "```%s```",
    ],
)
def test_answers_as_dataclasses(form):
    for answer, _ in answers(form % '{"city": "Oslo", "degrees": 3}'):
        assert answer.parse(Weather) == Weather("Oslo", 3.0)


@for_each(["", "secret", "null", '["secret"]', '{"city": "secret"}', '```json\n{"city": "Oslo", "degr'])
def test_answers_that_do_not_fit(text):
    for answer, error in answers(text):
        with pytest.raises(APIResponseError) as caught:
            answer.parse(Weather)
        assert type(caught.value) is error
        assert caught.value.code == "invalid"
        assert caught.value.body == text
        assert caught.value.partial is answer
        assert "secret" not in str(caught.value)
        assert "the answer does not fit Weather: " in str(caught.value)


def test_refusals_and_cut_answers_are_told_apart():
    cut = '{"city": "Os'
    cases = [
        (completion(cut, "length"), "length", cut),
        (completion(None, refusal="I cannot."), "refusal", "I cannot."),
        (completion(None, "content_filter"), "refusal", ""),
        (completion(cut, None), "invalid", cut),
    ]
    for body, code, text in cases:
        with pytest.raises(APIResponseError) as caught:
            zaguan.ChatResponse.from_dict(body).parse(Weather)
        assert (caught.value.code, caught.value.body) == (code, text)
    # What is complete all the same is no error.
    whole = completion('{"city": "Oslo", "degrees": 3}', "length")
    assert zaguan.ChatResponse.from_dict(whole).parse(Weather) == Weather("Oslo", 3.0)


def test_the_package_imports_tools_at_their_first_use():
    script = (
        "import sys, chatsdk, chatsdk.zaguan; before = set(sys.modules); chatsdk.Tool;"
        "print(*sorted(name for name in set(sys.modules) - before if name.startswith('chatsdk')))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=str(PACKAGE.parent)
    )
    assert done.stdout.split() == ["chatsdk._core.json_schema", "chatsdk._core.tools"]
    assert {"Batch", "Conversation", "Tool", "Client"} <= set(dir(chatsdk))
    with pytest.raises(AttributeError, match="no attribute 'Tools'"):
        chatsdk.Tools  # noqa: B018
