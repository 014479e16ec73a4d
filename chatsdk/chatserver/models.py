"""The requests and responses of ChatServer; keys without a field are in ``extra``."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Any, Dict, List, Optional, Union

from .._core.answer import ChatAnswer, first_choice_part
from .._core.chat import Messages
from .._core.model import Model, is_filled_list_of_objects, required_field
from .._core.result_list import ListResponse


class MessageRole(str, Enum):
    """The author of a message."""

    SYSTEM = "system"
    USER = "user"
    ASSISTANT = "assistant"
    TOOL = "tool"

    def __str__(self) -> str:
        return self.value


@dataclass
class Message(Model):
    """A message of a conversation; ``content`` is a string, or a list of strings and text parts."""

    role: Union[MessageRole, str] = MessageRole.USER
    content: Union[str, List[Any]] = ""
    name: Optional[str] = None


@dataclass
class ChatCompletionRequest(Model):
    """The body that ``create_completion`` sends."""

    model: str
    messages: Messages
    temperature: Optional[float] = 0.7
    max_tokens: Optional[int] = 4000
    top_p: Optional[float] = 1.0
    stream: bool = False
    user: Optional[str] = None
    system_prompt: Optional[str] = None
    metadata: Optional[Dict[str, Any]] = None


@dataclass
class UsageInfo(Model):
    """Tokens used; all 0 if the server's model process does not report them."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    total_tokens: int = 0


@dataclass
class ChatCompletionChoice(Model):
    """One answer; ChatServer always returns one choice."""

    index: int = 0
    message: Optional[Message] = None
    finish_reason: Optional[str] = None


@dataclass
class ChatCompletionResponse(ChatAnswer):
    """A completion; ``system_fingerprint`` is the id of its session, ``usage`` is None if none was sent."""

    id: str = ""
    object: str = "chat.completion"
    created: Optional[int] = None
    model: str = ""
    choices: List[ChatCompletionChoice] = required_field(is_filled_list_of_objects, default_factory=list)
    usage: Union[UsageInfo, Any] = None  # not Optional: scripts that read it unchecked pass type checkers
    system_fingerprint: Optional[str] = None

    @property
    def message(self) -> Message:
        """The message of the first choice, to append to ``messages``; an empty one if there is none."""
        found = first_choice_part(self, "message")
        return found if isinstance(found, Message) else Message(MessageRole.ASSISTANT)


@dataclass
class ModelInfo(Model):
    """A model of the server."""

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
    """The models of the server."""

    data: List[ModelInfo] = required_field(default_factory=list)
    object: str = "list"


@dataclass
class ChatSessionSummary(Model):
    """A stored conversation; date-times are timezone-aware."""

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
    """A page of a user's sessions; ``total`` is their number over all pages."""

    sessions: List[ChatSessionSummary] = required_field(default_factory=list)
    total: int = 0
    page: int = 1
    page_size: int = 20
    has_more: bool = False


@dataclass
class ChatMessageRecord(Model):
    """A stored message; ``get_session`` sets ``session_id``, which the server does not send."""

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
    """A session and its messages, in order."""

    session: ChatSessionSummary = required_field(default_factory=ChatSessionSummary)
    messages: List[ChatMessageRecord] = required_field(default_factory=list)


@dataclass
class SystemHealth(Model):
    """The health of the server."""

    status: Optional[str] = None
    circuit_breaker_status: Optional[str] = None
    active_agents: List[str] = field(default_factory=list)


@dataclass
class PlatformStats(Model):
    """Counts of the platform; today's server always sends 0 for requests and tokens."""

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
    """An administrator; ``created_at`` is a string in the format of the database."""

    id: str = ""
    email: str = ""
    name: Optional[str] = None
    created_at: Optional[str] = None
    created_by: Optional[str] = None


@dataclass
class AdminList(ListResponse[AdminInfo]):
    """The administrators, and their number in ``count``."""

    admins: List[AdminInfo] = required_field(default_factory=list)
    count: int = 0


@dataclass
class AdminRequest(Model):
    """The body that ``add_admin`` sends."""

    workos_id: str
    email: str
    name: Optional[str] = None


@dataclass
class AdminResponse(Model):
    """The status of adding or removing an administrator."""

    status: str = required_field(default="")
    email: str = ""


@dataclass
class AuditEntry(Model):
    """An entry of the audit log; ``timestamp`` is a string in the format of the database."""

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
    """A page of the audit log; ``count`` is the number of entries on this page."""

    entries: List[AuditEntry] = required_field(default_factory=list)
    count: int = 0
    limit: int = 50
    offset: int = 0
