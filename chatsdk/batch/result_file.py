"""The results of a batch as JSON lines: locked, appended to, repaired after a crash, read back."""

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
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, Any, BinaryIO, Deque, Dict, Iterator, Mapping, Optional, Set, Tuple, Union

from .._core import json_codec
from .._core.model import Model, json_default, to_send
from ..errors import ChatSDKError
from .id_set import IdSet, id_digest

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

if TYPE_CHECKING:
    FilePath = Union[str, os.PathLike[str]]
else:
    FilePath = Union[str, os.PathLike]  # Python 3.8 takes no [str] here

STARTED, DONE, FAILED, UNKNOWN = "started", "done", "failed", "unknown"

_SYNC_SECONDS = 1.0
_SYNC_LINES = 1000
_LOCKED_BYTE = 0x7FFFFFF0  # on Windows, where a lock keeps others from reading what is locked
_PREFIX = b'{"id": "batch_req_'
_SEED = re.compile(_PREFIX + rb"([0-9a-f]{16})[0-9a-f]{16}\"")
# The begin of a line of our own; it tells enough of those that are many, without decoding the bodies.
_OWN_LINE = re.compile(
    _PREFIX + rb'([0-9a-f]{16})([0-9a-f]{16})", "custom_id": "(?:[^"\\]|\\.)*", '
    rb'"response": (?:\{"status_code": 2|null, "error": \{"code": "(started)")'
)
_encode_text = json.encoder.encode_basestring_ascii


def _encodable(value: Any) -> Any:
    if isinstance(value, Model):
        return to_send(value)
    try:
        return json_default(value)
    except TypeError:  # what a method returned is kept in some form
        return getattr(value, "text", None) or str(value)


_encode = json.JSONEncoder(ensure_ascii=False, default=_encodable).encode


class ResultFile:
    """The file of results of one batch, open for one process.

    Each line is in the form of OpenAI's batch output. Of the lines of one id the last one counts. A line
    with the error code ``started`` is written before a call is sent; if no other line of its id follows, the
    outcome of the call is unknown.

    Any thread may add lines; ``flush`` writes them.

    Attributes:
        done: the ids with a success in the file when it was opened.
        failed: those with a failure, also if a success follows.
        unknown: the ids that may have been acted on.

    Raises:
        ChatSDKError: another process has the file open, or it is no file of results.
        OSError: it cannot be opened.
    """

    def __init__(self, path: str, read_only: bool = False) -> None:
        self.path = os.path.realpath(path)
        self.done = IdSet()
        self.unknown: Set[int] = set()
        self._seed = ""
        self.failed = IdSet()
        self._started = 0  # lines
        self._replaced: Dict[int, int] = {}  # how many of the first failures of an id later lines replace
        self._added: Deque[Tuple[int, str, bytes]] = deque()  # by any thread, not yet written
        self._lock = threading.Lock()
        self._end = self._unsynced = 0
        self._unended = False  # the last line lacks its line feed
        self._synced = time.monotonic()
        self._fd: Optional[int] = None
        if not read_only:
            self._fd = _open_locked(self.path)
            _open_files.add(self)
        try:
            if read_only and not os.path.exists(self.path):
                return
            with open(self.path, "rb") as lines:
                self._read(lines)
            if self._fd is not None:
                self._repair(self._fd)
        except BaseException:
            self.close()
            raise
        self._seed = self._seed or uuid.uuid4().hex[:16]

    def request_id(self, digest: int) -> str:
        """Return the ``X-Request-Id`` of a call, a UUID that is the same one in each run."""
        text = f"{self._seed}{digest:016x}"
        return f"{text[:8]}-{text[8:12]}-5{text[13:16]}-8{text[17:20]}-{text[20:]}"

    def add_started(self, custom_id: str, digest: int) -> None:
        """Add that a call is about to be sent."""
        error = '{"code": "started", "message": "sent, no answer yet"}'
        self._add(custom_id, digest, STARTED, f'null, "error": {error}')

    def add_result(self, custom_id: str, digest: int, request_id: Optional[str], body: Any) -> None:
        """Add a success."""
        response = _encode({"status_code": 200, "request_id": request_id, "body": body})
        self._add(custom_id, digest, DONE, f'{response}, "error": null')

    def add_failure(self, custom_id: str, digest: int, error: BaseException, unknown: bool) -> None:
        """Add a failure; *unknown* if the server may have acted."""
        response = None
        status = getattr(error, "status_code", None)
        if status and not 200 <= status < 300:
            body = getattr(error, "body", None)
            request_id = getattr(error, "request_id", None)
            response = {"status_code": status, "request_id": request_id, "body": body}
        code = getattr(error, "code", None) or type(error).__name__
        failure = {"code": code, "message": getattr(error, "message", None) or str(error)}
        if unknown:
            failure["unknown"] = True
        kind = UNKNOWN if unknown else FAILED
        self._add(custom_id, digest, kind, f'{_encode(response)}, "error": {_encode(failure)}')

    def flush(self) -> None:
        """Write what was added; sync it to the disk if it is time to."""
        if self._added:
            with self._lock:
                lines, digests = [], []
                while self._added:
                    digest, kind, line = self._added.popleft()
                    lines.append(line)
                    digests.append((digest, kind))
                self._write(b"".join(lines))
                self._unsynced += len(lines)
                for digest, kind in digests:
                    self._note(digest, kind)
        if self._unsynced and (
            self._unsynced >= _SYNC_LINES or time.monotonic() - self._synced >= _SYNC_SECONDS
        ):
            self.sync()

    def sync(self) -> None:
        """Sync what was written to the disk."""
        if self._fd is not None and self._unsynced:
            self._unsynced, self._synced = 0, time.monotonic()
            os.fsync(self._fd)

    def compact(self) -> None:
        """Leave out the lines that later ones replace; if that fails, the file stays as it is."""
        if self._started <= len(self.unknown) and not self._replaced:
            return
        temporary = f"{self.path}.{os.getpid()}.tmp"
        try:
            with open(self.path, "rb") as lines, open(temporary, "wb") as kept:
                kept.writelines(line for line in lines if self._is_last(line))
                kept.flush()
                os.fsync(kept.fileno())
            shutil.copymode(self.path, temporary)
            if os.name == "nt":  # which replaces no open file
                self.close()
            os.replace(temporary, self.path)
        except OSError:
            with suppress(OSError):
                os.remove(temporary)

    def close(self) -> None:
        """Close the file and unlock it."""
        fd, self._fd = self._fd, None
        if fd is not None:
            os.close(fd)

    def _add(self, custom_id: str, digest: int, kind: str, rest: str) -> None:
        head = f'{{"id": "batch_req_{self._seed}{digest:016x}", "custom_id": {_encode_text(custom_id)}, '
        # Half of a surrogate pair becomes the escape that it is in JSON.
        line = f'{head}"response": {rest}}}\n'.encode("utf-8", "backslashreplace")
        self._added.append((digest, kind, line))

    def _write(self, data: bytes) -> None:
        if self._fd is None:
            raise ChatSDKError("the file of results is closed")
        written = 0
        try:
            while written < len(data):
                written += os.write(self._fd, data[written:])
        except OSError:  # the disk is full: no half line stays behind
            self._end += data.rfind(b"\n", 0, written) + 1
            _cut(self._fd, self._end)
            raise
        self._end += written

    def _note(self, digest: int, kind: str) -> None:
        """Remember what a line says, so far as later lines and ``compact`` need it."""
        if kind == STARTED:
            self._started += 1
            self.unknown.add(digest)
            return
        if digest in self.failed:
            self._replaced[digest] = self._replaced.get(digest, 0) + 1
        if kind != DONE:
            self.failed.add(digest)
        if kind == UNKNOWN:
            self.unknown.add(digest)
        else:
            self.unknown.discard(digest)

    def _is_last(self, line: bytes) -> bool:
        own = _OWN_LINE.match(line)
        if own is not None and (own.group(3) is None or not self.unknown):
            return own.group(3) is None
        digest, kind = _read_line(line)
        if kind == STARTED:
            return digest in self.unknown and digest not in self.failed
        if kind != DONE and self._replaced.get(digest):
            self._replaced[digest] -= 1
            return False
        return True

    def _repair(self, fd: int) -> None:
        """Take off the last line if a crash has torn it; end it if only its end is missing."""
        _cut(fd, self._end)
        if self._unended:
            self._end += os.write(fd, b"\n")

    def _read(self, lines: BinaryIO) -> None:
        for number, line in enumerate(lines, 1):
            try:
                digest, kind = _read_line(line)
            except (ValueError, RecursionError):
                if not line.endswith(b"\n") and line.startswith(_PREFIX[: len(line)]):
                    return  # the last line, torn by a crash
                raise ChatSDKError(f"{self.path}, line {number}: no result of a batch") from None
            if not self._seed:
                seed = _SEED.match(line)
                self._seed = seed.group(1).decode() if seed else ""
            self._end += len(line)
            self._unended = not line.endswith(b"\n")
            self._note(digest, kind)
            if kind == DONE:
                self.done.add(digest)


def iter_lines(path: str) -> Iterator[Dict[str, Any]]:
    """Yield the decoded lines of a file of results; a torn last one is left out."""
    with open(path, "rb") as lines:
        for line in lines:
            try:
                yield json_codec.loads(line)
            except ValueError:
                if line.endswith(b"\n"):
                    raise


def line_kind(line: Mapping[str, Any]) -> str:
    """Return what a decoded line says of its call."""
    response, error = line["response"], line.get("error")
    if response and 200 <= response["status_code"] < 300 and not error:
        return DONE
    if error and error.get("code") == STARTED:
        return STARTED
    return UNKNOWN if error and error.get("unknown") else FAILED


def _read_line(line: bytes) -> Tuple[int, str]:
    """Return the digest of the id in a line, and what the line says of its call."""
    own = _OWN_LINE.match(line)
    if own is not None:
        return int(own.group(2), 16), STARTED if own.group(3) else DONE
    decoded = json_codec.loads(line)
    try:
        return id_digest(decoded["custom_id"]), line_kind(decoded)
    except (TypeError, KeyError, AttributeError):
        raise ValueError("no line of a file of results") from None


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
        os.close(fd)  # another process has replaced the file between the two calls


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


def _cut(fd: int, end: int) -> None:
    if os.fstat(fd).st_size > end:
        os.ftruncate(fd, end)


_open_files: weakref.WeakSet[ResultFile] = weakref.WeakSet()


def _close_in_child() -> None:
    # The worker processes of a pool would hold the lock after a crash of the batch.
    for file in list(_open_files):
        file.close()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_close_in_child)
