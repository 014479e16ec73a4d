"""WebSockets as a server speaks them: handshake, whole frames, keep-alive and closing."""

import base64
import hashlib
import math
import os
import socket
import struct
import time
from contextlib import suppress
from enum import IntEnum
from itertools import islice
from typing import Mapping, NamedTuple, Optional

from .exchange import Feed

# uvicorn's: a ping that is not answered until the next one is due ends the connection.
PING_SECONDS = 20.0
# After this long without a text from the client the keep-alive text is sent.
QUIET_SECONDS = 30.0

_MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_MAX_PAYLOAD = 65536


class Opcode(IntEnum):
    """The kinds of frames; other ones are continuations and binary ones, which nobody sends here."""

    TEXT = 1
    CLOSE = 8
    PING = 9
    PONG = 10


class Frame(NamedTuple):
    """One frame from the client."""

    opcode: int
    payload: bytes


class Closing(Exception):
    """The end of a conversation, with what goes into the close frame."""

    def __init__(self, payload: bytes) -> None:
        super().__init__(payload)
        self.payload = payload

    @classmethod
    def because(cls, code: int, reason: str) -> "Closing":
        """An end that the server wants."""
        return cls(struct.pack(">H", code) + reason.encode("ascii"))


def is_upgrade(headers: Mapping[str, str]) -> bool:
    """Whether a request wants to become a WebSocket."""
    options = [option.strip() for option in headers.get("connection", "").lower().split(",")]
    return "upgrade" in options and headers.get("upgrade", "").lower() == "websocket"


def accept_key(key: str) -> str:
    """What the server answers to the client's `Sec-WebSocket-Key`."""
    digest = hashlib.sha1(key.strip().encode("latin-1") + _MAGIC).digest()
    return base64.b64encode(digest).decode("ascii")


class WebSocket:
    """Frames on a socket: unfragmented ones out, masked ones in."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        self._received = b""

    def send(self, opcode: Opcode, payload: bytes = b"") -> None:
        """Send one frame."""
        size = len(payload)
        if size < 126:
            length = struct.pack(">B", size)
        elif size < 65536:
            length = struct.pack(">BH", 126, size)
        else:
            length = struct.pack(">BQ", 127, size)
        self._socket.sendall(bytes([0x80 | opcode]) + length + payload)

    def receive(self, deadline: float) -> Optional[Frame]:
        """The next frame, or None when there is none by then (a value of `time.monotonic()`).

        Raises:
            Closing: The client does not keep to the protocol.
            OSError: The connection has ended.
        """
        frame = self._take_frame()
        while frame is None and self._read(deadline):
            frame = self._take_frame()
        return frame

    def _read(self, deadline: float) -> bool:
        self._socket.settimeout(max(0.0, deadline - time.monotonic()))
        try:
            data = self._socket.recv(65536)
        except (socket.timeout, BlockingIOError):
            return False
        finally:
            self._socket.settimeout(None)
        if not data:
            raise ConnectionError("the connection ended without a close frame")
        self._received += data
        return True

    def _take_frame(self) -> Optional[Frame]:
        data = self._received
        if len(data) < 2:
            return None
        if data[0] & 0x70 or not data[1] & 0x80:
            raise Closing.because(1002, "protocol error")
        size, start = data[1] & 0x7F, 2
        if size > 125:
            start = 4 if size == 126 else 10
            size = int.from_bytes(data[2:start], "big")
        # Of a length that is only half there, the half is at most as big.
        if size > _MAX_PAYLOAD:
            raise Closing.because(1009, "message too big")
        end = start + 4 + size
        if len(data) < end:
            return None
        self._received = data[end:]
        mask = data[start : start + 4]
        payload = bytes(byte ^ mask[place % 4] for place, byte in enumerate(data[start + 4 : end]))
        return Frame(data[0] & 0x0F, payload)


class Conversation:
    """One feed on one connection: what is due is sent, what the client says is answered."""

    def __init__(self, sock: socket.socket, feed: Feed) -> None:
        self._websocket = WebSocket(sock)
        self._feed = feed
        self._ping_at = time.monotonic() + PING_SECONDS
        self._unanswered: Optional[bytes] = None
        self._quiet_at = time.monotonic() + QUIET_SECONDS

    def run(self) -> None:
        """Talk until the client closes, or the feed is cut.

        Raises:
            OSError: The connection has ended.
        """
        try:
            for due, text in islice(self._feed.texts, self._feed.cut_after):
                self._listen(due)
                self._say(text)
            if self._feed.cut_after is None:
                self._listen(math.inf)
        except Closing as end:
            with suppress(OSError):
                self._websocket.send(Opcode.CLOSE, end.payload)

    def _listen(self, until: float) -> None:
        while time.monotonic() < until:
            self._keep_alive()
            frame = self._websocket.receive(min(until, self._ping_at, self._quiet_at))
            if frame is not None:
                self._heed(frame)

    def _keep_alive(self) -> None:
        now = time.monotonic()
        if now >= self._ping_at:
            if self._unanswered is not None:
                raise Closing.because(1011, "keepalive ping timeout")
            self._unanswered = os.urandom(4)
            self._websocket.send(Opcode.PING, self._unanswered)
            self._ping_at = now + PING_SECONDS
        if now >= self._quiet_at:
            self._say(self._feed.keep_alive)
            self._quiet_at = now + QUIET_SECONDS

    def _heed(self, frame: Frame) -> None:
        if frame.opcode == Opcode.CLOSE:
            raise Closing(frame.payload[:2])
        if frame.opcode == Opcode.PING:
            self._websocket.send(Opcode.PONG, frame.payload)
        elif frame.opcode == Opcode.PONG:
            if frame.payload == self._unanswered:
                self._unanswered = None
        elif frame.opcode == Opcode.TEXT:
            self._quiet_at = time.monotonic() + QUIET_SECONDS
            reply = self._feed.replies.get(frame.payload.decode("utf-8", "replace"))
            if reply is not None:
                self._say(reply)

    def _say(self, text: str) -> None:
        self._websocket.send(Opcode.TEXT, text.encode("utf-8"))
