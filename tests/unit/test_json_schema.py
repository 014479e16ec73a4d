"""JSON schemas out of type hints, and what reads the JSON that fits them."""

import enum
import re
import sys
from dataclasses import InitVar, dataclass, field
from datetime import date, datetime, timezone
from typing import Any, Dict, FrozenSet, List, Literal, Mapping, NewType, Optional, Sequence, Tuple, Union
from uuid import UUID

import pytest

from chatsdk._core.json_schema import make_converter, make_response_format
from tests.support.cases import for_each

if sys.version_info >= (3, 9):
    from typing import Annotated
else:
    from typing_extensions import Annotated


class Unit(enum.Enum):
    CELSIUS = "celsius"
    KELVIN = "kelvin"


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


@dataclass
class Place:
    city: Annotated[str, "the name of a city"]
    country: Optional[str] = None


@dataclass
class Weather:
    place: Place
    degrees: float
    sky: Literal["sun", "rain"]
    hours: List[int] = field(default_factory=list)
    at: Optional[datetime] = None
    id: int = field(default=0, init=False)


@dataclass
class Node:
    children: List["Node"]


NOON = datetime(2025, 1, 2, 12, tzinfo=timezone.utc)
UserId = NewType("UserId", int)
SOME_ID = UUID("00000000-0000-4000-8000-000000000001")

# Each type with its schema, and what is read of a JSON value.
TYPES = {
    "text": (str, {"type": "string"}, "x", "x"),
    "integer": (int, {"type": "integer"}, 3.0, 3),
    "number": (float, {"type": "number"}, 3, 3.0),
    "boolean": (bool, {"type": "boolean"}, True, True),
    "null": (None, {"type": "null"}, None, None),
    "date-time": (datetime, {"type": "string", "format": "date-time"}, "2025-01-02T12:00:00Z", NOON),
    "date": (date, {"type": "string", "format": "date"}, "2025-01-02", date(2025, 1, 2)),
    "uuid": (UUID, {"type": "string", "format": "uuid"}, str(SOME_ID), SOME_ID),
    "new type": (UserId, {"type": "integer"}, 7, 7),
    "enum": (Unit, {"type": "string", "enum": ["celsius", "kelvin"]}, "kelvin", Unit.KELVIN),
    "enum of numbers": (Level, {"type": "integer", "enum": [1, 2]}, 2.0, Level.HIGH),
    "literal": (Literal["a", "b"], {"type": "string", "enum": ["a", "b"]}, "b", "b"),
    "literal of members": (
        Literal[Unit.KELVIN],
        {"type": "string", "enum": ["kelvin"]},
        "kelvin",
        Unit.KELVIN,
    ),
    "mixed literal": (Literal["a", 1], {"enum": ["a", 1]}, 1, 1),
    "optional": (Optional[int], {"anyOf": [{"type": "integer"}, {"type": "null"}]}, None, None),
    "union": (Union[int, str], {"anyOf": [{"type": "integer"}, {"type": "string"}]}, "x", "x"),
    "list": (List[int], {"type": "array", "items": {"type": "integer"}}, [1, 2], [1, 2]),
    "sequence": (Sequence[str], {"type": "array", "items": {"type": "string"}}, ["a"], ["a"]),
    "tuple": (Tuple[int, ...], {"type": "array", "items": {"type": "integer"}}, [1], (1,)),
    "set": (FrozenSet[int], {"type": "array", "items": {"type": "integer"}}, [1, 1], frozenset([1])),
    "dict": (
        Dict[str, int],
        {"type": "object", "additionalProperties": {"type": "integer"}},
        {"a": 1},
        {"a": 1},
    ),
    "mapping": (Mapping[str, Any], {"type": "object", "additionalProperties": {}}, {"a": [1]}, {"a": [1]}),
    "bare list": (list, {"type": "array", "items": {}}, [1, "x"], [1, "x"]),
    "bare typing list": (List, {"type": "array", "items": {}}, [1, "x"], [1, "x"]),
    "bare dict": (dict, {"type": "object", "additionalProperties": {}}, {"a": None}, {"a": None}),
    "anything": (Any, {}, {"a": 1}, {"a": 1}),
    "description": (Annotated[int, "how many"], {"type": "integer", "description": "how many"}, 1, 1),
}
MISFITS = [
    (str, 1),
    (int, True),
    (int, 1.5),
    (int, "1"),
    (float, True),
    (float, float("nan")),
    (float, float("inf")),
    (int, float("nan")),
    (int, float("inf")),
    (float, 10**400),
    (bool, 1),
    (None, 0),
    (datetime, "yesterday"),
    (datetime, 5),
    (date, "2025-01-02T00:00:00Z"),
    (UUID, "x"),
    (Unit, "fahrenheit"),
    (Level, True),
    (Literal[1], 1.5),
    (Literal[1], True),
    (Literal["a"], ["a"]),
    (Optional[int], "x"),
    (List[int], {"a": 1}),
    (Dict[str, int], [1]),
    (Place, ["Oslo"]),
]
WITHOUT_SCHEMA = [bytes, object, complex, Tuple[int, str], Dict[int, str], Node, List[Node], 5, Literal[b"x"]]


@for_each(TYPES)
def test_schema_and_reader(name):
    hint, schema, value, result = TYPES[name]
    converter = make_converter(hint)
    assert converter.schema == schema
    read = converter.read(value, "")
    assert (read, type(read)) == (result, type(result))


@for_each(MISFITS)
def test_a_misfit_names_the_place_and_not_the_value(hint, value):
    with pytest.raises(ValueError, match=r"^place\.x ") as caught:
        make_converter(hint).read(value, "place.x")
    assert repr(value) not in str(caught.value)


@for_each(WITHOUT_SCHEMA)
def test_a_type_without_a_schema(hint):
    with pytest.raises(TypeError, match=r"^here"):
        make_converter(hint, where="here")


@pytest.mark.skipif(sys.version_info < (3, 10), reason="int | None exists from Python 3.10 on")
def test_unions_with_a_bar():
    hint = eval("int | None")
    assert make_converter(hint).schema == {"anyOf": [{"type": "integer"}, {"type": "null"}]}


WEATHER = {"place": {"city": "Oslo"}, "degrees": 3, "sky": "sun"}


def test_dataclasses():
    schema = make_converter(Weather).schema
    assert schema["required"] == ["place", "degrees", "sky"]
    assert schema["additionalProperties"] is False
    assert list(schema["properties"]) == ["place", "degrees", "sky", "hours", "at"]
    assert schema["properties"]["place"]["properties"]["city"] == {
        "type": "string",
        "description": "the name of a city",
    }
    read = make_converter(Weather).read
    assert read(WEATHER, "") == Weather(Place("Oslo"), 3.0, "sun")
    full = {
        **WEATHER,
        "place": {"city": "Rome", "country": "Italy"},
        "hours": [1],
        "at": "2025-01-02T12:00:00Z",
    }
    assert read(full, "") == Weather(Place("Rome", "Italy"), 3.0, "sun", [1], NOON)
    # Null stands for a default.
    assert read({**WEATHER, "hours": None, "at": None}, "") == Weather(Place("Oslo"), 3.0, "sun")


def test_what_only_the_init_of_a_dataclass_takes():
    @dataclass
    class Scaled:
        x: int
        scale: InitVar[int] = 2

    @dataclass
    class Unusable:
        scale: InitVar[int]

    assert make_converter(Scaled).read({"x": 1}, "") == Scaled(1)
    with pytest.raises(TypeError, match=r"^Unusable\.scale: "):
        make_converter(Unusable)


def test_what_is_wrong_in_a_dataclass():
    read = make_converter(Weather).read
    problems = {
        "place.city must be a JSON string": {**WEATHER, "place": {"city": 5}},
        "place.city is missing": {**WEATHER, "place": {}},
        "hours[1] must be a JSON integer": {**WEATHER, "hours": [1, "secret"]},
        'sky must be one of "sun", "rain"': {**WEATHER, "sky": "secret"},
        "degrees is missing": {"place": {"city": "Oslo"}, "sky": "sun"},
        "the object has unknown fields; known are place, degrees, sky, hours, at": {**WEATHER, "secret": 1},
        "at must be a JSON string in the format date-time": {**WEATHER, "at": "secret"},
    }
    for message, value in problems.items():
        with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
            read(value, "")


def test_strict_schemas_require_all_and_allow_nothing_else():
    response_format = make_response_format(Weather)
    assert response_format["type"] == "json_schema"
    assert response_format["json_schema"]["name"] == "Weather"
    assert response_format["json_schema"]["strict"] is True
    schema = response_format["json_schema"]["schema"]
    assert schema["required"] == list(schema["properties"]) == ["place", "degrees", "sky", "hours", "at"]
    place = schema["properties"]["place"]
    assert place["required"] == ["city", "country"]
    assert place["additionalProperties"] is False
    # A default is asked for as null.
    assert schema["properties"]["hours"] == {
        "anyOf": [{"type": "array", "items": {"type": "integer"}}, {"type": "null"}]
    }
    assert place["properties"]["country"] == {"anyOf": [{"type": "string"}, {"type": "null"}]}
    for hint in (Dict[str, int], dict, list, Any):
        with pytest.raises(TypeError, match=r"^x: .* strict"):
            make_converter(hint, strict=True, where="x")


def test_only_dataclasses_are_response_formats():
    with pytest.raises(TypeError, match="response_format must be a dataclass or a dict, not str"):
        make_response_format(str)
