"""What is sent again, and what never is."""

import io
from functools import partial

import pytest
import requests
from urllib3.util import Retry

from chatsdk import APIConnectionError, APIStatusError, APITimeoutError, Client, Service

from .answers import ASK, CHAT, COMPLETION, MODELS, framed, head, json_reply, reply
from .server import CLOSE, RESET, SILENCE

WHOLE = b'{"data": []}'

FAILURES = {
    "close": CLOSE,
    "reset": RESET,
    "cut-status": [b"HTTP/1.1 20", CLOSE],
    "no-http": [b"what?\r\n\r\n", CLOSE],
    "cut-length": framed("length", [WHOLE[:5]], kind="application/json", cut=True),
    "cut-chunked": framed("chunked", [WHOLE], kind="application/json", cut=True),
    "cut-one-chunk": framed("one-chunk", [WHOLE[:5]], kind="application/json", cut=True),
    "reset-in-body": [head(200, "Content-Length: 12"), WHOLE[:5], RESET],
}


def lists_models(client):
    return client.zaguan.list_models()


def chats(client):
    return client.zaguan.chat(**ASK)


@pytest.mark.parametrize("failure", FAILURES.values(), ids=FAILURES.keys())
def test_get_is_sent_again_after_a_broken_answer(serve, connect, waits, failure):
    server = serve(failure, failure, MODELS)
    assert connect(server).zaguan.list_models()[0].id == "m"
    assert len(server.requests) == 3
    assert len(waits) == 2


@pytest.mark.parametrize("failure", FAILURES.values(), ids=FAILURES.keys())
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_a_write_is_not_sent_again_after_a_broken_answer(serve, connect, waits, failure, method):
    """The server may have acted."""
    server = serve(failure, CHAT)
    with pytest.raises(APIConnectionError):
        connect(server).zaguan.request(method, "/v1/things", json={"a": 1})
    assert len(server.requests) == 1
    assert waits == []


@pytest.mark.parametrize("cut", ["", "Content-Le", "Content-Type: text/plain\r\n"])
def test_a_head_without_its_end_is_a_broken_answer(serve, connect, waits, cut):
    """http.client takes the end of the connection for the end of the head, and goes on with an empty body."""
    failure = [f"HTTP/1.1 200 OK\r\n{cut}".encode(), CLOSE]
    server = serve(failure, MODELS, failure)
    client = connect(server)
    assert client.zaguan.list_models()[0].id == "m"
    with pytest.raises(APIConnectionError):
        client.zaguan.request("POST", "/v1/things", json={"a": 1})


def test_head_is_sent_again(serve, connect, waits):
    server = serve(RESET, head(200, "Content-Length: 5"))
    assert connect(server).zaguan.request("HEAD", "/v1/models").content == b""
    assert len(server.requests) == 2


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_get_is_sent_again_after(serve, connect, waits, status):
    server = serve(reply(b"", status), MODELS)
    lists_models(connect(server))
    assert len(server.requests) == 2


@pytest.mark.parametrize("status", [400, 401, 404, 408, 409, 425, 500, 501, 505, 529])
def test_get_is_not_sent_again_after(serve, connect, waits, status):
    server = serve(reply(b"", status, "Retry-After: 1"), MODELS)
    with pytest.raises(APIStatusError) as caught:
        lists_models(connect(server))
    assert caught.value.status_code == status
    assert len(server.requests) == 1


@pytest.mark.parametrize("status", [502, 503, 504])
def test_post_without_retry_after_is_not_sent_again(serve, connect, waits, status):
    server = serve(reply(b"", status), CHAT)
    with pytest.raises(APIStatusError):
        chats(connect(server))
    assert len(server.requests) == 1


@pytest.mark.parametrize("status", [429, 503])
def test_post_is_sent_again_when_the_server_says_when(serve, connect, waits, status):
    server = serve(reply(b"", status, "Retry-After: 7"), CHAT)
    assert chats(connect(server)).text == "Hello"
    assert waits == [7.0]
    assert server.requests[0].body == server.requests[1].body != b""


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_a_write_that_was_refused_is_sent_again(serve, connect, waits, method):
    """429 says that the server did not act, with or without a time to wait."""
    server = serve(reply(b"", 429), reply(b"", 429, "Retry-After: soon"), json_reply({}))
    connect(server).zaguan.request(method, "/v1/things", json={"a": 1})
    assert [request.body for request in server.requests] == [b'{"a":1}'] * 3
    assert [bound / 2 <= wait <= bound for wait, bound in zip(waits, [0.5, 1.0])] == [True] * 2


@pytest.mark.parametrize("stream", [False, True])
def test_a_chat_that_was_refused_is_asked_again(serve, connect, waits, stream):
    """Streams too, before they begin."""
    server = serve()
    client = connect(server)
    for chat in (
        client.zaguan.chat_stream if stream else client.zaguan.chat,
        partial(client.chatserver.create_completion, stream=stream),
    ):
        server.script(json_reply({"error": {"message": "Slow down"}}, 429), CHAT)
        answer = chat(**ASK)
        assert (answer.final() if stream else answer).text == "Hello"
    assert len(server.requests) == 4


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("status", [429, 503])
def test_a_body_is_sent_again_only_if_it_can_be_rewound(serve, connect, waits, status, stream):
    server = serve()
    zaguan = connect(server).zaguan
    file = io.BytesIO(b"head, body")
    file.seek(6)
    for data, sent in ((file, [b"body", b"body"]), (iter([b"bo", b"dy"]), [b"body"])):
        server.requests.clear()
        server.script(reply(b"", status, "Retry-After: 1"), json_reply({}))
        if len(sent) == 2:
            zaguan.request("POST", "/v1/upload", data=data, stream=stream)
        else:
            with pytest.raises(APIStatusError) as caught:
                zaguan.request("POST", "/v1/upload", data=data, stream=stream)
            assert caught.value.status_code == status
        assert [request.body for request in server.requests] == sent


@pytest.mark.parametrize("call", ["get", "post"])
@pytest.mark.parametrize("status", [429, 503])
def test_a_server_may_forbid_it(serve, connect, waits, call, status):
    server = serve(reply(b"", status, "Retry-After: 1", "x-should-retry: False"))
    zaguan = connect(server).zaguan
    with pytest.raises(APIStatusError):
        zaguan.list_models() if call == "get" else zaguan.chat(**ASK)
    assert len(server.requests) == 1


def test_a_server_may_not_ask_for_a_second_post_after_a_crash(serve, connect, waits):
    server = serve(reply(b"", 500, "Retry-After: 1", "x-should-retry: true"))
    with pytest.raises(APIStatusError):
        chats(connect(server))
    assert len(server.requests) == 1


EXHAUSTED = [
    {"error": {"message": "No", "type": "insufficient_quota", "param": None, "code": "insufficient_quota"}},
    {"error": {"message": "No", "code": "billing_hard_limit_reached", "type": "invalid_request_error"}},
    {"error": {"message": "No", "code": "429", "type": "budget_exceeded"}},
    {"error": {"message": "No", "type": "insufficient_credits"}},
    {"error": "QuotaExceeded", "message": "No"},
    {"error": "credits_exhausted", "message": "No"},
    {"error": "quota_exceeded"},
    {"error": "x", "message": "No", "rateLimit": {"allowed": False, "reset_at": "2020-01-01T00:00:00.000Z"}},
]


@pytest.mark.parametrize("call", ["list_models", "chat", "chat_stream"])
@pytest.mark.parametrize("body", EXHAUSTED, ids=lambda body: str(body)[:60])
def test_a_quota_that_is_used_up_is_raised_at_once(serve, connect, waits, body, call):
    server = serve(json_reply(body, 429))
    with pytest.raises(APIStatusError) as caught:
        getattr(connect(server).zaguan, call)(**({} if call == "list_models" else ASK))
    assert caught.value.message == body.get(
        "message", "No" if isinstance(body["error"], dict) else body["error"]
    )
    assert len(server.requests) == 1


def test_limits_that_pass_are_no_quota_that_is_used_up(serve, connect, waits):
    limited = [
        json_reply({"error": {"message": "No", "type": kind}}, 429)
        for kind in ("rate_limit_exceeded", "load_balancer", "throttling_error", "requests")
    ]
    server = serve(*limited, CHAT)
    chats(connect(server, max_retries=4))
    assert len(server.requests) == 5


@pytest.mark.parametrize("status", [429, 503])
def test_an_own_session_keeps_its_own_rules(serve, connect, waits, status):
    server = serve(reply(b"", status, "Retry-After: 1"))
    with requests.Session() as session, pytest.raises(APIStatusError):
        chats(connect(server, session=session))
    assert len(server.requests) == 1


@pytest.mark.parametrize("status", [500, 502, 504])
def test_post_is_not_sent_again_after_other_statuses_even_so(serve, connect, waits, status):
    server = serve(reply(b"", status, "Retry-After: 7"), CHAT)
    with pytest.raises(APIStatusError):
        chats(connect(server))
    assert len(server.requests) == 1


@pytest.mark.parametrize("call", [lists_models, chats], ids=["get", "post"])
def test_a_refused_connection_is_tried_again(serve, connect, waits, call):
    """Whatever the method: nothing was sent."""
    server = serve(json_reply({**COMPLETION, "data": []}), listen=False)
    waits.during = lambda: server.listen() if len(waits) == 2 else None
    call(connect(server))
    assert len(waits) == 2
    assert len(server.requests) == 1


@pytest.mark.parametrize("call", [lists_models, chats], ids=["get", "post"])
def test_a_connection_that_is_always_refused_is_given_up(serve, connect, waits, call):
    with pytest.raises(APIConnectionError) as caught:
        call(connect(serve(listen=False), max_retries=3))
    assert not isinstance(caught.value, APITimeoutError)
    assert len(waits) == 3


def test_post_is_not_sent_again_after_a_timeout(serve, connect, waits):
    server = serve(SILENCE)
    with pytest.raises(APITimeoutError):
        chats(connect(server, timeout=0.1))
    assert len(server.settled()) == 1


def test_an_opened_stream_is_a_post_like_others(serve, connect, waits):
    server = serve(reply(b"", 503, "Retry-After: 1"), reply(b"", 502))
    with pytest.raises(APIStatusError) as caught:
        connect(server).zaguan.chat_stream(**ASK)
    assert caught.value.status_code == 502
    assert len(server.requests) == 2


@pytest.mark.parametrize("retries", [0, 1, 3])
def test_max_retries_is_the_number_of_further_attempts(serve, connect, waits, retries):
    server = serve(reply(b"", 503))
    with pytest.raises(APIStatusError):
        lists_models(connect(server, max_retries=retries))
    assert len(server.requests) == 1 + retries


@pytest.mark.parametrize("retries", [0, 1, 3])
def test_cut_bodies_count_like_other_failures(serve, connect, waits, retries):
    server = serve(FAILURES["cut-length"])
    with pytest.raises(APIConnectionError):
        lists_models(connect(server, max_retries=retries))
    assert len(server.requests) == 1 + retries


def test_all_kinds_of_failures_share_one_count(serve, connect, waits):
    server = serve(FAILURES["cut-length"], reply(b"", 503), RESET, FAILURES["cut-chunked"], MODELS)
    with pytest.raises(APIConnectionError):
        lists_models(connect(server, max_retries=3))
    assert len(server.requests) == 4


def test_with_options_changes_the_count_of_the_copy_only(serve, connect, waits):
    server = serve(reply(b"", 503))
    zaguan = connect(server, max_retries=1).zaguan
    for service, attempts in ((zaguan.with_options(max_retries=0), 1), (zaguan, 2)):
        server.requests.clear()
        with pytest.raises(APIStatusError):
            service.list_models()
        assert len(server.requests) == attempts


def test_two_services_on_one_origin_keep_their_counts(serve, waits):
    server = serve(reply(b"", 503))
    services = {
        "zaguan": Service(server.url, max_retries=0),
        "chatserver": Service(server.url, max_retries=2),
    }
    with Client(**services) as client:
        for name, attempts in (("chatserver", 3), ("zaguan", 1), ("chatserver", 3)):
            server.requests.clear()
            with pytest.raises(APIStatusError):
                getattr(client, name).list_models()
            assert len(server.requests) == attempts


def test_the_last_answer_reaches_the_caller(serve, connect, waits):
    server = serve(reply(b"", 503), json_reply({"error": {"message": "Still busy", "code": "busy"}}, 503))
    with pytest.raises(APIStatusError, match="Still busy") as caught:
        lists_models(connect(server, max_retries=1))
    assert caught.value.code == "busy"
    assert caught.value.body == {"error": {"message": "Still busy", "code": "busy"}}


def test_all_attempts_carry_one_request_id(serve, connect, waits):
    server = serve(reply(b"", 503), RESET, FAILURES["cut-length"], MODELS)
    zaguan = connect(server, max_retries=3).zaguan
    zaguan.list_models()
    first = {request.headers["x-request-id"] for request in server.requests}
    zaguan.list_models()
    assert len(server.requests) == 5
    assert len(first) == 1
    assert server.requests[-1].headers["x-request-id"] not in first


def test_all_attempts_carry_the_key(serve, connect, waits):
    server = serve(reply(b"", 503), RESET, FAILURES["cut-length"], MODELS)
    lists_models(connect(server, max_retries=3))
    assert len({request.headers["authorization"] for request in server.requests}) == 1


def test_a_retry_of_the_users_own_rules(serve, connect):
    """Its methods, statuses and waits, not ours; the last answer still arrives."""
    own = Retry(total=2, status_forcelist=[418], backoff_factor=0)
    server = serve(reply(b"", 418), reply(b"", 418), reply(b'{"detail": "teapot"}', 418))
    with pytest.raises(APIStatusError, match="teapot"):
        lists_models(connect(server, max_retries=own))
    assert len(server.requests) == 3
    server.requests.clear()
    server.script(reply(b"", 502))
    with pytest.raises(APIStatusError):
        lists_models(connect(server, max_retries=own))
    assert len(server.requests) == 1


def test_a_retry_of_the_users_own_repeats_cut_bodies(serve, connect):
    server = serve(FAILURES["cut-length"], MODELS)
    lists_models(connect(server, max_retries=Retry(total=1, backoff_factor=0)))
    assert len(server.requests) == 2
