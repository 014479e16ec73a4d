"""An HTTP/1.1 server on a loopback port; sends replies, event streams and WebSocket streams."""

from __future__ import annotations

import contextlib
import http.client
import socket
import socketserver
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler
from itertools import islice
from typing import Any, Callable, Dict, List, Mapping, Set

from .exchange import Answer, EventStream, Headers, Reply, WebSocketStream
from .websocket import accept_key, run_stream

HOST = "127.0.0.1"

# How long to wait for a disconnect after the last event: ChatServer saves an answer only if there is none.
_DISCONNECT_TIMEOUT = 0.02
_CLOSE_TIMEOUT = 5.0

_Respond = Callable[[str, str, Headers, bytes], Answer]


class HTTPServer(socketserver.ThreadingMixIn, socketserver.TCPServer):
    """Listens on a free loopback port from construction to `close()`.

    `respond` answers a request (method, target, headers, body) and never raises an exception;
    `record_error` receives exceptions that end a connection.
    """

    request_queue_size = 128

    def __init__(self, respond: _Respond, record_error: Callable[[BaseException], None]) -> None:
        super().__init__((HOST, 0), _Connection)
        self.port = int(self.server_address[1])
        self.respond = respond
        self._record_error = record_error
        self._closing = False
        self._lock = threading.Lock()
        self._connections: Set[socket.socket] = set()
        self._connection_threads: List[threading.Thread] = []
        self._accept_thread = threading.Thread(target=self._accept, name="chatsdk-local-server", daemon=True)
        self._accept_thread.start()

    def close(self) -> None:
        """Stop listening and end all connections and threads, within a few seconds."""
        with self._lock:
            if self._closing:
                return
            self._closing = True
        # The thread is blocked in accept(); a connection wakes it up.
        with contextlib.suppress(OSError):
            socket.create_connection((HOST, self.port), timeout=1).close()
        deadline = time.monotonic() + _CLOSE_TIMEOUT
        _join(self._accept_thread, deadline)
        self.server_close()
        with self._lock:
            connections = list(self._connections)
        for connection in connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in self._connection_threads:
            _join(thread, deadline)

    def _accept(self) -> None:
        while not self._closing:
            self.handle_request()

    def process_request(self, request: Any, client_address: object) -> None:
        """Serve a connection in its own thread; `close()` ends both."""
        thread = threading.Thread(
            target=self.process_request_thread, args=(request, client_address), daemon=True
        )
        with self._lock:
            self._connections.add(request)
        thread.start()
        self._connection_threads = [*filter(threading.Thread.is_alive, self._connection_threads), thread]

    def shutdown_request(self, request: Any) -> None:
        """Close a connection that has ended."""
        with self._lock:
            self._connections.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: object) -> None:
        """Record an exception that ended a connection, instead of printing it."""
        error = sys.exc_info()[1]
        if error is not None:
            self._record_error(error)


class _Connection(BaseHTTPRequestHandler):
    """One client connection."""

    protocol_version = "HTTP/1.1"
    # Otherwise small writes wait for the delayed acknowledgement of the client.
    disable_nagle_algorithm = True
    server: HTTPServer

    def handle(self) -> None:
        """Serve requests until one side closes the connection; a disconnect is not an error."""
        try:
            super().handle()
        except OSError:
            self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:
        """Do not log: stderr belongs to the program under test."""

    def _handle_request(self) -> None:
        try:
            body = self._read_body()
        except ValueError:
            self._send_reply(Reply(400, headers={"connection": "close"}))
            return
        answer = self.server.respond(self.command, self.path, Headers(self.headers.items()), body)
        if isinstance(answer, EventStream):
            self._send_events(answer)
        elif isinstance(answer, WebSocketStream):
            self._send_websocket(answer)
        else:
            self._send_reply(answer)

    do_DELETE = do_GET = do_HEAD = do_OPTIONS = do_PATCH = do_POST = do_PUT = _handle_request

    def _read_body(self) -> bytes:
        if "chunked" not in self.headers.get("Transfer-Encoding", "").lower():
            return self._read_exactly(int(self.headers.get("Content-Length", 0)))
        body = b""
        while True:
            size = int(self.rfile.readline(1000).split(b";")[0], 16)
            if size == 0:
                break
            body += self._read_exactly(size)
            self.rfile.readline(3)
        while self.rfile.readline(65536).strip():
            pass  # trailers
        return body

    def _read_exactly(self, size: int) -> bytes:
        if size < 0:
            raise ValueError("negative length")
        data = self.rfile.read(size)
        if len(data) < size:
            raise ConnectionError("the client disconnected in the middle of its request")
        return data

    def _send_reply(self, reply: Reply) -> None:
        has_body = reply.status not in (204, 304)
        headers: Dict[str, str] = {"content-length": str(len(reply.body))} if has_body else {}
        headers.update((name.lower(), value) for name, value in reply.headers.items())
        if headers.get("connection", "").lower() == "close":
            self.close_connection = True
        # One write for both: a second one would wait for the delayed acknowledgement.
        body = reply.body if has_body and self.command != "HEAD" else b""
        self.wfile.write(self._head(reply.status, headers) + body)

    def _send_events(self, stream: EventStream) -> None:
        headers = {"content-type": stream.content_type, **stream.headers}
        self.wfile.write(self._head(200, {**headers, "transfer-encoding": "chunked"}))
        for event in islice(stream.events, stream.cut_after):
            data = event.encode("utf-8")
            self.wfile.write(b"%x\r\n%b\r\n" % (len(data), data))
        if stream.cut_after is not None:
            self.close_connection = True
            return
        if stream.on_delivered is not None:
            if self._is_disconnected():
                self.close_connection = True
                return
            stream.on_delivered()
        self.wfile.write(b"0\r\n\r\n")

    def _send_websocket(self, stream: WebSocketStream) -> None:
        headers = {
            **stream.headers,
            "upgrade": "websocket",
            "connection": "Upgrade",
            "sec-websocket-accept": accept_key(self.headers.get("Sec-WebSocket-Key", "")),
        }
        self.wfile.write(self._head(101, headers))
        self.close_connection = True
        run_stream(self.connection, stream)

    def _is_disconnected(self) -> bool:
        self.connection.settimeout(_DISCONNECT_TIMEOUT)
        try:
            return len(self.connection.recv(1, socket.MSG_PEEK)) == 0
        except socket.timeout:
            return False
        finally:
            self.connection.settimeout(None)

    def _head(self, status: int, headers: Mapping[str, str]) -> bytes:
        lines = [f"HTTP/1.1 {status} {http.client.responses.get(status, '')}"]
        lines.append(f"date: {self.date_time_string()}")
        lines.extend(f"{name}: {value}" for name, value in headers.items())
        if self.close_connection and "connection" not in headers:
            lines.append("connection: close")
        return "\r\n".join([*lines, "", ""]).encode("latin-1")


def _join(thread: threading.Thread, deadline: float) -> None:
    if thread is not threading.current_thread():
        thread.join(max(0.0, deadline - time.monotonic()))
