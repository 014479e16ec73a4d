"""Infinity Assistant on real sockets: who asks, what is sent once only, streams that stop."""

import pickle
import threading
import time

import pytest
import requests

from chatsdk import Client, Service, errors
from chatsdk._core import options
from chatsdk.infinity import (
    InfinityAssistantError,
    InfinityAssistantRateLimitError,
    InfinityAssistantTimeoutError,
    StreamChunk,
)
from tests.support.cases import for_each

from .answers import CHAT, MODELS, framed, head, json_reply, reply
from .conftest import KEY
from .server import SILENCE, TIMEOUT

ANSWER = {"response": "Paris.", "conversationId": "c", "metadata": {"tokensUsed": 1}}
ENTRY = {"id": "mem_1", "content": "1", "createdAt": "2026-11-20T09:36:33.032Z"}
HEALTH = json_reply({"status": "healthy"})
SET = "Set-Cookie: infinity_anon_user={}; Path=/; Max-Age=31536000; HttpOnly; SameSite=strict"


def named(value):
    """An answer that gives its reader an identity."""
    return json_reply(ANSWER, 200, SET.format(value))


def event(name, data):
    return f"event: {name}\ndata: {data}\n\n".encode()


START = event("start", '{"conversationId":"c"}')
ONE = event("chunk", '{"text":"Pa"}')
TWO = event("chunk", '{"text":"ris."}')
DONE = event("done", '{"conversationId":"c","metadata":{"tokensUsed":2}}')
STREAM = framed("chunked", [START, ONE, TWO, DONE])


@pytest.fixture
def infinity(connect_all):
    """The service at a server; keywords are its settings."""
    return lambda server, **settings: connect_all(server, **settings).infinity


@pytest.fixture
def connect_all():
    """A Client of three services of one server."""
    clients = []

    def make(server, session=None, **settings):
        service = Service(server.url, **{"timeout": TIMEOUT, **settings})
        services = {"infinity": service, "zaguan": service, "chatserver": service}
        clients.append(Client(session=session, **services))
        return clients[-1]

    yield make
    for client in clients:
        client.close()


def cookies_of(server):
    """The cookies of each request."""
    return [request.headers.get("cookie") for request in server.requests]


class TestIdentity:
    def test_it_is_kept_for_all_that_this_service_asks(self, serve, infinity):
        server = serve(named("anon_1"), named("anon_1"), STREAM, json_reply({"results": {}}), HEALTH)
        api = infinity(server)
        copy = api.with_options(timeout=5)
        api.chat(message="Hi")
        copy.chat(message="Hi")
        copy.chat_stream(message="Hi").final()
        api.search_knowledge(query="q")
        api.with_options(headers={"X-Other": "1"}).health()
        assert cookies_of(server) == [None, *["infinity_anon_user=anon_1"] * 4]

    def test_a_copy_brings_it_to_all(self, serve, infinity):
        server = serve(named("anon_1"), HEALTH)
        api = infinity(server)
        api.with_options(timeout=5).chat(message="Hi")
        api.health()
        assert cookies_of(server) == [None, "infinity_anon_user=anon_1"]

    def test_the_latest_counts(self, serve, infinity):
        server = serve(named("anon_1"), named("user_2"), HEALTH)
        api = infinity(server)
        for _ in range(2):
            api.chat(message="Hi")
        api.health()
        assert cookies_of(server) == [None, "infinity_anon_user=anon_1", "infinity_anon_user=user_2"]

    def test_other_cookies_are_not_kept(self, serve, infinity):
        others = ["Set-Cookie: session=secret", "Set-Cookie: infinity_anon_user=", "Set-Cookie: ;;=;"]
        server = serve(json_reply(ANSWER, 200, *others), HEALTH)
        api = infinity(server)
        api.chat(message="Hi")
        api.health()
        assert cookies_of(server) == [None, None]

    def test_an_answer_that_refuses_names_its_reader_too(self, serve, infinity):
        server = serve(json_reply({"error": "No"}, 400, SET.format("anon_1")), HEALTH)
        api = infinity(server)
        with pytest.raises(errors.BadRequestError):
            api.chat(message="")
        api.health()
        assert cookies_of(server)[1] == "infinity_anon_user=anon_1"

    def test_it_is_not_for_other_services_of_the_same_address(self, serve, connect_all):
        server = serve(named("anon_1"), MODELS, MODELS, HEALTH)
        client = connect_all(server)
        client.infinity.chat(message="Hi")
        client.zaguan.list_models()
        client.chatserver.list_models()
        client.infinity.health()
        assert cookies_of(server) == [None, None, None, "infinity_anon_user=anon_1"]

    def test_a_session_of_the_users_own_does_not_spread_it(self, serve, connect_all):
        server, other = serve(named("anon_1"), MODELS, HEALTH), serve(HEALTH)
        with requests.Session() as session:
            client = connect_all(server, session=session)
            client.infinity.chat(message="Hi")
            client.zaguan.list_models()
            client.infinity.health()
            connect_all(other, session=session).infinity.health()
            connect_all(server, session=session).infinity.health()
        assert cookies_of(server) == [None, None, "infinity_anon_user=anon_1", None]
        assert cookies_of(other) == [None]

    def test_other_services_bring_none(self, serve, connect_all):
        server = serve(reply(CHAT.partition(b"\r\n\r\n")[2], 200, SET.format("anon_1")), HEALTH)
        client = connect_all(server)
        client.zaguan.chat(model="m", messages="Hi")
        client.infinity.health()
        assert cookies_of(server) == [None, None]

    @pytest.mark.parametrize("status", [301, 302, 307, 308])
    def test_it_goes_to_no_other_port(self, serve, infinity, status):
        other = serve(named("anon_2"))
        away = head(status, f"Location: {other.url}/chat", "Content-Length: 0")
        server = serve(named("anon_1"), away, HEALTH)
        api = infinity(server, api_key=KEY)
        api.chat(message="Hi")
        with pytest.raises(errors.APIStatusError, match="redirect"):
            api.chat(message="Hi")
        api.health()
        assert other.requests == []
        assert cookies_of(server)[1:] == ["infinity_anon_user=anon_1"] * 2

    def test_two_clients_are_two_people(self, serve, infinity):
        server = serve(named("anon_1"), named("anon_2"), HEALTH)
        one, two = infinity(server), infinity(server)
        one.chat(message="Hi")
        two.chat(message="Hi")
        one.health()
        two.health()
        assert cookies_of(server) == [None, None, "infinity_anon_user=anon_1", "infinity_anon_user=anon_2"]

    @pytest.mark.parametrize("key", ["ia_2", KEY, None])
    def test_another_key_is_another_person(self, serve, infinity, key):
        server = serve(named("anon_1"), HEALTH)
        api = infinity(server, api_key=KEY)
        api.chat(message="Hi")
        api.with_options(timeout=5).set_api_key(key)
        api.health()
        assert cookies_of(server) == [None, None]

    def test_an_answer_for_the_previous_key_sets_no_cookie(self, serve, infinity):
        def changed_meanwhile(request):
            api.set_api_key("ia_2")
            return named("anon_1")

        server = serve(changed_meanwhile, HEALTH)
        api = infinity(server, api_key=KEY)
        api.chat(message="Hi")
        api.health()
        assert cookies_of(server) == [None, None]

    def test_it_does_not_travel_to_other_processes(self, serve, connect_all):
        server = serve(named("anon_secret"), HEALTH)
        client = connect_all(server)
        client.infinity.chat(message="Hi")
        for thing in (client, client.infinity, client.infinity.with_options(timeout=5)):
            text = pickle.dumps(thing)
            assert b"anon_secret" not in text
            copy = pickle.loads(text)
            getattr(copy, "infinity", copy).health()
            copy.close()
        assert cookies_of(server) == [None, None, None, None]

    def test_it_is_shown_nowhere(self, serve, infinity, caplog):
        caplog.set_level("DEBUG", "chatsdk")
        server = serve(named("anon_secret"), json_reply({"error": "No, anon_secret"}, 500))
        api = infinity(server, api_key=KEY)
        api.chat(message="Hi")
        with pytest.raises(errors.InternalServerError) as caught:
            api.chat(message="Hi")
        assert "cookie" in server.requests[1].headers
        request = caught.value.response.request
        shown = f"{api!r} {caught.value!r} {vars(caught.value)} {request.headers} {caplog.text}"
        assert "anon_secret" not in shown
        assert caught.value.message == "No, ***"
        assert KEY not in shown


def test_the_key_is_in_its_own_header(serve, infinity):
    server = serve(named("a"), STREAM, HEALTH)
    api = infinity(server, api_key=KEY)
    api.chat(message="Hi")
    api.chat_stream(message="Hi").final()
    api.set_api_key(None)
    api.health()
    first, second, third = (request.headers for request in server.requests)
    assert first["x-api-key"] == second["x-api-key"] == KEY
    assert "x-api-key" not in third
    assert not any("authorization" in headers for headers in (first, second, third))


WRITES = {
    "chat": lambda api: api.chat(message="Hi"),
    "chat_stream": lambda api: api.chat_stream(message="Hi"),
    "search_knowledge": lambda api: api.search_knowledge(query="q"),
    "store_memory": lambda api: api.store_memory("key", 1),
    "research": lambda api: api.research(topic="t"),
    "create_api_key": lambda api: api.create_api_key("name"),
    "delete_api_key": lambda api: api.delete_api_key("id"),
    "create_webhook": lambda api: api.create_webhook("https://a.example", ["chat.message"]),
    "delete_webhook": lambda api: api.delete_webhook("id"),
}


@for_each(WRITES, at_once=True)
def test_what_was_not_answered_in_time_is_sent_once(call, serve, infinity, waits):
    server = serve(SILENCE)
    with pytest.raises(InfinityAssistantTimeoutError) as caught:
        WRITES[call](infinity(server, timeout=0.1))
    assert caught.value.code == "TIMEOUT"
    assert len(server.settled()) == 1


class TestOnceOnly:
    @pytest.mark.parametrize("call", WRITES.values(), ids=WRITES.keys())
    def test_what_the_server_refused_or_failed_at(self, serve, infinity, waits, call):
        """The quota of the day is used up; after a 5xx the server may have acted."""
        for status in (408, 429, 499, 500, 502, 503, 504):
            quota = {"rateLimit": {"allowed": False, "limit": 50, "remaining": 0}} if status == 429 else {}
            server = serve(json_reply({"error": "No", **quota}, status))
            with pytest.raises(errors.APIStatusError) as caught:
                call(infinity(server))
            assert isinstance(caught.value, InfinityAssistantError)
            assert isinstance(caught.value, InfinityAssistantRateLimitError) is (status == 429)
            assert caught.value.status_code == status
            assert len(server.requests) == 1
            assert waits == []

    def test_a_wait_that_retry_after_asks_for(self, serve, infinity, waits):
        """A proxy may send the header that the server does not."""
        server = serve(json_reply({"error": "No"}, 429, "Retry-After: 7"), named("a"))
        assert infinity(server).chat(message="Hi").text == "Paris."
        assert waits == [7.0]
        assert len(server.requests) == 2

    @pytest.mark.parametrize("method", ["health", "list_api_keys", "list_webhooks"])
    def test_what_only_asks_is_sent_again(self, serve, infinity, waits, method):
        body = {"status": "healthy", "apiKeys": [], "webhooks": []}
        server = serve(json_reply({"error": "No"}, 503), json_reply(body))
        getattr(infinity(server), method)()
        assert len(server.requests) == 2


class TestStreams:
    def test_chunks_arrive_as_they_are_sent(self, serve, infinity):
        gates = [threading.Event(), threading.Event(), threading.Event()]
        steps = [START, ONE, gates[0], TWO, gates[1], DONE, gates[2]]
        stream = infinity(serve(framed("chunked", steps))).chat_stream(message="Hi")
        assert next(stream).text == "Pa"
        assert stream.metadata == {"conversationId": "c"}
        gates[0].set()
        assert next(stream).text == "ris."
        gates[1].set()
        assert next(stream).metadata == {"conversationId": "c", "tokensUsed": 2}
        gates[2].set()
        assert list(stream) == [StreamChunk("done")]
        assert stream.final().text == "Paris."

    @pytest.mark.parametrize("framing", ["chunked", "one-chunk", "length", "close"])
    @pytest.mark.parametrize("kept", [0, 1, 2, 3])
    def test_a_cut(self, serve, infinity, framing, kept):
        body = [START, ONE, TWO, DONE[:-3]][: kept + 1]
        stream = infinity(serve(framed(framing, body, cut=True))).chat_stream(message="Hi")
        chunks = []
        with pytest.raises(errors.StreamInterruptedError) as caught:
            chunks += stream
        expected = ["", "Pa", "Paris.", "Paris."][kept]
        assert isinstance(caught.value, InfinityAssistantError)
        assert (caught.value.partial.text, caught.value.partial.conversation_id) == (expected, "c")
        with pytest.raises(errors.StreamInterruptedError):
            stream.final()

    @pytest.mark.parametrize("framing", ["chunked", "length", "close"])
    def test_an_end_without_done(self, serve, infinity, framing):
        """The connection ends as it should, the answer does not."""
        stream = infinity(serve(framed(framing, [START, ONE]))).chat_stream(message="Hi")
        with pytest.raises(errors.StreamInterruptedError) as caught:
            stream.final()
        assert caught.value.partial.text == "Pa"

    def test_an_error_event_after_text(self, serve, infinity):
        failed = event("error", '{"message":"It failed","error":"HTTP 500 from a service"}')
        stream = infinity(serve(framed("chunked", [START, ONE, failed]))).chat_stream(message="Hi")
        with pytest.raises(errors.StreamError, match=r"^It failed$") as caught:
            stream.final()
        assert not isinstance(caught.value, errors.StreamInterruptedError)
        assert caught.value.partial.text == "Pa"

    @pytest.mark.parametrize("before", [[START], [START, ONE]], ids=["start", "text"])
    def test_silence_is_bounded(self, serve, infinity, before):
        stream = infinity(serve(framed("chunked", [*before, SILENCE])), timeout=0.1).chat_stream(message="Hi")
        started = time.monotonic()
        with pytest.raises(InfinityAssistantTimeoutError) as caught:
            stream.final()
        assert 0.05 < time.monotonic() - started < 5
        assert caught.value.partial.text == ("Pa" if ONE in before else "")
        assert caught.value.partial.conversation_id == "c"

    def test_without_a_timeout_of_the_users_own_it_is_that_of_streams(self, serve, monkeypatch):
        """120 seconds, not the 60 of other calls: the server is silent until it has the whole answer."""
        monkeypatch.setattr(options, "STREAM_TIMEOUT", 0.1)
        server = serve(framed("chunked", [START, SILENCE]))
        with Client(infinity=server.url) as client, pytest.raises(InfinityAssistantTimeoutError) as caught:
            client.infinity.chat_stream(message="Hi").final()
        assert caught.value.partial.conversation_id == "c"

    def test_the_connection_serves_the_next_call(self, serve, infinity):
        server = serve(STREAM, HEALTH)
        api = infinity(server)
        assert api.chat_stream(message="Hi").final().text == "Paris."
        api.health()
        assert len(server.connections) == 1

    def test_events_after_done_are_ignored(self, serve, infinity):
        late = [START, ONE, DONE, event("error", '{"message":"late"}'), ONE]
        stream = infinity(serve(framed("chunked", late, cut=True))).chat_stream(message="Hi")
        assert stream.final().text == "Pa"

    def test_leaving_early_frees_the_connection(self, serve, infinity):
        server = serve(framed("chunked", [START, ONE, SILENCE]))
        for chunk in infinity(server).chat_stream(message="Hi"):
            assert chunk.text == "Pa"
            break
        assert server.connections[0].closed.wait(TIMEOUT)

    def test_plain_json_instead(self, serve, infinity):
        server = serve(named("anon_1"), HEALTH)
        api = infinity(server)
        stream = api.chat_stream(message="Hi")
        assert [chunk.type for chunk in stream] == ["text", "metadata", "done"]
        assert stream.final().text == "Paris."
        api.health()
        assert cookies_of(server) == [None, "infinity_anon_user=anon_1"]


def test_memory_survives_the_way(serve, infinity):
    """What goes out over the wire as a key or a value is what the user gave."""
    key, value = "user preference/☕&x=1", {"text": "café \u2028", "n": [1, None]}
    stored = []

    def store(request):
        stored.append(request.json())
        return json_reply({"success": True, "entry": ENTRY})

    def retrieve(request):
        fact = {**ENTRY, "content": stored[0]["content"], "tags": ["remembered", "fact"]}
        return json_reply({"memory": {"criticalFacts": [fact]}})

    server = serve(store, retrieve)
    api = infinity(server)
    api.store_memory(key, value)
    assert api.retrieve_memory(key).value == value
    assert stored[0]["conversationId"] == key
    assert server.requests[1].target == "/memory?conversationId=user+preference%2F%E2%98%95%26x%3D1"
