"""Rules for the package as a whole: what may import what, what is exported."""

import ast
import dataclasses
import importlib
import inspect
import subprocess
import sys
import typing
from functools import lru_cache

import chatsdk
from chatsdk import Batch, Client, Service, Stream
from chatsdk._core.download import Download
from chatsdk._core.model import Model
from chatsdk._core.result_list import ResultList
from chatsdk._core.service import ServiceClient
from chatsdk.testing import LocalServer
from tests.support.cases import for_each

from .helpers import PACKAGE, PACKAGES, SERVICES, exports

FILES = sorted(path for path in PACKAGE.rglob("*.py") if "testing" not in path.parts)


def name_of(path):
    parts = ["chatsdk", *path.relative_to(PACKAGE).with_suffix("").parts]
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@lru_cache(maxsize=None)
def imports_of(path):
    """The modules of this package that a file imports, anywhere in it."""
    package = name_of(path).split(".")
    found = []
    if path.name != "__init__.py":
        package = package[:-1]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            found += [f"{module}.{alias.name}" for alias in node.names]
    return found


def layer(module):
    """Who is below whom: errors, the core, the services, those who use services."""
    part = [*module.split("."), ""][1]
    if part in ("errors", "_version"):
        return 0
    if part == "_core":
        return 1
    return 2 if part in SERVICES else 3


def test_services_are_found():
    assert set(SERVICES) == {"arguslm", "chatserver", "infinity", "mongars", "zaguan"}


@for_each(FILES)
def test_imports_go_one_way(path):
    own = name_of(path)
    for imported in imports_of(path):
        if imported.split(".")[0] != "chatsdk":
            continue
        assert imported.split(".")[1] != "testing", imported
        assert layer(imported) <= layer(own), imported
        if layer(own) == layer(imported) == 2:
            assert imported.split(".")[1] == own.split(".")[1], imported


@for_each(FILES)
def test_nothing_else_is_needed(path):
    known = {
        "chatsdk",
        "requests",
        "urllib3",
        "typing_extensions",
        "websockets",
        "__future__",
        "fcntl",
        "msvcrt",
    }
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
    assert not {"typing_extensions", "chatsdk.batch", "chatsdk.conversation", "chatsdk._core.tools"} & loaded


def test_typed():
    assert (PACKAGE / "py.typed").is_file()


def methods():
    """Each public method of each service, by its name."""
    for service, package in PACKAGES.items():
        for cls in exports(package).values():
            if getattr(getattr(cls, "_spec", None), "name", None) == service:
                for name, method in inspect.getmembers(cls, inspect.isfunction):
                    if not name.startswith("_"):
                        yield f"{service}.{name}", method


def test_keywords_of_a_method_are_the_fields_of_its_request():
    sizes = {}
    for name, method in methods():
        hints = typing.get_type_hints(method)  # fails for names that only type checkers see
        parameters = inspect.signature(method).parameters.values()
        positional = [item.name for item in parameters if item.kind is item.POSITIONAL_OR_KEYWORD]
        requests = [
            kind
            for parameter in positional[1:]
            for kind in getattr(hints[parameter], "__args__", ())
            if dataclasses.is_dataclass(kind) and not kind.__name__.endswith("Response")
        ]
        if not requests:
            continue
        (request,) = requests
        fields = typing.get_type_hints(request)
        names = {item.name: item.metadata.get("json", item.name) for item in dataclasses.fields(request)}
        assert [
            (item.name, hints[item.name]) for item in parameters if item.kind is item.KEYWORD_ONLY
        ] == list(
            {key: typing.Optional[fields[own]] for own, json in names.items() for key in (own, json)}.items()
        ), name
        sizes[name] = len(names)
    assert sizes["zaguan.chat"] > 40


@for_each(SERVICES)
def test_a_service_exports_its_models_its_errors_and_itself(service):
    package = importlib.import_module(f"chatsdk.{service}")
    for part in ("models", "errors", "service"):
        module = importlib.import_module(f"chatsdk.{service}.{part}")
        own = {
            name
            for name, item in vars(module).items()
            if inspect.isclass(item) and item.__module__ == module.__name__ and not name.startswith("_")
        }
        assert own <= set(exports(package))


def test_the_package_exports_its_errors():
    own = {
        name
        for name, item in vars(chatsdk.errors).items()
        if inspect.isclass(item) and item.__module__ == "chatsdk.errors" and not name.startswith("_")
    }
    assert own <= set(exports(chatsdk))


@for_each(SERVICES)
def test_every_method_names_its_request(service):
    module = importlib.import_module(f"chatsdk.{service}.service")
    classes = [
        item
        for item in vars(module).values()
        if getattr(getattr(item, "_spec", None), "name", None) == service
    ]
    assert len(classes) == 1
    cls = classes[0]
    functions = [name for name, _ in inspect.getmembers(cls, inspect.isfunction)]
    # A method that only changes a setting asks nothing.
    own = [name for name in functions if not (name.startswith(("_", "set_")) or hasattr(ServiceClient, name))]
    assert own
    for name in own:
        words = getattr(cls, name).__doc__.split()
        assert {"GET", "POST", "PUT", "PATCH", "DELETE"} & set(words), name


def public_functions():
    """Each function that a user may look at, by its name."""
    classes = [Batch, Client, Service, Stream, Download, LocalServer, Model, ResultList]
    classes += [type(getattr(Client(), service)) for service in SERVICES]
    for cls in classes:
        for name in dir(cls):
            found = inspect.getattr_static(cls, name)
            found = getattr(found, "fget", None) or getattr(found, "__func__", found)
            if inspect.isfunction(found) and not name.startswith("_"):
                yield f"{cls.__name__}.{name}", found


def test_annotations_can_be_read_at_run_time():
    """Tools that make commands, forms or tools of functions do so; on Python 3.8 too."""
    unreadable = {}
    for name, function in public_functions():
        try:
            assert "return" in typing.get_type_hints(function), name
        except Exception as error:
            unreadable[name] = repr(error)
    assert unreadable == {}
    assert "Zaguan.chat" in dict(public_functions())


def test_completion_shows_no_internals():
    with chatsdk.Client() as client:
        assert [name for name in dir(client) if not name.startswith("_")] == sorted([*SERVICES, "close"])
        for service in SERVICES:
            api = getattr(client, service)
            shown = [name for name in dir(api) if not name.startswith("_")]
            assert {name for name in shown if not inspect.ismethod(getattr(api, name))} <= {
                "base_url",
                "token",
            }
