"""Connections on a pair of sockets: what goes out together, and what is read together."""

import socket
from http.client import IncompleteRead

import pytest

from chatsdk import APITimeoutError, Client, Service
from chatsdk._core.connection import MAX_JOINED_BODY, DeadlineHTTPResponse

HEAD = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
CHUNKS = b"3\r\nabc\r\nA\r\n0123456789\r\n2;name=value\r\nde\r\n1\r\nf\r\n"


@pytest.fixture
def ends():
    ours, theirs = socket.socketpair()
    ours.settimeout(5)
    with ours, theirs:
        yield ours, theirs


def response_of(sock):
    response = DeadlineHTTPResponse(sock, method="GET")
    response.begin()
    return response


def test_chunks_that_have_arrived_are_read_together(ends):
    ours, theirs = ends
    theirs.sendall(HEAD + CHUNKS)
    response = response_of(ours)
    assert response.read1(100) == b"abc0123456789"  # http.client reads chunks with an extension
    assert response.read1(100) == b"def"
    theirs.sendall(b"5\r\n12")
    assert response.read1(100) == b"12"
    theirs.sendall(b"345\r\n0\r\n\r\n")
    assert [response.read1(100), response.read1(100)] == [b"345", b""]
    assert response.isclosed()


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_no_more_than_asked_for(ends, size):
    ours, theirs = ends
    theirs.sendall(HEAD + CHUNKS + b"0\r\n\r\n")
    response = response_of(ours)
    pieces = list(iter(lambda: response.read1(size), b""))
    assert b"".join(pieces) == b"abc0123456789def"
    assert max(map(len, pieces)) <= size


def test_a_chunk_is_not_read_before_it_is_whole(ends):
    ours, theirs = ends
    theirs.sendall(HEAD + b"3\r\nabc\r\n3\r\nde")
    response = response_of(ours)
    assert response.read1(100) == b"abc"
    assert response.read1(100) == b"de"
    theirs.sendall(b"f\r\nxyz\r\n")  # no size
    assert response.read1(100) == b"f"
    with pytest.raises(IncompleteRead):
        response.read1(100)


@pytest.mark.parametrize(
    ("size", "sends"), [(0, 1), (100, 1), (MAX_JOINED_BODY, 1), (MAX_JOINED_BODY + 1, 3)]
)
def test_a_short_body_is_sent_with_the_head(monkeypatch, size, sends):
    sent = []
    sendall = socket.socket.sendall

    def recorded(sock, data, *args):
        if sock.getpeername() == listener.getsockname():
            sent.append(bytes(data))
        return sendall(sock, data, *args)

    monkeypatch.setattr(socket.socket, "sendall", recorded)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        with Client(zaguan=Service(url, timeout=0.05, max_retries=0)) as client, pytest.raises(
            APITimeoutError
        ):
            client.zaguan.request("POST", "/x", data=bytes(size))
    assert len(sent) == sends
    assert b"".join(sent).partition(b"\r\n\r\n")[2] == bytes(size)
