"""The requests and responses of monGARS; keys without a field are in ``extra``."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Dict, List, Optional, Union

from .._core.answer import Answer
from .._core.auth import is_key
from .._core.model import Model, required_field
from .._core.result_list import ListResponse


@dataclass
class TokenResponse(Model):
    """The response of a login: a token, by default valid for one hour."""

    access_token: str = required_field(is_key, default="", repr=False)
    token_type: str = "bearer"


@dataclass
class UserRegistration(Model):
    """A new account.

    Args:
        username: 1 to 150 letters, digits, ``-`` and ``_``; the server strips it.
        password: at least 8 characters.
    """

    username: str
    password: str = field(repr=False)


@dataclass
class StatusResponse(Model):
    """The status of a request, such as ``ok``, ``ready``, ``changed``, ``accepted``."""

    status: str = required_field(default="")


@dataclass
class UserRegistrationResponse(Model):
    """The response to a registration; it has no token."""

    status: str = required_field(default="")
    is_admin: bool = False


@dataclass
class ChatRequest(Model):
    """A message to the assistant.

    Args:
        message: 1 to 1000 characters.
        session_id: up to 100 characters.
        allowed_actions: None, or at least one; the server refuses an empty list.
        approval_token: up to 128 characters.
        token_ref: up to 64 characters.

    The server validates the last three, but they have no effect on ``chat``.
    """

    message: str
    session_id: Optional[str] = None
    allowed_actions: Optional[List[str]] = None
    approval_token: Optional[str] = field(default=None, repr=False)
    token_ref: Optional[str] = None


@dataclass
class SpeechSegment(Model):
    """A part of a spoken answer; ``estimated_duration`` and ``pause_after`` are in seconds."""

    text: str = ""
    estimated_duration: float = 0.0
    pause_after: float = 0.0


@dataclass
class SpeechTurn(Model):
    """An answer as it would be spoken."""

    turn_id: str = ""
    text: str = ""
    created_at: Optional[datetime] = None
    segments: List[SpeechSegment] = field(default_factory=list)
    average_words_per_second: float = 0.0
    tempo: float = 0.0


@dataclass
class ChatResponse(Answer):
    """An answer of the assistant; ``processing_time`` is in seconds."""

    response: str = required_field(default="")
    confidence: float = 0.0
    processing_time: float = 0.0
    speech_turn: SpeechTurn = field(default_factory=SpeechTurn)

    @property
    def text(self) -> str:
        """The same as ``response``."""
        return self.response if isinstance(self.response, str) else ""


@dataclass
class MemoryItem(Model):
    """A message and its answer, from the history; date-times are timezone-aware."""

    user_id: str = ""
    query: str = ""
    response: str = ""
    timestamp: Optional[datetime] = None
    expires_at: Optional[datetime] = None


@dataclass
class RagContextRequest(Model):
    """A question about code.

    Args:
        query: 1 to 4000 characters.
        repositories: the names of the repositories to search; None, ``[]`` or ``["all"]`` for all.
        max_results: 1 to 50; the server has a maximum too, 8 by default.
    """

    query: str
    repositories: Optional[List[str]] = None
    max_results: Optional[int] = None


@dataclass
class RagReference(Model):
    """A file that is relevant to a question; ``repository`` may be ``unknown``."""

    repository: str = ""
    file_path: str = ""
    summary: str = ""
    score: Optional[float] = None
    url: Optional[str] = None


@dataclass
class RagContextResponse(ListResponse[RagReference]):
    """The files that are relevant to a question; iterating yields the references."""

    enabled: bool = False
    focus_areas: List[str] = field(default_factory=list)
    references: List[RagReference] = required_field(default_factory=list)


@dataclass
class SuggestRequest(Model):
    """A request for suggestions.

    Args:
        prompt: 1 to 8000 characters.
        actions: the actions to rank, at least one; None for the server's (code, summarize, explain).
    """

    prompt: str
    actions: Optional[List[str]] = None


@dataclass
class SuggestResponse(Model):
    """Suggested actions, best first, and the score of each."""

    actions: List[str] = required_field(default_factory=list)
    scores: Dict[str, float] = field(default_factory=dict)
    model: str = ""


@dataclass
class PeerRegistration(Model):
    """The URL of a peer, http or https; the server stores it normalized, as in ``list_peers``."""

    url: str


@dataclass
class PeerRegistrationResponse(Model):
    """The status (``registered``, ``already registered``, ``unregistered``, ``not registered``) and count."""

    status: str = required_field(default="")
    count: int = 0


@dataclass
class PeerMessageResponse(Model):
    """The response to a peer message; ``data`` is the decrypted message, any JSON value."""

    status: str = required_field(default="")
    data: Optional[Any] = None


@dataclass
class PeerLoadSnapshot(Model):
    """The load of a node; ``load_factor`` may exceed 1."""

    scheduler_id: Optional[str] = None
    queue_depth: int = 0
    active_workers: int = 0
    concurrency: int = 0
    load_factor: float = 0.0


@dataclass
class PeerTelemetryPayload(Model):
    """The load report of a node, in requests and responses. No number may be negative.

    Args:
        scheduler_id, queue_depth, active_workers, concurrency, load_factor: as in PeerLoadSnapshot.
        worker_uptime_seconds, tasks_processed, tasks_failed: totals of the node.
        task_failure_rate: a fraction.
        observed_at: a datetime (a naive one is UTC) or ISO 8601 text; None for the time of receipt.
        source: the node's URL, up to 2048 characters; the server's own report has ``local``.
    """

    scheduler_id: Optional[str] = None
    queue_depth: int = 0
    active_workers: int = 0
    concurrency: int = 0
    load_factor: float = 0.0
    worker_uptime_seconds: float = 0.0
    tasks_processed: int = 0
    tasks_failed: int = 0
    task_failure_rate: float = 0.0
    observed_at: Union[datetime, str, None] = None
    source: Optional[str] = None


@dataclass
class PeerTelemetryEnvelope(ListResponse[PeerTelemetryPayload]):
    """The latest reports of all nodes, newest first."""

    telemetry: List[PeerTelemetryPayload] = required_field(default_factory=list)


@dataclass
class ModelDefinition(Model):
    """The model that the server uses for a role; ``parameters`` may hold any keys."""

    role: str = ""
    name: str = ""
    provider: str = ""
    parameters: Dict[str, Any] = field(default_factory=dict)
    auto_download: bool = False
    description: Optional[str] = None


@dataclass
class ModelProfile(Model):
    """A set of models, by role."""

    name: str = ""
    models: Dict[str, ModelDefinition] = field(default_factory=dict)


@dataclass
class ModelConfiguration(Model):
    """The active profile, and the names of all profiles."""

    active_profile: str = ""
    available_profiles: List[str] = field(default_factory=list)
    profile: ModelProfile = required_field(default_factory=ModelProfile)


@dataclass
class ProvisionRequest(Model):
    """A request to download models.

    Args:
        roles: the roles whose models to download; None or ``[]`` for all.
        force: download installed models again.
    """

    roles: Optional[List[str]] = None
    force: bool = False


@dataclass
class ProvisionStatus(Model):
    """The result for one model.

    ``action`` is ``installed``, ``updated``, ``exists``, ``skipped``, ``missing``, ``unavailable``,
    ``unreadable`` or ``error``; ``detail`` is a word or a file path on the server.
    """

    role: str = ""
    name: str = ""
    provider: str = ""
    action: str = ""
    detail: Optional[str] = None


@dataclass
class ProvisionReport(ListResponse[ProvisionStatus]):
    """The result for each model; a failed one has the action ``error``."""

    statuses: List[ProvisionStatus] = required_field(default_factory=list)
