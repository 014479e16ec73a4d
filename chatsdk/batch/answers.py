"""What the answers of a batch hold: text, usage, and rows for a table."""

from __future__ import annotations

from typing import Any, Dict, List, Optional, Tuple

from .._core.model import Model
from .._core.multipart import Path
from .result_file import DONE, read_lines


def to_rows(path: Path) -> List[Dict[str, Any]]:
    """Return one dict for each id in a result file, as ``pandas.DataFrame`` takes them.

    The keys are ``custom_id``, ``ok``, ``status_code``, ``request_id``, ``error`` (its message), ``text`` (of
    the answer), ``total_tokens`` and ``body`` (the whole answer); missing values are None.
    """
    rows: Dict[str, Dict[str, Any]] = {}
    for _, kind, data in read_lines(path):
        custom_id = data["custom_id"]
        response, error = data["response"] or {}, data.get("error") or {}
        body = response.get("body")
        rows[custom_id] = {
            "custom_id": custom_id,
            "ok": kind == DONE,
            "status_code": response.get("status_code"),
            "request_id": response.get("request_id"),
            "error": error.get("message"),
            "text": text_of(body) if kind == DONE else None,
            "total_tokens": (usage_of(body)[0] or None) if kind == DONE else None,
            "body": body,
        }
    return list(rows.values())


def usage_of(answer: Any) -> Tuple[int, Optional[float]]:
    """Return the tokens of an answer, 0 if the service does not report them, and the cost or None."""
    usage = _get(answer, "usage")
    tokens = _get(usage, "total_tokens") or _get(_get(answer, "metadata"), "tokensUsed")
    cost = _get(usage, "cost")
    return (
        tokens if isinstance(tokens, int) else 0,
        float(cost) if isinstance(cost, (int, float)) else None,
    )


def text_of(body: Any) -> Optional[str]:
    """Return the text of a decoded answer of any of the chat services."""
    choices = _get(body, "choices")
    if isinstance(choices, list) and choices:
        found = _get(_get(choices[0], "message"), "content")
    else:
        found = _get(body, "response") or _get(body, "text")
    return found if isinstance(found, str) else None


def _get(value: Any, name: str) -> Any:
    """Return a member of a model or a dict, or None."""
    return value.get(name) if isinstance(value, (Model, dict)) else None
