"""The file name in a Content-Disposition header, made safe for every system."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from typing import Optional
from urllib.parse import unquote

_PARAMETER = r'(?:^|;)\s*([\w*-]+)\s*=\s*("(?:\\.|[^"\\])*"|[^;]*)'
_DEVICE = r"(?:CON|PRN|AUX|NUL|CONIN\$|CONOUT\$|(?:COM|LPT)[0-9¹²³]) *(?:\..*)?"
_MAX_BYTES = 255  # the longest name that usual file systems take
_MAX_EXTENSION = 16


def parse_filename(header: str) -> Optional[str]:
    """Return the file name in a Content-Disposition *header*, without any folders; None if there is none.

    What some system does not take in a name is replaced by ``_``; it has at most 255 bytes as UTF-8.
    """
    with suppress(UnicodeError):  # http.client reads all headers as Latin-1; many servers write UTF-8
        header = header.encode("latin-1").decode("utf-8")
    parameters = {name.lower(): value.strip() for name, value in re.findall(_PARAMETER, header, re.DOTALL)}
    name = _decode(_unquote(parameters.get("filename*", ""))) or _unquote(parameters.get("filename", ""))
    return _make_safe(re.split(r"[/\\]", name)[-1]) or None


def _unquote(value: str) -> str:
    if len(value) < 2 or not value[0] == value[-1] == '"':
        return value
    return value[1:-1].replace("\\\\", "\\").replace('\\"', '"')


def _decode(value: str) -> str:
    """Return the text of an RFC 8187 value, such as ``UTF-8''na%C3%AFve.csv``; "" if it cannot be read."""
    *prefix, text = value.split("'", 2)
    charset = prefix[0].lower() if prefix else ""
    # No other codec is left to the server's choice: idna and punycode raise, or take quadratic time.
    if charset not in ("", "utf-8", "iso-8859-1"):
        return ""
    try:
        return unquote(text, charset or "utf-8", "strict")
    except UnicodeError:
        return ""


def _make_safe(name: str) -> str:
    name = "".join(c if c.isprintable() and c not in '<>:"|?*' else "_" for c in name.strip()).rstrip(". ")
    if re.fullmatch(_DEVICE, name, re.IGNORECASE):
        name = "_" + name
    data = name.encode("utf-8")
    if len(data) <= _MAX_BYTES:
        return name
    extension = os.path.splitext(name)[1][:_MAX_EXTENSION]
    room = _MAX_BYTES - len(extension.encode("utf-8"))
    return (data[:room].decode("utf-8", "ignore") + extension).rstrip(". ")
