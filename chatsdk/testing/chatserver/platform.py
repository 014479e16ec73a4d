"""ChatServer's platform endpoints: stats, admins, audit log."""

import threading
import uuid
from dataclasses import asdict, dataclass, field
from datetime import datetime, timezone
from typing import Any, Callable, Dict, List, Mapping, Optional

from ..exchange import Reply, Request
from ..validation import Field, body, integer, nullable, parameters, string
from .errors import crash, refusal

_ADMIN = {
    "workos_id": Field(string),
    "email": Field(string),
    "name": Field(nullable(string), None),
}
_PAGING = {"limit": Field(integer(ge=1, le=200), 50), "offset": Field(integer(ge=0), 0)}
_AGENTS = ["claude", "gemini"]


def _now() -> str:
    """The time as the database prints it: no zeros at the end of the fraction."""
    now = datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%f")
    return now.rstrip("0").rstrip(".") + "+00:00"


def _new_id() -> str:
    return str(uuid.uuid4())


@dataclass(frozen=True)
class Admin:
    """One platform admin."""

    email: str
    name: Optional[str]
    created_by: str
    id: str = field(default_factory=_new_id)
    created_at: str = field(default_factory=_now)


@dataclass(frozen=True)
class AuditEntry:
    """One thing that happened."""

    action: str
    resource: Optional[str]
    resource_id: Optional[str]
    user_id: Optional[str]
    org_id: Optional[str]
    metadata: Mapping[str, Any]
    id: str = field(default_factory=_new_id)
    timestamp: str = field(default_factory=_now)


class AuditLog:
    """What happened, as it happened. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._entries: List[AuditEntry] = []

    def add(
        self,
        action: str,
        resource: str,
        resource_id: str,
        metadata: Mapping[str, Any],
        user_id: Optional[str] = None,
        org_id: Optional[str] = None,
    ) -> None:
        """Note something."""
        entry = AuditEntry(action, resource, resource_id, user_id, org_id, metadata)
        with self._lock:
            self._entries.append(entry)

    def list_entries(self, request: Request) -> Reply:
        """GET /api/v1/platform/audit: newest first."""
        asked = parameters(request, {}, _PAGING)
        limit, offset = asked["limit"], asked["offset"]
        with self._lock:
            newest_first = self._entries[::-1]
        entries = [asdict(entry) for entry in newest_first[offset : offset + limit]]
        return Reply.json({"entries": entries, "count": len(entries), "limit": limit, "offset": offset})


class Platform:
    """Stats, and the admins by their email. Thread-safe."""

    def __init__(self, audit: AuditLog, counts: Callable[[], Dict[str, int]]) -> None:
        self._audit = audit
        self._counts = counts
        self._lock = threading.Lock()
        self._admins: Dict[str, Admin] = {}

    def stats(self, request: Request) -> Reply:
        """GET /api/v1/platform/stats: requests and tokens are always 0 there."""
        return Reply.json(
            {
                **self._counts(),
                "total_requests": 0,
                "requests_today": 0,
                "total_tokens": 0,
                "tokens_today": 0,
                "total_mcp_servers": 0,
                "system_health": {
                    "status": "healthy",
                    "circuit_breaker_status": "healthy",
                    "active_agents": _AGENTS,
                },
            }
        )

    def list_admins(self, request: Request) -> Reply:
        """GET /api/v1/platform/admins: newest first."""
        with self._lock:
            admins = [asdict(admin) for admin in reversed(list(self._admins.values()))]
        return Reply.json({"admins": admins, "count": len(admins)})

    def add_admin(self, request: Request) -> Reply:
        """POST /api/v1/platform/admins."""
        asked = body(request, _ADMIN)
        email = asked["email"]
        if not (email and asked["workos_id"]):
            raise refusal(400, "email and workos_id required")
        admin = Admin(email, asked["name"], asked["workos_id"])
        with self._lock:
            if email in self._admins:
                raise crash()
            self._admins[email] = admin
        self._audit.add("created", "platform_admin", admin.id, {"email": email})
        return Reply.json({"status": "success", "email": email}, 201)

    def remove_admin(self, request: Request) -> Reply:
        """DELETE /api/v1/platform/admins/{email}: an unknown one is no error."""
        email = request.params["email"]
        with self._lock:
            admin = self._admins.pop(email, None)
        if admin is not None:
            self._audit.add("deleted", "platform_admin", admin.id, {"email": email})
        return Reply.json({"status": "success", "email": email})
