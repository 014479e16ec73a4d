"""The real ArgusLM server, and what the tests make in it.

``ARGUSLM_BASE_URL`` names a server that runs on this machine already; it is left as it was found, but for
what cannot be deleted: benchmarks, and the providers that they measured. Without it a server is started,
where one is installed. ``LIVE_TESTS=required`` makes a missing server an error.
``LIVE_TESTS_WEBSOCKETS=off`` hides the package ``websockets`` from the library, as if it were not installed.
"""

import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List

import pytest

from chatsdk import Client, ConflictError, NotFoundError
from chatsdk.arguslm import AlertRule, ArgusLM, ModelInfo, Provider

from .server import ArgusLMServer, obstacle
from .stub import Stub

KIND = "custom_openai_compatible"  # of the types of provider, the one that asks any model at its base_url
HERE = Path(__file__).parent
BASE_URL = os.environ.get("ARGUSLM_BASE_URL", "").strip()  # no test sees it


def pytest_collection_modifyitems(items: List[pytest.Item]) -> None:
    """Skip all tests where there is no server; of skips by mark pytest reports one line for each file."""
    reason = obstacle()
    if reason and not BASE_URL and os.environ.get("LIVE_TESTS") != "required":
        for item in items:
            if item.path.parent == HERE:
                item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture(scope="session")
def base_url(request: pytest.FixtureRequest) -> str:
    """The address of the server that all tests share."""
    return BASE_URL or request.getfixturevalue("start_server")().url


@pytest.fixture(scope="session")
def start_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], ArgusLMServer]]:
    """Start a server of the test's own, with an empty database."""
    reason = obstacle()
    if reason:
        stop = pytest.fail if os.environ.get("LIVE_TESTS") == "required" else pytest.skip
        stop(reason)
    servers: List[ArgusLMServer] = []

    def start() -> ArgusLMServer:
        servers.append(ArgusLMServer(tmp_path_factory.mktemp("arguslm")))
        return servers[-1]

    yield start
    for server in servers:
        server.stop()


@pytest.fixture(autouse=True)
def hidden_websockets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests without WebSockets, where that is asked for."""
    if os.environ.get("LIVE_TESTS_WEBSOCKETS") == "off":
        hide_websockets(monkeypatch)


@pytest.fixture
def without_websockets(monkeypatch: pytest.MonkeyPatch) -> None:
    hide_websockets(monkeypatch)


@pytest.fixture
def with_websockets() -> None:
    pytest.importorskip("websockets", reason="the package websockets is not installed, or is hidden")


def hide_websockets(monkeypatch: pytest.MonkeyPatch) -> None:
    known = [name for name in sys.modules if name.startswith("websockets.")]
    for name in ["websockets", *known]:
        monkeypatch.setitem(sys.modules, name, None)


@pytest.fixture
def api(base_url: str) -> Iterator[ArgusLM]:
    with Client(arguslm=base_url) as client:
        yield client.arguslm


@pytest.fixture
def stub() -> Iterator[Stub]:
    stub = Stub()
    yield stub
    stub.close()


@pytest.fixture
def add_provider(api: ArgusLM, stub: Stub) -> Iterator[Callable[..., Provider]]:
    """Create a provider that asks the stub; keywords are fields of ProviderCreate."""
    made: List[Provider] = []

    def add(**fields: Any) -> Provider:
        given = {"provider_type": KIND, "display_name": "Stub", "credentials": stub.credentials, **fields}
        made.append(api.create_provider(**given))
        return made[-1]

    yield add
    for provider in made:
        # One with benchmarks stays; what is left of it must not slow the monitoring runs of other tests.
        for model in list(api.iter_models(provider_id=provider.id, enabled_for_monitoring=True)):
            api.update_model(model.id, enabled_for_monitoring=False)
        with suppress(ConflictError, NotFoundError):
            api.delete_provider(provider.id)


@pytest.fixture
def find_models(api: ArgusLM, add_provider: Callable[..., Provider]) -> Callable[[], Dict[str, ModelInfo]]:
    """Let a new provider discover the models of the stub; return them by name."""

    def find() -> Dict[str, ModelInfo]:
        provider = add_provider()
        api.refresh_provider_models(provider.id)
        return {model.model_id: model for model in api.list_models(provider_id=provider.id).items}

    return find


@pytest.fixture
def add_rule(api: ArgusLM) -> Iterator[Callable[..., AlertRule]]:
    """Create an alert rule; keywords are fields of AlertRuleCreate."""
    made: List[AlertRule] = []

    def add(**fields: Any) -> AlertRule:
        made.append(api.create_alert_rule(**fields))
        return made[-1]

    yield add
    for rule in made:
        with suppress(NotFoundError):
            api.delete_alert_rule(rule.id)
