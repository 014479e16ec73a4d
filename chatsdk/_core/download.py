"""Download: a file in a response, read into memory or saved to disk."""

from __future__ import annotations

import os
import re
from errno import EINVAL, EISDIR, ENOENT
from functools import cached_property
from typing import BinaryIO, Callable, Iterator, Mapping, Optional, Union

import requests

from ..errors import APIError
from .body import BodyError
from .closable import CloseMixin
from .exchange import TRANSPORT_ERRORS, Exchange
from .filename import parse_filename
from .multipart import Path
from .progress import Progress
from .redaction import raise_alone
from .replace_file import replace_file

FilePath = Union[Path, bytes]
ProgressOption = Union[bool, Callable[[int, Optional[int]], object]]


class Download(CloseMixin):
    """A file in a response: read ``content`` or ``text`` into memory, or ``save`` it.

    The body is not read until then. ``close()``, the end of a ``with`` block and deleting the download free
    the connection.

    Attributes:
        response: the ``requests.Response`` of the download.
    """

    def __init__(self, exchange: Exchange) -> None:
        self.response: requests.Response = exchange.run(read_body=False)
        self._exchange = exchange
        self._body = exchange.body(self.response)
        self._loaded = False
        self._spent = False

    def __repr__(self) -> str:
        state = "in memory" if self._loaded else "closed" if self._spent else "open"
        return f"<Download {state}, {self._exchange.address}>"

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers of the response; their names are case-insensitive."""
        return self.response.headers

    @cached_property
    def filename(self) -> Optional[str]:
        """The file name from the Content-Disposition header, or None.

        It has no folders, at most 255 bytes, and only characters that every operating system accepts.
        """
        return parse_filename(self.response.headers.get("Content-Disposition", ""))

    @property
    def content(self) -> bytes:
        """The bytes of the file, read on first use and kept.

        Raises APIConnectionError if it is cut short, APIResponseError if it is larger than
        ``max_response_bytes``, and APIError after ``save`` or ``close()``.
        """
        if not self._loaded:
            self._check_unread()
            self._spent = True
            self._exchange.read_body(self.response, self._body)
            self._loaded = True
        return self.response.content

    @property
    def text(self) -> str:
        """``content``, decoded as UTF-8."""
        return self.content.decode("utf-8-sig", "replace")

    def save(self, path: FilePath, progress: Optional[ProgressOption] = None) -> None:
        """Write the file to *path* in chunks, without reading it into memory.

        Args:
            path: the file to write or replace, in an existing folder. The chunks go to a temporary file in
                that folder, which is renamed at the end: after a failure *path* is unchanged. A file that is
                replaced keeps its mode.
            progress: True for a bar, or called after each chunk with the bytes so far and the total or None.

        Raises:
            APIConnectionError: the connection broke; APITimeoutError: no more bytes came in time.
            APIError: the download was saved or closed before, and is not in memory.
            OSError: the file cannot be written, or *path* is a folder, a device or a pipe. If nothing was
                read yet, the download can still be saved elsewhere.
        """
        self._check_unread()
        with replace_file(check_target(path)) as file:
            try:
                self._write(file, progress)
            except BaseException:
                self.close()
                raise

    def close(self) -> None:
        """Free the connection; ``content`` that was read stays available."""
        self._spent = True
        self._body.close()

    def _write(self, file: BinaryIO, progress: Optional[ProgressOption]) -> None:
        headers = self.response.headers
        length = "" if "Content-Encoding" in headers else headers.get("Content-Length", "")
        total = int(length) if re.fullmatch("[0-9]{1,18}", length) else None
        done = 0
        with Progress(total, "B", shown=progress is True) as bar:
            for chunk in self._chunks():
                file.write(chunk)
                done += len(chunk)
                bar.update(len(chunk))
                if callable(progress):
                    progress(done, total)

    def _chunks(self) -> Iterator[bytes]:
        self._spent = True
        try:
            yield from self._body
        except BodyError as error:
            raise_alone(self._exchange.invalid_response_error(self.response, str(error)))
        except TRANSPORT_ERRORS as error:
            raise_alone(self._exchange.connection_error(error), self._exchange.safe_cause(error))

    def _check_unread(self) -> None:
        if self._spent and not self._loaded:
            raise self._exchange.error(APIError, "the download was already read, saved or closed")


def check_target(path: FilePath) -> str:
    """Return the real path of *path*; raise OSError if no file can be saved there."""
    name = os.fsdecode(path)
    target = os.path.realpath(name)
    if os.path.basename(name) in ("", ".", "..") or os.path.isdir(target):
        raise IsADirectoryError(EISDIR, "cannot save a file: this is a folder", name)
    if os.path.lexists(target) and not os.path.isfile(target):
        raise OSError(EINVAL, "cannot save a file: this is not a regular file", name)
    if not os.path.isdir(os.path.dirname(target)):
        raise FileNotFoundError(ENOENT, "cannot save a file: its folder does not exist", name)
    return target
