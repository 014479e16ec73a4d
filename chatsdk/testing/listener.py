"""The listening socket and its threads."""

import contextlib
import socket
import socketserver
import sys
import threading
import time
from typing import Callable, List, Set, Tuple, Union

from .connection import Connection, Respond, RespondingServer

Report = Callable[[BaseException], None]
_Accepted = Union[socket.socket, Tuple[bytes, socket.socket]]

HOST = "127.0.0.1"
CLOSING_SECONDS = 5.0


class Listener(socketserver.ThreadingMixIn, RespondingServer):
    """Listens on a free loopback port from construction to `close()`.

    `respond` answers a request (method, target, headers, body) and never raises;
    `report` is told of exceptions that nobody else can be told of.
    """

    request_queue_size = 128

    def __init__(self, respond: Respond, report: Report) -> None:
        super().__init__((HOST, 0), Connection)
        self.respond = respond
        self._report = report
        self._closing = False
        self._lock = threading.Lock()
        self._open: Set[_Accepted] = set()
        self._serving: List[threading.Thread] = []
        self._accepting = threading.Thread(target=self._accept, name="chatsdk-local-server", daemon=True)
        self._accepting.start()

    @property
    def port(self) -> int:
        """The port that was free."""
        return int(self.server_address[1])

    def close(self) -> None:
        """Stop listening, end all connections and threads. Takes a few seconds at most."""
        with self._lock:
            if self._closing:
                return
            self._closing = True
        # The thread waits for a connection; one last one wakes it.
        with contextlib.suppress(OSError):
            socket.create_connection((HOST, self.port), timeout=1).close()
        deadline = time.monotonic() + CLOSING_SECONDS
        self._join(self._accepting, deadline)
        self.server_close()
        with self._lock:
            still_open = list(self._open)
        for request in still_open:
            with contextlib.suppress(OSError):
                _socket_of(request).shutdown(socket.SHUT_RDWR)
        for thread in self._serving:
            self._join(thread, deadline)

    def _join(self, thread: threading.Thread, deadline: float) -> None:
        if thread is not threading.current_thread():
            thread.join(max(0.0, deadline - time.monotonic()))

    def _accept(self) -> None:
        while not self._closing:
            self.handle_request()

    def verify_request(self, request: _Accepted, client_address: object) -> bool:
        """Whether to serve a new connection."""
        return not self._closing

    def process_request(self, request: _Accepted, client_address: object) -> None:
        """Serve a connection in a thread of its own, and remember both for `close()`."""
        thread = threading.Thread(
            target=self.process_request_thread,
            args=(request, client_address),
            name="chatsdk-local-server-connection",
            daemon=True,
        )
        with self._lock:
            self._open.add(request)
        thread.start()
        self._serving = [*filter(threading.Thread.is_alive, self._serving), thread]

    def shutdown_request(self, request: _Accepted) -> None:
        """Close a connection that has ended."""
        with self._lock:
            self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: _Accepted, client_address: object) -> None:
        """Keep an exception that ended a connection, instead of printing it."""
        error = sys.exc_info()[1]
        if error is not None:
            self._report(error)


def _socket_of(request: _Accepted) -> socket.socket:
    return request[1] if isinstance(request, tuple) else request
