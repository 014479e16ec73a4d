import signal
from typing import Any, Dict, Iterator

import pytest

from chatsdk.testing import LocalServer
from tests.docs.programs import GatedServer
from tests.support.environment import PREFIXES

VARIABLES = tuple(prefix + end for prefix in PREFIXES for end in ("BASE_URL", "API_KEY"))


@pytest.fixture(scope="session", autouse=True)
def hear_ctrl_c() -> Iterator[None]:
    """A test run in the background of a script ignores Ctrl-C, and what it starts would too."""
    before = signal.getsignal(signal.SIGINT)
    if before == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def server() -> Iterator[GatedServer]:
    """A stand-in, which can hold answers back."""
    with GatedServer(retrieval=True) as server:
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
