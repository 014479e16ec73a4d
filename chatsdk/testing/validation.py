"""Validation with the habits of FastAPI: what is wrong comes back as a list, with status 422.

A rule takes a value and the place where it stands, and gives the value back, converted where
Pydantic would convert it; or it raises `Invalid` with all that is wrong.
"""

import json
import re
from email.message import Message
from typing import Any, Callable, Dict, List, Mapping, NamedTuple, Optional, Tuple, Union
from urllib.parse import parse_qsl

from .exchange import CRASH, Refusal, Reply, Request

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
        value = _decoded(request)
        if value is None:
            raise invalid("missing", ("body",), "Field required", None)
        checked: Dict[str, Any] = record(fields)(value, ("body",))
    except Invalid as error:
        raise _refusal(error.problems) from None
    return checked


def readable(request: Request) -> None:
    """Check that the body can be decoded; the services do so before they look at a token.

    Raises:
        Refusal: 422 or 400, as from `body`.
    """
    try:
        _decoded(request)
    except Invalid as error:
        raise _refusal(error.problems) from None


def form(request: Request, fields: Fields) -> Dict[str, Any]:
    """The fields of a request's form; a body that is no form has none.

    Raises:
        Refusal: 422 with everything that is wrong.
    """
    values: Dict[str, str] = {}
    if _media_type(request.headers.get("content-type")) == "application/x-www-form-urlencoded":
        values = dict(parse_qsl(request.body.decode("latin-1"), keep_blank_values=True))
    try:
        return _check(values, ("body",), fields, None)
    except Invalid as error:
        raise _refusal(error.problems) from None


def _refusal(problems: List[Dict[str, Any]]) -> Refusal:
    try:
        return Refusal(Reply.json({"detail": problems}, 422))
    except ValueError:
        # The services repeat the input, and crash where JSON cannot: NaN, half a surrogate pair.
        return Refusal(CRASH)


def _decoded(request: Request) -> Any:
    if not request.body:
        return None
    if not _is_json(request.headers.get("content-type")):
        return request.body.decode("utf-8", "replace")
    try:
        return request.json()
    except json.JSONDecodeError as error:
        place = ("body", error.pos)
        raise invalid("json_invalid", place, "JSON decode error", {}, error=error.msg) from None
    except (ValueError, RecursionError):
        detail = {"detail": "There was an error parsing the body"}
        raise Refusal(Reply.json(detail, 400)) from None


def _is_json(content_type: Optional[str]) -> bool:
    if content_type is None:
        return True
    main, _, subtype = _media_type(content_type).partition("/")
    return main == "application" and (subtype == "json" or subtype.endswith("+json"))


def _media_type(content_type: Optional[str]) -> str:
    message = Message()
    message["content-type"] = content_type or ""
    return message.get_content_type()


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


def array(item: Rule, min_length: int = 0) -> Rule:
    """A list of such items, at least so many."""

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
        size = len(checked)
        if size < min_length:
            items = "1 item" if min_length == 1 else f"{min_length} items"
            message = f"List should have at least {items} after validation, not {size}"
            context = {"field_type": "List", "min_length": min_length, "actual_length": size}
            raise invalid("too_short", place, message, value, **context)
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


def text(min_length: int = 0, max_length: Optional[int] = None, pattern: str = "") -> Rule:
    """A string of so many characters, in which the pattern is found."""

    def rule(value: Any, place: Place) -> Any:
        string(value, place)
        if len(value) < min_length:
            message = f"String should have at least {_characters(min_length)}"
            raise invalid("string_too_short", place, message, value, min_length=min_length)
        if max_length is not None and len(value) > max_length:
            message = f"String should have at most {_characters(max_length)}"
            raise invalid("string_too_long", place, message, value, max_length=max_length)
        if not re.search(pattern, value):
            message = f"String should match pattern '{pattern}'"
            raise invalid("string_pattern_mismatch", place, message, value, pattern=pattern)
        return value

    return rule


def _characters(count: int) -> str:
    return "1 character" if count == 1 else f"{count} characters"


def custom(inner: Rule, convert: Callable[[Any], Any]) -> Rule:
    """The same, then converted by a function; what it says in its ValueError is the problem."""

    def rule(value: Any, place: Place) -> Any:
        checked = inner(value, place)
        try:
            return convert(checked)
        except ValueError as error:
            raise invalid("value_error", place, f"Value error, {error}", value, error={}) from None

    return rule


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
