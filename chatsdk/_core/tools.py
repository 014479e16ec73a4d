"""Functions as tools that a model may call."""

from __future__ import annotations

import dataclasses
import inspect
import json
import re
from typing import Any, Callable, Dict, List, Mapping, Sequence, Tuple, Union

from .json_schema import make_object_converter, parse_json
from .model import Model, json_default

Arguments = Union[str, Mapping[str, Any], None]

_NAME = r"[A-Za-z_][A-Za-z0-9_]{0,63}"  # what OpenAI accepts

# The sections of a docstring in Google and NumPy style, and the fields in Sphinx style.
_SECTION = (
    r"^((?:Keyword |Other )?(?:Args|Arguments|Parameters)|Returns?|Yields?|Raises|Examples?|Notes?|See Also)"
    r"(:|\n-{3,}) *$|^(?=:\w+[^:\n]*:)"
)
_PARAMETER = {
    "google": r"\*{0,2}(\w+)\s*(?:\(.*?\))?\s*:(.*)",
    "numpy": r"\*{0,2}(\w+)[^\n]*(.*)",
    "sphinx": r":(?:param|parameter|arg|argument)\s+(?:[^:]*\s)?\*{0,2}(\w+)\s*:(.*)",
}


class Tool:
    """A function that a model may call: its JSON schema, and calls with checked arguments.

    Args:
        function: a function with type hints. The model sees its name, its docstring up to the first section,
            and the descriptions of its parameters, from a docstring in Google, NumPy or Sphinx style, or from
            Annotated.
        strict: use OpenAI's strict mode, in which models keep to the schema; it allows neither dicts nor Any.

    Attributes:
        name, description: of the function, as the model sees them.
        schema: the item for ``tools`` of a request.

    Raises:
        TypeError: it is not a plain function, or a parameter has no type hint, a type without a JSON schema,
            or cannot be passed by name.
    """

    def __init__(self, function: Callable[..., Any], *, strict: bool = False) -> None:
        self.function = function
        self.name = name = getattr(function, "__name__", type(function).__name__)
        plain = inspect.isfunction(function) or inspect.ismethod(function)
        if not plain or inspect.iscoroutinefunction(function) or not re.fullmatch(_NAME, name):
            raise TypeError(f"a tool must be a plain function, not async, with an ASCII name, not {name}")
        self.description, descriptions = _split_docstring(inspect.getdoc(function) or "")
        converter = make_object_converter(function, descriptions, strict, name)
        self._read = converter.read
        described = {"name": name, "description": self.description, "parameters": converter.schema}
        if strict:
            described["strict"] = True
        self.schema: Dict[str, Any] = {"type": "function", "function": described}

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the function itself."""
        return self.function(*args, **kwargs)

    def parse(self, arguments: Arguments) -> Dict[str, Any]:
        """Return the arguments of a tool call, checked and converted to the types of the function.

        Args:
            arguments: the JSON text of the call, or the decoded object.

        Raises:
            ValueError: they are not a JSON object or do not fit; the message says where.
        """
        values: Dict[str, Any] = self._read(decode_arguments(arguments), "")
        return values

    def run(self, arguments: Arguments) -> str:
        """Call the function with the arguments of a tool call.

        Returns:
            The result as text for the model: a string unchanged, any other value as JSON.

        Raises:
            ValueError: the arguments do not fit.
            TypeError: the result cannot be written as JSON.
            Exception: what the function raises.
        """
        result = self.function(**self.parse(arguments))
        if isinstance(result, str):
            return result
        return json.dumps(result, ensure_ascii=False, default=_to_json_value)


def make_tool(function: Callable[..., Any]) -> Tool:
    """Return the Tool of a function; a Tool unchanged."""
    return function if isinstance(function, Tool) else Tool(function)


def serialize_tools(tools: Sequence[Any]) -> List[Any]:
    """Return tools as they are sent: functions and Tools as schemas, anything else unchanged."""
    return [make_tool(tool).schema if callable(tool) else tool for tool in tools]


def decode_arguments(arguments: Arguments) -> Dict[str, Any]:
    """Return the arguments of a tool call; models send "" or "null" if there are none."""
    value = parse_json(arguments.strip() or "null") if isinstance(arguments, str) else arguments
    if value is not None and not isinstance(value, Mapping):
        raise ValueError("the arguments must be a JSON object")
    return dict(value or {})


def _split_docstring(text: str) -> Tuple[str, Dict[str, str]]:
    """Return the description at the start of a docstring, and the descriptions of the parameters."""
    description, *sections = re.split(_SECTION, text, flags=re.MULTILINE)
    found = {}
    for heading, underline, body in zip(sections[::3], sections[1::3], sections[2::3]):
        if heading is None:
            style = "sphinx"
        elif heading.endswith(("Args", "Arguments", "Parameters")):
            style = "google" if underline == ":" else "numpy"
        else:
            continue
        indent = re.findall(r"^ *(?=\S|\Z)", body, re.MULTILINE)[0]  # that of the first entry
        for entry in re.split(rf"^{indent}(?=\S)", body, flags=re.MULTILINE):
            match = re.match(_PARAMETER[style], entry, re.DOTALL)
            if match:
                found[match.group(1)] = " ".join(match.group(2).split())
    return description.strip(), found


def _to_json_value(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, Model):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    return list(value) if isinstance(value, (set, frozenset)) else json_default(value)
