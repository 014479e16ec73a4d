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
from typing import TYPE_CHECKING, Any, Dict, Iterator, Mapping, Optional, Tuple, Union

from .._core import json_codec
from .._core.model import Model, json_default, to_send
from ..errors import ChatSDKError, InvalidRequestError
from .id_map import IdMap, id_digest

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

if TYPE_CHECKING:
    FilePath = Union[str, os.PathLike[str]]
else:
    FilePath = Union[str, os.PathLike]  # Python 3.8 takes no [str] here

# What a line says of its call. The outcome of a call is unknown if the server may have acted on it.
NONE, STARTED, DONE, FAILED, UNKNOWN = range(5)

_CLAIMED = 1 << 31
_SYNC_SECONDS = 1.0
_SYNC_LINES = 1000
_LOCKED_BYTE = 0x7FFFFFF0  # on Windows, where nobody else can read the locked bytes
_LINE_ID = re.compile("batch_req_([0-9a-f]{16})[0-9a-f]{16}")
_LINE_PREFIX = b'{"id": "batch_req_'


def _encodable(value: Any) -> Any:
    if isinstance(value, Model):
        return to_send(value)
    try:
        return json_default(value)
    except TypeError:  # a method may return anything
        return getattr(value, "text", None) or str(value)


_encode = json.JSONEncoder(ensure_ascii=False, default=_encodable).encode


class ResultFile:
    """The result file of a batch, open for one process; any thread may add lines.

    Each line is in the form of OpenAI's batch output, and the last line of an id counts. A line with the
    error code ``started`` is written before a call is sent. If it is the last one of its id, the call was in
    flight at a crash.

    Raises:
        ChatSDKError: another process has the file open, or it is no result file.
        OSError: it cannot be opened.
    """

    def __init__(self, path: str, read_only: bool = False) -> None:
        self.path = os.path.realpath(path)
        self._seed = ""  # of the request ids; each line has it
        # Lines are counted from 1. A line that a later one replaces gets the kind NONE.
        self._last_lines = IdMap()
        self._kinds = bytearray([NONE])
        self._claimed = 0  # the flag of ids with a line of this run
        self._lock = threading.Lock()
        self._end = self._unsynced = 0
        self._synced_at = time.monotonic()
        self._fd: Optional[int] = None
        if not read_only:
            self._fd = _open_locked(self.path)
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
        """Return what the file says of a call, once for each id.

        Raises:
            InvalidRequestError: the id was claimed before.
        """
        digest = id_digest(custom_id)
        with self._lock:
            number = self._last_lines.get(digest)
            if number & _CLAIMED:
                raise InvalidRequestError(f"two requests have the id {custom_id!r}")
            self._last_lines.set(digest, number | _CLAIMED)
            return self._kinds[number]

    def request_id(self, custom_id: str) -> str:
        """Return the ``X-Request-Id`` of a call: a UUID that is the same in each run."""
        return str(uuid.UUID(f"{self._seed}{id_digest(custom_id):016x}", version=5))

    def add_started(self, custom_id: str) -> None:
        """Write that a call is about to be sent."""
        self._add(custom_id, STARTED, None, {"code": "started", "message": "sent, no answer yet"})

    def add_result(self, custom_id: str, request_id: Optional[str], body: Any) -> None:
        """Write a success."""
        self._add(custom_id, DONE, {"status_code": 200, "request_id": request_id, "body": body}, None)

    def add_failure(self, custom_id: str, error: BaseException, unknown: bool) -> None:
        """Write a failure; *unknown* if the server may have acted."""
        response = None
        status = getattr(error, "status_code", None)
        if status and not 200 <= status < 300:
            body, request_id = getattr(error, "body", None), getattr(error, "request_id", None)
            response = {"status_code": status, "request_id": request_id, "body": body}
        code = getattr(error, "code", None) or type(error).__name__
        failure = {"code": code, "message": getattr(error, "message", None) or str(error)}
        if unknown:
            failure["unknown"] = True
        self._add(custom_id, UNKNOWN if unknown else FAILED, response, failure)

    def sync(self) -> None:
        """Sync what was written to the disk."""
        with self._lock:
            self._sync()

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
            self._close()

    def _close(self) -> None:
        fd, self._fd = self._fd, None
        if fd is not None:
            os.close(fd)

    def _add(
        self,
        custom_id: str,
        kind: int,
        response: Optional[Mapping[str, Any]],
        error: Optional[Mapping[str, Any]],
    ) -> None:
        digest = id_digest(custom_id)
        line_id = f"batch_req_{self._seed}{digest:016x}"
        text = _encode({"id": line_id, "custom_id": custom_id, "response": response, "error": error})
        # A lone surrogate becomes its JSON escape.
        line = f"{text}\n".encode("utf-8", "backslashreplace")
        with self._lock:
            self._write(line)
            self._note(digest, kind)
            self._unsynced += 1
            if self._unsynced >= _SYNC_LINES or time.monotonic() - self._synced_at >= _SYNC_SECONDS:
                self._sync()

    def _write(self, line: bytes) -> None:
        if self._fd is None:
            raise ChatSDKError("the result file is closed")
        written = 0
        try:
            while written < len(line):
                written += os.write(self._fd, line[written:])
        except OSError:  # the disk is full
            os.ftruncate(self._fd, self._end)
            raise
        self._end += written

    def _sync(self) -> None:
        if self._fd is not None and self._unsynced:
            self._unsynced, self._synced_at = 0, time.monotonic()
            os.fsync(self._fd)

    def _note(self, digest: int, kind: int) -> None:
        """Record what the next line says."""
        self._kinds[self._last_lines.get(digest) & ~_CLAIMED] = NONE
        self._last_lines.set(digest, len(self._kinds) | self._claimed)
        self._kinds.append(kind)

    def _read(self) -> None:
        """Read all lines; take off the last one if a crash tore it."""
        is_ended = True
        for line, kind, data in read_lines(self.path):
            found = None if self._seed else _LINE_ID.fullmatch(str(data.get("id")))
            if found is not None:
                self._seed = found.group(1)
            self._note(id_digest(data["custom_id"]), kind)
            self._end += len(line)
            is_ended = line.endswith(b"\n")
        if self._fd is not None:
            os.ftruncate(self._fd, self._end)
            if not is_ended:
                self._write(b"\n")


def read_lines(path: FilePath) -> Iterator[Tuple[bytes, int, Dict[str, Any]]]:
    """Yield each line, what it says of its call, and its JSON object; leave out a last line torn by a crash."""
    with open(path, "rb") as lines:
        for number, line in enumerate(lines, 1):
            try:
                data = json_codec.loads(line)
                kind = _kind_of(data)
            except (ValueError, RecursionError, TypeError, KeyError, AttributeError):
                if not line.endswith(b"\n") and line.startswith(_LINE_PREFIX[: len(line)]):
                    return
                raise ChatSDKError(f"{os.fspath(path)}, line {number}: no result of a batch") from None
            yield line, kind, data


def _kind_of(data: Mapping[str, Any]) -> int:
    """Return what the JSON object of a line says of its call."""
    response, error = data["response"], data.get("error")
    if not isinstance(data["custom_id"], str):
        raise TypeError("custom_id is no text")
    if response and 200 <= response["status_code"] < 300 and not error:
        return DONE
    if error and error.get("code") == "started":
        return STARTED
    return UNKNOWN if error and error.get("unknown") else FAILED


def _open_locked(path: str) -> int:
    while True:
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0), 0o666)
        try:
            if not stat.S_ISREG(os.fstat(fd).st_mode):
                raise ChatSDKError(f"{path} is no regular file")
            _lock(fd, path)
            if os.path.exists(path) and os.path.samestat(os.fstat(fd), os.stat(path)):
                return fd
        except BaseException:
            os.close(fd)
            raise
        os.close(fd)  # another process replaced the file after it was opened


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
    # A forked worker process would keep the file locked after a crash of the batch.
    for file in list(_open_files):
        file._close()  # without the lock, which another thread may have held at the fork


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_close_in_child)
