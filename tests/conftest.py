import gc

import pytest

from tests.support.environment import scrub


def pytest_collection_finish():
    """Keep what was imported and collected out of the garbage collections, which some tests ask for."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch):
    """No proxy and no setting of the machine may change what a test sees."""
    scrub(monkeypatch)
