"""Fake ChatServer: chat completions, stored sessions and administration. It does not check API keys."""

from __future__ import annotations

import json
import time
import uuid
from dataclasses import replace
from typing import Any, Dict, Iterator, List, Mapping, Optional

from .chat import ChatInfo, ChatModel, Completion, ModelError, content_text
from .collection import Collection, Record, timestamp
from .exchange import Answer, EventStream, HTTPError, Reply, Request, event
from .routing import FakeService, route
from .validation import Param, is_uuid

_ERRORS = {401: "Not authenticated"}
_CONTEXTS = {
    "gemini-2.5-pro@default": 2097152,
    "gemini-2.5-flash@default": 1048576,
    "claude-sonnet-4-5@20250929": 1048576,
    "claude-haiku-4-5@20251001": 1048576,
}
_MODEL = {"owned_by": "google", "provider": "vertexai", "capabilities": ["chat.completion"]}
_HEALTH: Record = {"status": "healthy", "circuit_breaker_status": None, "active_agents": ["claude"]}
_EVENT_STREAM = "text/event-stream; charset=utf-8"
# The real server always reports this usage, as it reads keys that its model process does not send.
_NO_USAGE = {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}

_ROLES = ("system", "user", "assistant", "tool")
_PART = Param("part", (str, dict), fields=[Param("type", choices=("text",)), Param("text")])
_MESSAGE = [
    Param("role", choices=_ROLES),
    Param("content", (str, list), items=_PART),
    Param("name", default=None),
]
_COMPLETION = [
    Param("model"),
    Param("messages", list, items=Param("message", dict, fields=_MESSAGE)),
    Param("temperature", float, 0.7, min=0, max=2),
    Param("max_tokens", int, 4000, min=1, max=4000),
    Param("top_p", float, 1.0, min=0, max=1),
    Param("stream", bool, False),
    *(Param(name, default=None) for name in ("user", "system_prompt")),
    Param("metadata", dict, None),
]
_SESSION_ID = Param("session_id", uuid.UUID)
_USER_ID = Param("user_id", uuid.UUID)
_PAGE = [Param("page", int, 1, min=1), Param("page_size", int, 20, min=1, max=100)]
_ADMIN = [Param("workos_id"), Param("email"), Param("name", default=None)]
_LOG_PAGE = [Param("limit", int, 50, min=1, max=200), Param("offset", int, 0, min=0)]


class ChatServer(FakeService):
    """A fake ChatServer."""

    name = "chatserver"
    error_messages = _ERRORS

    def __init__(self, model: ChatModel) -> None:
        super().__init__(model)
        self._started = int(time.time())
        self._sessions = Collection("chat session not found")
        self._messages: Dict[str, List[Record]] = {}
        self._admins = Collection()
        self._audit = Collection()

    @route("GET", "/health", access="public")
    def _check_health(self, request: Request) -> object:
        return _HEALTH

    @route("GET", "/v1/models")
    def _list_models(self, request: Request) -> object:
        common = {"object": "model", "created": self._started, "description": None, **_MODEL}
        data = [{"id": name, "context_length": size, **common} for name, size in _CONTEXTS.items()]
        return {"data": data, "object": "list"}

    @route("POST", "/v1/chat/completions", body=_COMPLETION, locked=False)
    def _complete(self, request: Request) -> Answer:
        """Answer a chat; store it if the metadata has a user_id."""
        fields = request.fields
        if not fields["messages"]:
            raise HTTPError(400, "messages array must include at least one message")
        if not fields["model"]:
            raise HTTPError(400, "model field is required - fetch available models from /v1/models endpoint")
        metadata = fields["metadata"] or {}
        session_id = metadata.get("session_id") or f"atoms_session_{uuid.uuid4().hex}"
        if not isinstance(session_id, str):
            raise HTTPError(500)
        with self.lock:
            ids = {"user_id": metadata.get("user_id"), "org_id": metadata.get("organization_id")}
            session = self._store_messages(session_id, fields, metadata) if ids["user_id"] else None
            self._log("chat", "chat_session", session_id, {"model": fields["model"]}, **ids)
        try:
            answer = self.model.answer(request.json()["messages"], ChatInfo(self.name, fields["model"]))
        except ModelError as error:
            if not fields["stream"]:
                raise
            body = {"error": {"message": error.message, "type": "server_error"}}
            return EventStream(iter([event(json.dumps(body)), event("[DONE]")]), _EVENT_STREAM)
        text, usage = answer.text, {**_NO_USAGE, **answer.given_usage}
        answer = replace(answer, message={"role": "assistant", "content": text}, usage=usage)
        completion = Completion(answer, fields["model"], system_fingerprint=session_id)

        def store() -> None:
            if session is not None:
                with self.lock:
                    self._store_answer(session, text, usage)

        if fields["stream"]:
            return EventStream(_events(completion, usage), _EVENT_STREAM, on_delivered=store)
        store()
        return Reply.json(completion.body(name=None))

    @route("GET", "/atoms/chat/sessions", query=[_USER_ID, *_PAGE])
    def _list_sessions(self, request: Request) -> object:
        """Return a page of sessions, newest answer first."""
        page, size = request.params["page"], request.params["page_size"]
        sessions = self._sessions.list(user_id=request.params["user_id"])
        sessions.sort(key=lambda row: (row["last_message_at"] or "", row["created_at"]), reverse=True)
        start, total = (page - 1) * size, len(sessions)
        if start > total:
            raise HTTPError(500)
        shown = {"sessions": sessions[start : start + size], "total": total, "page": page, "page_size": size}
        return {**shown, "has_more": start + size < total}

    @route("GET", "/atoms/chat/sessions/{session_id}", params=[_SESSION_ID], query=[_USER_ID])
    def _get_session(self, request: Request) -> object:
        session = self._sessions.get(request.params["session_id"])
        if session["user_id"] != request.params["user_id"]:
            raise HTTPError(404, "chat session not found")
        return {"session": session, "messages": self._messages[session["id"]]}

    @route("GET", "/api/v1/platform/stats")
    def _get_stats(self, request: Request) -> object:
        """Return the number of users and organizations; the real server counts nothing else."""
        sessions = self._sessions.list()
        users = len({session["user_id"] for session in sessions})
        names = ("total_requests", "requests_today", "total_tokens", "tokens_today", "total_mcp_servers")
        return {
            "total_users": users,
            "active_users": users,
            "total_organizations": len({session["organization_id"] for session in sessions} - {None}),
            **dict.fromkeys(names, 0),
            "system_health": _HEALTH,
        }

    @route("GET", "/api/v1/platform/admins")
    def _list_admins(self, request: Request) -> object:
        admins = self._admins.list(newest_first=True)
        return {"admins": admins, "count": len(admins)}

    @route("POST", "/api/v1/platform/admins", status=201, body=_ADMIN)
    def _add_admin(self, request: Request) -> object:
        """Add an administrator; one with a known email is a 500."""
        email, creator = request.fields["email"], request.fields["workos_id"]
        if not (email and creator):
            raise HTTPError(400, "email and workos_id required")
        if self._admins.list(email=email):
            raise HTTPError(500)
        record = {"email": email, "name": request.fields["name"], "created_by": creator}
        admin = self._admins.add({**record, "created_at": timestamp()})
        self._log("created", "platform_admin", admin["id"], {"email": email})
        return {"status": "success", "email": email}

    @route("DELETE", "/api/v1/platform/admins/{email}")
    def _remove_admin(self, request: Request) -> object:
        """Remove an administrator; an unknown one is not an error."""
        email = request.params["email"]
        for admin in self._admins.list(email=email):
            self._admins.remove(admin["id"])
            self._log("deleted", "platform_admin", admin["id"], {"email": email})
        return {"status": "success", "email": email}

    @route("GET", "/api/v1/platform/audit", query=_LOG_PAGE)
    def _list_audit_entries(self, request: Request) -> object:
        limit, offset = request.params["limit"], request.params["offset"]
        entries = self._audit.list(newest_first=True)[offset : offset + limit]
        return {"entries": entries, "count": len(entries), "limit": limit, "offset": offset}

    def _log(self, action: str, resource: str, resource_id: str, metadata: Record, **ids: Any) -> None:
        record = {"timestamp": timestamp(), "user_id": None, "org_id": None, **ids, "action": action}
        self._audit.add({**record, "resource": resource, "resource_id": resource_id, "metadata": metadata})

    def _store_messages(self, session_id: str, fields: Mapping[str, Any], metadata: Record) -> Record:
        """Store the messages that are new, and return the session; raises a 500 like the real server."""
        ids = [session_id, metadata["user_id"], metadata.get("organization_id")]
        if not all(is_uuid(value) for value in ids if value):
            raise HTTPError(500)
        session_id, user_id, organization_id = (value and str(uuid.UUID(value)) for value in ids)
        messages = fields["messages"]
        session = self._sessions.find(session_id)
        if session is None:
            if any(isinstance(message["content"], list) for message in messages):
                raise HTTPError(500)  # the real server needs a string for the title
            texts = [message["content"] for message in messages if message["role"] == "user"]
            record: Record = {"id": session_id, "user_id": user_id, "organization_id": organization_id}
            record["title"] = "".join(texts[:1]).strip().partition("\n")[0][:80] or None
            variables = metadata.get("variables") or {}
            record["metadata"] = {"workflow": metadata.get("workflow"), "variables": variables}
            record.update(model=fields["model"], agent_type=metadata.get("agent_type"), archived=False)
            record.update(created_at=timestamp(), last_message_at=None)
            record.update(tokens_in=0, tokens_out=0, tokens_total=0)
            session = self._sessions.add(record)
            self._messages[session_id] = []
        stored = len(self._messages[session_id])
        # The real server numbers the answer by the messages sent, and refuses a number used before.
        if session["user_id"] != user_id or len(messages) < stored:
            raise HTTPError(500)
        for message in messages[stored:]:
            self._store(session, message["role"], content_text(message["content"]), None)
        return session

    def _store_answer(self, session: Record, text: str, usage: Mapping[str, Any]) -> None:
        self._store(session, "assistant", text, usage["total_tokens"])
        session["last_message_at"] = session["updated_at"]
        session["tokens_in"] += usage["prompt_tokens"]
        session["tokens_out"] += usage["completion_tokens"]
        session["tokens_total"] += usage["total_tokens"]

    def _store(self, session: Record, role: str, content: str, tokens: Optional[int]) -> None:
        messages, now = self._messages[session["id"]], timestamp()
        record = {"message_index": len(messages), "role": role, "content": content, "tokens": tokens}
        record.update(id=str(uuid.uuid4()), metadata={}, created_at=now, updated_at=now)
        messages.append(record)
        session.update(message_count=len(messages), updated_at=now)


def _events(completion: Completion, usage: Mapping[str, Any]) -> Iterator[str]:
    for chunk in completion.chunks():
        (choice,) = chunk["choices"]
        if choice["finish_reason"]:
            chunk["usage"] = usage
        # Like the real server, skip empty texts and escape non-ASCII characters.
        if choice["finish_reason"] or choice["delta"]["content"]:
            yield event(json.dumps(chunk))
    yield event("[DONE]")
