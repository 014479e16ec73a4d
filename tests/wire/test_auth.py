"""The key goes to its service, and nowhere else."""

import logging
import warnings

import pytest
import requests

from chatsdk import Client, ConfigurationError, Service

from .answers import ASK, CHAT, DONE, MODELS, STOP, framed
from .conftest import KEY


def everything_in(session):
    return repr([session.headers, session.auth, session.cookies, session.params, session.proxies])


def test_the_key_is_sent_as_a_bearer_token(serve, connect):
    server = serve(MODELS)
    connect(server).zaguan.list_models()
    assert server.requests[0].headers["authorization"] == f"Bearer {KEY}"


def test_without_a_key_nothing_is_sent(serve, connect):
    server = serve(MODELS)
    connect(server, api_key=None).zaguan.list_models()
    assert "authorization" not in server.requests[0].headers


@pytest.mark.parametrize("key", [KEY, None])
@pytest.mark.parametrize("own_session", [False, True])
def test_netrc_is_not_used(serve, connect, monkeypatch, tmp_path, key, own_session):
    netrc = tmp_path / "netrc"
    netrc.write_text("default login somebody password else\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    server = serve(MODELS)
    with requests.Session() as session:
        connect(server, api_key=key, session=session if own_session else None).zaguan.list_models()
    assert server.requests[0].headers.get("authorization") == (key and f"Bearer {key}")


def test_two_services_on_one_origin_keep_their_own_keys(serve):
    server = serve(MODELS)
    with Client(
        zaguan=Service(server.url, api_key="key-of-zaguan"),
        chatserver=Service(server.url, api_key="key-of-chatserver"),
    ) as client:
        client.zaguan.list_models()
        client.chatserver.list_models()
        client.zaguan.set_api_key("another-key")
        client.zaguan.list_models()
    sent = [request.headers["authorization"] for request in server.requests]
    assert sent == ["Bearer key-of-zaguan", "Bearer key-of-chatserver", "Bearer another-key"]


@pytest.mark.parametrize("own_session", [False, True])
def test_the_session_holds_no_secret(serve, connect, own_session):
    server = serve(MODELS)
    with requests.Session() as session:
        client = connect(server, session=session if own_session else None)
        client.zaguan.list_models()
        assert KEY not in everything_in(client._transport.session)


def test_the_request_behind_a_response_shows_no_key(serve, connect):
    server = serve(MODELS)
    response = connect(server).zaguan.request("GET", "/v1/models")
    assert server.requests[0].headers["authorization"] == f"Bearer {KEY}"
    assert KEY not in repr(dict(response.request.headers))


def test_the_request_behind_a_stream_shows_no_key(serve, connect):
    server = serve(framed("chunked", [STOP, DONE]))
    with connect(server).zaguan.chat_stream(**ASK) as stream:
        assert KEY not in repr(dict(stream.response.request.headers))


def test_the_request_behind_a_failure_shows_no_key(serve, connect):
    server = serve(listen=False)
    with pytest.raises(Exception, match="failed") as caught:
        connect(server, max_retries=0).zaguan.chat(**ASK)
    cause = caught.value.__cause__
    assert isinstance(cause, requests.ConnectionError)
    assert cause.request is None


def test_white_space_around_a_key_is_dropped(serve, connect):
    server = serve(MODELS)
    connect(server, api_key=f" {KEY}\r\n").zaguan.list_models()
    assert server.requests[0].headers["authorization"] == f"Bearer {KEY}"


@pytest.mark.parametrize("bad", ["abc\r\nX-Evil: 1", "abc\ndef", "abc\x00def", "abc\u20acdef", "\ud800abc"])
def test_an_unsendable_key_is_refused_unseen(serve, connect, bad):
    server = serve(MODELS)
    with pytest.raises(ConfigurationError) as caught:
        connect(server, api_key=bad)
    assert "abc" not in str(caught.value)
    client = connect(server)
    with pytest.raises(ConfigurationError) as caught:
        client.zaguan.set_api_key(bad)
    assert "abc" not in str(caught.value)
    assert server.connections == []


def test_a_key_over_plain_http_to_another_machine_warns_once(serve, connect, monkeypatch):
    """The proxy on this machine takes the place of the other machine: nothing leaves this one."""
    proxy = serve(MODELS)
    monkeypatch.setenv("HTTP_PROXY", proxy.url)
    client = connect("http://example.test")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        client.zaguan.list_models()
        client.zaguan.list_models()
        client.zaguan.with_options(timeout=3).list_models()
    (warning,) = caught
    assert "plain http" in str(warning.message)
    assert KEY not in str(warning.message)


def test_no_warning_without_a_key(serve, connect, monkeypatch):
    proxy = serve(MODELS)
    monkeypatch.setenv("HTTP_PROXY", proxy.url)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        connect("http://example.test", api_key=None).zaguan.list_models()


@pytest.mark.parametrize("name", ["http_proxy", "HTTP_PROXY"])
def test_a_password_of_the_proxy_stays_with_the_proxy(serve, connect, monkeypatch, caplog, name):
    caplog.set_level(logging.DEBUG)
    proxy = serve(CHAT)
    monkeypatch.setenv(name, proxy.url.replace("//", "//somebody:pass-word@"))
    connect("http://example.test", api_key=None).zaguan.chat(**ASK)
    assert proxy.requests[0].headers["proxy-authorization"].startswith("Basic ")
    assert "pass-word" not in caplog.text
