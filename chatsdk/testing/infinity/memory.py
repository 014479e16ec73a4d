"""What is remembered of each conversation. Whoever knows its id may read it."""

import threading
import uuid
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any, Dict, List, Mapping, Optional

from ..exchange import Refusal, Reply, Request
from .errors import plain
from .ids import new_id, now
from .reading import optional_text, query_value, read_body

_TYPES = ("wisdom", "pattern", "gotcha", "fact")
_PARTS = ("critical", "compressed", "all")
_SHOWN = 200  # characters of a message that GET /memory shows
_MOST_MESSAGES = 30
_KEPT_MESSAGES = 20

_NO_ID = plain(400, "conversationId is required")
_NOT_STORED = plain(500, "Failed to store memory")
_NOT_DELETED = plain(500, "Failed to delete memory")


@dataclass(frozen=True)
class Entry:
    """A message, or something that was stored."""

    content: str
    type: str
    importance: str
    id: str = field(default_factory=lambda: new_id("mem", 7))
    created: str = field(default_factory=now)

    def row(self) -> Dict[str, Any]:
        """The entry, as POST /memory and the rows of conversations show it."""
        return {
            "id": self.id,
            "content": self.content,
            "type": self.type,
            "importance": self.importance,
            "createdAt": self.created,
        }

    def recent(self) -> Dict[str, Any]:
        """A message as GET /memory shows it."""
        cut = self.content[:_SHOWN] + "..." if len(self.content) > _SHOWN else self.content
        return {
            "id": self.id,
            "type": self.type,
            "content": cut,
            "importance": self.importance,
            "timestamp": self.created,
        }


@dataclass
class Conversation:
    """One conversation. It belongs to who has chatted in it first."""

    user_id: Optional[str] = None
    messages: List[Entry] = field(default_factory=list)
    summaries: List[Dict[str, Any]] = field(default_factory=list)
    facts: List[Dict[str, Any]] = field(default_factory=list)
    total: int = 0
    row_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    began: datetime = field(default_factory=lambda: datetime.now(timezone.utc))
    updated: str = field(default_factory=now)

    def add(self, entry: Entry) -> None:
        """Take a message; the oldest ones become a summary when they are too many."""
        self.messages.append(entry)
        self.total += 1
        self.updated = now()
        if len(self.messages) > _MOST_MESSAGES:
            self.summaries.append(_summary(self.messages[:-_KEPT_MESSAGES]))
            del self.messages[:-_KEPT_MESSAGES]

    def row(self, conversation_id: str) -> Dict[str, Any]:
        """The conversation as the database has it."""
        began = self.began.isoformat(timespec="microseconds")
        return {
            "created_at": began,
            "id": self.row_id,
            "conversation_id": conversation_id,
            "user_id": self.user_id,
            "active_memory": [entry.row() for entry in self.messages],
            "compressed_memory": list(self.summaries),
            "critical_facts": list(self.facts),
            "user_context": {},
            "phase_context": {
                "currentPhase": "intake",
                "phaseStartedAt": began,
                "phaseHistory": [],
                "cycleCount": 0,
            },
            "total_messages": self.total,
            "updated_at": self.updated,
        }


class Memory:
    """All conversations by their id. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._conversations: Dict[str, Conversation] = {}

    def add_message(self, conversation_id: str, user_id: str, kind: str, text: str) -> None:
        """Keep a message of a user or of the assistant."""
        with self._lock:
            conversation = self._conversations.setdefault(conversation_id, Conversation())
            conversation.user_id = conversation.user_id or user_id
            conversation.add(Entry(text, kind, "medium"))

    def remember(self, conversation_id: str, content: str, kind: str = "fact") -> Entry:
        """Store something for good. Its kind is found in its tags only."""
        entry = Entry(content, "insight", "critical")
        with self._lock:
            conversation = self._conversations.setdefault(conversation_id, Conversation())
            conversation.facts.append({**entry.row(), "tags": ["remembered", kind]})
        return entry

    def rows(self, conversation_id: str, user_id: str) -> List[Dict[str, Any]]:
        """The conversation, if it is the user's."""
        with self._lock:
            conversation = self._conversations.get(conversation_id)
            if conversation is None or conversation.user_id != user_id:
                return []
            return [conversation.row(conversation_id)]

    def show(self, request: Request) -> Reply:
        """GET /memory: an unknown conversation is an empty one."""
        conversation_id = query_value(request, "conversationId")
        if not conversation_id:
            raise Refusal(_NO_ID)
        with self._lock:
            conversation = self._conversations.get(conversation_id, Conversation())
            shown = {
                "recentMessages": [entry.recent() for entry in conversation.messages],
                "compressedHistory": list(conversation.summaries),
                "criticalFacts": list(conversation.facts),
            }
        return Reply.json({"memory": shown})

    def store(self, request: Request) -> Reply:
        """POST /memory."""
        asked = read_body(request, _NOT_STORED)
        conversation_id = _conversation_id(asked, _NOT_STORED)
        content, kind = asked.get("content"), asked.get("type", "fact")
        if not (isinstance(content, str) and content):
            raise Refusal(plain(400, "content is required and must be a string"))
        if kind not in _TYPES:
            raise Refusal(plain(400, f"type must be one of: {', '.join(_TYPES)}"))
        entry = self.remember(conversation_id, content, kind)
        return Reply.json({"success": True, "entry": entry.row()})

    def delete(self, request: Request) -> Reply:
        """DELETE /memory: all of a conversation, a fact by its id, or a summary by its position."""
        asked = read_body(request, _NOT_DELETED)
        conversation_id = _conversation_id(asked, _NOT_DELETED)
        part, entry_id = asked.get("type"), asked.get("entryId")
        if part not in _PARTS:
            raise Refusal(plain(400, f"type must be one of: {', '.join(_PARTS)}"))
        with self._lock:
            conversation = self._conversations.get(conversation_id)
            if conversation is None:
                raise Refusal(plain(404, "No memory found for this conversation"))
            if part == "all":
                del self._conversations[conversation_id]
                return _deleted("All memory cleared")
            if part == "critical" and entry_id:
                conversation.facts = [fact for fact in conversation.facts if fact["id"] != entry_id]
                return _deleted("Fact removed")
            positions = [str(position) for position in range(len(conversation.summaries))]
            if part == "compressed" and entry_id in positions:
                del conversation.summaries[positions.index(entry_id)]
                return _deleted("Segment removed")
        raise Refusal(plain(400, "Invalid delete request"))


def _conversation_id(asked: Mapping[str, Any], crash: Reply) -> str:
    conversation_id = optional_text(asked, "conversationId", crash)
    if conversation_id is None:
        raise Refusal(_NO_ID)
    return conversation_id


def _summary(messages: List[Entry]) -> Dict[str, Any]:
    return {
        "id": new_id("mem", 7),
        "summary": f"[{len(messages)} messages summarized]",
        "originalCount": len(messages),
        "timeRange": {"start": messages[0].created, "end": messages[-1].created},
        "keyInsights": [],
        "importance": "medium",
    }


def _deleted(message: str) -> Reply:
    return Reply.json({"success": True, "message": message})
