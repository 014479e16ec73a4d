import copy
import json
import pickle
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timezone
from enum import Enum
from itertools import product
from typing import Any, Dict, List, Optional, Union

import pytest

from chatsdk import ChatSDKError
from chatsdk._core.model import (
    Model,
    build_request,
    get_reader,
    json_field,
    missing_required_field,
    required_field,
)
from chatsdk.zaguan import ChatRequest
from tests.support.cases import for_each


class Color(str, Enum):
    RED = "red"
    BLUE = "blue"


@dataclass
class Part(Model):
    name: str = ""
    color: Optional[Color] = None


@dataclass
class Whole(Model):
    title: str = "untitled"
    count: int = 0
    color: Union[Color, str] = Color.RED
    made_at: Optional[datetime] = None
    part: Optional[Part] = None
    always: Part = field(default_factory=Part)
    parts: List[Part] = required_field(default_factory=list)
    by_name: Dict[str, Part] = field(default_factory=dict)
    loose: Optional[Dict[str, Any]] = None
    max_items: Optional[int] = json_field("maxItems", default=None)


@dataclass
class Ask(Model):
    text: str
    max_items: Optional[int] = json_field("maxItems", default=None)


FULL = {
    "title": "t",
    "count": 3,
    "color": "blue",
    "made_at": "2025-11-01T08:00:00.500000Z",
    "part": {"name": "p", "color": "red"},
    "always": {"name": "a"},
    "parts": [{"name": "1"}, {"name": "2", "more": [1]}],
    "by_name": {"x": {"name": "x"}},
    "loose": {"kept": None},
    "maxItems": 7,
    "unknown": {"a": None},
}


def test_there_and_back():
    whole = Whole.from_dict(FULL)
    assert whole.to_dict() == FULL
    assert Whole.from_dict(whole.to_dict()) == whole


def test_types_of_what_was_read():
    whole = Whole.from_dict(FULL)
    assert whole.color is Color.BLUE
    assert whole.made_at == datetime(2025, 11, 1, 8, 0, 0, 500000, tzinfo=timezone.utc)
    assert whole.part == Part("p", Color.RED)
    assert [type(part) for part in whole.parts] == [Part, Part]
    assert whole.parts[1].extra == {"more": [1]}
    assert whole.by_name == {"x": Part("x")}
    assert whole.max_items == 7
    assert whole.extra == {"unknown": {"a": None}}


def test_the_input_is_left_alone():
    data = copy.deepcopy(FULL)
    Whole.from_dict(data).parts.append("more")
    assert data == FULL


def test_owned_objects_are_read_alike():
    """Without a copy of those that have exactly the fields."""
    exact = {
        **dict.fromkeys(Whole.__dataclass_fields__),
        **FULL,
        "parts": [{"name": "1", "color": None}],
    }
    del exact["unknown"], exact["maxItems"]
    for data in (
        exact,
        FULL,
        {},
        {"parts": [{}, 5, None]},
        {"by_name": {"x": {"name": "x", "color": "red"}}},
    ):
        expected = Whole.from_dict(data)
        owned = get_reader(Whole, owned=True)(copy.deepcopy(data))
        assert owned == expected
        assert owned.to_dict() == expected.to_dict()


def test_missing_fields_get_their_defaults():
    assert Whole.from_dict({}) == Whole()
    assert Whole.from_dict({}).extra == {}


def test_defaults_are_not_shared():
    Whole.from_dict({}).parts.append(Part())
    assert Whole.from_dict({}).parts == []


@for_each(name for name in FULL if name != "unknown")
def test_null_is_the_default(name):
    assert Whole.from_dict({name: None}) == Whole()


@for_each(product(FULL, [5, "text", True, 1.5, ["a", None, 3], {"k": "v"}]))
def test_a_wrong_type_stays_as_it_is(name, wrong):
    whole = Whole.from_dict({name: wrong})
    kept = whole.to_dict()[name]
    if name in ("part", "always") and isinstance(wrong, dict):
        wrong = {**wrong, "name": ""}  # an object of unknown keys
    assert kept == wrong


def test_an_unknown_word_is_no_error():
    assert Whole.from_dict({"color": "green"}).color == "green"
    assert Part.from_dict({"color": "green"}).to_dict()["color"] == "green"


def test_the_python_name_is_read_too():
    assert Whole.from_dict({"max_items": 3}).max_items == 3


def test_a_model_is_no_iterable():
    """pandas.DataFrame reads a list of dataclasses by their fields, but not if it could iterate over them."""
    model = Whole.from_dict(FULL)
    assert model.__iter__ is None
    with pytest.raises(TypeError, match="not iterable"):
        iter(model)


def test_reads_like_a_dict():
    whole = Whole.from_dict(FULL)
    assert whole["title"] == "t"
    assert whole["maxItems"] == whole["max_items"] == 7
    assert whole["unknown"] == {"a": None}
    assert whole["part"]["name"] == "p"
    assert set(whole.keys()) == set(FULL)
    assert dict(whole) == {key: whole[key] for key in FULL}
    assert "unknown" in whole
    assert "maxItems" in whole
    assert "max_items" in whole
    assert "nothing" not in whole
    assert 5 not in whole
    assert whole.get("nothing") is None
    assert whole.get("nothing", 1) == 1
    for missing in ("maxItems", "max_items", "made_at", "null"):
        assert Whole.from_dict({"null": None}).get(missing, 0) == 0
    assert whole.get("count", 5) == 3
    assert Whole().get("count", 5) == 0


@pytest.mark.parametrize("key", ["nothing", "_extra", "extra", "to_dict", "_schema", ""])
def test_an_unknown_key(key):
    with pytest.raises(KeyError):
        Whole()[key]
    assert key not in Whole()


def test_a_field_that_is_none():
    assert Whole()["part"] is None
    assert "part" not in Whole()


def test_to_json():
    whole = Whole.from_dict(FULL)
    assert json.loads(whole.to_json()) == FULL
    assert "\n  " in whole.to_json(indent=2)
    assert Part(name="é").to_json() == '{"name": "é"}'


def test_names_of_pydantic():
    whole = Whole.from_dict(FULL)
    assert whole.model_dump() == whole.to_dict()
    assert whole.model_dump_json(indent=2) == whole.to_json(indent=2)
    assert whole.model_dump(mode="json", exclude_none=True) == whole.to_dict()
    assert json.loads(whole.model_dump_json(exclude_none=False)) == whole.model_dump(exclude_none=False)
    none = whole.model_dump(mode="python", exclude_none=False)
    assert none["made_at"] == datetime(2025, 11, 1, 8, 0, 0, 500000, timezone.utc)
    assert none["color"] is Color.BLUE
    assert none["always"] == {"name": "a", "color": None}
    assert none["parts"] == [{"name": "1", "color": None}, {"name": "2", "color": None, "more": [1]}]
    assert none["unknown"] == {"a": None}
    assert Whole().model_dump(exclude_none=False)["maxItems"] is None


def test_equality():
    assert Part("a") == Part("a")
    assert Part("a") != Part("b")
    assert Part("a") != {"name": "a"}
    more = Part.from_dict({"name": "a", "more": 1})
    assert more != Part("a")
    assert more == Part.from_dict({"more": 1, "name": "a"})


def test_reading_extra_changes_nothing():
    part = Part("a")
    before = dict(vars(part))
    assert part.extra == {}
    assert vars(part) == before
    assert part == Part("a")
    with pytest.raises(AttributeError):
        part.extra = {}


def test_replace_keeps_extra():
    more = Part.from_dict({"name": "a", "more": 1})
    other = replace(more, name="b")
    assert other.to_dict() == {"name": "b", "more": 1}
    other.extra["further"] = 2
    assert more.extra == {"more": 1}
    assert replace(Whole.from_dict(FULL)) == Whole.from_dict(FULL)
    assert asdict(more) == {"name": "a", "color": None}


@pytest.mark.parametrize(
    ("data", "field_", "extra"),
    [
        ({"maxItems": 1, "max_items": 2}, 1, {"max_items": 2}),
        ({"max_items": 2, "maxItems": 1}, 1, {"max_items": 2}),
        ({"maxItems": None, "max_items": 2}, 2, {}),
        ({"max_items": None, "maxItems": 1}, 1, {}),
    ],
)
def test_both_names_of_a_field(data, field_, extra):
    whole = Whole.from_dict(data)
    assert (whole.max_items, whole.extra) == (field_, extra)
    assert whole["max_items"] == whole["maxItems"] == field_
    assert Whole.from_dict(whole.to_dict()) == whole


def test_copies_and_pickles():
    whole = Whole.from_dict(FULL)
    for copied in (copy.copy(whole), copy.deepcopy(whole), pickle.loads(pickle.dumps(whole))):
        assert copied == whole
        assert copied.to_dict() == FULL


def test_what_was_set_is_written():
    whole = Whole(title="x")
    whole.part = Part("new")
    whole.extra["further"] = 1
    assert whole.to_dict()["part"] == {"name": "new"}
    assert whole.to_dict()["further"] == 1


@pytest.mark.parametrize(
    ("data", "missing"), [({}, "parts"), ({"parts": None}, "parts"), ({"parts": []}, None)]
)
def test_essential(data, missing):
    assert missing_required_field(Whole, data) == missing


def test_essential_of_a_certain_kind():
    @dataclass
    class Even(Model):
        number: int = required_field(lambda value: value in (2, 4), default=2, repr=False)

    assert [missing_required_field(Even, {"number": value}) for value in (2, 3, None)] == [
        None,
        "number",
        "number",
    ]
    assert missing_required_field(Even, {}) == "number"
    assert repr(Even(4)).endswith("Even()")


def test_build_from_each_form():
    asks = [
        build_request(Ask, Ask("hi", 3), {}),
        build_request(Ask, {"text": "hi", "maxItems": 3}, {}),
        build_request(Ask, None, {"text": "hi", "max_items": 3}),
        build_request(Ask, None, {"text": "hi", "maxItems": 3}),
        build_request(Ask, {"text": "other"}, {"text": "hi", "max_items": 3}),
        build_request(Ask, Ask("other"), {"text": "hi", "max_items": 3}),
        build_request(Ask, Ask("hi", 3), {"self": 1, "max_items": None}),
    ]
    assert all(ask == Ask("hi", 3) for ask in asks)


def test_build_copies_the_request():
    request = Ask("hi")
    assert build_request(Ask, request, {"text": "other"}).text == "other"
    assert request.text == "hi"


def test_build_keeps_unknown_keys_of_a_dict():
    assert build_request(Ask, {"text": "hi", "new": 1}, {}).to_dict() == {"text": "hi", "new": 1}
    assert build_request(Ask, Ask.from_dict({"text": "hi", "new": 1}), {}).extra == {"new": 1}


@pytest.mark.parametrize(
    ("request_", "fields", "words"),
    [
        (None, {}, ["Ask", "text"]),
        ({"maxItems": 1}, {"text": None}, ["Ask", "text"]),
        (5, {}, ["Ask", "int"]),
        (Part(), {}, ["Ask", "Part"]),
    ],
)
def test_build_refuses(request_, fields, words):
    with pytest.raises(TypeError) as caught:
        build_request(Ask, request_, fields)
    assert all(word in str(caught.value) for word in words)


def test_repr_leaves_out_what_is_none():
    @dataclass
    class Secretive(Model):
        key: str = field(default="k", repr=False)
        name: Optional[str] = None
        parts: List[Part] = field(default_factory=list)

    assert repr(Secretive()) == "Secretive(parts=[])"
    assert repr(Secretive(name="n", parts=[Part("p")])) == "Secretive(name='n', parts=[Part(name='p')])"


@pytest.mark.parametrize("dump", ["to_dict", "to_json", "model_dump", "model_dump_json"])
def test_a_value_that_is_nested_too_deeply(dump):
    value = 1
    for _ in range(20_000):
        value = [value]
    model = ChatRequest(model="m", messages=[], metadata={"a": value})
    with pytest.raises(ChatSDKError, match="deep"):
        getattr(model, dump)()
