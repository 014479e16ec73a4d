"""Redaction: keys, tokens and passwords stay out of errors and of their causes."""

from __future__ import annotations

import re
import string
from http.client import BadStatusLine, RemoteDisconnected
from json import JSONDecodeError
from typing import Any, Iterable, NoReturn, Optional

from requests.exceptions import InvalidHeader, InvalidURL, RequestException
from urllib3.exceptions import InvalidChunkLength, LocationParseError

from .causes import iter_causes

# A member of a JSON object whose name says that its value is a secret; the value may be cut off.
_SECRET_MEMBER = r'(?i)("[^"]*(?:key|token|secret|password)"\s*:\s*)"(?:[^"\\]|\\.)*"?'
_LONG_STRING = r'"(?:[^"\\]|\\.){8,}(?:"(?!\s*:)|\Z)'  # a JSON string that is not a member's name
_MASK = "***"
_SHORTEST_SECRET = 6  # characters; shorter ones are part of ordinary words, so only whole strings are hidden
_LONG_SECRET = 256  # characters; in longer ones letters and digits are only matched unescaped
_MAX_DEPTH = 100  # levels; pickle and repr fail on a body that is nested a few hundred levels deep

_BACKSLASHES = r"(?:\\|%5[cC]|&#92;|&#x5[cC];|u005[cC]){0,8}"  # before a character
_SHORT_ESCAPES = {" ": "+", "\b": "b", "\f": "f", "\n": "n", "\r": "r", "\t": "t"}

# These repeat what the server sent, a header, or the URL of a proxy with its password.
_QUOTING = (BadStatusLine, InvalidChunkLength, InvalidHeader, InvalidURL, LocationParseError, UnicodeError)


class Redactor:
    """Replaces the secrets of one request in texts and values from a server."""

    def __init__(self, secrets: Iterable[str]) -> None:
        self._secrets = sorted({secret for secret in secrets if secret}, key=len, reverse=True)
        self._patterns = [re.compile(_pattern(secret)) for secret in self._secrets]

    def redact_text(self, text: str) -> str:
        """Return *text* without the secrets, including those escaped for JSON, HTML or URLs."""
        for pattern in self._patterns:
            text = pattern.sub(_MASK, text)
        return text

    def redact_value(self, value: Any, depth: int = 0) -> Any:
        """Return a decoded JSON value without the secrets; raises ValueError if it is nested too deeply."""
        if isinstance(value, str):
            return self.redact_text(value)
        if not isinstance(value, (dict, list)):
            return _MASK if str(value) in self._secrets else value  # a password may be sent back as a number
        if depth == _MAX_DEPTH:
            raise ValueError("nested too deeply")
        if isinstance(value, list):
            return [self.redact_value(item, depth + 1) for item in value]
        return {self.redact_text(name): self.redact_value(item, depth + 1) for name, item in value.items()}

    def safe_cause(self, error: BaseException, query: str) -> Optional[BaseException]:
        """Return *error*, its innermost cause or None, so that it can be shown as the cause of another error.

        It repeats neither secrets, *query* nor a response, and refers to no frame or exception that does.
        """
        causes = list(iter_causes(error))
        for cause in causes:
            cause.__context__ = cause.__traceback__ = None
            if isinstance(cause, RequestException):  # tblib, which Dask installs, pickles causes too
                cause.request = cause.response = None
        if all(self._is_clean(cause, query) for cause in causes):
            return error
        innermost = causes[-1]
        if isinstance(innermost, (UnicodeError, JSONDecodeError)):  # they hold the whole text
            return ValueError(str(innermost))
        is_builtin = type(innermost).__module__ == "builtins"
        return innermost if is_builtin and self._is_clean(innermost, query) else None

    def _is_clean(self, error: BaseException, query: str) -> bool:
        if isinstance(error, (*_QUOTING, JSONDecodeError)) and not isinstance(error, RemoteDisconnected):
            return False
        if any(isinstance(arg, bytes) and arg for arg in error.args):
            return False
        text = f"{error} {error!r}"
        return not (query and query in text) and self.redact_text(text) == text


def redact_members(text: str) -> str:
    """Return JSON text without the values of members whose name ends with key, token, secret or password."""
    return re.sub(_SECRET_MEMBER, rf'\1"{_MASK}"', text)


def redact_new_secret(text: str) -> str:
    """Return the text of a response without the new key or token in it; only "***" if none is found."""
    redacted = redact_members(text)
    return _MASK if redacted == text else re.sub(_LONG_STRING, f'"{_MASK}"', redacted)


def raise_alone(error: BaseException, cause: Optional[BaseException] = None) -> NoReturn:
    """Raise *error* from *cause*, without a reference to the exception that is being handled."""
    try:
        raise error from cause
    finally:
        error.__context__ = None


def _pattern(secret: str) -> str:
    """Return the pattern of all forms in which a server may write *secret*."""
    is_long = len(secret) > _LONG_SECRET
    # One backslash stands for a series: _BACKSLASHES matches the others.
    pattern = _BACKSLASHES.join(
        char if is_long and char.isascii() and char.isalnum() else f"(?:{_escaped_forms(char)})"
        for char in re.sub(r"\\+", r"\\", secret)
    )
    return pattern if len(secret) >= _SHORTEST_SECRET else rf'(?:(?<=")|\A){pattern}(?=\\{{0,8}}"|\Z)'


def _escaped_forms(char: str) -> str:
    """Return the pattern of one character: itself, or escaped for JSON, HTML, URLs or several of them."""
    utf_16 = char.encode("utf-16-be", "surrogatepass").hex()
    units = [int(utf_16[start : start + 4], 16) for start in range(0, len(utf_16), 4)]
    names = [f"#0{{0,6}}{ord(char)}", f"#x0{{0,6}}{ord(char):x}"]
    if char in string.punctuation:
        from html.entities import html5  # rare, and its table takes milliseconds to import

        names += (name.rstrip(";") for name, text in html5.items() if text == char)
    forms = [
        _BACKSLASHES.join(f"[ux]0{{0,3}}{unit:x}" for unit in units),
        "".join(f"%(?:25){{0,3}}{byte:02x}" for byte in char.encode("utf-8", "surrogatepass")),
        *([f"%(?:25){{0,3}}{ord(char):02x}|\ufffd"] if "\x80" <= char <= "\xff" else []),  # Latin-1
        f"(?:&|u0026)(?:amp;){{0,3}}(?:{'|'.join(names)});?",
    ]
    return f"[{re.escape(char + _SHORT_ESCAPES.get(char, ''))}]|(?i:{'|'.join(forms)})"
