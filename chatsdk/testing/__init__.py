"""An offline stand-in for the services, for examples and for tests of your own programs.

It needs no network and no keys::

    from chatsdk import Client
    from chatsdk.testing import LocalServer

    with LocalServer() as server:
        client = Client(**server.services())
"""

from .journal import RecordedRequest
from .server import LocalServer

__all__ = ["LocalServer", "RecordedRequest"]
