"""Requests in the server's words, and its answers in those of the models."""

from __future__ import annotations

from typing import Any, Dict, List, Mapping

from .._core import json_codec
from .._core.model import Model, to_send
from .errors import InvalidRequestError
from .models import KnowledgeSearchRequest, ResearchRequest

_GROUPS = {"wisdom": "wisdom", "pattern": "patterns", "gotcha": "gotchas"}  # by what an item is called
_TYPES = {group: name for name, group in _GROUPS.items()}
_MODES = {
    "shallow": "quick",
    "medium": "standard",
    **{mode: mode for mode in ("quick", "standard", "deep", "comprehensive")},
}


def search_body(request: KnowledgeSearchRequest) -> Dict[str, Any]:
    """Return the body of a search: the filters beside the other fields, which win; groups in the plural."""
    body = to_send(request)
    body = {**_filters(body.pop("filters", None)), **body}
    if isinstance(body.get("type"), str):
        body["type"] = _GROUPS.get(body["type"], body["type"])
    return body


def _filters(filters: object) -> Dict[str, Any]:
    if isinstance(filters, Model):
        return to_send(filters)
    if filters is not None and not isinstance(filters, Mapping):
        raise TypeError(f"filters must be KnowledgeFilters or a dict, not {type(filters).__name__}")
    return {name: value for name, value in (filters or {}).items() if value is not None}


def research_body(request: ResearchRequest) -> Dict[str, Any]:
    """Return the body of a research, under the names that the server knows."""
    body = to_send(request)
    query, depth, sources = (body.pop(name, None) for name in ("query", "depth", "sources"))
    if body.setdefault("topic", query) is None:
        raise TypeError("research() needs topic")
    if depth is not None:
        if depth not in list(_MODES):  # a list: not every depth can be hashed
            raise InvalidRequestError(f"depth must be one of {', '.join(_MODES)}")
        body.setdefault("mode", _MODES[depth])
    if sources is not None:
        if not isinstance(sources, (int, float)) or isinstance(sources, bool):
            raise TypeError(f"sources must be a number, not {type(sources).__name__}")
        body.setdefault("maxSources", sources)
    return body


def search_answer(body: Dict[str, Any]) -> Dict[str, Any]:
    """Return the answer to a search with its groups as one list, the total beside it."""
    found = body.get("results")
    if isinstance(found, dict):
        groups = {group: found[group] for group in [*_TYPES, *found] if group in found}
        body["results"] = [item for group, items in groups.items() for item in _items(group, items)]
    counts = body.get("counts")
    if isinstance(counts, dict) and "total" in counts:
        body.setdefault("total", counts["total"])
    return body


def _items(group: str, items: Any) -> List[Any]:
    # What is no list of objects stays in sight: an answer with it in its list is refused as unreadable.
    found = items if isinstance(items, list) else [] if items is None else [items]
    return [_item(group, item) if isinstance(item, dict) else item for item in found]


def _item(group: str, item: Dict[str, Any]) -> Dict[str, Any]:
    """Return one item under the names that all groups share."""
    flat = {"type": _TYPES.get(group, group), **item}
    for name, other in (("title", "name"), ("content", "description")):
        if not flat.get(name) and other in flat:
            flat[name] = flat.pop(other)
    return flat


def memory_body(key: object, value: object) -> Dict[str, Any]:
    """Return the body that stores *value*, as JSON text, under *key*."""
    return {"conversationId": memory_key(key), "content": json_codec.dumps(value).decode("utf-8")}


def memory_key(key: object) -> str:
    """Return *key*; refuse what the server cannot keep, or what would lead it to other files."""
    if not isinstance(key, str) or not key.strip():
        raise InvalidRequestError("key must be text that is not empty")
    if ".." in key.replace("\\", "/").split("/"):
        raise InvalidRequestError("key must not hold .. as a part of a path")
    return key


def memory_answer(body: Dict[str, Any]) -> Dict[str, Any]:
    """Return what the server remembers, with the value that was stored last."""
    memory = body.get("memory")
    facts = memory.get("criticalFacts") if isinstance(memory, dict) else None
    for fact in reversed(facts if isinstance(facts, list) else []):
        if isinstance(fact, dict) and _is_remembered(fact):
            return {"value": _value(fact.get("content")), "found": True, "entry": dict(fact), **body}
    return {**body, "found": False}


def _is_remembered(fact: Dict[str, Any]) -> bool:
    tags = fact.get("tags")
    return isinstance(tags, list) and "remembered" in tags


def _value(content: Any) -> Any:
    """Return the value of a JSON text; other texts, stored by others, are the value themselves."""
    try:
        value = json_codec.loads(content.encode("utf-8"))
        json_codec.dumps(value)  # refuses NaN, which was not stored as a value then
        return value
    except (AttributeError, ValueError, RecursionError):
        return content


def drop_none(**fields: Any) -> Dict[str, Any]:
    """Return the fields that are not None, which is never sent."""
    return {name: value for name, value in fields.items() if value is not None}
