"""What a server says about a failure: one reader for all the shapes in which they say it."""

from __future__ import annotations

import re
from typing import Any, Mapping, Optional

_LONGEST = 1000  # characters of a sentence
_HTML = r"\s*<(!doctype|html|head|title|body|h1|p|div|center)\b"
_TAGS = r"(?s)<(script|style)\b.*?</\1\s*>|<[^>]*>"
_TITLE = r"(?s)<(title|h1)\b[^>]*>(.*?)</\1\s*>"


class Failure:
    """A failure as the server tells it. Nothing of the request is ever repeated.

    Attributes:
        message: the server's own sentence, or None.
        code: its word for the failure, or None; ``words`` are all that it calls it by.
        retry_after: the seconds to wait, if the body tells them.
        details: what stands beside the message.
    """

    def __init__(self, body: object) -> None:
        self.message: Optional[str] = None
        self.details: Mapping[str, Any] = {}
        if isinstance(body, str):
            self.message = _sentence(body)
        elif isinstance(body, dict):
            parts = (body.get("error"), body.get("detail"))
            self.details = next((part for part in parts if isinstance(part, dict)), body)
            inner = self.details.get("details")
            if isinstance(inner, dict):
                self.details = {**inner, **self.details}
            self.message = _message(body)
        said = [_word(self.details.get("code")), _label(self.details), _word(self.details.get("type"))]
        words = [word for word in said if word is not None]
        self.words = frozenset(words)
        self.code = next((word for word in words if not word.isdigit()), words[0] if words else None)
        self.retry_after = _seconds(self.details.get("retry_after"))


def read_failure(body: object) -> Failure:
    """Read the decoded body of a failure, or its text, in any of the shapes that servers send."""
    return Failure(body)


def has_failure(body: Mapping[str, Any]) -> bool:
    """Return whether a JSON object that came as a success is a failure all the same."""
    return body.get("error") not in (None, False, "") or body.get("type") == "error"


def _message(body: Mapping[str, Any]) -> Optional[str]:
    for key in ("error", "detail", "message", "html-message"):
        found = _said(body.get(key))
        if found:
            if key == "error" and isinstance(body["error"], str):
                # Beside a short label, "message" is the sentence.
                return _said(body.get("message")) or found
            return found
    return None


def _said(value: object, depth: int = 5) -> Optional[str]:
    if isinstance(value, str):
        return _sentence(value)
    if isinstance(value, dict):
        if depth == 0:  # nobody hides a sentence that deep; a body nested on purpose would exhaust the stack
            return None
        return _said(value.get("message"), depth - 1) or _said(value.get("error"), depth - 1)
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


def _label(details: Mapping[str, Any]) -> Optional[str]:
    """Return the word that stands as "error" beside a sentence."""
    word = details.get("error") if isinstance(details.get("message"), str) else None
    return word if isinstance(word, str) and re.fullmatch(r"[\w.-]+", word) else None


def _word(value: object) -> Optional[str]:
    return str(value) if isinstance(value, (str, int)) and value else None


def _seconds(value: object) -> Optional[float]:
    if isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < 1e9:
        return float(value)
    return None


def _sentence(text: str) -> Optional[str]:
    """Return the words of plain text or HTML."""
    if re.match(_HTML, text, re.IGNORECASE):
        from html import unescape  # rare, and its table of names takes milliseconds to import

        title = re.search(_TITLE, text, re.IGNORECASE)
        text = unescape(re.sub(_TAGS, " ", title.group(2) if title else text, flags=re.IGNORECASE))
        text = " ".join(text.split())
    return text.strip()[:_LONGEST] or None
