"""ChatServer: its endpoints. It asks nobody for a key."""

import time
from typing import Any, Dict

from ..chat import MakeReply
from ..dialect import Dialect
from ..exchange import Headers, Reply, Request
from .chat import ChatCompletions
from .errors import failure
from .history import History
from .platform import AuditLog, Platform

_MODELS = {
    "gemini-2.5-pro@default": 2097152,
    "gemini-2.5-flash@default": 1048576,
    "claude-sonnet-4-5@20250929": 1048576,
    "claude-haiku-4-5@20251001": 1048576,
}


class ChatServer(Dialect):
    """The stand-in of ChatServer."""

    name = "chatserver"

    def __init__(self, make_reply: MakeReply) -> None:
        super().__init__()
        history, audit = History(), AuditLog()
        platform = Platform(audit, history.counts)
        chat = ChatCompletions(make_reply, history, audit)
        self._started = int(time.time())
        self.routes.add("GET", "/health", _health)
        self.routes.add("POST", "/v1/chat/completions", chat.create)
        self.routes.add("GET", "/v1/models", self._list_models)
        self.routes.add("GET", "/atoms/chat/sessions", history.list_sessions)
        self.routes.add("GET", "/atoms/chat/sessions/{session_id}", history.show_session)
        self.routes.add("GET", "/api/v1/platform/stats", platform.stats)
        self.routes.add("GET", "/api/v1/platform/admins", platform.list_admins)
        self.routes.add("POST", "/api/v1/platform/admins", platform.add_admin)
        self.routes.add("DELETE", "/api/v1/platform/admins/{email}", platform.remove_admin)
        self.routes.add("GET", "/api/v1/platform/audit", audit.list_entries)

    def failure(self, status: int, headers: Headers) -> Reply:
        """ChatServer's answer with this status."""
        return failure(status, headers)

    def _list_models(self, request: Request) -> Reply:
        models = [self._model(name, context) for name, context in _MODELS.items()]
        return Reply.json({"data": models, "object": "list"})

    def _model(self, name: str, context: int) -> Dict[str, Any]:
        return {
            "id": name,
            "object": "model",
            "owned_by": "google",
            "created": self._started,
            "description": name.partition("@")[0],
            "context_length": context,
            "provider": "vertexai",
            "capabilities": ["chat.completion"],
        }


def _health(request: Request) -> Reply:
    return Reply.json({"status": "healthy", "circuit_breaker_status": None, "active_agents": []})
