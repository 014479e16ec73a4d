import copy
import os
import pickle
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from chatsdk import Client
from chatsdk.testing import LocalServer, RecordedRequest

from .wire import KEY, TIMEOUT, Api, data_of, events, exchange

MODEL = "openai/gpt-4o-mini"
CHAT = "/v1/chat/completions"


def api_of(server, session):
    return Api(session, server.url("zaguan"), {"Authorization": f"Bearer {KEY}"})


def text_of(answer):
    return answer.json()["choices"][0]["message"]["content"]


def test_urls(server):
    assert server.url("zaguan").startswith("http://127.0.0.1:")
    assert server.url("zaguan").endswith("/zaguan")
    assert server.url("zaguan")[:-7] in repr(server)


def test_a_client_finds_it(server, monkeypatch):
    with Client(**server.services()) as client:
        assert client.zaguan.chat(model=MODEL, messages="Hi").text == "Hello! You said: Hi"
    for name, value in server.environment().items():
        monkeypatch.setenv(name, value)
    with Client() as client:
        assert client.zaguan.chat(model=MODEL, messages="Hi").text == "Hello! You said: Hi"


def test_unknown_paths(server):
    for path in ("/", "/nope", "/nope/v1/models", "/zaguan", "/zaguan/"):
        answer = exchange(server.url("zaguan")[:-7], "GET", path)
        assert (answer.status, answer.body) == (404, b'{"detail":"Not Found"}')


def test_two_servers_do_not_share_anything(zaguan, server, session):
    with LocalServer() as other:
        assert other.url("zaguan") != server.url("zaguan")
        zaguan.chat()
        api_of(other, session).get("/v1/models")
        assert [len(one.requests) for one in (server, other)] == [1, 1]


@pytest.mark.parametrize("stream", [False, True])
def test_a_reply_that_fails_is_shown_and_kept(session, capsys, stream):
    with LocalServer(reply=lambda messages: 1 / 0) as server:
        answer = api_of(server, session).chat(stream=stream)
        assert answer.status_code == 500
        assert "ZeroDivisionError: division by zero" in answer.json()["error"]["message"]
        assert [type(error) for error in server.errors] == [ZeroDivisionError]
    assert capsys.readouterr() == ("", "")


def test_a_text_that_cannot_be_sent_breaks_the_stream(session):
    with LocalServer(reply=lambda messages: "lone \ud800") as server:
        with pytest.raises(requests.exceptions.ChunkedEncodingError):
            api_of(server, session).chat(stream=True)
        # The exception is kept when the connection's thread ends: close() waits for it.
        server.close()
        assert [type(error) for error in server.errors] == [UnicodeEncodeError]


def test_respond(server, zaguan):
    server.respond("zaguan", "one", finish_reason="length", usage={"total_tokens": 7}, times=2)
    server.respond("zaguan", tool_calls=[("get_weather", {"city": "Oslo"})])
    first = zaguan.chat().json()
    assert first["choices"][0]["message"]["content"] == "one"
    assert first["choices"][0]["finish_reason"] == "length"
    assert first["usage"]["total_tokens"] == 7
    chunks = zaguan.stream()[:-1]
    assert [chunk["choices"][0]["delta"].get("content") for chunk in chunks] == ["one", None]
    assert chunks[-1]["choices"][0]["finish_reason"] == "length"
    message = zaguan.chat().json()["choices"][0]["message"]
    assert message["tool_calls"][0]["function"] == {"name": "get_weather", "arguments": '{"city": "Oslo"}'}
    assert text_of(zaguan.chat("Hi")) == "Hello! You said: Hi"


def test_respond_with_a_body(server, zaguan):
    server.respond("zaguan", body={"any": ["thing"]})
    server.respond("zaguan", body=[], times=2)
    bodies = [zaguan.get("/v1/models").json(), zaguan.chat(stream=True).json(), zaguan.chat().json()]
    assert bodies == [{"any": ["thing"]}, [], []]
    assert zaguan.chat().json()["object"] == "chat.completion"


def test_respond_refuses_what_cannot_be(server):
    for arguments, message in [
        ({"text": "x", "body": {}}, "body cannot be combined"),
        ({"text": "x", "times": 0}, "times must be at least 1"),
    ]:
        with pytest.raises(ValueError, match=message):
            server.respond("zaguan", **arguments)
    with pytest.raises(ValueError, match="unknown service 'nope'"):
        server.respond("nope", "x")


def test_model_down(server, zaguan):
    server.model_down("zaguan")
    for stream in (False, True):
        answer = zaguan.chat(stream=stream)
        assert answer.status_code == 503
        assert answer.json()["error"]["message"] == "The model is not available"
    assert zaguan.get("/v1/models").status_code == 200
    server.model_down("zaguan", down=False)
    assert zaguan.chat().status_code == 200


def test_reset(session):
    with LocalServer(reply=lambda messages: "reply", credits=7) as server:
        zaguan, url = api_of(server, session), server.url("zaguan")
        zaguan.chat()
        server.fail("zaguan", 500)
        server.cut("zaguan", after=0)
        server.respond("zaguan", "planned")
        server.model_down("zaguan")
        server.reset()
        assert server.url("zaguan") == url
        assert server.requests == server.errors == []
        assert zaguan.get("/v1/credits/balance").json()["credits_remaining"] == 7
        assert text_of(zaguan.chat()) == "reply"
        assert zaguan.stream(model=MODEL)[-1] == "[DONE]"


class TestRequests:
    def test_are_recorded(self, zaguan, server):
        zaguan.post("/v1/nope?a=1&a=2&b=", json={"x": "é"}, headers={"X-One": "1"})
        zaguan.get("/v1/models")
        zaguan.post(CHAT, data=b"{bad \xff")
        first, second, third = server.requests
        assert isinstance(first, RecordedRequest)
        assert (first.service, first.method, first.path) == ("zaguan", "POST", "/v1/nope")
        assert first.query == {"a": ["1", "2"], "b": [""]}
        assert first.headers["x-ONE"] == first.headers.get("X-One") == "1"
        assert "x-two" not in first.headers
        assert first.json == {"x": "é"}
        assert second.json is third.json is None

    def test_repr_shows_neither_headers_nor_body(self, zaguan, server):
        zaguan.post("/v1/nope", json={"x": "body-secret"}, headers={"X-One": "header-secret"})
        shown = repr(server.requests[0])
        assert "secret" not in shown
        assert KEY not in shown
        assert "/v1/nope" in shown
        assert "secret" not in repr(server.requests[0].headers)
        assert "x-one" in repr(server.requests[0].headers)

    def test_lists_are_copies(self, server):
        server.requests.append("x")
        server.errors.append("x")
        assert server.requests == server.errors == []


class TestFail:
    def test_lasts_for_some_requests(self, zaguan, server):
        server.fail("zaguan", 503, times=2)
        server.fail("zaguan", 500)
        statuses = [zaguan.get("/v1/models").status_code for _ in range(4)]
        assert statuses == [503, 503, 500, 200]
        assert len(server.requests) == 4

    def test_own_bodies(self, zaguan, server):
        for body, content_type, text in [
            ("<h1>no</h1>", "text/plain; charset=utf-8", "<h1>no</h1>"),
            ("", "text/plain; charset=utf-8", ""),
            ({"error": "é"}, "application/json", '{"error":"é"}'),
            ([], "application/json", "[]"),
        ]:
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

    def test_every_error_of_every_service_has_a_body(self, server, session):
        for service in server.services():
            for status in (400, 401, 402, 403, 404, 405, 408, 409, 418, 422, 429, 500, 502, 503, 504, 529):
                server.fail(service, status)
                answer = Api(session, server.url(service), {}).get("/v1/models")
                assert answer.status_code == status
                # The real Infinity Assistant says nothing with a 405.
                assert bool(answer.text) == ((service, status) != ("infinity", 405))

    def test_without_a_body(self, zaguan, server):
        server.fail("zaguan", 204)
        answer = zaguan.get("/v1/models")
        assert (answer.status_code, answer.content) == (204, b"")
        assert "content-length" not in answer.headers

    def test_refuses_what_cannot_be(self, server):
        for arguments, message in [
            (("nope", 500), "unknown service 'nope'"),
            (("zaguan", 100), "status must be"),
            (("zaguan", 600), "status must be"),
        ]:
            with pytest.raises(ValueError, match=message):
                server.fail(*arguments)
        with pytest.raises(ValueError, match="times must be at least 1, not 0"):
            server.fail("zaguan", 500, times=0)


class TestCut:
    def test_breaks_the_next_stream(self, server, zaguan):
        body = b'{"model":"openai/gpt-4o-mini","messages":[{"role":"user","content":"a b"}],"stream":true}'
        for after in (0, 1, 3):
            server.cut("zaguan", after=after)
            broken = exchange(server.url("zaguan"), "POST", CHAT, body, zaguan.headers)
            assert (broken.status, broken.complete, len(broken.chunks)) == (200, False, after)
            whole = exchange(server.url("zaguan"), "POST", CHAT, body, zaguan.headers)
            assert whole.complete
            assert data_of(whole.chunks[-1].decode()[:-2]) == "[DONE]"

    def test_waits_for_a_stream(self, server, zaguan):
        server.cut("zaguan", after=100, times=2)
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
        url = server.url("zaguan") + "/health"
        sessions = [requests.Session() for _ in range(3)]
        for session in sessions:  # their connections stay open
            session.trust_env = False
            session.get(url, timeout=TIMEOUT)
        assert set(threading.enumerate()) > before
        server.close()
        server.close()
        assert set(threading.enumerate()) == before
        with pytest.raises(requests.exceptions.ConnectionError):
            sessions[0].get(url, timeout=TIMEOUT)
        for session in sessions:
            session.close()

    def test_ends_a_request_that_hangs(self, session):
        entered, released = threading.Event(), threading.Event()

        def reply(messages):
            entered.set()
            assert released.wait(TIMEOUT)
            return "late"

        server = LocalServer(reply=reply)
        with ThreadPoolExecutor() as pool:
            answer = pool.submit(api_of(server, session).chat)
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
            api_of(server, session).chat()


def test_many_threads(server):
    def talk(number):
        with requests.Session() as session:
            session.trust_env = False
            zaguan = api_of(server, session)
            for turn in range(5):
                text = f"{number}-{turn}"
                assert text_of(zaguan.chat(text, model=MODEL)) == f"Hello! You said: {text}"
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
                assert reached.zaguan.with_options(timeout=5).chat(model="openai/gpt-4o", messages="Hi").text


def test_as_a_program():
    command = [sys.executable, "-m", "chatsdk.testing"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            lines = list(iter(process.stdout.readline, "# Serving until Ctrl-C.\n"))
            variables = dict(line[len("export ") :].rstrip().split("=", 1) for line in lines)
            answer = exchange(variables["ZAGUAN_BASE_URL"], "GET", "/health")
            process.send_signal(signal.SIGINT)
            output, errors = process.communicate(timeout=TIMEOUT)
        finally:
            process.kill()
    assert answer.json() == {"status": "ok"}
    assert variables["ZAGUAN_API_KEY"] == KEY
    assert (output, errors, process.returncode) == ("", "", 0)
    assert not set(variables) & set(os.environ)
