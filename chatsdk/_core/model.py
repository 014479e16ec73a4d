"""The base of all dataclasses, with lossless conversion from JSON objects and back."""

from __future__ import annotations

import dataclasses
import enum
import json
import typing
from datetime import date, datetime
from functools import lru_cache, partial
from reprlib import recursive_repr
from typing import Any, Callable, ClassVar, Dict, List, Mapping, Optional, Tuple, Type, TypeVar, Union, cast

from ..errors import ChatSDKError
from .dates import format_datetime, parse_datetime

M = TypeVar("M", bound="Model")
JSONTypes = Union[type, Tuple[type, ...]]
Converter = Tuple[JSONTypes, Callable[[Any], Any]]

_TOO_DEEP = "a value is nested too deeply for JSON"
_SCALARS = {str, int, float, bool}


class _Schema:
    """The fields of a class and how they are converted; derived once from its annotations."""

    def __init__(self, cls: Type[Any]) -> None:
        self.hints = hints = typing.get_type_hints(cls)
        self.fields = fields = dataclasses.fields(cls)
        missing = dataclasses.MISSING
        self.defaults = {field.name: None if field.default is missing else field.default for field in fields}
        self.json_names = {field.name: field.metadata.get("json", field.name) for field in fields}
        self.python_names = {json_name: name for name, json_name in self.json_names.items()}
        self.validators: Dict[str, Callable[[Any], bool]] = {
            self.json_names[field.name]: field.metadata["validator"] or _validator(hints[field.name])
            for field in fields
            if "validator" in field.metadata
        }
        self.required = [
            field.name for field in fields if field.default is missing and field.default_factory is missing
        ]


def json_field(name: str, **options: Any) -> Any:
    """Declare a dataclass field whose name in JSON is *name*."""
    return dataclasses.field(metadata={"json": name}, **options)


def required_field(validator: Optional[Callable[[Any], bool]] = None, **options: Any) -> Any:
    """Declare a field that a response must have; *validator* checks it, by default its type is checked."""
    return dataclasses.field(metadata={"validator": validator}, **options)


class _Extra(property):
    """A property that is None on the class: the default of the parameter *extra* of ``__init__``."""

    def __get__(  # type: ignore[override]
        self, instance: Any, owner: Optional[type] = None
    ) -> Dict[str, Any]:
        return cast(Dict[str, Any], None if instance is None else super().__get__(instance, owner))


class Model:
    """Base of all requests and responses; ``model["field"]`` works too."""

    __slots__ = ("_error_class", "_extra")  # __dict__ holds the fields and nothing else

    _error_class: Type[Exception]
    _extra: Dict[str, Any]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        # A parameter of __init__, so that dataclasses.replace() passes it on.
        own = cls.__dict__.get("__annotations__", {})  # noqa: RUF063  # cls.__annotations__ may be inherited
        cls.__annotations__ = {**own, "extra": dataclasses.InitVar[Optional[Dict[str, Any]]]}
        # dataclass() replaces inherited methods; IPython uses the first class that has one of the last two.
        for name in ("__eq__", "__repr__", "_repr_pretty_"):
            setattr(cls, name, getattr(cls, name))

    def __post_init__(self, extra: Optional[Dict[str, Any]] = None) -> None:
        if extra:
            self._extra = dict(extra)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Model) or type(self) is not type(other):
            return NotImplemented
        return self.__dict__ == other.__dict__ and self.extra == other.extra

    @recursive_repr()
    def __repr__(self) -> str:
        names = [field.name for field in dataclasses.fields(cast(Any, self)) if field.repr]
        values = self.__dict__
        shown = [f"{name}={values[name]!r}" for name in names if values[name] is not None]
        return f"{type(self).__name__}({', '.join(shown)})"

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Callable[[Any], Any]) -> Any:
        # pydantic handles the subclasses as dataclasses; this class in an annotation means any of them.
        return {"type": "any"} if cls is Model else handler(source)

    @_Extra
    def extra(self) -> Dict[str, Any]:
        """The values that the server sent in addition to the fields; ``to_dict()`` includes them."""
        try:
            return self._extra
        except AttributeError:
            self._extra = {}
            return self._extra

    @classmethod
    def from_dict(cls: Type[M], data: Mapping[str, Any]) -> M:
        """Return an instance with the values of a decoded JSON object.

        Missing fields get their defaults, values of another type are kept, unknown keys go to ``extra``.
        """
        return get_reader(cls)(data)

    def to_dict(self) -> Dict[str, Any]:
        """Return the JSON object, without fields that are None, with date-times and enums as strings."""
        return self.model_dump()

    def to_json(self, indent: Optional[int] = None) -> str:
        """Return ``to_dict()`` as JSON text."""
        return self.model_dump_json(indent)

    def model_dump(self, *, mode: str = "json", exclude_none: bool = True) -> Dict[str, Any]:
        """Return ``to_dict()``; for code that was written for pydantic.

        Args:
            mode: ``"json"``, or ``"python"`` to keep date-times and enums.
            exclude_none: False to keep the fields that are None.
        """
        try:
            return cast(Dict[str, Any], to_json_value(self, mode, exclude_none))
        except RecursionError:
            raise ChatSDKError(_TOO_DEEP) from None

    def model_dump_json(self, indent: Optional[int] = None, *, exclude_none: bool = True) -> str:
        """Return ``model_dump()`` as JSON text."""
        try:
            value = to_json_value(self, exclude_none=exclude_none)
            return json.dumps(value, indent=indent, ensure_ascii=False)
        except RecursionError:
            raise ChatSDKError(_TOO_DEEP) from None

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

    _ipython_key_completions_ = keys
    _repr_pretty_: ClassVar[Optional[Callable[..., None]]] = None

    # dict(model) works, iter(model) does not: pandas treats a list of iterables as rows without names.
    __iter__: ClassVar[Optional[Callable[..., Any]]] = None

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str) and (self.get(key) is not None or key in self.extra)


_schema_of: Callable[[type], _Schema] = lru_cache(maxsize=None)(_Schema)


def get_reader(
    cls: Type[M], owned: bool = False, error_class: Optional[Type[Exception]] = None
) -> Callable[[Mapping[str, Any]], M]:
    """Return a function that does the same as ``cls.from_dict``, but faster.

    Args:
        owned: whether nothing else refers to the objects: they may become part of the models.
        error_class: the class of the errors of ``parse()``.
    """
    return cast(Callable[[Mapping[str, Any]], M], _reader_of(cls, owned, error_class))


def _make_reader(
    cls: Type[M], owned: bool, error_class: Optional[Type[Exception]]
) -> Callable[[Mapping[str, Any]], M]:
    # Lists have thousands of items and streams thousands of chunks: nothing is looked up again for each.
    schema = _schema_of(cls)
    defaults, python_names = schema.defaults, schema.python_names
    names, count = defaults.keys(), len(defaults)
    converters = []
    not_null = []  # with the default of a field that must not be null
    for field in schema.fields:
        name, hint = field.name, schema.hints[field.name]
        converter = _converter(hint, owned, error_class)
        if converter is not None:
            converters.append((name, *converter))
        if field.default_factory is not dataclasses.MISSING:
            not_null.append((name, field.default_factory))
        elif defaults[name] is not None and type(None) not in getattr(hint, "__args__", ()):
            not_null.append((name, partial(defaults.get, name)))
    new = object.__new__

    def read(data: Any) -> M:
        extra = None
        if owned and len(data) == count and data.keys() == names:
            values = data  # a copy takes a quarter of the time
        else:
            values = {**defaults, **data}
            if len(values) > count:
                extra = _split_extra(values, data, defaults, python_names)
        for name, json_types, convert in converters:
            value = values[name]
            if value is not None and isinstance(value, json_types):  # most are None
                values[name] = convert(value)
        for name, make in not_null:
            if values[name] is None:
                values[name] = make()
        model = new(cls)
        model.__dict__ = values
        if extra:
            model._extra = extra
        if error_class:
            model._error_class = error_class
        return model

    return read


_reader_of: Callable[..., Callable[[Any], Any]] = lru_cache(maxsize=None)(_make_reader)


def json_names(cls: Type[Model]) -> List[str]:
    """Return the names that the fields of *cls* have in JSON."""
    return list(_schema_of(cls).python_names)


def to_json_value(value: Any, mode: str = "json", exclude_none: bool = True) -> Any:
    """Return *value* with all models, date-times and enums in it as plain JSON values."""
    if type(value) in _SCALARS:
        return value
    if isinstance(value, Model):
        result = {
            json_name: to_json_value(value.__dict__[name], mode, exclude_none)
            for name, json_name in _schema_of(type(value)).json_names.items()
            if not exclude_none or value.__dict__[name] is not None
        }
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
    from uuid import UUID  # slow to import, and few programs need it

    return str(value) if isinstance(value, UUID) else value


def request_fields(model: Model) -> Dict[str, Any]:
    """Return the fields to send: with JSON names, without None, the values not yet converted."""
    values, names = model.__dict__, _schema_of(type(model)).json_names
    sent = {names[name]: values[name] for name in names if values[name] is not None}
    sent.update((name, value) for name, value in model.extra.items() if value is not None)
    return sent


def json_default(value: Any) -> Any:
    """Return the JSON value of an object that the json module cannot encode."""
    plain = request_fields(value) if isinstance(value, Model) else to_json_value(value)
    if plain is value:
        raise TypeError(f"a {type(value).__name__} cannot be sent as JSON")
    return plain


def build_request(cls: Type[M], request: Union[M, Mapping[str, Any], None], given: Mapping[str, Any]) -> M:
    """Return the request of a method that takes an object or a dict, keywords, or both (keywords win).

    Args:
        cls: the class of the request.
        request: the object or dict. Keys without a field are sent too: the server may know them.
        given: the local variables of the method. Those that are not None and have the name of a field, in
            Python or in JSON, are the keywords.
    """
    schema = _schema_of(cls)
    values: Dict[str, Any] = {}
    extra: Dict[str, Any] = {}
    if isinstance(request, cls):
        values, extra = dict(request.__dict__), request.extra
    elif isinstance(request, Mapping):
        for key, value in request.items():
            name = schema.python_names.get(key, key)
            (values if name in schema.defaults else extra)[name] = value
    elif request is not None:
        package = _get_package(type(given["self"]) if "self" in given else cls)  # each has its ChatRequest
        kind = type(request)
        wrong = f"{_get_package(kind)}.{kind.__name__}" if isinstance(request, Model) else kind.__name__
        raise TypeError(f"expected a {package}.{cls.__name__}, a dict or keywords, not {wrong}")
    for key, value in given.items():
        if value is not None:
            name = schema.python_names.get(key, key)
            if name in schema.defaults:
                values[name] = value
    missing = [name for name in schema.required if values.get(name) is None]
    if missing:
        raise TypeError(f"missing {', '.join(missing)}: give keywords, a {cls.__name__} or a dict")
    return cls(**values, extra=extra)  # type: ignore[call-arg]  # of __init_subclass__


def collect_arguments(given: Mapping[str, Any], *omitted: str) -> Dict[str, Any]:
    """Return the arguments of a method, from its ``locals()``; without self, request_id and the *omitted*."""
    return {name: value for name, value in given.items() if name not in ("self", "request_id", *omitted)}


def _get_package(cls: type) -> str:
    """Return the package from which users import *cls*."""
    package = cls.__module__.rpartition(".")[0]
    return "chatsdk.zaguan" if package == __package__ else package  # the OpenAI-compatible models are shared


def required_names(cls: Type[Model]) -> List[str]:
    """Return the names that the required fields of *cls* have in JSON."""
    return list(_schema_of(cls).validators)


def missing_required_field(cls: Type[Model], data: Mapping[str, Any]) -> Optional[str]:
    """Return the JSON name of the required field that *data* lacks or has with a wrong type; else None."""
    for name, is_valid in _schema_of(cls).validators.items():
        if not is_valid(data.get(name)):
            return name
    return None


def is_list_of_objects(value: Any) -> bool:
    """Return whether a decoded JSON value is a list that holds only objects."""
    return isinstance(value, list) and {dict}.issuperset(map(type, value))


def is_filled_list_of_objects(value: Any) -> bool:
    """Return whether a decoded JSON value is a list that holds objects, at least one."""
    return is_list_of_objects(value) and value != []


def int_or_zero(value: object) -> int:
    """Return *value* if it is an int, else 0."""
    return value if isinstance(value, int) else 0


def _validator(hint: Any) -> Callable[[Any], bool]:
    origin = getattr(hint, "__origin__", None)
    if origin is list and _is_model(hint.__args__[0]):
        return is_list_of_objects
    if _is_model(hint) or origin is dict:
        return lambda value: isinstance(value, dict)
    return lambda value: value is not None


def _split_extra(
    values: Dict[str, Any], data: Mapping[str, Any], defaults: Dict[str, Any], python_names: Dict[str, str]
) -> Dict[str, Any]:
    """Move the values that *data* has under the JSON name of a field to the field; return the others."""
    extra = {}
    for key in data:
        if key not in defaults:
            name = python_names.get(key)
            value = values.pop(key)
            if name is None:
                extra[key] = value
            elif data.get(name) is None:
                values[name] = value
            elif value is not None:  # "createdAt" and "created_at" were sent: the JSON name wins
                extra[name], values[name] = values[name], value
    return extra


def _converter(hint: Any, *how: Any) -> Optional[Converter]:
    """Return the JSON types that are converted to *hint*, and the function; None if none needs it."""
    if _is_model(hint):
        return dict, _reader_of(hint, *how)
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        members = hint._value2member_map_
        return (str, int), lambda value: members.get(value, value)
    if hint is datetime:
        return str, parse_datetime
    origin = getattr(hint, "__origin__", None)
    arguments: Tuple[Any, ...] = getattr(hint, "__args__", ())
    if origin is Union:  # only one type of a Union is converted, such as the model of "a model or a string"
        return next(filter(None, (_converter(argument, *how) for argument in arguments)), None)
    inner = _converter(arguments[-1], *how) if origin in (list, dict) else None
    if inner is None:
        return None
    json_types, convert = inner
    if origin is list:
        return (list, tuple), lambda value: [
            convert(item) if isinstance(item, json_types) else item for item in value
        ]
    return dict, lambda value: {
        key: convert(item) if isinstance(item, json_types) else item for key, item in value.items()
    }


def _is_model(hint: Any) -> bool:
    return isinstance(hint, type) and issubclass(hint, Model) and dataclasses.is_dataclass(hint)
