import uuid
from datetime import datetime, timedelta, timezone

import pytest

from chatsdk import errors, zaguan
from chatsdk.zaguan import ChatRequest, Message, ZaguanError

from .helpers import COMPLETION, ZAGUAN, make_client, sent_json, sse

CHAT = ZAGUAN + "/v1/chat/completions"
HI = [{"role": "user", "content": "hi"}]
ID = "0b9f6a52-6a3e-4a8e-8a43-6f2f6b7d1c10"


@pytest.fixture
def chat(http, client):
    """Call chat and return the JSON that was sent."""
    http.add("POST", CHAT, json=COMPLETION)

    def call(*args, **kwargs):
        assert client.zaguan.chat(*args, **kwargs).text == "Hello"
        return sent_json(http)

    return call


@pytest.mark.parametrize(
    ("args", "fields"),
    [
        ([ChatRequest(model="m", messages=HI, temperature=0.5)], {}),
        ([ChatRequest("m", [Message("user", "hi")], 0.5)], {}),
        ([ChatRequest("m", "hi", stream=True)], {"temperature": 0.5}),
        ([{"model": "m", "messages": "hi", "temperature": 0.5, "stream": True}], {}),
        ([{"model": "m", "messages": HI}], {"temperature": 0.5}),
        ([], {"model": "m", "messages": ["hi"], "temperature": 0.5}),
        ([], {"request": {"model": "other", "messages": "hi", "temperature": 0.5}, "model": "m"}),
    ],
)
def test_one_call_in_all_its_forms(chat, args, fields):
    assert chat(*args, **fields) == {"model": "m", "messages": HI, "temperature": 0.5, "stream": False}


def test_chat_stream_sends_stream_true(http, client):
    http.add("POST", CHAT, body=sse(), content_type="text/event-stream")
    request = ChatRequest("m", "hi", stream=False)
    client.zaguan.chat_stream(request).close()
    assert sent_json(http) == {"model": "m", "messages": HI, "stream": True}
    assert request.stream is False


@pytest.mark.parametrize("method", ["chat", "chat_stream"])
@pytest.mark.parametrize(
    ("args", "fields", "word"),
    [
        ([], {"model": "m", "messages": "hi", "temprature": 1}, "temprature"),
        ([], {"model": "m"}, "messages"),
        ([], {}, "model, messages"),
        ([5], {}, "int"),
        (["hi"], {}, "str"),
        ([Message("user", "hi")], {}, "Message"),
        ([], {"model": "m", "messages": [5]}, "int"),
    ],
)
def test_wrong_arguments_raise_type_error(client, method, args, fields, word):
    with pytest.raises(TypeError) as caught:
        getattr(client.zaguan, method)(*args, **fields)
    assert word in str(caught.value)


def test_none_is_dropped_from_request_and_messages_but_not_from_the_users_dicts(chat):
    schema = {"type": ["string", "null"], "default": None, "enum": ["a", None]}
    sent = chat(
        model="m",
        messages=[{"role": "user", "content": "hi", "name": None}],
        temperature=None,
        stop=None,
        response_format={"json_schema": schema},
        tools=[{"function": {"parameters": schema}}],
        provider_specific_params={"seed": None},
        metadata={"x": None},
    )
    assert sent == {
        "model": "m",
        "messages": HI,
        "stream": False,
        "response_format": {"json_schema": schema},
        "tools": [{"function": {"parameters": schema}}],
        "provider_specific_params": {"seed": None},
        "metadata": {"x": None},
    }


@pytest.mark.parametrize(
    ("fields", "sent"),
    [
        ({"extra_body": {"a": 1}}, {"a": 1}),
        ({"provider_specific_params": {"a": 1}}, {"a": 1}),
        ({"provider_specific_params": {"a": 1, "b": 2}, "extra_body": {"b": 3}}, {"a": 1, "b": 3}),
        ({"provider_specific_params": None, "extra_body": {"a": None}}, {"a": None}),
        ({"provider_specific_params": {"a": 1}, "extra_body": {}}, {"a": 1}),
        ({"extra_body": {}}, None),
    ],
)
def test_extra_body(chat, fields, sent):
    body = chat(model="m", messages="hi", **fields)
    assert body.get("provider_specific_params") == sent
    assert "extra_body" not in body


def test_falsy_values_are_sent(chat):
    sent = chat(model="", messages=[], temperature=0, logprobs=False, stop="", tools=[], seed=0)
    assert sent == {
        "model": "",
        "messages": [],
        "temperature": 0,
        "logprobs": False,
        "stop": "",
        "tools": [],
        "seed": 0,
        "stream": False,
    }


def test_unknown_keys_of_a_dict_go_out(chat):
    assert chat({"model": "m", "messages": "hi", "brand_new": {"x": None}})["brand_new"] == {"x": None}


@pytest.mark.parametrize(
    "fields", [{"temperature": float("nan")}, {"messages": "\ud800"}, {"logit_bias": {"1": float("inf")}}]
)
def test_values_that_json_cannot_represent(http, client, fields):
    with pytest.raises(errors.InvalidRequestError) as caught:
        client.zaguan.chat(**{"model": "m", "messages": "hi", **fields})
    assert isinstance(caught.value, ZaguanError)


def circle():
    found = {}
    found["again"] = found
    return found


@pytest.mark.parametrize(
    "fields",
    [{"metadata": circle()}, {"messages": [{"role": "user", "content": [circle()]}]}],
    ids=["field", "message"],
)
def test_a_request_that_contains_itself(http, client, fields):
    with pytest.raises(errors.InvalidRequestError) as caught:
        client.zaguan.chat(**{"model": "m", "messages": "hi", **fields})
    assert isinstance(caught.value, ZaguanError)


def test_short_forms(http, client):
    http.add("POST", CHAT, json=COMPLETION)
    client.zaguan.chat_simple("hi", model="m")
    assert sent_json(http) == {"model": "m", "messages": HI, "stream": False}
    client.zaguan.chat_with_system("be kind", "hi")
    system = {"role": "system", "content": "be kind"}
    assert sent_json(http) == {"model": "openai/gpt-4o-mini", "messages": [system, *HI], "stream": False}


class TestRequestId:
    @pytest.mark.parametrize("given", [None, ""])
    def test_a_new_uuid_for_each_call(self, http, client, given):
        http.add("POST", CHAT, json=COMPLETION)
        for _ in range(2):
            client.zaguan.chat({"model": "m", "messages": "hi"}, given)
        used = [call.request.headers["X-Request-Id"] for call in http.calls]
        assert len({uuid.UUID(value) for value in used}) == 2

    def test_given(self, http, client):
        http.add("GET", ZAGUAN + "/v1/models", json={"data": []})
        http.add("GET", ZAGUAN + "/v1/capabilities", json=[])
        http.add("GET", ZAGUAN + "/v1/credits/balance", json={"credits_remaining": 0})
        http.add("GET", ZAGUAN + "/v1/credits/history", json={"entries": []})
        http.add("GET", ZAGUAN + "/v1/credits/stats", json={})
        http.add("GET", ZAGUAN + "/health", json={})
        http.add("POST", CHAT, json=COMPLETION)
        service = client.zaguan
        for method in (
            service.list_models,
            service.get_capabilities,
            service.get_credits_balance,
            service.get_credits_history,
            service.get_credits_stats,
            service.health_check,
        ):
            method(request_id=ID)
        service.chat(model="m", messages="hi", request_id=ID)
        service.chat_stream(model="m", messages="hi", request_id=ID).close()
        assert {call.request.headers["X-Request-Id"] for call in http.calls} == {ID}
        assert len(http.calls) == 8

    def test_the_same_for_all_attempts(self, http, monkeypatch):
        monkeypatch.setattr("chatsdk._core.retry.BACKOFF_INITIAL", 0.01)
        http.add("GET", ZAGUAN + "/health", status=503)
        with make_client(max_retries=1) as client, pytest.raises(errors.InternalServerError):
            client.zaguan.health_check()
        first, second = (call.request.headers["X-Request-Id"] for call in http.calls)
        assert first == second

    @pytest.mark.parametrize(("headers", "expected"), [({}, ID), ({"X-Request-Id": "theirs"}, "theirs")])
    def test_in_errors(self, http, client, headers, expected):
        http.add("POST", CHAT, status=500, headers=headers)
        with pytest.raises(ZaguanError) as caught:
            client.zaguan.chat(model="m", messages="hi", request_id=ID)
        assert caught.value.request_id == expected

    def test_one_with_a_line_break(self, http, client):
        with pytest.raises(errors.ConfigurationError):
            client.zaguan.health_check("a\r\nX-Evil: 1")


class TestFailures:
    @pytest.mark.parametrize(
        ("status", "error", "kind"),
        [
            (402, {}, zaguan.InsufficientCreditsError),
            (402, {"type": "invalid_request_error", "code": "402"}, zaguan.InsufficientCreditsError),
            (400, {"code": "insufficient_credits"}, zaguan.InsufficientCreditsError),
            (403, {"type": "insufficient_credits"}, zaguan.InsufficientCreditsError),
            (429, {}, zaguan.RateLimitError),
            (429, {"type": "throttling_error"}, zaguan.RateLimitError),
            (503, {"type": "rate_limit_exceeded"}, zaguan.RateLimitError),
            (403, {"type": "band_access_denied"}, zaguan.BandAccessDeniedError),
            (403, {"code": "band_access_denied"}, zaguan.BandAccessDeniedError),
            (403, {"type": "band_access_denied", "code": "forbidden"}, zaguan.BandAccessDeniedError),
            (403, {"type": "permission_error", "code": "band_access_denied"}, zaguan.BandAccessDeniedError),
            (403, {"type": "permission_error"}, errors.PermissionDeniedError),
            (500, {"type": "server_error"}, errors.InternalServerError),
        ],
    )
    def test_class(self, http, client, status, error, kind):
        http.add("POST", CHAT, json={"error": {"message": "No", **error}}, status=status)
        with pytest.raises(kind, match=r"^HTTP \d+: No \(") as caught:
            client.zaguan.chat(model="m", messages="hi")
        assert isinstance(caught.value, ZaguanError)
        assert isinstance(caught.value, errors.APIStatusError)
        if kind is errors.PermissionDeniedError:
            assert not isinstance(caught.value, zaguan.BandAccessDeniedError)

    @pytest.mark.parametrize(
        ("error", "header", "wait"),
        [
            ({"retry_after": 60}, "7", 60.0),
            ({"retry_after": 0}, "7", 0.0),
            ({"retry_after": None}, "7", 7.0),
            ({}, "7", 7.0),
            ({}, None, None),
        ],
    )
    def test_retry_after(self, http, client, error, header, wait):
        headers = {} if header is None else {"Retry-After": header}
        body = {"error": {"message": "No", **error}}
        http.add("POST", CHAT, json=body, status=429, headers=headers)
        with pytest.raises(zaguan.RateLimitError) as caught:
            client.zaguan.chat(model="m", messages="hi")
        assert caught.value.retry_after == wait


ONE = {"model_id": "a/b", "supports_tools": True}


@pytest.mark.parametrize(
    "body",
    [[ONE], {"models": [ONE]}, {"capabilities": [ONE]}, {"capabilities": {"a/b": {"supports_tools": True}}}],
)
def test_capabilities_in_all_shapes(http, client, body):
    http.add("GET", ZAGUAN + "/v1/capabilities", json=body)
    (found,) = client.zaguan.get_capabilities()
    assert (found.model_id, found.supports_tools, found.supports_vision) == ("a/b", True, False)
    assert found.extra == {}


@pytest.mark.parametrize("body", [{}, {"models": None}, {"data": []}, {"capabilities": "x"}, [None], "x"])
def test_capabilities_in_an_unknown_shape(http, client, body):
    http.add("GET", ZAGUAN + "/v1/capabilities", json=body)
    with pytest.raises(errors.APIResponseError):
        client.zaguan.get_capabilities()


def test_queries(http, client):
    http.add("GET", ZAGUAN + "/v1/credits/history", json={"entries": []})
    http.add("GET", ZAGUAN + "/v1/credits/stats", json={})
    start = datetime(2025, 1, 1, 2, tzinfo=timezone(timedelta(hours=2)))
    client.zaguan.get_credits_history(5, "c=1", start_date=start, end_date="2025-02-01", band="A")
    client.zaguan.get_credits_stats("week", start_date=datetime(2025, 1, 1), group_by="model")
    assert [call.request.url.partition("?")[2] for call in http.calls] == [
        "limit=5&cursor=c%3D1&start_date=2025-01-01T00%3A00%3A00Z&end_date=2025-02-01&band=A",
        "period=week&start_date=2025-01-01T00%3A00%3A00Z&group_by=model",
    ]


class TestHistory:
    def pages(self, http, *bodies):
        for body in bodies:
            http.add("GET", ZAGUAN + "/v1/credits/history", json=body)

    @pytest.mark.parametrize("end", [{}, {"next_cursor": None}, {"next_cursor": ""}, {"next_cursor": "b"}])
    def test_all_pages(self, http, client, end):
        self.pages(
            http,
            {"entries": [{"id": "1"}, {"id": "2"}], "next_cursor": "b"},
            {"entries": [{"id": "2"}, {"id": "3"}], **end},
        )
        found = client.zaguan.iter_credits_history(limit=2, model="m")
        assert len(http.calls) == 0
        assert [entry.id for entry in found] == ["1", "2", "3"]
        queries = [call.request.url.partition("?")[2] for call in http.calls]
        assert queries == ["limit=2&model=m", "limit=2&cursor=b&model=m"]

    def test_entries_without_id(self, http, client):
        self.pages(http, {"entries": [{"model": "a"}, {"model": "a"}]})
        assert len(list(client.zaguan.iter_credits_history())) == 2
