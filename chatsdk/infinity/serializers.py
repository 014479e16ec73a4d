"""Infinity Assistant: conversion of requests to what the server expects, and of responses to the models."""

from __future__ import annotations

from typing import Any, Dict, List

from .._core import json_codec
from .._core.model import build_request, request_fields
from .errors import InvalidRequestError
from .models import KnowledgeFilters, KnowledgeSearchRequest, ResearchRequest

_GROUPS = {"wisdom": "wisdom", "pattern": "patterns", "gotcha": "gotchas"}  # by type of item
_TYPES = {group: name for name, group in _GROUPS.items()}
_MODES = ("quick", "standard", "deep", "comprehensive")
_DEPTHS = {"shallow": "quick", "medium": "standard"}  # aliases of modes


def search_body(request: KnowledgeSearchRequest) -> Dict[str, Any]:
    """Return the body of a search: filters as top-level fields, unless set there too; types in the plural."""
    body = request_fields(request)
    filters = build_request(KnowledgeFilters, body.pop("filters", None), {})
    body = {**request_fields(filters), **body}
    if isinstance(body.get("type"), str):
        body["type"] = _GROUPS.get(body["type"], body["type"])
    return body


def research_body(request: ResearchRequest) -> Dict[str, Any]:
    """Return the body of a research with the field names of the server."""
    body = request_fields(request)
    query, depth, sources = (body.pop(name, None) for name in ("query", "depth", "sources"))
    if body.setdefault("topic", query) is None:
        raise TypeError("research() needs a topic")
    if depth is not None:
        known = (*_DEPTHS, *_MODES)
        if depth not in known:
            raise InvalidRequestError(f"depth must be one of {', '.join(known)}")
        body.setdefault("mode", _DEPTHS.get(depth, depth))
    if sources is not None:
        body.setdefault("maxSources", sources)
    return body


def search_answer(body: Dict[str, Any]) -> Dict[str, Any]:
    """Return the answer to a search with its groups as one list, and the total as a field."""
    groups = body.get("results")
    if isinstance(groups, dict):
        results: List[Any] = []
        for group in dict.fromkeys([*_TYPES, *groups]):
            items = groups.get(group) or []
            # Anything else stays in the list, which the model then refuses.
            results += [_flatten(group, item) for item in items] if isinstance(items, list) else [items]
        body["results"] = results
    counts = body.get("counts")
    if isinstance(counts, dict) and "total" in counts:
        body.setdefault("total", counts["total"])
    return body


def _flatten(group: str, item: Any) -> Any:
    """Return an item with its type, and with the field names that all groups share."""
    if not isinstance(item, dict):
        return item
    flat = {"type": _TYPES.get(group, group), **item}
    for name, other in (("title", "name"), ("content", "description")):
        if not flat.get(name) and other in flat:
            flat[name] = flat.pop(other)
    return flat


def memory_answer(body: Dict[str, Any]) -> Dict[str, Any]:
    """Return the memory under a key with the value that was stored last."""
    memory = body.get("memory")
    facts = memory.get("criticalFacts") if isinstance(memory, dict) else None
    for fact in reversed(facts if isinstance(facts, list) else []):
        tags = fact.get("tags") if isinstance(fact, dict) else None
        if isinstance(tags, list) and "remembered" in tags:
            return {"value": _parse_value(fact.get("content")), "found": True, "entry": dict(fact), **body}
    return {**body, "found": False}


def _parse_value(content: Any) -> Any:
    """Return the value of a JSON text; other text, which this library did not store, unchanged."""
    try:
        value = json_codec.loads(content.encode("utf-8"))
        json_codec.dumps(value)  # raises for NaN, which this library never stores
        return value
    except (AttributeError, ValueError, RecursionError):
        return content


def check_text(value: str, name: str) -> str:
    """Return *value*; raises InvalidRequestError if it is not a string, or blank."""
    if not isinstance(value, str) or not value.strip():
        raise InvalidRequestError(f"{name} must be a non-empty string")
    return value


def check_key(key: str) -> str:
    """Return *key*; raises InvalidRequestError for ``..``, since the server uses it as a file name."""
    if ".." in check_text(key, "key").replace("\\", "/").split("/"):
        raise InvalidRequestError("key must not contain .. as a part of a path")
    return key
