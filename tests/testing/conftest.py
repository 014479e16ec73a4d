import pytest
import requests

from chatsdk.testing import LocalServer
from tests.environment import scrub

from .wire import KEY, Api


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch):
    """No proxy and no setting of the machine may change what a test sees."""
    scrub(monkeypatch)


@pytest.fixture
def server():
    with LocalServer() as server:
        yield server
    assert server.errors == []


@pytest.fixture
def session():
    with requests.Session() as session:
        session.trust_env = False
        yield session


@pytest.fixture
def zaguan(server, session):
    return Api(session, server.url("zaguan"), {"Authorization": f"Bearer {KEY}"})


@pytest.fixture
def chatserver(server, session):
    return Api(session, server.url("chatserver"), {})
