"""HTTP/1.1 on one connection: read requests, send whole answers, streams and feeds."""

import http.client
import socket
import socketserver
from http.server import BaseHTTPRequestHandler
from itertools import islice
from typing import Callable, Dict, Mapping

from .exchange import Answer, EventStream, Feed, Headers, Reply
from .websocket import Conversation, accept_key

Respond = Callable[[str, str, Headers, bytes], Answer]

# How long a real service takes to save an answer. Who leaves meanwhile is noticed.
SAVING_SECONDS = 0.05


class RespondingServer(socketserver.TCPServer):
    """A server that knows the answer to a request (method, target, headers, body)."""

    respond: Respond


class Connection(BaseHTTPRequestHandler):
    """One client connection, in a thread of its own."""

    protocol_version = "HTTP/1.1"
    # Small answers must not wait for the client's delayed acknowledgement.
    disable_nagle_algorithm = True
    server: "RespondingServer"

    def handle(self) -> None:
        """Serve requests until one side closes; a client that goes away is no error."""
        try:
            super().handle()
        except OSError:
            self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:
        """Stay quiet: the output belongs to the program that is being tested."""

    def _exchange(self) -> None:
        try:
            body = self._read_body()
        except ValueError:
            self.close_connection = True
            self._send_reply(Reply.text("Invalid HTTP request received.", 400))
            return
        headers = Headers(self.headers.items())
        self._send(self.server.respond(self.command, self.path, headers, body))

    do_DELETE = do_GET = do_HEAD = do_OPTIONS = do_PATCH = do_POST = do_PUT = _exchange

    def _read_body(self) -> bytes:
        if "chunked" in self.headers.get("Transfer-Encoding", "").lower():
            return self._read_chunks()
        return self._read_exactly(int(self.headers.get("Content-Length", 0)))

    def _read_chunks(self) -> bytes:
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
            raise ConnectionError("the client left in the middle of its request")
        return data

    def _send(self, answer: Answer) -> None:
        if isinstance(answer, EventStream):
            self._send_stream(answer)
        elif isinstance(answer, Feed):
            self._send_feed(answer)
        else:
            self._send_reply(answer)

    def _send_reply(self, reply: Reply) -> None:
        headers: Dict[str, str] = {}
        if reply.status not in (204, 304):
            headers["content-length"] = str(len(reply.body))
        headers.update((name.lower(), value) for name, value in reply.headers.items())
        has_body = self.command != "HEAD" and reply.status not in (204, 304)
        # One write for head and body: two would meet the delayed acknowledgement.
        self.wfile.write(self._head(reply.status, headers) + (reply.body if has_body else b""))
        if reply.hangs_up:
            self.close_connection = True

    def _send_stream(self, stream: EventStream) -> None:
        headers = {"content-type": stream.content_type, **stream.headers}
        self.wfile.write(self._head(200, {**headers, "transfer-encoding": "chunked"}))
        for event in islice(stream.events, stream.cut_after):
            data = event.encode("utf-8")
            self.wfile.write(b"%x\r\n%b\r\n" % (len(data), data))
        if stream.cut_after is not None:
            self.close_connection = True
            return
        if stream.on_delivered is not None:
            if not self._client_stays():
                self.close_connection = True
                return
            stream.on_delivered()
        self.wfile.write(b"0\r\n\r\n")

    def _send_feed(self, feed: Feed) -> None:
        key = self.headers.get("Sec-WebSocket-Key")
        if key is None:
            self._send_reply(Reply.text("Missing Sec-WebSocket-Key header.", 400, hangs_up=True))
            return
        upgrade = {
            "upgrade": "websocket",
            "connection": "Upgrade",
            "sec-websocket-accept": accept_key(key),
        }
        self.wfile.write(self._head(101, {**feed.headers, **upgrade}))
        self.close_connection = True
        Conversation(self.connection, feed).run()

    def _client_stays(self) -> bool:
        self.connection.settimeout(SAVING_SECONDS)
        try:
            peeked: bytes = self.connection.recv(1, socket.MSG_PEEK)
        except socket.timeout:
            return True
        finally:
            self.connection.settimeout(None)
        return peeked != b""

    def _head(self, status: int, headers: Mapping[str, str]) -> bytes:
        lines = [f"HTTP/1.1 {status} {http.client.responses.get(status, '')}"]
        lines.append(f"date: {self.date_time_string()}")
        lines.extend(f"{name}: {value}" for name, value in headers.items())
        if self.close_connection:
            lines.append("connection: close")
        return "\r\n".join([*lines, "", ""]).encode("latin-1")
