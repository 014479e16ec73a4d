"""What goes over the wire, and what is refused before anything does."""

import io
import json
import math

import pytest

import chatsdk
from chatsdk import ConfigurationError
from chatsdk.zaguan import ChatRequest, Message, ZaguanError

from .answers import ASK, CHAT, DONE, MODELS, STOP, framed, reply

PRIVATE = "private words"


def test_the_headers_of_a_request(serve, connect):
    server = serve(CHAT, MODELS, framed("chunked", [STOP, DONE]))
    zaguan = connect(server).zaguan
    zaguan.chat(**ASK)
    zaguan.list_models()
    zaguan.chat_stream(**ASK).final()
    for request in server.requests:
        assert request.headers["user-agent"] == f"chatsdk/{chatsdk.__version__}"
        assert request.headers["host"] == server.url[len("http://") :]
        names = [name.lower() for name, _ in request.pairs]
        assert len(names) == len(set(names))
    post, get, stream = [request.headers for request in server.requests]
    assert post["content-type"] == "application/json"
    assert post["accept"] == "application/json"
    assert "content-type" not in get
    assert "content-length" not in get
    assert stream["accept"] == "text/event-stream"
    assert stream["accept-encoding"] == "identity"  # who compresses events holds them back


def test_none_is_left_out(serve, connect):
    """Some servers answer 500 to null; but what the user wrote into a dict of his own is his."""
    server = serve(CHAT)
    client = connect(server)
    schema = {"type": "json_schema", "json_schema": {"default": None}}
    message = {"role": "user", "content": "Hi", "name": None}
    client.zaguan.chat(
        ChatRequest(
            model="m",
            messages=[Message(role="user", content="Hi"), message],
            temperature=None,
            response_format=schema,
        )
    )
    client.chatserver.create_completion("m", "Hi", temperature=None, max_tokens=None, top_p=None, user=None)
    first, second = [request.json() for request in server.requests]
    assert first == {
        "model": "m",
        "messages": [{"role": "user", "content": "Hi"}] * 2,
        "response_format": schema,
        "stream": False,
    }
    assert second == {"model": "m", "messages": [{"role": "user", "content": "Hi"}], "stream": False}


def test_none_is_left_out_of_the_query(serve, connect):
    server = serve(reply(b'{"entries": []}'))
    zaguan = connect(server).zaguan
    zaguan.get_credits_history(cursor="a b&c=d/\u20ac", model=None)
    zaguan.get_credits_history()
    assert [request.target for request in server.requests] == [
        "/v1/credits/history?cursor=a+b%26c%3Dd%2F%E2%82%AC",
        "/v1/credits/history",
    ]


def test_text_is_sent_as_utf8(serve, connect):
    server = serve(CHAT)
    text = 'h\u00e9 \u20ac \U0001f600 \u2028 "quoted" \\ \x00'
    connect(server).zaguan.chat(model="m", messages=text)
    assert server.requests[0].json()["messages"][0]["content"] == text
    assert "\u20ac".encode() in server.requests[0].body


def test_a_large_request_arrives_whole(serve, connect):
    server = serve(CHAT)
    connect(server).zaguan.chat(model="m", messages="x" * 3_000_000)
    assert len(server.requests[0].json()["messages"][0]["content"]) == 3_000_000


def itself():
    value = {"text": PRIVATE}
    value["value"] = value
    return value


def nested():
    value = [PRIVATE]
    for _ in range(100_000):
        value = [value]
    return value


REFUSED = {
    "NaN": lambda: {"temperature": math.nan},
    "infinity": lambda: {"temperature": math.inf},
    "NaN inside": lambda: {"metadata": {"a": [{PRIVATE: -math.inf}]}},
    "surrogate": lambda: {"messages": PRIVATE + "\ud800"},
    "surrogate in a name": lambda: {"metadata": {PRIVATE + "\udfff": 1}},
    "circle": lambda: {"metadata": itself()},
    "depth": lambda: {"metadata": {"a": nested()}},
}


@pytest.mark.parametrize("fields", REFUSED.values(), ids=REFUSED.keys())
@pytest.mark.parametrize("method", ["chat", "chat_stream"])
def test_what_json_cannot_hold_is_refused_unseen(serve, connect, fields, method):
    server = serve(CHAT)
    with pytest.raises(ZaguanError) as caught:
        getattr(connect(server).zaguan, method)(**{**ASK, **fields()})
    assert isinstance(caught.value, ValueError)
    assert PRIVATE not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__
    assert server.connections == []


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, PRIVATE + "\ud800"])
def test_a_query_that_cannot_be_sent_is_refused_unseen(serve, connect, value):
    server = serve(MODELS)
    with pytest.raises(ZaguanError) as caught:
        connect(server).zaguan.request("GET", "/v1/models", params={"q": value})
    assert PRIVATE not in str(caught.value)
    assert server.connections == []


@pytest.mark.parametrize("value", ["a\r\nX-Evil: 1", "a\nb", "a\x00b", "\u20ac", "\ud800"])
def test_a_header_that_breaks_out_of_its_line_is_refused(serve, connect, value):
    server = serve(MODELS)
    client = connect(server)
    with pytest.raises(ConfigurationError):
        connect(server, headers={"X-Team": value})
    with pytest.raises(ConfigurationError):
        client.zaguan.with_options(headers={"X-Team": value})
    for call in (
        lambda: client.zaguan.request("GET", "/x", headers={"X-Team": value}),
        lambda: client.zaguan.request("GET", "/x", headers={value: "x"}),
        lambda: client.zaguan.list_models(request_id=value),
    ):
        with pytest.raises(ZaguanError):
            call()
    assert server.connections == []


def test_further_headers(serve, connect):
    server = serve(MODELS)
    zaguan = connect(server, headers={"X-Team": "blue", "X-Room": "1"}).zaguan
    zaguan.with_options(headers={"x-team": "red"}).request("GET", "/x", headers={"X-Extra": "2"})
    zaguan.list_models()
    first, second = [request.headers for request in server.requests]
    assert (first["x-team"], first["x-room"], first["x-extra"]) == ("red", "1", "2")
    assert (second["x-team"], second["x-room"], second.get("x-extra")) == ("blue", "1", None)


def test_a_request_of_any_kind(serve, connect):
    server = serve(reply(b"ok", kind="text/plain"))
    zaguan = connect(server.url + "/prefix").zaguan
    response = zaguan.request("patch", "/any path/x%2Fy", params={"a": [1, 2], "b": True}, json={"a": None})
    assert response.text == "ok"
    request = server.requests[0]
    assert (request.method, request.target) == ("PATCH", "/prefix/any%20path/x%2Fy?a=1&a=2&b=true")
    assert request.json() == {"a": None}


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_a_request_without_a_body_says_so(serve, connect, method):
    """Servers that wait for a length answer 411 without it."""
    server = serve(reply(b"ok"))
    connect(server).zaguan.request(method, "/x")
    assert server.requests[0].headers["content-length"] == "0"


@pytest.mark.parametrize("value", [False, 0, "", [], {}])
def test_an_empty_value_is_a_body_too(serve, connect, value):
    server = serve(reply(b"ok"))
    connect(server).zaguan.request("POST", "/x", json=value)
    assert json.loads(server.requests[0].body) == value


def test_forms_and_uploads(serve, connect):
    server = serve(reply(b"ok"))
    zaguan = connect(server).zaguan
    zaguan.request("POST", "/form", data={"a": "1 2"})
    zaguan.request("POST", "/upload", data={"a": "1"}, files={"f": ("name.txt", io.BytesIO(b"content"))})
    form, upload = server.requests
    assert form.body == b"a=1+2"
    assert form.headers["content-type"] == "application/x-www-form-urlencoded"
    assert upload.headers["content-type"].startswith("multipart/form-data; boundary=")
    assert b'filename="name.txt"' in upload.body
    assert b"content" in upload.body


def test_a_path_without_its_slash_is_refused(serve, connect):
    """It would be joined to the host name."""
    server = serve(MODELS)
    with pytest.raises(ZaguanError, match="slash"):
        connect(server).zaguan.request("GET", ".evil.test/")
    assert server.connections == []
