import re
import uuid

import pytest

from .wire import Api, exchange, text_of

TOOLS = [
    {"type": "function", "function": {"name": "get_weather", "parameters": {}}},
    {"type": "function", "function": {"name": "get_time"}},
]


def test_plain(zaguan):
    answer = zaguan.chat("Grüße a\u2028b\u0085c 😀")
    body = answer.json()
    assert body["object"] == "chat.completion"
    assert re.fullmatch("chatcmpl-[0-9a-f]{32}", body["id"])
    assert body["model"] == "openai/gpt-4o"
    message = {"role": "assistant", "content": "Hello! You said: Grüße a\u2028b\u0085c 😀"}
    assert body["choices"] == [{"index": 0, "message": message, "finish_reason": "stop"}]
    assert body["usage"]["prompt_tokens"] > 0
    assert body["usage"]["total_tokens"] == (
        body["usage"]["prompt_tokens"] + body["usage"]["completion_tokens"]
    )
    assert answer.headers["content-type"] == "application/json"
    assert "a\u2028b\u0085c 😀".encode() in answer.content  # raw, not escaped


def test_choices(zaguan):
    assert [choice["index"] for choice in zaguan.chat(n=3).json()["choices"]] == [0, 1, 2]
    chunks = zaguan.stream("a b", n=2)
    for index in (0, 1):
        choices = [c["choices"][0] for c in chunks[:-1] if c["choices"][0]["index"] == index]
        assert "".join(c["delta"].get("content", "") for c in choices) == "Hello! You said: a b"
        assert [c["finish_reason"] for c in choices] == [None] * (len(choices) - 1) + ["stop"]


def test_stream(zaguan):
    *chunks, end = zaguan.stream("a\u2028b 😀")
    assert end == "[DONE]"
    assert text_of([*chunks, end]) == "Hello! You said: a\u2028b 😀"
    assert len(chunks) > 4
    assert len({(chunk["id"], chunk["created"], chunk["object"]) for chunk in chunks}) == 1
    assert chunks[0]["choices"][0]["delta"] == {"role": "assistant", "content": "Hello!"}
    assert "role" not in chunks[1]["choices"][0]["delta"]
    last = {"index": 0, "delta": {}, "finish_reason": "stop"}
    assert chunks[-1]["choices"] == [last]
    assert all("usage" not in chunk for chunk in chunks)


def test_stream_with_usage(zaguan):
    *_, last, end = zaguan.stream(stream_options={"include_usage": True})
    assert end == "[DONE]"
    assert last["choices"] == []
    assert last["usage"]["completion_tokens"] == 6


@pytest.mark.parametrize("options", [None, {}, {"include_usage": False}, "x"])
def test_stream_without_usage(zaguan, options):
    assert all("usage" not in chunk for chunk in zaguan.stream(stream_options=options)[:-1])


def test_stream_sends_one_event_per_chunk(server, zaguan):
    body = '{"model":"m","messages":[{"role":"user","content":"é 日"}],"stream":true}'.encode()
    path = "/v1/chat/completions"
    answer = exchange(server.url("zaguan"), "POST", path, body, zaguan.headers)
    assert answer.complete
    assert answer.headers["content-type"] == "text/event-stream"
    assert all(re.fullmatch(rb"data: [^\n]+\n\n", chunk) for chunk in answer.chunks)
    assert len(answer.chunks) == 7
    assert "日".encode() in answer.body


def test_tool_call(zaguan):
    choice = zaguan.chat(tools=TOOLS).json()["choices"][0]
    assert choice["finish_reason"] == "tool_calls"
    assert choice["message"]["content"] is None
    (call,) = choice["message"]["tool_calls"]
    assert call["function"] == {"name": "get_weather", "arguments": "{}"}
    assert call["type"] == "function"
    assert call["id"].startswith("call_")


def test_tool_call_in_a_stream(zaguan):
    *chunks, end = zaguan.stream(tools=TOOLS, tool_choice="required")
    assert end == "[DONE]"
    deltas = [chunk["choices"][0]["delta"] for chunk in chunks]
    assert deltas[0] == {"role": "assistant", "content": None}
    calls = [delta["tool_calls"][0] for delta in deltas[1:-1]]
    assert calls[0]["id"].startswith("call_")
    assert calls[0]["function"] == {"name": "get_weather", "arguments": ""}
    assert "id" not in calls[1]
    assert len(calls) == 3
    assert "".join(call["function"]["arguments"] for call in calls) == "{}"
    assert chunks[-1]["choices"][0]["finish_reason"] == "tool_calls"


def test_chosen_tool(zaguan):
    chosen = {"type": "function", "function": {"name": "get_time"}}
    message = zaguan.chat(tools=TOOLS, tool_choice=chosen).json()["choices"][0]["message"]
    assert message["tool_calls"][0]["function"]["name"] == "get_time"


def test_tools_that_are_not_called(zaguan):
    assert "tool_calls" not in zaguan.chat(tools=TOOLS, tool_choice="none").text
    messages = [
        {"role": "user", "content": "weather?"},
        {"role": "assistant", "content": None, "tool_calls": []},
        {"role": "tool", "tool_call_id": "call_1", "content": "sunny"},
    ]
    choice = zaguan.chat(messages=messages, tools=TOOLS).json()["choices"][0]
    assert choice["message"]["content"] == "Hello! You said: weather?"


def test_request_id_comes_back(zaguan, server):
    sent = str(uuid.uuid4())
    headers = {**zaguan.headers, "X-Request-Id": sent}
    for path in ("/v1/models", "/v1/nope", "/v1/models/"):
        assert zaguan.get(path, headers=headers).headers["x-request-id"] == sent
    server.fail("zaguan", 500)
    assert zaguan.get("/v1/models", headers=headers).headers["x-request-id"] == sent
    body = {"model": "m", "messages": [{"role": "user", "content": "x"}], "stream": True}
    answer = zaguan.post("/v1/chat/completions", json=body, headers=headers)
    assert answer.headers["x-request-id"] == sent


def test_request_id_is_made(zaguan):
    ids = {zaguan.get("/v1/models").headers["x-request-id"] for _ in range(2)}
    assert len({uuid.UUID(one) for one in ids}) == 2


@pytest.mark.parametrize("key", ["", "Bearer", "Bearer nope", "Basic local-key", "local-key"])
@pytest.mark.parametrize("path", ["/v1/models", "/v1/capabilities", "/v1/credits/balance"])
def test_bad_key(server, session, key, path):
    answer = Api(session, server.url("zaguan"), {"Authorization": key} if key else {}).get(path)
    assert answer.status_code == 401
    assert answer.json()["error"]["message"] == "Invalid API key"
    assert answer.headers["www-authenticate"].startswith("Bearer")


def test_bad_key_in_a_stream(server, session):
    answer = Api(session, server.url("zaguan"), {}).chat(stream=True)
    assert answer.status_code == 401


def test_health_needs_no_key(server, session):
    assert Api(session, server.url("zaguan"), {}).get("/health").json() == {"status": "ok"}


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"model": ""}, "model is required"),
        ({"model": None}, "model is required"),
        ({"model": 1}, "model is required"),
        ({"messages": []}, "messages is required"),
        ({"messages": "hi"}, "messages is required"),
        ({"messages": ["hi"]}, "each message"),
        ({"messages": [{"content": "hi"}]}, "each message"),
        ({"n": 0}, "n must be"),
        ({"n": True}, "n must be"),
        ({"n": "2"}, "n must be"),
        ({"tools": [{}]}, "tools must be"),
        ({"tools": "x"}, "tools must be"),
        ({"tools": TOOLS, "tool_choice": {"function": {}}}, "tools must be"),
    ],
)
def test_bad_requests(zaguan, fields, message):
    answer = zaguan.chat(**fields)
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert error["type"] == "invalid_request_error"
    assert error["message"].startswith(message)


@pytest.mark.parametrize("body", [b"{bad", b"", b"[]", b"null", b'{"a": "\xff"}'])
def test_bad_bodies(zaguan, body):
    answer = zaguan.post("/v1/chat/completions", data=body)
    assert answer.status_code == 400
    assert answer.json()["error"]["type"] == "invalid_request_error"


def test_models_and_capabilities(zaguan):
    models = zaguan.get("/v1/models").json()["data"]
    assert {"id", "object"} in [set(model) for model in models]
    capabilities = zaguan.get("/v1/capabilities").json()
    assert [one["model_id"] for one in capabilities] == [model["id"] for model in models]
    assert {one["supports_reasoning"] for one in capabilities} == {True, False}
