"""What a server says about a failure: one reader for all the shapes in which they say it."""

from __future__ import annotations

import re
from typing import Any, FrozenSet, Mapping, NamedTuple, Optional

_LONGEST = 1000  # characters of a sentence
_HTML = re.compile(r"\s*<(!doctype|html|head|title|body|h1|p|div|center)\b", re.IGNORECASE)
_TAGS = re.compile(r"<(script|style)\b.*?</\1\s*>|<[^>]*>", re.DOTALL | re.IGNORECASE)
_TITLE = re.compile(r"<(title|h1)\b[^>]*>(.*?)</\1\s*>", re.DOTALL | re.IGNORECASE)


class Failure(NamedTuple):
    """A failure as the server tells it; ``words`` are all that it calls it by."""

    message: Optional[str]
    code: Optional[str] = None
    retry_after: Optional[float] = None
    details: Mapping[str, Any] = {}
    words: FrozenSet[str] = frozenset()


def read_failure(body: object) -> Failure:
    """Read the decoded body of a failure, or its text. Nothing of the request is ever repeated."""
    if isinstance(body, str):
        return Failure(_sentence(body))
    if not isinstance(body, dict):
        return Failure(None)
    error = body.get("error")
    details: Mapping[str, Any] = error if isinstance(error, dict) else body
    inner = details.get("details")
    if isinstance(inner, dict):
        details = {**inner, **details}
    words = frozenset(filter(None, (_word(details.get("code")), _word(details.get("type")))))
    return Failure(_message(body), _code(details), _seconds(details.get("retry_after")), details, words)


def has_failure(body: Mapping[str, Any]) -> bool:
    """Return whether a JSON object that came as a success is a failure all the same."""
    return bool(body.get("error"))


def _message(body: Mapping[str, Any]) -> Optional[str]:
    for key in ("error", "detail", "message", "html-message"):
        found = _said(body.get(key))
        if found:
            if key == "error" and isinstance(body["error"], str):
                # Beside a short label, "message" is the sentence.
                return _said(body.get("message")) or found
            return found
    return None


def _said(value: object) -> Optional[str]:
    if isinstance(value, str):
        return _sentence(value)
    if isinstance(value, dict):
        return _said(value.get("message")) or _said(value.get("error"))
    if isinstance(value, list):
        return "; ".join(filter(None, map(_complaint, value))) or None
    return None


def _complaint(item: object) -> Optional[str]:
    """Return one line of a validation error; its ``input`` repeats the request and stays out."""
    if not isinstance(item, dict):
        return _said(item) if isinstance(item, str) else None
    text = item.get("msg") or item.get("message")
    if not isinstance(text, str):
        return None
    place = item.get("loc")
    if isinstance(place, list) and place:
        return "{}: {}".format(".".join(map(str, place)), text)
    return text


def _code(details: Mapping[str, Any]) -> Optional[str]:
    """Return the server's word for the failure; a number is the least that can be said."""
    code = _word(details.get("code"))
    kind = _word(details.get("type"))
    return kind if kind and (not code or code.isdigit()) else code


def _word(value: object) -> Optional[str]:
    return str(value) if isinstance(value, (str, int)) and value else None


def _seconds(value: object) -> Optional[float]:
    if isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < 1e9:
        return float(value)
    return None


def _sentence(text: str) -> Optional[str]:
    """Return the words of plain text or HTML."""
    if _HTML.match(text):
        from html import unescape  # rare, and its table of names takes milliseconds to import

        title = _TITLE.search(text)
        text = unescape(_TAGS.sub(" ", title.group(2) if title else text))
        text = " ".join(text.split())
    return text.strip()[:_LONGEST] or None
