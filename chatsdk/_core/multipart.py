"""Multipart bodies that read their files while they are sent."""

from __future__ import annotations

import io
import os
from contextlib import ExitStack
from functools import partial
from typing import IO, TYPE_CHECKING, Any, Iterator, List, Mapping, Optional, Tuple, Union

from urllib3.fields import RequestField, guess_content_type
from urllib3.filepost import choose_boundary

from ..errors import InvalidRequestError
from . import json_codec
from .closable import CloseMixin

if TYPE_CHECKING:
    Path = Union[str, os.PathLike[str]]
else:
    Path = Union[str, os.PathLike]  # not subscriptable on Python 3.8

_File = Union[Path, bytes, IO[bytes]]
# A path, bytes or a file opened in binary mode; or a tuple of a name, one of these and maybe a Content-Type.
Upload = Union[_File, Tuple[str, _File], Tuple[str, _File, str]]

_CHUNK_SIZE = 65536  # bytes
_WANTED = "a file must be a path, bytes or a file opened in binary mode"


class MultipartBody(CloseMixin):
    """A multipart form, as requests and urllib3 take the body of a request.

    Attributes:
        headers: its Content-Type, and its Content-Length unless the size of a file is unknown.
        can_rewind: whether it can be sent again, since all files are seekable.
    """

    def __init__(self, fields: Mapping[str, Any], files: Mapping[str, Any]) -> None:
        """Open the files.

        Args:
            fields: the values by name; None is left out, a list becomes one field for each item.
            files: by name, an Upload, a list of Uploads, or None.
        """
        self._parts: List[Tuple[IO[bytes], Optional[int]]] = []  # files, and where each begins
        self._length: Optional[int] = 0
        self._chunks: Optional[Iterator[bytes]] = None
        self._boundary = choose_boundary()
        with ExitStack() as opened:
            for name, value in _flatten(fields):
                dumped = json_codec.dumps(value)  # raises if it cannot be sent
                data = value.encode("utf-8") if isinstance(value, str) else dumped
                self._add_part(RequestField(name, b""), io.BytesIO(data))
            for name, upload in _flatten(files):
                filename, file, kind = _open(upload, opened)
                self._add_part(RequestField(name, b"", filename, {"Content-Type": kind}), file)
            self._add(io.BytesIO(f"--{self._boundary}--\r\n".encode()))
            self._opened = opened.pop_all()
        self.can_rewind = self._length is not None
        self.headers = {"Content-Type": f"multipart/form-data; boundary={self._boundary}"}
        if self._length is None:
            self.headers["Transfer-Encoding"] = "chunked"
        else:
            self.headers["Content-Length"] = str(self._length)

    def __iter__(self) -> Iterator[bytes]:
        sent = 0
        for file, start in self._parts:
            if start is not None:
                file.seek(start)
            for chunk in iter(partial(file.read, _CHUNK_SIZE), b""):
                if not isinstance(chunk, (bytes, bytearray, memoryview)):  # a text file or an async one
                    raise TypeError(_WANTED)
                sent += len(chunk)
                if self._length is not None and sent > self._length:
                    break
                yield chunk
        if self._length is not None and sent != self._length:
            raise OSError("a file changed its size while it was sent")

    def read(self, size: int = -1) -> bytes:
        """Return the rest; with a *size*, the next chunk, which may be longer; b"" at the end."""
        if self._chunks is None:
            self._chunks = iter(self)
        return b"".join(self._chunks) if size < 0 else next(self._chunks, b"")

    def tell(self) -> int:
        """Return 0: before it sends a body, urllib3 asks where to begin again."""
        if not self.can_rewind:
            raise io.UnsupportedOperation("a file cannot be read again")
        return 0

    def seek(self, position: int, whence: int = 0) -> int:
        """Go back to the start, the only position that urllib3 asks for."""
        position = self.tell()
        self._chunks = None
        return position

    def close(self) -> None:
        """Close the files that were opened here."""
        self._opened.close()

    def _add_part(self, field: RequestField, file: IO[bytes]) -> None:
        field.make_multipart(content_type=field.headers.get("Content-Type"))
        head = f"--{self._boundary}\r\n{field.render_headers()}"
        self._add(io.BytesIO(head.encode("utf-8", "replace")))  # file names may be invalid Unicode
        self._add(file)
        self._add(io.BytesIO(b"\r\n"))

    def _add(self, file: IO[bytes]) -> None:
        start = None
        try:
            position = file.tell()
            file.seek(0, os.SEEK_END)
            size = file.tell() - position
            file.seek(position)  # the caller may use it again if nothing is sent
            start = position
        except (AttributeError, OSError):  # a pipe
            self._length = None
        if self._length is not None:
            self._length += size
        self._parts.append((file, start))


def _flatten(values: Mapping[str, Any]) -> Iterator[Tuple[str, Any]]:
    """Yield names and values; OpenAI's servers take a list as ``name[]``, once for each item."""
    for name, value in values.items():
        if isinstance(value, list):
            yield from ((f"{name}[]", item) for item in value)
        elif value is not None:
            yield name, value


def _open(upload: Any, opened: ExitStack) -> Tuple[str, IO[bytes], str]:
    """Return the name, the file and the Content-Type of an Upload."""
    name, content, *kind = upload if isinstance(upload, tuple) else (getattr(upload, "name", None), upload)
    if isinstance(content, (str, os.PathLike)):
        name, content = name or content, open(content, "rb")  # noqa: SIM115
        opened.callback(content.close)
    elif isinstance(content, (bytes, bytearray)):
        content = io.BytesIO(content)
    if isinstance(content, io.TextIOBase) or not hasattr(content, "read"):
        raise InvalidRequestError(_WANTED)
    name = os.path.basename(name) if isinstance(name, (str, os.PathLike)) else "file"
    return name, content, kind[0] if kind else guess_content_type(name)
