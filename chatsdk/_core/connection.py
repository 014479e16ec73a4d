"""Connections whose reads end in time: http.client bounds each wait for a byte, nothing bounds their sum."""

from __future__ import annotations

import io
import socket
import threading
import time
from http.client import HTTPResponse, IncompleteRead
from typing import Any, Optional

from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from .call import Call

# The call that this thread is sending: http.client makes its responses without a way to hand it down.
sending = threading.local()


def hurry(sock: socket.socket, patience: Optional[float], deadline: Optional[float]) -> None:
    """Let the next read of *sock* wait no longer than *patience* and not beyond *deadline*."""
    if deadline is None:
        return
    left = deadline - time.monotonic()
    if left <= 0:
        raise socket.timeout("the time for the whole call is over")
    sock.settimeout(left if patience is None else min(left, patience))


class _TimelyFile(io.RawIOBase):
    """The receiving end of a socket, which minds the deadline of its call in each read."""

    def __init__(self, file: Any, sock: socket.socket, call: Call) -> None:
        super().__init__()
        self._file = file
        self._sock = sock
        self._patience = sock.gettimeout()
        self._call = call
        self.ended = False

    def readable(self) -> bool:
        """Return True, which io.BufferedReader wants to hear."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read what is there, or wait for the next bytes."""
        hurry(self._sock, self._patience, self._call.deadline)
        count: int = self._file.readinto(buffer)
        self.ended = self.ended or count == 0
        return count

    def close(self) -> None:
        """Close the file below too: it keeps the socket open."""
        super().close()
        self._file.close()


class TimelyResponse(HTTPResponse):
    """An answer that arrives before the deadline of its call, or not at all."""

    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        call = getattr(sending, "call", None)
        self._timely: Optional[_TimelyFile] = None
        if call is not None:
            self._timely = _TimelyFile(self.fp.detach(), sock, call)
            self.fp = io.BufferedReader(self._timely)

    def begin(self) -> None:
        """Read status and headers; http.client takes a head that was cut off for a whole one."""
        super().begin()
        if self._timely is not None and self._timely.ended:
            raise IncompleteRead(b"")


class _Pool(HTTPConnectionPool):
    def _new_conn(self) -> Any:
        return _timely(super()._new_conn())


class _SecurePool(HTTPSConnectionPool):
    def _new_conn(self) -> Any:
        return _timely(super()._new_conn())


def _timely(connection: Any) -> Any:
    # Set on the connection, not in a class of our own: recorders such as vcrpy replace the class.
    connection.response_class = TimelyResponse
    return connection


POOLS = {"http": _Pool, "https": _SecurePool}
