"""Connections that wait in the pool: those that the server has closed are not kept."""

import threading
from concurrent.futures import ThreadPoolExecutor

from urllib3.util.connection import is_connection_dropped

from .answers import ASK, CHAT, DONE, MODELS, STOP, framed, text_event
from .server import CLOSE


def burst(server, client, last):
    """Make as many calls at once as *last* has items; the server ends each connection with such a step."""
    everybody = threading.Event()
    server.script(lambda request: [everybody, MODELS, *last[request.connection.number - 1]])
    with ThreadPoolExecutor(len(last)) as threads:
        calls = [threads.submit(client.zaguan.list_models) for _ in last]
        server.until(lambda: len(server.requests) == len(last))
        everybody.set()
        for call in calls:
            call.result()


def idle(client):
    response = client.zaguan.request("GET", "/v1/models", stream=True)
    waiting = [connection for connection in response.raw._pool.pool.queue if connection is not None]
    response.close()
    return waiting


def test_after_a_burst_all_that_the_server_closed_are_dropped(serve, connect):
    server = serve()
    client = connect(server)
    burst(server, client, [[CLOSE]] * 40)
    server.until(lambda: not server._open)
    server.script(MODELS)
    assert [connection for connection in idle(client) if is_connection_dropped(connection)] == []
    assert len(server.connections) == 41


def test_the_others_are_kept(serve, connect):
    server = serve()
    client = connect(server)
    burst(server, client, [[CLOSE], [], [], [], [], []] * 5)
    server.until(lambda: len(server._open) == 25)
    server.script(MODELS)
    for _ in range(8):
        waiting = idle(client)
    alive = [connection for connection in waiting if not is_connection_dropped(connection)]
    assert len(alive) >= 16  # each reading above closes one more
    assert not any(connection.sock is None for connection in alive)


def test_a_chatserver_stream_ends_its_connection(serve, connect):
    """Its server may close it a moment later: a POST on it would be lost. The other services keep theirs."""
    stream = b"".join(framed("chunked", [text_event("a"), STOP, DONE]))
    for name, connections in (("zaguan", 1), ("chatserver", 2)):
        server = serve(stream, CHAT)
        client = connect(server)
        if name == "zaguan":
            assert client.zaguan.chat_stream(**ASK).final().text == "a"
        else:
            assert list(client.chatserver.create_completion("m", "Hi", stream=True)) == ["a"]
            assert server.requests[0].headers["connection"] == "close"
        client.zaguan.chat(**ASK)
        assert len(server.connections) == connections
