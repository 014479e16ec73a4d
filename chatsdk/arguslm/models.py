"""ArgusLM: the responses; ``extra`` of each object holds the fields that are not listed here.

Ids, ``status`` and ``rule_type`` are strings. Date-times are aware, in UTC. Times are in milliseconds,
``tps`` is in tokens per second.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Dict, List, Optional

from .._core.model import Model, required_field
from .._core.result_list import ListResponse


@dataclass
class Provider(Model):
    """An account with a provider of models; the server never returns its credentials."""

    id: str = required_field(default="")
    provider_type: str = ""
    display_name: str = ""
    enabled: bool = True
    base_url: Optional[str] = None
    region: Optional[str] = None
    created_at: Optional[datetime] = None
    updated_at: Optional[datetime] = None

    @property
    def name(self) -> str:
        """The same as ``display_name``."""
        return self.display_name


@dataclass
class ProviderList(ListResponse[Provider]):
    """All provider accounts, oldest first."""

    providers: List[Provider] = required_field(default_factory=list)
    total: int = 0


@dataclass
class ProviderSpec(Model):
    """A type of provider and what it needs; ``region_options`` are pairs of code and label."""

    id: str = ""
    label: str = ""
    tested: bool = False
    requires_api_key: bool = False
    requires_base_url: bool = False
    requires_region: bool = False
    show_org_fields: bool = False
    default_base_url: Optional[str] = None
    api_key_label: Optional[str] = None
    base_url_label: Optional[str] = None
    region_options: List[List[str]] = field(default_factory=list)


@dataclass
class ProviderCatalog(Model):
    """The supported types of providers, by ``provider_type``."""

    providers: Dict[str, ProviderSpec] = required_field(default_factory=dict)
    total: int = 0
    tested_count: int = 0


@dataclass
class ProviderTestResult(Model):
    """The result of a test of a provider; ``details`` depend on its type."""

    success: bool = required_field(default=False)
    message: str = ""
    details: Optional[Dict[str, Any]] = None


@dataclass
class ModelRefresh(Model):
    """The number of models that a provider has."""

    success: bool = required_field(default=False)
    models_discovered: int = 0
    message: str = ""


@dataclass
class ModelInfo(Model):
    """A model of a provider account; ``source`` is ``discovered`` or ``manual``.

    Other methods take its ``id``; ``model_id`` is its name at the provider.
    """

    id: str = required_field(default="")
    provider_account_id: str = ""
    provider_name: Optional[str] = None
    model_id: str = ""
    custom_name: Optional[str] = None
    source: str = ""
    enabled_for_monitoring: bool = False
    enabled_for_benchmark: bool = True
    model_metadata: Dict[str, Any] = field(default_factory=dict)
    created_at: Optional[datetime] = None


@dataclass
class ModelList(ListResponse[ModelInfo]):
    """A page of models; ``total`` counts all pages."""

    items: List[ModelInfo] = required_field(default_factory=list)
    total: int = 0
    has_more: bool = False
    limit: int = 50
    offset: int = 0


@dataclass
class MonitoringConfig(Model):
    """The settings of monitoring; ``last_run_at`` is None before the first run."""

    id: str = ""
    interval_minutes: int = required_field(default=15)
    prompt_pack: str = ""
    enabled: bool = True
    last_run_at: Optional[datetime] = None
    created_at: Optional[datetime] = None


@dataclass
class MonitoringRun(Model):
    """A queued run of all checks; no other method takes its ``run_id``."""

    run_id: str = required_field(default="")
    status: str = ""
    message: str = ""


@dataclass
class UptimeCheck(Model):
    """One check of one model; the measured values are None if it is down.

    ``tps`` excludes the time to the first token (``ttft_ms``). All checks of a run have the same
    ``created_at``.
    """

    id: str = ""
    model_id: str = ""
    model_name: str = ""
    provider_type: Optional[str] = None
    status: str = ""
    latency_ms: Optional[float] = None
    ttft_ms: Optional[float] = None
    tps: Optional[float] = None
    output_tokens: Optional[int] = None
    error: Optional[str] = None
    created_at: Optional[datetime] = None


@dataclass
class UptimeHistory(ListResponse[UptimeCheck]):
    """A page of checks, newest first; ``total`` counts all pages."""

    items: List[UptimeCheck] = required_field(default_factory=list)
    total: int = 0
    limit: int = 100
    offset: int = 0


@dataclass
class PromptPack(Model):
    """A prompt for checks and benchmarks; other methods take its ``id``."""

    id: str = ""
    name: str = ""
    prompt: str = ""
    expected_tokens: int = 0


@dataclass
class BenchmarkStart(Model):
    """A benchmark that was started; other methods take its ``id`` as ``run_id``."""

    id: str = required_field(default="")
    status: str = ""
    message: str = ""


@dataclass
class BenchmarkRun(Model):
    """A run of a benchmark; ``status`` is ``pending``, ``running``, ``completed`` or ``failed``.

    A run whose calls all failed is ``completed``: check ``error`` of its results. A run stays ``running`` if
    the server is stopped.
    """

    id: str = required_field(default="")
    name: str = ""
    status: str = ""
    model_ids: List[str] = field(default_factory=list)
    prompt_pack: str = ""
    triggered_by: str = ""
    started_at: Optional[datetime] = None
    completed_at: Optional[datetime] = None
    result_count: int = 0
    created_at: Optional[datetime] = None
    updated_at: Optional[datetime] = None


@dataclass
class BenchmarkList(ListResponse[BenchmarkRun]):
    """A page of benchmark runs, newest first; ``total`` counts all pages."""

    runs: List[BenchmarkRun] = required_field(default_factory=list)
    total: int = 0
    page: int = 1
    per_page: int = 20


@dataclass
class BenchmarkResult(Model):
    """One call of one model; if it failed, ``error`` is set and the values are 0.

    ``tps`` includes the time to the first token. ``output_tokens`` counts the chunks of the answer.
    ``model_name`` is None if the model was deleted.
    """

    id: str = ""
    model_id: str = ""
    model_name: Optional[str] = None
    ttft_ms: float = 0.0
    tps: float = 0.0
    tps_excluding_ttft: float = 0.0
    total_latency_ms: float = 0.0
    input_tokens: int = 0
    output_tokens: int = 0
    estimated_cost: Optional[float] = None
    error: Optional[str] = None


@dataclass
class BenchmarkStatistics(Model):
    """Percentiles of the results without an error; 0 if there are none."""

    ttft_p50: float = 0.0
    ttft_p95: float = 0.0
    ttft_p99: float = 0.0
    tps_p50: float = 0.0
    tps_p95: float = 0.0
    tps_p99: float = 0.0


@dataclass
class BenchmarkDetail(BenchmarkRun):
    """A run of a benchmark with its results."""

    results: List[BenchmarkResult] = required_field(default_factory=list)
    statistics: BenchmarkStatistics = field(default_factory=BenchmarkStatistics)


@dataclass
class BenchmarkResults(ListResponse[BenchmarkResult]):
    """All results of a run."""

    results: List[BenchmarkResult] = required_field(default_factory=list)
    total: int = 0


@dataclass
class LiveResult(Model):
    """One call of one model, in an event; ``tps`` is ``tps_excluding_ttft`` of a BenchmarkResult."""

    model_id: str = ""
    model_name: Optional[str] = None
    ttft_ms: float = 0.0
    tps: float = 0.0
    error: Optional[str] = None


@dataclass
class BenchmarkEvent(Model):
    """An event of ``stream_benchmark``.

    Attributes:
        type: ``progress``, ``result`` or ``complete``; newer servers may send others.
        completed, total: the numbers of calls, 0 if unknown.
        current_model: in a progress, the model of the result that follows.
        status: ``running`` in the first event, ``completed`` in the last.
        data: in a result, the measured values.
    """

    type: str = ""
    completed: int = 0
    total: int = 0
    current_model: Optional[str] = None
    status: Optional[str] = None
    data: Optional[LiveResult] = None


@dataclass
class AlertRule(Model):
    """A rule that raises alerts; the server does not use the fields for email, webhooks and thresholds."""

    id: str = required_field(default="")
    name: str = ""
    rule_type: str = ""
    enabled: bool = True
    target_model_id: Optional[str] = None
    target_model_name: Optional[str] = None
    threshold_config: Optional[Dict[str, Any]] = None
    notify_in_app: bool = True
    notify_email: bool = False
    notify_webhook: bool = False
    webhook_url: Optional[str] = None
    created_at: Optional[datetime] = None


@dataclass
class Alert(Model):
    """An alert; ``model_id`` is None if it is about the same model at all providers."""

    id: str = required_field(default="")
    rule_id: str = ""
    model_id: Optional[str] = None
    message: str = ""
    acknowledged: bool = False
    created_at: Optional[datetime] = None


@dataclass
class AlertList(ListResponse[Alert]):
    """A page of alerts, newest first; ``unacknowledged_count`` ignores the filters."""

    items: List[Alert] = required_field(default_factory=list)
    unacknowledged_count: int = 0
    limit: int = 50
    offset: int = 0


@dataclass
class RecentAlerts(ListResponse[Alert]):
    """The newest alerts; ``total_unread`` counts all unacknowledged ones."""

    items: List[Alert] = required_field(default_factory=list)
    total_unread: int = 0


@dataclass
class UnreadCount(Model):
    """The number of unacknowledged alerts."""

    count: int = required_field(default=0)
