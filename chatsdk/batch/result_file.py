"""The result file of a batch: JSON lines that are locked, appended, repaired after a crash and read back."""

from __future__ import annotations

import json
import os
import re
import shutil
import stat
import threading
import time
import uuid
import weakref
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Dict, Iterator, Mapping, Optional, Tuple

from .._core import json_codec
from .._core.closable import CloseMixin
from .._core.model import json_default
from .._core.multipart import Path
from ..errors import ChatSDKError, InvalidRequestError
from .id_map import IdMap, id_digest

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

JSONObject = Mapping[str, Any]

# What a line says of its call. The outcome is unknown if the server may have acted on a call that failed.
NONE, STARTED, DONE, FAILED, UNKNOWN = range(5)

_CLAIMED = 1 << 31
_SYNC_SECONDS = 1.0
_LOCKED_BYTE = 0x7FFFFFF0  # on Windows, where other processes cannot read a locked byte
_LINE_ID = re.compile("batch_req_([0-9a-f]{16})[0-9a-f]{16}")
_LINE_PREFIX = b'{"id": "batch_req_'


def _encodable(value: Any) -> Any:
    try:
        return json_default(value)
    except TypeError:  # a method may return anything
        return getattr(value, "text", None) or str(value)


_encode = json.JSONEncoder(ensure_ascii=False, default=_encodable).encode


@dataclass
class Item:
    """The outcome of one call.

    Attributes:
        custom_id: its id.
        result: what the method returned, ``final()`` of a stream; None if the call failed.
        error: why it failed, or None.
        unknown: True if it failed and the server may have acted on it all the same: a timeout, a broken
            connection, a worker that died.
    """

    custom_id: str
    result: Any = field(default=None, repr=False)
    error: Optional[BaseException] = None
    unknown: bool = False

    @property
    def ok(self) -> bool:
        """Whether it succeeded."""
        return self.error is None


class ResultFile(CloseMixin):
    """The result file of a batch, open in one process; any thread may add lines.

    Lines are in the form of OpenAI's batch output; the last line of each id counts. A line with the error
    code ``started`` is written before a call is sent. If no other line follows it, the call was in flight
    at a crash.

    Raises:
        ChatSDKError: another process has the file open, or it is not a result file.
        OSError: it cannot be opened.
    """

    def __init__(self, path: str, read_only: bool = False) -> None:
        self.path = os.path.realpath(path)
        self._seed = ""  # of the request ids; part of each line
        # By the number of each line, from 1: what it says, NONE if a later line replaces it.
        self._kinds = bytearray([NONE])
        self._last_lines = IdMap()  # the number of the last line, with the flag _CLAIMED
        self._claimed = 0  # the flag for the lines of this run
        self._lock = threading.RLock()
        self._size = self._synced_size = 0
        self._synced_at = time.monotonic()
        self._fd = None if read_only else _open_locked(self.path)
        _open_files.add(self)
        try:
            if not read_only or os.path.exists(self.path):
                self._read()
        except BaseException:
            self.close()
            raise
        self._claimed = _CLAIMED
        self._seed = self._seed or uuid.uuid4().hex[:16]

    def claim(self, custom_id: str) -> int:
        """Return what the file says of a call; raise InvalidRequestError if its id was claimed before."""
        digest = id_digest(custom_id)
        with self._lock:
            number = self._last_lines.get(digest)
            if number & _CLAIMED:
                raise InvalidRequestError(f"two requests have the id {custom_id!r}")
            self._last_lines.set(digest, number | _CLAIMED)
            return self._kinds[number]

    def request_id(self, custom_id: str) -> str:
        """Return the ``X-Request-Id`` of a call: a UUID that is the same in each run."""
        text = f"{self._seed}{id_digest(custom_id):016x}"
        return f"{text[:8]}-{text[8:12]}-5{text[13:16]}-8{text[17:20]}-{text[20:]}"

    def add_started(self, custom_id: str) -> None:
        """Write that a call is about to be sent."""
        error = '{"code": "started", "message": "sent, no answer yet"}'
        self._add(custom_id, STARTED, "null", error)

    def add_outcome(self, item: Item, request_id: Optional[str]) -> None:
        """Write the outcome of a call."""
        if item.error is None:
            success = {"status_code": 200, "request_id": request_id, "body": item.result}
            self._add(item.custom_id, DONE, _encode(success), "null")
        else:
            response, error = _describe(item.error, item.unknown)
            kind = UNKNOWN if item.unknown else FAILED
            self._add(item.custom_id, kind, _encode(response), _encode(error))

    def sync(self) -> None:
        """Sync what was written to the disk."""
        with self._lock:
            if self._fd is not None and self._synced_size < self._size:
                os.fsync(self._fd)
                self._synced_size, self._synced_at = self._size, time.monotonic()

    def compact(self) -> None:
        """Keep the last line of each id; if that fails, the file stays as it is."""
        if self._kinds.count(NONE) == 1:
            return
        temporary = f"{self.path}.{os.getpid()}.tmp"
        try:
            with open(self.path, "rb") as lines, open(temporary, "wb") as kept:
                kept.writelines(line for line, kind in zip(lines, self._kinds[1:]) if kind != NONE)
                kept.flush()
                os.fsync(kept.fileno())
            shutil.copymode(self.path, temporary)
            if os.name == "nt":  # which replaces no open file
                self.close()
            os.replace(temporary, self.path)
        except OSError:
            pass
        finally:
            with suppress(OSError):
                os.remove(temporary)

    def close(self) -> None:
        """Close the file and unlock it."""
        with self._lock:
            if self._fd is not None:
                os.close(self._fd)
            self._fd = None

    def _add(self, custom_id: str, kind: int, response: str, error: str) -> None:
        """Write a line; *response* and *error* are JSON."""
        digest = id_digest(custom_id)
        head = f'{{"id": "batch_req_{self._seed}{digest:016x}", "custom_id": {_encode(custom_id)}'
        text = f'{head}, "response": {response}, "error": {error}}}\n'
        line = text.encode("utf-8", "backslashreplace")  # a lone surrogate becomes its JSON escape
        with self._lock:
            if self._fd is None:
                raise ChatSDKError("the result file is closed")
            try:
                written = 0
                while written < len(line):
                    written += os.write(self._fd, line[written:])
            except OSError:  # the disk is full
                os.ftruncate(self._fd, self._size)
                raise
            self._note(digest, kind, line)
            if time.monotonic() - self._synced_at >= _SYNC_SECONDS:
                self.sync()

    def _note(self, digest: int, kind: int, line: bytes) -> None:
        self._size += len(line)
        self._kinds[self._last_lines.get(digest) & ~_CLAIMED] = NONE
        self._last_lines.set(digest, len(self._kinds) | self._claimed)
        self._kinds.append(kind)

    def _read(self) -> None:
        """Read all lines; remove the last one if a crash tore it."""
        line = b"\n"
        for line, kind, data in read_lines(self.path):
            found = None if self._seed else _LINE_ID.fullmatch(str(data.get("id")))
            if found is not None:
                self._seed = found.group(1)
            self._note(id_digest(data["custom_id"]), kind, line)
        if self._fd is not None:
            os.ftruncate(self._fd, self._size)
            if not line.endswith(b"\n"):
                self._size += os.write(self._fd, b"\n")


def read_lines(path: Path) -> Iterator[Tuple[bytes, int, Dict[str, Any]]]:
    """Yield each line, what it says of its call, and its JSON object, except a last line torn by a crash."""
    with open(path, "rb") as lines:
        for number, line in enumerate(lines, 1):
            try:
                data = json_codec.loads(line)
                kind = _kind_of(data)
            except (ValueError, RecursionError, TypeError, KeyError, AttributeError):
                if not line.endswith(b"\n") and line.startswith(_LINE_PREFIX[: len(line)]):
                    return
                raise ChatSDKError(f"{os.fspath(path)}, line {number} is not a batch result") from None
            yield line, kind, data


def _describe(error: BaseException, unknown: bool) -> Tuple[Optional[JSONObject], JSONObject]:
    """Return the response of a failed call, if there is one, and its error."""
    response = None
    status = getattr(error, "status_code", None)
    if status and not 200 <= status < 300:
        body, request_id = getattr(error, "body", None), getattr(error, "request_id", None)
        response = {"status_code": status, "request_id": request_id, "body": body}
    code = getattr(error, "code", None) or type(error).__name__
    message = getattr(error, "message", None) or str(error)
    return response, {"code": code, "message": message, **({"unknown": True} if unknown else {})}


def _kind_of(data: JSONObject) -> int:
    response, error = data["response"], data.get("error")
    if not isinstance(data["custom_id"], str):
        raise TypeError("custom_id is not a string")
    if response and 200 <= response["status_code"] < 300 and not error:
        return DONE
    if error and error.get("code") == "started":
        return STARTED
    return UNKNOWN if error and error.get("unknown") else FAILED


def _open_locked(path: str) -> int:
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0), 0o666)
    try:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise ChatSDKError(f"{path} is not a regular file")
        _lock(fd, path)
        if not os.path.samestat(os.fstat(fd), os.stat(path)):
            raise ChatSDKError(f"{path} was just replaced by another batch; try again")
        return fd
    except BaseException:
        os.close(fd)
        raise


def _lock(fd: int, path: str) -> None:
    try:
        if fcntl is not None:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        else:
            import msvcrt

            os.lseek(fd, _LOCKED_BYTE, os.SEEK_SET)
            msvcrt.locking(fd, msvcrt.LK_NBLCK, 1)
    except (BlockingIOError, PermissionError):
        raise ChatSDKError(f"{path} is in use by another batch") from None


_open_files: weakref.WeakSet[ResultFile] = weakref.WeakSet()


def _close_in_child() -> None:
    """Unlock the files in a forked worker process, which may live on after a crash of the batch."""
    for file in list(_open_files):
        file._lock = threading.RLock()  # another thread may have held it at the fork
        file.close()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_close_in_child)
