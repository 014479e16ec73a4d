"""Redaction: keys, tokens and passwords stay out of errors and of their causes."""

from __future__ import annotations

import re
from http.client import BadStatusLine, RemoteDisconnected
from json import JSONDecodeError
from typing import Any, Iterable, Iterator, List, NoReturn, Optional, Pattern

from requests.exceptions import InvalidHeader, InvalidURL
from urllib3.exceptions import InvalidChunkLength, LocationParseError, NewConnectionError

# A member of a JSON object whose name says that its text is a secret; also where the text was cut.
_SECRET_MEMBER = r'(?i)("[^"]*(?:key|token|secret|password)"\s*:\s*)"(?:[^"\\]|\\.)*"?'
_LONG_STRING = r'"(?:[^"\\]|\\.){8,}(?:"(?!\s*:)|\Z)'  # in JSON, but no name of a member
_MASK = "***"
_SHORTEST_SECRET = 6  # characters; shorter ones stand in ordinary words, so only whole strings are hidden
_LONG_SECRET = 256  # characters; of longer ones letters and digits are only looked for as they are
_MAX_DEPTH = 100  # levels; pickle and repr fail on a body that is nested some hundred levels deep
_QUOTING = (
    BadStatusLine,
    InvalidChunkLength,
    InvalidHeader,
    InvalidURL,
    JSONDecodeError,
    LocationParseError,
    UnicodeError,
)
_OTHER_FORMS = {" ": r"\+", "\b": "b", "\f": "f", "\n": "n", "\r": "r", "\t": "t"}


_ESCAPES = r"(?:\\|%5[cC]|&#92;|&#x5[cC];|u005[cC]){0,8}"  # the backslashes before a character


class Redactor:
    """Replaces the secrets of one request in what a server sent."""

    def __init__(self, secrets: Iterable[str]) -> None:
        self._secrets = sorted({secret for secret in secrets if secret}, key=len, reverse=True)
        self._patterns: List[Pattern[str]] = [re.compile(_pattern(secret)) for secret in self._secrets]

    def redact_text(self, text: str) -> str:
        """Return *text* without the secrets, also where they are escaped as JSON, HTML or URLs do it."""
        for pattern in self._patterns:
            text = pattern.sub(_MASK, text)
        return text

    def redact_value(self, value: Any) -> Any:
        """Remove the secrets from a decoded JSON value, in place; ValueError if it is nested too deeply."""
        root = [value]
        level: List[Any] = [root]
        for _ in range(_MAX_DEPTH + 1):
            deeper: List[Any] = []
            for container in level:
                for key, item in container.items() if isinstance(container, dict) else enumerate(container):
                    if isinstance(item, (dict, list)):
                        deeper.append(item)
                    elif isinstance(item, str):
                        container[key] = self.redact_text(item)
                    elif str(item) in self._secrets:  # a password of digits may come back as a number
                        container[key] = _MASK
                if isinstance(container, dict):
                    names = {key: self.redact_text(key) for key in container}
                    if any(key != name for key, name in names.items()):
                        renamed = {names[key]: item for key, item in container.items()}
                        container.clear()
                        container.update(renamed)
            if not deeper:
                return root[0]
            level = deeper
        raise ValueError("nested too deeply")

    def safe_cause(self, error: BaseException, query: str) -> Optional[BaseException]:
        """Return what may be shown as the cause of an error: *error*, what caused it, or None.

        It repeats neither secrets, *query* nor an answer, and leads to no other exception or frame that does.
        """
        causes = list(iter_causes(error))
        for cause in causes:
            cause.__context__ = cause.__traceback__ = None
        if all(self._is_clean(cause, query) for cause in causes):
            return error
        innermost = causes[-1]
        if isinstance(innermost, (UnicodeError, JSONDecodeError)):  # they hold the whole text
            return ValueError(str(innermost))
        is_builtin = type(innermost).__module__ == "builtins"
        return innermost if is_builtin and self._is_clean(innermost, query) else None

    def _is_clean(self, error: BaseException, query: str) -> bool:
        if _holds_content(error):
            return False
        text = f"{error} {error!r}"
        return not (query and query in text) and self.redact_text(text) == text


def redact_members(text: str) -> str:
    """Return JSON text without a new key or token that it brings, which the server never shows again."""
    return re.sub(_SECRET_MEMBER, rf'\1"{_MASK}"', text)


def redact_new_secret(text: str) -> str:
    """Return the text of an answer that brings a new key or token without it; "***" if it is not found."""
    redacted = redact_members(text)
    return _MASK if redacted == text else re.sub(_LONG_STRING, f'"{_MASK}"', redacted)


def raise_alone(error: BaseException, cause: Optional[BaseException] = None) -> NoReturn:
    """Raise *error* from *cause*, without a reference to the exception that is being handled."""
    try:
        raise error from cause
    finally:
        error.__context__ = None


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


def _holds_content(error: BaseException) -> bool:
    """Return whether *error* repeats an answer, a header, or the address of a proxy with its password."""
    if isinstance(error, RemoteDisconnected):
        return False
    return isinstance(error, _QUOTING) or any(isinstance(arg, bytes) and arg for arg in error.args)


def _pattern(secret: str) -> str:
    """Return the pattern of all forms in which a server may write *secret*."""
    forms = [secret]
    for written, read in (("latin-1", "utf-8"), ("utf-8", "latin-1")):
        data = secret.encode(written, "surrogatepass" if written == "utf-8" else "replace")
        forms.append(data.decode(read, "replace"))
    any_form = "|".join(map(_escaped_pattern, dict.fromkeys(forms)))
    if len(secret) < _SHORTEST_SECRET:
        return rf'(?:(?<=")|\A)(?:{any_form})(?=\\{{0,8}}"|\Z)'
    return any_form


def _escaped_pattern(text: str) -> str:
    parts = []
    for backslashes, char in re.findall(r"(\\*)([^\\]|\Z)", text, re.DOTALL):
        escapes = _ESCAPES.replace("{0", "{1") if backslashes else _ESCAPES
        if len(text) > _LONG_SECRET and char.isalnum() and char.isascii() and not backslashes:
            parts.append(char)
        elif char or backslashes:
            parts.append(f"{escapes}(?:{_alternatives(char)})")
    if text[0] != "\\":
        # A literal at the beginning of each alternative lets re skip quickly what cannot be a beginning.
        first = _alternatives(text[0])
        parts[0] = rf"(?:{first}|\\{{1,8}}(?:{first}))"
    return "".join(parts)


def _alternatives(char: str) -> str:
    """Return the pattern of one character: itself, or as JSON, HTML, URLs or several of them write it."""
    if not char:
        return ""
    data = char.encode("utf-8", "surrogatepass")
    units = char.encode("utf-16-be", "surrogatepass")
    entity = f"#0{{0,6}}{ord(char)}|#[xX]0{{0,6}}{_hex(ord(char))}{_entities(char)}"
    alternatives = [
        re.escape(char),
        _ESCAPES.join(f"[ux]0{{0,3}}{_hex(units[i] * 256 + units[i + 1])}" for i in range(0, len(units), 2)),
        "".join(f"%(?:25){{0,3}}{_hex(byte, 2)}" for byte in data),
        f"(?:&|u0026)(?:amp;){{0,3}}(?:{entity});?",
        _OTHER_FORMS.get(char, ""),
    ]
    return "|".join(filter(None, alternatives))


def _hex(number: int, width: int = 1) -> str:
    return "".join(f"[{digit}{digit.upper()}]" if digit > "9" else digit for digit in f"{number:0{width}x}")


def _entities(char: str) -> str:
    if char.isalnum() and char.isascii():
        return ""
    from html.entities import html5  # rare, and its table takes milliseconds to import

    names = {name.rstrip(";") for name, text in html5.items() if text == char}
    return "".join("|" + name for name in sorted(names, key=len, reverse=True))
