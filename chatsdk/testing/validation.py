"""Validates parameters like FastAPI: returns all problems as a list, in Pydantic's format."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from datetime import datetime
from email import message_from_bytes
from typing import Any, Callable, Dict, List, Mapping, Optional, Sequence, Tuple, Type, Union
from urllib.parse import parse_qsl
from uuid import UUID

from .._core.dates import parse_datetime
from .exchange import Request

Problem = Dict[str, Any]
Loc = Tuple[Union[str, int], ...]

REQUIRED: Any = object()

_BOOLEANS = {
    **dict.fromkeys(("true", "1", "yes", "on"), True),
    **dict.fromkeys(("false", "0", "no", "off"), False),
}
_TYPE_NAMES = {str: "string", int: "integer", float: "number", bool: "boolean", dict: "dictionary"}


@dataclass(frozen=True)
class Param:
    """A parameter of a path, query, form or body, or a field of an object.

    Args:
        type: A type of _PARSERS, str, list or dict; object for any; a tuple for one of several.
        default: Value of a missing parameter; without a default it is required. With the default None,
            null is valid.
        min, max: Limits of a number, or of the length of a string or list.
        strip: Whether to strip white space before the length is checked.
        items: Validates each item of a list; its name and default are not used.
        fields: Validate the fields of an object; other fields are kept unchanged.
        convert: Returns the converted value, or raises ValueError with a message.
    """

    name: str
    type: Union[Type[Any], Tuple[Type[Any], ...]] = str
    default: Any = REQUIRED
    min: float = -math.inf
    max: float = math.inf
    choices: Sequence[str] = ()
    pattern: str = ""
    strip: bool = False
    items: Optional[Param] = None
    fields: Sequence[Param] = ()
    convert: Optional[Callable[[Any], Any]] = None


class _InvalidValue(ValueError):
    """A value is invalid; *kind* is Pydantic's type of the error."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


def check_params(
    values: Mapping[str, Any],
    params: Sequence[Param],
    loc: Loc,
    problems: List[Problem],
    strict: bool = False,
) -> Dict[str, Any]:
    """Return the validated values of *params*, with defaults; append what is invalid to *problems*.

    *strict* rejects strings for numbers and booleans.
    """
    checked: Dict[str, Any] = {}
    for param in params:
        value = values.get(param.name, param.default)
        if value is REQUIRED:
            problems.append(_problem("missing", (*loc, param.name), "Field required", dict(values)))
        elif param.name not in values or (value is None and param.default is None):
            checked[param.name] = value
        else:
            checked[param.name] = _check(value, param, (*loc, param.name), problems, strict)
    return checked


def read_body(
    request: Request, params: Sequence[Param], problems: List[Problem], strict: bool
) -> Dict[str, Any]:
    """Return the validated fields of a JSON body; append what is invalid to *problems*."""
    try:
        value = request.json()
    except (ValueError, RecursionError) as error:
        if request.body:
            loc: Loc = ("body", getattr(error, "pos", 0))
            problems.append(_problem("json_invalid", loc, f"JSON decode error: {error}", {}))
        else:
            problems.append(_problem("missing", ("body",), "Field required", None))
        return {}
    if not isinstance(value, dict):
        message = "Input should be a valid dictionary or object to extract fields from"
        problems.append(_problem("model_attributes_type", ("body",), message, value))
        return {}
    return check_params(value, params, ("body",), problems, strict)


def read_form(request: Request, params: Sequence[Param], problems: List[Problem]) -> Dict[str, Any]:
    """Return the validated fields of a form; uploaded files are decoded as UTF-8."""
    kind = request.headers.get("content-type", "")
    fields: Dict[str, Any] = {}
    if kind.startswith("application/x-www-form-urlencoded"):
        fields.update(parse_qsl(request.body.decode("latin-1"), keep_blank_values=True))
    elif kind.startswith("multipart/form-data"):
        message: Any = message_from_bytes(f"Content-Type: {kind}\r\n\r\n".encode() + request.body)
        for part in message.get_payload():
            name = str(part.get_param("name", header="Content-Disposition")).replace("[]", "")
            fields[name] = part.get_payload(decode=True).decode("utf-8", "replace")
    return check_params(fields, params, ("body",), problems)


def is_uuid(value: object) -> bool:
    """Return whether a value is a UUID string."""
    try:
        return isinstance(value, str) and bool(UUID(value))
    except ValueError:
        return False


def _read_datetime(text: str) -> datetime:
    when = parse_datetime(text)
    if not isinstance(when, datetime):
        raise ValueError(text)
    return when


_PARSERS: Mapping[type, Callable[[str], Any]] = {
    int: int,
    float: float,
    bool: lambda text: _BOOLEANS[text.lower()],
    UUID: lambda text: str(UUID(text)),
    datetime: _read_datetime,
}


def _check(value: Any, param: Param, loc: Loc, problems: List[Problem], strict: bool) -> Any:
    types = param.type if isinstance(param.type, tuple) else (param.type,)
    try:
        if type(value) not in types:
            value = _convert(value, types[0], strict)
        if isinstance(value, str) and param.strip:
            value = value.strip()
        _check_range(value, param)
        if param.convert is not None:
            value = param.convert(value)
    except ValueError as error:
        problems.append(_problem(getattr(error, "kind", "value_error"), loc, str(error), value))
        return None
    if isinstance(value, list) and param.items is not None:
        return [_check(item, param.items, (*loc, i), problems, strict) for i, item in enumerate(value)]
    if isinstance(value, dict):
        return {**value, **check_params(value, param.fields, loc, problems, strict)}
    return value


def _convert(value: Any, kind: type, strict: bool) -> Any:
    """Convert a value to a type like Pydantic."""
    if kind is object:
        return value
    if kind is float and type(value) is int:
        return float(value)
    if kind is int and type(value) is float and value.is_integer():
        return int(value)
    name = "string" if kind is str else kind.__name__.lower()
    message = f"Input should be a valid {_TYPE_NAMES.get(kind, kind.__name__)}"
    if isinstance(value, str) and kind in _PARSERS and not (strict and kind in (int, float, bool)):
        try:
            return _PARSERS[kind](value)
        except (ValueError, KeyError):
            kind_name = "datetime_from_date" if kind is datetime else name
            raise _InvalidValue(f"{kind_name}_parsing", message) from None
    raise _InvalidValue(f"{name}_type", message)


def _check_range(value: Any, param: Param) -> None:
    if param.choices and value not in param.choices:
        raise _InvalidValue("literal_error", f"Input should be {' or '.join(map(repr, param.choices))}")
    if isinstance(value, (int, float)):
        # "not >=" instead of "<": NaN must be out of range.
        if not value >= param.min:
            raise _InvalidValue(
                "greater_than_equal", f"Input should be greater than or equal to {param.min:g}"
            )
        if not value <= param.max:
            raise _InvalidValue("less_than_equal", f"Input should be less than or equal to {param.max:g}")
    if isinstance(value, (str, list)):
        kind, unit = ("string_too", "characters") if isinstance(value, str) else ("too", "items")
        if len(value) < param.min:
            raise _InvalidValue(f"{kind}_short", f"Input should have at least {param.min:g} {unit}")
        if len(value) > param.max:
            raise _InvalidValue(f"{kind}_long", f"Input should have at most {param.max:g} {unit}")
    if isinstance(value, str) and not re.search(param.pattern, value):
        raise _InvalidValue("string_pattern_mismatch", f"Input should match pattern '{param.pattern}'")


def _problem(kind: str, loc: Loc, message: str, value: Any) -> Problem:
    return {"type": kind, "loc": list(loc), "msg": message, "input": value}
