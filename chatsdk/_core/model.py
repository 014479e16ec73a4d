"""The base of all dataclasses: from a JSON object and back, losing nothing on the way."""

from __future__ import annotations

import dataclasses
import enum
import json
from datetime import date, datetime
from typing import (
    Any,
    Callable,
    ClassVar,
    Dict,
    Iterator,
    List,
    Mapping,
    NamedTuple,
    Optional,
    Tuple,
    Type,
    TypeVar,
    Union,
    cast,
    get_type_hints,
)

from .dates import format_datetime, parse_datetime

M = TypeVar("M", bound="Model")
Converter = Callable[[Any], Any]


class _Field(NamedTuple):
    """What from_dict has to do for one field beyond taking the value as it is."""

    name: str
    convert: Optional[Converter]
    make_default: Optional[Callable[[], Any]]


class _Plan(NamedTuple):
    """How a class is read and written, worked out once from its annotations."""

    defaults: Dict[str, Any]
    work: Tuple[_Field, ...]
    not_null: Tuple[str, ...]
    json_names: Dict[str, str]
    python_names: Dict[str, str]
    essential: Tuple[str, ...]


def json_field(name: str, **options: Any) -> Any:
    """Declare a dataclass field whose name in JSON is *name*."""
    return dataclasses.field(metadata={"json": name}, **options)


def essential(**options: Any) -> Any:
    """Declare the field without which an answer means nothing."""
    return dataclasses.field(metadata={"essential": True}, **options)


class Model:
    """Base of all requests and responses.

    A model reads like a dict too (``model["field"]``). What came beyond the fields is in ``extra``.
    """

    _plan: ClassVar[Optional[_Plan]] = None

    @property
    def extra(self) -> Dict[str, Any]:
        """What the server sent beyond the fields of this class; ``to_dict()`` gives it back."""
        return cast(Dict[str, Any], self.__dict__.setdefault("_extra", {}))

    @classmethod
    def from_dict(cls: Type[M], data: Mapping[str, Any]) -> M:
        """Make an instance from a decoded JSON object.

        A missing field gets its default; a value that cannot be read stays as it is. Nothing is lost: keys
        without a field go to ``extra``.
        """
        plan = cls.__dict__.get("_plan") or _compile(cls)
        defaults = plan.defaults
        values = {**defaults, **data}
        if len(values) > len(defaults):
            extra = {}
            for key in data:
                if key not in defaults:
                    name = plan.python_names.get(key)
                    if name is None:
                        extra[key] = values.pop(key)
                    else:
                        values[name] = values.pop(key)
            if extra:
                values["_extra"] = extra
        for name, convert, make_default in plan.work:
            value = values[name]
            if value is None:
                if make_default is not None:
                    values[name] = make_default()
            elif convert is not None:
                values[name] = convert(value)
        for name in plan.not_null:
            if values[name] is None:
                values[name] = defaults[name]
        self = object.__new__(cls)
        self.__dict__ = values
        return self

    def to_dict(self) -> Dict[str, Any]:
        """Return the JSON object: fields that are None left out, date-times and enums as strings."""
        plan = type(self).__dict__.get("_plan") or _compile(type(self))
        values = self.__dict__
        result = {}
        for name, json_name in plan.json_names.items():
            value = values[name]
            if value is not None:
                result[json_name] = to_json_value(value)
        result.update(values.get("_extra", ()))
        return result

    def to_json(self, indent: Optional[int] = None) -> str:
        """Return ``to_dict()`` as JSON text."""
        return json.dumps(self.to_dict(), indent=indent, ensure_ascii=False)

    def model_dump(self) -> Dict[str, Any]:
        """Return ``to_dict()``, under the name that pydantic gives it."""
        return self.to_dict()

    def model_dump_json(self, indent: Optional[int] = None) -> str:
        """Return ``to_json()``, under the name that pydantic gives it."""
        return self.to_json(indent=indent)

    def __getitem__(self, key: str) -> Any:
        plan = type(self).__dict__.get("_plan") or _compile(type(self))
        name = plan.python_names.get(key, key)
        if name in plan.defaults:
            return self.__dict__[name]
        return self.extra[key]

    def get(self, key: str, default: Any = None) -> Any:
        """Return ``self[key]``, or *default* where there is none."""
        try:
            return self[key]
        except KeyError:
            return default

    def keys(self) -> List[str]:
        """Return the keys of ``to_dict()``."""
        return list(self.to_dict())

    def __iter__(self) -> Iterator[Any]:
        return iter(self.keys())

    def __contains__(self, key: object) -> bool:
        return key in self.to_dict()


def to_json_value(value: Any) -> Any:
    """Return *value* with all models, date-times and enums in it as plain JSON values."""
    kind = type(value)
    if kind is str or kind is int or kind is float or kind is bool:
        return value
    if isinstance(value, Model):
        return value.to_dict()
    if isinstance(value, dict):
        return {key: to_json_value(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [to_json_value(item) for item in value]
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, datetime):
        return format_datetime(value)
    if isinstance(value, date):
        return value.isoformat()
    return value


def build(
    cls: Type[M], caller: str, request: Union[M, Mapping[str, Any], None], fields: Mapping[str, Any]
) -> M:
    """Return the request that *caller* was given, as an object, as keywords, or as both (keywords win).

    Keywords may be Python names or JSON names; an unknown one is a TypeError. Unknown keys of a mapping go
    out as they are: the server may know them.
    """
    plan = cls.__dict__.get("_plan") or _compile(cls)
    names = {key: plan.python_names.get(key, key) for key in fields}
    unknown = [key for key, name in names.items() if name not in plan.defaults]
    if unknown:
        raise TypeError("{}() got unknown keywords: {}".format(caller, ", ".join(sorted(unknown))))
    given = {names[key]: value for key, value in fields.items()}
    extra: Dict[str, Any] = {}
    if isinstance(request, cls):
        given = {**{name: request.__dict__[name] for name in plan.defaults}, **given}
        extra = request.extra
    elif isinstance(request, Mapping):
        for key, value in request.items():
            name = plan.python_names.get(key, key)
            if name in plan.defaults:
                given.setdefault(name, value)
            else:
                extra[key] = value
    elif request is not None:
        raise TypeError(
            f"{caller}() takes a {cls.__name__}, a dict or keywords, not {type(request).__name__}"
        )
    missing = [name for name in _required(cls) if name not in given]
    if missing:
        raise TypeError("{}() needs {}".format(caller, ", ".join(missing)))
    built = cls(**given)
    if extra:
        built.extra.update(extra)
    return built


def missing_essential(cls: Type[Model], data: Mapping[str, Any]) -> Optional[str]:
    """Return the JSON name of the essential field that *data* lacks, or None."""
    plan = cls.__dict__.get("_plan") or _compile(cls)
    for name in plan.essential:
        if data.get(name) is None:
            return name
    return None


def _required(cls: Type[Model]) -> List[str]:
    return [
        field.name
        for field in _fields(cls)
        if field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
    ]


def _fields(cls: Type[Model]) -> Tuple[dataclasses.Field[Any], ...]:
    return dataclasses.fields(cast(Any, cls))


def _compile(cls: Type[Model]) -> _Plan:
    """Work out the plan of *cls* and keep it on the class."""
    hints = get_type_hints(cls)
    defaults: Dict[str, Any] = {}
    work, not_null, json_names, essentials = [], [], {}, []
    for field in _fields(cls):
        hint, nullable = _without_none(hints[field.name])
        convert = _converter(hint)
        make_default = None
        if field.default_factory is not dataclasses.MISSING:
            make_default = field.default_factory
        defaults[field.name] = None if field.default is dataclasses.MISSING else field.default
        if convert is not None or make_default is not None:
            work.append(_Field(field.name, convert, make_default))
        if not nullable and defaults[field.name] is not None:
            not_null.append(field.name)
        json_names[field.name] = field.metadata.get("json", field.name)
        if field.metadata.get("essential"):
            essentials.append(json_names[field.name])
    plan = _Plan(
        defaults,
        tuple(work),
        tuple(not_null),
        json_names,
        {json_name: name for name, json_name in json_names.items() if json_name != name},
        tuple(essentials),
    )
    cls._plan = plan
    return plan


def _without_none(hint: Any) -> Tuple[Any, bool]:
    """Return the type inside an Optional, and whether there was one."""
    if getattr(hint, "__origin__", None) is Union:
        rest = tuple(item for item in hint.__args__ if item is not type(None))
        if len(rest) < len(hint.__args__):
            return (rest[0] if len(rest) == 1 else Union[rest]), True
    return hint, False


def _converter(hint: Any) -> Optional[Converter]:
    """Return the function that makes a *hint* of a JSON value, or None where the value is right as it is."""
    origin = getattr(hint, "__origin__", None)
    if origin is list:
        item = _converter(hint.__args__[0])
        return None if item is None else _each(item)
    if origin is dict:
        item = _converter(hint.__args__[1])
        return None if item is None else _each_value(item)
    if origin is Union:
        # Of "a model or plain text" the model is the part that needs reading.
        found = [convert for convert in map(_converter, hint.__args__) if convert is not None]
        return found[0] if found else None
    if not isinstance(hint, type):
        return None
    if issubclass(hint, Model):
        read = hint.from_dict
        return lambda value: read(value) if type(value) is dict else value
    if issubclass(hint, enum.Enum):
        members = hint._value2member_map_
        return lambda value: members.get(value, value) if isinstance(value, (str, int)) else value
    if issubclass(hint, datetime):
        return parse_datetime
    return None


def _each(convert: Converter) -> Converter:
    return lambda value: [convert(item) for item in value] if type(value) is list else value


def _each_value(convert: Converter) -> Converter:
    return lambda value: {key: convert(item) for key, item in value.items()} if type(value) is dict else value
