"""Download: a file that a server sends, into memory or onto the disk."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from email.message import Message
from typing import BinaryIO, Callable, Iterator, Mapping, Optional, Union

import requests

from ..errors import APIError
from .body import BodyError
from .closable import Closable
from .exchange import BROKEN, Exchange

Progress = Callable[[int, Optional[int]], object]


class Download(Closable):
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

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers of the answer; names in any case."""
        return self.response.headers

    @property
    def filename(self) -> Optional[str]:
        """The name that the server gives the file, without any folders; None where it gives none."""
        message = Message()
        header = self.response.headers.get("Content-Disposition", "")
        with suppress(UnicodeError):  # http.client reads all headers as Latin-1; many servers write UTF-8
            header = header.encode("latin-1").decode("utf-8")
        message["Content-Disposition"] = header
        told = message.get_filename("")
        name = re.split(r"[/\\]", told)[-1].strip()
        return name if name not in ("", ".", "..") and name.isprintable() else None

    @property
    def content(self) -> bytes:
        """The whole file, read at the first use and kept.

        Raises APIConnectionError where it is cut short, APIResponseError where it is larger than
        ``max_response_bytes``, and APIError after ``save`` or ``close()``.
        """
        if not self._loaded:
            self._check_unspent()
            self._spent = True
            self._exchange.load(self.response)
            self._loaded = True
        return self.response.content

    @property
    def text(self) -> str:
        """``content`` as text, which is UTF-8."""
        return self.content.decode("utf-8-sig", "replace")

    def save(self, path: Union[str, bytes, os.PathLike[str]], progress: Optional[Progress] = None) -> None:
        """Write the file to *path*, piece by piece; what stood there before is replaced at the very end.

        Args:
            path: where to; its folder must exist. Until the file is whole it has another name in that folder;
                a failure removes it and leaves *path* as it was.
            progress: called after each piece with the bytes so far and their total, None where it is unknown.

        Raises:
            APIConnectionError: the connection broke; APITimeoutError: no more bytes came in time.
            APIError: it was saved or closed before, and is not in memory.
            OSError: the file cannot be written.
        """
        self._check_unspent()
        target = os.path.realpath(os.fsdecode(path))
        partial = os.path.join(os.path.dirname(target), f".{os.urandom(8).hex()}.part")
        with open(partial, "xb") as file:
            try:
                self._write(file, progress)
                file.flush()
                os.fsync(file.fileno())
                file.close()  # some systems rename no open file
                os.replace(partial, target)
            except BaseException:
                self.close()
                file.close()
                with suppress(OSError):
                    os.remove(partial)
                raise

    def close(self) -> None:
        """Free the connection; what was read into memory stays."""
        self._spent = True
        self._body.close()

    def _write(self, file: BinaryIO, progress: Optional[Progress]) -> None:
        length = self.response.headers.get("Content-Length", "")
        is_plain = length.isdigit() and "Content-Encoding" not in self.response.headers
        total = int(length) if is_plain else None
        done = 0
        for piece in self._pieces():
            file.write(piece)
            done += len(piece)
            if progress is not None:
                progress(done, total)

    def _pieces(self) -> Iterator[bytes]:
        if self._loaded:
            yield self.response.content
            return
        self._spent = True
        try:
            yield from self._body
        except BodyError as error:
            raise self._exchange.unreadable(self.response, str(error)) from None
        except BROKEN as error:
            raise self._exchange.broken(error) from self._exchange.harmless(error)

    def _check_unspent(self) -> None:
        if self._spent and not self._loaded:
            raise self._exchange.error(APIError, "the download was read, saved or closed before")
