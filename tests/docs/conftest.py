import signal
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, Dict, Iterator, NamedTuple

import pytest

from chatsdk.testing import LocalServer
from tests.docs.programs import EXAMPLES, Done, GatedServer, run_program, surroundings
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


class OfflineRun(NamedTuple):
    """What an example showed, and the folder where it ran."""

    done: "Done[str]"
    folder: Path


@pytest.fixture(scope="session", autouse=True)
def offline_runs(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    hear_ctrl_c: None,
    plain_environment: None,
) -> Iterator[Dict[str, "Future[OfflineRun]"]]:
    """Begin to run each example without a server, beside the tests before those that look at the results.

    The keys in the environment of the examples are not for them.
    """
    secrets = {f"{prefix}API_KEY": f"secret-of-{prefix}" for prefix in PREFIXES}
    secrets.update(MONGARS_USERNAME="bob", MONGARS_PASSWORD="secret-of-bob")
    env = surroundings(**secrets)

    def run(name: str, folder: Path) -> OfflineRun:
        arguments = ["--once"] if name == "peer_metrics.py" else []
        return OfflineRun(run_program(folder, env, name, *arguments), folder)

    wanted = any("offline" in getattr(item, "fixturenames", ()) for item in request.session.items)
    names = [path.name for path in EXAMPLES if wanted]
    with ThreadPoolExecutor(2) as pool:
        yield {name: pool.submit(run, name, tmp_path_factory.mktemp(name)) for name in names}


@pytest.fixture
def offline(offline_runs: Dict[str, "Future[OfflineRun]"]) -> Dict[str, OfflineRun]:
    """The runs of all examples, by their names."""
    return {name: run.result() for name, run in offline_runs.items()}


@pytest.fixture(autouse=True)
def quick_polling(monkeypatch: pytest.MonkeyPatch) -> None:
    """What runs in this process asks for benchmarks often; processes of their own do it once a second."""
    monkeypatch.setattr("chatsdk.arguslm.runs.POLL_SECONDS", 0.01)


@pytest.fixture
def server() -> Iterator[GatedServer]:
    """A stand-in, which can hold answers back."""
    with GatedServer(retrieval=True, call_seconds=0.01) as server:
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
