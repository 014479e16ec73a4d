import gc

import pytest

from tests.support.environment import scrub


def pytest_collection():
    """Look for no garbage while tests are collected: nearly all that is made then stays."""
    gc.disable()


def pytest_collection_finish():
    """Keep what was collected out of the garbage collections of the tests."""
    gc.collect()
    gc.freeze()
    gc.enable()


@pytest.fixture(scope="session", autouse=True)
def plain_environment():
    """No proxy and no setting of the machine may change what a test sees."""
    with pytest.MonkeyPatch.context() as patch:
        scrub(patch)
        yield
