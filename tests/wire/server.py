"""A loopback server that does what its script says, byte by byte, and remembers what it saw."""

import json
import select
import socket
import struct
import threading
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Callable, Deque, Dict, Iterable, List, Optional, Tuple, Union

TIMEOUT = 10.0  # seconds; only a test that hangs ever waits so long
_GLANCE = 0.001  # seconds between two looks at the peer while a gate is closed


class Step:
    """Something that an answer does beside sending bytes."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return self.name


CLOSE = Step("CLOSE")  # close the connection without a word
RESET = Step("RESET")  # the same, as a crash does it: the peer's next read or write fails
SILENCE = Step("SILENCE")  # say nothing more, until the peer goes away


@dataclass(frozen=True)
class Pause:
    """Wait so many seconds before the next step; for bodies that drip."""

    seconds: float


Steps = Iterable[Union[bytes, Step, Pause, threading.Event]]


class Connection:
    """What the server knows of one connection; ``closed`` is set once the peer has closed it."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.requests = 0
        self.sent = 0  # bytes
        self.closed = threading.Event()


@dataclass
class Request:
    """A request as it came over the wire."""

    method: str
    target: str
    pairs: List[Tuple[str, str]]
    body: bytes
    connection: Connection

    @property
    def headers(self) -> Dict[str, str]:
        return {name.lower(): value for name, value in self.pairs}

    def json(self) -> Any:
        return json.loads(self.body)


Answer = Union[bytes, Steps, Callable[[Request], Any]]


class _Gone(Exception):
    """The peer has closed the connection, or the server stops."""


class WireServer:
    """Answers each request with the next of its answers; the last one again and again.

    An answer is bytes, or steps: bytes to send, an Event that must be set before it goes on, CLOSE, RESET,
    SILENCE, a Pause; or a function that makes one of these from the request.
    """

    def __init__(self, *answers: Answer, listen: bool = True) -> None:
        self.requests: List[Request] = []
        self.connections: List[Connection] = []
        self.problems: List[str] = []
        self._answers: Deque[Answer] = deque(answers)
        self._changed = threading.Condition()
        self._open: Dict[Connection, socket.socket] = {}
        self._threads: List[threading.Thread] = []
        self._stopping = False
        self._listener = socket.socket()
        self._listener.bind(("127.0.0.1", 0))  # until listen() the port refuses connections
        self.port: int = self._listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        if listen:
            self.listen()

    def __enter__(self) -> "WireServer":
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()

    def script(self, *answers: Answer) -> None:
        """Replace the answers."""
        with self._changed:
            self._answers = deque(answers)

    def listen(self) -> None:
        """Begin to accept connections."""
        self._listener.listen(128)
        self._start(self._accept)

    def until(self, condition: Callable[[], Any]) -> None:
        """Wait until *condition* holds; it is looked at after each event on the wire."""
        with self._changed:
            assert self._changed.wait_for(condition, TIMEOUT), "it never happened"

    def settled(self) -> List[Request]:
        """Return the requests, once all was read that peers sent who have given up and gone."""
        self.until(lambda: self.connections and not self._open)
        return self.requests

    def close(self) -> None:
        """Close all connections and wait for all threads."""
        with self._changed:
            self._stopping = True
            for sock in self._open.values():
                _shutdown(sock)
        if self._threads:  # wake the thread that accepts
            socket.create_connection(("127.0.0.1", self.port), TIMEOUT).close()
        for thread in self._threads:
            thread.join(TIMEOUT)
            assert not thread.is_alive(), "a thread of the server hangs"
        self._listener.close()

    def _start(self, target: Callable[..., None], *args: Any) -> None:
        thread = threading.Thread(target=target, args=args, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            sock, _ = self._listener.accept()
            with self._changed:
                if self._stopping:
                    sock.close()
                    return
                connection = Connection(len(self.connections) + 1)
                self.connections.append(connection)
                self._open[connection] = sock
                self._start(self._serve, connection, sock)
                self._changed.notify_all()

    def _serve(self, connection: Connection, sock: socket.socket) -> None:
        sock.settimeout(TIMEOUT)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        reader = _Reader(sock)
        try:
            while True:
                request = reader.request(connection)
                with self._changed:
                    connection.requests += 1
                    self.requests.append(request)
                    answer = self._next_answer()
                    self._changed.notify_all()
                if not self._give(answer, request, sock):
                    return
        except (_Gone, ConnectionError):
            connection.closed.set()
        except Exception as error:
            # A socket that close() has shut down may fail in many ways; nobody is interested any more.
            if not self._stopping:
                self.problems.append(f"connection {connection.number}: {error!r}")
        finally:
            with self._changed:
                del self._open[connection]
                sock.close()
                self._changed.notify_all()

    def _next_answer(self) -> Answer:
        if not self._answers:
            raise AssertionError("a request came for which there is no answer")
        return self._answers.popleft() if len(self._answers) > 1 else self._answers[0]

    def _give(self, answer: Any, request: Request, sock: socket.socket) -> bool:
        """Do what *answer* says; return whether the connection stays open."""
        if callable(answer):
            answer = answer(request)
        for step in [answer] if isinstance(answer, (bytes, Step)) else answer:
            if isinstance(step, bytes):
                _send(sock, step, request.connection)
            elif isinstance(step, threading.Event):
                self._wait_for(step, sock)
            elif isinstance(step, Pause):
                _look(sock, step.seconds)
            elif step is SILENCE:
                _look(sock, TIMEOUT)
            else:
                if step is RESET:
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                return False
        return True

    def _wait_for(self, gate: threading.Event, sock: socket.socket) -> None:
        for _ in range(int(TIMEOUT / _GLANCE)):
            if gate.wait(_GLANCE):
                return
            _look(sock, 0)
        raise AssertionError("a gate was never opened")


class _Reader:
    """Reads requests from a socket."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._buffer = bytearray()

    def request(self, connection: Connection) -> Request:
        head = self._until(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        method, target, _ = first.split(" ", 2)
        pairs = [(name, value.strip()) for name, _, value in (line.partition(":") for line in lines)]
        headers = {name.lower(): value for name, value in pairs}
        if headers.get("transfer-encoding") == "chunked":
            body = self._chunks()
        else:
            body = self._exactly(int(headers.get("content-length", "0")))
        return Request(method, target, pairs, body, connection)

    def _chunks(self) -> bytes:
        body = b""
        while True:
            line = self._until(b"\r\n")
            body += self._exactly(int(line, 16))
            self._exactly(2)
            if line == b"0":
                return body

    def _until(self, end: bytes) -> bytes:
        """Return what comes before *end*."""
        while end not in self._buffer:
            self._more()
        data = self._exactly(self._buffer.index(end))
        self._exactly(len(end))
        return data

    def _exactly(self, size: int) -> bytes:
        while len(self._buffer) < size:
            self._more()
        data = bytes(self._buffer[:size])
        del self._buffer[:size]
        return data

    def _more(self) -> None:
        data = self._sock.recv(65536)
        if not data:
            raise _Gone
        self._buffer += data


def _send(sock: socket.socket, data: bytes, connection: Connection) -> None:
    view = memoryview(data)
    while view:
        sent = sock.send(view)
        connection.sent += sent
        view = view[sent:]


def _look(sock: socket.socket, seconds: Optional[float]) -> None:
    """Wait for so long, but not longer than the peer stays."""
    if select.select([sock], [], [], seconds)[0] and not sock.recv(1, socket.MSG_PEEK):
        raise _Gone


def _shutdown(sock: socket.socket) -> None:
    with suppress(OSError):  # the peer may have been faster
        sock.shutdown(socket.SHUT_RDWR)
