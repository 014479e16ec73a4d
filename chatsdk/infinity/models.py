"""Infinity Assistant: requests and responses; ``extra`` holds the fields that are not listed here."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Dict, List, Mapping, Optional, Union

from .._core.answer import Answer
from .._core.model import Model, json_field, required_field
from .._core.result_list import ListResponse


@dataclass
class ChatRequest(Model):
    """A message to the assistant.

    Args:
        message: not blank, at most 5000 characters (UTF-16 code units).
        conversation_id: the conversation to continue; by default a new one.
        user_id: the user whose quota and history are used; the server does not check it.
        user_tier: ``free``, ``pro``, ``business``, ``enterprise``, ...; an unknown one counts as ``free``.
        mode: ``search``, ``assist`` (the default) or ``build``.
        user_context: added to the prompt.
        preferences: ``assistantMode``, ``role``, ``interests``, ``preferredLanguage``, ...
        essence: ``voiceTone``, ``familyMode``, ``childSafetyLevel``, ...
        session_id: identifies the speaker.
        driving_mode: ``{"enabled": True, "isEV": ..., "batteryPercent": ...}``; True alone has no effect.
    """

    message: str
    conversation_id: Optional[str] = json_field("conversationId", default=None)
    user_id: Optional[str] = json_field("userId", default=None)
    user_tier: Optional[str] = json_field("userTier", default=None)
    mode: Optional[str] = None
    user_context: Optional[str] = json_field("userContext", default=None)
    preferences: Optional[Dict[str, Any]] = None
    essence: Optional[Dict[str, Any]] = None
    session_id: Optional[str] = json_field("sessionId", default=None)
    driving_mode: Union[bool, Dict[str, Any], None] = json_field("drivingMode", default=None)


@dataclass
class RateLimit(Model):
    """The daily quota, -1 for unlimited; ``reset_at`` and ``reason`` are only set if it is used up."""

    allowed: bool = True
    limit: Optional[int] = None
    remaining: Optional[int] = None
    reset_at: Optional[datetime] = None
    reason: Optional[str] = None


@dataclass
class ChatResponse(Answer):
    """An answer of the assistant; ``metadata`` has ``tokensUsed``, ``processingTime`` in ms and more."""

    response: str = required_field(lambda value: isinstance(value, str), default="")
    conversation_id: str = json_field("conversationId", default="")
    rate_limit: Optional[RateLimit] = json_field("rateLimit", default=None)
    metadata: Dict[str, Any] = field(default_factory=dict)
    success: bool = True
    message_id: Optional[str] = json_field("messageId", default=None)
    error: Optional[str] = None

    @property
    def text(self) -> str:
        """The same as ``response``."""
        return _text(self.response)


@dataclass
class StreamChunk(Model):
    """A chunk of a streamed answer.

    ``type`` is ``text`` (with ``content``), ``metadata`` (with ``metadata``), or ``done`` for the last chunk.
    Errors are raised; ``error`` is always None.
    """

    type: str = ""
    content: Optional[str] = None
    metadata: Optional[Dict[str, Any]] = None
    error: Optional[str] = None

    @property
    def text(self) -> str:
        """The text that this chunk adds, "" if none."""
        return _text(self.content)


@dataclass
class KnowledgeFilters(Model):
    """Filters of a search; ``type`` is ``wisdom``, ``pattern``, ``gotcha`` or ``all``."""

    type: Optional[str] = None
    domain: Optional[str] = None
    tags: Optional[List[str]] = None


@dataclass
class KnowledgeSearchRequest(Model):
    """A search in the knowledge base.

    Args:
        query: not blank, at most 500 characters.
        limit: the maximum number of items, by default 20; the server searches for 50 at most.
        type: ``all`` (the default), ``wisdom``, ``patterns`` or ``gotchas``, also ``pattern`` or ``gotcha``.
        domain, tags: only items of this domain, with these tags.
        user_id, user_tier: the user and their tier, by default ``free``.
        filters: type, domain and tags in one object; the fields above take precedence.
    """

    query: str
    limit: Optional[int] = None
    type: Optional[str] = None
    domain: Optional[str] = None
    tags: Optional[List[str]] = None
    user_id: Optional[str] = json_field("userId", default=None)
    user_tier: Optional[str] = json_field("userTier", default=None)
    filters: Union[KnowledgeFilters, Mapping[str, Any], None] = None


@dataclass
class KnowledgeItem(Model):
    """An item of a search; ``type`` is ``wisdom``, ``pattern`` or ``gotcha``, and ``score`` may exceed 1."""

    id: str = ""
    type: str = ""
    title: str = ""
    content: str = ""
    score: Optional[float] = None
    domain: Optional[str] = None
    source: Optional[str] = None


@dataclass
class KnowledgeSearchResponse(ListResponse[KnowledgeItem]):
    """The results of a search: wisdom, then patterns, then gotchas.

    ``total`` and ``counts`` (by group) ignore the limit. For a free user without results the server may write
    an answer: ``generated_answer``.
    """

    results: List[KnowledgeItem] = required_field(default_factory=list)
    total: int = 0
    counts: Dict[str, int] = field(default_factory=dict)
    query: str = ""
    success: bool = True
    metadata: Dict[str, Any] = field(default_factory=dict)
    gap_captured: Optional[bool] = json_field("gapCaptured", default=None)
    generated_answer: Optional[str] = json_field("generatedAnswer", default=None)
    knowledge_created: Optional[int] = json_field("knowledgeCreated", default=None)
    error: Optional[str] = None


@dataclass
class MemoryEntry(Model):
    """A fact, which has ``created_at``, or a message, which has ``timestamp``."""

    id: str = ""
    type: str = ""
    content: str = ""
    importance: str = ""
    tags: List[str] = field(default_factory=list)
    created_at: Optional[datetime] = json_field("createdAt", default=None)
    timestamp: Optional[datetime] = None


@dataclass
class TimeRange(Model):
    """The time of the first and of the last message."""

    start: Optional[datetime] = None
    end: Optional[datetime] = None


@dataclass
class MemorySummary(Model):
    """A summary of older messages."""

    id: str = ""
    summary: str = ""
    original_count: int = json_field("originalCount", default=0)
    time_range: Optional[TimeRange] = json_field("timeRange", default=None)
    key_insights: List[str] = json_field("keyInsights", default_factory=list)
    importance: Union[str, float, None] = None


@dataclass
class Memory(Model):
    """The memory of a conversation; messages are cut at 200 characters."""

    recent_messages: List[MemoryEntry] = json_field("recentMessages", default_factory=list)
    compressed_history: List[MemorySummary] = json_field("compressedHistory", default_factory=list)
    critical_facts: List[MemoryEntry] = json_field("criticalFacts", default_factory=list)


@dataclass
class MemoryStoreResponse(Model):
    """A stored entry; ``entry.content`` is the value as JSON text."""

    entry: MemoryEntry = required_field(default_factory=MemoryEntry)
    success: bool = True
    stored: bool = True
    error: Optional[str] = None


@dataclass
class MemoryRetrieveResponse(Model):
    """The ``value`` under a key, None if none was ``found``.

    ``entry`` holds the value as it is stored, ``memory`` everything that is stored under the key.
    """

    value: Optional[Any] = None
    found: bool = False
    entry: Optional[MemoryEntry] = None
    memory: Memory = required_field(default_factory=Memory)
    success: bool = True
    error: Optional[str] = None


@dataclass
class ResearchRequest(Model):
    """A topic to research.

    Args:
        topic: not blank.
        query: the same as *topic*, which takes precedence.
        mode: ``quick``, ``standard`` (the default), ``deep`` or ``comprehensive``; others find nothing.
        depth: the same as *mode*, which takes precedence; also ``shallow`` (quick), ``medium`` (standard).
        context: the purpose.
        domains: the domains to search.
        max_sources, include_external: the maximum number of sources, and whether to use external ones;
            ignored by the published server.
        sources: the same as *max_sources*, which takes precedence.
    """

    topic: Optional[str] = None
    query: Optional[str] = None
    mode: Optional[str] = None
    depth: Optional[str] = None
    context: Optional[str] = None
    domains: Optional[List[str]] = None
    max_sources: Optional[int] = json_field("maxSources", default=None)
    include_external: Optional[bool] = json_field("includeExternal", default=None)
    sources: Optional[int] = None


@dataclass
class ResearchQuery(Model):
    """The researched topic, and the options in use."""

    topic: str = ""
    mode: str = ""
    context: Optional[str] = None
    domains: Optional[List[str]] = None
    max_sources: Optional[int] = json_field("maxSources", default=None)
    include_external: Optional[bool] = json_field("includeExternal", default=None)


@dataclass
class Finding(Model):
    """A finding; ``relevance`` and ``confidence`` are 0 to 1."""

    id: str = ""
    content: str = ""
    source: str = ""
    source_type: Optional[str] = json_field("sourceType", default=None)
    relevance: Optional[float] = None
    confidence: Optional[float] = None
    domain: Optional[str] = None
    metadata: Dict[str, Any] = field(default_factory=dict)


@dataclass
class Synthesis(Model):
    """A synthesis of the findings; ``confidence`` is 0 to 1."""

    summary: str = ""
    key_insights: List[str] = json_field("keyInsights", default_factory=list)
    recommendations: List[str] = field(default_factory=list)
    gaps: List[str] = field(default_factory=list)
    confidence: Optional[float] = None


@dataclass
class ResearchSources(Model):
    """The numbers of sources used."""

    internal: int = 0
    external: int = 0
    total: int = 0


@dataclass
class ResearchTiming(Model):
    """Start and end as Unix times in milliseconds, and the duration in milliseconds."""

    start_time: Optional[int] = json_field("startTime", default=None)
    end_time: Optional[int] = json_field("endTime", default=None)
    duration_ms: Optional[int] = json_field("durationMs", default=None)


@dataclass
class ResearchResult(Model):
    """The result of a research."""

    query: Optional[ResearchQuery] = None
    findings: List[Finding] = field(default_factory=list)
    synthesis: Synthesis = field(default_factory=Synthesis)
    sources: Optional[ResearchSources] = None
    timing: Optional[ResearchTiming] = None
    mode: str = ""


@dataclass
class ResearchResponse(Model):
    """The answer to a research."""

    result: ResearchResult = required_field(default_factory=ResearchResult)
    success: bool = True
    error: Optional[str] = None

    @property
    def findings(self) -> List[Finding]:
        """The findings in ``result``."""
        return self.result.findings

    @property
    def results(self) -> List[Finding]:
        """The same as ``findings``."""
        return self.findings

    @property
    def summary(self) -> str:
        """The summary in the synthesis of ``result``."""
        return _text(getattr(self.result.synthesis, "summary", None))

    def __getitem__(self, key: str) -> Any:
        return getattr(self, key) if key in ("findings", "results", "summary") else super().__getitem__(key)


@dataclass
class ApiKey(Model):
    """An API key; only ``create_api_key`` returns ``key``, and ``last_used`` is None before the first use."""

    id: str = required_field(default="")
    name: str = ""
    key: Optional[str] = field(default=None, repr=False)
    prefix: str = ""
    created_at: Optional[datetime] = json_field("createdAt", default=None)
    last_used: Optional[datetime] = json_field("lastUsed", default=None)
    is_active: bool = json_field("isActive", default=True)


@dataclass
class Webhook(Model):
    """A webhook; only ``create_webhook`` returns ``secret``."""

    id: str = required_field(default="")
    url: str = ""
    events: List[str] = field(default_factory=list)
    secret: Optional[str] = field(default=None, repr=False)
    is_active: bool = json_field("isActive", default=True)
    created_at: Optional[datetime] = json_field("createdAt", default=None)
    last_triggered: Optional[datetime] = json_field("lastTriggered", default=None)
    failure_count: int = json_field("failureCount", default=0)


@dataclass
class DeleteResponse(Model):
    """The server's message after a deletion."""

    success: bool = True
    message: str = ""


@dataclass
class HealthCheck(Model):
    """The state of a dependency of the server; ``latency`` in milliseconds."""

    status: str = ""
    latency: Optional[float] = None
    details: Optional[Dict[str, Any]] = None


@dataclass
class Health(Model):
    """The health of the server; ``status`` is ``healthy``, ``degraded`` or ``critical``."""

    status: str = required_field(default="")
    timestamp: Optional[datetime] = None
    version: str = ""
    service: str = ""
    checks: Dict[str, HealthCheck] = field(default_factory=dict)


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
