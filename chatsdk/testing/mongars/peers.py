"""monGARS's peers: who they are, and messages from them."""

import threading
from typing import Set

from ..exchange import Reply, Request
from ..urls import url_rule
from ..validation import Field, body, custom
from .errors import refusal
from .payloads import read_payload
from .rules import filled
from .tokens import User

_PEER = {"url": Field(custom(url_rule, lambda url: url.rstrip("/")))}
_MESSAGE = {"payload": Field(filled("payload"))}


class Peers:
    """The registered peers. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._urls: Set[str] = set()

    def register(self, request: Request, user: User) -> Reply:
        """POST /api/v1/peer/register."""
        url = body(request, _PEER)["url"]
        with self._lock:
            status = "already registered" if url in self._urls else "registered"
            self._urls.add(url)
            return Reply.json({"status": status, "count": len(self._urls)})

    def unregister(self, request: Request, user: User) -> Reply:
        """POST /api/v1/peer/unregister."""
        url = body(request, _PEER)["url"]
        with self._lock:
            status = "unregistered" if url in self._urls else "not registered"
            self._urls.discard(url)
            return Reply.json({"status": status, "count": len(self._urls)})

    def list_peers(self, request: Request, user: User) -> Reply:
        """GET /api/v1/peer/list."""
        with self._lock:
            return Reply.json(sorted(self._urls))

    def receive(self, request: Request, user: User) -> Reply:
        """POST /api/v1/peer/message: the answer has what was in the payload."""
        payload = body(request, _MESSAGE)["payload"]
        try:
            return Reply.json({"status": "received", "data": read_payload(payload)})
        except ValueError:
            raise refusal(400) from None
