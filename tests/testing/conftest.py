import pytest
import requests

from chatsdk.testing import LocalServer

from .arguslm import PREFIX, ArgusApi
from .infinity import InfinityApi
from .wire import KEY, Api


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


@pytest.fixture
def infinity(server, session):
    return InfinityApi(session, server.url("infinity"), {"X-API-Key": KEY})


@pytest.fixture
def guest(server):
    """Infinity Assistant without a key; its session holds the cookie of nobody else."""
    with requests.Session() as session:
        session.trust_env = False
        yield InfinityApi(session, server.url("infinity"), {})


@pytest.fixture
def mongars(server, session):
    token = server.services()["mongars"].api_key
    return Api(session, server.url("mongars"), {"Authorization": f"Bearer {token}"})


@pytest.fixture
def arguslm(server, session):
    return ArgusApi(session, server.url("arguslm") + PREFIX, {})
