"""Download: a file that a server sends, into memory or onto the disk."""

from __future__ import annotations

import os
import re
import stat
from contextlib import suppress
from errno import EINVAL, EISDIR
from functools import cached_property, partial
from typing import TYPE_CHECKING, BinaryIO, Callable, Iterator, Mapping, Optional, Union

import requests

from ..errors import APIError
from .body import BodyError
from .closable import CloseMixin
from .exchange import TRANSPORT_ERRORS, Exchange
from .filename import parse_filename
from .redaction import raise_alone

if TYPE_CHECKING:
    FilePath = Union[str, bytes, os.PathLike[str]]
else:
    FilePath = Union[str, bytes, os.PathLike]  # Python 3.8 takes no [str] here

Progress = Callable[[int, Optional[int]], object]


class Download(CloseMixin):
    """A file that a server sends: take ``content`` or ``text`` into memory, or ``save`` it.

    Nothing of the body is read before one of them is used; leaving a ``with`` block, ``close()`` and dropping
    the download free the connection.

    Attributes:
        response: the ``requests.Response`` behind the download.
    """

    def __init__(self, exchange: Exchange) -> None:
        self.response: requests.Response = exchange.open()
        self._exchange = exchange
        self._body = exchange.body(self.response)
        self._loaded = False
        self._spent = False

    def __repr__(self) -> str:
        state = "in memory" if self._loaded else "closed" if self._spent else "open"
        return f"<Download {state}, {self._exchange.address}>"

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers of the answer; names in any case."""
        return self.response.headers

    @cached_property
    def filename(self) -> Optional[str]:
        """The name that the server gives the file, None if it gives none.

        It has no folders, at most 255 bytes, and nothing in it that some system does not take in a name.
        """
        return parse_filename(self.response.headers.get("Content-Disposition", ""))

    @property
    def content(self) -> bytes:
        """The whole file, read at the first use and kept.

        Raises APIConnectionError where it is cut short, APIResponseError where it is larger than
        ``max_response_bytes``, and APIError after ``save`` or ``close()``.
        """
        if not self._loaded:
            self._check_unspent()
            self._spent = True
            self._exchange.read_body(self.response)
            self._loaded = True
        return self.response.content

    @property
    def text(self) -> str:
        """``content`` as text, which is UTF-8."""
        return self.content.decode("utf-8-sig", "replace")

    def save(self, path: FilePath, progress: Optional[Progress] = None) -> None:
        """Write the file to *path*, piece by piece; what stood there before is replaced at the very end.

        Args:
            path: where to; its folder must exist. Until the file is whole it has another name in that folder;
                a failure removes it and leaves *path* as it was. A file that is replaced keeps its mode.
            progress: called after each piece with the bytes so far and their total, None where it is unknown.

        Raises:
            APIConnectionError: the connection broke; APITimeoutError: no more bytes came in time.
            APIError: it was saved or closed before, and is not in memory.
            OSError: the file cannot be written, or *path* is a folder, a device or a pipe. If it is raised
                before anything is read, the download can still be saved elsewhere.
        """
        self._check_unspent()
        name = os.fsdecode(path)
        target = os.path.realpath(name)
        mode = _mode_of_file(target, name)
        part = os.path.join(os.path.dirname(target), f".{os.urandom(8).hex()}.part")
        file = open(part, "xb")  # noqa: SIM115 - leaving a "with" flushes again, which hides the first error
        try:
            if mode is not None:
                os.chmod(part, mode)
            self._write(file, progress)
            file.flush()
            os.fsync(file.fileno())
            file.close()  # some systems rename no open file
            os.replace(part, target)
        except BaseException:
            for clean_up in (self.close, file.close, partial(os.remove, part)):
                with suppress(Exception):  # on a full disk close() fails as well
                    clean_up()
            raise

    def close(self) -> None:
        """Free the connection; what was read into memory stays."""
        self._spent = True
        self._body.close()

    def _write(self, file: BinaryIO, progress: Optional[Progress]) -> None:
        headers = self.response.headers
        length = "" if "Content-Encoding" in headers else headers.get("Content-Length", "")
        total = int(length) if re.fullmatch("[0-9]{1,18}", length) else None
        done = 0
        for piece in self._pieces():
            file.write(piece)
            done += len(piece)
            if progress is not None:
                progress(done, total)

    def _pieces(self) -> Iterator[bytes]:
        self._spent = True
        try:
            yield from self._body
        except BodyError as error:
            raise_alone(self._exchange.invalid_response_error(self.response, str(error)))
        except TRANSPORT_ERRORS as error:
            raise_alone(self._exchange.connection_error(error), self._exchange.safe_cause(error))

    def _check_unspent(self) -> None:
        if self._spent and not self._loaded:
            raise self._exchange.error(APIError, "the download was read, saved or closed before")


def _mode_of_file(target: str, name: str) -> Optional[int]:
    """Return the mode of the file that is replaced, None if there is none; refuse all but regular files."""
    mode = os.lstat(target).st_mode if os.path.lexists(target) else None
    if os.path.basename(name) in ("", ".", "..") or os.path.isdir(target):
        raise IsADirectoryError(EISDIR, "cannot save a file: this is a folder", name)
    if mode is not None and not stat.S_ISREG(mode):
        raise OSError(EINVAL, "cannot save a file: this is no regular file", name)
    return None if mode is None else stat.S_IMODE(mode)
