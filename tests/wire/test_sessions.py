"""A Session of the user's own, and the proxies of the environment."""

import pytest
import requests
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

from chatsdk import APIConnectionError, APIStatusError, PermissionDeniedError

from .answers import ASK, CHAT, DONE, MODELS, STOP, framed, reply
from .conftest import KEY


@pytest.fixture
def session():
    with requests.Session() as session:
        yield session


def test_its_adapter_sends_and_retries(serve, connect, session):
    """max_retries of the Client is for the adapters of the library."""
    server = serve(reply(b"", 418), reply(b"", 502))
    own = HTTPAdapter(max_retries=Retry(total=3, status_forcelist=[418], raise_on_status=False))
    session.mount(server.url, own)
    with pytest.raises(APIStatusError) as caught:
        connect(server, session=session, max_retries=9).zaguan.list_models()
    assert caught.value.status_code == 502
    assert len(server.requests) == 2
    assert session.get_adapter(server.url) is own


def test_its_adapters_are_left_alone(serve, connect, session):
    before = dict(session.adapters)
    connect(serve(MODELS), session=session).zaguan.list_models()
    assert dict(session.adapters) == before


def test_an_adapter_without_a_network(serve, connect, session):
    """As caches and recorders do it: an answer that no socket brought."""

    class Recorded(HTTPAdapter):
        def send(self, request, **_):
            response = requests.Response()
            response.status_code = 200
            response.url = request.url
            response.request = request
            response._content = MODELS.partition(b"\r\n\r\n")[2]
            response._content_consumed = True
            return response

    session.mount("http://", Recorded())
    assert connect("http://127.0.0.1:9", session=session).zaguan.list_models()[0].id == "m"


def test_its_retry_error_is_wrapped(serve, connect, session):
    server = serve(reply(b"", 503))
    session.mount(server.url, HTTPAdapter(max_retries=Retry(total=1, status_forcelist=[503])))
    with pytest.raises(APIConnectionError):
        connect(server, session=session).zaguan.list_models()


def test_its_proxies_are_used(serve, connect, session):
    proxy = serve(MODELS)
    session.proxies["http"] = proxy.url
    zaguan = connect("http://127.0.0.1:9/prefix", session=session).zaguan
    zaguan.list_models()
    assert proxy.requests[0].target == "http://127.0.0.1:9/prefix/v1/models"
    assert proxy.requests[0].headers["host"] == "127.0.0.1:9"
    session.proxies.clear()  # its owner may change it at any time
    with pytest.raises(APIConnectionError):
        zaguan.with_options(max_retries=0).list_models()
    assert len(proxy.requests) == 1


def test_its_headers_are_sent(serve, connect, session):
    server = serve(MODELS)
    session.headers["X-Team"] = "blue"
    session.headers["Authorization"] = "Basic of-somebody-else"
    connect(server, session=session).zaguan.list_models()
    headers = server.requests[0].headers
    assert headers["x-team"] == "blue"
    assert headers["authorization"] == f"Bearer {KEY}"
    assert headers["user-agent"].startswith("chatsdk/")
    assert headers["accept"] == "application/json"
    assert KEY not in repr(session.headers)


@pytest.mark.parametrize("bare", [False, True], ids=["list", "function"])
def test_its_hooks_are_called(serve, connect, session, bare):
    """requests takes both: a list of functions, or one function."""
    seen = []

    def hook(response, **_):
        seen.append(response.status_code)

    session.hooks["response"] = hook if bare else [hook]
    server = serve(MODELS, reply(b"", 404))
    zaguan = connect(server, session=session).zaguan
    zaguan.list_models()
    with pytest.raises(APIStatusError):
        zaguan.list_models()
    assert seen == [200, 404]


def test_a_hook_that_raises_on_a_status_hides_no_answer(serve, connect, session):
    session.hooks["response"] = [lambda response, **_: response.raise_for_status()]
    server = serve(reply(b'{"error": {"message": "Not yours"}}', 403))
    with pytest.raises(PermissionDeniedError, match=r"^HTTP \d+: Not yours \("):
        connect(server, session=session).zaguan.list_models()


def test_its_hooks_may_be_gone(serve, connect, session):
    session.hooks = {}
    connect(serve(MODELS), session=session).zaguan.list_models()


def test_a_hook_that_reads_the_body_does_no_harm(serve, connect, session):
    read = []
    session.hooks["response"].append(lambda response, **_: read.append(response.json()))
    server = serve(CHAT)
    zaguan = connect(server, session=session).zaguan
    assert zaguan.chat(**ASK).text == "Hello"
    assert zaguan.chat(**ASK).text == "Hello"
    assert len(read) == 2
    assert len(server.connections) == 1


def test_it_is_not_closed(serve, connect, session):
    server = serve(MODELS)
    client = connect(server, session=session)
    client.zaguan.list_models()
    client.close()
    assert session.get(server.url + "/x", timeout=5).status_code == 200
    assert len(server.connections) == 1


def test_it_follows_no_redirect_either(serve, connect, session):
    server = serve(reply(b"", 302, "Location: /x"), MODELS)
    with pytest.raises(APIStatusError):
        connect(server, session=session).zaguan.list_models()
    assert len(server.requests) == 1


def test_streams_go_through_it(serve, connect, session):
    server = serve(framed("chunked", [STOP, DONE]))
    connect(server, session=session).zaguan.chat_stream(**ASK).final()
    connect(server, session=session).zaguan.chat_stream(**ASK).final()
    assert len(server.connections) == 1


@pytest.mark.parametrize("name", ["HTTP_PROXY", "ALL_PROXY"])
def test_the_proxy_of_the_environment_is_used(serve, connect, monkeypatch, name):
    proxy = serve(MODELS, framed("chunked", [STOP, DONE]), MODELS)
    monkeypatch.setenv(name, proxy.url)
    client = connect("http://127.0.0.1:9")
    client.zaguan.list_models()
    client.zaguan.chat_stream(**ASK).final()
    assert [request.target for request in proxy.requests] == [
        "http://127.0.0.1:9/v1/models",
        "http://127.0.0.1:9/v1/chat/completions",
    ]
    assert len(proxy.connections) == 1


def test_no_proxy_of_the_environment_is_respected(serve, connect, monkeypatch):
    proxy, server = serve(MODELS), serve(MODELS)
    monkeypatch.setenv("HTTP_PROXY", proxy.url)
    monkeypatch.setenv("NO_PROXY", "elsewhere.test,127.0.0.1")
    connect(server).zaguan.list_models()
    assert len(server.requests) == 1
    assert proxy.connections == []


def test_after_a_5xx_the_connections_to_the_proxy_are_dropped(serve, connect, monkeypatch):
    proxy = serve(reply(b"", 500), MODELS)
    monkeypatch.setenv("HTTP_PROXY", proxy.url)
    zaguan = connect("http://127.0.0.1:9").zaguan
    with pytest.raises(APIStatusError):
        zaguan.list_models()
    zaguan.list_models()
    assert len(proxy.connections) == 2


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_proxy_that_refuses_connections_is_tried_again(serve, connect, monkeypatch, waits, method):
    proxy = serve(MODELS, listen=False)
    monkeypatch.setenv("HTTP_PROXY", proxy.url)
    waits.during = proxy.listen
    connect("http://127.0.0.1:9").zaguan.request(method, "/x")
    assert len(waits) == 1


def test_a_5xx_with_a_pool_of_the_users_size(serve, connect, session):
    """A pool that blocks counts its places: each connection taken out must be put back."""
    server = serve(reply(b"", 500), MODELS)
    session.mount(server.url, HTTPAdapter(pool_maxsize=1, pool_block=True))
    zaguan = connect(server, session=session).zaguan
    with pytest.raises(APIStatusError):
        zaguan.list_models()
    zaguan.list_models()
    zaguan.list_models()
    assert len(server.connections) == 2
