"""monGARS on real sockets: who is sent which token, what is sent once, what follows a crash."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import parse_qs

import pytest

from chatsdk import Client, Service
from chatsdk.errors import APIStatusError, APITimeoutError, InternalServerError, RateLimitError
from chatsdk.mongars import AuthenticationError, MonGARSError, PeerTelemetryPayload

from .answers import head, json_reply, reply
from .conftest import KEY
from .server import CLOSE, RESET, SILENCE, TIMEOUT

PASSWORD = "what only ada+knows"
TOKEN = json_reply({"access_token": "token-of-ada", "token_type": "bearer"})
CHAT = json_reply({"response": "Hello", "confidence": 0.9})
READY = json_reply({"status": "ready"})
UNAUTHORIZED = json_reply({"detail": "Invalid credentials"}, 401)
LIMITED = json_reply({"detail": "Too many requests: please wait before sending another message."}, 429)
CRASHED = reply(b"Internal Server Error", 500, kind="text/plain; charset=utf-8")


@pytest.fixture
def mongars():
    """Make the service of a Client of its own; keywords are settings."""
    clients = []

    def make(server, **settings):
        clients.append(Client(mongars=Service(server.url, **settings)))
        return clients[-1].mongars

    yield make
    for client in clients:
        client.close()


def tokens(server):
    """What each request had to show."""
    return [request.headers.get("authorization") for request in server.requests]


class TestLogin:
    def test_a_form(self, serve, mongars):
        server = serve(TOKEN)
        mongars(server).login("ada", PASSWORD)
        (request,) = server.requests
        assert (request.method, request.target) == ("POST", "/token")
        assert request.headers["content-type"] == "application/x-www-form-urlencoded"
        assert parse_qs(request.body.decode("ascii")) == {"username": ["ada"], "password": [PASSWORD]}
        assert request.headers["content-length"] == str(len(request.body))
        assert "authorization" not in request.headers

    def test_copies_of_before_and_after_use_its_token(self, serve, mongars):
        server = serve(TOKEN, READY)
        api = mongars(server)
        before = api.with_options(timeout=3)
        api.login("ada", PASSWORD)
        for copy in (api, before, api.with_options(timeout=4), before.with_options(headers={"X-Team": "x"})):
            copy.ready()
        assert tokens(server) == [None, *["Bearer token-of-ada"] * 4]

    def test_a_login_of_a_copy_is_one_of_all(self, serve, mongars):
        server = serve(TOKEN, READY)
        api = mongars(server, api_key=KEY)
        api.with_options(max_retries=0).login("ada", PASSWORD)
        api.ready()
        assert tokens(server)[1] == "Bearer token-of-ada"

    @pytest.mark.parametrize("answer", [UNAUTHORIZED, CRASHED, json_reply({}, 503), RESET, CLOSE])
    def test_one_that_fails_is_sent_once_and_changes_nothing(self, serve, mongars, waits, answer):
        server = serve(answer)
        api = mongars(server, api_key=KEY, max_retries=5)
        with pytest.raises(MonGARSError) as caught:
            api.login("ada", PASSWORD)
        assert isinstance(caught.value, AuthenticationError) is (answer is UNAUTHORIZED)
        assert len(server.requests) == 1
        assert waits == []
        assert api.token == KEY

    def test_one_that_takes_too_long_is_sent_once(self, serve, mongars, waits):
        server = serve(SILENCE)
        with pytest.raises(APITimeoutError):
            mongars(server, timeout=0.1, max_retries=5).login("ada", PASSWORD)
        assert len(server.settled()) == 1

    def test_an_expired_token_does_not_log_in_again(self, serve, mongars):
        expired = json_reply(
            {"detail": "Invalid token: Token verification failed: Signature has expired."}, 401
        )
        server = serve(TOKEN, expired)
        api = mongars(server)
        api.login("ada", PASSWORD)
        with pytest.raises(AuthenticationError, match="Signature has expired"):
            api.history()
        assert [request.target for request in server.requests] == [
            "/token",
            "/api/v1/conversation/history?user_id=ada&limit=10",
        ]

    def test_a_redirected_login_goes_nowhere_else(self, serve, mongars):
        """The body with the password must not follow."""
        other = serve(TOKEN)
        server = serve(head(307, f"Location: {other.url}/token", "Content-Length: 0"))
        with pytest.raises(APIStatusError, match="base_url"):
            mongars(server).login("ada", PASSWORD)
        assert other.connections == []

    def test_threads_that_log_in_and_call(self, serve, mongars):
        """Each request shows a token whole: the one of before, or the new one."""
        server = serve(lambda request: TOKEN if request.target == "/token" else READY)
        api = mongars(server, api_key=KEY)
        with ThreadPoolExecutor(8) as threads:
            calls = [
                threads.submit(api.login, "ada", PASSWORD) if number % 5 == 0 else threads.submit(api.ready)
                for number in range(60)
            ]
            for call in calls:
                call.result()
        assert set(tokens(server)) <= {f"Bearer {KEY}", "Bearer token-of-ada"}
        assert api.token == "token-of-ada"


class TestToken:
    def test_no_other_service_gets_it(self, serve):
        server, other = serve(TOKEN, READY), serve(json_reply({"data": []}))
        with Client(mongars=server.url, zaguan=other.url, chatserver=server.url) as client:
            client.mongars.login("ada", PASSWORD)
            client.zaguan.list_models()
            server.script(json_reply({"data": []}))
            client.chatserver.list_models()
        assert tokens(other) == [None]
        assert tokens(server) == [None, None]

    def test_no_other_client_gets_it(self, serve, mongars):
        server = serve(TOKEN, READY)
        mongars(server).login("ada", PASSWORD)
        mongars(server).ready()
        assert tokens(server) == [None, None]

    def test_it_does_not_follow_a_redirect(self, serve, mongars):
        other = serve(READY)
        server = serve(TOKEN, head(307, f"Location: {other.url}/ready", "Content-Length: 0"))
        api = mongars(server)
        api.login("ada", PASSWORD)
        with pytest.raises(APIStatusError, match="base_url"):
            api.ready()
        assert tokens(server) == [None, "Bearer token-of-ada"]
        assert other.connections == []

    def test_none_after_logging_out(self, serve, mongars):
        server = serve(TOKEN, READY)
        api = mongars(server)
        api.login("ada", PASSWORD)
        api.set_token(None)
        api.ready()
        assert tokens(server) == [None, None]

    def test_an_own_header_does_not_take_its_place(self, serve, mongars):
        server = serve(READY)
        mongars(server, api_key=KEY, headers={"Authorization": "Basic own"}).ready()
        assert tokens(server) == [f"Bearer {KEY}"]


class TestWhatIsSentOnce:
    def test_the_limit_of_one_message_a_second(self, serve, mongars, waits):
        """The server does not say how long to wait; by default all waits together are above a second."""
        server = serve(LIMITED, LIMITED, LIMITED, CHAT)
        assert mongars(server, api_key=KEY).chat(message="Hi").text == "Hello"
        assert [bound / 2 <= wait <= bound for wait, bound in zip(waits, [0.5, 1.0, 2.0])] == [True] * 3
        server.script(LIMITED)
        with pytest.raises(RateLimitError, match="please wait") as caught:
            mongars(server, api_key=KEY).chat(message="Hi")
        assert caught.value.retry_after is None
        assert len(server.requests) == 8

    @pytest.mark.parametrize("status", [500, 502, 503, 504])
    def test_a_message_to_a_failing_server(self, serve, mongars, waits, status):
        server = serve(json_reply({"detail": "Failed to generate chat response"}, status), CHAT)
        with pytest.raises(InternalServerError, match="Failed to generate"):
            mongars(server, api_key=KEY, max_retries=5).chat(message="Hi")
        assert len(server.requests) == 1

    def test_reading_is_tried_again(self, serve, mongars, waits):
        server = serve(json_reply({}, 503), json_reply([]))
        assert mongars(server, api_key=KEY).list_peers() == []
        assert len(server.requests) == 2
        assert len(waits) == 1


def test_after_a_crash_the_next_call_works(serve, mongars):
    """The server closes its connections then without saying so."""
    everybody = threading.Event()
    server = serve([everybody, READY])
    api = mongars(server, api_key=KEY, max_retries=0)
    with ThreadPoolExecutor(3) as threads:
        calls = [threads.submit(api.ready) for _ in range(3)]
        server.until(lambda: len(server.requests) == 3)
        everybody.set()
        for call in calls:
            call.result()
    server.script(CRASHED)
    with pytest.raises(InternalServerError, match=r"^HTTP \d+: Internal Server Error \("):
        api.chat(message="Hi")
    for connection in server.connections:
        assert connection.closed.wait(TIMEOUT)
    # Whoever wrote on one of the old connections would find it reset.
    server.script(lambda request: RESET if request.connection.number <= 3 else CHAT)
    assert api.chat(message="Hi").text == "Hello"


def test_text_comes_and_goes_as_it_is(serve, mongars):
    text = "Salut 👋 café\u2028next\u0085line\r\n\tend"
    body = json.dumps({"response": text}, ensure_ascii=False).encode("utf-8")
    server = serve(reply(body))
    assert mongars(server).chat(message=text).response == text
    assert server.requests[0].json() == {"message": text}
    assert text.encode("utf-8").partition(b"\r")[0] in server.requests[0].body


def test_202_is_a_success(serve, mongars):
    server = serve(json_reply({"status": "accepted"}, 202))
    report = PeerTelemetryPayload(queue_depth=1, observed_at="2025-10-07T00:00:00")
    assert mongars(server, api_key=KEY).publish_peer_telemetry(report).status == "accepted"
    assert server.requests[0].json()["observed_at"] == "2025-10-07T00:00:00"
