"""Other processes: forked ones and those that unpickle a Client."""

import os
import pickle
import subprocess
import sys
import threading
import time
import traceback
import warnings

import pytest
import requests

from .answers import ASK, DONE, MODELS, STOP, framed, reply, text_event
from .conftest import KEY
from .server import TIMEOUT

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")


def in_child(work):
    """Run *work* in a forked child; return whether it ended without an error."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # the server of the test has threads
        child = os.fork()
    if child == 0:
        try:
            work()
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    end = time.monotonic() + TIMEOUT
    while time.monotonic() < end:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return status == 0
        threading.Event().wait(0.005)
    os.kill(child, 9)
    os.waitpid(child, 0)
    return False


@needs_fork
@pytest.mark.parametrize("own_session", [False, True])
def test_a_forked_child_uses_connections_of_its_own(serve, connect, own_session):
    server = serve(MODELS)
    with requests.Session() as session:
        client = connect(server, session=session if own_session else None)
        client.zaguan.list_models()
        assert in_child(lambda: [client.zaguan.list_models(), client.chatserver.list_models()])
        client.zaguan.list_models()
        assert [request.connection.number for request in server.requests] == [1, 2, 2, 1]
        assert all(KEY in request.headers["authorization"] for request in server.requests)


@needs_fork
@pytest.mark.parametrize("leave", ["close", "drop", "break"])
def test_a_child_that_leaves_a_stream_does_not_end_its_parents(serve, connect, leave):
    go_on = threading.Event()
    server = serve(framed("chunked", [text_event("a"), go_on, text_event("b"), STOP, DONE]))
    streams = [connect(server).zaguan.chat_stream(**ASK)]
    assert next(streams[0]).text == "a"

    def work():
        if leave == "close":
            streams[0].close()
        elif leave == "drop":
            streams.clear()
        else:
            iterator = iter(streams[0])
            del iterator

    assert in_child(work)
    go_on.set()
    assert streams[0].final().text == "ab"


@needs_fork
def test_a_child_that_closes_the_client_does_not_close_its_parents(serve, connect):
    server = serve(MODELS)
    client = connect(server)
    client.zaguan.list_models()
    assert in_child(client.close)
    client.zaguan.list_models()
    assert len(server.connections) == 1


@needs_fork
def test_a_child_that_sees_a_5xx_does_not_touch_its_parents(serve, connect):
    server = serve(MODELS, reply(b"", 500), MODELS)
    client = connect(server)
    client.zaguan.list_models()

    def work():
        with pytest.raises(Exception, match="500"):
            client.zaguan.list_models()

    assert in_child(work)
    client.zaguan.list_models()
    assert [request.connection.number for request in server.requests] == [1, 2, 1]


def secretive(connect, server):
    client = connect(server, headers={"X-Api-Key": "header-secret", "X-Team": "blue"}, max_retries=0)
    client.zaguan.list_models()  # what a call leaves behind must not travel either
    return client


def test_a_pickle_holds_no_secret(serve, connect):
    client = secretive(connect, serve(MODELS))
    for thing in (client, client.zaguan, client.zaguan.with_options(timeout=5)):
        data = pickle.dumps(thing)
        assert KEY.encode() not in data
        assert b"header-secret" not in data
        assert b"blue" in data


def test_a_client_works_on_in_the_same_process(serve, connect, monkeypatch):
    server = serve(MODELS)
    client = secretive(connect, server)
    monkeypatch.setenv("ZAGUAN_API_KEY", "key-of-worker")
    with pickle.loads(pickle.dumps(client)) as twin:
        twin.zaguan.list_models()
    client.zaguan.list_models()
    keys = [request.headers["authorization"] for request in server.requests]
    assert keys == [f"Bearer {KEY}", "Bearer key-of-worker", f"Bearer {KEY}"]
    assert [request.headers["x-team"] for request in server.requests] == ["blue"] * 3
    assert [request.connection.number for request in server.requests] == [1, 2, 1]


@pytest.mark.parametrize("key", ["key-of-worker", None])
def test_a_worker_takes_the_key_from_its_environment(serve, connect, key):
    server = serve(MODELS, reply(b"busy", 503))
    client = secretive(connect, server)
    code = (
        "import pickle, sys\n"
        "client, service = pickle.load(sys.stdin.buffer)\n"
        "for api in (client.zaguan, service):\n"
        "    try: api.list_models()\n"
        "    except Exception as error: print(error.status_code or error)\n"
    )
    environment = {**os.environ, **({"ZAGUAN_API_KEY": key} if key else {})}
    done = subprocess.run(
        [sys.executable, "-c", code],
        input=pickle.dumps([client, client.zaguan]),
        env=environment,
        stdout=subprocess.PIPE,
        timeout=TIMEOUT,
        check=True,
    )
    if key is None:
        assert done.stdout.count(b"set ZAGUAN_API_KEY in the process") == 2
        assert len(server.requests) == 1
        return
    assert done.stdout.split() == [b"503"] * 2
    assert len(server.requests) == 3  # max_retries=0 travels
    for request in server.requests[1:]:
        assert request.headers["authorization"] == f"Bearer {key}"
        assert request.headers["x-team"] == "blue"
