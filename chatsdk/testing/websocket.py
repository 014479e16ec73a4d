"""The server side of WebSockets: handshake, unfragmented frames, closing."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import math
import socket
import struct
import time
from itertools import islice
from typing import Mapping, Optional, Tuple

from .exchange import WebSocketStream

_TEXT, _CLOSE, _PING, _PONG = 1, 8, 9, 10
_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


class _Closed(Exception):
    """The client closed the connection; the argument is the payload of its close frame."""


def is_upgrade(headers: Mapping[str, str]) -> bool:
    """Return whether a request asks for a WebSocket."""
    options = [option.strip() for option in headers.get("connection", "").lower().split(",")]
    return "upgrade" in options and headers.get("upgrade", "").lower() == "websocket"


def accept_key(key: str) -> str:
    """Return the `Sec-WebSocket-Accept` for a `Sec-WebSocket-Key`."""
    digest = hashlib.sha1(key.strip().encode("latin-1") + _GUID).digest()
    return base64.b64encode(digest).decode("ascii")


def run_stream(sock: socket.socket, stream: WebSocketStream) -> None:
    """Send the messages when they are due and answer the client, until it closes or the stream is cut."""
    frames = _Frames(sock)
    try:
        for due, message in islice(stream.messages, stream.cut_after):
            _listen(frames, stream, due)
            frames.send(_TEXT, message.encode("utf-8"))
        if stream.cut_after is None:
            _listen(frames, stream, math.inf)
    except _Closed as closed:
        with contextlib.suppress(OSError):
            frames.send(_CLOSE, closed.args[0])


def _listen(frames: _Frames, stream: WebSocketStream, until: float) -> None:
    while time.monotonic() < until:
        frame = frames.receive(until)
        if frame is None:
            return
        opcode, payload = frame
        if opcode == _CLOSE:
            raise _Closed(payload[:2])
        if opcode == _PING:
            frames.send(_PONG, payload)
        reply = stream.replies.get(payload.decode("utf-8", "replace")) if opcode == _TEXT else None
        if reply is not None:
            frames.send(_TEXT, reply.encode("utf-8"))


class _Frames:
    """Sends unmasked and receives masked frames on a socket."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        self._received = b""

    def send(self, opcode: int, payload: bytes) -> None:
        """Send one frame."""
        size = len(payload)
        if size < 126:
            length = struct.pack(">B", size)
        elif size < 65536:
            length = struct.pack(">BH", 126, size)
        else:
            length = struct.pack(">BQ", 127, size)
        self._socket.sendall(bytes([0x80 | opcode]) + length + payload)

    def receive(self, deadline: float) -> Optional[Tuple[int, bytes]]:
        """Return opcode and payload of the next frame, or None if none arrives before *deadline*."""
        frame = self._next_frame()
        while frame is None and self._read(deadline):
            frame = self._next_frame()
        return frame

    def _read(self, deadline: float) -> bool:
        self._socket.settimeout(None if math.isinf(deadline) else max(0.0, deadline - time.monotonic()))
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

    def _next_frame(self) -> Optional[Tuple[int, bytes]]:
        data = self._received
        if len(data) < 2:
            return None
        size, start = data[1] & 0x7F, 2
        if size > 125:
            start = 4 if size == 126 else 10
            size = int.from_bytes(data[2:start], "big")
        end = start + 4 + size
        if len(data) < end:
            return None
        self._received = data[end:]
        mask = data[start : start + 4]
        payload = bytes(byte ^ mask[index % 4] for index, byte in enumerate(data[start + 4 : end]))
        return data[0] & 0x0F, payload
