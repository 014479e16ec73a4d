"""Server-sent events: from bytes as they arrive to lines, from lines to events."""

from __future__ import annotations

from itertools import chain
from typing import Iterable, Iterator, List, Optional, Tuple

from .body import BodyError

_BOM = b"\xef\xbb\xbf"
_FIELDS = (b"data:", b"event:", b"id:", b"retry:", b"error:")

Event = Tuple[bytes, bytes]  # its name (b"" where it has none) and its data


def detect_format(start: bytes) -> Optional[str]:
    """Return what a body with this start is: "json", "events" or "other"; None if it is too short to tell."""
    text = start[3:] if start.startswith(_BOM) else start
    text = text.lstrip()
    if text[:1] in (b"{", b"["):
        return "json"
    if text[:1] == b":" or text.startswith(_FIELDS):
        return "events"
    return None if any(field.startswith(text) for field in (*_FIELDS, _BOM)) else "other"


class SSEDecoder:
    """Reads events out of pieces of bytes; no more than *limit* bytes of one event are kept in memory."""

    def __init__(self, pieces: Iterable[bytes], limit: int) -> None:
        self._pieces = pieces
        self._limit = limit
        self.truncated = False  # whether the bytes ended in the middle of a line

    def lines(self) -> Iterator[bytes]:
        """Yield the lines without their ends: LF, CRLF or CR, and nothing else.

        U+2028, U+2029 and U+0085 end a line for str.splitlines, but they are text inside JSON.
        """
        pending: List[bytes] = []
        size = 0
        after_cr = False
        for piece in self._pieces:
            if b"\r" in piece or after_cr:
                if after_cr and piece.startswith(b"\n"):  # the second half of a CRLF
                    piece = piece[1:]
                    after_cr = False
                if piece:
                    after_cr = piece.endswith(b"\r")
                    piece = piece.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
            rows = piece.split(b"\n")
            if pending and len(rows) > 1:
                pending.append(rows[0])
                rows[0] = b"".join(pending)
                pending.clear()
                size = 0
            rest = rows.pop()
            yield from rows
            if rest:
                pending.append(rest)
                size += len(rest)
                if size > self._limit:
                    raise BodyError(f"an event of more than {self._limit} bytes")
        if pending:
            self.truncated = True
            yield b"".join(pending)

    def __iter__(self) -> Iterator[Event]:
        name = b""
        data: List[bytes] = []
        size = 0
        lines = self.lines()
        first = next(lines, b"")
        for line in chain([first[3:] if first.startswith(_BOM) else first], lines):
            if line[:5] == b"data:":
                data.append(line[6:] if line[5:6] == b" " else line[5:])
                size += len(line)
                if size > self._limit:
                    raise BodyError(f"an event of more than {self._limit} bytes")
            elif not line:
                if data:
                    yield name, data[0] if len(data) == 1 else b"\n".join(data)
                    data.clear()
                    size = 0
                name = b""
            elif line[:6] == b"event:":
                name = line[6:].strip()
            elif line[:6] == b"error:" and line[6:].strip() not in (b"", b"null"):
                yield b"error", line[6:].strip()  # llama.cpp says so when it fails in mid-stream
            # All else is a comment, an id, a retry time or unknown: no part of the answer.
        if data:  # some servers leave out the blank line after the last event
            yield name, b"\n".join(data)
