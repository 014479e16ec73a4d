import pytest

from tests.support.environment import scrub


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch):
    """No proxy and no setting of the machine may change what a test sees."""
    scrub(monkeypatch)
