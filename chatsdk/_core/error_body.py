"""What a server says about a failure: one reader for all the shapes in which they say it."""

from __future__ import annotations

import re
from datetime import datetime, timezone
from typing import Any, Mapping, Optional

from . import json_codec
from .dates import parse_datetime
from .sse import SSEDecoder, detect_format

_LONGEST = 1000  # characters of a sentence
_FAILURE_MARKS = frozenset(["error", "error_message", "error_type", "type"])
_KEEP_ALIVE = "(?i)ping|pong|heart[-_ ]?beat|keep[-_ ]?alive"
_MOST_COMPLAINTS = 10  # of one validation error
_MOST_TEXT = 65536  # characters of a page in which its title is looked for
# Parts of the codes and types that servers have for a quota or credit that is used up.
_EXHAUSTED = "(?i)quota|credits?|balance|budget|billing|spend(ing)?|daily|monthly"
_HTML = r"\s*<(!doctype|html|head|title|body|h1|p|div|center)\b"
# What is not closed goes on to the end: a search that fails there would begin again at each tag.
_TAGS = r"(?s)<(script|style)\b.*?(?:</\1\s*>|\Z)|<[^<>]*>"
_TITLE = r"(?s)<(title|h1)\b[^<>]*>(.*?)(?:</\1\s*>|\Z)"


class ErrorBody:
    """A failure as the server tells it. Nothing of the request is ever repeated.

    Attributes:
        message: the server's own sentence, or None.
        code, type, param: its words for the failure, and the parameter that is wrong; each may be None.
        words: all that it calls the failure by.
        is_exhausted: whether a quota or the credit is used up, so that waiting a moment is no help.
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
        code, label = _word(self.details.get("code")), _label(self.details)
        self.code = label if code is None or (label is not None and code.isdigit()) else code
        self.type = _word(self.details.get("type"))
        self.param = _word(self.details.get("param"))
        self.codes = frozenset(word for word in (code, label, self.type) if word is not None)
        quota = self.details.get("rateLimit")  # Infinity's quota of the day
        limits = quota if isinstance(quota, dict) else self.details
        self.retry_after = _seconds(self.details.get("retry_after"))
        if self.retry_after is None:
            self.retry_after = _seconds_until(limits.get("reset_at"))
        said = re.findall("[A-Z]?[a-z]+|[A-Z]+", " ".join(self.codes))
        # A quota that tells no moment to come when it begins anew is used up for good.
        self.is_exhausted = (limits is quota and self.retry_after is None) or any(
            re.fullmatch(_EXHAUSTED, part) for part in said
        )


def parse_error_body(body: object) -> ErrorBody:
    """Read the decoded body of a failure, or its text, in any of the shapes that servers send."""
    if isinstance(body, dict) and not body.get("error"):
        inner = error_in_choices(body.get("choices"))
        if inner is not None:
            return ErrorBody({"error": inner})
        if body.get("error_message"):
            return ErrorBody({"message": body["error_message"], "type": body.get("error_type")})
    return ErrorBody(body)


def decode_failure(data: bytes) -> Any:
    """Return the body of a failure: its JSON, its text, or the event of an event stream that reports it."""
    if detect_format(data) != "events":
        return _json_or_text(data)
    events = [(name, _json_or_text(text)) for name, text in SSEDecoder([data], len(data))]
    bodies = [body for name, body in events if name == b"error" or is_error_body(body)]
    return next(iter(bodies or [body for _, body in events]), "")


def _json_or_text(data: bytes) -> Any:
    try:
        return json_codec.loads(data)
    except (ValueError, RecursionError):
        return data.decode("utf-8", "replace")


def is_error_body(body: object) -> bool:
    """Return whether JSON that came as a success is a failure all the same."""
    return isinstance(body, dict) and bool(
        body.get("error") not in (None, False, "")
        or body.get("error_message")
        or body.get("error_type")
        or "error" in (body.get("type"), body.get("object"))
    )


def has_chat_failure(body: Mapping[str, Any]) -> bool:
    """Return whether what should be a completion, or a chunk of one, is a failure."""
    choices = body.get("choices")
    if not choices:
        said = body.get("message") or body.get("detail")
        return is_error_body(body) or bool(said and not is_keep_alive(body.get("type")))
    if not _FAILURE_MARKS.isdisjoint(body) and is_error_body(body):  # rare, and this is asked for each chunk
        return True
    return error_in_choices(choices) is not None


def error_in_choices(choices: object) -> Any:
    """Return the error that stands inside a choice, or None."""
    for choice in choices if isinstance(choices, list) else ():
        if isinstance(choice, dict) and choice.get("error"):
            return choice["error"]
    return None


def is_keep_alive(kind: object) -> bool:
    """Return whether an event of this type or name only keeps the connection open."""
    return isinstance(kind, str) and re.fullmatch(_KEEP_ALIVE, kind) is not None


def _message(body: Mapping[str, Any]) -> Optional[str]:
    for key in ("error", "detail", "message", "html-message"):
        found = _find_message(body.get(key))
        if found:
            if key == "error" and isinstance(body["error"], str):
                # Beside a short label, "message" is the sentence.
                return _find_message(body.get("message")) or found
            return found
    return None


def _find_message(value: object, depth: int = 5) -> Optional[str]:
    if isinstance(value, str):
        return _sentence(value)
    if isinstance(value, dict):
        if depth == 0:  # nobody hides a sentence that deep; a body nested on purpose would exhaust the stack
            return None
        return _find_message(value.get("message"), depth - 1) or _find_message(value.get("error"), depth - 1)
    if isinstance(value, list):
        complaints = list(filter(None, map(_format_validation_error, value)))
        text = "; ".join(complaints[:_MOST_COMPLAINTS])[:_LONGEST]
        left = len(complaints) - _MOST_COMPLAINTS
        return f"{text}; and {left} more" if left > 0 else text or None
    return None


def _format_validation_error(item: object) -> Optional[str]:
    """Return one line of a validation error; its ``input`` repeats the request and stays out."""
    if not isinstance(item, dict):
        return _find_message(item) if isinstance(item, str) else None
    text = item.get("msg") or item.get("message")
    if not isinstance(text, str):
        return None
    place = item.get("loc")
    if isinstance(place, list) and place:
        parts = [str(part) for part in place if isinstance(part, (str, int))]
        return "{}: {}".format(".".join(parts), text)
    return text


def _label(details: Mapping[str, Any]) -> Optional[str]:
    """Return the word that stands as "error" beside a sentence."""
    word = details.get("error") if isinstance(details.get("message"), str) else None
    return word if isinstance(word, str) and re.fullmatch(r"[\w.-]+", word) else None


def _word(value: object) -> Optional[str]:
    # LiteLLM writes the text "None" for what is null.
    return str(value)[:_LONGEST] if isinstance(value, (str, int)) and value and value != "None" else None


def _seconds(value: object) -> Optional[float]:
    if isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < 1e9:
        return float(value)
    return None


def _seconds_until(value: object) -> Optional[float]:
    moment = parse_datetime(value) if isinstance(value, str) else None
    if not isinstance(moment, datetime):
        return None
    return _seconds((moment - datetime.now(timezone.utc)).total_seconds())


def _sentence(text: str) -> Optional[str]:
    """Return the words of plain text or HTML."""
    text = text[:_MOST_TEXT]
    if re.match(_HTML, text, re.IGNORECASE):
        from html import unescape  # rare, and its table of names takes milliseconds to import

        title = re.search(_TITLE, text, re.IGNORECASE)
        text = re.sub(_TAGS, " ", title.group(2) if title else text, flags=re.IGNORECASE)
        # unescape() raises where a number has more than 4,300 digits.
        text = " ".join(unescape(" ".join(text.split())[: 4 * _LONGEST]).split())
    return text.strip()[:_LONGEST] or None
