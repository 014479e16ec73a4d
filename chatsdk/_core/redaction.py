"""Redaction: keys, tokens and passwords stay out of errors and of their causes."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from http.client import BadStatusLine, RemoteDisconnected
from typing import Iterator, Optional, Sequence
from urllib.parse import quote, quote_plus

import requests
from urllib3.exceptions import LocationParseError, NewConnectionError

# A member of a JSON object whose name says that its text is a secret; also where the text was cut.
_SECRET_MEMBER = rb'(?i)("[^"]*(?:key|token|secret|password)"\s*:\s*)"(?:[^"\\]|\\.)*"?'
_SHORTEST_SECRET = 6  # characters; shorter ones stand in ordinary words, so only whole strings are hidden


class Redactor:
    """Replaces the secrets of one request in what a server sent."""

    def __init__(self, secrets: Sequence[str]) -> None:
        self._secrets = [secret for secret in secrets if secret]

    def redact(self, data: bytes) -> bytes:
        """Return what a server sent without key and passwords, which some repeat in their complaints."""
        for secret in self._secrets:
            for form in _encoded_forms(secret):
                if len(secret) < _SHORTEST_SECRET:
                    data = data.replace(b'"%b"' % form, b'"***"')
                else:
                    data = data.replace(form, b"***")
        return data

    def redact_text(self, text: str) -> str:
        """Return *text* without key and passwords."""
        return self.redact(text.encode("utf-8", "surrogatepass")).decode("utf-8", "surrogatepass")

    def redact_members(self, data: bytes) -> bytes:
        """Return JSON text without a new key or token that it brings, which the server never shows again."""
        return re.sub(_SECRET_MEMBER, rb'\1"***"', data)

    def safe_cause(self, error: BaseException, query: str) -> Optional[BaseException]:
        """Return what may be shown as the cause of an error: its text must repeat neither key nor *query*."""
        causes = list(iter_causes(error))
        texts = " ".join(map(str, causes))
        hidden = [*self._secrets, query]
        if not any(text and text in texts for text in hidden) and not any(map(_leaks_content, causes)):
            return error
        innermost = causes[-1]
        is_clean = not any(text and text in str(innermost) for text in hidden)
        return innermost if is_clean and type(innermost).__module__ == "builtins" else None


def iter_causes(error: BaseException) -> Iterator[BaseException]:
    """Yield *error* and what it wraps: requests keeps it in args, urllib3 in reason or as the cause."""
    current: Optional[BaseException] = error
    for _ in range(10):
        if current is None:
            return
        yield current
        inner = getattr(current, "reason", None) or getattr(current, "original_error", None)
        if not isinstance(inner, BaseException):
            inner = next((item for item in current.args if isinstance(item, BaseException)), None)
        inner = inner or current.__cause__
        if inner is None and isinstance(current, NewConnectionError):
            # urllib3 1.26 raises it without "from". Of others the context may be the caller's own trouble.
            inner = current.__context__
        current = inner


def _encoded_forms(secret: str) -> Sequence[bytes]:
    """Return all forms in which a server may write *secret*, long ones first."""
    forms = {secret.encode("utf-8", "surrogatepass")}
    for ascii_only in (True, False):
        escaped = json.dumps(secret, ensure_ascii=ascii_only)[1:-1].encode("utf-8", "surrogatepass")
        forms |= {escaped, escaped.replace(b"/", b"\\/")}
    for quoted in (quote, quote_plus):  # as a form or an address holds it
        forms |= {quoted(secret, safe=safe, errors="surrogatepass").encode("ascii") for safe in ("", "/")}
    with suppress(UnicodeEncodeError):
        forms.add(secret.encode("latin-1"))
    return sorted(forms, key=len, reverse=True)


def _leaks_content(error: BaseException) -> bool:
    """Return whether the text of *error* repeats an answer, or the address of a proxy with its password."""
    if isinstance(error, RemoteDisconnected):
        return False
    return isinstance(error, (BadStatusLine, LocationParseError, requests.exceptions.InvalidURL))
