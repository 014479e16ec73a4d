"""A loopback server that plays one recorded answer, chunk by chunk, and cuts it where it was cut."""

import socket
import threading
from contextlib import suppress

WAIT = 5.0  # seconds; nothing here takes longer
_NOT_OURS = {"connection", "content-length", "transfer-encoding", "date", "server"}


class Player:
    """Answers one connection on a free port of 127.0.0.1, then ends."""

    def __init__(self, recording):
        self._recording = recording
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(WAIT)
        self.base_url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.request_head = b""
        self.request_body = b""
        self._thread = threading.Thread(target=self._play, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._thread.join(WAIT)
        self._listener.close()
        assert not self._thread.is_alive()

    def _play(self):
        try:
            connection = self._listener.accept()[0]
        except socket.timeout:
            return
        with connection, suppress(ConnectionError):  # the client may leave early
            connection.settimeout(WAIT)
            self._read_request(connection)
            if self._recording.status is not None:
                connection.sendall(self._head())
                for piece in self._recording.pieces:
                    if piece:
                        connection.sendall(b"%x\r\n%s\r\n" % (len(piece), piece))
                if not self._recording.is_cut:
                    connection.sendall(b"0\r\n\r\n")

    def _read_request(self, connection):
        received = b""
        while b"\r\n\r\n" not in received:
            received += connection.recv(65536)
        self.request_head, _, body = received.partition(b"\r\n\r\n")
        lines = self.request_head.decode("latin-1").lower().split("\r\n")
        headers = dict(line.split(": ", 1) for line in lines[1:])
        while len(body) < int(headers.get("content-length", 0)):
            body += connection.recv(65536)
        self.request_body = body

    def _head(self):
        headers = {name: value for name, value in self._recording.headers.items() if name not in _NOT_OURS}
        headers.update({"transfer-encoding": "chunked", "connection": "close"})
        lines = [f"HTTP/1.1 {self._recording.status} Played"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        return "\r\n".join([*lines, "", ""]).encode("latin-1")
