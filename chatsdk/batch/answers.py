"""What is in the answers of a batch, as models or as decoded lines of the file of results."""

from __future__ import annotations

import os
from typing import Any, Dict, List, Optional, Tuple

from .._core.model import Model
from .result_file import DONE, STARTED, FilePath, iter_lines, line_kind


def to_rows(path: FilePath) -> List[Dict[str, Any]]:
    """Return one dict for each id in a file of results, as ``pandas.DataFrame`` takes them.

    The keys are ``custom_id``, ``ok``, ``status_code``, ``request_id``, ``error`` (its message), ``text`` (of
    the answer), ``total_tokens`` and ``body`` (all of the answer); what there is not is None.
    """
    rows: Dict[str, Dict[str, Any]] = {}
    for line in iter_lines(os.fspath(path)):
        kind = line_kind(line)
        if kind == STARTED and line["custom_id"] in rows:
            continue
        response, error = line["response"] or {}, line.get("error") or {}
        body = response.get("body")
        rows[line["custom_id"]] = {
            "custom_id": line["custom_id"],
            "ok": kind == DONE,
            "status_code": response.get("status_code"),
            "request_id": response.get("request_id"),
            "error": error.get("message"),
            "text": text_of(body) if kind == DONE else None,
            "total_tokens": usage_of(body)[0] if kind == DONE else None,
            "body": body,
        }
    return list(rows.values())


def _member(value: Any, *names: str) -> Any:
    """Return what stands under *names* in models and decoded JSON alike, or None."""
    for name in names:
        if isinstance(value, Model) and name in vars(value):
            value = vars(value)[name]  # a third of the time of get()
        else:
            value = value.get(name) if isinstance(value, (Model, dict)) else None
    return value


def usage_of(answer: Any) -> Tuple[Optional[int], Optional[float]]:
    """Return the tokens that an answer took, and what it cost, if it tells them."""
    usage = _member(answer, "usage")
    tokens = _member(usage, "total_tokens") or _member(answer, "metadata", "tokensUsed")
    cost = _member(usage, "cost")
    return (
        tokens if isinstance(tokens, int) else None,
        float(cost) if isinstance(cost, (int, float)) else None,
    )


def text_of(body: Any) -> Optional[str]:
    """Return the text of a decoded answer of any of the chat services."""
    choices = _member(body, "choices")
    if isinstance(choices, list) and choices:
        found = _member(choices[0], "message", "content")
    else:
        found = _member(body, "response") or _member(body, "text")
    return found if isinstance(found, str) else None
