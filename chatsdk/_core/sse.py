"""Server-sent events: from bytes to lines, from lines to events."""

from __future__ import annotations

from itertools import chain
from typing import Iterable, Iterator, List, Optional, Tuple

from .body import BodyError

_BOM = b"\xef\xbb\xbf"
_FIELDS = (b"data:", b"event:", b"id:", b"retry:", b"error:", b":")

Event = Tuple[bytes, bytes]  # name (b"" if it has none) and data


def detect_format(start: bytes) -> Optional[str]:
    """Return the format of a body with this start: "json", "events" or "other"; None if it is too short."""
    text = (start[3:] if start.startswith(_BOM) else start).lstrip()
    if text[:1] in (b"{", b"["):
        return "json"
    if text.startswith(_FIELDS):
        return "events"
    return None if any(field.startswith(text) for field in (*_FIELDS, _BOM)) else "other"


class SSEDecoder:
    """Decodes events from pieces of bytes, with at most *limit* bytes of one event in memory."""

    def __init__(self, pieces: Iterable[bytes], limit: int) -> None:
        self._pieces = pieces
        self._limit = limit
        self.truncated = False  # whether the bytes ended inside a line

    def _split_lines(self) -> Iterator[List[bytes]]:
        """Yield the lines of each piece without their ends: LF, CRLF or CR.

        U+2028, U+2029 and U+0085 end a line for str.splitlines, but they are text inside JSON.
        """
        pending: List[bytes] = []
        size = 0
        after_cr = False
        for piece in self._pieces:
            if after_cr and piece:  # the LF of a split CRLF is not another line end
                piece = piece[1:] if piece.startswith(b"\n") else piece
                after_cr = False
            if b"\r" in piece:
                after_cr = piece.endswith(b"\r")
                piece = piece.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
            lines = piece.split(b"\n")
            pending.append(lines[0])
            if len(lines) > 1:
                lines[0] = b"".join(pending)
                pending = [lines.pop()]
                size = 0
                yield lines
            size += len(pending[-1])
            if size > self._limit:
                raise self._too_large()
        if any(pending):
            self.truncated = True
            yield [b"".join(pending)]

    def __iter__(self) -> Iterator[Event]:
        name = b""
        data: List[bytes] = []
        size = 0
        lines = chain.from_iterable(self._split_lines())
        first = next(lines, b"")
        for line in chain([first[3:] if first.startswith(_BOM) else first], lines):
            if not line:
                if data:
                    yield name, b"\n".join(data)
                    data.clear()
                    size = 0
                name = b""
            elif line[:5] == b"data:":
                data.append(line[6:] if line[5:6] == b" " else line[5:])
                size += len(line)
                if size > self._limit:
                    raise self._too_large()
            elif line[:6] == b"event:":
                name = line[6:].strip()
            elif line[:6] == b"error:" and line[6:].strip() not in (b"", b"null"):
                yield b"error", line[6:].strip()  # llama.cpp sends this if it fails in mid-stream
            # Any other line is a comment, an id, a retry time or unknown: not part of the answer.
        if data:  # some servers leave out the blank line after the last event
            yield name, b"\n".join(data)

    def _too_large(self) -> BodyError:
        return BodyError(f"an event of more than {self._limit} bytes")
