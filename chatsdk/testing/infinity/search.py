"""The search of the knowledge base."""

import time
from typing import Any, Dict, List, Mapping, Sequence

from ..exchange import Refusal, Reply, Request
from .errors import unsuccessful
from .knowledge import GROUPS, find
from .reading import length, query_value, read_body, required_text

_LONGEST = 500
_MOST = 50
_SHORTEST_SUGGESTED = 2
_CRASH = unsuccessful(
    500,
    "Internal server error",
    "An unexpected error occurred during search. Please try again later.",
)
_NO_QUERY = unsuccessful(400, "Query is required and must be a non-empty string")


def search(request: Request) -> Reply:
    """POST /search: grouped; the counts are those before the limit."""
    started = time.monotonic()
    asked = read_body(request, _CRASH)
    query = required_text(asked, "query", _NO_QUERY)
    if length(query) > _LONGEST:
        raise Refusal(unsuccessful(400, f"Query too long. Maximum {_LONGEST} characters."))
    query = query.strip()
    kind, domain = asked.get("type", "all"), asked.get("domain")
    groups = GROUPS if kind == "all" else (kind,)
    hits = find(query, groups, [domain] if domain else None, _texts(asked.get("tags")))
    grouped: Dict[str, List[Dict[str, Any]]] = {group: [] for group in GROUPS}
    for item, score in hits:
        grouped[item.group].append(item.found(score))
    limit = _limit(asked)
    counts = {"total": len(hits), **{group: len(items) for group, items in grouped.items()}}
    answer: Dict[str, Any] = {
        "success": True,
        "query": query,
        "results": {group: items[:limit] for group, items in grouped.items()},
        "counts": counts,
        "metadata": {
            "searchTimeMs": int((time.monotonic() - started) * 1000),
            "sources": ["knowledge-base"],
        },
    }
    if not hits and (asked.get("userTier") or "free") == "free":
        answer["metadata"]["sources"].append("quick-research")
        answer.update(gapCaptured=True, generatedAnswer=_no_answer(query), knowledgeCreated=0)
    return Reply.json(answer)


def suggest(request: Request) -> Reply:
    """GET /search: titles for the beginning of a query."""
    query = query_value(request, "q").strip()
    if len(query) < _SHORTEST_SUGGESTED:
        return Reply.json({"success": True, "suggestions": []})
    given = query_value(request, "limit") or "10"
    limit = int(given) if given.isdecimal() else 0
    suggestions = [item.suggestion() for item, _ in find(query)[:limit]]
    return Reply.json(
        {"success": True, "suggestions": suggestions, "query": query, "count": len(suggestions)}
    )


def _limit(asked: Mapping[str, Any]) -> int:
    limit = asked.get("limit", 20)
    # What is no number leaves nothing, and null is no number.
    return int(max(-_MOST, min(limit, _MOST))) if isinstance(limit, (int, float)) else 0


def _texts(value: Any) -> Sequence[str]:
    return [text for text in value if isinstance(text, str)] if isinstance(value, list) else []


def _no_answer(query: str) -> str:
    return (
        f'I don\'t have specific information about "{query}" in my knowledge base yet.\n\n'
        "**What I can tell you:**\n- This topic has been noted for research"
    )
