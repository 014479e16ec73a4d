import pytest
import responses

from .helpers import make_client


@pytest.fixture
def http():
    """Answers instead of the network; each planned answer must be fetched."""
    with responses.RequestsMock(assert_all_requests_are_fired=True) as mock:
        yield mock


@pytest.fixture
def client():
    with make_client() as client:
        yield client
