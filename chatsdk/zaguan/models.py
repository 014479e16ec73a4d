"""The responses of Zaguan CoreX; keys without a field are in ``extra``."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Dict, List, Optional

from .._core.model import Model, required_field
from .._core.result_list import ListResponse


@dataclass
class ModelCapabilities(Model):
    """The capabilities of a model; costs are in USD per million tokens."""

    model_id: str = ""
    supports_vision: bool = False
    supports_tools: bool = False
    supports_reasoning: bool = False
    max_context_tokens: Optional[int] = None
    provider_specific: Optional[Dict[str, Any]] = None
    provider: Optional[str] = None
    features: Optional[List[str]] = None
    modalities: Optional[List[str]] = None
    supports_audio_in: Optional[bool] = None
    supports_audio_out: Optional[bool] = None
    supports_audio_input: Optional[bool] = None
    supports_audio_output: Optional[bool] = None
    supports_streaming: Optional[bool] = None
    supports_system_messages: Optional[bool] = None
    max_output_tokens: Optional[int] = None
    input_cost_per_1m: Optional[float] = None
    output_cost_per_1m: Optional[float] = None
    reasoning_cost_per_1m: Optional[float] = None


@dataclass
class HealthStatus(Model):
    """The health of the server; fields other than ``status`` are in ``extra``."""

    status: Optional[str] = None


@dataclass
class CreditsBalance(Model):
    """The credits of the account; ``reset_date`` is a string, a date or a date-time."""

    credits_remaining: float = required_field(default=0)
    tier: str = ""
    bands: List[str] = field(default_factory=list)
    reset_date: Optional[str] = None
    credits_total: Optional[float] = None
    credits_used: Optional[float] = None
    credits_percent: Optional[float] = None
    stripe_price_id: Optional[str] = None
    warning: Optional[str] = None
    metadata: Optional[Dict[str, Any]] = None


@dataclass
class CreditsHistoryEntry(Model):
    """A charged request; ``cost`` is in USD, ``latency_ms`` in milliseconds."""

    id: str = ""
    timestamp: str = ""
    request_id: Optional[str] = None
    model: Optional[str] = None
    provider: Optional[str] = None
    band: Optional[str] = None
    prompt_tokens: int = 0
    completion_tokens: int = 0
    total_tokens: int = 0
    credits_debited: float = 0
    cost: Optional[float] = None
    latency_ms: Optional[float] = None
    status: Optional[str] = None
    reasoning_tokens: Optional[int] = None
    error_message: Optional[str] = None


@dataclass
class CreditsHistory(ListResponse[CreditsHistoryEntry]):
    """A page of the credits history; ``next_cursor`` is None on the last page."""

    entries: List[CreditsHistoryEntry] = required_field(default_factory=list)
    next_cursor: Optional[str] = None
    total_entries: Optional[int] = None
    total: Optional[int] = None
    has_more: Optional[bool] = None
    page: Optional[int] = None
    page_size: Optional[int] = None


@dataclass
class ModelCredits(Model):
    """The credits used by one model; ``cost`` is in USD."""

    model: str = ""
    credits_used: float = 0
    cost: Optional[float] = None


@dataclass
class CreditsStats(Model):
    """Credits used in a period; the fields that a server does not send are None or empty."""

    period: str = ""
    total_credits_used: float = 0
    total_cost: Optional[float] = None
    model_breakdown: List[ModelCredits] = field(default_factory=list)
    total_requests: Optional[int] = None
    total_tokens: Optional[int] = None
    start_date: Optional[str] = None
    end_date: Optional[str] = None
    average_latency_ms: Optional[float] = None
    by_provider: Optional[Dict[str, Any]] = None
    by_model: Optional[Dict[str, Any]] = None
    by_band: Optional[Dict[str, Any]] = None
    by_day: Optional[List[Dict[str, Any]]] = None
    stats: Optional[List[Dict[str, Any]]] = None
    summary: Optional[Dict[str, Any]] = None
