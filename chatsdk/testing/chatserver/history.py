"""ChatServer's sessions: what is stored of a conversation, and how it is listed."""

import functools
import threading
import uuid
from dataclasses import asdict, dataclass, field
from datetime import datetime, timezone
from typing import Any, Callable, Dict, List, Mapping, Optional, Sequence

from ..chat import content_text
from ..exchange import Reply, Request
from ..uuids import is_uuid, uuid_rule
from ..validation import Field, integer, parameters
from .errors import crash, refusal

_TITLE_LENGTH = 80
_USER = {"user_id": Field(uuid_rule)}
_PAGING = {"page": Field(integer(ge=1), 1), "page_size": Field(integer(ge=1, le=100), 20)}


def _now() -> str:
    return datetime.now(timezone.utc).replace(tzinfo=None).isoformat() + "Z"


@dataclass
class StoredMessage:
    """One message of a session."""

    message_index: int
    role: str
    content: str
    tokens: Optional[int]
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    metadata: Dict[str, Any] = field(default_factory=dict)
    created_at: str = field(default_factory=_now)
    updated_at: str = field(default_factory=_now)


@dataclass
class Session:
    """One session; its fields are those of the summary."""

    id: str
    user_id: str
    organization_id: Optional[str]
    title: Optional[str]
    model: str
    agent_type: Optional[str]
    metadata: Dict[str, Any]
    created_at: str = field(default_factory=_now)
    updated_at: str = field(default_factory=_now)
    last_message_at: Optional[str] = None
    message_count: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    tokens_total: int = 0
    archived: bool = False


class History:
    """All sessions of all users. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sessions: Dict[str, Session] = {}
        self._messages: Dict[str, List[StoredMessage]] = {}

    def begin(
        self,
        session_id: str,
        model: str,
        messages: Sequence[Mapping[str, Any]],
        metadata: Mapping[str, Any],
    ) -> Callable[[str, Mapping[str, int]], None]:
        """Store the messages that are new, by position: those after the ones already counted.

        Returns what stores the answer, given its text and its usage.

        Raises:
            Refusal: 500, for an id that is no UUID and for the session of another user.
        """
        if not is_uuid(session_id):
            raise crash()
        session_id, user_id = str(uuid.UUID(session_id)), str(uuid.UUID(metadata["user_id"]))
        with self._lock:
            session = self._sessions.get(session_id)
            if session is None:
                session = _new_session(session_id, user_id, model, messages, metadata)
                self._sessions[session_id] = session
                self._messages[session_id] = []
            elif session.user_id != user_id:
                raise crash()
            stored = self._messages[session_id]
            for position in range(session.message_count, len(messages)):
                message = messages[position]
                text = content_text(message["content"])
                stored.append(StoredMessage(position, message["role"], text, None))
            session.message_count = max(session.message_count, len(messages))
        return functools.partial(self._finish, session, len(messages))

    def _finish(self, session: Session, position: int, text: str, usage: Mapping[str, int]) -> None:
        # The counter follows the request, also where it falls back.
        total = usage["total_tokens"]
        with self._lock:
            answer = StoredMessage(position, "assistant", text, total)
            self._messages[session.id].append(answer)
            session.message_count = position + 1
            session.tokens_in += usage["prompt_tokens"]
            session.tokens_out += usage["completion_tokens"]
            session.tokens_total += total
            session.last_message_at = session.updated_at = _now()

    def list_sessions(self, request: Request) -> Reply:
        """GET /atoms/chat/sessions."""
        asked = parameters(request, {}, {**_USER, **_PAGING})
        page, size = asked["page"], asked["page_size"]
        start = (page - 1) * size
        with self._lock:
            sessions = [
                asdict(session)
                for session in self._sessions.values()
                if session.user_id == asked["user_id"] and not session.archived
            ]
        if start > len(sessions):
            raise crash()
        # Descending, and sessions without a last message at the end.
        sessions.sort(key=lambda row: (row["last_message_at"] or "", row["created_at"]))
        sessions.reverse()
        shown = sessions[start : start + size]
        return Reply.json(
            {
                "sessions": shown,
                "total": len(sessions),
                "page": page,
                "page_size": size,
                "has_more": start + len(shown) < len(sessions),
            }
        )

    def show_session(self, request: Request) -> Reply:
        """GET /atoms/chat/sessions/{session_id}."""
        asked = parameters(request, {"session_id": Field(uuid_rule)}, _USER)
        with self._lock:
            session = self._sessions.get(asked["session_id"])
            if session is None or session.user_id != asked["user_id"]:
                raise refusal(404, "chat session not found")
            summary = asdict(session)
            messages = [asdict(message) for message in self._messages[session.id]]
        messages.sort(key=lambda row: int(row["message_index"]))
        return Reply.json({"session": summary, "messages": messages})

    def counts(self) -> Dict[str, int]:
        """How many users and organizations there are."""
        with self._lock:
            sessions = list(self._sessions.values())
        users = {session.user_id for session in sessions}
        organizations = {session.organization_id for session in sessions} - {None}
        return {
            "total_users": len(users),
            "active_users": len(users),
            "total_organizations": len(organizations),
        }


def _new_session(
    session_id: str,
    user_id: str,
    model: str,
    messages: Sequence[Mapping[str, Any]],
    metadata: Mapping[str, Any],
) -> Session:
    questions = [message["content"] for message in messages if message["role"] == "user"]
    if any(not isinstance(message["content"], str) for message in messages):
        raise crash()  # the service cannot make a title of content in parts
    organization_id = metadata.get("organization_id")
    first_line = questions[0].strip().partition("\n")[0] if questions else ""
    return Session(
        id=session_id,
        user_id=user_id,
        organization_id=str(uuid.UUID(organization_id)) if organization_id else None,
        title=first_line[:_TITLE_LENGTH] or None,
        model=model,
        agent_type=metadata.get("agent_type"),
        metadata={
            "workflow": metadata.get("workflow"),
            "variables": metadata.get("variables") or {},
        },
    )
