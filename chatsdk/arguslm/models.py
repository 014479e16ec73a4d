"""What comes from ArgusLM; what it sends beyond these fields is in ``extra`` of each object.

Ids are strings, and so is every ``status`` and ``rule_type``: servers may add words. Date-times are aware, in
UTC. Times are in milliseconds, ``tps`` is in tokens per second.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Dict, List, Optional

from .._core.model import Model, required_field
from .._core.result_list import ListResponse


@dataclass
class Provider(Model):
    """An account with a provider of models; its credentials never come back."""

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
        """``display_name``, under the name that some scripts know it by."""
        return self.display_name


@dataclass
class ProviderList(ListResponse[Provider]):
    """All provider accounts, oldest first."""

    _items_field = "providers"

    providers: List[Provider] = required_field(default_factory=list)
    total: int = 0


@dataclass
class ProviderSpec(Model):
    """A kind of provider and what it needs; ``region_options`` are pairs of code and label."""

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
    """All kinds of providers that the server knows, by ``provider_type``."""

    providers: Dict[str, ProviderSpec] = required_field(default_factory=dict)
    total: int = 0
    tested_count: int = 0


@dataclass
class ProviderTestResult(Model):
    """What came of trying a provider; ``details`` differ from kind to kind."""

    success: bool = required_field(default=False)
    message: str = ""
    details: Optional[Dict[str, Any]] = None


@dataclass
class ModelRefresh(Model):
    """What came of asking a provider for its models."""

    success: bool = required_field(default=False)
    models_discovered: int = 0
    message: str = ""


@dataclass
class ModelInfo(Model):
    """A model of a provider account.

    ``id`` is the one for other calls; ``model_id`` is the provider's own name for it. ``source`` is
    ``discovered`` or ``manual``. ``provider_name`` is None in what creating and updating return.
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
    """A page of models; ``total`` counts those of all pages."""

    _items_field = "items"

    items: List[ModelInfo] = required_field(default_factory=list)
    total: int = 0
    has_more: bool = False
    limit: int = 50
    offset: int = 0


@dataclass
class MonitoringConfig(Model):
    """How models are monitored; ``last_run_at`` is None before the first run."""

    id: str = ""
    interval_minutes: int = required_field(default=15)
    prompt_pack: str = ""
    enabled: bool = True
    last_run_at: Optional[datetime] = None
    created_at: Optional[datetime] = None


@dataclass
class MonitoringRun(Model):
    """A run of all checks that was queued; no call takes its ``run_id``."""

    run_id: str = required_field(default="")
    status: str = ""
    message: str = ""


@dataclass
class UptimeCheck(Model):
    """One check of one model; the measured values are None where it is down.

    ``tps`` leaves the time to the first token (``ttft_ms``) out. All checks of a run have one ``created_at``.
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
    """A page of checks, newest first; ``total`` counts those of all pages."""

    _items_field = "items"

    items: List[UptimeCheck] = required_field(default_factory=list)
    total: int = 0
    limit: int = 100
    offset: int = 0


@dataclass
class PromptPack(Model):
    """A prompt to measure models with; its ``id`` is what other calls take."""

    id: str = ""
    name: str = ""
    prompt: str = ""
    expected_tokens: int = 0


@dataclass
class BenchmarkStart(Model):
    """A benchmark that was started; ``id`` is its run."""

    id: str = required_field(default="")
    status: str = ""
    message: str = ""


@dataclass
class BenchmarkRun(Model):
    """A run of a benchmark; ``status`` is ``pending``, ``running``, ``completed`` or ``failed``.

    A run whose calls all failed is ``completed`` too: look at ``error`` of its results. One that died with
    its server stays ``running``.
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
    """A page of benchmark runs, newest first; ``total`` counts those of all pages."""

    _items_field = "runs"

    runs: List[BenchmarkRun] = required_field(default_factory=list)
    total: int = 0
    page: int = 1
    per_page: int = 20


@dataclass
class BenchmarkResult(Model):
    """One call of one model; where it failed there is an ``error``, and the values are 0.

    ``tps`` includes the time to the first token, ``tps_excluding_ttft`` does not. ``output_tokens`` counts
    the pieces in which the answer came. ``model_name`` is None where the model is gone.
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
    """Percentiles over the results without error; all 0 while there are none."""

    ttft_p50: float = 0.0
    ttft_p95: float = 0.0
    ttft_p99: float = 0.0
    tps_p50: float = 0.0
    tps_p95: float = 0.0
    tps_p99: float = 0.0


@dataclass
class BenchmarkDetail(BenchmarkRun):
    """A run of a benchmark with its results, which are there from its end on."""

    results: List[BenchmarkResult] = required_field(default_factory=list)
    statistics: BenchmarkStatistics = field(default_factory=BenchmarkStatistics)


@dataclass
class BenchmarkResults(ListResponse[BenchmarkResult]):
    """All results of a run; there are none before its end."""

    _items_field = "results"

    results: List[BenchmarkResult] = required_field(default_factory=list)
    total: int = 0


@dataclass
class LiveResult(Model):
    """One call of one model, as the events of ``stream_benchmark`` tell it.

    ``tps`` is what ``get_benchmark_results`` calls ``tps_excluding_ttft``.
    """

    model_id: str = ""
    model_name: Optional[str] = None
    ttft_ms: float = 0.0
    tps: float = 0.0
    error: Optional[str] = None


@dataclass
class BenchmarkEvent(Model):
    """What happens in a running benchmark; reads like a dict too: ``event["type"]``.

    Attributes:
        type: ``progress``, ``result`` or ``complete``; newer servers may send others.
        completed, total: how many calls are done, of how many; 0 where that is not known.
        current_model: of a progress, the model whose result has just come in.
        status: ``running`` in the first progress, ``completed`` in the last event.
        data: of a result, what was measured.
    """

    type: str = ""
    completed: int = 0
    total: int = 0
    current_model: Optional[str] = None
    status: Optional[str] = None
    data: Optional[LiveResult] = None


@dataclass
class AlertRule(Model):
    """When to raise an alert; the fields about mail, webhooks and thresholds are not used by the server."""

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
    """A raised alert; ``model_id`` is None where it is about a model of all providers."""

    id: str = required_field(default="")
    rule_id: str = ""
    model_id: Optional[str] = None
    message: str = ""
    acknowledged: bool = False
    created_at: Optional[datetime] = None


@dataclass
class AlertList(ListResponse[Alert]):
    """A page of alerts, newest first; ``unacknowledged_count`` counts all there are, whatever the filter."""

    _items_field = "items"

    items: List[Alert] = required_field(default_factory=list)
    unacknowledged_count: int = 0
    limit: int = 50
    offset: int = 0


@dataclass
class RecentAlerts(ListResponse[Alert]):
    """The newest alerts; ``total_unread`` counts all that are not acknowledged."""

    _items_field = "items"

    items: List[Alert] = required_field(default_factory=list)
    total_unread: int = 0


@dataclass
class UnreadCount(Model):
    """How many alerts are not acknowledged."""

    count: int = required_field(default=0)
