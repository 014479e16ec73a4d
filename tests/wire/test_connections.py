"""Connections: used again, dropped when they cannot be trusted, and never more than the threads need."""

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest
import requests

from chatsdk import APIStatusError, ChatSDKError, InternalServerError
from chatsdk.chatserver import ChatServerError
from chatsdk.zaguan import ZaguanError

from .answers import ASK, CHAT, DONE, MODELS, STOP, framed, head, json_reply, reply
from .server import CLOSE, RESET, TIMEOUT

ANSWERS = {
    "plain": MODELS,
    "empty": head(204),
    "no-body": reply(b""),
    "gzip": reply(b"", 200, "Content-Encoding: gzip"),
    "not-json": reply(b"<html>", kind="text/html"),
    "401": json_reply({"error": "no"}, 401),
    "404": reply(b"no", 404, kind="text/plain"),
    "chunked": framed("chunked", [b"{}"], kind="application/json"),
    "chunks-with-extension": head(200, "Transfer-Encoding: chunked")
    + b"2;a=b\r\n{}\r\n0\r\nTrailer: 1\r\n\r\n",
}


@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS.keys())
def test_one_connection_serves_one_thread(serve, connect, answer):
    server = serve(answer)
    client = connect(server)
    for _ in range(3):
        with suppress(ChatSDKError):
            client.zaguan.request("GET", "/v1/models")
        with suppress(ChatSDKError):
            client.chatserver.list_models()
    assert len(server.requests) == 6
    assert len(server.connections) == 1


def test_a_closed_connection_is_replaced(serve, connect):
    """Also for a POST: the end of the connection is seen before anything is sent."""
    server = serve([CHAT, CLOSE], CHAT)
    zaguan = connect(server).zaguan
    zaguan.chat(**ASK)
    server.until(lambda: not server._open)
    zaguan.chat(**ASK)
    assert len(server.connections) == 2


@pytest.mark.parametrize("lines", [("Connection: close",), ()], ids=["told", "http/1.0"])
def test_a_connection_that_the_server_ends_is_replaced(serve, connect, lines):
    answer = reply(CHAT.partition(b"\r\n\r\n")[2], 200, *lines)
    if not lines:
        answer = answer.replace(b"HTTP/1.1", b"HTTP/1.0")
    server = serve([answer, CLOSE])
    zaguan = connect(server).zaguan
    zaguan.chat(**ASK)
    zaguan.chat(**ASK)
    assert len(server.connections) == 2


def call_at_once(server, client, count):
    """Make *count* calls at the same time: each needs a connection of its own."""
    everybody, before = threading.Event(), len(server.requests)
    server.script([everybody, MODELS])
    with ThreadPoolExecutor(count) as threads:
        calls = [threads.submit(client.zaguan.list_models) for _ in range(count)]
        server.until(lambda: len(server.requests) == before + count)
        everybody.set()
        for call in calls:
            call.result()


CALLS = {
    "plain": lambda client: client.zaguan.chat(**ASK),
    "stream": lambda client: client.zaguan.chat_stream(**ASK),
    "request": lambda client: client.zaguan.request("GET", "/x", stream=True),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS.keys())
@pytest.mark.parametrize("status", [500, 501, 503])
def test_after_a_5xx_all_idle_connections_are_dropped(serve, connect, call, status):
    """uvicorn closes them without saying so, and the next POST would fail on any of them."""
    server = serve()
    client = connect(server, max_retries=0)
    call_at_once(server, client, 3)
    server.script(reply(b"Internal Server Error", status, kind="text/plain"))
    with pytest.raises(InternalServerError):
        call(client)
    for connection in server.connections:
        assert connection.closed.wait(TIMEOUT)

    def answer(request):
        return RESET if request.connection.number <= 3 else CHAT

    server.script(answer)
    assert client.zaguan.chat(**ASK).text == "Hello"
    assert len(server.connections) == 4


def test_after_a_4xx_they_are_kept(serve, connect):
    server = serve()
    client = connect(server)
    call_at_once(server, client, 2)
    server.script(reply(b"", 404), MODELS)
    with pytest.raises(APIStatusError):
        client.zaguan.chat(**ASK)
    client.zaguan.list_models()
    assert len(server.connections) == 2


def test_connections_in_use_survive_a_5xx(serve, connect):
    go_on = threading.Event()
    server = serve(framed("chunked", [STOP, go_on, DONE]), reply(b"", 500), CHAT)
    zaguan = connect(server).zaguan
    with zaguan.chat_stream(**ASK) as stream:
        next(stream)
        with pytest.raises(InternalServerError):
            zaguan.chat(**ASK)
        go_on.set()
        assert list(stream) == []
    zaguan.chat(**ASK)


def test_threads_share_a_client(serve, connect):
    """32 threads at once need 32 connections, and keep them: a bounded pool would connect anew."""
    threads, rounds = 32, 4
    server = serve()
    client = connect(server)
    call_at_once(server, client, threads)
    server.script(json_reply({"data": [], "choices": [{"message": {"content": "x"}}]}))

    def use(number):
        for _ in range(rounds):
            client.zaguan.chat(model="m", messages=f"thread {number}")
            client.chatserver.list_models()

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(use, range(threads)))
    assert len(server.connections) <= threads
    assert len(server.requests) == threads * (1 + 2 * rounds)


def test_the_first_calls_of_two_threads_share_one_pool(serve, connect, monkeypatch):
    """What the first call to an origin prepares must not be prepared twice, and the first one lost."""
    server = serve(MODELS)
    client = connect(server)
    both_prepare, one_done = threading.Barrier(2), threading.Event()
    numbers = iter(range(10))
    merge = requests.Session.merge_environment_settings

    def meet(*args):
        merged = merge(*args)
        with suppress(threading.BrokenBarrierError):  # a lock in the library: they never meet
            both_prepare.wait(0.3)
            if next(numbers) == 1:
                one_done.wait(TIMEOUT)
        return merged

    def first_call():
        client.zaguan.list_models()
        one_done.set()

    monkeypatch.setattr(requests.Session, "merge_environment_settings", meet)
    with ThreadPoolExecutor(2) as threads:
        for call in [threads.submit(first_call) for _ in range(2)]:
            call.result()
    call_at_once(server, client, 2)
    assert len(server.connections) <= 2


def test_close_closes_the_connections(serve, connect):
    server = serve(MODELS)
    client = connect(server)
    client.zaguan.list_models()
    client.close()
    assert server.connections[0].closed.wait(TIMEOUT)


def test_leaving_a_with_block_closes_the_connections(serve, connect):
    server = serve(MODELS)
    with connect(server) as client:
        client.zaguan.list_models()
    assert server.connections[0].closed.wait(TIMEOUT)


def test_a_call_after_close_is_an_error_of_the_library(serve, connect):
    server = serve(MODELS)
    client = connect(server)
    zaguan = client.zaguan.with_options(timeout=3)
    client.close()
    client.close()
    with pytest.raises(ZaguanError, match="closed"):
        zaguan.list_models()
    with pytest.raises(ZaguanError, match="closed"):
        client.zaguan.chat_stream(**ASK)
    with pytest.raises(ChatServerError, match="closed"):
        client.chatserver.list_models()
    assert server.connections == []
