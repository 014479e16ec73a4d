"""TLS and SOCKS in front of the loopback server, and contexts for both ends."""

import select
import socket
import ssl
import struct
import threading
from contextlib import suppress
from pathlib import Path

from .server import TIMEOUT

CERTIFICATE = Path(__file__).parent.parent / "unit" / "loopback.pem"


def server_context():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE)
    return context


class Relay:
    """Passes bytes on between connections that it accepts and a server.

    Args:
        begin: makes the accepted socket ready, such as by a handshake, and returns it with the port to pass
            bytes on to; None as port ends the connection.
    """

    def __init__(self, begin):
        self.accepted = 0
        self._begin = begin
        self._sockets = []
        self._listener = socket.socket()
        self._listener.bind(("127.0.0.1", 0))
        self._listener.listen(16)
        self.port = self._listener.getsockname()[1]
        self._threads = []
        self._run(self._accept)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for sock in [self._listener, *self._sockets]:
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(TIMEOUT)
            assert not thread.is_alive(), "a thread of the relay hangs"
        for sock in [self._listener, *self._sockets]:
            sock.close()

    def _run(self, target, *args):
        thread = threading.Thread(target=target, args=args, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self):
        with suppress(OSError):
            while True:
                sock, _ = self._listener.accept()
                self.accepted += 1
                self._sockets.append(sock)
                self._run(self._relay, sock)

    def _relay(self, raw):
        with suppress(OSError):
            raw.settimeout(TIMEOUT)
            raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock, port = self._begin(raw)
            if port is None:
                sock.close()
                return
            peer = socket.create_connection(("127.0.0.1", port), TIMEOUT)
            peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._sockets += [peer, sock]
            _pass_on({sock: peer, peer: sock})


def _pass_on(targets):
    """Pass on what each socket receives to its target, in one thread: two must not share a TLS socket."""
    with suppress(OSError):
        while True:
            ready = [sock for sock in targets if isinstance(sock, ssl.SSLSocket) and sock.pending()]
            for sock in ready or select.select(list(targets), [], [], TIMEOUT)[0]:
                data = sock.recv(65536)
                if not data:
                    raise ConnectionResetError
                targets[sock].sendall(data)
    for sock in targets:
        with suppress(OSError):
            sock.shutdown(socket.SHUT_RDWR)


def tls(port):
    """Return a Relay that speaks TLS in front of a plain server."""
    context = server_context()
    return Relay(lambda raw: (context.wrap_socket(raw, server_side=True), port))


def _exactly(sock, count):
    data = b""
    while len(data) < count:
        piece = sock.recv(count - len(data))
        if not piece:
            raise ConnectionResetError
        data += piece
    return data


def socks5():
    """Return a Relay that is a SOCKS5 proxy without passwords."""

    def begin(raw):
        _, methods = _exactly(raw, 2)
        _exactly(raw, methods)
        raw.sendall(b"\x05\x00")
        kind = _exactly(raw, 4)[3]
        size = {1: 4, 4: 16}[kind] if kind != 3 else _exactly(raw, 1)[0]
        _exactly(raw, size)
        port = struct.unpack("!H", _exactly(raw, 2))[0]
        raw.sendall(b"\x05\x00\x00\x01\x7f\x00\x00\x01" + struct.pack("!H", port))
        return raw, port

    return Relay(begin)


def connect_proxy(secure=False, refuse=None):
    """Return a Relay that is a proxy for CONNECT, spoken to over TLS if *secure*; it may answer *refuse*."""
    context = server_context()

    def begin(raw):
        sock = context.wrap_socket(raw, server_side=True) if secure else raw
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += _exactly(sock, 1)
        if refuse is not None:
            sock.sendall(refuse)
            return sock, None
        sock.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        return sock, int(head.split(b" ")[1].rpartition(b":")[2])

    return Relay(begin)
