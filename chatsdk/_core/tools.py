"""Functions as tools that a model may call."""

from __future__ import annotations

import inspect
import re
from typing import Any, Callable, Dict, List, Mapping, Optional, Sequence, Tuple, Union

from .json_schema import get_parameters, make_object_converter, parse_json, to_json_text

Arguments = Union[str, Mapping[str, Any], None]

_NAME = r"[A-Za-z_][A-Za-z0-9_]{0,63}"  # what OpenAI accepts
_HEADING = (
    r"(Args|Arguments|Parameters|Other Parameters|Returns?|Yields?|Raises|Examples?|Notes?|See Also)\s*:?\s*"
)
_SPHINX = r":(?:param|parameter|arg|argument)\s+(?:[^:]*\s)?\*{0,2}(\w+)\s*:\s*(.*)"
_GOOGLE = r"\*{0,2}(\w+)\s*(?:\(.*?\))?\s*:\s*(.*)"
_NUMPY = r"\*{0,2}(\w+)\s*(?::.*)?()"


class Tool:
    """A function that a model may call: its JSON schema, and calls with checked arguments.

    Args:
        function: A function with type hints. The model sees its name, its docstring as far as the first
            section, and the descriptions of its parameters: those of a docstring in Google, NumPy or Sphinx
            style, or of Annotated.
        strict: Ask for OpenAI's strict mode, in which models keep to the schema; it has no dicts and no Any.

    Attributes:
        name, description: How the model sees the function.
        schema: The item for ``tools`` of a request.

    Raises:
        TypeError: it is no plain function, or a parameter has no type hint, a type without a JSON schema, or
            cannot be given by name.
    """

    def __init__(self, function: Callable[..., Any], *, strict: bool = False) -> None:
        name = getattr(function, "__name__", type(function).__name__)
        if not inspect.isroutine(function) or not re.fullmatch(_NAME, name):
            raise TypeError(f"a tool must be a function with an ASCII name, not {name}")
        if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
            raise TypeError(f"{name}() is async; a tool must be a plain function")
        self.function = function
        self.name = name
        self.description, descriptions = _split_docstring(inspect.getdoc(function) or "")
        converter = make_object_converter(get_parameters(function, descriptions), strict, name)
        self._read = converter.read
        described = {"name": name, "description": self.description, "parameters": converter.schema}
        self.schema: Dict[str, Any] = {
            "type": "function",
            "function": {**described, "strict": True} if strict else described,
        }

    def __repr__(self) -> str:
        return f"<Tool {self.name}>"

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the function itself."""
        return self.function(*args, **kwargs)

    def parse(self, arguments: Arguments) -> Dict[str, Any]:
        """Return the arguments of a tool call, checked and converted to the types of the function.

        Args:
            arguments: The JSON text of the call, or the decoded object.

        Raises:
            ValueError: they are not a JSON object or do not fit; the message says where.
        """
        values: Dict[str, Any] = self._read(decode_arguments(arguments), "")
        return values

    def run(self, arguments: Arguments) -> str:
        """Call the function with the arguments of a tool call.

        Returns:
            Its result as text for the model: a text as it is, all else as JSON.

        Raises:
            ValueError: the arguments do not fit.
            TypeError: the result cannot be written as JSON.
            Exception: what the function raises.
        """
        result = self.function(**self.parse(arguments))
        return result if isinstance(result, str) else to_json_text(result)


def decode_arguments(arguments: Arguments) -> Dict[str, Any]:
    """Return the arguments of a tool call; "", which models send if there are none, is an empty dict.

    Raises:
        ValueError: they are not a JSON object.
    """
    value = parse_json(arguments or "{}") if isinstance(arguments, str) else dict(arguments or {})
    if not isinstance(value, dict):
        raise ValueError("the arguments must be a JSON object")
    return value


def serialize_tools(tools: Sequence[Any]) -> List[Any]:
    """Return tools as they are sent: functions and Tools as their schemas, all else as it is."""
    return [
        tool.schema if isinstance(tool, Tool) else Tool(tool).schema if callable(tool) else tool
        for tool in tools
    ]


def _split_docstring(text: str) -> Tuple[str, Dict[str, str]]:
    """Return the description at the start of a docstring, and the descriptions of the parameters."""
    lines = text.splitlines()
    description: List[str] = []
    found: Dict[str, List[str]] = {}
    pattern: Optional[str] = None  # of the entries in this section; None before the first section
    margin = -1  # the indentation of the entries; lines with more belong to the entry above them
    current: List[str] = []
    for line, following in zip(lines, [*lines[1:], ""]):
        stripped = line.strip()
        indent = len(line) - len(line.lstrip())
        heading = re.fullmatch(_HEADING, stripped)
        underlined = re.fullmatch(r"\s*-{3,}\s*", following) is not None
        if heading and (underlined or stripped.endswith(":")) and indent == 0:
            form = _NUMPY if underlined else _GOOGLE
            pattern, margin = (
                (form if heading.group(1).endswith(("Args", "Arguments", "Parameters")) else ""),
                -1,
            )
            current = []
            continue
        field = re.fullmatch(_SPHINX, stripped)
        if field is None and pattern and stripped and indent <= (indent if margin < 0 else margin):
            field = re.fullmatch(pattern, stripped)
            margin = indent if field else margin
        if field:
            current = found.setdefault(field.group(1), [])
            current.append(field.group(2))
            pattern = pattern or ""
        elif re.match(r":\w+.*:", stripped):  # another field, such as :returns:
            pattern, current = pattern or "", []
        elif pattern is None:
            description.append(line)
        elif not re.fullmatch("-{3,}", stripped):
            current.append(stripped)
    return "\n".join(description).strip(), {
        name: " ".join(filter(None, rest)) for name, rest in found.items()
    }
