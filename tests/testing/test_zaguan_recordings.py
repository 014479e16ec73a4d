"""The Zaguan dialect against what real servers sent, or the service's own documents."""

import json

import pytest

from .shapes import differences, recordings
from .wire import data_of, events

RECORDED = recordings("zaguan")
CHAT = {"model": "openai/gpt-4o-mini", "messages": [{"role": "user", "content": "hi"}]}


def body_of(name):
    return json.loads(RECORDED[name]["response"]["body"])


@pytest.mark.parametrize(
    ("name", "request_line"),
    [
        ("corex_derived__health", "GET /health"),
        ("corex_derived__models", "GET /v1/models"),
        ("corex_derived__capabilities_list", "GET /v1/capabilities"),
        ("corex_derived__credits_balance_full", "GET /v1/credits/balance"),
        ("corex_derived__credits_stats", "GET /v1/credits/stats?period=week"),
        ("litellm__model_get_slash_in_id", "GET /v1/models/openai/gpt-4o-mini"),
        ("litellm__err_wrong_method", "GET /v1/chat/completions"),
    ],
)
def test_answers(zaguan, name, request_line):
    recorded = RECORDED[name]["response"]
    answer = zaguan.send(*request_line.split())
    assert answer.status_code == recorded["status"]
    assert answer.headers["content-type"] == recorded["headers"]["content-type"]
    assert answer.headers.get("allow") == recorded["headers"].get("allow")
    assert differences(body_of(name), answer.json()) == []


def test_history(zaguan):
    recorded = body_of("corex_derived__credits_history_page1")
    for entry in recorded["entries"]:
        entry.pop("reasoning_tokens", None)  # optional
    answer = zaguan.get("/v1/credits/history", params={"limit": 2}).json()
    assert differences(recorded, answer) == []


def test_chat(zaguan):
    assert differences(body_of("corex_derived__chat_basic"), zaguan.chat().json()) == []


def test_tool_call(zaguan):
    recorded = body_of("aimock__chat_mixed")["choices"][0]["message"]["tool_calls"]
    tools = [{"type": "function", "function": {"name": "get_weather"}}]
    answer = zaguan.chat(tools=tools).json()
    assert differences(recorded, answer["choices"][0]["message"]["tool_calls"]) == []


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("corex_derived__err_400", {"messages": []}),
        ("litellm__err_no_model", {"model": None}),
        ("litellm__err_messages_wrong_type", {"messages": "hi"}),
        ("corex_derived__err_403_band", {"model": "platinum/x"}),
    ],
)
def test_refusals(zaguan, name, fields):
    recorded = body_of(name)
    recorded["error"].setdefault("param", None)
    answer = zaguan.chat(**fields)
    assert answer.status_code == RECORDED[name]["response"]["status"]
    local = answer.json()
    local["error"].setdefault("param", None)
    assert differences(recorded, local) == []


def test_broken_json(zaguan):
    answer = zaguan.post("/v1/chat/completions", data=b"{bad")
    assert answer.status_code == 400
    recorded = body_of("aimock__err_bad_json")
    assert differences(recorded, answer.json()) == []
    assert answer.json()["error"]["code"] == recorded["error"]["code"]


@pytest.mark.parametrize("name", ["aimock__err_no_key", "aimock__err_bad_key"])
def test_no_key(zaguan, name):
    zaguan.headers = {"Authorization": "Bearer bad"} if name.endswith("bad_key") else {}
    answer = zaguan.chat()
    assert answer.status_code == 401
    assert answer.json() == body_of(name)


@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("corex_derived__err_402_credits", 402),
        ("corex_derived__err_429_body_and_header", 429),
        ("corex_derived__err_500", 500),
        ("aimock__chat_err503", 503),
        ("litellm__model_get_slash_in_id", 404),
    ],
)
def test_planned_failures(zaguan, server, name, status):
    headers = {"Retry-After": "60"} if status == 429 else None
    server.fail("zaguan", status, headers=headers)
    answer = zaguan.chat()
    assert answer.status_code == RECORDED[name]["response"]["status"]
    assert differences(body_of(name), answer.json()) == []


def test_trailing_slash(zaguan, server):
    recorded = RECORDED["litellm__models_list_trailing_slash"]["response"]
    answer = zaguan.get("/v1/models/")
    assert (answer.status_code, answer.text) == (recorded["status"], recorded["body"])
    assert answer.headers["location"] == server.url("zaguan") + "/v1/models"


def recorded_events(name):
    text = RECORDED[name]["response"]["body"]
    return [data_of(event) for event in text.split("\n\n")[:-1]]


def test_stream(zaguan):
    recorded, local = recorded_events("corex_derived__stream_basic"), zaguan.stream()
    assert differences(recorded[0], local[0]) == []
    assert differences(recorded[1], local[1]) == []
    assert differences(recorded[2], local[-2]) == []
    assert local[-1] == recorded[-1]


def test_stream_with_usage(zaguan):
    recorded = recorded_events("aimock__stream_short")[-2]
    local = zaguan.stream(stream_options={"include_usage": True})[-2]
    for name in ("prompt_tokens_details", "completion_tokens_details"):
        del local["usage"][name]  # only some servers send them
    assert differences(recorded, local) == []


def test_stream_of_a_tool_call(zaguan):
    fragments = [
        event["choices"][0]["delta"]["tool_calls"] for event in recorded_events("aimock__stream_mixed")[2:4]
    ]
    tools = [{"type": "function", "function": {"name": "get_weather"}}]
    local = events(zaguan.chat(stream=True, tools=tools))[1:-2]
    calls = [event["choices"][0]["delta"]["tool_calls"] for event in local]
    assert differences(fragments[0], calls[0]) == []
    for call in calls[1:]:
        assert differences(fragments[1], call) == []
