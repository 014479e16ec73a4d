"""JSON schemas from type hints, and strict readers of the JSON that fits them."""

from __future__ import annotations

import dataclasses
import enum
import inspect
import json
import math
import sys
import types
from collections import abc
from contextlib import suppress
from datetime import date, datetime
from functools import partial
from typing import Any, Callable, Dict, List, NamedTuple, Tuple, Union, get_args, get_origin, get_type_hints
from uuid import UUID

from .dates import parse_datetime

Schema = Dict[str, Any]
Reader = Callable[[Any, str], Any]  # takes a decoded value, and its path for error messages

_NULL: Schema = {"type": "null"}
_NONE = type(None)
_SCALARS = {str: "string", int: "integer", float: "number", bool: "boolean", _NONE: "null"}
_FORMATS: Dict[Any, Tuple[str, Callable[[str], Any]]] = {
    datetime: ("date-time", parse_datetime),
    date: ("date", date.fromisoformat),
    UUID: ("uuid", UUID),
}
_ABSTRACT: Dict[Any, Any] = {abc.Sequence: list, abc.Iterable: list, abc.Collection: list, abc.Mapping: dict}


class Converter(NamedTuple):
    """The schema of a type, and the reader that returns decoded JSON as that type.

    The reader raises ValueError if the value does not fit; its text names the place, never the value.
    """

    schema: Schema
    read: Reader


def make_converter(
    hint: Any, strict: bool = False, where: str = "", parents: Tuple[Any, ...] = ()
) -> Converter:
    """Return the converter of a type hint.

    Args:
        hint: str, int, float, bool, None, datetime, date, UUID, Literal, enums, Optional and Union, lists,
            tuples and sets of one type, dicts with text as keys, dataclasses, Annotated with a description.
        strict: as in OpenAI's strict mode: every field is required, and dicts and Any are not allowed.
        where: the name of the place in error messages.
        parents: the dataclasses that this one is a part of.

    Raises:
        TypeError: the hint has no JSON schema.
    """
    part = partial(make_converter, strict=strict, where=where, parents=parents)
    metadata = getattr(hint, "__metadata__", None)
    if metadata is not None:  # Annotated
        inner = part(hint.__origin__)
        descriptions = [{"description": item} for item in metadata if isinstance(item, str)]
        return Converter({**inner.schema, **(descriptions or [{}])[0]}, inner.read)
    hint = _NONE if hint is None else getattr(hint, "__supertype__", hint)  # of a NewType
    origin, arguments = get_origin(hint) or hint, get_args(hint)
    kind = _ABSTRACT.get(origin, origin)
    if kind in _SCALARS:
        return Converter({"type": _SCALARS[kind]}, partial(_read_scalar, kind))
    if kind in _FORMATS:
        return Converter({"type": "string", "format": _FORMATS[kind][0]}, partial(_read_format, kind))
    if is_dataclass_type(hint):
        if hint in parents:
            raise TypeError(f"{where}: {hint.__name__} contains itself, which is not supported")
        inner = make_object_converter(hint, {}, strict, where or hint.__name__, (*parents, hint))
        return Converter(inner.schema, lambda value, place: hint(**inner.read(value, place)))
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        return _make_choice([(member.value, member) for member in hint], where)
    if str(kind).endswith(".Literal"):  # of typing or typing_extensions
        members = isinstance(arguments[0], enum.Enum)
        return _make_choice([(each.value if members else each, each) for each in arguments], where)
    if kind in (Union, getattr(types, "UnionType", Union)):
        parts = [part(argument) for argument in arguments]
        return Converter({"anyOf": [each.schema for each in parts]}, partial(_read_union, parts))
    if kind in (list, set, frozenset) or (kind is tuple and arguments[1:] == (...,)):
        inner = part((*arguments, Any)[0])
        return Converter({"type": "array", "items": inner.schema}, partial(_read_array, kind, inner.read))
    if kind is dict and not strict and arguments[:1] in ((), (str,)):
        inner = part((*arguments, Any)[1] if arguments else Any)
        schema = {"type": "object", "additionalProperties": inner.schema}
        return Converter(schema, partial(_read_dict, inner.read))
    if hint is Any and not strict:
        return Converter({}, lambda value, place: value)
    name = hint.__name__ if isinstance(hint, type) else hint
    raise TypeError(f"{where or 'this type'}: {name} has no {'strict ' if strict else ''}JSON schema")


def make_object_converter(
    source: Any, descriptions: Dict[str, str], strict: bool, where: str, parents: Tuple[Any, ...] = ()
) -> Converter:
    """Return the converter of an object with the parameters of a function or a dataclass.

    It reads a dict of those that are given; null is the default, unless the parameter can be None itself.
    """
    hints = _evaluate_hints(source)
    readers: Dict[str, Reader] = {}
    properties: Dict[str, Schema] = {}
    required = []
    null_is_default = set()
    for name, parameter in inspect.signature(source).parameters.items():
        if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
            raise TypeError(f"{where}(): the parameter {parameter} cannot be passed by name")
        if name not in hints:
            raise TypeError(f"{where}(): the parameter {name} has no type hint")
        if isinstance(hints[name], dataclasses.InitVar) and parameter.default is not parameter.empty:
            continue
        schema, readers[name] = make_converter(hints[name], strict, f"{where}.{name}", parents)
        if parameter.default is parameter.empty:
            required.append(name)
        elif not _is_nullable(readers[name]):
            null_is_default.add(name)
            schema = {"anyOf": [schema, _NULL]} if strict else schema
        description = descriptions.get(name)
        properties[name] = {**schema, "description": description} if description else schema

    def read_object(value: Any, place: str) -> Dict[str, Any]:
        prefix = f"{place}." if place else ""
        if not isinstance(value, dict):
            raise _misfit(place, "object")
        if not readers.keys() >= value.keys():
            raise ValueError(f"{place or 'the object'} has unknown fields; known are {', '.join(readers)}")
        for name in required:
            if name not in value:
                raise ValueError(f"{prefix}{name} is missing")
        return {
            name: readers[name](item, prefix + name)
            for name, item in value.items()
            if item is not None or name not in null_is_default
        }

    schema = {
        "type": "object",
        "properties": properties,
        "required": list(properties) if strict else required,
        "additionalProperties": False,
    }
    return Converter(schema, read_object)


def _evaluate_hints(source: Any) -> Dict[str, Any]:
    """Return the annotations of a class or function; TypeError for ``list[int]`` on Python 3.8."""
    try:
        if sys.version_info >= (3, 9):
            return get_type_hints(source, include_extras=True)
        return get_type_hints(source)
    except Exception as error:
        problem = "its type hints cannot be evaluated (as text, they can only name what is global)"
        raise TypeError(f"{source.__name__}: {problem}: {error}") from error


def make_response_format(cls: Any) -> Schema:
    """Return the ``response_format`` of a request for a dataclass, in strict mode."""
    if not is_dataclass_type(cls):
        name = cls.__name__ if isinstance(cls, type) else type(cls).__name__
        raise TypeError(f"response_format must be a dataclass or a dict, not {name}")
    schema = make_converter(cls, strict=True).schema
    return {"type": "json_schema", "json_schema": {"name": cls.__name__, "strict": True, "schema": schema}}


def is_dataclass_type(value: object) -> bool:
    """Return whether *value* is a dataclass, not an instance of one."""
    return isinstance(value, type) and dataclasses.is_dataclass(value)


def parse_json(text: str) -> Any:
    """Return the value of a JSON text; raises ValueError, without the text, if it is not valid."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise ValueError("the text is not valid JSON") from None


def _make_choice(choices: List[Tuple[Any, Any]], where: str) -> Converter:
    if not all(type(value) in _SCALARS for value, _ in choices):
        raise TypeError(f"{where}: values of an enum or Literal must be strings, numbers, booleans or None")
    schema: Schema = {"enum": [value for value, _ in choices]}
    names = {_SCALARS[type(value)] for value, _ in choices}
    if len(names) == 1:
        schema["type"] = names.pop()
    results = {_choice_text(value): result for value, result in choices}

    def read(value: Any, place: str) -> Any:
        text = _choice_text(value)
        if text not in results:
            raise ValueError(f"{place or 'the value'} must be one of {', '.join(results)}")
        return results[text]

    return Converter(schema, read)


def _choice_text(value: Any) -> str:
    """Return *value* as JSON, 1.0 as 1: JSON has one type for numbers."""
    is_whole = isinstance(value, float) and value.is_integer()
    return json.dumps(int(value) if is_whole else value, ensure_ascii=False)


def _read_scalar(kind: Any, value: Any, place: str) -> Any:
    found = value
    with suppress(OverflowError, ValueError):
        if {kind, type(value)} == {int, float}:  # JSON has one type for numbers
            found = kind(value)
        if type(found) is kind and (math.isfinite(found) if kind is float else found == value):
            return found
    raise _misfit(place, _SCALARS[kind])


def _read_format(kind: Any, value: Any, place: str) -> Any:
    name, parse = _FORMATS[kind]
    with suppress(ValueError):
        found = parse(value) if isinstance(value, str) else None
        if isinstance(found, kind):  # parse_datetime returns what it cannot parse
            return found
    raise _misfit(place, f"string in the format {name}")


def _read_array(kind: Callable[..., Any], read: Reader, value: Any, place: str) -> Any:
    if not isinstance(value, list):
        raise _misfit(place, "array")
    return kind(read(item, f"{place}[{number}]") for number, item in enumerate(value))


def _read_dict(read: Reader, value: Any, place: str) -> Any:
    if not isinstance(value, dict):
        raise _misfit(place, "object")
    return {name: read(item, f"a value of {place or 'the object'}") for name, item in value.items()}


def _read_union(parts: List[Converter], value: Any, place: str) -> Any:
    problems = []
    for part in parts:
        try:
            return part.read(value, place)
        except ValueError as error:
            if part.schema != _NULL:
                problems.append(error)
    raise problems[0] if len(problems) == 1 else ValueError(f"{place or 'the value'} fits none of its types")


def _is_nullable(read: Reader) -> bool:
    with suppress(ValueError):
        read(None, "")
        return True
    return False


def _misfit(place: str, wanted: str) -> ValueError:
    return ValueError(f"{place or 'the value'} must be a JSON {wanted}")
