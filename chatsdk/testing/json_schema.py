"""Example values for JSON schemas."""

from __future__ import annotations

import math
from typing import Any, Dict, List, Mapping

_FORMATS = {
    "date": "2025-01-01",
    "date-time": "2025-01-01T00:00:00Z",
    "time": "00:00:00Z",
    "email": "user@example.com",
    "uri": "https://example.com/",
    "uuid": "00000000-0000-4000-8000-000000000000",
}
_MAX_DEPTH = 20


def example(schema: Any, text: str = "text") -> Any:
    """Return a small value that matches a schema: only required properties, lists of minimum length.

    A "pattern" is ignored. *text* is the value of strings without format, enum and default.
    """
    root = schema if isinstance(schema, dict) else {}
    return _example(root, root, text, _MAX_DEPTH)


def _example(schema: Any, root: Mapping[str, Any], text: str, depth: int) -> Any:
    schema = _resolve(schema, root) if depth else {"type": "null"}
    for name in ("const", "default"):
        if name in schema:
            return schema[name]
    for name in ("enum", "examples"):
        if schema.get(name):
            return schema[name][0]
    for name in ("anyOf", "oneOf"):
        if schema.get(name):
            return _example({**schema, name: None, **schema[name][0]}, root, text, depth - 1)
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = kind[0]
    if kind == "object" or (kind is None and "properties" in schema):
        properties = schema.get("properties", {})
        required: List[str] = schema.get("required", [])
        return {name: _example(properties.get(name), root, text, depth - 1) for name in required}
    if kind == "array":
        items: List[Any] = list(schema.get("prefixItems", []))
        items += [schema.get("items")] * (schema.get("minItems", 0) - len(items))
        return [_example(item, root, text, depth - 1) for item in items]
    if kind in ("integer", "number"):
        return _number(schema, kind == "integer")
    return {"boolean": True, "null": None}.get(kind, _text(schema, text))


def _resolve(schema: Any, root: Mapping[str, Any], depth: int = _MAX_DEPTH) -> Dict[str, Any]:
    """Return a schema with its "$ref" and "allOf" merged into it."""
    merged: Dict[str, Any] = dict(schema) if isinstance(schema, dict) and depth else {}
    parts: List[Any] = list(merged.pop("allOf", None) or ())
    if "$ref" in merged:
        target: Any = root
        for name in merged.pop("$ref").split("/")[1:]:
            target = target.get(name, {})
        parts.append(target)
    for part in parts:
        for name, value in _resolve(part, root, depth - 1).items():
            known = merged.get(name)
            if isinstance(known, dict) and isinstance(value, dict):
                merged[name] = {**value, **known}
            elif name == "required" and known:
                merged[name] = [*known, *value]
            else:
                merged.setdefault(name, value)
    return merged


def _number(schema: Mapping[str, Any], integer: bool) -> Any:
    step = schema.get("multipleOf", 1 if integer else None)
    above, below = schema.get("exclusiveMinimum"), schema.get("exclusiveMaximum")
    minimum = schema.get("minimum", -math.inf if above is None else above + (step or 0.5))
    maximum = schema.get("maximum", math.inf if below is None else below - (step or 0.5))
    value = max(min(1, maximum), minimum)
    if step:
        value = math.ceil(value / step) * step
        value = value if value <= maximum else value - step
    return int(value) if integer else value


def _text(schema: Mapping[str, Any], text: str) -> str:
    value: str = _FORMATS.get(schema.get("format", ""), text)
    value += "x" * (schema.get("minLength", 0) - len(value))
    return value[: schema.get("maxLength")]
