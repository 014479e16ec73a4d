"""The base of all dataclasses: from a JSON object and back, losing nothing on the way."""

from __future__ import annotations

import dataclasses
import enum
import json
from datetime import date, datetime
from functools import partial
from operator import itemgetter
from reprlib import recursive_repr
from typing import (
    Any,
    Callable,
    ClassVar,
    Dict,
    Iterator,
    List,
    Mapping,
    Optional,
    Tuple,
    Type,
    TypeVar,
    Union,
    cast,
    get_type_hints,
)

from ..errors import ChatSDKError
from .dates import format_datetime, parse_datetime

M = TypeVar("M", bound="Model")
Converter = Callable[[Any], Any]
Fields = Tuple["dataclasses.Field[Any]", ...]

_TOO_DEEP = "a value is nested too deeply to be written"


class _Schema:
    """How a class is read and written, worked out once from its annotations."""

    def __init__(self, cls: Type[Any]) -> None:
        hints = get_type_hints(cls)
        fields = dataclasses.fields(cls)
        self.defaults = _defaults(fields)
        # By Python name; and by JSON name, where it is another.
        self.json_names: Dict[str, str] = {
            field.name: field.metadata.get("json", field.name) for field in fields
        }
        self.python_names = _other_names(self.json_names)
        # JSON names, and what must be true of their values.
        self.required_fields = tuple(
            (self.json_names[field.name], field.metadata["validator"] or _check(hints[field.name]))
            for field in fields
            if field.metadata.get("required_field")
        )
        self.required = tuple(field.name for field in fields if _is_required(field))
        self.shown = tuple(field.name for field in fields if field.repr)
        self.read = _reader(cls, fields, hints, self.json_names)


def json_field(name: str, **options: Any) -> Any:
    """Declare a dataclass field whose name in JSON is *name*."""
    return dataclasses.field(metadata={"json": name}, **options)


def required_field(validator: Optional[Callable[[Any], bool]] = None, **options: Any) -> Any:
    """Declare the field without which an answer means nothing; *validator* tells what it must be like."""
    return dataclasses.field(metadata={"required_field": True, "validator": validator}, **options)


class _Extra(property):
    """A property that is None on the class, which makes None the default of the parameter *extra*."""

    def __get__(  # type: ignore[override]
        self, instance: Any, owner: Optional[type] = None
    ) -> Dict[str, Any]:
        return cast(Dict[str, Any], None if instance is None else super().__get__(instance, owner))


class Model:
    """Base of all requests and responses.

    A model reads like a dict too (``model["field"]``). What came beyond the fields is in ``extra``.
    """

    __slots__ = ("_extra",)  # beside __dict__, which holds the fields and nothing else

    _extra: Dict[str, Any]
    _schema: ClassVar[Optional[_Schema]] = None

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        # dataclasses.replace() passes on what __init__ takes, and nothing else.
        own = cls.__dict__.get("__annotations__", {})  # noqa: RUF063  # cls.__annotations__ may be inherited
        cls.__annotations__ = {**own, "extra": dataclasses.InitVar[Optional[Dict[str, Any]]]}
        cls.__eq__ = _is_equal  # type: ignore[assignment]  # dataclass() adds none where one is
        cls.__repr__ = _show  # type: ignore[method-assign]

    def __post_init__(self, extra: Optional[Dict[str, Any]] = None) -> None:
        if extra:
            self._extra = dict(extra)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Callable[[Any], Any]) -> Any:
        # pydantic reads the subclasses as dataclasses; in annotations this class stands for any of them.
        return {"type": "any"} if cls is Model else handler(source)

    @_Extra
    def extra(self) -> Dict[str, Any]:
        """What the server sent beyond the fields of this class; ``to_dict()`` gives it back."""
        try:
            return self._extra
        except AttributeError:
            self._extra = {}
            return self._extra

    @classmethod
    def from_dict(cls: Type[M], data: Mapping[str, Any]) -> M:
        """Make an instance from a decoded JSON object.

        A missing field gets its default; a value that cannot be read stays as it is. Nothing is lost: keys
        without a field go to ``extra``.
        """
        return cast(M, _schema_of(cls).read(data))

    def to_dict(self) -> Dict[str, Any]:
        """Return the JSON object: fields that are None left out, date-times and enums as strings."""
        return self.model_dump()

    def to_json(self, indent: Optional[int] = None) -> str:
        """Return ``to_dict()`` as JSON text."""
        return _dump_json(self.to_dict(), indent)

    def model_dump(self, *, mode: str = "json", exclude_none: bool = True) -> Dict[str, Any]:
        """Return ``to_dict()``, under the name that pydantic gives it.

        Args:
            mode: ``"json"``, or ``"python"`` to leave date-times and enums as they are.
            exclude_none: False to keep the fields that are None.
        """
        try:
            return cast(Dict[str, Any], to_json_value(self, mode, exclude_none))
        except RecursionError:
            raise ChatSDKError(_TOO_DEEP) from None

    def model_dump_json(self, indent: Optional[int] = None, *, exclude_none: bool = True) -> str:
        """Return ``model_dump()`` as JSON text."""
        return _dump_json(self.model_dump(exclude_none=exclude_none), indent)

    def __getitem__(self, key: str) -> Any:
        schema = _schema_of(type(self))
        name = schema.python_names.get(key, key)
        if name in schema.defaults:
            return self.__dict__[name]
        return self.extra[key]

    def get(self, key: str, default: Any = None) -> Any:
        """Return ``self[key]``, or *default* if there is none or it is None."""
        try:
            value = self[key]
        except KeyError:
            return default
        return default if value is None else value

    def keys(self) -> List[str]:
        """Return the keys of ``to_dict()``."""
        return list(self.to_dict())

    # Not iterable, though dict(model) works: pandas takes a list of iterables for rows without names.
    __iter__: ClassVar[Optional[Callable[..., Iterator[Any]]]] = None

    def __contains__(self, key: object) -> bool:
        if not isinstance(key, str):
            return False
        return self.get(key) is not None or key in self.extra


@recursive_repr()
def _show(self: Model) -> str:
    values = self.__dict__
    shown = (f"{name}={values[name]!r}" for name in _schema_of(type(self)).shown if values[name] is not None)
    return f"{type(self).__name__}({', '.join(shown)})"


def _is_equal(self: Model, other: object) -> bool:
    if not isinstance(other, Model) or type(self) is not type(other):
        return cast(bool, NotImplemented)
    return self.__dict__ == other.__dict__ and self.extra == other.extra


def reader(cls: Type[M]) -> Callable[[Dict[str, Any]], M]:
    """Return what ``from_dict`` does, for callers with many objects to read."""
    return cast(Callable[[Dict[str, Any]], M], _schema_of(cls).read)


def json_names(cls: Type[Model]) -> List[str]:
    """Return the names that the fields of *cls* have in JSON."""
    return [*_schema_of(cls).json_names.values()]


def _dump_json(value: Dict[str, Any], indent: Optional[int]) -> str:
    try:
        return json.dumps(value, indent=indent, ensure_ascii=False)
    except RecursionError:
        raise ChatSDKError(_TOO_DEEP) from None


def to_json_value(value: Any, mode: str = "json", exclude_none: bool = True) -> Any:
    """Return *value* with all models, date-times and enums in it as plain JSON values."""
    kind = type(value)
    if kind is str or kind is int or kind is float or kind is bool:
        return value
    if isinstance(value, Model):
        result = {}
        for name, json_name in _schema_of(type(value)).json_names.items():
            item = value.__dict__[name]
            if item is not None or not exclude_none:
                result[json_name] = to_json_value(item, mode, exclude_none)
        return {**result, **value.extra}
    if isinstance(value, dict):
        return {key: to_json_value(item, mode, exclude_none) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [to_json_value(item, mode, exclude_none) for item in value]
    if mode == "python":
        return value
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, datetime):
        return format_datetime(value)
    if isinstance(value, date):
        return value.isoformat()
    from uuid import UUID  # rare, and it takes milliseconds to import

    return str(value) if isinstance(value, UUID) else value


def to_send(model: Model) -> Dict[str, Any]:
    """Return what of *model* goes into a request: its JSON object, the values in it as they are."""
    values = model.__dict__
    names = _schema_of(type(model)).json_names
    sent = {json_name: values[name] for name, json_name in names.items() if values[name] is not None}
    sent.update((name, value) for name, value in model.extra.items() if value is not None)
    return sent


def json_default(value: Any) -> Any:
    """Return a JSON value for what the encoder itself does not know."""
    plain = to_send(value) if isinstance(value, Model) else to_json_value(value)
    if plain is value:
        raise TypeError(f"a {type(value).__name__} cannot be sent as JSON")
    return plain


def build_request(cls: Type[M], request: Union[M, Mapping[str, Any], None], given: Mapping[str, Any]) -> M:
    """Return the request that a method was called with, as an object, as keywords, or as both (keywords win).

    *given* are the locals of the method: what is not None under the name of a field, in Python or in JSON, is
    a keyword. Unknown keys of a mapping go out as they are: the server may know them.
    """
    schema = _schema_of(cls)
    values: Dict[str, Any] = {}
    extra: Mapping[str, Any] = {}
    if isinstance(request, cls):
        values = {name: request.__dict__[name] for name in schema.defaults}
        extra = request.extra
    elif isinstance(request, Mapping):
        known = {key: schema.python_names.get(key, key) for key in request}
        values = {name: request[key] for key, name in known.items() if name in schema.defaults}
        extra = {key: request[key] for key, name in known.items() if name not in schema.defaults}
    elif request is not None:
        own = (
            f"{get_package(type(given.get('self', cls)))}.{cls.__name__}"  # each service has its ChatRequest
        )
        other = type(request).__name__
        if isinstance(request, Model):
            other = f"{get_package(type(request))}.{other}"
        raise TypeError(f"a {own}, a dict or keywords are needed, not {other}")
    for key, value in given.items():
        name = schema.python_names.get(key, key)
        if value is not None and name in schema.defaults:
            values[name] = value
    missing = [name for name in schema.required if values.get(name) is None]
    if missing:
        raise TypeError(f"missing {', '.join(missing)}: give keywords, a {cls.__name__} or a dict")
    return cls(**values, extra=extra)  # type: ignore[call-arg]  # of __init_subclass__


def get_package(cls: type) -> str:
    """Return the package from which users import *cls*."""
    package = cls.__module__.rpartition(".")[0]
    return (
        "chatsdk.zaguan" if package == __package__ else package
    )  # what all OpenAI-compatible services share


def missing_required_field(cls: Type[Model], data: Mapping[str, Any]) -> Optional[str]:
    """Return the JSON name of the required field that *data* lacks, or has in another kind; else None."""
    schema = _schema_of(cls)
    for name, validator in schema.required_fields:
        if not validator(data.get(name)):
            return name
    return None


def is_list_of_objects(value: Any) -> bool:
    """Return whether a decoded JSON value is a list of nothing but objects."""
    return isinstance(value, list) and {dict}.issuperset(map(type, value))


def _check(hint: Any) -> Callable[[Any], bool]:
    if getattr(hint, "__origin__", None) is list and _is_model(hint.__args__[0]):
        return is_list_of_objects
    if _is_model(hint) or getattr(hint, "__origin__", None) is dict:
        return lambda value: isinstance(value, dict)
    return lambda value: value is not None


def _is_required(field: dataclasses.Field[Any]) -> bool:
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING


def _schema_of(cls: Type[Model]) -> _Schema:
    schema = cls.__dict__.get("_schema")
    if schema is None:
        schema = cls._schema = _Schema(cls)
    return cast(_Schema, schema)


def _defaults(fields: Fields) -> Dict[str, Any]:
    return {field.name: None if field.default is dataclasses.MISSING else field.default for field in fields}


def _other_names(json_names: Dict[str, str]) -> Dict[str, str]:
    return {json_name: name for name, json_name in json_names.items() if json_name != name}


def _reader(
    cls: Type[M], fields: Fields, hints: Dict[str, Any], json_names: Dict[str, str]
) -> Callable[[Any], M]:
    """Return the function that makes a *cls* of a JSON object.

    Lists have thousands of items and streams thousands of chunks: nothing is looked up again for each.
    """
    defaults = _defaults(fields)
    other_names = _other_names(json_names)
    count = len(defaults)
    converters = []
    default_factories = {}  # of what stands in a field that must not be null
    for field in fields:
        hint, nullable = _without_none(hints[field.name])
        convert = _converter(hint)
        if convert is not None:
            converters.append((field.name, convert))
        if field.default_factory is not dataclasses.MISSING:
            default_factories[field.name] = field.default_factory
        elif not nullable and defaults[field.name] is not None:
            default_factories[field.name] = partial(defaults.get, field.name)
    names = list(default_factories)
    # itemgetter gives a tuple for two names or more only.
    not_null = itemgetter(*(names * 2 if len(names) == 1 else names)) if names else None
    new = object.__new__

    def read(data: Mapping[str, Any]) -> M:
        values = {**defaults, **data}
        extra = _split_extra(values, data, defaults, other_names) if len(values) > count else None
        for name, convert in converters:
            value = values[name]
            if value is not None:
                values[name] = convert(value)
        if not_null is not None and None in not_null(values):
            for name, make in default_factories.items():
                if values[name] is None:
                    values[name] = make()
        model = new(cls)
        model.__dict__ = values
        if extra:
            model._extra = extra
        return model

    return read


def _split_extra(
    values: Dict[str, Any], data: Mapping[str, Any], defaults: Dict[str, Any], python_names: Dict[str, str]
) -> Dict[str, Any]:
    """Move the values of *data* that are not under the name of a field to their field; return the others."""
    extra = {}
    for key in data:
        if key not in defaults:
            name = python_names.get(key)
            value = values.pop(key)
            if name is None:
                extra[key] = value
            elif data.get(name) is None:
                values[name] = value
            elif value is not None:  # "createdAt" beside "created_at": the name of the service is the field
                extra[name], values[name] = values[name], value
    return extra


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
        if item is None:
            return None
        if _is_model(hint.__args__[0]):
            return _each_object(_schema_of(hint.__args__[0]).read)
        return _each(item)
    if origin is dict:
        item = _converter(hint.__args__[1])
        return None if item is None else _each_value(item)
    if origin is Union:
        # Of "a model or plain text" the model is the part that needs reading.
        found = (_converter(argument) for argument in hint.__args__)
        return next((convert for convert in found if convert is not None), None)
    if _is_model(hint):
        read = _schema_of(hint).read
        return lambda value: read(value) if isinstance(value, dict) else value
    if not isinstance(hint, type):
        return None
    if issubclass(hint, enum.Enum):
        members = hint._value2member_map_
        return lambda value: members.get(value, value) if isinstance(value, (str, int)) else value
    if issubclass(hint, datetime):
        return parse_datetime
    return None


def _is_model(hint: Any) -> bool:
    return isinstance(hint, type) and issubclass(hint, Model) and dataclasses.is_dataclass(hint)


def _each_object(read: Converter) -> Converter:
    return lambda value: (
        [read(item) if isinstance(item, dict) else item for item in value]
        if isinstance(value, (list, tuple))
        else value
    )


def _each(convert: Converter) -> Converter:
    return lambda value: [convert(item) for item in value] if isinstance(value, (list, tuple)) else value


def _each_value(convert: Converter) -> Converter:
    return lambda value: {key: convert(item) for key, item in value.items()} if type(value) is dict else value
