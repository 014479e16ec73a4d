"""Interim responses and bytes that nobody asked for: no call gets the answer of another."""

from contextlib import suppress

import pytest
import requests

from chatsdk import APIConnectionError, APIStatusError, NotFoundError

from .answers import ASK, CHAT, DONE, MODELS, STOP, framed, head, json_reply, text_event
from .secure import CERTIFICATE, tls
from .server import SILENCE

INTERIM = {
    "103": head(103, "Link: </style.css>; rel=preload"),
    "102": head(102),
    "100": head(100),
    "199": head(199),
    "many": head(103) + head(100) + head(102, "X-A: 1") * 5,
}


def chat(text):
    return json_reply({"choices": [{"message": {"content": text}}]})


def chunked(text):
    return b"".join(framed("chunked", [chat(text).partition(b"\r\n\r\n")[2]], kind="application/json"))


def stream(text):
    return b"".join(framed("chunked", [text_event(text), STOP, DONE]))


CALLS = {
    "plain": lambda client: client.zaguan.chat(**ASK).text,
    "stream": lambda client: client.zaguan.chat_stream(**ASK).final().text,
    "chatserver": lambda client: client.chatserver.create_completion("m", "Hi").text,
    "request": lambda client: client.zaguan.request("PUT", "/x").json()["choices"][0]["message"]["content"],
}


@pytest.mark.parametrize("interim", INTERIM.values(), ids=INTERIM.keys())
@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS.keys())
def test_interim_responses_are_skipped(serve, connect, interim, call):
    kinds = [stream] if call is CALLS["stream"] else [chat, chunked]
    server = serve(*[[interim, kind(text)] for text in "abc" for kind in kinds])
    client = connect(server)
    assert [call(client) for text in "abc" for _ in kinds] == [text for text in "abc" for _ in kinds]
    assert len(server.connections) == 1


def test_endless_interim_responses_end(serve, connect):
    server = serve([head(103) * 200, SILENCE])
    with pytest.raises(APIConnectionError):
        connect(server).zaguan.chat(**ASK)


@pytest.mark.parametrize(("status", "own"), [(101, False), (101, True), (102, True), (103, True)])
def test_a_status_below_200_is_no_answer(serve, connect, status, own):
    """An adapter of the user's own takes 103 for the answer; what follows must not answer the next call."""
    server = serve([head(status) + chat("late")], chat("right"))
    session = requests.Session() if own else None
    client = connect(server, session=session)
    with pytest.raises(APIStatusError) as caught:
        client.zaguan.chat(**ASK)
    assert caught.value.status_code == status
    assert client.zaguan.chat(**ASK).text == "right"
    assert len(server.connections) == 2


SURPLUS = {
    "second answer": chat("wrong"),
    "chunked": chunked("wrong"),
    "bytes": b"x",
    "blank line": b"\r\n",
}
ANSWERS = {
    "length": chat("a"),
    "chunked": chunked("a"),
    "204": head(204),
    "empty": head(404, "Content-Length: 0"),
    "long": head(200, "Content-Length: 20000")
    + b" " * 20000,  # read past the buffer: a TLS layer keeps the rest
}


@pytest.mark.parametrize("secure", [False, True])
@pytest.mark.parametrize("surplus", SURPLUS.values(), ids=SURPLUS.keys())
@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS.keys())
def test_a_connection_with_bytes_left_is_not_used_again(serve, connect, monkeypatch, answer, surplus, secure):
    """Also where the bytes came with the answer, and wait in a buffer that the pool does not see."""
    server = serve([answer + surplus], chat("b"))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(CERTIFICATE))
    with tls(server.port) as relay:
        zaguan = connect(f"https://127.0.0.1:{relay.port}" if secure else server).zaguan
        with suppress(NotFoundError):
            zaguan.request("POST", "/x", json={})
        assert zaguan.chat(**ASK).text == "b"
        assert len(server.connections) == 2


def test_bytes_left_behind_a_stream(serve, connect):
    server = serve([stream("a") + chat("wrong")], chat("b"))
    zaguan = connect(server).zaguan
    assert zaguan.chat_stream(**ASK).final().text == "a"
    assert zaguan.chat(**ASK).text == "b"


def test_a_secure_connection_is_used_again(serve, connect, monkeypatch):
    server = serve(MODELS, CHAT)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(CERTIFICATE))
    with tls(server.port) as relay:
        zaguan = connect(f"https://127.0.0.1:{relay.port}").zaguan
        zaguan.list_models()
        assert zaguan.chat(**ASK).text == "Hello"
        assert len(server.connections) == 1
