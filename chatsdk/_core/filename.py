"""The file name in a Content-Disposition header, made safe for every system."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from typing import Optional
from urllib.parse import unquote

_PARAMETER = r'(?:^|;)\s*([\w*-]+)\s*=\s*(?:"((?:\\.|[^"\\])*)"|([^;]*))'
_DEVICE = r"(?:CON|PRN|AUX|NUL|CONIN\$|CONOUT\$|(?:COM|LPT)[0-9¹²³]) *(?:\..*)?"
_CHARSETS = ("utf-8", "utf8", "us-ascii", "iso-8859-1", "windows-1252")
_MAX_BYTES = 255  # the limit of common file systems


def parse_filename(header: str) -> Optional[str]:
    """Return the file name in a Content-Disposition *header*, without any folders; None if there is none.

    Characters and names that an operating system forbids are changed; at most 255 bytes of UTF-8 are kept.
    """
    with suppress(UnicodeError):  # http.client reads all headers as Latin-1; many servers write UTF-8
        header = header.encode("latin-1").decode("utf-8")
    found = {
        name.lower(): re.sub(r'\\(["\\])', r"\1", quoted) or plain.strip()
        for name, quoted, plain in re.findall(_PARAMETER, header, re.DOTALL)
    }
    name = _decode(found.get("filename*", "")) or found.get("filename", "")
    return _make_safe(re.split(r"[/\\]", name)[-1]) or None


def _decode(value: str) -> str:
    """Return the text of an RFC 8187 value, such as ``UTF-8''na%C3%AFve.csv``; "" if it cannot be read."""
    *prefix, text = value.split("'", 2)
    charset = (prefix and prefix[0].lower()) or "utf-8"
    # The server must not choose any codec: idna and punycode raise other errors, or take quadratic time.
    with suppress(UnicodeError):
        return unquote(text, charset, "strict") if charset in _CHARSETS else ""
    return ""


def _make_safe(name: str) -> str:
    name = "".join(c if c.isprintable() and c not in '<>:"|?*' else "_" for c in name.strip()).rstrip(". ")
    if re.fullmatch(_DEVICE, name, re.IGNORECASE):
        name = "_" + name
    data = name.encode("utf-8")
    if len(data) > _MAX_BYTES:
        extension = os.path.splitext(name)[1][:16].encode("utf-8")
        data = data[: _MAX_BYTES - len(extension)] + extension
    return data.decode("utf-8", "ignore").rstrip(". ")
