"""Parses error bodies, in all the shapes that servers send."""

from __future__ import annotations

import re
from datetime import datetime, timezone
from typing import Any, Dict, Mapping, Optional

from . import json_codec
from .dates import parse_datetime
from .sse import SSEDecoder, detect_format

_MAX_MESSAGE = 1000  # characters
_MAX_PAGE = 65536  # characters of an HTML page that are searched for its title
_MAX_VALIDATION_ERRORS = 10
_MESSAGE_FIELDS = ("error_message", "message", "error_description", "error", "detail", "errors", "msg")
_TITLE_FIELDS = ("title", "html-message")
_ERROR_FIELDS = frozenset(["error", "error_message", "error_type", "type"])
_KEEP_ALIVE = "(?i)ping|pong|heart[-_ ]?beat|keep[-_ ]?alive"
# Parts of the codes and types that servers send for a quota or credit that is used up.
_EXHAUSTED = "(?i)quota|credits?|balance|budget|billing|spend(ing)?|daily|monthly"
_HTML = r"(?i)\s*<(!doctype|html|head|title|body|h1|p|div|center)\b"
# An unclosed element ends with the page: otherwise the search would start again at each tag.
_TAGS = r"(?is)<(script|style)\b.*?(?:</\1\s*>|\Z)|<[^<>]*>"
_TITLE = r"(?is)<(title|h1)\b[^<>]*>(.*?)(?:</\1\s*>|\Z)"


class ErrorBody:
    """The body of a failure, parsed; nothing in it repeats the request.

    Attributes:
        message: the server's message, or None.
        code, type, param: the server's codes for the failure, and the invalid parameter; each may be None.
        codes: all codes and types.
        is_exhausted: whether a quota or the credit is used up, so that a retry would fail too.
        retry_after: the seconds to wait, or None.
        details: the fields next to the message.
    """

    def __init__(self, body: object) -> None:
        self.message = _find_message(body)
        fields = body if isinstance(body, dict) else {}
        parts = (fields.get("error"), fields.get("detail"), fields)
        details: Mapping[str, Any] = next(part for part in parts if isinstance(part, dict))
        inner = details.get("details")
        self.details = {**inner, **details} if isinstance(inner, dict) else details
        code, label = _word(self.details.get("code")), _label(self.details)
        self.code = label if code is None or (label is not None and code.isdigit()) else code
        self.type = _word(self.details.get("type") or self.details.get("error_type"))
        self.param = _word(self.details.get("param"))
        self.codes = frozenset(word for word in (code, label, self.type) if word is not None)
        quota = self.details.get("rateLimit")  # Infinity's daily quota
        limits = quota if isinstance(quota, dict) else self.details
        self.retry_after = _seconds(self.details.get("retry_after"))
        if self.retry_after is None:
            self.retry_after = _seconds_until(limits.get("reset_at"))
        # Some servers send a code as the message.
        labels = [*self.codes, *re.findall(r"\A[\w.-]+\Z", self.message or "")]
        words = re.findall("[A-Z]?[a-z]+|[A-Z]+", " ".join(labels))
        # Without a time at which it is renewed, a quota stays used up.
        self.is_exhausted = (limits is quota and self.retry_after is None) or any(
            re.fullmatch(_EXHAUSTED, word) for word in words
        )


def parse_error_body(body: object) -> ErrorBody:
    """Parse the decoded body of a failure, or its text."""
    if isinstance(body, list):  # as Gemini sends it
        body = next((item for item in body if isinstance(item, dict)), None)
    if isinstance(body, dict) and not body.get("error"):
        inner = _error_in_choices(body.get("choices"))
        body = body if inner is None else {"error": inner}
    return ErrorBody(body)


def decode_failure(data: bytes) -> Any:
    """Return the decoded body of a failure: JSON, text, or the event of an event stream that reports it."""
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
    """Return whether the JSON of a success, or of an event, reports an error."""
    return isinstance(body, dict) and bool(
        body.get("error") not in (None, False, "")
        or body.get("error_message")
        or body.get("error_type")
        or "error" in (body.get("type"), body.get("object"))
    )


def is_chat_failure(body: Dict[str, Any]) -> bool:
    """Return whether a completion, or a chunk of one, reports an error."""
    choices = body.get("choices")
    if choices:  # called for each chunk, and few have any of these fields
        failed = not _ERROR_FIELDS.isdisjoint(body) and is_error_body(body)
        return failed or _error_in_choices(choices) is not None
    return is_error_body(body) or bool(body.get("message") or body.get("detail"))


def _error_in_choices(choices: object) -> Any:
    for choice in choices if isinstance(choices, list) else ():
        if isinstance(choice, dict) and choice.get("error"):
            return choice["error"]
    return None


def is_keep_alive(kind: object) -> bool:
    """Return whether an event of this type or name only keeps the connection open."""
    return isinstance(kind, str) and re.fullmatch(_KEEP_ALIVE, kind) is not None


def _find_message(value: object, depth: int = 6) -> Optional[str]:
    """Return the message in *value*, at most *depth* levels deep."""
    if isinstance(value, str):
        return _sentence(value)
    if isinstance(value, dict) and depth:
        error = value.get("error")
        # A string as "error" may be a code: "message" comes before it.
        parts = [error if isinstance(error, dict) else None, *map(value.get, _MESSAGE_FIELDS + _TITLE_FIELDS)]
        return next(filter(None, (_find_message(part, depth - 1) for part in parts)), None)
    if isinstance(value, list) and depth:
        texts = [text for text in (_format_validation_error(item, depth - 1) for item in value) if text]
        shown = "; ".join(texts[:_MAX_VALIDATION_ERRORS])[:_MAX_MESSAGE]
        left = len(texts) - _MAX_VALIDATION_ERRORS
        return f"{shown}; and {left} more" if left > 0 else shown or None
    return None


def _format_validation_error(item: object, depth: int) -> Optional[str]:
    """Return one line of a validation error; its ``input`` repeats the request and is left out."""
    text, place = _find_message(item, depth), item.get("loc") if isinstance(item, dict) else None
    parts = [str(part) for part in place if isinstance(part, (str, int))] if isinstance(place, list) else []
    return f"{'.'.join(parts)}: {text}" if text and parts else text


def _label(details: Mapping[str, Any]) -> Optional[str]:
    """Return "error" if it is a code next to a "message"; else None."""
    word = details.get("error") if isinstance(details.get("message"), str) else None
    return word if isinstance(word, str) and re.fullmatch(r"[\w.-]+", word) else None


def _word(value: object) -> Optional[str]:
    # LiteLLM sends the string "None" for null.
    return str(value)[:_MAX_MESSAGE] if isinstance(value, (str, int)) and value and value != "None" else None


def _seconds(value: object) -> Optional[float]:
    if isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < 1e9:
        return float(value)
    return None


def _seconds_until(value: object) -> Optional[float]:
    moment = parse_datetime(value)
    now = datetime.now(timezone.utc)
    return _seconds((moment - now).total_seconds()) if isinstance(moment, datetime) else None


def _sentence(text: str) -> Optional[str]:
    """Return plain text, or the title or the text of HTML."""
    text = text[:_MAX_PAGE]
    if re.match(_HTML, text):
        from html import unescape  # rare, and its table of names takes milliseconds to import

        title = re.search(_TITLE, text)
        text = re.sub(_TAGS, " ", title.group(2) if title else text)
        # unescape() raises if a number has more than 4,300 digits.
        text = " ".join(unescape(" ".join(text.split())[: 4 * _MAX_MESSAGE]).split())
    return text.strip()[:_MAX_MESSAGE] or None
