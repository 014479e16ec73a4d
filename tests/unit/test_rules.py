"""Rules for the package as a whole: what may import what, what is exported, what is documented."""

import ast
import importlib
import inspect
import pkgutil
import subprocess
import sys
import typing
from pathlib import Path

import pytest

import chatsdk
from chatsdk import chatserver, zaguan
from chatsdk.zaguan.fields import ChatFields

PACKAGE = Path(chatsdk.__file__).parent
SERVICES = sorted(
    folder.name
    for folder in PACKAGE.iterdir()
    if (folder / "service.py").exists() and folder.name not in ("_core", "testing")
)
FILES = sorted(path for path in PACKAGE.rglob("*.py") if "testing" not in path.parts)
MODULES = sorted(
    found.name
    for found in pkgutil.walk_packages([str(PACKAGE)], "chatsdk.")
    if not found.name.startswith("chatsdk.testing")
)


def name_of(path):
    parts = ["chatsdk", *path.relative_to(PACKAGE).with_suffix("").parts]
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports_of(path):
    """The modules of this package that a file imports, anywhere in it."""
    package = name_of(path).split(".")
    if path.name != "__init__.py":
        package = package[:-1]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            yield from (f"{module}.{alias.name}" for alias in node.names)


def layer(module):
    """Who is below whom: errors, the core, the services, those who use services."""
    part = [*module.split("."), ""][1]
    if part in ("errors", "_version"):
        return 0
    if part == "_core":
        return 1
    return 2 if part in SERVICES else 3


def test_services_are_found():
    assert {"chatserver", "zaguan"} <= set(SERVICES)
    assert len(FILES) > 25


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_imports_go_one_way(path):
    own = name_of(path)
    for imported in imports_of(path):
        if imported.split(".")[0] != "chatsdk":
            continue
        assert imported.split(".")[1] != "testing", imported
        assert layer(imported) <= layer(own), imported
        if layer(own) == layer(imported) == 2:
            assert imported.split(".")[1] == own.split(".")[1], imported


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_nothing_else_is_needed(path):
    known = {"chatsdk", "requests", "urllib3", "typing_extensions", "__future__"}
    roots = {imported.split(".")[0] for imported in imports_of(path)} - known
    for root in roots:
        found = importlib.util.find_spec(root)
        assert found is not None
        assert "site-packages" not in (found.origin or ""), root


def test_importing_the_package_imports_no_service():
    script = "import sys, chatsdk; print('\\n'.join(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=str(PACKAGE.parent)
    )
    loaded = set(done.stdout.split())
    assert "chatsdk.client" in loaded
    assert not [name for name in loaded if name.startswith("chatsdk.testing")]
    for service in SERVICES:
        assert not [name for name in loaded if name.startswith(f"chatsdk.{service}")]
    assert "typing_extensions" not in loaded


def test_typed():
    assert (PACKAGE / "py.typed").is_file()


def test_keywords_and_request_have_the_same_fields():
    keywords = typing.get_type_hints(ChatFields)
    fields = typing.get_type_hints(zaguan.ChatRequest)
    assert list(keywords) == [name for name in fields if name in zaguan.ChatRequest.__dataclass_fields__]
    assert {name: fields[name] for name in keywords} == keywords


@pytest.mark.parametrize("module", MODULES)
def test_everything_public_is_documented(module):
    found = importlib.import_module(module)
    assert found.__doc__
    for name, item in vars(found).items():
        if name.startswith("_") or getattr(item, "__module__", None) != module:
            continue
        if inspect.isclass(item) or inspect.isfunction(item):
            assert item.__doc__, name
        if inspect.isclass(item):
            for method, value in vars(item).items():
                function = value.fget if isinstance(value, property) else getattr(value, "__func__", value)
                if not method.startswith("_") and inspect.isfunction(function):
                    assert function.__doc__, f"{name}.{method}"


@pytest.mark.parametrize("module", ["chatsdk", *(f"chatsdk.{service}" for service in SERVICES)])
def test_all(module):
    found = importlib.import_module(module)
    assert len(found.__all__) == len(set(found.__all__))
    for name in found.__all__:
        assert getattr(found, name) is not None
    namespace = {}
    exec(f"from {module} import *", namespace)
    assert set(found.__all__) <= set(namespace)


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_exports_its_models_its_errors_and_itself(service):
    package = importlib.import_module(f"chatsdk.{service}")
    for part in ("models", "errors", "service"):
        module = importlib.import_module(f"chatsdk.{service}.{part}")
        own = {
            name
            for name, item in vars(module).items()
            if inspect.isclass(item) and item.__module__ == module.__name__ and not name.startswith("_")
        }
        assert own <= set(package.__all__)


def test_the_package_exports_its_errors():
    own = {
        name
        for name, item in vars(chatsdk.errors).items()
        if inspect.isclass(item) and item.__module__ == "chatsdk.errors" and not name.startswith("_")
    }
    assert own <= set(chatsdk.__all__)


@pytest.mark.parametrize("cls", [zaguan.Zaguan, chatserver.ChatServer])
def test_every_method_names_its_request(cls):
    own = [name for name, item in vars(cls).items() if not name.startswith("_") and inspect.isfunction(item)]
    assert len(own) > 8
    for name in own:
        words = getattr(cls, name).__doc__.split()
        assert {"GET", "POST", "DELETE"} & set(words), name
