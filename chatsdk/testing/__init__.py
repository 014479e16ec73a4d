"""An offline stand-in for the services, for examples and for tests of your own programs.

It needs no network and no keys::

    from chatsdk import Client
    from chatsdk.testing import LocalServer

    with LocalServer() as server:
        client = Client(**server.services())

As a fixture of pytest::

    @pytest.fixture
    def server():
        with LocalServer() as server:
            yield server

``python -m chatsdk.testing`` serves programs in other languages.
"""

from .chat import ChatInfo
from .exchange import RecordedRequest
from .server import LocalServer

__all__ = ["ChatInfo", "LocalServer", "RecordedRequest"]
