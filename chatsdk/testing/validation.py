"""Validation with the habits of FastAPI: what is wrong comes back as a list, with status 422.

A rule takes a value and the place where it stands, and gives the value back, converted where
Pydantic would convert it; or it raises `Invalid` with all that is wrong.
"""

import json
import re
from email.message import Message
from typing import Any, Callable, Dict, List, Mapping, NamedTuple, Optional, Tuple, Union

from .exchange import Refusal, Reply, Request

Place = Tuple[Union[str, int], ...]
Rule = Callable[[Any, Place], Any]

REQUIRED: Any = object()

_TRUE = ("true", "1", "yes", "on", "t", "y")
_FALSE = ("false", "0", "no", "off", "f", "n")


class Field(NamedTuple):
    """One named value: its rule, and its default where it is not required."""

    rule: Rule
    default: Any = REQUIRED


Fields = Mapping[str, Field]


class Invalid(Exception):
    """One or more values are not what they should be."""

    def __init__(self, problems: List[Dict[str, Any]]) -> None:
        super().__init__(problems)
        self.problems = problems


def invalid(kind: str, place: Place, message: str, value: Any, **context: Any) -> Invalid:
    """One problem, in Pydantic's shape."""
    problem = {"type": kind, "loc": list(place), "msg": message, "input": value}
    if context:
        problem["ctx"] = context
    return Invalid([problem])


def parameters(request: Request, path: Fields, query: Fields) -> Dict[str, Any]:
    """The parameters in a request's path and query.

    Raises:
        Refusal: 422 with everything that is wrong.
    """
    last = {name: values[-1] for name, values in request.query.items()}
    checks = [(request.params, ("path",), path), (last, ("query",), query)]
    found: Dict[str, Any] = {}
    problems: List[Dict[str, Any]] = []
    for values, place, fields in checks:
        try:
            found.update(_check(values, place, fields, None))
        except Invalid as error:
            problems.extend(error.problems)
    if problems:
        raise _refusal(problems)
    return found


def body(request: Request, fields: Fields) -> Dict[str, Any]:
    """The fields of a request's JSON body.

    Raises:
        Refusal: 422 with everything that is wrong, 400 where the body cannot be decoded.
    """
    try:
        checked: Dict[str, Any] = record(fields)(_decoded(request), ("body",))
    except Invalid as error:
        raise _refusal(error.problems) from None
    return checked


def _refusal(problems: List[Dict[str, Any]]) -> Refusal:
    return Refusal(Reply.json({"detail": problems}, 422))


def _decoded(request: Request) -> Any:
    if not request.body:
        raise invalid("missing", ("body",), "Field required", None)
    if not _is_json(request.headers.get("content-type")):
        return request.body.decode("utf-8", "replace")
    try:
        return request.json()
    except json.JSONDecodeError as error:
        place = ("body", error.pos)
        raise invalid("json_invalid", place, "JSON decode error", {}, error=error.msg) from None
    except ValueError:
        detail = {"detail": "There was an error parsing the body"}
        raise Refusal(Reply.json(detail, 400)) from None


def _is_json(content_type: Optional[str]) -> bool:
    if content_type is None:
        return True
    message = Message()
    message["content-type"] = content_type
    subtype = message.get_content_subtype()
    is_application = message.get_content_maintype() == "application"
    return is_application and (subtype == "json" or subtype.endswith("+json"))


def _check(values: Mapping[str, Any], place: Place, fields: Fields, whole: Any) -> Dict[str, Any]:
    checked: Dict[str, Any] = {}
    problems: List[Dict[str, Any]] = []
    for name, (rule, default) in fields.items():
        try:
            if name in values:
                checked[name] = rule(values[name], (*place, name))
            elif default is REQUIRED:
                raise invalid("missing", (*place, name), "Field required", whole)
            else:
                checked[name] = default
        except Invalid as error:
            problems.extend(error.problems)
    if problems:
        raise Invalid(problems)
    return checked


def record(fields: Fields) -> Rule:
    """An object with these fields; others are ignored."""

    def rule(value: Any, place: Place) -> Any:
        if not isinstance(value, dict):
            message = "Input should be a valid dictionary or object to extract fields from"
            raise invalid("model_attributes_type", place, message, value)
        return _check(value, place, fields, value)

    return rule


def array(item: Rule) -> Rule:
    """A list of such items."""

    def rule(value: Any, place: Place) -> Any:
        if not isinstance(value, list):
            raise invalid("list_type", place, "Input should be a valid list", value)
        checked: List[Any] = []
        problems: List[Dict[str, Any]] = []
        for position, element in enumerate(value):
            try:
                checked.append(item(element, (*place, position)))
            except Invalid as error:
                problems.extend(error.problems)
        if problems:
            raise Invalid(problems)
        return checked

    return rule


def nullable(inner: Rule) -> Rule:
    """The same, or null."""
    return lambda value, place: None if value is None else inner(value, place)


def one_of(*options: str) -> Rule:
    """One of a few strings."""
    quoted = [repr(option) for option in options]
    expected = " or ".join([", ".join(quoted[:-1]), quoted[-1]] if quoted[1:] else quoted)

    def rule(value: Any, place: Place) -> Any:
        if value not in options:
            message = f"Input should be {expected}"
            raise invalid("literal_error", place, message, value, expected=expected)
        return value

    return rule


def string(value: Any, place: Place) -> Any:
    """A string."""
    if not isinstance(value, str):
        raise invalid("string_type", place, "Input should be a valid string", value)
    return value


def mapping(value: Any, place: Place) -> Any:
    """An object with any fields."""
    if not isinstance(value, dict):
        raise invalid("dict_type", place, "Input should be a valid dictionary", value)
    return value


def boolean(value: Any, place: Place) -> Any:
    """True or false, or a word for one of them."""
    if isinstance(value, bool):
        return value
    if not isinstance(value, (str, int, float)):
        raise invalid("bool_type", place, "Input should be a valid boolean", value)
    word = value.lower() if isinstance(value, str) else f"{value:g}"
    if word not in _TRUE + _FALSE:
        message = "Input should be a valid boolean, unable to interpret input"
        raise invalid("bool_parsing", place, message, value)
    return word in _TRUE


def number(ge: Optional[float] = None, le: Optional[float] = None) -> Rule:
    """A number, or its text, within bounds."""

    def rule(value: Any, place: Place) -> Any:
        message = "Input should be a valid number"
        if not isinstance(value, (str, int, float)):
            raise invalid("float_type", place, message, value)
        try:
            result = float(value)
        except (ValueError, OverflowError):
            message += ", unable to parse string as a number"
            raise invalid("float_parsing", place, message, value) from None
        _check_bounds(result, place, value, ge, le)
        return result

    return rule


def integer(ge: Optional[int] = None, le: Optional[int] = None) -> Rule:
    """A whole number, or its text, within bounds."""

    def rule(value: Any, place: Place) -> Any:
        message = "Input should be a valid integer"
        if not isinstance(value, (str, int, float)):
            raise invalid("int_type", place, message, value)
        if isinstance(value, float) and not value.is_integer():
            message += ", got a number with a fractional part"
            raise invalid("int_from_float", place, message, value)
        if isinstance(value, str) and not re.fullmatch(r"\s*[+-]?\d+(\.0+)?\s*", value):
            message += ", unable to parse string as an integer"
            raise invalid("int_parsing", place, message, value)
        result = int(value.partition(".")[0]) if isinstance(value, str) else int(value)
        _check_bounds(result, place, value, ge, le)
        return result

    return rule


def _check_bounds(result: float, place: Place, value: Any, ge: Optional[float], le: Optional[float]) -> None:
    # Written so that NaN is out of bounds too.
    if ge is not None and not result >= ge:
        message = f"Input should be greater than or equal to {ge:g}"
        raise invalid("greater_than_equal", place, message, value, ge=ge)
    if le is not None and not result <= le:
        message = f"Input should be less than or equal to {le:g}"
        raise invalid("less_than_equal", place, message, value, le=le)
