import os

import pytest


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch):
    """No proxy and no setting of the machine may change what a test sees."""
    for name in list(os.environ):
        if name.lower().endswith("_proxy") or name.startswith(("ZAGUAN_", "CHATSERVER_")):
            monkeypatch.delenv(name)
