"""Reads and decompresses response bodies in pieces, with a limit for their size in memory."""

from __future__ import annotations

import os
import re
import time
import zlib
from codecs import getincrementaldecoder
from contextlib import suppress
from errno import ECONNABORTED
from http.client import IncompleteRead
from typing import Any, Callable, Iterator, Optional, Tuple, TypeVar

import requests

from .call import CallContext
from .connection import apply_deadline, innermost_socket, shut_down

T = TypeVar("T")

_CHUNK_SIZE = 65536
_GZIP = b"\x1f\x8b"  # its first bytes
_HEAD_SIZE = 16  # bytes that show whether data is text or compressed
_NO_ENCODING = ("", "identity", "none", "utf-8", "utf8", "binary", "7bit", "8bit")
_MAX_ENCODINGS = 5
_MAX_IGNORED = 1024 * 1024  # bytes


class BodyError(Exception):
    """A complete body that cannot be used: too large, or in an encoding that was not requested."""


class ResponseBody:
    """The body of one response; iterating yields its decompressed bytes as they arrive."""

    def __init__(self, response: requests.Response, call: CallContext) -> None:
        self.response = response
        self._call = call
        self._deadline = call.deadline
        self._process = os.getpid()
        self._complete = False
        self._pieces: Optional[Iterator[bytes]] = None
        self.closed = False

    def __iter__(self) -> Iterator[bytes]:
        pieces, self._pieces = self._pieces, None
        if pieces is not None:
            return pieces
        self._check_open()
        file = getattr(self.response.raw, "_fp", None)
        if getattr(self.response, "_content_consumed", False) or not hasattr(type(file), "read1"):
            # From a user's cache: already read, or behind a wrapper that must see each read.
            return self.response.iter_content(_CHUNK_SIZE)
        return _decode(self._iter_raw(file), self.response.headers.get("Content-Encoding", ""))

    def peek(self, detect: Callable[[bytes], Optional[T]]) -> Optional[T]:
        """Return the result of *detect* for the first bytes; while it is None, more bytes are read.

        Iterating yields these bytes too, and raises their errors.
        """
        head, self._pieces = _peek(iter(self), lambda head: detect(head) is not None)
        return detect(head)

    def read(self, limit: int) -> bytes:
        """Return the whole body; raises BodyError if it has more than *limit* bytes."""
        pieces = []
        left = limit
        for piece in self:
            left -= len(piece)
            if left < 0:
                raise BodyError(f"more than {limit} bytes")
            pieces.append(piece)
        return b"".join(pieces)

    def limit_remaining_time(self, seconds: float) -> None:
        """Wait at most *seconds* for the rest; replaces the limit of an earlier call of this method."""
        end = time.monotonic() + seconds
        self._call.deadline = end if self._deadline is None else min(end, self._deadline)

    def close(self) -> None:
        """Close the connection, unless the body is complete and it is back in the pool."""
        self.closed = True
        sock = _socket_of(getattr(self.response.raw, "_fp", None))
        # In a forked child the connection is its parent's.
        if sock is not None and not self._complete and self._process == os.getpid():
            shut_down(sock)  # a thread that waits in a read holds a lock that closing needs
        with suppress(RuntimeError):  # a greenlet of this thread is reading, and closes afterwards
            self.response.close()

    def _check_open(self) -> None:
        if self.closed:  # by another thread: the bytes so far are not the whole body
            raise ConnectionAbortedError(ECONNABORTED, "close() was called while the body was read")

    def _iter_raw(self, file: Any) -> Iterator[bytes]:
        raw = self.response.raw
        # urllib3's readers wait for a full buffer, or cost three times as much; http.client's read1 returns
        # what has arrived. Before Python 3.12 it does not check the length of the body.
        missing: Optional[int] = getattr(raw, "length_remaining", None)
        sock = _socket_of(file)
        read_timeout = None if sock is None else sock.gettimeout()
        while missing is None or missing > 0:
            try:
                if sock is not None:  # a user's session has connections without a deadline
                    apply_deadline(sock, read_timeout, self._call.deadline)
                piece = file.read1(_CHUNK_SIZE)
            except Exception:
                self._check_open()
                raise
            self._check_open()
            if not piece:
                break
            if missing is not None:
                missing -= len(piece)
            yield piece
        if missing:
            raise IncompleteRead(b"", missing)
        self._complete = True
        if sock is not None and self._call.deadline is not None:
            with suppress(OSError):  # since Python 3.12 it may be closed by now
                sock.settimeout(read_timeout)  # urllib3 1.26 sends the next request with this timeout
        file.close()
        if not self._call.keep_alive:
            raw.close()
        raw.release_conn()


def _socket_of(file: Any) -> Any:
    """Return the socket of an http.client.HTTPResponse, or None."""
    sock = innermost_socket(getattr(getattr(getattr(file, "fp", None), "raw", None), "_sock", None))
    return sock if hasattr(sock, "settimeout") and hasattr(sock, "shutdown") else None


def _decode(pieces: Iterator[bytes], encoding: str) -> Iterator[bytes]:
    """Undo the encodings of the Content-Encoding header, except those that the bytes show to be wrong."""
    for word in reversed(encoding.lower().split(",")[:_MAX_ENCODINGS]):
        name = word.strip()
        if name not in _NO_ENCODING:
            pieces = _decode_one(pieces, name, encoding)
    return pieces


def _decode_one(pieces: Iterator[bytes], name: str, encoding: str) -> Iterator[bytes]:
    head, pieces = _peek(pieces, lambda head: len(head) >= _HEAD_SIZE)
    if head.startswith(_GZIP):
        yield from _decompress(pieces, 16 + zlib.MAX_WBITS)
    elif "gzip" in name or _is_text(head):
        yield from pieces
    elif name == "deflate":
        # It should have zlib's header, but some servers send the bare stream.
        has_header = head[0] & 15 == 8 and int.from_bytes(head[:2], "big") % 31 == 0
        yield from _decompress(pieces, zlib.MAX_WBITS if has_header else -zlib.MAX_WBITS)
    else:
        raise BodyError(f"the encoding {encoding.strip()[:40]}, which was not requested")


def _decompress(pieces: Iterator[bytes], bits: int) -> Iterator[bytes]:
    """Decompress in bounded pieces: a small body may hold gigabytes."""
    decompressor = zlib.decompressobj(bits)
    rest = bytearray()  # after the compressed data: another member of a gzip file, or ignored
    for data in pieces:
        while data:
            if decompressor.eof:
                rest += data
                if len(rest) > _MAX_IGNORED:
                    raise BodyError(f"more than {_MAX_IGNORED} bytes after its compressed data")
                data = b""
                if rest.startswith(_GZIP):
                    decompressor, data = zlib.decompressobj(bits), bytes(rest)
                    rest.clear()
            else:
                yield from _inflate(decompressor, data)
                data = decompressor.unused_data
    if not decompressor.eof:
        raise IncompleteRead(b"")


def _inflate(decompressor: Any, data: bytes) -> Iterator[bytes]:
    """Yield what *data* decompresses to, in bounded pieces."""
    while True:
        piece = decompressor.decompress(data, _CHUNK_SIZE)
        if piece:
            yield piece
        if decompressor.eof or len(piece) < _CHUNK_SIZE:  # a full piece: zlib may hold back what did not fit
            return
        data = decompressor.unconsumed_tail


def _peek(pieces: Iterator[bytes], is_enough: Callable[[bytes], bool]) -> Tuple[bytes, Iterator[bytes]]:
    """Return the first bytes, as many as *is_enough* asks for, and an iterator over all pieces.

    The iterator also raises an error that follows the first bytes.
    """
    head = b""
    failure: Optional[Exception] = None
    try:
        while not is_enough(head) and len(head) < _CHUNK_SIZE:
            head += next(pieces)
    except StopIteration:
        pass
    except Exception as error:
        failure = error

    def replay() -> Iterator[bytes]:
        yield head
        if failure is not None:
            raise failure
        yield from pieces

    return head, replay()


def _is_text(head: bytes) -> bool:
    try:
        text = getincrementaldecoder("utf-8")().decode(head[:_HEAD_SIZE])
    except UnicodeDecodeError:
        return False
    return re.search(r"[\0-\x08\x0e-\x1f\x7f]", text) is None
