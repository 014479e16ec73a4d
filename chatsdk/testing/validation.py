"""Checks parameters as FastAPI does: all problems come back as a list, in Pydantic's shape.

There are three kinds of problems: a value is missing, has the wrong type, or is out of range.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from typing import Any, Callable, Dict, List, Mapping, Optional, Sequence, Tuple, Type, Union
from urllib.parse import parse_qsl
from uuid import UUID

from .exchange import Request

Problem = Dict[str, Any]
Place = Tuple[Union[str, int], ...]

REQUIRED: Any = object()

_TRUE = ("true", "1", "yes", "on")
_FALSE = ("false", "0", "no", "off")
_NAMES: Mapping[type, Tuple[str, str]] = {  # of types, in the type of a problem and in its message
    str: ("string", "string"),
    int: ("int", "integer"),
    float: ("float", "number"),
    bool: ("bool", "boolean"),
    list: ("list", "list"),
    dict: ("dict", "dictionary"),
    UUID: ("uuid", "UUID"),
    datetime: ("datetime", "datetime or date"),
}


@dataclass(frozen=True)
class Param:
    """A parameter of a path, query, form or body, or a member of an object.

    Args:
        name: The name on the wire.
        type: Type of the value: str, int, float, bool, list, dict, UUID (checked text of a UUID,
            in lower case), datetime (with a time zone, UTC if the text names none), or object for
            anything. A tuple for a value of one of several types.
        default: The value if it is missing; without it the parameter is required. With None as
            default, null is accepted too.
        min, max: Bounds of a number, or of the length of a text or list.
        choices: The only texts that are accepted.
        pattern: A regular expression that is found in the text.
        strip: Whether white space around a text is removed before its minimal length is checked.
        items: How each item of a list is checked; its name and default have no meaning.
        fields: How the members of an object are checked; others are left as they are.
        check: Returns the value, converted or not, or raises ValueError with what is wrong.
        message: What is said about any problem, instead of Pydantic's words.
    """

    name: str
    type: Union[Type[Any], Tuple[Type[Any], ...]] = str
    default: Any = REQUIRED
    min: Optional[float] = None
    max: Optional[float] = None
    choices: Sequence[str] = ()
    pattern: str = ""
    strip: bool = False
    items: Optional[Param] = None
    fields: Sequence[Param] = ()
    check: Optional[Callable[[Any], Any]] = None
    message: str = ""


class InvalidError(Exception):
    """Parameters that were refused."""

    def __init__(self, problems: List[Problem]) -> None:
        super().__init__(problems)
        self.problems = problems


def check_params(
    values: Mapping[str, Any], params: Sequence[Param], place: Place, strict: bool = False
) -> Dict[str, Any]:
    """Return the checked values of *params*, with defaults filled in.

    Args:
        values: The values by name; those without a Param are left out.
        params: What is accepted.
        place: Where the values are, such as ("query",).
        strict: Whether numbers and booleans as text are refused.

    Raises:
        InvalidError: All that is wrong.
    """
    checked: Dict[str, Any] = {}
    problems: List[Problem] = []
    for param in params:
        try:
            checked[param.name] = _check_member(values, param, place, strict)
        except InvalidError as error:
            problems += error.problems
    if problems:
        raise InvalidError(problems)
    return checked


def read_body(request: Request, params: Sequence[Param], strict: bool) -> Dict[str, Any]:
    """Return the checked members of a JSON body.

    Raises:
        InvalidError: The body is missing, no JSON, no object, or its members are wrong.
    """
    if not request.body:
        raise _problem("missing", ("body",), "Field required", None)
    try:
        value = request.json()
    except json.JSONDecodeError as error:
        place: Place = ("body", error.pos)
        raise _problem("json_invalid", place, "JSON decode error", {}, error=error.msg) from None
    except (ValueError, RecursionError) as error:
        raise _problem("json_invalid", ("body", 0), "JSON decode error", {}, error=str(error)) from None
    if not isinstance(value, dict):
        message = "Input should be a valid dictionary or object to extract fields from"
        raise _problem("model_attributes_type", ("body",), message, value)
    return check_params(value, params, ("body",), strict)


def read_form(request: Request, params: Sequence[Param]) -> Dict[str, Any]:
    """Return the checked fields of a form; any other body has none.

    Raises:
        InvalidError: All that is wrong.
    """
    is_form = request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded")
    pairs = parse_qsl(request.body.decode("latin-1"), keep_blank_values=True) if is_form else []
    return check_params(dict(pairs), params, ("body",))


def is_uuid(value: object) -> bool:
    """Whether a value is the text of a UUID."""
    try:
        return isinstance(value, str) and bool(UUID(value))
    except ValueError:
        return False


def parse_datetime(text: str) -> datetime:
    """Read an ISO 8601 date or date-time; UTC if it names no zone. Raises ValueError."""
    # Python 3.8 reads neither "Z" nor fractions of other than three or six digits.
    fraction = re.sub(r"\.(\d+)", lambda match: f".{match[1][:6]:0<6}", text)
    when = datetime.fromisoformat(re.sub(r"[Zz]$", "+00:00", fraction))
    return when if when.tzinfo else when.replace(tzinfo=timezone.utc)


def _check_member(values: Mapping[str, Any], param: Param, place: Place, strict: bool) -> Any:
    value = values.get(param.name)
    if value is None and param.default is None:
        return None
    try:
        if param.name in values:
            return _check(value, param, (*place, param.name), strict)
        if param.default is not REQUIRED:
            return param.default
        raise _problem("missing", (*place, param.name), "Field required", dict(values))
    except InvalidError as error:
        if not param.message:
            raise
        raise InvalidError([{**problem, "msg": param.message} for problem in error.problems]) from None


def _check(value: Any, param: Param, place: Place, strict: bool) -> Any:
    types = param.type if isinstance(param.type, tuple) else (param.type,)
    if not any(type(value) is kind for kind in types):
        value = _convert(value, types[0], place, strict)
    if isinstance(value, str) and param.strip:
        value = value.strip()
    _check_range(value, param, place)
    if isinstance(value, list) and param.items is not None:
        numbered = [replace(param.items, name=str(index)) for index in range(len(value))]
        items = {str(index): item for index, item in enumerate(value)}
        try:
            value = list(check_params(items, numbered, place, strict).values())
        except InvalidError as error:
            raise InvalidError([_with_index(problem, len(place)) for problem in error.problems]) from None
    if isinstance(value, dict) and param.fields:
        value = {**value, **check_params(value, param.fields, place, strict)}
    try:
        return value if param.check is None else param.check(value)
    except ValueError as error:
        raise _problem("value_error", place, f"Value error, {error}", value, error={}) from None


def _with_index(problem: Problem, position: int) -> Problem:
    place = list(problem["loc"])
    place[position] = int(place[position])
    return {**problem, "loc": place}


def _convert(value: Any, kind: type, place: Place, strict: bool) -> Any:
    """Return a value as Pydantic converts it to a type."""
    if kind is object:
        return value
    name, noun = _NAMES[kind]
    message = f"Input should be a valid {noun}"
    if kind in (UUID, datetime) and isinstance(value, str):
        try:
            return str(UUID(value)) if kind is UUID else parse_datetime(value)
        except ValueError as error:
            code = "uuid_parsing" if kind is UUID else "datetime_from_date_parsing"
            raise _problem(code, place, f"{message}, {error}", value, error=str(error)) from None
    if kind is float and type(value) is int:
        return float(value)
    if kind is int and type(value) is float and value.is_integer():
        return int(value)
    if kind in (int, float, bool) and isinstance(value, str) and not strict:
        try:
            return _parse_text(value, kind)
        except ValueError:
            message += f", unable to parse string as {'an' if kind is int else 'a'} {noun}"
            raise _problem(f"{name}_parsing", place, message, value) from None
    raise _problem(f"{name}_type", place, message, value)


def _parse_text(text: str, kind: type) -> Any:
    if kind is not bool:
        return kind(text)
    if text.lower() not in _TRUE + _FALSE:
        raise ValueError
    return text.lower() in _TRUE


def _check_range(value: Any, param: Param, place: Place) -> None:
    if param.choices and value not in param.choices:
        quoted = [repr(choice) for choice in param.choices]
        expected = " or ".join(filter(None, [", ".join(quoted[:-1]), quoted[-1]]))
        raise _problem("literal_error", place, f"Input should be {expected}", value, expected=expected)
    least = -math.inf if param.min is None else param.min
    most = math.inf if param.max is None else param.max
    if type(value) in (int, float):
        # Written so that NaN is out of range too.
        if not value >= least:
            message = f"Input should be greater than or equal to {least:g}"
            raise _problem("greater_than_equal", place, message, value, ge=least)
        if not value <= most:
            message = f"Input should be less than or equal to {most:g}"
            raise _problem("less_than_equal", place, message, value, le=most)
    if isinstance(value, (str, list)) and not least <= len(value) <= most:
        short = len(value) < least
        bound = least if short else most
        code, words = ("too_short", "at least") if short else ("too_long", "at most")
        context: Dict[str, Any] = {"min_length" if short else "max_length": bound}
        unit = "character" if isinstance(value, str) else "item"
        message = f"should have {words} {bound:g} {unit}{'s' * (bound != 1)}"
        if isinstance(value, str):
            raise _problem(f"string_{code}", place, f"String {message}", value, **context)
        context.update(field_type="List", actual_length=len(value))
        message = f"List {message} after validation, not {len(value)}"
        raise _problem(code, place, message, value, **context)
    if isinstance(value, str) and not re.search(param.pattern, value):
        message = f"String should match pattern '{param.pattern}'"
        raise _problem("string_pattern_mismatch", place, message, value, pattern=param.pattern)


def _problem(kind: str, place: Place, message: str, value: Any, **context: Any) -> InvalidError:
    problem = {"type": kind, "loc": list(place), "msg": message, "input": value}
    return InvalidError([{**problem, "ctx": context} if context else problem])
