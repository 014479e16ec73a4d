"""Checks the pieces of code in running text: every name, attribute and argument in them must exist."""

import ast
import importlib
import inspect
import re
from dataclasses import fields, is_dataclass
from typing import Any, Dict, List, Mapping

_SPAN = re.compile(r"`([^`\n]+)`")


class Wrong(Exception):
    """A piece of code names something that does not exist."""


class _Unknown:
    """What a piece of code is about cannot be told."""


UNKNOWN = _Unknown()


def spans_of(text: str) -> List[str]:
    """The inline code of a text, without its fenced blocks."""
    return _SPAN.findall(re.sub(r"^```.*?^```$", "", text, flags=re.M | re.S))


def check(span: str, known: Mapping[str, Any]) -> bool:
    """Check one piece of code; return whether there was anything in it that could be checked.

    Raises:
        Wrong: it names something that is not there.
    """
    try:
        tree = ast.parse(span)
    except SyntaxError:
        return False
    checked = False
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            _import(span)
            checked = True
        elif isinstance(node, (ast.Attribute, ast.Call)):
            _value(node, known)
            checked = checked or not isinstance(_value(_root(node), known), _Unknown)
    return checked


def _root(node: ast.AST) -> ast.AST:
    """The name with which an expression begins."""
    while isinstance(node, (ast.Attribute, ast.Call)):
        node = node.func if isinstance(node, ast.Call) else node.value
    return node


def _import(statement: str) -> None:
    try:
        exec(statement, {})
    except ImportError as error:
        raise Wrong(f"{statement}: {error}") from None


def _value(node: ast.AST, known: Mapping[str, Any]) -> Any:
    if isinstance(node, ast.Name):
        return known.get(node.id, UNKNOWN)
    if isinstance(node, ast.Attribute):
        return _attribute(_value(node.value, known), node.attr)
    if isinstance(node, ast.Call):
        called = _value(node.func, known)
        if isinstance(called, _Unknown):
            return UNKNOWN
        _check_arguments(called, node)
        # An instance of a class is as good as another; what a method returns is not followed.
        return next((value for value in known.values() if type(value) is called), UNKNOWN)
    return UNKNOWN


def _attribute(value: Any, name: str) -> Any:
    if isinstance(value, _Unknown):
        return UNKNOWN
    if isinstance(value, tuple):  # one of several
        found = [getattr(item, name) for item in value if hasattr(item, name)]
        if not found:
            raise Wrong(f"nothing of {[type(item).__name__ for item in value]} has {name!r}")
        return found[0]
    if not hasattr(value, name):
        raise Wrong(f"{type(value).__name__} has no {name!r}")
    return getattr(value, name)


def _check_arguments(called: Any, node: ast.Call) -> None:
    parameters: Dict[str, Any] = dict(inspect.signature(called).parameters)
    names = list(parameters)
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values()):
        names += _keywords_of(called)
    for position, argument in enumerate(node.args):
        if isinstance(argument, ast.Name) and names[position] != argument.id:
            raise Wrong(f"argument {position} is {names[position]!r}, not {argument.id!r}")
    for keyword in node.keywords:
        if keyword.arg is not None and keyword.arg not in names:
            raise Wrong(f"{node.func!r} takes no {keyword.arg!r}")


def _keywords_of(method: Any) -> List[str]:
    """The keywords that a method takes as the fields of its request: those of ``Unpack[XFields]``."""
    annotation = inspect.unwrap(method).__annotations__["fields"]
    name = re.fullmatch(r"Unpack\[(\w+)\]", annotation)
    assert name is not None, annotation
    package = method.__module__.rpartition(".")[0]
    return list(getattr(importlib.import_module(package + ".fields"), name.group(1)).__annotations__)


def attributes_of(kind: Any) -> List[str]:
    """The public attributes and fields of a class."""
    own = [field.name for field in fields(kind)] if is_dataclass(kind) else []
    return own + [name for name in dir(kind) if not name.startswith("_")]
