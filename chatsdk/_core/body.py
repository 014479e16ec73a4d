"""Reads response bodies in pieces, decompressed, with a limit of their size in memory."""

from __future__ import annotations

import os
import re
import time
import zlib
from codecs import getincrementaldecoder
from contextlib import suppress
from errno import ECONNABORTED
from http.client import IncompleteRead
from itertools import chain
from typing import Any, Callable, Iterator, Optional, Tuple, TypeVar

import requests

from .call import CallContext
from .connection import apply_deadline, innermost_socket, shut_down

T = TypeVar("T")

_CHUNK_SIZE = 65536
_GZIP = b"\x1f\x8b"  # its first bytes
_HEAD = 16  # bytes that show whether data is text or compressed
_NO_ENCODING = ("", "identity", "none", "utf-8", "utf8", "binary", "7bit", "8bit")
_MOST_ENCODINGS = 5
_MOST_IGNORED = 1024 * 1024  # bytes


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
            # Of a cache of the user's own: read already, or behind a wrapper that must see each read.
            return self.response.iter_content(_CHUNK_SIZE)
        return _decode(self._iter_raw(file), self.response.headers.get("Content-Encoding", ""))

    def peek(self, detect: Callable[[bytes], Optional[T]]) -> Optional[T]:
        """Return what *detect* returns for the first bytes; as long as that is None, it gets more of them.

        Iterating yields these bytes too, and raises their errors.
        """
        found, self._pieces = _peek(iter(self), detect)
        return found

    def read(self, limit: int) -> bytes:
        """Return the whole body; raises BodyError if it has more than *limit* bytes."""
        pieces = []
        left = limit
        for piece in self:
            left -= len(piece)
            if left < 0:
                self.close()
                raise BodyError(f"more than {limit} bytes")
            pieces.append(piece)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def limit_remaining_time(self, seconds: float) -> None:
        """Wait at most *seconds* for the rest, instead of those of an earlier call of this method."""
        end = time.monotonic() + seconds
        self._call.deadline = end if self._deadline is None else min(end, self._deadline)

    def close(self) -> None:
        """Close the connection, unless the body is complete and it is back in the pool."""
        self.closed = True
        sock = _socket_of(getattr(self.response.raw, "_fp", None))
        # In a forked child the connection is its parent's.
        if sock is not None and not self._complete and self._process == os.getpid():
            shut_down(sock)  # a thread that waits in a read holds a lock that closing needs
        with suppress(RuntimeError):  # a greenlet of this thread is inside a read, and closes after it
            self.response.close()

    def _check_open(self) -> None:
        if self.closed:  # by another thread: what was read is not the end of the body
            raise ConnectionAbortedError(ECONNABORTED, "it was closed here while it was read")

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
                if not self.closed:
                    raise
                piece = b""
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
    """Return the body without the encodings in its header, unless its bytes show that they are wrong."""
    for word in reversed(encoding.lower().split(",")[:_MOST_ENCODINGS]):
        name = word.strip()
        if name in ("gzip", "x-gzip", "deflate"):
            pieces = _decompress(pieces, name == "deflate")
        elif name not in _NO_ENCODING:
            pieces = _check_plain(pieces, encoding)
    return pieces


def _check_plain(pieces: Iterator[bytes], encoding: str) -> Iterator[bytes]:
    head, pieces = _peek_size(pieces, _HEAD)
    if not _is_text(head):
        raise BodyError(f"the encoding {encoding.strip()[:40]}, which was not asked for")
    yield from pieces


def _decompress(pieces: Iterator[bytes], is_deflate: bool) -> Iterator[bytes]:
    """Decompress gzip or deflate in bounded pieces: a small body may hold gigabytes."""
    head, pieces = _peek_size(pieces, _HEAD if is_deflate else len(_GZIP))
    if head and _GZIP.startswith(head[:2]):
        bits = 16 + zlib.MAX_WBITS
    elif is_deflate and not _is_text(head):
        # "deflate" should be zlib's format, but some servers send the bare stream.
        has_head = head[0] & 15 == 8 and int.from_bytes(head[:2], "big") % 31 == 0
        bits = zlib.MAX_WBITS if has_head else -zlib.MAX_WBITS
    else:
        yield from pieces
        return
    machine = zlib.decompressobj(bits)
    data = b""
    ignored = 0
    for received in pieces:
        data += received
        more = True
        while data or more:
            if machine.eof:
                if data == _GZIP[:1]:
                    break
                if not data.startswith(_GZIP):  # else another member follows
                    ignored += len(data)
                    data = b""
                    if ignored > _MOST_IGNORED:
                        raise BodyError(f"more than {_MOST_IGNORED} bytes behind its compressed data")
                    break
                machine = zlib.decompressobj(bits)
            piece = machine.decompress(data, _CHUNK_SIZE)
            data = machine.unused_data or machine.unconsumed_tail
            more = len(piece) == _CHUNK_SIZE and not machine.eof  # zlib may hold back what did not fit
            if piece:
                yield piece
    if not machine.eof:
        raise IncompleteRead(b"")


def _peek(
    pieces: Iterator[bytes], detect: Callable[[bytes], Optional[T]]
) -> Tuple[Optional[T], Iterator[bytes]]:
    """Return what *detect* returns for the first bytes, and all pieces."""
    head, found = b"", None
    try:
        while found is None and len(head) < _CHUNK_SIZE:
            head += next(pieces)
            found = detect(head)
    except StopIteration:
        pass
    except Exception as error:
        pieces = _raise(error)
    return found, chain([head], pieces)


def _peek_size(pieces: Iterator[bytes], size: int) -> Tuple[bytes, Iterator[bytes]]:
    """Return at least *size* bytes, less if there are no more, and all pieces."""
    _, pieces = _peek(pieces, lambda head: len(head) >= size or None)
    head = next(pieces)
    return head, chain([head], pieces)


def _raise(error: Exception) -> Iterator[bytes]:
    raise error
    yield  # makes it a generator


def _is_text(head: bytes) -> bool:
    try:
        text = getincrementaldecoder("utf-8")().decode(head[:_HEAD])
    except UnicodeDecodeError:
        return False
    return re.search(r"[\0-\x08\x0e-\x1f\x7f]", text) is None
