import signal
from pathlib import Path
from typing import Any, Dict, Iterator

import pytest

from chatsdk.testing import LocalServer
from tests.environment import PREFIXES, scrub

ROOT = Path(__file__).resolve().parents[2]

VARIABLES = tuple(prefix + end for prefix in PREFIXES for end in ("BASE_URL", "API_KEY"))


@pytest.fixture(scope="session", autouse=True)
def hear_ctrl_c() -> Iterator[None]:
    """A test run in the background of a script ignores Ctrl-C, and what it starts would too."""
    before = signal.getsignal(signal.SIGINT)
    if before == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No proxy and no setting of the machine may change what a test sees."""
    scrub(monkeypatch)


@pytest.fixture
def server() -> Iterator[LocalServer]:
    with LocalServer() as server:
        yield server
        assert server.errors == []


@pytest.fixture
def addresses(server: LocalServer) -> Dict[str, str]:
    """Environment variables that lead to the server, with its keys."""
    found = {}
    services: Dict[str, Any] = {**server.services()}
    for name, service in services.items():
        prefix = "INFINITY_ASSISTANT" if name == "infinity" else name.upper()
        found[f"{prefix}_BASE_URL"] = service.base_url
        found[f"{prefix}_API_KEY"] = service.api_key
    return found
