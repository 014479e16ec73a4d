"""What errors say of a connection that failed: the cause, in words that help."""

import gzip
import pickle
import socket
import ssl
import sys
import threading
from contextlib import suppress
from pathlib import Path

import pytest
import requests

from chatsdk import APIConnectionError, APIStatusError

from .answers import ASK, head, reply
from .server import CLOSE, TIMEOUT

CERTIFICATE = str(Path(__file__).parents[1] / "unit" / "loopback.pem")  # for 127.0.0.1, signed by itself

ANSWERS = {
    "more than 100 headers": head(200, *["X: 1"] * 150),
    "header line of more than 65536 bytes": head(200, "X: " + "a" * 70000),
    "does not speak HTTP": [b"what?\r\n\r\n", CLOSE],
    "use https://": [b"\x15\x03\x01\x00\x02\x02F", CLOSE],
    "Content-Encoding is wrong": reply(
        gzip.compress(b"x" * 99)[:10] + b"\xff" * 30, 200, "Content-Encoding: gzip"
    ),
    "closed it without an answer": CLOSE,
}


def failure(service):
    with pytest.raises(APIConnectionError) as caught:
        service.chat(**ASK)
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("words", ANSWERS)
def test_odd_answers(serve, connect, words):
    server = serve(ANSWERS[words])
    message = failure(connect(server, max_retries=0).zaguan)
    assert words in message
    assert f"the connection to zaguan at {server.url} failed: " in message


def test_nobody_listens(serve, connect):
    message = failure(connect(serve(listen=False), max_retries=0).zaguan)
    assert message.endswith("failed: Connection refused")


def test_an_unknown_host(connect, monkeypatch):
    def unknown(*args, **kwargs):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    message = failure(connect("https://nobody.example", max_retries=0).zaguan)
    assert message.endswith("failed: the host name is unknown")


class TestProxies:
    @pytest.mark.parametrize(
        ("status", "words"),
        [(407, r"proxy requires a password \(407\)"), (403, "refused it with status 403")],
    )
    def test_a_tunnel_that_is_refused(self, serve, connect, monkeypatch, status, words):
        proxy = serve(head(status, "Content-Length: 0"))
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        with pytest.raises(APIConnectionError, match=words):
            connect("https://api.example", max_retries=0).zaguan.list_models()

    def test_a_password_is_wanted_without_a_tunnel(self, serve, connect, monkeypatch):
        monkeypatch.setenv("HTTP_PROXY", serve(head(407, "Content-Length: 0")).url)
        with pytest.raises(APIStatusError, match="proxy requires a password") as caught:
            connect("http://api.example", api_key=None, max_retries=0).zaguan.list_models()
        assert caught.value.status_code == 407

    def test_one_that_does_not_listen(self, serve, connect, monkeypatch):
        monkeypatch.setenv("HTTPS_PROXY", serve(listen=False).url)
        assert "the proxy cannot be used: Connection refused" in failure(
            connect("https://api.example", max_retries=0).zaguan
        )

    @pytest.mark.parametrize(
        ("address", "words"),
        [("socks://127.0.0.1:1", "with socks5h://"), ("http://:::", "address of the proxy is invalid")],
    )
    def test_an_address_that_cannot_be_used(self, connect, monkeypatch, address, words):
        pytest.importorskip("socks")
        monkeypatch.setenv("HTTPS_PROXY", address)
        assert words in failure(connect("https://api.example", max_retries=0).zaguan)

    def test_socks_without_pysocks(self, connect, monkeypatch):
        monkeypatch.setenv("HTTPS_PROXY", "socks5://127.0.0.1:1")
        monkeypatch.delitem(sys.modules, "urllib3.contrib.socks", raising=False)
        monkeypatch.setitem(sys.modules, "socks", None)
        monkeypatch.setattr(requests.adapters, "SOCKSProxyManager", without_socks)
        assert "a SOCKS proxy needs PySocks" in failure(connect("https://api.example", max_retries=0).zaguan)


def without_socks(*args, **kwargs):
    """What requests has in its place where PySocks is not installed."""
    raise requests.exceptions.InvalidSchema("Missing dependencies for SOCKS support.")


class TestTLS:
    @pytest.fixture
    def listen(self):
        """Answer each connection on a loopback port with *answer*, over TLS if a context is given."""
        listeners, threads = [], []

        def start(answer=b"", context=None):
            listener = socket.create_server(("127.0.0.1", 0))
            listener.settimeout(TIMEOUT)
            listeners.append(listener)

            def wrap(connection):
                return connection if context is None else context.wrap_socket(connection, server_side=True)

            def run():
                with suppress(OSError):  # the listener is closed, or the handshake failed as it should
                    while True:
                        connection, _ = listener.accept()
                        connection.settimeout(TIMEOUT)
                        with connection, suppress(OSError), wrap(connection) as peer:
                            peer.recv(65536)
                            peer.sendall(answer)

            threads.append(threading.Thread(target=run, daemon=True))
            threads[-1].start()
            return f"https://127.0.0.1:{listener.getsockname()[1]}"

        yield start
        for listener in listeners:
            listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        for thread in threads:
            thread.join(TIMEOUT)
            assert not thread.is_alive()

    @pytest.fixture
    def context(self):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(CERTIFICATE)
        return context

    def test_a_server_that_speaks_plain_http(self, listen, connect):
        url = listen(head(400, "Content-Length: 0"))
        assert "is its address http:// instead of https://?" in failure(connect(url, max_retries=0).zaguan)

    def test_a_certificate_that_nobody_trusts(self, listen, connect, context):
        message = failure(connect(listen(context=context), max_retries=0).zaguan)
        assert "the certificate is not trusted (self" in message
        assert "REQUESTS_CA_BUNDLE" in message

    def test_a_certificate_of_another_host(self, listen, connect, context, monkeypatch):
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", CERTIFICATE)
        url = listen(context=context).replace("127.0.0.1", "localhost")
        assert "the certificate is for another host name" in failure(connect(url, max_retries=0).zaguan)

    def test_no_file_of_certificates(self, connect, monkeypatch, tmp_path):
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "gone.pem"))
        message = failure(connect("https://api.example", max_retries=0).zaguan)
        assert f"no file with CA certificates at {tmp_path / 'gone.pem'}" in message

    def test_a_file_of_no_certificates(self, listen, connect, context, monkeypatch, tmp_path):
        (tmp_path / "empty.pem").write_text("nothing")
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "empty.pem"))
        message = failure(connect(listen(context=context), max_retries=0).zaguan)
        assert "the file with CA certificates contains none" in message
