"""What goes to ChatServer and what comes back; what it sends beyond these fields is in ``extra``."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import TYPE_CHECKING, Any, Dict, List, Optional, Union

from .._core.chat import ChatAnswer, Messages, first_choice_part
from .._core.model import Model, required_field
from .._core.result_list import ListResponse


class MessageRole(str, Enum):
    """Who speaks."""

    SYSTEM = "system"
    USER = "user"
    ASSISTANT = "assistant"
    TOOL = "tool"

    def __str__(self) -> str:
        return self.value


@dataclass
class Message(Model):
    """A message of a conversation; ``content`` is text, or a list of texts and text parts."""

    role: Union[MessageRole, str] = MessageRole.USER
    content: Union[str, List[Any]] = ""
    name: Optional[str] = None


@dataclass
class ChatCompletionRequest(Model):
    """The body of a completion request, as ``create_completion`` sends it."""

    model: str
    messages: Messages
    temperature: float = 0.7
    max_tokens: int = 4000
    top_p: float = 1.0
    stream: bool = False
    user: Optional[str] = None
    system_prompt: Optional[str] = None
    metadata: Optional[Dict[str, Any]] = None


@dataclass
class UsageInfo(Model):
    """Tokens used; all are 0 where the server's model process does not report them."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    total_tokens: int = 0


# It may be None, but scripts that read it unchecked pass type checkers, as with re.Match.group in typeshed.
if TYPE_CHECKING:
    _OptionalUsageInfo = Union[UsageInfo, Any]
else:
    _OptionalUsageInfo = Optional[UsageInfo]


@dataclass
class ChatCompletionChoice(Model):
    """One answer; ChatServer always gives one."""

    index: int = 0
    message: Optional[Message] = None
    finish_reason: Optional[str] = None


@dataclass
class ChatCompletionResponse(ChatAnswer):
    """A completion; ``text`` is its text, ``system_fingerprint`` the id of its session.

    ``usage`` is None if none came.
    """

    id: str = ""
    object: str = "chat.completion"
    created: Optional[int] = None
    model: str = ""
    choices: List[ChatCompletionChoice] = required_field(default_factory=list)
    usage: _OptionalUsageInfo = None
    system_fingerprint: Optional[str] = None

    @property
    def message(self) -> Message:
        """The message of the first choice, to send back in the next request; an empty one if none came."""
        found = first_choice_part(self.choices, "message")
        return found if isinstance(found, Message) else Message(MessageRole.ASSISTANT)


@dataclass
class ModelInfo(Model):
    """A model that the server offers."""

    id: str = ""
    object: str = "model"
    owned_by: Optional[str] = None
    created: Optional[int] = None
    description: Optional[str] = None
    context_length: Optional[int] = None
    provider: Optional[str] = None
    capabilities: List[str] = field(default_factory=list)


@dataclass
class ModelsResponse(ListResponse[ModelInfo]):
    """The models that the server offers."""

    _items_field = "data"

    data: List[ModelInfo] = required_field(default_factory=list)
    object: str = "list"


@dataclass
class ChatSessionSummary(Model):
    """A stored conversation; date-times are aware."""

    id: str = ""
    user_id: str = ""
    organization_id: Optional[str] = None
    title: Optional[str] = None
    model: Optional[str] = None
    agent_type: Optional[str] = None
    created_at: Optional[datetime] = None
    updated_at: Optional[datetime] = None
    last_message_at: Optional[datetime] = None
    message_count: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    tokens_total: int = 0
    metadata: Dict[str, Any] = field(default_factory=dict)
    archived: bool = False


@dataclass
class ChatSessionListResponse(ListResponse[ChatSessionSummary]):
    """A page of a user's sessions; ``total`` counts those of all pages."""

    _items_field = "sessions"

    sessions: List[ChatSessionSummary] = required_field(default_factory=list)
    total: int = 0
    page: int = 1
    page_size: int = 20
    has_more: bool = False


@dataclass
class ChatMessageRecord(Model):
    """A stored message; ``session_id`` is filled in by the client, the server does not send it."""

    id: str = ""
    session_id: Optional[str] = None
    message_index: int = 0
    role: str = ""
    content: str = ""
    metadata: Dict[str, Any] = field(default_factory=dict)
    tokens: Optional[int] = None
    created_at: Optional[datetime] = None
    updated_at: Optional[datetime] = None


@dataclass
class ChatSessionDetailResponse(Model):
    """A session and its messages, in their order."""

    session: ChatSessionSummary = required_field(default_factory=ChatSessionSummary)
    messages: List[ChatMessageRecord] = required_field(default_factory=list)


@dataclass
class SystemHealth(Model):
    """How the server sees itself."""

    status: Optional[str] = None
    circuit_breaker_status: Optional[str] = None
    active_agents: List[str] = field(default_factory=list)


@dataclass
class PlatformStats(Model):
    """Numbers of the whole platform; requests and tokens are always 0 on today's server."""

    total_users: int = 0
    active_users: int = 0
    total_requests: int = 0
    total_organizations: int = 0
    requests_today: int = 0
    total_tokens: int = 0
    tokens_today: int = 0
    total_mcp_servers: int = 0
    system_health: Optional[SystemHealth] = None


@dataclass
class AdminInfo(Model):
    """An administrator; ``created_at`` is the database's own text."""

    id: str = ""
    email: str = ""
    name: Optional[str] = None
    created_at: Optional[str] = None
    created_by: Optional[str] = None


@dataclass
class AdminList(ListResponse[AdminInfo]):
    """The administrators; reads like the dict ``{"admins": [...], "count": n}``."""

    _items_field = "admins"

    admins: List[AdminInfo] = required_field(default_factory=list)
    count: int = 0


@dataclass
class AdminRequest(Model):
    """The body that makes somebody an administrator."""

    workos_id: str
    email: str
    name: Optional[str] = None


@dataclass
class AdminResponse(Model):
    """What came of adding or removing an administrator."""

    status: str = required_field(default="")
    email: str = ""


@dataclass
class AuditEntry(Model):
    """A line of the audit log; ``timestamp`` is the database's own text."""

    id: str = ""
    timestamp: str = ""
    action: str = ""
    resource: Optional[str] = None
    resource_id: Optional[str] = None
    user_id: Optional[str] = None
    org_id: Optional[str] = None
    metadata: Dict[str, Any] = field(default_factory=dict)


@dataclass
class AuditLogResponse(ListResponse[AuditEntry]):
    """A page of the audit log; ``count`` is the number of entries on this page, not of all."""

    _items_field = "entries"

    entries: List[AuditEntry] = required_field(default_factory=list)
    count: int = 0
    limit: int = 50
    offset: int = 0
