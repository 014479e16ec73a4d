"""ArgusLM: its endpoints, and what there is at the start. It asks nobody for a key."""

import re
import threading
import uuid
from datetime import datetime, timedelta

from ..dialect import Dialect
from ..exchange import Answer, Headers, Reply, Request
from ..uuids import is_uuid
from ..websocket import is_upgrade
from .alerts import Alerts, Rule
from .benchmarks import Benchmarks
from .errors import REFUSED_UPGRADE, failure
from .models import Models
from .monitoring import Monitoring
from .providers import Providers
from .registry import Model, Provider, Registry
from .times import now, whole_seconds

_API = "/api/v1"
_STREAM = re.compile(f"{_API}/benchmarks/([^/]+)/stream")
# The age of the monitoring runs that there were before.
_EARLIER_RUNS = (timedelta(minutes=45), timedelta(minutes=30), timedelta(minutes=15))


class ArgusLM(Dialect):
    """The stand-in of ArgusLM.

    It calls no models: keys with "wrong" in them are refused, models with "broken" in their id
    always fail, all others answer. A call takes `call_seconds`.
    """

    name = "arguslm"

    def __init__(self, call_seconds: float) -> None:
        super().__init__()
        self._lock = threading.Lock()
        registry, alerts = Registry(), Alerts()
        start = now() - timedelta(hours=1)
        self._monitoring = Monitoring(registry, alerts, call_seconds, start)
        self._benchmarks = Benchmarks(registry, call_seconds)
        providers = Providers(registry, self._benchmarks.has_results, self._monitoring.forget)
        _furnish(registry, start)
        alerts.add_rule(Rule("Any model down", created_at=whole_seconds(start)))
        for age in _EARLIER_RUNS:
            self._monitoring.run_at(now() - age)
        self.routes.add("GET", "/", lambda request: Reply.json({"status": "ok"}))
        self.routes.add("GET", "/health", lambda request: Reply.json({"status": "healthy"}))
        self._route_providers(providers)
        self._route_models(Models(registry))
        self._route_monitoring(self._monitoring)
        self._route_benchmarks(self._benchmarks)
        self._route_alerts(alerts)

    def answer(self, request: Request) -> Answer:
        """Answer a request: one at a time, and none of them takes long."""
        with self._lock:
            if is_upgrade(request.headers):
                return self._stream(request)
            self._monitoring.settle()
            return super().answer(request)

    def failure(self, status: int, headers: Headers) -> Reply:
        """ArgusLM's answer with this status."""
        return failure(status)

    def _stream(self, request: Request) -> Answer:
        match = _STREAM.fullmatch(request.path)
        if match is None or not is_uuid(match[1]):
            return REFUSED_UPGRADE
        return self._benchmarks.stream(str(uuid.UUID(match[1])))

    # The first route of a path decides what a wrong method is told.

    def _route_providers(self, providers: Providers) -> None:
        path, one = f"{_API}/providers", f"{_API}/providers/{{provider_id}}"
        self.routes.add("POST", path, providers.create)
        self.routes.add("GET", path, providers.list_all)
        self.routes.add("GET", f"{path}/catalog", providers.list_specs)
        self.routes.add("GET", one, providers.show)
        self.routes.add("PATCH", one, providers.update)
        self.routes.add("DELETE", one, providers.delete)
        self.routes.add("POST", f"{path}/test-connection", providers.test_new)
        self.routes.add("POST", f"{one}/test", providers.test)
        self.routes.add("POST", f"{one}/refresh-models", providers.refresh_models)

    def _route_models(self, models: Models) -> None:
        path = f"{_API}/models"
        self.routes.add("GET", path, models.list_page)
        self.routes.add("GET", f"{path}/{{model_id}}", models.show)
        self.routes.add("PATCH", f"{path}/{{model_id}}", models.update)
        self.routes.add("POST", path, models.create)

    def _route_monitoring(self, monitoring: Monitoring) -> None:
        path = f"{_API}/monitoring"
        self.routes.add("GET", f"{path}/config", monitoring.show_config)
        self.routes.add("PATCH", f"{path}/config", monitoring.update_config)
        self.routes.add("POST", f"{path}/run", monitoring.run)
        self.routes.add("GET", f"{path}/uptime", monitoring.list_checks)
        self.routes.add("GET", f"{path}/uptime/export", monitoring.export)
        self.routes.add("GET", f"{path}/prompt-packs", monitoring.list_packs)

    def _route_benchmarks(self, benchmarks: Benchmarks) -> None:
        path, one = f"{_API}/benchmarks", f"{_API}/benchmarks/{{run_id}}"
        self.routes.add("POST", path, benchmarks.start)
        self.routes.add("GET", path, benchmarks.list_page)
        self.routes.add("GET", one, benchmarks.show)
        self.routes.add("GET", f"{one}/results", benchmarks.list_results)
        self.routes.add("GET", f"{one}/export", benchmarks.export)

    def _route_alerts(self, alerts: Alerts) -> None:
        path = f"{_API}/alerts"
        self.routes.add("GET", f"{path}/rules", alerts.list_rules)
        self.routes.add("POST", f"{path}/rules", alerts.create_rule)
        self.routes.add("PATCH", f"{path}/rules/{{rule_id}}", alerts.update_rule)
        self.routes.add("DELETE", f"{path}/rules/{{rule_id}}", alerts.delete_rule)
        self.routes.add("GET", path, alerts.list_page)
        self.routes.add("GET", f"{path}/unread-count", alerts.count_unread)
        self.routes.add("GET", f"{path}/recent", alerts.list_recent)
        self.routes.add("PATCH", f"{path}/{{alert_id}}/acknowledge", alerts.acknowledge)


def _furnish(registry: Registry, start: datetime) -> None:
    """A provider with two models that work and one that does not."""
    day = whole_seconds(start)
    provider = Provider("openai", "OpenAI", {"api_key": "sk-local"}, created_at=day, updated_at=day)
    registry.add_provider(provider)
    models = (("gpt-4o", "Primary GPT-4"), ("gpt-4o-mini", None), ("gpt-4-broken", None))
    for position, (model_id, custom_name) in enumerate(models):
        registry.add_model(
            Model(
                provider.id,
                model_id,
                "discovered",
                custom_name,
                enabled_for_monitoring=True,
                model_metadata={"context_window": 128000},
                created_at=whole_seconds(start + timedelta(seconds=position)),
            )
        )
