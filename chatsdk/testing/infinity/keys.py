"""API keys: who may manage keys and webhooks, and the keys themselves.

The real service answers 401 to all of this: it asks itself who is signed in, and forgets to say who asks.
Here the owner of the local key is signed in.
"""

import secrets
import threading
import uuid
from dataclasses import dataclass, field
from typing import Any, Dict, List, Optional

from ..dialect import API_KEY
from ..exchange import Answer, Refusal, Reply, Request
from ..routing import Handler
from ..uuids import is_uuid
from .errors import NOT_SIGNED_IN, plain
from .ids import now
from .reading import query_value, read_body, required_text

OWNER = "user_1735689600000_10ca10ca"

_SHOWN = 12  # characters of a key that lists show
_CRASH = plain(500, "Failed to create API key")


@dataclass
class ApiKey:
    """One key, with its secret."""

    name: str
    key: str = field(default_factory=lambda: f"ia_{secrets.token_urlsafe(32)}")
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    created: str = field(default_factory=now)
    last_used: Optional[str] = None
    active: bool = True

    @property
    def prefix(self) -> str:
        """The part that may be seen."""
        return self.key[:_SHOWN]

    def listed(self) -> Dict[str, Any]:
        """The key as a list shows it; one that was never used has no date of that."""
        used = {} if self.last_used is None else {"lastUsed": self.last_used}
        return {
            "id": self.id,
            "name": self.name,
            "prefix": self.prefix,
            "createdAt": self.created,
            **used,
            "isActive": self.active,
        }


class ApiKeys:
    """The keys of the one user who has any. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._keys: List[ApiKey] = []

    def owner(self, request: Request) -> Optional[str]:
        """Whose key came with a request; None where there is none, an unknown or a revoked one."""
        given = _given_key(request)
        if given == API_KEY:
            return OWNER
        with self._lock:
            for key in self._keys:
                if key.active and key.key == given:
                    key.last_used = now()
                    return OWNER
        return None

    def signed_in(self, request: Request) -> None:
        """Let the owner of a key pass.

        Raises:
            Refusal: 401.
        """
        if self.owner(request) is None:
            raise Refusal(NOT_SIGNED_IN)

    def for_owner(self, handler: Handler) -> Handler:
        """The same, for the owner of a key only."""

        def guarded(request: Request) -> Answer:
            self.signed_in(request)
            return handler(request)

        return guarded

    def list_keys(self, request: Request) -> Reply:
        """GET /api-keys: newest first, the revoked ones too."""
        with self._lock:
            listed = [key.listed() for key in reversed(self._keys)]
        return Reply.json({"success": True, "apiKeys": listed})

    def create(self, request: Request) -> Reply:
        """POST /api-keys: the only answer that shows the key."""
        name = required_text(
            read_body(request, _CRASH), "name", plain(400, "API key name is required")
        ).strip()
        self.signed_in(request)
        key = ApiKey(name)
        with self._lock:
            if any(other.name == name for other in self._keys):
                raise Refusal(_CRASH)
            self._keys.append(key)
        shown = {"id": key.id, "name": name, "key": key.key, "prefix": key.prefix, "createdAt": key.created}
        message = "API key created. Save this key - it will not be shown again."
        return Reply.json({"success": True, "apiKey": shown, "message": message})

    def revoke(self, request: Request) -> Reply:
        """DELETE /api-keys: an id that nobody has is no error."""
        key_id = query_value(request, "id")
        if not key_id:
            raise Refusal(plain(400, "API key ID is required"))
        self.signed_in(request)
        if not is_uuid(key_id):
            raise Refusal(plain(404, "API key not found"))
        with self._lock:
            for key in self._keys:
                if key.id == str(uuid.UUID(key_id)):
                    key.active = False
        return Reply.json({"success": True, "message": "API key revoked"})


def _given_key(request: Request) -> str:
    key = request.headers.get("x-api-key")
    if key is not None:
        return key.strip()
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""
