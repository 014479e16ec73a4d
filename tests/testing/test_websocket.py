"""The server side of WebSockets, over a pair of sockets."""

import contextlib
import socket
import threading
import time

import pytest

from chatsdk.testing import websocket
from chatsdk.testing.exchange import WebSocketStream

from .websocket_peer import CLOSE, PING, PONG, TEXT, Peer, frame
from .wire import TIMEOUT


@pytest.fixture
def connect():
    """Start a stream of texts; returns the client."""
    peers, threads = [], []

    def start(*texts, due=0.0, cut_after=None):
        ours, theirs = socket.socketpair()
        ours.settimeout(TIMEOUT)
        stream = WebSocketStream(iter([(due, text) for text in texts]), {"ping": "pong"}, cut_after=cut_after)

        def run():
            with theirs, contextlib.suppress(OSError):
                websocket.run_stream(theirs, stream)

        threads.append(threading.Thread(target=run, daemon=True))
        threads[-1].start()
        peers.append(Peer(ours))
        return peers[-1]

    yield start
    for peer in peers:
        peer.close()
    for thread in threads:
        thread.join(TIMEOUT)
        assert not thread.is_alive()


def test_key_of_the_standard():
    assert websocket.accept_key("dGhlIHNhbXBsZSBub25jZQ==") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="


def test_is_upgrade():
    assert websocket.is_upgrade({"connection": "keep-alive, UPGRADE", "upgrade": "WebSocket"})
    assert not websocket.is_upgrade({"connection": "upgrade"})
    assert not websocket.is_upgrade({"upgrade": "websocket"})


def test_texts_of_any_length():
    for size in (0, 125, 126, 65535, 65536, 100_000):
        ours, theirs = socket.socketpair()
        with ours, theirs:
            ours.settimeout(TIMEOUT)
            sender = threading.Thread(
                target=websocket._Frames(theirs).send, args=(TEXT, b"x" * size), daemon=True
            )
            sender.start()
            peer = Peer(ours)
            assert peer.receive() == (TEXT, b"x" * size)
            sender.join(TIMEOUT)
            peer.close()


def test_texts_come_when_they_are_due_and_clients_are_answered_meanwhile(connect):
    due = time.monotonic() + 0.1
    peer = connect("late", due=due)
    peer.send(PING, b"first")
    assert peer.receive() == (PONG, b"first")
    assert peer.receive() == (TEXT, b"late")
    assert time.monotonic() >= due


def test_what_clients_send(connect):
    peer = connect("é")
    assert peer.receive() == (TEXT, "é".encode())
    for text in (b"hello", b"x" * 200, b"x" * 65536, b"\xff\xfe", b""):
        peer.send(TEXT, text)
    peer.send(2, b"binary")
    peer.send(PONG, b"unasked")
    data = frame(PING, b"slowly") + frame(TEXT, b"ping")
    for position in range(len(data)):
        peer.sock.sendall(data[position : position + 1])
    assert [peer.receive(), peer.receive()] == [(PONG, b"slowly"), (TEXT, b"pong")]


def test_closing(connect):
    for sent, expected in [
        (frame(CLOSE), b""),
        (frame(CLOSE, b"\x03\xe8done"), b"\x03\xe8"),
    ]:
        peer = connect()
        peer.sock.sendall(sent)
        assert peer.rest() == [(CLOSE, expected)]


def test_cut(connect):
    for after in (0, 1, 2):
        assert [text for _, text in connect("a", "b", "c", cut_after=after).rest()] == [b"a", b"b", b"c"][
            :after
        ]
