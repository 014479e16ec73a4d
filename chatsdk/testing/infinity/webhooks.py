"""Webhooks: who wants to be told of what. Nobody is ever told: the service does not deliver."""

import re
import secrets
import threading
import uuid
from dataclasses import dataclass, field
from typing import Any, Dict, List

from ..exchange import Refusal, Reply, Request
from .errors import plain
from .ids import now
from .keys import ApiKeys
from .reading import query_value, read_body

_EVENTS = (
    "chat.message",
    "chat.response",
    "knowledge.created",
    "memory.stored",
    "user.preferences.updated",
    "subscription.created",
    "subscription.updated",
    "subscription.cancelled",
)
# Any scheme will do, but those of the web need a host.
_URL = re.compile(r"(?!(?:https?|wss?|ftp):[/\\]*(?:[?#:]|\Z))[a-z][a-z0-9+.-]*:\S*", re.IGNORECASE)
_CRASH = plain(500, "Failed to register webhook")


@dataclass(frozen=True)
class Webhook:
    """One registration, with its secret."""

    url: str
    events: List[str]
    secret: str = field(default_factory=lambda: secrets.token_urlsafe(32))
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    created: str = field(default_factory=now)

    def listed(self) -> Dict[str, Any]:
        """The webhook as a list shows it."""
        return {
            "id": self.id,
            "url": self.url,
            "events": self.events,
            "isActive": True,
            "createdAt": self.created,
            "failureCount": 0,
        }


class Webhooks:
    """The webhooks of the one user who has any. Thread-safe."""

    def __init__(self, keys: ApiKeys) -> None:
        self._keys = keys
        self._lock = threading.Lock()
        self._webhooks: Dict[str, Webhook] = {}

    def list_webhooks(self, request: Request) -> Reply:
        """GET /webhooks: oldest first."""
        with self._lock:
            listed = [webhook.listed() for webhook in self._webhooks.values()]
        return Reply.json({"success": True, "webhooks": listed})

    def create(self, request: Request) -> Reply:
        """POST /webhooks: the only answer that shows the secret."""
        asked = read_body(request, _CRASH)
        url, events = asked.get("url"), asked.get("events")
        if not (isinstance(url, str) and url):
            raise Refusal(plain(400, "Webhook URL is required"))
        if not _URL.fullmatch(url.strip()):
            raise Refusal(plain(400, "Invalid webhook URL"))
        if not (isinstance(events, list) and events):
            raise Refusal(plain(400, "At least one event type is required"))
        unknown = [str(name) for name in events if name not in _EVENTS]
        if unknown:
            raise Refusal(plain(400, f"Invalid event types: {', '.join(unknown)}"))
        self._keys.signed_in(request)
        webhook = Webhook(url, events)
        with self._lock:
            self._webhooks[webhook.id] = webhook
        shown = {
            "id": webhook.id,
            "url": url,
            "events": events,
            "secret": webhook.secret,
            "createdAt": webhook.created,
        }
        message = "Webhook registered. Save the secret - it will not be shown again."
        return Reply.json({"success": True, "webhook": shown, "message": message})

    def delete(self, request: Request) -> Reply:
        """DELETE /webhooks."""
        webhook_id = query_value(request, "id")
        if not webhook_id:
            raise Refusal(plain(400, "Webhook ID is required"))
        self._keys.signed_in(request)
        with self._lock:
            known = self._webhooks.pop(webhook_id, None)
        if known is None:
            raise Refusal(plain(404, "Webhook not found"))
        return Reply.json({"success": True, "message": "Webhook deleted"})
