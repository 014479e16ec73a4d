"""The models of all services, fed with anything."""

import dataclasses
import json
import typing
from datetime import datetime

from chatsdk import chatserver, zaguan
from chatsdk._core.model import Model, required_names
from chatsdk._core.result_list import ListResponse
from tests.support.cases import for_each

from .helpers import MODELS, json_names, random_object, seeded

ROUNDS = 60
REQUESTS = ("Request", "Create", "Update", "Registration")  # how their names end


def kept(value, found):
    """Whether *found* is *value*; a default may stand for null, a moment may be spelled otherwise."""
    if isinstance(found, dict) and isinstance(value, dict):
        return all(found.get(key) is None if item is None else key in found for key, item in value.items())
    return value is None or found == value or (isinstance(value, str) and value[:4] == "2025")


@for_each(MODELS)
def test_from_dict_never_raises_and_loses_no_key(cls):
    rng = seeded(cls.__name__)
    for _ in range(ROUNDS):
        data = random_object(rng, cls)
        result = cls.from_dict(data).to_dict()
        for key, value in data.items():
            assert value is None or key in result, (key, data)
            if key in result and not isinstance(value, (dict, list)):
                assert kept(value, result[key]), (key, data)


@for_each(MODELS)
def test_what_was_read_twice_is_the_same(cls):
    rng = seeded(cls.__name__)
    for _ in range(ROUNDS // 3):
        first = cls.from_dict(random_object(rng, cls))
        second = cls.from_dict(first.to_dict())
        assert second.to_dict().items() >= first.to_dict().items()
        assert json.loads(first.to_json()) == first.to_dict()


@for_each(MODELS)
def test_everything_else_works_on_anything_too(cls):
    rng = seeded(cls.__name__)
    for _ in range(ROUNDS // 3):
        model = cls.from_dict(random_object(rng, cls))
        assert repr(model).startswith(cls.__name__)
        assert all(model[key] is not None or key in model.extra for key in list(model.keys()))
        assert "text" in json_names(cls) or isinstance(getattr(model, "text", ""), str)
        assert isinstance(getattr(model, "_repr_html_", str)(), str)


@for_each(MODELS)
def test_every_field_of_a_response_has_a_default(cls):
    if not cls.__name__.endswith(REQUESTS):
        assert isinstance(cls(), cls)
        assert cls() == cls.from_dict({})


@for_each(MODELS)
def test_no_field_hides_a_method(cls):
    names = {field.name for field in dataclasses.fields(cls)}
    assert not names & set(vars(Model))


@for_each(MODELS)
def test_fields_are_written_in_order_and_by_their_names(cls):
    names = json_names(cls)
    data = dict.fromkeys(names, "x")
    assert list(cls.from_dict(data).to_dict()) == names


@for_each(MODELS)
def test_each_field_is_optional_or_has_a_default_of_its_type(cls):
    if cls.__name__.endswith(REQUESTS):
        return
    hints = typing.get_type_hints(cls)
    for name in cls.__dataclass_fields__:
        hint = hints[name]
        optional = not {type(None), typing.Any}.isdisjoint(getattr(hint, "__args__", ()))
        default = getattr(cls(), name)
        assert (default is None) <= optional, name
        if hint in (int, str, bool):
            assert type(default) is hint, name
        assert hint is not datetime, f"{name}: a server may leave it out"


def test_usage_may_be_read_unchecked():
    """Type checkers refuse ``response.usage.total_tokens`` if None is among the types."""
    for cls in (chatserver.ChatCompletionResponse, zaguan.ChatResponse):
        usage = typing.get_type_hints(cls)["usage"].__args__
        assert usage[1:] == (typing.Any,)
        assert issubclass(usage[0], Model)
        assert cls.from_dict({}).usage is None


@for_each(MODELS)
def test_list_responses_name_their_list(cls):
    if issubclass(cls, ListResponse):
        (name,) = required_names(cls)
        model = cls.from_dict({name: [{"id": "a"}, {"id": "b"}]})
        assert [item["id"] for item in model] == ["a", "b"]
        assert [row["id"] for row in model.to_rows()] == ["a", "b"]
        assert all(item in model for item in model)
        assert model not in model
        assert name in model
