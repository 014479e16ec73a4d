"""The body of an answer, as it arrives: every byte counted, never more in memory than allowed."""

from __future__ import annotations

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
from .connection import Process, apply_deadline, innermost_socket, shut_down

T = TypeVar("T")

_CHUNK_SIZE = 65536
_GZIP = b"\x1f\x8b"  # how such data begins
_HEAD = 16  # bytes that tell text from compressed data
_NO_ENCODING = ("", "identity", "none", "utf-8", "utf8", "binary", "7bit", "8bit")
_MOST_ENCODINGS = 5
_MOST_IGNORED = 1024 * 1024  # bytes


class BodyError(Exception):
    """A body that came whole and yet cannot be used: too large, or in an encoding nobody asked for."""


class ResponseBody:
    """Reads the body of one response; iterating gives its bytes, decompressed, as they arrive."""

    def __init__(self, response: requests.Response, call: CallContext) -> None:
        self._response = response
        self._call = call
        self._process = Process.id
        self._complete = False
        self._pieces: Optional[Iterator[bytes]] = None
        self.closed = False

    def __iter__(self) -> Iterator[bytes]:
        pieces, self._pieces = self._pieces, None
        return self._begin() if pieces is None else pieces

    def peek(self, detect: Callable[[bytes], Optional[T]]) -> Optional[T]:
        """Return what *detect* makes of the first bytes; while it returns None, it is given more of them.

        Iterating gives these bytes all the same, and raises what went wrong with them.
        """
        start, found = b"", None
        pieces: Iterator[bytes] = iter(())
        try:
            pieces = iter(self)
            while found is None and len(start) < _CHUNK_SIZE:
                start += next(pieces)
                found = detect(start)
        except StopIteration:
            pass
        except Exception as error:
            pieces = _raise_later(error)
        self._pieces = chain([start], pieces)
        return found

    def _begin(self) -> Iterator[bytes]:
        file = getattr(self._response.raw, "_fp", None)
        if getattr(self._response, "_content_consumed", False) or not hasattr(type(file), "read1"):
            # Of a cache of the user's own: read already, or behind a wrapper that must see each read.
            return self._response.iter_content(_CHUNK_SIZE)
        return _decode(self._iter_raw(file), self._response.headers.get("Content-Encoding", ""))

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

    def limit_remaining_time(self, seconds: float) -> None:
        """From now on wait at most so long for the rest."""
        end = time.monotonic() + seconds
        self._call.deadline = end if self._call.deadline is None else min(end, self._call.deadline)

    def close(self) -> None:
        """Drop the connection, unless the whole body came and it is back in the pool."""
        self.closed = True
        sock = _socket_of(getattr(self._response.raw, "_fp", None))
        # A forked child only drops its copy: the connection is its parent's.
        if sock is not None and not self._complete and self._process == Process.id:
            shut_down(sock)  # a thread that waits in a read holds a lock that closing needs
        with suppress(RuntimeError):  # a greenlet of this thread is inside a read; it closes as it leaves
            self._response.close()

    def _iter_raw(self, file: Any) -> Iterator[bytes]:
        raw = self._response.raw
        # urllib3's readers wait for a full buffer, or cost thrice as much; http.client's read1 returns what
        # the socket has. Before Python 3.12 it does not notice the end of a body of known length.
        missing: Optional[int] = getattr(raw, "length_remaining", None)
        sock = _socket_of(file)
        read_timeout = None if sock is None else sock.gettimeout()
        while missing is None or missing > 0:
            try:
                if sock is not None:  # our own connections mind the deadline too; a user's session has others
                    apply_deadline(sock, read_timeout, self._call.deadline)
                piece = file.read1(_CHUNK_SIZE)
            except Exception:
                if not self.closed:
                    raise
                piece = b""
            if self.closed:  # by another thread: the end that was read is not that of the body
                raise ConnectionAbortedError(ECONNABORTED, "it was closed here while it was read")
            if not piece:
                break
            if missing is not None:
                missing -= len(piece)
            yield piece
        if missing:
            raise IncompleteRead(b"", missing)
        self._complete = True
        if sock is not None and self._call.deadline is not None:
            with suppress(OSError):  # since Python 3.12 it is closed by now, where no request follows
                sock.settimeout(read_timeout)  # urllib3 1.26 sends the next request under what it finds
        file.close()
        if not self._call.keep_alive:
            raw.close()
        raw.release_conn()


def _raise_later(error: Exception) -> Iterator[bytes]:
    raise error
    yield  # which makes it a generator


def _socket_of(file: Any) -> Any:
    """Return the socket under an http.client.HTTPResponse, or None.

    Of a "Connection: close" answer nothing but its file object knows the socket.
    """
    sock = innermost_socket(getattr(getattr(getattr(file, "fp", None), "raw", None), "_sock", None))
    return sock if hasattr(sock, "settimeout") and hasattr(sock, "shutdown") else None


def _decode(pieces: Iterator[bytes], encoding: str) -> Iterator[bytes]:
    """Return the body without the encodings that its header names, as far as its bytes agree."""
    for word in reversed(encoding.lower().split(",")[:_MOST_ENCODINGS]):
        name = word.strip()
        if name in ("gzip", "x-gzip", "deflate"):
            pieces = _decompress(pieces, name == "deflate")
        elif name not in _NO_ENCODING:
            pieces = _check_plain(pieces, encoding)
    return pieces


def _check_plain(pieces: Iterator[bytes], encoding: str) -> Iterator[bytes]:
    head, pieces = _peek(pieces, _HEAD)
    if not _is_text(head):
        raise BodyError(f"the encoding {encoding.strip()[:40]}, which was not asked for")
    yield from pieces


def _decompress(pieces: Iterator[bytes], is_deflate: bool) -> Iterator[bytes]:
    """Decompress gzip or deflate in bounded pieces: a small body may hold gigabytes."""
    head, pieces = _peek(pieces, _HEAD if is_deflate else len(_GZIP))
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


def _peek(pieces: Iterator[bytes], size: int) -> Tuple[bytes, Iterator[bytes]]:
    """Return the first *size* bytes or more, fewer if there are no more, and all pieces."""
    head = b""
    for piece in pieces:
        head += piece
        if len(head) >= size:
            break
    return head, chain([head] if head else [], pieces)


def _is_text(head: bytes) -> bool:
    try:
        text = getincrementaldecoder("utf-8")().decode(head[:_HEAD])
    except UnicodeDecodeError:
        return False
    return re.search(r"[\0-\x08\x0e-\x1f\x7f]", text) is None
