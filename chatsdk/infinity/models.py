"""What goes to Infinity Assistant and what comes back; what it sends beyond these fields is in ``extra``."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Dict, List, Mapping, Optional, Union

from .._core.answer import Answer
from .._core.model import Model, json_field, required_field
from .._core.result_list import ListResponse


@dataclass
class ChatRequest(Model):
    """A message to the assistant. What is None is not sent.

    Args:
        message: not blank, at most 5000 characters (UTF-16 code units).
        conversation_id: the conversation to go on with; the server makes a new one where none is given.
        user_id: whose quota and history it is; the server takes it as it is.
        user_tier: ``free``, ``pro``, ``business``, ``enterprise``, ...; an unknown one counts as ``free``.
        mode: ``search``, ``assist`` (the default) or ``build``.
        user_context: added to the prompt.
        preferences: ``assistantMode``, ``role``, ``interests``, ``preferredLanguage``, ...
        essence: ``voiceTone``, ``familyMode``, ``childSafetyLevel``, ...
        session_id: by which the server knows a speaker again.
        driving_mode: ``{"enabled": True, "isEV": ..., "batteryPercent": ...}``; a mere True has no effect.
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
    """The daily quota: -1 is unlimited; ``reset_at`` and ``reason`` are there only when it is used up."""

    allowed: bool = True
    limit: Optional[int] = None
    remaining: Optional[int] = None
    reset_at: Optional[datetime] = None
    reason: Optional[str] = None


@dataclass
class ChatResponse(Answer):
    """An answer of the assistant; ``text`` is the same as ``response``.

    ``metadata`` holds ``model``, ``tokensUsed``, ``processingTime`` in milliseconds and more. Where
    ``tokensUsed`` is 0 the server had no language model at hand, and ``response`` is its apology.
    """

    response: str = required_field(lambda value: isinstance(value, str), default="")
    conversation_id: str = json_field("conversationId", default="")
    rate_limit: Optional[RateLimit] = json_field("rateLimit", default=None)
    metadata: Dict[str, Any] = field(default_factory=dict)
    success: bool = True
    message_id: Optional[str] = json_field("messageId", default=None)
    error: Optional[str] = None

    @property
    def text(self) -> str:
        """The text of the answer."""
        return _text(self.response)


@dataclass
class StreamChunk(Model):
    """One piece of a streamed answer.

    ``type`` is ``text`` (``content`` is what it adds), ``metadata`` (``metadata`` is what it tells) or
    ``done``, the last one. Errors are raised, so that ``error`` stays None.
    """

    type: str = ""
    content: Optional[str] = None
    metadata: Optional[Dict[str, Any]] = None
    error: Optional[str] = None

    @property
    def text(self) -> str:
        """The text that this chunk adds; "" where it adds none."""
        return _text(self.content)


@dataclass
class KnowledgeFilters(Model):
    """What to search in: ``type`` is ``wisdom``, ``pattern``, ``gotcha`` or ``all``."""

    type: Optional[str] = None
    domain: Optional[str] = None
    tags: Optional[List[str]] = None


@dataclass
class KnowledgeSearchRequest(Model):
    """A search for knowledge. What is None is not sent.

    Args:
        query: not blank, at most 500 characters.
        limit: how many at most, 20 by default; the server looks for no more than 50.
        type: ``all`` (the default), ``wisdom``, ``patterns`` or ``gotchas``, also ``pattern`` or ``gotcha``.
        domain, tags: only what belongs to these.
        user_id, user_tier: who asks; the tier is ``free`` by default.
        filters: type, domain and tags in one object; a field beside it wins.
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
    """A piece of knowledge: ``type`` is ``wisdom``, ``pattern`` or ``gotcha``; a ``score`` may exceed 1."""

    id: str = ""
    type: str = ""
    title: str = ""
    content: str = ""
    score: Optional[float] = None
    domain: Optional[str] = None
    source: Optional[str] = None


@dataclass
class KnowledgeSearchResponse(ListResponse[KnowledgeItem]):
    """What a search found: wisdom, then patterns, then gotchas.

    ``total`` and ``counts`` (by group) are from before the limit, so that they may exceed the list. For a
    free user who finds nothing the server may write an answer of its own: ``generated_answer``.
    """

    _items_field = "results"

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
    """Something remembered: ``created_at`` of a fact, ``timestamp`` of a message."""

    id: str = ""
    type: str = ""
    content: str = ""
    importance: str = ""
    tags: List[str] = field(default_factory=list)
    created_at: Optional[datetime] = json_field("createdAt", default=None)
    timestamp: Optional[datetime] = None


@dataclass
class TimeRange(Model):
    """From when to when."""

    start: Optional[datetime] = None
    end: Optional[datetime] = None


@dataclass
class MemorySummary(Model):
    """Older messages in short."""

    id: str = ""
    summary: str = ""
    original_count: int = json_field("originalCount", default=0)
    time_range: Optional[TimeRange] = json_field("timeRange", default=None)
    key_insights: List[str] = json_field("keyInsights", default_factory=list)
    importance: Union[str, float, None] = None


@dataclass
class Memory(Model):
    """All that the server remembers of a conversation; messages are cut at 200 characters."""

    recent_messages: List[MemoryEntry] = json_field("recentMessages", default_factory=list)
    compressed_history: List[MemorySummary] = json_field("compressedHistory", default_factory=list)
    critical_facts: List[MemoryEntry] = json_field("criticalFacts", default_factory=list)


@dataclass
class MemoryStoreResponse(Model):
    """What was stored; ``entry.content`` is the value as JSON text."""

    entry: MemoryEntry = required_field(default_factory=MemoryEntry)
    success: bool = True
    stored: bool = True
    error: Optional[str] = None


@dataclass
class MemoryRetrieveResponse(Model):
    """What is stored under a key: ``value``, or None where nothing is ``found``.

    ``entry`` is where the value comes from, ``memory`` all that the server remembers under the key.
    """

    value: Optional[Any] = None
    found: bool = False
    entry: Optional[MemoryEntry] = None
    memory: Memory = required_field(default_factory=Memory)
    success: bool = True
    error: Optional[str] = None


@dataclass
class ResearchRequest(Model):
    """A topic to look into. What is None is not sent.

    Args:
        topic: not blank.
        query: another name for the topic; ``topic`` wins.
        mode: ``quick``, ``standard`` (the default), ``deep`` or ``comprehensive``; for another word the
            server finds nothing.
        depth: another name for the mode, which wins; also ``shallow`` (quick) and ``medium`` (standard).
        context: what it is for.
        domains: where to look.
        max_sources: how many sources at most; this server only repeats it.
        include_external: whether to look beyond its own knowledge; this server only repeats it.
        sources: another name for ``max_sources``, which wins.
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
    """What was looked into."""

    topic: str = ""
    mode: str = ""
    context: Optional[str] = None
    domains: Optional[List[str]] = None
    max_sources: Optional[int] = json_field("maxSources", default=None)
    include_external: Optional[bool] = json_field("includeExternal", default=None)


@dataclass
class Finding(Model):
    """Something that research found; ``relevance`` and ``confidence`` are 0 to 1."""

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
    """What the findings say together; ``confidence`` is 0 to 1."""

    summary: str = ""
    key_insights: List[str] = json_field("keyInsights", default_factory=list)
    recommendations: List[str] = field(default_factory=list)
    gaps: List[str] = field(default_factory=list)
    confidence: Optional[float] = None


@dataclass
class ResearchSources(Model):
    """How many sources there were."""

    internal: int = 0
    external: int = 0
    total: int = 0


@dataclass
class ResearchTiming(Model):
    """When it was done: milliseconds of Unix time, and how many it took."""

    start_time: Optional[int] = json_field("startTime", default=None)
    end_time: Optional[int] = json_field("endTime", default=None)
    duration_ms: Optional[int] = json_field("durationMs", default=None)


@dataclass
class ResearchResult(Model):
    """What research brought."""

    query: Optional[ResearchQuery] = None
    findings: List[Finding] = field(default_factory=list)
    synthesis: Synthesis = field(default_factory=Synthesis)
    sources: Optional[ResearchSources] = None
    timing: Optional[ResearchTiming] = None
    mode: str = ""


@dataclass
class ResearchResponse(Model):
    """The answer to a research; ``findings`` (or ``results``) and ``summary`` are those of its ``result``."""

    result: ResearchResult = required_field(default_factory=ResearchResult)
    success: bool = True
    error: Optional[str] = None

    @property
    def findings(self) -> List[Finding]:
        """What was found."""
        return self.result.findings if isinstance(self.result, ResearchResult) else []

    @property
    def results(self) -> List[Finding]:
        """The same as ``findings``."""
        return self.findings

    @property
    def summary(self) -> str:
        """What the findings say together."""
        synthesis = self.result.synthesis if isinstance(self.result, ResearchResult) else None
        return _text(synthesis.summary) if isinstance(synthesis, Synthesis) else ""

    def __getitem__(self, key: str) -> Any:
        return getattr(self, key) if key in ("findings", "results", "summary") else super().__getitem__(key)


@dataclass
class ApiKey(Model):
    """An API key; ``key`` itself is there only when it is created, ``last_used`` only once it was used."""

    id: str = required_field(default="")
    name: str = ""
    key: Optional[str] = field(default=None, repr=False)
    prefix: str = ""
    created_at: Optional[datetime] = json_field("createdAt", default=None)
    last_used: Optional[datetime] = json_field("lastUsed", default=None)
    is_active: bool = json_field("isActive", default=True)


@dataclass
class Webhook(Model):
    """A webhook; ``secret`` is there only when it is created, ``last_triggered`` only once it was used."""

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
    """What the server says to a deletion."""

    success: bool = True
    message: str = ""


@dataclass
class HealthCheck(Model):
    """One thing that the server depends on; ``latency`` in milliseconds."""

    status: str = ""
    latency: Optional[float] = None
    details: Optional[Dict[str, Any]] = None


@dataclass
class Health(Model):
    """How the server is: ``status`` is ``healthy``, ``degraded`` or ``critical``."""

    status: str = required_field(default="")
    timestamp: Optional[datetime] = None
    version: str = ""
    service: str = ""
    checks: Dict[str, HealthCheck] = field(default_factory=dict)


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
