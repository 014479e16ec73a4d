"""HTTP connections with a deadline for the whole call; http.client only bounds each read."""

from __future__ import annotations

import io
import os
import socket
import ssl
import threading
import time
import weakref
from contextlib import contextmanager, suppress
from functools import lru_cache, partial
from http.client import HTTPConnection, HTTPException, HTTPResponse, IncompleteRead, parse_headers
from typing import Any, Iterator, List, Optional, Tuple, Type

from urllib3.connectionpool import HTTPConnectionPool
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError
from urllib3.util.connection import is_connection_dropped

from .call import CallContext

_MAX_INTERIM_RESPONSES = 100
_BUFFER_SIZE = 65536  # bytes
_SEND_SIZE = MAX_JOINED_BODY = 16384  # bytes

# Without keep-alive a NAT forgets a connection that is silent for minutes while a long answer is computed.
# macOS calls the idle time TCP_KEEPALIVE.
_KEEP_ALIVE = [(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)]
for _name, _value in (("TCP_KEEPIDLE", 60), ("TCP_KEEPALIVE", 60), ("TCP_KEEPINTVL", 60), ("TCP_KEEPCNT", 5)):
    if hasattr(socket, _name):
        _KEEP_ALIVE.append((socket.IPPROTO_TCP, getattr(socket, _name), _value))


class _CurrentCall(threading.local):
    """The call that this thread is sending: urllib3 cannot pass it to its connections."""

    call: Optional[CallContext] = None
    read_timeout: Optional[float] = None  # seconds
    body: Optional[bytes] = None  # to be sent with the head, in one piece
    connected = False


current = _CurrentCall()


def apply_deadline(sock: Any, read_timeout: Optional[float], deadline: Optional[float]) -> None:
    """Let the next read of *sock* wait no longer than *read_timeout* and not beyond *deadline*."""
    if deadline is None:
        return
    left = deadline - time.monotonic()
    if left <= 0:
        raise socket.timeout("the total timeout of the call has expired")
    sock.settimeout(left if read_timeout is None else min(left, read_timeout))


def innermost_socket(sock: Any) -> Any:
    """Return the socket below the TLS layers of pyOpenSSL and of TLS in TLS.

    These have no ``gettimeout``, or no ``shutdown`` that wakes a reader.
    """
    while hasattr(sock, "socket"):
        sock = sock.socket
    return sock


class _DeadlineRawIO(io.RawIOBase):
    """Reads from a socket, each read within the deadline of the call."""

    def __init__(self, sock: Any) -> None:
        super().__init__()
        self._file = sock.makefile("rb", buffering=0)
        self._sock = innermost_socket(sock)
        self._read_timeout = self._sock.gettimeout()
        self._call = current.call
        self.ended = False
        self.stopped = False

    def makefile(self, mode: str) -> io.BufferedReader:
        """Return the file that http.client asks a socket for."""
        return io.BufferedReader(self, _BUFFER_SIZE)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if self.stopped:
            return 0
        if self._call is not None:
            apply_deadline(self._sock, self._read_timeout, self._call.deadline)
        count: int = self._file.readinto(buffer)
        self.ended = self.ended or count == 0
        return count

    def close(self) -> None:
        super().close()
        self._file.close()  # it keeps the socket open


class DeadlineHTTPResponse(HTTPResponse):
    """A response that is read within the deadline of its call."""

    def __init__(self, sock: Any, *args: Any, **kwargs: Any) -> None:
        self._raw = _DeadlineRawIO(sock)
        super().__init__(self._raw, *args, **kwargs)  # type: ignore[arg-type]  # it uses makefile() alone
        self._sock = sock
        self._process = os.getpid()

    def begin(self) -> None:
        """Read status and headers; http.client accepts headers that were cut off."""
        super().begin()
        if self._raw.ended:
            raise IncompleteRead(b"")
        # urllib3 logs these as a warning, with the malformed header line, which may contain a key.
        self.headers.defects.clear()
        self.headers.set_payload("")

    def _read_status(self) -> Tuple[str, int, str]:
        """Skip interim responses: http.client only skips 100, and returns a 103 as the response."""
        for _ in range(_MAX_INTERIM_RESPONSES):
            line: Tuple[str, int, str] = super()._read_status()  # type: ignore[misc]
            if line[1] == 101 or not 100 <= line[1] < 200:
                return line
            parse_headers(self.fp)
        raise HTTPException("too many interim responses")

    def _read1_chunked(self, n: int) -> bytes:
        """Return all chunks in the buffer, or wait for one; http.client returns one per call."""
        piece: bytes = super()._read1_chunked(n)  # type: ignore[misc]
        if not piece or self.chunk_left:
            return piece
        pieces, data, position = [piece], self._peek_buffer(), 0
        limit = min(n - len(piece), len(data))
        while data.startswith(b"\r\n", position):  # the end of the chunk before
            end = data.find(b"\r\n", position + 2)
            try:
                size = int(data[position + 2 : end], 16)
            except ValueError:  # left to http.client, which raises an error
                break
            stop = end + 2 + size
            if end < 0 or size <= 0 or stop > limit:
                break
            pieces.append(data[end + 2 : stop])
            position = stop
        self.fp.read(position)
        return b"".join(pieces)

    def _peek_buffer(self) -> bytes:
        """Return the bytes in the buffer without reading from the socket."""
        self._raw.stopped = True
        try:
            return self.fp.peek(1)
        finally:
            self._raw.stopped = False

    def _close_conn(self) -> None:
        """Release the connection; shut it down if more has arrived than this response."""
        file = self.fp
        if file is None:  # another thread was faster
            return
        # The next call would read the rest as its response; the pool drops a connection that is shut down.
        # A forked child must not do so: the connection belongs to its parent.
        if not self.will_close and self._process == os.getpid() and self._has_rest():
            shut_down(self._sock)
        self.fp = None  # type: ignore[assignment]
        file.close()

    def _has_rest(self) -> bool:
        try:
            # Before the next call the pool checks for bytes in a plain socket, but not in a TLS layer.
            return bool(self._peek_buffer()) or getattr(self._sock, "pending", int)() > 0
        except (ValueError, AttributeError):  # another thread is closing it
            return True


def shut_down(sock: Any) -> None:
    """Shut the connection of *sock* down, which wakes a thread that reads from it."""
    with suppress(OSError):
        innermost_socket(sock).shutdown(socket.SHUT_RDWR)


class _DeadlinePool(HTTPConnectionPool):
    """Mixin for connection pools: adds deadlines and TCP keep-alive to their connections."""

    def _new_conn(self) -> Any:
        connection: Any = super()._new_conn()
        # Set on the connection, not in a class of our own: recorders such as vcrpy replace the class.
        connection.response_class = DeadlineHTTPResponse
        connection.socket_options = [*(getattr(connection, "socket_options", None) or ()), *_KEEP_ALIVE]
        if type(connection).send is HTTPConnection.send:  # vcrpy overrides it
            connection.send = partial(_send, weakref.ref(connection))
        return connection

    def _get_conn(self, timeout: Optional[float] = None) -> Any:
        self._close_dropped()
        connection: Any = super()._get_conn(timeout)
        current.connected = False
        if current.read_timeout is not None:
            connection.timeout = current.read_timeout  # requests 2.28 sends chunked bodies with this timeout
        return connection

    def _prepare_proxy(self, conn: Any) -> None:
        with _connecting(conn):
            super()._prepare_proxy(conn)

    def _validate_conn(self, conn: Any) -> None:
        with _connecting(conn):
            super()._validate_conn(conn)
            if conn.sock is None:
                conn.connect()
        current.connected = True
        if current.read_timeout is not None:
            # urllib3 1.26 leaves the connect timeout on the socket until all is sent.
            conn.timeout = current.read_timeout
            if conn.sock is not None:
                conn.sock.settimeout(conn.timeout)

    def _close_dropped(self) -> None:
        """Close the oldest idle connections if the server has closed them; urllib3 looks at the youngest."""
        if self.pool is None or self.pool.qsize() < 2:
            return
        with self.pool.mutex:
            idle = self.pool.queue
            while idle and (idle[0] is None or is_connection_dropped(idle[0])):
                if idle[0] is not None:
                    idle[0].close()
                del idle[0]


@lru_cache(maxsize=None)
def deadline_pool(pool_class: Type[HTTPConnectionPool]) -> Type[HTTPConnectionPool]:
    """Return a subclass of *pool_class* with deadlines; SOCKS proxies have other pool classes."""
    if issubclass(pool_class, _DeadlinePool):
        return pool_class
    return type(pool_class.__name__, (_DeadlinePool, pool_class), {})


def _send(reference: Any, data: Any) -> None:
    """Send *data* in pieces, each with its own timeout: ``sendall`` applies one timeout to all of it.

    A short body is sent with the head: urllib3 would send two packets.
    """
    connection = reference()
    pieces: List[Any] = [data]
    if current.connected and current.body is not None:
        if data is current.body:
            return
        pieces = [data + current.body]
    elif isinstance(data, (bytes, bytearray)) and len(data) > _SEND_SIZE:
        pieces = [data[start : start + _SEND_SIZE] for start in range(0, len(data), _SEND_SIZE)]
    for piece in pieces:
        if current.call is not None and connection.sock is not None:
            apply_deadline(innermost_socket(connection.sock), current.read_timeout, current.call.deadline)
        HTTPConnection.send(connection, piece)


@contextmanager
def _connecting(connection: Any) -> Iterator[None]:
    """Raise a connection that breaks in a ``with`` block as a failure to connect: nothing was sent yet."""
    try:
        yield
    except (socket.timeout, TimeoutError) as error:
        raise ConnectTimeoutError(connection, "the connection was not ready in time") from error
    except (OSError, HTTPException) as error:
        if not _is_break(error):
            raise
        raise NewConnectionError(connection, "the connection broke before anything was sent") from error


def _is_break(error: Exception) -> bool:
    """Return whether *error* is a broken connection, not an invalid certificate or setting."""
    if isinstance(error, ssl.SSLError):
        return "EOF" in str(error) or "SysCallError" in str(error)  # the words of OpenSSL and of pyOpenSSL
    is_proxy_error = str(error).startswith("Tunnel connection failed: 5")  # the response to CONNECT
    return is_proxy_error or isinstance(error, (ConnectionError, HTTPException))
