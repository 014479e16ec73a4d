"""ArgusLM's monitoring: its configuration, its runs, and the uptime checks they left."""

import time
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any, List, Mapping, Optional, Sequence, Tuple

from ..datetimes import datetime_rule
from ..exchange import Reply, Request
from ..uuids import uuid_rule
from ..validation import Field, boolean, integer, nullable, parameters, string, text
from .alerts import Alerts
from .bodies import body
from .calls import call
from .catalogue import PACK_NAMES, PACKS
from .checks import Check
from .errors import crash, refusal
from .exports import csv_file, json_file
from .registry import Model, Provider, Registry, new_id
from .times import in_query, now, whole_seconds

_CHANGES = {
    "interval_minutes": Field(nullable(integer(ge=1)), None),
    "prompt_pack": Field(nullable(string), None),
    "enabled": Field(nullable(boolean), None),
}
_FILTERS = {
    "model_id": Field(uuid_rule, None),
    "status": Field(string, None),
    "since": Field(datetime_rule, None),
    "enabled_only": Field(boolean, False),
    "limit": Field(integer(ge=1, le=10000), 100),
    "offset": Field(integer(ge=0), 0),
}
_EXPORT = {
    "format": Field(text(pattern="^(json|csv)$"), "json"),
    "model_id": Field(uuid_rule, None),
    "start_date": Field(datetime_rule, None),
    "end_date": Field(datetime_rule, None),
}
_COLUMNS = ("model_name", "provider", "status", "latency_ms", "error", "timestamp")
_MAX_TOKENS = 100


@dataclass
class Config:
    """How often all is checked, and with what."""

    created_at: str
    interval_minutes: int = 15
    prompt_pack: str = "health_check"
    enabled: bool = True
    last_run_at: Optional[str] = None
    id: str = field(default_factory=new_id)


@dataclass(frozen=True)
class Run:
    """A run that is not over: all it finds appears at its end."""

    ends: float  # as time.monotonic() counts
    ended_at: datetime
    models: Sequence[Tuple[Model, Optional[Provider]]]
    prompt_pack: str


class Monitoring:
    """The endpoints under /monitoring. Nothing runs by itself: a run is one that was asked for."""

    def __init__(self, registry: Registry, alerts: Alerts, call_seconds: float, since: datetime) -> None:
        self._registry = registry
        self._alerts = alerts
        self._call_seconds = call_seconds
        self._config = Config(created_at=whole_seconds(since))
        self._runs: List[Run] = []
        self._checks: List[Check] = []

    def settle(self) -> None:
        """Let the runs end whose time has come; to be called before anybody looks."""
        clock = time.monotonic()
        over = [run for run in self._runs if run.ends <= clock]
        self._runs = [run for run in self._runs if run.ends > clock]
        for run in sorted(over, key=lambda run: run.ends):
            self._finish(run)

    def run_at(self, when: datetime) -> None:
        """Check all models, as if it had been done at a time in the past."""
        self._finish(Run(0.0, when, self._monitored(), self._config.prompt_pack))

    def forget(self, model_id: str) -> None:
        """Remove the checks of a model."""
        self._checks = [check for check in self._checks if check.model.id != model_id]

    def _monitored(self) -> List[Tuple[Model, Optional[Provider]]]:
        models = [model for model in self._registry.models.values() if model.enabled_for_monitoring]
        return [(model, self._registry.provider_of(model)) for model in models]

    def _finish(self, run: Run) -> None:
        created_at, turn = whole_seconds(run.ended_at), len(self._checks)
        checks = [
            Check(model, call(model, provider, run.prompt_pack, _MAX_TOKENS, turn), created_at)
            for model, provider in run.models
        ]
        self._checks += checks
        self._alerts.evaluate(checks, created_at)
        self._config.last_run_at = run.ended_at.isoformat()

    def show_config(self, request: Request) -> Reply:
        """GET /monitoring/config."""
        return Reply.json(asdict(self._config))

    def update_config(self, request: Request) -> Reply:
        """PATCH /monitoring/config: null changes nothing."""
        asked = body(request, _CHANGES)
        if asked["prompt_pack"] not in (None, *PACKS):
            raise refusal(400, f"prompt_pack must be one of: {PACK_NAMES}")
        for name, value in asked.items():
            if value is not None:
                setattr(self._config, name, value)
        if self._config.enabled and not _has_next_time(self._config.interval_minutes):
            raise crash()  # the service too has stored it by now
        return Reply.json(asdict(self._config))

    def run(self, request: Request) -> Reply:
        """POST /monitoring/run: one model after the other."""
        models = self._monitored()
        seconds = len(models) * self._call_seconds
        ended_at = now() + timedelta(seconds=seconds)
        self._runs.append(Run(time.monotonic() + seconds, ended_at, models, self._config.prompt_pack))
        return Reply.json(
            {"run_id": new_id(), "status": "queued", "message": "Monitoring run queued for execution"}
        )

    def list_packs(self, request: Request) -> Reply:
        """GET /monitoring/prompt-packs: a bare list."""
        return Reply.json([asdict(pack) for pack in PACKS.values()])

    def list_checks(self, request: Request) -> Reply:
        """GET /monitoring/uptime: newest first."""
        asked = parameters(request, {}, _FILTERS)
        limit, offset = asked["limit"], asked["offset"]
        checks = [check for check in self._newest_first() if self._matches(check, asked)]
        items = [check.shown(*self._known(check)) for check in checks[offset : offset + limit]]
        return Reply.json({"items": items, "total": len(checks), "limit": limit, "offset": offset})

    def export(self, request: Request) -> Reply:
        """GET /monitoring/uptime/export: newest first, without a limit."""
        asked = parameters(request, {}, _EXPORT)
        rows = [
            check.exported(*self._known(check)) for check in self._newest_first() if _exported(check, asked)
        ]
        if asked["format"] == "json":
            return json_file("uptime_history", {"checks": rows})
        return csv_file("uptime_history", _COLUMNS, rows)

    def _newest_first(self) -> List[Check]:
        return sorted(self._checks, key=lambda check: check.created_at, reverse=True)

    def _known(self, check: Check) -> Tuple[Optional[Model], Optional[Provider]]:
        model = self._registry.models.get(check.model.id)
        return model, self._registry.provider_of(model)

    def _matches(self, check: Check, asked: Mapping[str, Any]) -> bool:
        model, since = self._registry.models.get(check.model.id), asked["since"]
        return (
            asked["model_id"] in (None, check.model.id)
            and asked["status"] in (None, check.status)
            and (since is None or check.created_at >= in_query(since))
            and not (asked["enabled_only"] and not (model and model.enabled_for_monitoring))
        )


def _has_next_time(minutes: int) -> bool:
    try:
        return bool(now() + timedelta(minutes=minutes))
    except OverflowError:
        return False


def _exported(check: Check, asked: Mapping[str, Any]) -> bool:
    start, end = asked["start_date"], asked["end_date"]
    return (
        asked["model_id"] in (None, check.model.id)
        and (start is None or check.created_at >= in_query(start))
        and (end is None or check.created_at <= in_query(end))
    )
