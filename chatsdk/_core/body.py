"""The body of an answer, as it arrives: every byte counted, never more in memory than allowed."""

from __future__ import annotations

import socket
import time
import zlib
from contextlib import suppress
from http.client import IncompleteRead
from typing import Any, Iterator, Optional

import requests

_PIECE = 65536
_WINDOW = {"gzip": 16 + zlib.MAX_WBITS, "x-gzip": 16 + zlib.MAX_WBITS, "deflate": zlib.MAX_WBITS}


class BodyError(Exception):
    """A body that came whole and yet cannot be used: too large, or in an encoding nobody asked for."""


class Body:
    """Reads the body of one response; iterating gives its bytes, decompressed, as they arrive."""

    def __init__(self, response: requests.Response, deadline: Optional[float] = None) -> None:
        self._response = response
        self._deadline = deadline
        self._whole = False

    def __iter__(self) -> Iterator[bytes]:
        file = getattr(self._response.raw, "_fp", None)
        if getattr(self._response, "_content_consumed", False) or not hasattr(file, "read1"):
            # A session of the user's own may answer from a cache: what it gives is whole and decoded.
            return iter([self._response.content])
        pieces = self._arriving(file)
        inflater = _inflater(self._response.headers.get("Content-Encoding", ""))
        return pieces if inflater is None else inflater.pieces(pieces)

    def read(self, limit: int) -> bytes:
        """Return the whole body; more than *limit* bytes of it are a BodyError."""
        pieces = []
        left = limit
        for piece in self:
            left -= len(piece)
            if left < 0:
                self.close()
                raise BodyError(f"more than {limit} bytes")
            pieces.append(piece)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def finish_within(self, seconds: float) -> None:
        """From now on wait at most so long for the rest."""
        end = time.monotonic() + seconds
        self._deadline = end if self._deadline is None else min(end, self._deadline)

    def close(self) -> None:
        """Drop the connection, unless the whole body came and it is back in the pool."""
        file = getattr(self._response.raw, "_fp", None)
        sock = _socket_of(file)
        if sock is not None and not self._whole:
            # Wakes a thread that waits in a read: it holds a lock that closing needs.
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        self._response.close()

    def _arriving(self, file: Any) -> Iterator[bytes]:
        raw = self._response.raw
        # urllib3's readers wait for a full buffer, or cost thrice as much; http.client's read1 returns what
        # the socket has. Before Python 3.12 it does not notice the end of a body of known length.
        missing: Optional[int] = raw.length_remaining
        while missing is None or missing > 0:
            if self._deadline is not None:
                self._hurry(file, self._deadline)
            piece = file.read1(_PIECE)
            if not piece:
                break
            if missing is not None:
                missing -= len(piece)
            yield piece
        if missing:
            raise IncompleteRead(b"", missing)
        self._whole = True
        file.close()
        raw.release_conn()

    def _hurry(self, file: Any, deadline: float) -> None:
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("the time for the whole call is over")
        sock = _socket_of(file)
        if sock is not None:
            waiting = sock.gettimeout()
            sock.settimeout(left if waiting is None else min(left, waiting))


class _Inflater:
    """Decompresses gzip or deflate in bounded pieces: a small body may hold gigabytes."""

    def __init__(self, window: int) -> None:
        self._window = window
        self._machine = zlib.decompressobj(window)

    def pieces(self, compressed: Iterator[bytes]) -> Iterator[bytes]:
        started = False
        for data in compressed:
            while data:
                if self._machine.eof:  # gzip bodies may be several members in a row
                    self._machine = zlib.decompressobj(self._window)
                piece = self._step(data, started)
                started = True
                data = self._machine.unused_data or self._machine.unconsumed_tail
                if piece:
                    yield piece
        if started and not self._machine.eof:
            raise IncompleteRead(b"")

    def _step(self, data: bytes, started: bool) -> bytes:
        try:
            return self._machine.decompress(data, _PIECE)
        except zlib.error:
            if started or self._window != zlib.MAX_WBITS:
                raise
            # "deflate" should be zlib's format, but some servers send the bare stream.
            self._window = -zlib.MAX_WBITS
            self._machine = zlib.decompressobj(self._window)
            return self._machine.decompress(data, _PIECE)


def _socket_of(file: Any) -> Optional[socket.socket]:
    """Return the socket under an http.client.HTTPResponse, or None.

    Of a "Connection: close" answer nothing but its file object knows the socket.
    """
    sock = getattr(getattr(getattr(file, "fp", None), "raw", None), "_sock", None)
    return sock if isinstance(sock, socket.socket) else None


def _inflater(encoding: str) -> Optional[_Inflater]:
    encoding = encoding.strip().lower()
    if encoding in ("", "identity"):
        return None
    if encoding not in _WINDOW:
        raise BodyError(f"the encoding {encoding[:40]}, which was not asked for")
    return _Inflater(_WINDOW[encoding])
