import http.client
import socket
from urllib.parse import urlsplit

import pytest

from chatsdk.testing import LocalServer

from .wire import TIMEOUT, exchange, parse, read_all


@pytest.fixture
def sock(server):
    address = urlsplit(server.url("zaguan"))
    with socket.create_connection((address.hostname, address.port), TIMEOUT) as sock:
        yield sock


@pytest.fixture
def connection(server):
    connection = http.client.HTTPConnection(urlsplit(server.url("zaguan")).netloc, timeout=TIMEOUT)
    yield connection
    connection.close()


def test_connections_are_kept_alive(connection):
    connection.connect()
    port = connection.sock.getsockname()[1]
    for _ in range(3):
        connection.request("GET", "/zaguan/health")
        answer = connection.getresponse()
        assert answer.status == 200
        assert answer.getheader("connection") is None
        answer.read()
        assert connection.sock.getsockname()[1] == port


def test_a_stream_leaves_the_connection_open(connection):
    body = '{"model": "openai/gpt-4o", "messages": [{"role": "user", "content": "hi"}], "stream": true}'
    headers = {"Authorization": "Bearer local-key"}
    connection.request("POST", "/zaguan/v1/chat/completions", body, headers)
    assert connection.getresponse().read().endswith(b"data: [DONE]\n\n")
    port = connection.sock.getsockname()[1]
    connection.request("GET", "/zaguan/health")
    assert connection.getresponse().read()
    assert connection.sock.getsockname()[1] == port


def test_close_is_answered_with_close(server):
    answer = exchange(server.url("zaguan"), "GET", "/health")
    assert answer.headers["connection"] == "close"
    assert answer.headers["content-type"] == "application/json"
    assert answer.complete


def test_head_has_no_body(connection):
    connection.request("HEAD", "/zaguan/health")
    answer = connection.getresponse()
    assert (answer.status, answer.getheader("allow")) == (405, "GET")
    assert answer.getheader("content-length") == "31"
    assert answer.read() == b""
    connection.request("GET", "/zaguan/health")
    assert connection.getresponse().read().startswith(b"{")


def test_chunked_requests(server, zaguan):
    parts = (b'{"model": "openai/gpt-4o", ', b'"messages": [{"role": "user", "content": "in parts"}]}')
    answer = zaguan.post("/v1/chat/completions", data=iter(parts))
    assert answer.json()["choices"][0]["message"]["content"] == "Hello! You said: in parts"
    assert server.requests[0].json["model"] == "openai/gpt-4o"


def test_chunked_requests_with_trailers(sock):
    sock.sendall(b"POST /zaguan/v1/nope HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n")
    sock.sendall(b"2;x=y\r\n{}\r\n0\r\nA: b\r\n\r\n")
    sock.sendall(b"GET /zaguan/health HTTP/1.1\r\nConnection: close\r\n\r\n")
    answers = read_all(sock)
    assert answers.count(b"HTTP/1.1 404") == answers.count(b"HTTP/1.1 200") == 1


@pytest.mark.parametrize(
    "fields",
    [
        b"Content-Length: ten\r\n\r\n",
        b"Content-Length: -1\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n-2\r\n",
    ],
)
def test_broken_requests(sock, fields):
    sock.sendall(b"POST /zaguan/v1/chat/completions HTTP/1.1\r\n" + fields)
    answer = parse(read_all(sock))
    assert answer.status == 400
    assert answer.headers["connection"] == "close"


def test_a_broken_request_line(sock):
    sock.sendall(b"what is this\r\n\r\n")
    assert b"400" in read_all(sock)


@pytest.mark.parametrize(
    "start",
    [
        b"",
        b"GET /zagu",
        b"POST /zaguan/v1/chat/completions HTTP/1.1\r\nContent-Length: 100\r\n\r\n{",
        b"POST /zaguan/v1/chat/completions HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{",
    ],
)
def test_clients_that_leave_are_no_error(server, sock, capsys, start):
    sock.sendall(start)
    sock.close()
    server.close()
    assert server.errors == []
    assert capsys.readouterr() == ("", "")


def test_clients_that_reset_a_stream_are_no_error(capsys):
    with LocalServer(reply=lambda messages: "word " * 200000) as server:
        address = urlsplit(server.url("zaguan"))
        body = b'{"model": "openai/gpt-4o", "messages": [{"role": "user", "content": "hi"}], "stream": true}'
        with socket.create_connection((address.hostname, address.port), TIMEOUT) as sock:
            sock.sendall(b"POST /zaguan/v1/chat/completions HTTP/1.1\r\n")
            head = b"Authorization: Bearer local-key\r\nContent-Length: %d\r\n\r\n"
            sock.sendall(head % len(body) + body)
            assert sock.recv(1000).startswith(b"HTTP/1.1 200")
    assert server.errors == []
    assert capsys.readouterr() == ("", "")


def test_status_without_a_phrase(server):
    server.fail("zaguan", 529)
    answer = exchange(server.url("zaguan"), "GET", "/v1/models")
    assert answer.status == 529
