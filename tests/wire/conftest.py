"""What the wire tests share: servers and clients that are closed again, and waits that take no time."""

import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Callable, Iterator, List

import pytest

from chatsdk import Client, Service
from chatsdk._core import retry

from .server import WireServer

KEY = "sk-very-secret-0123456789"


@pytest.fixture(scope="module", autouse=True)
def no_netrc():
    """No password of this machine takes part."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NETRC", str(Path(__file__).with_name("no-netrc")))
        yield


@pytest.fixture
def serve() -> Iterator[Callable[..., WireServer]]:
    """Start a server with the given answers."""
    servers: List[WireServer] = []

    def start(*answers: Any, **options: Any) -> WireServer:
        servers.append(WireServer(*answers, **options))
        return servers[-1]

    yield start
    for server in servers:
        server.close()
    assert [problem for server in servers for problem in server.problems] == []


@pytest.fixture
def connect() -> Iterator[Callable[..., Client]]:
    """Make a Client of both services of one server; keywords are settings of the services."""
    clients: List[Client] = []

    def make(server: Any, session: Any = None, **settings: Any) -> Client:
        url = server if isinstance(server, str) else server.url
        service = Service(url, **{"api_key": KEY, **settings})
        clients.append(Client(zaguan=service, chatserver=service, session=session))
        return clients[-1]

    yield make
    for client in clients:
        client.close()


class Waits(List[float]):
    """The waits between attempts, in seconds; ``during`` is called in place of each."""

    during: Callable[[], Any] = staticmethod(lambda: None)

    def sleep(self, seconds: float) -> None:
        self.append(seconds)
        self.during()


@pytest.fixture
def waits(monkeypatch) -> Waits:
    """Record the waits of the retry policy instead of waiting."""
    recorded = Waits()
    monkeypatch.setattr(retry, "time", SimpleNamespace(sleep=recorded.sleep, monotonic=time.monotonic))
    return recorded
