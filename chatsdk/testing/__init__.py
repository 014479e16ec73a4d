"""A local test server for the five services, for examples and for the tests of your own programs.

It needs no network and no API keys::

    from chatsdk import Client
    from chatsdk.testing import LocalServer

    with LocalServer() as server:
        client = Client(**server.services())

As a pytest fixture::

    @pytest.fixture
    def server():
        with LocalServer() as server:
            yield server

``python -m chatsdk.testing`` starts the server for programs in other languages.
"""

from .chat import ChatInfo
from .exchange import RecordedRequest
from .server import LocalServer

__all__ = ["ChatInfo", "LocalServer", "RecordedRequest"]
