"""Fake Zaguan: chats, models, credits, compared with recorded answers."""

import json
import re
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest

from chatsdk.testing import LocalServer

from .shapes import differences, recordings
from .wire import KEY, Api, data_of, events, exchange, text_of

RECORDED = recordings("zaguan")
TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "get_weather",
            "parameters": {"properties": {"city": {"type": "string"}}, "required": ["city"]},
        },
    },
    {"type": "function", "function": {"name": "get_time"}},
]


def body_of(name):
    return json.loads(RECORDED[name]["response"]["body"])


def events_of(name):
    return [data_of(event) for event in RECORDED[name]["response"]["body"].split("\n\n")[:-1]]


def balance(zaguan):
    return zaguan.get("/v1/credits/balance").json()


def history(zaguan, **query):
    answer = zaguan.get("/v1/credits/history", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.fixture
def poor(session):
    with LocalServer(credits=7) as server:
        yield Api(session, server.url("zaguan"), {"Authorization": f"Bearer {KEY}"})


class TestRecordings:
    def test_answers(self, zaguan):
        for name, request_line in [
            ("corex_derived__health", "GET /health"),
            ("corex_derived__models", "GET /v1/models"),
            ("corex_derived__capabilities_list", "GET /v1/capabilities"),
            ("corex_derived__credits_balance_full", "GET /v1/credits/balance"),
            ("corex_derived__credits_stats", "GET /v1/credits/stats?period=week"),
            ("litellm__model_get_slash_in_id", "GET /v1/models/openai/gpt-4o-mini"),
            ("litellm__err_wrong_method", "GET /v1/chat/completions"),
        ]:
            recorded = RECORDED[name]["response"]
            answer = zaguan.send(*request_line.split())
            assert answer.status_code == recorded["status"]
            assert answer.headers["content-type"] == recorded["headers"]["content-type"]
            assert answer.headers.get("allow") == recorded["headers"].get("allow")
            assert differences(body_of(name), answer.json()) == [], name

    def test_history(self, zaguan):
        recorded = body_of("corex_derived__credits_history_page1")
        for entry in recorded["entries"]:
            entry.pop("reasoning_tokens", None)  # optional
        assert differences(recorded, history(zaguan, limit=2)) == []

    def test_chat(self, zaguan):
        assert differences(body_of("corex_derived__chat_basic"), zaguan.chat().json()) == []

    def test_tool_call(self, zaguan):
        recorded = body_of("aimock__chat_mixed")["choices"][0]["message"]["tool_calls"]
        message = zaguan.chat(tools=TOOLS).json()["choices"][0]["message"]
        assert differences(recorded, message["tool_calls"]) == []

    def test_refusals(self, zaguan):
        for name, fields in [
            ("corex_derived__err_400", {"messages": []}),
            ("litellm__err_no_model", {"model": None}),
            ("litellm__err_messages_wrong_type", {"messages": "hi"}),
            ("corex_derived__err_403_band", {"model": "platinum/o1-pro"}),
        ]:
            recorded = body_of(name)
            answer = zaguan.chat(**fields)
            assert answer.status_code == RECORDED[name]["response"]["status"]
            local = answer.json()
            for body in (recorded, local):
                body["error"].setdefault("param", None)
            assert differences(recorded, local) == [], name

    def test_broken_json(self, zaguan):
        answer = zaguan.post("/v1/chat/completions", data=b"{bad")
        recorded = body_of("aimock__err_bad_json")
        assert answer.status_code == 400
        assert differences(recorded, answer.json()) == []
        assert answer.json()["error"]["code"] == recorded["error"]["code"]

    def test_no_key(self, zaguan):
        for name, headers in (("no_key", {}), ("bad_key", {"Authorization": "Bearer bad"})):
            zaguan.headers = headers
            answer = zaguan.chat()
            assert answer.status_code == 401
            assert answer.json() == body_of(f"aimock__err_{name}")

    def test_injected_failures(self, zaguan, server):
        for name, headers in [
            ("corex_derived__err_402_credits", {}),
            ("corex_derived__err_429_body_and_header", {"Retry-After": "60"}),
            ("corex_derived__err_500", {}),
            ("aimock__chat_err503", {}),
            ("litellm__model_get_slash_in_id", {}),
        ]:
            status = RECORDED[name]["response"]["status"]
            server.fail("zaguan", status, headers=headers)
            answer = zaguan.chat()
            assert answer.status_code == status
            assert differences(body_of(name), answer.json()) == [], name

    def test_stream(self, zaguan):
        recorded, local = events_of("corex_derived__stream_basic"), zaguan.stream()
        assert differences(recorded[0], local[0]) == []
        assert differences(recorded[1], local[1]) == []
        assert differences(recorded[2], local[-2]) == []
        assert local[-1] == recorded[-1]

    def test_stream_with_usage(self, zaguan):
        recorded = events_of("aimock__stream_short")[-2]
        local = zaguan.stream(stream_options={"include_usage": True})[-2]
        for name in ("prompt_tokens_details", "completion_tokens_details"):
            del local["usage"][name]  # only some servers send them
        assert differences(recorded, local) == []

    def test_stream_of_a_tool_call(self, zaguan):
        recorded = [
            event["choices"][0]["delta"]["tool_calls"] for event in events_of("aimock__stream_mixed")[2:4]
        ]
        local = events(zaguan.chat(stream=True, tools=TOOLS))[1:-2]
        calls = [event["choices"][0]["delta"]["tool_calls"] for event in local]
        assert differences(recorded[0], calls[0]) == []
        for call in calls[1:]:
            assert differences(recorded[1], call) == []


class TestChat:
    def test_plain(self, zaguan):
        answer = zaguan.chat("Grüße a\u2028b\u0085c 😀", n=2)
        body = answer.json()
        assert re.fullmatch("chatcmpl-[0-9a-f]{32}", body["id"])
        assert body["model"] == "openai/gpt-4o"
        message = {"role": "assistant", "content": "Hello! You said: Grüße a\u2028b\u0085c 😀"}
        assert body["choices"] == [
            {"index": index, "message": message, "finish_reason": "stop"} for index in (0, 1)
        ]
        usage = body["usage"]
        assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"] > 0
        assert "a\u2028b\u0085c 😀".encode() in answer.content  # raw, not escaped

    def test_stream(self, zaguan):
        chunks = zaguan.stream("a\u2028b 😀")
        assert text_of(chunks) == "Hello! You said: a\u2028b 😀"
        assert len(chunks) > 5
        assert all("usage" not in chunk for chunk in chunks[:-1])
        *_, last, end = zaguan.stream(stream_options={"include_usage": True})
        assert (last["choices"], last["usage"]["completion_tokens"], end) == ([], 6, "[DONE]")

    def test_stream_sends_one_event_per_chunk(self, server, zaguan):
        body = (
            '{"model":"openai/gpt-4o","messages":[{"role":"user","content":"é 日"}],"stream":true}'.encode()
        )
        answer = exchange(server.url("zaguan"), "POST", "/v1/chat/completions", body, zaguan.headers)
        assert answer.complete
        assert answer.headers["content-type"] == "text/event-stream"
        assert all(re.fullmatch(rb"data: [^\n]+\n\n", chunk) for chunk in answer.chunks)
        assert len(answer.chunks) == 7
        assert "日".encode() in answer.body

    def test_tools(self, zaguan):
        choice = zaguan.chat(tools=TOOLS).json()["choices"][0]
        assert choice["finish_reason"] == "tool_calls"
        assert choice["message"]["content"] is None
        (call,) = choice["message"]["tool_calls"]
        assert call["function"] == {"name": "get_weather", "arguments": '{"city": "text"}'}
        chunks = zaguan.stream(
            tools=TOOLS, tool_choice={"type": "function", "function": {"name": "get_time"}}
        )
        calls = [chunk["choices"][0]["delta"]["tool_calls"][0] for chunk in chunks[1:-2]]
        assert calls[0]["function"] == {"name": "get_time", "arguments": ""}
        assert "".join(call["function"]["arguments"] for call in calls) == "{}"
        assert chunks[-2]["choices"][0]["finish_reason"] == "tool_calls"

    def test_response_format(self, zaguan):
        schema = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
        asked = {"type": "json_schema", "json_schema": {"name": "number", "schema": schema}}
        content = zaguan.chat(response_format=asked).json()["choices"][0]["message"]["content"]
        assert json.loads(content) == {"n": 1}

    def test_request_ids(self, zaguan, server):
        sent = str(uuid.uuid4())
        headers = {**zaguan.headers, "X-Request-Id": sent}
        server.fail("zaguan", 500)
        for path in ("/v1/models", "/v1/models", "/v1/nope"):
            assert zaguan.get(path, headers=headers).headers["x-request-id"] == sent
        made = {zaguan.get("/v1/models").headers["x-request-id"] for _ in range(2)}
        assert len({uuid.UUID(one) for one in made}) == 2

    def test_keys(self, server, session):
        api = Api(session, server.url("zaguan"), {})
        assert api.get("/health").json() == {"status": "ok"}
        for key in ("", "Bearer", "Bearer nope", "Basic local-key", "local-key"):
            for path in ("/v1/models", "/v1/capabilities", "/v1/credits/balance"):
                answer = api.get(path, headers={"Authorization": key})
                assert answer.status_code == 401, (key, path)
                assert answer.headers["www-authenticate"].startswith("Bearer")
        assert api.chat(stream=True).status_code == 401

    def test_bad_requests(self, zaguan):
        user = {"role": "user", "content": "hi"}
        for fields, place in [
            ({"model": ""}, "model"),
            ({"model": 1}, "model"),
            ({"messages": ["hi"]}, "messages.0"),
            ({"messages": [{"content": "hi"}]}, "messages.0.role"),
            ({"messages": [user, {"role": "robot", "content": "hi"}]}, "messages.1.role"),
            ({"messages": [{"role": "user", "content": 5}]}, "messages.0.content"),
            ({"temperature": "hot"}, "temperature"),
            ({"temperature": 5}, "temperature"),
            ({"top_p": 1.5}, "top_p"),
            ({"max_tokens": 0}, "max_tokens"),
            ({"n": 0}, "n"),
            ({"n": True}, "n"),
            ({"n": "2"}, "n"),
            ({"stream_options": "x"}, "stream_options"),
            ({"tools": [{}]}, "tools.0.function"),
            ({"tools": "x"}, "tools"),
        ]:
            for stream in (False, True):
                answer = zaguan.chat(**{"stream": stream, **fields})
                assert answer.status_code == 400, fields
                error = answer.json()["error"]
                assert error["type"] == "invalid_request_error"
                assert error["message"].startswith(f"{place}: "), error["message"]
        for body in (b"", b"[]", b"null", b'{"a": "\xff"}'):
            assert zaguan.post("/v1/chat/completions", data=body).status_code == 400

    def test_unknown_models(self, zaguan):
        answer = zaguan.chat(model="openai/gpt-9")
        assert answer.status_code == 404
        assert answer.json()["error"]["code"] == "model_not_found"
        assert "openai/gpt-9" in answer.json()["error"]["message"]

    def test_every_listed_model_answers(self, zaguan):
        models = [model["id"] for model in zaguan.get("/v1/models").json()["data"]]
        assert [one["model_id"] for one in zaguan.get("/v1/capabilities").json()] == models
        statuses = {model: zaguan.chat(model=model).status_code for model in models}
        assert statuses.pop("platinum/o1-pro") == 403
        assert set(statuses.values()) == {200}


class TestCredits:
    def test_calls_are_debited_by_band(self, zaguan):
        before = balance(zaguan)
        zaguan.chat(model="openai/gpt-4o-mini")
        zaguan.chat(model="openai/gpt-4o")
        zaguan.stream(model="deepseek/deepseek-reasoner")
        after = balance(zaguan)
        assert before["credits_remaining"] - after["credits_remaining"] == 1 + 5 + 10
        assert before["credits_total"] == after["credits_total"]
        assert after["credits_used"] + after["credits_remaining"] == after["credits_total"]
        assert after["credits_percent"] < 100

    def test_calls_are_in_the_history_and_paid_once(self, zaguan):
        known, before = history(zaguan)["total_entries"], balance(zaguan)["credits_remaining"]
        zaguan.headers["X-Request-Id"] = sent = str(uuid.uuid4())
        answer = zaguan.chat().json()
        assert zaguan.chat().status_code == 200
        page = history(zaguan)
        assert page["total_entries"] == known + 1
        assert before - balance(zaguan)["credits_remaining"] == 5
        entry = page["entries"][-1]
        assert entry["request_id"] == sent
        assert (entry["model"], entry["provider"], entry["band"]) == ("openai/gpt-4o", "openai", "B")
        assert entry["credits_debited"] == 5
        assert entry["total_tokens"] == answer["usage"]["total_tokens"]

    def test_refused_calls_cost_nothing(self, zaguan, server):
        before = balance(zaguan)
        zaguan.chat(messages=[])
        zaguan.chat(model="platinum/o1-pro")
        server.model_down("zaguan")
        zaguan.chat()
        assert balance(zaguan) == before

    def test_pages(self, zaguan):
        everything = history(zaguan)["entries"]
        found, query = [], {"limit": 2}
        while query.get("cursor", "") is not None:
            page = history(zaguan, **query)
            assert page["total_entries"] == len(everything)
            found += page["entries"]
            query["cursor"] = page["next_cursor"]
        assert found == everything
        assert len(found) == 5
        assert history(zaguan, limit=5)["next_cursor"] is None

    def test_filters(self, zaguan):
        assert {entry["band"] for entry in history(zaguan, band="B")["entries"]} == {"B"}
        assert history(zaguan, provider="nobody")["entries"] == []
        assert history(zaguan, model="openai/gpt-4o", status="success")["total_entries"] == 2

    def test_bad_queries(self, zaguan):
        queries = ("limit=0", "limit=x", "limit=", "limit=-1", "cursor=x", "cursor=cursor-x", "cursor=")
        paths = [f"/v1/credits/history?{query}" for query in queries]
        for path in [*paths, "/v1/credits/stats?period=year"]:
            answer = zaguan.get(path)
            assert answer.status_code == 400, path
            assert answer.json()["error"]["type"] == "invalid_request_error"

    def test_stats(self, zaguan):
        used = {}
        for period in ("day", "week", "month", "all_time"):
            stats = zaguan.get("/v1/credits/stats", params={"period": period}).json()
            assert stats["period"] == period
            assert sum(row["credits_used"] for row in stats["model_breakdown"]) == stats["total_credits_used"]
            used[period] = stats["total_credits_used"]
        assert 0 < used["day"] < used["week"] < used["month"] < used["all_time"]
        assert used["all_time"] == balance(zaguan)["credits_used"]
        assert zaguan.get("/v1/credits/stats").json()["period"] == "month"

    @pytest.mark.parametrize("stream", [False, True])
    def test_credits_run_out(self, poor, stream):
        assert poor.chat(stream=stream).status_code == 200
        answer = poor.chat(stream=stream)
        assert answer.status_code == 402
        error = answer.json()["error"]
        assert error["type"] == error["code"] == "insufficient_credits"
        assert (error["credits_required"], error["credits_remaining"]) == (5, 2)
        assert error["reset_date"].endswith("-01T00:00:00Z")
        assert poor.chat(model="openai/gpt-4o-mini").status_code == 200

    def test_credits_run_out_in_many_threads(self, poor):
        with ThreadPoolExecutor(8) as pool:
            models = ["openai/gpt-4o-mini"] * 16
            statuses = list(pool.map(lambda model: poor.chat(model=model).status_code, models))
        assert sorted(statuses) == [200] * 7 + [402] * 9
        assert balance(poor)["credits_remaining"] == 0
