"""The ways to a server: TLS, proxies of all kinds, slow lines, connections that break before a request."""

import gc
import socket
import ssl
import struct
import threading
import time
from contextlib import contextmanager
from itertools import product

import pytest
import requests

from chatsdk import APIConnectionError, APITimeoutError, StreamInterruptedError
from chatsdk._core.connection import _DeadlineRawIO
from tests.support.cases import for_each

from .answers import ASK, CHAT, DONE, MODELS, STOP, framed, text_event
from .secure import CERTIFICATE, Relay, connect_proxy, server_context, socks5, tls
from .server import SILENCE, TIMEOUT
from .test_stream_close import wait_in_read


@contextmanager
def line(kind, server, monkeypatch):
    """Open a way of this kind to *server*; yield the address to call."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(CERTIFICATE))
    with tls(server.port) as secure:
        if kind == "plain":
            yield server.url
        elif kind == "tls":
            yield f"https://127.0.0.1:{secure.port}"
        elif kind.startswith("socks5"):
            pytest.importorskip("socks", reason="requests needs PySocks for SOCKS proxies")
            with socks5() as proxy:
                monkeypatch.setenv("ALL_PROXY", f"{kind.split('+')[0]}://127.0.0.1:{proxy.port}")
                yield f"https://127.0.0.1:{secure.port}" if kind.endswith("+tls") else server.url
        else:
            outer = kind == "https proxy"
            with connect_proxy(outer) as proxy:
                monkeypatch.setenv("HTTPS_PROXY", f"http{'s' * outer}://127.0.0.1:{proxy.port}")
                yield f"https://127.0.0.1:{secure.port}"


LINES = ["plain", "tls", "http proxy", "https proxy", "socks5", "socks5h", "socks5+tls"]


@pytest.mark.parametrize("kind", LINES)
def test_calls_and_streams(serve, connect, monkeypatch, kind):
    stream = b"".join(framed("chunked", [text_event("a"), STOP, DONE]))
    server = serve(CHAT, stream, MODELS)
    with line(kind, server, monkeypatch) as url, connect(url) as client:
        assert client.zaguan.chat(**ASK).text == "Hello"
        assert client.zaguan.chat_stream(**ASK).final().text == "a"
        response = client.zaguan.request("GET", "/v1/models", stream=True)
        sock = response.raw._connection.sock
        sock = getattr(sock, "socket", sock)  # below pyOpenSSL or TLS in TLS
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        for name in ("TCP_KEEPIDLE", "TCP_KEEPALIVE"):
            if hasattr(socket, name):
                assert 0 < sock.getsockopt(socket.IPPROTO_TCP, getattr(socket, name)) <= 120
        response.close()
        assert len(server.connections) == 1


@pytest.mark.parametrize("kind", LINES)
def test_a_close_wakes_a_reader(serve, connect, monkeypatch, kind):
    server = serve(framed("close", [text_event("a"), SILENCE]))
    with line(kind, server, monkeypatch) as url, connect(url) as client:
        stream = client.zaguan.chat_stream(**ASK)
        assert next(stream).text == "a"
        caught = []

        def read():
            with pytest.raises(StreamInterruptedError, match="the stream was closed") as error:
                list(stream)
            caught.append(error.value)

        reader = threading.Thread(target=read, daemon=True)
        reader.start()
        wait_in_read(reader)
        stream.close()
        reader.join(TIMEOUT / 2)
        assert caught[0].partial.text == "a"
        assert server.connections[0].closed.wait(TIMEOUT)


@pytest.mark.parametrize("kind", LINES)
def test_a_silent_answer_times_out(serve, connect, monkeypatch, kind):
    server = serve(SILENCE)
    with line(kind, server, monkeypatch) as url, pytest.raises(APITimeoutError):
        connect(url, timeout=(5, 0.1)).zaguan.chat(**ASK)
    assert len(server.requests) == 1


def test_a_close_by_the_thread_that_reads(serve, connect, monkeypatch):
    """Greenlets share a thread: one closes while another is inside a read, which no buffered file allows."""
    server = serve(framed("chunked", [text_event("a"), SILENCE]))
    stream = connect(server).zaguan.chat_stream(**ASK)
    next(stream)
    read, raised = _DeadlineRawIO.readinto, []

    def close_and_read(file, buffer):
        monkeypatch.setattr(_DeadlineRawIO, "readinto", read)
        try:
            stream.close()
        except RuntimeError as error:
            raised.append(error)
        return read(file, buffer)

    monkeypatch.setattr(_DeadlineRawIO, "readinto", close_and_read)
    with pytest.raises(StreamInterruptedError, match="the stream was closed"):
        next(stream)
    assert raised == []
    assert server.connections[0].closed.wait(TIMEOUT)


def test_pyopenssl(serve, connect, monkeypatch):
    """Its sockets have neither gettimeout nor a shutdown that wakes a reader."""
    pyopenssl = pytest.importorskip("urllib3.contrib.pyopenssl", reason="needs pyOpenSSL")
    pyopenssl.inject_into_urllib3()
    try:
        test_calls_and_streams(serve, connect, monkeypatch, "tls")
        test_a_close_wakes_a_reader(serve, connect, monkeypatch, "tls")
        test_a_silent_answer_times_out(serve, connect, monkeypatch, "tls")
    finally:
        pyopenssl.extract_from_urllib3()


def slow(port, pause):
    """Return a Relay that takes 512 KB and then pauses, again and again."""

    def begin(raw):
        peer = socket.create_connection(("127.0.0.1", port), TIMEOUT)
        received = 0
        while True:
            data = raw.recv(65536)
            if not data:
                return peer, None
            peer.sendall(data)
            received += len(data)
            if received >= 512 * 1024:
                received = 0
                time.sleep(pause)

    relay = Relay(begin)
    relay._listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
    return relay


BODIES = {
    "bytes": lambda: bytes(10_000_000),
    "generator": lambda: (bytes(500_000) for _ in range(20)),
}


def longer_than_connecting_and_than_one_wait(body, serve, connect):
    """sendall() applies the socket's timeout to all of the body."""
    server = serve([b""])
    with slow(server.port, 0.05) as relay:
        zaguan = connect(f"http://127.0.0.1:{relay.port}", timeout=(0.2, 0.4)).zaguan
        started = time.monotonic()
        with pytest.raises(APITimeoutError):  # the relay passes no answer back
            zaguan.request("POST", "/x", data=body)
        assert time.monotonic() - started > 0.6
        server.until(lambda: server.requests)  # the relay may hold the last of it
        assert len(server.requests[0].body) == 10_000_000


def not_longer_than_the_total_timeout(body, serve, connect):
    with slow(serve([b""]).port, 0.2) as relay:
        zaguan = connect(f"http://127.0.0.1:{relay.port}", total_timeout=0.3).zaguan
        started = time.monotonic()
        with pytest.raises(APITimeoutError):
            zaguan.request("POST", "/x", data=body)
        assert 0.2 < time.monotonic() - started < 3


TIMES = [longer_than_connecting_and_than_one_wait, not_longer_than_the_total_timeout]


@for_each(product(TIMES, BODIES), at_once=True)
def test_how_long_sending_may_take(check, body, serve, connect):
    check(BODIES[body](), serve, connect)


def reset(sock):
    sock.recv(1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def half_a_record(sock):
    sock.recv(1)
    sock.sendall(b"\x16\x03\x03")


BREAKS = {"end": lambda sock: sock.recv(1), "reset": reset, "half a record": half_a_record}


@pytest.mark.parametrize("proxied", [False, True])
@pytest.mark.parametrize("break_off", BREAKS.values(), ids=BREAKS.keys())
def test_a_handshake_that_breaks_is_tried_again(serve, connect, waits, monkeypatch, break_off, proxied):
    """Nothing of the request was sent: a POST is as good as a GET."""
    server = serve(CHAT)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(CERTIFICATE))
    context = server_context()
    tries = []

    def begin(raw):
        tries.append(raw)
        if len(tries) < 3:
            break_off(raw)
            return raw, None
        return context.wrap_socket(raw, server_side=True), server.port

    with Relay(begin) as relay, connect_proxy() as proxy:
        if proxied:
            monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{proxy.port}")
        assert connect(f"https://127.0.0.1:{relay.port}").zaguan.chat(**ASK).text == "Hello"
    assert len(tries) == 3
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("refuse", "tries"), [(b"HTTP/1.1 502 Bad\r\n\r\n", 3), (b"", 3), (b"HTTP/1.1 407 No\r\n\r\n", 1)]
)
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_tunnel_that_the_proxy_refuses(serve, connect, waits, monkeypatch, refuse, tries):
    with connect_proxy(refuse=refuse) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{proxy.port}")
        with pytest.raises(APIConnectionError):
            connect("https://127.0.0.1:9").zaguan.chat(**ASK)
        assert proxy.accepted == tries
    gc.collect()  # http.client of Python 3.8 does not close the response of a refused tunnel


def test_a_handshake_that_never_ends(serve, connect, waits):
    with Relay(lambda raw: (raw, serve(SILENCE).port)) as relay:
        with pytest.raises(APITimeoutError):
            connect(f"https://127.0.0.1:{relay.port}", timeout=(0.1, 30), max_retries=1).zaguan.chat(**ASK)
        assert relay.accepted == 2


def test_a_certificate_that_is_not_trusted_is_not_tried_again(serve, connect, waits):
    with tls(serve(CHAT).port) as relay:
        with pytest.raises(APIConnectionError) as caught:
            connect(f"https://127.0.0.1:{relay.port}").zaguan.chat(**ASK)
        assert relay.accepted == 1
    causes = []
    error = caught.value
    while error is not None:
        causes.append(error)
        error = error.__cause__ or error.__context__
    assert any(isinstance(cause, (ssl.SSLError, requests.exceptions.SSLError)) for cause in causes)
