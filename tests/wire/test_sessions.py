"""A Session of the user's own, and the proxies of the environment."""

import http.client
import io
import traceback

import pytest
import requests
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase, HTTPDigestAuth
from urllib3.response import HTTPResponse
from urllib3.util import Retry

from chatsdk import APIConnectionError, APIResponseError, APIStatusError, Client, PermissionDeniedError

from .answers import ASK, CHAT, DONE, MODELS, STOP, framed, reply
from .conftest import KEY
from .secure import CERTIFICATE, tls
from .server import RESET


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


class Signing(AuthBase):
    """Signs what it finds, as SigV4 does: method, address, body and headers must be there."""

    def __call__(self, request):
        assert request.body is None or str(len(request.body)) == request.headers["Content-Length"]
        request.headers["Authorization"] = f"Sig {request.method} {request.path_url} {request.body!r}"
        return request


AUTHS = {
    "pair": (("ada", "pass-word"), lambda request: "Basic YWRhOnBhc3Mtd29yZA=="),
    "object": (Signing(), lambda request: f"Sig {request.method} {request.target} {request.body or None!r}"),
    "function": (lambda request: Signing()(request), None),
}


@pytest.mark.parametrize("kind", AUTHS)
def test_its_auth_signs_where_the_service_has_no_key(serve, connect, session, kind):
    session.auth, expected = AUTHS[kind]
    expected = expected or AUTHS["object"][1]
    stream = framed("chunked", [STOP, DONE])
    server = serve(MODELS, CHAT, stream, CHAT, stream)
    client = connect(server, session=session, api_key=None)
    client.zaguan.list_models()
    client.zaguan.chat(**ASK)
    client.zaguan.chat_stream(**ASK).final()
    client.chatserver.create_completion(**ASK)
    client.chatserver.create_completion(**ASK, stream=True).final()
    assert [request.headers["authorization"] for request in server.requests] == [
        *map(expected, server.requests)
    ]
    client.zaguan.set_api_key(KEY)
    response = client.zaguan.request("GET", "/x")
    assert server.requests[-1].headers["authorization"] == f"Bearer {KEY}"
    assert "Authorization" not in response.request.headers


@pytest.mark.parametrize("stream", [False, True])
def test_its_auth_may_answer_a_challenge(serve, connect, session, stream):
    """As Digest and NTLM do it, with a hook that sends the request again."""
    session.auth = HTTPDigestAuth("ada", "pass-word")
    seen = []
    session.hooks["response"] = lambda response, **_: seen.append(response.status_code)
    challenge = reply(b"{}", 401, 'WWW-Authenticate: Digest realm="r", nonce="n", qop="auth"')
    server = serve(challenge, framed("chunked", [STOP, DONE]) if stream else CHAT)
    zaguan = connect(server, session=session, api_key=None).zaguan
    answer = zaguan.chat_stream(**ASK) if stream else zaguan.chat(**ASK)
    assert (answer.final() if stream else answer).choices
    first, second = server.requests
    assert "authorization" not in first.headers
    assert second.headers["authorization"].startswith('Digest username="ada"')
    assert first.body == second.body != b""
    assert seen == [200]
    if stream:
        held = [answer.response, *answer.response.history]
        assert [each for each in held if "Authorization" in each.request.headers] == []


@pytest.mark.parametrize("api_key", [None, KEY])
def test_a_failure_keeps_no_signature(serve, connect, session, api_key):
    """Tools that report tracebacks show the headers in the frames of requests and urllib3."""
    session.auth = ("ada", "pass-word")
    recorder = Recording()
    session.mount("http://", recorder)
    with pytest.raises(APIConnectionError):
        connect(serve(RESET), session=session, api_key=api_key).zaguan.list_models()
    (headers,) = recorder.headers
    assert "Authorization" not in headers
    assert headers["Accept"] == "application/json"


def test_an_echo_of_its_auth_is_redacted(serve, connect, session):
    session.auth = ("ada", "pass-word")
    server = serve(reply(b'{"error": {"message": "not for Basic YWRhOnBhc3Mtd29yZA=="}}', 401))
    with pytest.raises(APIStatusError, match="not for") as caught:
        connect(server, session=session, api_key=None).zaguan.list_models()
    assert "YWRhOnBhc3Mtd29yZA" not in f"{caught.value} {caught.value.body}"


class Recording(HTTPAdapter):
    """Keeps the requests, and their headers as the frames of a traceback would."""

    def __init__(self):
        super().__init__()
        self.requests, self.headers = [], []

    def send(self, request, *args, **kwargs):
        self.requests.append(request)
        self.headers.append(request.headers)
        return super().send(request, *args, **kwargs)


@pytest.mark.parametrize(
    ("params", "query"),
    [
        ({"team": "blue", "limit": 1, "none": None}, "limit=5&cursor=a%2Fb&team=blue"),
        ([("team", "blue"), ("limit", "1")], "limit=5&cursor=a%2Fb&team=blue&limit=1"),
        ("team=blue", "limit=5&cursor=a%2Fb&team=blue"),
        ({}, "limit=5&cursor=a%2Fb"),
    ],
)
def test_its_params_are_sent(serve, connect, session, params, query):
    session.params = params
    server = serve(reply(b'{"entries": []}'), CHAT)
    zaguan = connect(server, session=session).zaguan
    zaguan.get_credits_history(5, "a/b")
    assert server.requests[0].target == f"/v1/credits/history?{query}"
    zaguan.chat(**ASK)
    assert server.requests[1].target.partition("?")[0] == "/v1/chat/completions"
    assert ("team=blue" in server.requests[1].target) == bool(params)


def test_values_of_its_params_stay_out_of_errors(serve, connect, session):
    session.params = {"code": "secret-code"}
    with pytest.raises(APIConnectionError) as caught:
        connect(serve(listen=False), session=session, max_retries=0).zaguan.list_models()
    error = caught.value
    assert error.url.endswith("/v1/models?code=...")
    assert "secret-code" not in "".join(traceback.format_exception(type(error), error, error.__traceback__))


def test_its_cookies_are_sent(serve, connect, session):
    """The jar decides, as for every request of the session: domains and what the server sets count."""
    session.cookies.set("mine", "1")
    session.cookies.set("other", "2", domain="elsewhere.test")
    server = serve(reply(MODELS.partition(b"\r\n\r\n")[2], 200, "Set-Cookie: node=a; Path=/"), MODELS, CHAT)
    zaguan = connect(server, session=session).zaguan
    zaguan.list_models()
    zaguan.list_models()
    assert server.requests[0].headers["cookie"] == "mine=1"
    assert set(server.requests[1].headers["cookie"].split("; ")) == {"mine=1", "node=a"}
    zaguan.with_options(headers={"Cookie": "own=3"}).chat(**ASK)
    assert server.requests[2].headers["cookie"] == "own=3"


def test_the_identity_of_infinity_stays_with_its_client(serve, session):
    """It goes beside the session's cookies, and not to other Clients that share the session."""
    name = "infinity_anon_user"
    session.cookies.set("mine", "1")
    server = serve(reply(b"{}", 200, f"Set-Cookie: {name}=ada; Path=/"), reply(b"{}"))
    first, second = (Client(infinity=server.url, session=session).infinity for _ in range(2))
    for infinity in (first, first, second):
        infinity.request("GET", "/x")
    first.set_api_key("another-key")
    first.request("GET", "/x")
    sent = [request.headers["cookie"] for request in server.requests]
    assert sent == ["mine=1", f"mine=1; {name}=ada", "mine=1", "mine=1"]
    session.cookies.set(name, "chosen")  # by the user: his own will
    second.request("GET", "/x")
    assert set(server.requests[-1].headers["cookie"].split("; ")) == {"mine=1", f"{name}=chosen"}


class Caching(HTTPAdapter):
    """Does what CacheControl does: it wraps the file of a response and keeps what is read through it."""

    def __init__(self):
        super().__init__()
        self.kept = {}

    def send(self, request, *args, **kwargs):
        if request.url in self.kept:
            body = io.BytesIO(self.kept[request.url])
            raw = HTTPResponse(body, status=200, preload_content=False)
            return self.build_response(request, raw)
        return super().send(request, *args, **kwargs)

    def build_response(self, request, response):
        if isinstance(response._fp, http.client.HTTPResponse):
            response._fp = Watched(response._fp, self.kept, request.url)
        return super().build_response(request, response)


class Watched:
    def __init__(self, file, kept, url):
        self.file, self.kept, self.url, self.read_so_far = file, kept, url, b""

    def __getattr__(self, name):
        return getattr(self.file, name)

    def read(self, size=None):
        data = self.file.read(size)
        self.read_so_far += data
        if self.file.fp is None:
            self.kept[self.url] = self.read_so_far
        return data


def test_a_cache_sees_what_it_keeps(serve, connect, session):
    session.mount("http://", Caching())
    server = serve(MODELS)
    zaguan = connect(server, session=session).zaguan
    assert [zaguan.list_models()[0].id for _ in range(3)] == ["m"] * 3
    assert len(server.requests) == 1
    big = zaguan.with_options(max_response_bytes=5)
    with pytest.raises(APIResponseError, match="more than 5 bytes"):
        big.list_models()


def test_a_recorder_sees_what_was_sent(serve, connect, session):
    recorder = Recording()
    session.mount("http://", recorder)
    response = connect(serve(MODELS), session=session).zaguan.request("GET", "/v1/models")
    (recorded,) = recorder.requests
    assert recorded.headers["Authorization"] == f"Bearer {KEY}"
    assert "Authorization" not in response.request.headers
    assert response.request.url == recorded.url


@pytest.mark.parametrize("verify", [False, str(CERTIFICATE)])
@pytest.mark.filterwarnings("ignore:Unverified HTTPS request")
def test_its_word_on_certificates_wins(serve, connect, session, monkeypatch, verify):
    """requests lets REQUESTS_CA_BUNDLE win over session.verify."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", requests.certs.where())
    session.verify = verify
    with tls(serve(MODELS).port) as relay:
        connect(f"https://127.0.0.1:{relay.port}", session=session).zaguan.list_models()


def test_its_word_on_proxies_wins(serve, connect, session, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    proxy = serve(MODELS)
    session.proxies["http"] = proxy.url
    connect("http://127.0.0.1:9", session=session).zaguan.list_models()
    assert len(proxy.requests) == 1


def test_proxy_variables_are_followed(serve, connect, monkeypatch):
    """Set, and run the cell again: that is how a notebook is repaired."""
    server, proxy = serve(MODELS), serve(MODELS)
    zaguan = connect(server).zaguan
    zaguan.list_models()
    monkeypatch.setenv("http_proxy", proxy.url)
    zaguan.list_models()
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    zaguan.list_models()
    monkeypatch.delenv("no_proxy")
    zaguan.list_models()
    monkeypatch.delenv("http_proxy")
    zaguan.list_models()
    assert (len(server.requests), len(proxy.requests)) == (3, 2)


def test_certificate_variables_are_followed(serve, connect, monkeypatch, tmp_path):
    with tls(serve(MODELS).port) as relay:
        zaguan = connect(f"https://127.0.0.1:{relay.port}").zaguan
        for bundle in (None, str(tmp_path / "missing.pem"), str(CERTIFICATE)):
            if bundle is not None:
                monkeypatch.setenv("REQUESTS_CA_BUNDLE", bundle)
            if bundle != str(CERTIFICATE):
                with pytest.raises(APIConnectionError):
                    zaguan.list_models()
        zaguan.list_models()


def test_settings_are_read_again_after_a_connection_error(serve, connect, monkeypatch):
    """Such as those of macOS and Windows, which are no variables."""
    server = serve(MODELS)
    proxies = {"http": "http://127.0.0.1:9"}
    monkeypatch.setattr(requests.sessions, "get_environ_proxies", lambda *_, **__: proxies)
    zaguan = connect(server, max_retries=0).zaguan
    with pytest.raises(APIConnectionError):
        zaguan.list_models()
    proxies.clear()
    zaguan.list_models()
    assert len(server.requests) == 1
