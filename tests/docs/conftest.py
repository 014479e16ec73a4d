import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Dict, Iterator, NamedTuple

import pytest

from chatsdk.testing import LocalServer
from tests.docs.programs import EXAMPLES, Done, GatedServer, run_program
from tests.support.environment import PREFIXES, scrub

VARIABLES = tuple(prefix + end for prefix in PREFIXES for end in ("BASE_URL", "API_KEY"))


@pytest.fixture(scope="session", autouse=True)
def hear_ctrl_c() -> Iterator[None]:
    """A test run in the background of a script ignores Ctrl-C, and what it starts would too."""
    before = signal.getsignal(signal.SIGINT)
    if before == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


class OfflineRun(NamedTuple):
    """What an example showed, and the folder where it ran."""

    done: "Done[str]"
    folder: Path


@pytest.fixture(scope="session")
def offline(tmp_path_factory: pytest.TempPathFactory) -> Dict[str, OfflineRun]:
    """Each example, run once without a server, by its name. The keys in its environment are not for it."""
    secrets = {f"{prefix}API_KEY": f"secret-of-{prefix}" for prefix in PREFIXES}
    secrets.update(MONGARS_USERNAME="bob", MONGARS_PASSWORD="secret-of-bob")

    def run(name: str) -> OfflineRun:
        folder = tmp_path_factory.mktemp(name)
        arguments = ["--once"] if name == "peer_metrics.py" else []
        return OfflineRun(run_program(folder, name, *arguments, **secrets), folder)

    names = [path.name for path in EXAMPLES]
    with pytest.MonkeyPatch.context() as patch, ThreadPoolExecutor(2) as pool:
        scrub(patch)
        return dict(zip(names, pool.map(run, names)))


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
