import copy
import inspect
import pickle
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from chatsdk import Client
from chatsdk.testing import LocalServer, RecordedRequest

from .wire import TIMEOUT, Api, data_of, events, exchange


def test_urls(server):
    assert server.url("zaguan").startswith("http://127.0.0.1:")
    assert server.url("zaguan").endswith("/zaguan")
    assert server.url("chatserver").endswith("/chatserver")
    assert server.url("zaguan")[:-7] in repr(server)


def test_services_are_ready_for_a_client(server):
    services = server.services()
    parameters = inspect.signature(Client).parameters
    assert list(services) == [name for name in parameters if name in services]
    assert set(parameters) - set(services) == {"timeout", "max_retries", "session"}
    assert services["zaguan"].base_url == server.url("zaguan")
    assert services["zaguan"].api_key == "local-key"


def test_a_client_with_the_keys_of_the_server_is_somebody(server):
    with Client(**server.services()) as client:
        client.mongars.chat(message="Hi")
        assert [item.user_id for item in client.mongars.history()] == ["u1"]
        assert [key.name for key in client.infinity.list_api_keys()] == []


@pytest.mark.parametrize("path", ["/", "/nope", "/nope/v1/models", "/zaguan", "/zaguan/"])
def test_unknown_paths(server, path):
    answer = exchange(server.url("zaguan")[:-7], "GET", path)
    assert (answer.status, answer.body) == (404, b'{"detail":"Not Found"}')


def test_two_servers_do_not_share_anything(chatserver, server, session):
    with LocalServer() as other:
        assert other.url("zaguan") != server.url("zaguan")
        chatserver.post("/api/v1/platform/admins", json={"workos_id": "w", "email": "a@b.c"})
        admins = Api(session, other.url("chatserver"), {}).get("/api/v1/platform/admins")
        assert admins.json() == {"admins": [], "count": 0}
        assert other.requests != []
        assert len(server.requests) == 1


class TestReply:
    def test_makes_the_text_from_the_messages(self, session):
        seen = []

        def reply(messages):
            seen.append(messages)
            return f"{len(messages)} messages"

        messages = [{"role": "system", "content": "s"}, {"role": "user", "content": "hé"}]
        with LocalServer(reply=reply) as server:
            for name in ("zaguan", "chatserver"):
                api = Api(session, server.url(name), {"Authorization": "Bearer local-key"})
                answer = api.chat(messages=messages).json()
                assert answer["choices"][0]["message"]["content"] == "2 messages"
        assert seen == [messages, messages]

    @pytest.mark.parametrize("stream", [False, True])
    def test_that_fails_is_a_500_and_kept(self, session, capsys, stream):
        with LocalServer(reply=lambda messages: 1 / 0) as server:
            api = Api(session, server.url("chatserver"), {})
            answer = api.chat(stream=stream)
            assert (answer.status_code, answer.text) == (500, "Internal Server Error")
            assert answer.headers["content-type"] == "text/plain; charset=utf-8"
            assert api.get("/health").status_code == 200
            assert [type(error) for error in server.errors] == [ZeroDivisionError]
        assert capsys.readouterr() == ("", "")

    def test_that_cannot_be_sent_breaks_the_stream(self, session):
        with LocalServer(reply=lambda messages: "lone \ud800") as server:
            api = Api(session, server.url("zaguan"), {"Authorization": "Bearer local-key"})
            with pytest.raises(requests.exceptions.ChunkedEncodingError):
                api.chat(stream=True)
            # The exception is kept when the connection's thread ends: close() waits for it.
            server.close()
            assert [type(error) for error in server.errors] == [UnicodeEncodeError]


class TestRequests:
    def test_are_recorded(self, zaguan, server):
        zaguan.post("/v1/nope?a=1&a=2&b=", json={"x": "é"}, headers={"X-One": "1"})
        zaguan.get("/v1/models")
        first, second = server.requests
        assert isinstance(first, RecordedRequest)
        assert (first.service, first.method, first.path) == ("zaguan", "POST", "/v1/nope")
        assert first.query == {"a": ["1", "2"], "b": [""]}
        assert first.headers["x-ONE"] == first.headers.get("X-One") == "1"
        assert "authorization" in first.headers
        assert "x-two" not in first.headers
        assert first.json == {"x": "é"}
        assert second.json is None

    def test_repr_shows_neither_headers_nor_body(self, zaguan, server):
        zaguan.post("/v1/nope", json={"x": "body-secret"}, headers={"X-One": "header-secret"})
        shown = repr(server.requests[0])
        assert "secret" not in shown
        assert "local-key" not in shown
        assert "/v1/nope" in shown
        assert "secret" not in repr(server.requests[0].headers)
        assert "x-one" in repr(server.requests[0].headers)

    def test_with_a_broken_body(self, zaguan, server):
        zaguan.post("/v1/chat/completions", data=b"{bad \xff")
        assert server.requests[0].json is None

    def test_list_is_a_copy(self, zaguan, server):
        server.requests.append("x")
        server.errors.append("x")
        assert server.requests == server.errors == []


class TestFail:
    def test_default_body_is_the_service_s_own(self, zaguan, chatserver, server):
        server.fail("zaguan", 429)
        server.fail("chatserver", 404)
        answer = zaguan.chat()
        assert answer.status_code == 429
        assert answer.json()["error"]["type"] == "rate_limit_exceeded"
        assert "retry_after" not in answer.json()["error"]
        assert "Retry-After" not in answer.headers
        assert chatserver.chat().json() == {"detail": "Not Found"}

    def test_lasts_for_some_requests(self, zaguan, server):
        server.fail("zaguan", 503, times=2)
        server.fail("zaguan", 500)
        statuses = [zaguan.get("/v1/models").status_code for _ in range(4)]
        assert statuses == [503, 503, 500, 200]
        assert len(server.requests) == 4

    def test_concerns_one_service(self, zaguan, chatserver, server):
        server.fail("zaguan", 500)
        assert chatserver.get("/v1/models").status_code == 200
        assert zaguan.get("/v1/models").status_code == 500

    @pytest.mark.parametrize(
        ("body", "content_type", "text"),
        [
            ("<h1>no</h1>", "text/plain; charset=utf-8", "<h1>no</h1>"),
            ("", "text/plain; charset=utf-8", ""),
            ({"error": "é"}, "application/json", '{"error":"é"}'),
            ([], "application/json", "[]"),
        ],
    )
    def test_own_body(self, zaguan, server, body, content_type, text):
        server.fail("zaguan", 418, body)
        answer = zaguan.get("/v1/models")
        assert answer.status_code == 418
        assert answer.headers["content-type"] == content_type
        assert answer.content.decode("utf-8") == text

    def test_own_headers(self, zaguan, server):
        fields = {"Retry-After": "7", "X-Request-ID": "mine", "Content-Type": "text/html"}
        server.fail("zaguan", 429, headers=fields)
        answer = zaguan.get("/v1/models")
        assert answer.headers["retry-after"] == "7"
        assert answer.headers["x-request-id"] == "mine"
        assert answer.headers["content-type"] == "text/html"
        assert answer.json()["error"]["retry_after"] == 7

    @pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 405, 408, 418, 422, 429])
    @pytest.mark.parametrize("service", ["zaguan", "chatserver"])
    def test_every_client_error_has_a_json_body(self, server, session, service, status):
        server.fail(service, status)
        answer = Api(session, server.url(service), {}).get("/v1/models")
        assert answer.status_code == status
        assert set(answer.json()) <= {"error", "detail"}

    @pytest.mark.parametrize("status", [500, 502, 503, 504, 529])
    @pytest.mark.parametrize("service", ["zaguan", "chatserver"])
    def test_every_server_error_has_a_body(self, server, session, service, status):
        server.fail(service, status)
        answer = Api(session, server.url(service), {}).get("/v1/models")
        assert answer.status_code == status
        assert answer.text

    def test_without_a_body(self, zaguan, server):
        server.fail("zaguan", 204)
        answer = zaguan.get("/v1/models")
        assert (answer.status_code, answer.content) == (204, b"")
        assert "content-length" not in answer.headers

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (("nope", 500), "unknown service 'nope'"),
            (("zaguan", 100), "status must be"),
            (("zaguan", 600), "status must be"),
        ],
    )
    def test_refuses_what_cannot_be(self, server, arguments, message):
        with pytest.raises(ValueError, match=message):
            server.fail(*arguments)
        with pytest.raises(ValueError, match="times must be at least 1, not 0"):
            server.fail("zaguan", 500, times=0)


class TestCut:
    @pytest.mark.parametrize("service", ["zaguan", "chatserver"])
    @pytest.mark.parametrize("after", [0, 1, 3])
    def test_breaks_the_next_stream(self, server, zaguan, service, after):
        server.cut(service, after=after)
        body = b'{"model": "m", "messages": [{"role": "user", "content": "a b c"}], "stream": true}'
        headers = {**zaguan.headers, "Content-Type": "application/json"}
        path = "/v1/chat/completions"
        broken = exchange(server.url(service), "POST", path, body, headers)
        assert (broken.status, broken.complete, len(broken.chunks)) == (200, False, after)
        whole = exchange(server.url(service), "POST", path, body, headers)
        assert whole.complete
        assert [data_of(chunk.decode()[:-2]) for chunk in whole.chunks][-1] == "[DONE]"

    def test_after_the_last_event(self, server, chatserver):
        server.cut("chatserver", after=100)
        with pytest.raises(requests.exceptions.ChunkedEncodingError):
            chatserver.chat(stream=True)

    def test_waits_for_a_stream(self, server, zaguan):
        server.cut("zaguan", after=1, times=2)
        assert zaguan.chat().status_code == 200
        for _ in range(2):
            with pytest.raises(requests.exceptions.ChunkedEncodingError):
                zaguan.chat(stream=True)
        assert events(zaguan.chat(stream=True))[-1] == "[DONE]"

    def test_refuses_what_cannot_be(self, server):
        with pytest.raises(ValueError, match="unknown service"):
            server.cut("nope", after=1)
        with pytest.raises(ValueError, match="after must be at least 0"):
            server.cut("zaguan", after=-1)
        with pytest.raises(ValueError, match="times must be at least 1"):
            server.cut("zaguan", after=1, times=0)


class TestClose:
    def test_leaves_no_threads_and_no_listener(self):
        before = set(threading.enumerate())
        server = LocalServer()
        sessions = [requests.Session() for _ in range(3)]
        for session in sessions:  # their connections stay open
            session.get(server.url("chatserver") + "/health", timeout=TIMEOUT)
        assert set(threading.enumerate()) > before
        server.close()
        assert set(threading.enumerate()) == before
        with pytest.raises(requests.exceptions.ConnectionError):
            sessions[0].get(server.url("chatserver") + "/health", timeout=TIMEOUT)
        for session in sessions:
            session.close()

    def test_twice(self):
        server = LocalServer()
        server.close()
        server.close()

    def test_ends_a_request_that_hangs(self, session):
        entered, released = threading.Event(), threading.Event()

        def reply(messages):
            entered.set()
            assert released.wait(TIMEOUT)
            return "late"

        server = LocalServer(reply=reply)
        api = Api(session, server.url("chatserver"), {})
        with ThreadPoolExecutor() as pool:
            answer = pool.submit(api.chat)
            assert entered.wait(TIMEOUT)
            closing = pool.submit(server.close)
            with pytest.raises(requests.exceptions.ConnectionError):
                answer.result(TIMEOUT)
            released.set()
            closing.result(TIMEOUT)

    def test_from_a_reply(self, session):
        def reply(messages):
            server.close()
            return "never sent"

        server = LocalServer(reply=reply)
        with pytest.raises(requests.exceptions.ConnectionError):
            Api(session, server.url("chatserver"), {}).chat()


def test_many_threads(server):
    def talk(number):
        with requests.Session() as session:
            session.trust_env = False
            zaguan = Api(session, server.url("zaguan"), {"Authorization": "Bearer local-key"})
            for turn in range(5):
                text = f"{number}-{turn}"
                answer = zaguan.chat(text, model="openai/gpt-4o-mini").json()
                assert answer["choices"][0]["message"]["content"] == f"Hello! You said: {text}"
                zaguan.stream(text)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(talk, range(8)))
    assert len(server.requests) == 80


def test_its_clients_reach_it_without_the_proxies_of_the_environment(monkeypatch):
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    with LocalServer() as server:
        monkeypatch.setenv("ZAGUAN_API_KEY", server.services()["zaguan"].api_key)
        for session in (None, requests.Session()):
            client = Client(**server.services(), session=session, max_retries=0)
            for reached in (client, copy.copy(client), pickle.loads(pickle.dumps(client))):
                assert reached.zaguan.list_models()
                assert reached.zaguan.with_options(timeout=5).chat(model="m", messages="Hi").text
