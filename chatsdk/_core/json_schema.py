"""JSON schemas from type hints, and strict readers of the JSON that fits them."""

from __future__ import annotations

import dataclasses
import enum
import inspect
import json
import math
import re
import sys
from collections import abc
from contextlib import suppress
from datetime import date, datetime, time
from functools import partial
from typing import Any, Callable, Dict, List, NamedTuple, Sequence, Tuple, TypeVar, Union, get_type_hints
from uuid import UUID

from .dates import parse_datetime

Schema = Dict[str, Any]
Reader = Callable[[Any, str], Any]  # takes a decoded value and its place, for error messages

_SCALARS: Dict[Any, Schema] = {
    str: {"type": "string"},
    int: {"type": "integer"},
    float: {"type": "number"},
    bool: {"type": "boolean"},
    type(None): {"type": "null"},
    datetime: {"type": "string", "format": "date-time"},
    date: {"type": "string", "format": "date"},
    time: {"type": "string", "format": "time"},
    UUID: {"type": "string", "format": "uuid"},
}
_NULL = _SCALARS[type(None)]
_ARRAYS: Dict[Any, Callable[..., Any]] = {list: list, tuple: tuple, set: set, frozenset: frozenset}
_ABSTRACT: Dict[Any, Any] = {abc.Sequence: list, abc.Iterable: list, abc.Collection: list, abc.Mapping: dict}


class Field(NamedTuple):
    """A field of a dataclass, or a parameter of a function."""

    name: str
    hint: Any
    has_default: bool = False
    description: str = ""


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
        hint: str, int, float, bool, None, date-times, UUID, Literal, enums, Optional and Union, lists, tuples
            and sets of one type, dicts with text as keys, dataclasses, Annotated with a description.
        strict: as OpenAI's strict mode wants it: every field is required, and dicts and Any are not allowed.
        where: the name of the place in error messages.
        parents: the dataclasses that this one is a part of.

    Raises:
        TypeError: the hint has no JSON schema.
    """
    if getattr(hint, "__metadata__", None) is not None:  # Annotated
        inner = make_converter(hint.__origin__, strict, where, parents)
        descriptions = [item for item in hint.__metadata__ if isinstance(item, str)]
        return (
            inner._replace(schema={**inner.schema, "description": descriptions[0]}) if descriptions else inner
        )
    hint = type(None) if hint is None else getattr(hint, "__supertype__", hint)  # of a NewType
    part = partial(make_converter, strict=strict, where=where, parents=parents)
    kind, arguments = _split_generic(hint)
    if isinstance(hint, type) and hint in _SCALARS:
        return Converter(dict(_SCALARS[hint]), partial(_read_scalar, hint))
    if is_dataclass_type(hint):
        if hint in parents:
            raise TypeError(f"{where}: {hint.__name__} contains itself, which is not supported")
        inner = make_object_converter(get_fields(hint), strict, where or hint.__name__, (*parents, hint))
        return inner._replace(read=lambda value, place: hint(**inner.read(value, place)))
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        return _make_choice([(member.value, member) for member in hint], where)
    if kind == "literal":
        return _make_choice([(value, value) for value in arguments], where)
    if kind == "union":
        parts = [part(argument) for argument in arguments]
        return Converter(_make_union([each.schema for each in parts]), partial(_read_union, parts))
    if kind in _ARRAYS and (arguments or not strict):
        item = part(arguments[0] if arguments else Any)
        schema = {"type": "array", "items": item.schema} if item.schema else {"type": "array"}
        return Converter(schema, partial(_read_array, _ARRAYS[kind], item.read))
    if kind is dict and not strict and arguments[:1] in ((), (str,)):
        item = part(arguments[1] if arguments else Any)
        schema = (
            {"type": "object", "additionalProperties": item.schema} if item.schema else {"type": "object"}
        )
        return Converter(schema, partial(_read_dict, item.read))
    if hint is Any and not strict:
        return Converter({}, lambda value, place: value)
    name = hint.__name__ if isinstance(hint, type) else hint
    raise TypeError(f"{where or 'this type'}: {name} has no {'strict ' if strict else ''}JSON schema")


def make_object_converter(
    fields: Sequence[Field], strict: bool, where: str, parents: Tuple[Any, ...] = ()
) -> Converter:
    """Return the converter of an object with these fields; it reads a dict of those that are not left out.

    Null stands for the default of a field, unless the field can be None itself.
    """
    readers: Dict[str, Reader] = {}
    properties: Dict[str, Schema] = {}
    for field in fields:
        schema, readers[field.name] = make_converter(field.hint, strict, f"{where}.{field.name}", parents)
        if strict and field.has_default and not _is_nullable(readers[field.name]):
            schema = _make_union([schema, _NULL])
        properties[field.name] = {**schema, "description": field.description} if field.description else schema
    required = [field.name for field in fields if strict or not field.has_default]

    def read(value: Any, place: str) -> Dict[str, Any]:
        if not isinstance(value, dict):
            raise _misfit(place, "an object")
        if not readers.keys() >= value.keys():
            raise ValueError(f"{place or 'the object'} has unknown fields; known are {', '.join(readers)}")
        found = {}
        for field in fields:
            inner = f"{place}.{field.name}" if place else field.name
            if field.name in value:
                if (
                    value[field.name] is not None
                    or not field.has_default
                    or _is_nullable(readers[field.name])
                ):
                    found[field.name] = readers[field.name](value[field.name], inner)
            elif not field.has_default:
                raise ValueError(f"{inner} is missing")
        return found

    schema = {"type": "object", "properties": properties, "required": required, "additionalProperties": False}
    return Converter(schema, read)


def get_fields(cls: Any) -> List[Field]:
    """Return the fields of a dataclass that its constructor takes."""
    hints, missing = evaluate_hints(cls), dataclasses.MISSING
    return [
        _make_field(
            field.name,
            hints[field.name],
            field.default is not missing or field.default_factory is not missing,
            field.default,
        )
        for field in dataclasses.fields(cls)
        if field.init
    ]


def get_parameters(function: Callable[..., Any], descriptions: Dict[str, str]) -> List[Field]:
    """Return the parameters of a function.

    Raises:
        TypeError: one of them has no type hint, or cannot be given by name.
    """
    name = function.__name__
    try:
        parameters = inspect.signature(function).parameters.values()
    except ValueError:  # some functions written in C
        raise TypeError(f"{name}() has no signature") from None
    hints = evaluate_hints(function)
    for parameter in parameters:
        if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
            raise TypeError(
                f"{name}(): a tool cannot have the parameter {parameter}, which is not given by name"
            )
        if parameter.name not in hints:
            raise TypeError(f"{name}(): the parameter {parameter.name} has no type hint")
    return [
        _make_field(each.name, hints[each.name], each.default is not each.empty, each.default)._replace(
            description=descriptions.get(each.name, "")
        )
        for each in parameters
    ]


def evaluate_hints(source: Any) -> Dict[str, Any]:
    """Return the annotations of a class or function, with what Annotated adds.

    Raises:
        TypeError: they cannot be evaluated, such as ``list[int]`` on Python 3.8.
    """
    try:
        if sys.version_info >= (3, 9):
            return get_type_hints(source, include_extras=True)
        return get_type_hints(source)
    except Exception as error:
        name = getattr(source, "__name__", source)
        raise TypeError(f"{name}: its type hints cannot be evaluated: {error}") from error


def make_response_format(cls: type) -> Schema:
    """Return the ``response_format`` of a request for a dataclass, in strict mode."""
    if not is_dataclass_type(cls):
        raise TypeError(f"response_format must be a dataclass or a dict, not {cls.__name__}")
    name = re.sub(r"[^A-Za-z0-9_]", "_", cls.__name__)[:64]
    schema = make_converter(cls, strict=True).schema
    return {"type": "json_schema", "json_schema": {"name": name, "strict": True, "schema": schema}}


def is_dataclass_type(value: object) -> bool:
    """Return whether *value* is a dataclass, not an instance of one."""
    return isinstance(value, type) and dataclasses.is_dataclass(value)


def parse_json(text: str) -> Any:
    """Return the value of a JSON text; anything else is a ValueError that does not repeat it."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise ValueError("the text is not valid JSON") from None


def to_json_text(value: object) -> str:
    """Return a result of a function as JSON text, with dataclasses and sets in it."""
    return json.dumps(value, ensure_ascii=False, default=_to_json_default)


def _to_json_default(value: Any) -> Any:
    from .model import Model, json_default

    if dataclasses.is_dataclass(value) and not isinstance(value, Model):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if isinstance(value, time):
        return value.isoformat()
    return list(value) if isinstance(value, (set, frozenset)) else json_default(value)


def _make_field(name: str, hint: Any, has_default: bool, default: object) -> Field:
    # Python before 3.11 makes an Optional of it; here it is one on every version.
    return Field(name, Union[hint, None] if has_default and default is None else hint, has_default)


def _make_choice(choices: Sequence[Tuple[Any, Any]], where: str) -> Converter:
    values = [value for value, _ in choices]
    types = list(dict.fromkeys(_SCALARS.get(type(value), {}).get("type") for value in values))
    if not choices or not all(isinstance(value, (str, int, float, bool, type(None))) for value in values):
        raise TypeError(f"{where}: the values of an enum or Literal must be texts, numbers, booleans or None")
    schema: Schema = {"enum": values} if None in types else {"type": types[0] if len(types) == 1 else types}

    def read(value: Any, place: str) -> Any:
        for choice, result in choices:
            if isinstance(value, bool) is isinstance(choice, bool) and value == choice:
                return result
        raise _misfit(place, f"one of {', '.join(json.dumps(each, ensure_ascii=False) for each in values)}")

    return Converter({**schema, "enum": values}, read)


def _make_union(schemas: List[Schema]) -> Schema:
    if all(set(schema) == {"type"} and isinstance(schema["type"], str) for schema in schemas):
        return {"type": [schema["type"] for schema in schemas]}
    return {"anyOf": schemas}


def _read_scalar(kind: Any, value: Any, place: str) -> Any:
    if "format" in _SCALARS[kind]:
        with suppress(ValueError):
            found = _read_text(kind, value) if isinstance(value, str) else None
            if isinstance(found, kind):
                return found
        raise _misfit(place, f"a text in the format {_SCALARS[kind]['format']}")
    given = type(value)
    with suppress(OverflowError):
        # JSON has one type for numbers.
        if (kind, given) == (float, int) or ((kind, given) == (int, float) and value.is_integer()):
            value = kind(value)
        if type(value) is kind and (kind is not float or math.isfinite(value)):
            return value
    wanted = _SCALARS[kind]["type"]
    raise _misfit(place, {"null": "null", "integer": "an integer"}.get(wanted, f"a {wanted}"))


def _read_text(kind: Any, text: str) -> Any:
    if kind is datetime:
        return parse_datetime(text)
    if kind is time and text[-1:] in ("Z", "z"):  # unknown to Python before 3.11
        text = f"{text[:-1]}+00:00"
    return UUID(text) if kind is UUID else kind.fromisoformat(text)


def _read_array(kind: Callable[..., Any], read: Reader, value: Any, place: str) -> Any:
    if not isinstance(value, list):
        raise _misfit(place, "an array")
    return kind(read(item, f"{place}[{number}]") for number, item in enumerate(value))


def _read_dict(read: Reader, value: Any, place: str) -> Any:
    if not isinstance(value, dict):
        raise _misfit(place, "an object")
    return {name: read(item, f"a value of {place or 'the object'}") for name, item in value.items()}


def _read_union(parts: Sequence[Converter], value: Any, place: str) -> Any:
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


def _split_generic(hint: Any) -> Tuple[Any, Tuple[Any, ...]]:
    """Return the kind of a generic hint and its arguments; (hint, ()) for the others."""
    origin, arguments = getattr(hint, "__origin__", None), getattr(hint, "__args__", ())
    if origin is Union or type(hint).__name__ == "UnionType":
        return "union", arguments
    if str(origin).endswith(".Literal"):
        return "literal", arguments
    if any(isinstance(argument, TypeVar) for argument in arguments):
        arguments = ()  # a bare List or Dict on Python 3.8
    if origin is tuple and arguments:
        return (tuple, arguments[:1]) if arguments[1:] == (...,) else (None, ())
    kind = hint if origin is None else origin
    return _ABSTRACT.get(kind, kind), arguments


def _misfit(place: str, wanted: str) -> ValueError:
    return ValueError(f"{place or 'the value'} must be {wanted}")
