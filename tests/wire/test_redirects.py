"""Nobody but the configured address gets a request: redirects, path parts, cookies."""

import pytest

from chatsdk import APIStatusError
from chatsdk.chatserver import ChatServerError

from .answers import ASK, CHAT, MODELS, head, reply
from .conftest import KEY


def redirect(status, *lines):
    return head(status, "Content-Length: 0", *lines)


CALLS = {
    "get": lambda client: client.zaguan.list_models(),
    "post": lambda client: client.zaguan.chat(**ASK),
    "stream": lambda client: client.zaguan.chat_stream(**ASK),
    "request": lambda client: client.zaguan.request("GET", "/v1/models"),
    "request-stream": lambda client: client.zaguan.request("GET", "/v1/models", stream=True),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS.keys())
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_an_error_that_names_its_target(serve, connect, call, status):
    other = serve(MODELS)
    server = serve(redirect(status, f"Location: {other.url}/v1/elsewhere"))
    with pytest.raises(APIStatusError) as caught:
        call(connect(server))
    assert caught.value.status_code == status
    assert f"{other.url}/v1/elsewhere" in str(caught.value)
    assert "base_url" in str(caught.value)
    assert len(server.requests) == 1
    assert other.connections == []


def test_a_redirect_within_the_server_is_not_followed(serve, connect):
    server = serve(redirect(307, "Location: /v2/models"), MODELS)
    with pytest.raises(APIStatusError) as caught:
        connect(server).zaguan.list_models()
    assert f"{server.url}/v2/models" in str(caught.value)
    assert [request.target for request in server.requests] == ["/v1/models"]


def test_a_target_is_shown_without_its_secrets(serve, connect):
    server = serve(redirect(302, "Location: http://user:pass-word@elsewhere.test/login?token=hidden"))
    with pytest.raises(APIStatusError) as caught:
        connect(server).zaguan.list_models()
    assert "http://elsewhere.test/login" in str(caught.value)
    assert "pass-word" not in str(caught.value)
    assert "hidden" not in str(caught.value)


@pytest.mark.parametrize(
    "location",
    [
        "http://[",
        "http://127.0.0.1:port/",
        "//",
        "::::",
        "\xff\xfe",
        "mailto:somebody",
        "http://\x7f/",
        "",
        None,
    ],
)
@pytest.mark.parametrize("call", [CALLS["get"], CALLS["stream"]], ids=["get", "stream"])
def test_a_garbage_target_is_the_same_error(serve, connect, location, call):
    """requests raises errors of its own for some of these."""
    server = serve(redirect(302, *([] if location is None else [f"Location: {location}"])))
    with pytest.raises(APIStatusError) as caught:
        call(connect(server))
    assert caught.value.status_code == 302
    assert str(caught.value).isprintable()


def test_an_answer_without_a_target_is_no_redirect(serve, connect):
    with pytest.raises(APIStatusError, match=r"^HTTP 304 ") as caught:
        connect(serve(reply(b"", 304))).zaguan.list_models()
    assert "base_url" not in str(caught.value)


def test_the_connection_survives_a_redirect(serve, connect):
    server = serve(redirect(307, "Location: /x"), MODELS)
    client = connect(server)
    with pytest.raises(APIStatusError):
        client.zaguan.list_models()
    client.zaguan.list_models()
    assert len(server.connections) == 1


@pytest.mark.parametrize("part", ["", " ", ".", ".."])
def test_a_part_that_reaches_another_endpoint_is_refused(serve, connect, part):
    server = serve(MODELS)
    client = connect(server)
    with pytest.raises(ValueError, match="email"):
        client.chatserver.remove_admin(part)
    with pytest.raises(ChatServerError, match="session_id"):
        client.chatserver.get_session(part, user_id="u")
    assert server.connections == []


@pytest.mark.parametrize(
    ("part", "sent"),
    [
        ("a/b", "a%2Fb"),
        ("../x", "..%2Fx"),
        ("a?b#c", "a%3Fb%23c"),
        ("50%", "50%25"),
        ("%2e%2e", "%252e%252e"),
        ("a b+c", "a%20b%2Bc"),
        ("\u00e9\u20ac", "%C3%A9%E2%82%AC"),
        ("a\r\nX-Evil: 1", "a%0D%0AX-Evil%3A%201"),
        (17, "17"),
    ],
)
def test_a_part_is_quoted_whole(serve, connect, part, sent):
    server = serve(reply(b'{"status": "ok"}'))
    connect(server).chatserver.remove_admin(part)
    assert server.requests[0].target == f"/api/v1/platform/admins/{sent}"


def test_a_part_that_is_no_text_is_refused_unseen(serve, connect):
    server = serve(MODELS)
    with pytest.raises(ValueError, match="email") as caught:
        connect(server).chatserver.remove_admin("private\ud800")
    assert "private" not in str(caught.value)
    assert server.connections == []


def test_a_path_prefix_of_the_base_url_is_kept(serve, connect):
    server = serve(MODELS)
    connect(server.url + "/a/b/").zaguan.list_models()
    assert server.requests[0].target == "/a/b/v1/models"


@pytest.mark.parametrize("attributes", ["", "; Path=/", "; Domain=127.0.0.1", "; Max-Age=1000"])
def test_cookies_never_come_back(serve, connect, attributes):
    cookies = f"Set-Cookie: user=alice{attributes}"
    server = serve(reply(b'{"data": []}', 200, cookies), reply(b"{}", 401, cookies), CHAT)
    client = connect(server)
    client.zaguan.list_models()
    with pytest.raises(APIStatusError):
        client.zaguan.list_models()
    client.zaguan.chat(**ASK)
    client.chatserver.create_completion(**ASK)
    assert [request.headers.get("cookie") for request in server.requests] == [None] * 4
    assert list(client._transport.session.cookies) == []  # nor are they kept for anybody
    assert all(KEY in request.headers["authorization"] for request in server.requests)


def test_cookies_do_not_travel_between_attempts(serve, connect, waits):
    server = serve(reply(b"", 503, "Set-Cookie: user=alice"), MODELS)
    connect(server).zaguan.list_models()
    assert server.requests[1].headers.get("cookie") is None
