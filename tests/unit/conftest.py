import pytest
import responses

from tests.environment import scrub

from .helpers import make_client


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch):
    """No proxy and no setting of the machine may change what a test sees."""
    scrub(monkeypatch)


@pytest.fixture
def http():
    """Answers instead of the network; each planned answer must be fetched."""
    with responses.RequestsMock(assert_all_requests_are_fired=True) as mock:
        yield mock


@pytest.fixture
def client():
    with make_client() as client:
        yield client
