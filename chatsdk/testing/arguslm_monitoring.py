"""ArgusLM: monitoring, and the alerts that its rules raise."""

from __future__ import annotations

import csv
import io
import json
import uuid
from datetime import datetime, timezone
from typing import Any, Iterator, List, Mapping, Optional, Sequence, Tuple
from uuid import UUID

from .arguslm_models import PACK_NAMES, PROMPT_PACKS, Models, page, paging, timestamp
from .chat import ChatModel
from .collection import Collection, Record
from .exchange import HTTPError, Reply, Request
from .routing import route
from .validation import Param, parse_datetime

FORMAT = Param("format", default="json", pattern="^(json|csv)$")
_MODEL_ID = Param("model_id", UUID, None)
_SINCE = Param("since", datetime, None)
_PACK = Param("prompt_pack", default=None)
_CONFIG = [Param("interval_minutes", int, None, min=1), _PACK, Param("enabled", bool, None)]
_CHECKS = [_MODEL_ID, _SINCE, Param("status", default=None), Param("enabled_only", bool, False)]
_EXPORT = [_MODEL_ID, Param("start_date", datetime, None), Param("end_date", datetime, None), FORMAT]
_RULE_ID = [Param("rule_id", UUID)]
_TARGETS = [Param("target_model_id", UUID, None), Param("target_model_name", default=None)]
_SWITCHES = [Param("enabled", bool, True), Param("notify_in_app", bool, True)]
_NEW_RULE = [Param("name", min=1, max=255), Param("rule_type"), *_TARGETS, *_SWITCHES]
_RULE_CHANGES = [Param("name", default=None, min=1, max=255), *(Param(s.name, bool, None) for s in _SWITCHES)]
_ALERTS = [Param("rule_id", UUID, None), Param("acknowledged", bool, None), _SINCE]
_NEEDED = {"specific_model_down": "target_model_id", "model_unavailable_everywhere": "target_model_name"}


class Monitoring(Models):
    """The endpoints under /monitoring and /alerts. Nothing runs unless it is asked for.

    Checks and alerts are stored when a run starts, and shown when the time in them has come.
    """

    def __init__(self, model: ChatModel, call_seconds: float) -> None:
        super().__init__(model)
        self.call_seconds = call_seconds
        self._config: Record = {"id": str(uuid.uuid4()), "created_at": timestamp()}
        self._config.update(interval_minutes=15, prompt_pack="health_check", enabled=True)
        self._run_ends: List[str] = []
        self._checks = Collection()
        self._rules = Collection("Alert rule not found")
        self._alerts = Collection("Alert not found")

    def add_checks(self, ended_at: str) -> None:
        """Check all models that are enabled, and raise the alerts that are not there yet."""
        models = self.models.list(enabled_for_monitoring=True)
        checks = [self._checks.add(self._check(model, ended_at)) for model in reversed(models)]
        for rule in self._rules.list(enabled=True):
            for model_id, message in self._find_problems(rule, checks):
                known = self._alerts.list(rule_id=rule["id"], acknowledged=False)
                if model_id not in [alert["model_id"] for alert in known]:
                    alert = {"rule_id": rule["id"], "model_id": model_id, "message": message}
                    self._alerts.add({**alert, "acknowledged": False, "created_at": ended_at})
        self._run_ends.append(ended_at)

    def remove_checks(self, model_id: str) -> None:
        """Remove the checks of a model."""
        for check in self._checks.list(model_id=model_id):
            self._checks.remove(check["id"])

    def add_rule(self, fields: Mapping[str, Any]) -> Record:
        """Add a rule."""
        never: Record = dict.fromkeys(("notify_email", "notify_webhook"), False)
        never.update(dict.fromkeys(("threshold_config", "webhook_url")))
        return self._rules.add({**fields, **never, "created_at": timestamp()})

    def _check(self, model: Record, created_at: str) -> Record:
        call = self.call(model, self._config["prompt_pack"], 100, len(self._checks))
        check = {name: call[name] for name in ("model_id", "model_name", "error")}
        check.update(provider_type=self.provider_of(model).get("provider_type"), created_at=created_at)
        numbers = {"latency_ms": call["total_latency_ms"], "ttft_ms": call["ttft_ms"]}
        numbers.update(tps=call["tps_excluding_ttft"], output_tokens=call["output_tokens"])
        if call["error"]:
            return {**check, "status": "down", **dict.fromkeys(numbers)}
        return {**check, "status": "up", **numbers}

    def _find_problems(self, rule: Record, checks: Sequence[Record]) -> Iterator[Tuple[Optional[str], str]]:
        """Yield the models to raise an alert for, with its message; None for a model of many providers."""
        kind, name = rule["rule_type"], (rule["target_model_name"] or "").lower()
        if kind == "model_unavailable_everywhere":
            same = [c for c in checks if name in self.models.get(c["model_id"])["model_id"].lower()]
            if same and all(check["status"] == "down" for check in same):
                yield None, f"Model '{name}' is unavailable across all {len(same)} provider(s)"
            return
        target = {"any_model_down": None, "specific_model_down": rule["target_model_id"]}.get(kind, "")
        for check in checks:
            if check["status"] == "down" and target in (None, check["model_id"]):
                yield check["model_id"], f"Model is down: {check['error']}"

    @route("GET", "/api/v1/monitoring/config")
    def _get_config(self, request: Request) -> object:
        now = timestamp()
        ended = [ended_at for ended_at in self._run_ends if ended_at <= now]
        return {**self._config, "last_run_at": max(ended, default=None)}

    @route("PATCH", "/api/v1/monitoring/config", body=_CONFIG)
    def _update_config(self, request: Request) -> object:
        """Null changes nothing."""
        if request.fields["prompt_pack"] not in (None, *PROMPT_PACKS):
            raise HTTPError(400, f"prompt_pack must be one of: {PACK_NAMES}")
        self._config.update((name, value) for name, value in request.fields.items() if value is not None)
        return self._get_config(request)

    @route("POST", "/api/v1/monitoring/run")
    def _run_monitoring(self, request: Request) -> object:
        """One model after the other; what is found appears at the end."""
        self.add_checks(timestamp(len(self.models.list(enabled_for_monitoring=True)) * self.call_seconds))
        message = "Monitoring run queued for execution"
        return {"run_id": str(uuid.uuid4()), "status": "queued", "message": message}

    @route("GET", "/api/v1/monitoring/uptime", query=[*_CHECKS, *paging(100, 10000)])
    def _list_checks(self, request: Request) -> object:
        checks = _select(self._checks, request.params, "model_id", "status")
        if request.params["enabled_only"]:
            enabled = {model["id"] for model in self.models.list(enabled_for_monitoring=True)}
            checks = [check for check in checks if check["model_id"] in enabled]
        return {**page(checks, request.params), "total": len(checks)}

    @route("GET", "/api/v1/monitoring/uptime/export", query=_EXPORT)
    def _export_checks(self, request: Request) -> Reply:
        checks = _select(self._checks, request.params, "model_id")
        rows = [
            {**check, "provider": check["provider_type"] or "Unknown", "timestamp": check["created_at"]}
            for check in checks
        ]
        columns = ("model_name", "provider", "status", "latency_ms", "error", "timestamp")
        return export("uptime_history", request.params["format"], {}, "checks", columns, rows)

    @route("GET", "/api/v1/monitoring/prompt-packs")
    def _list_prompt_packs(self, request: Request) -> object:
        return [
            {"id": name, "name": name.title(), "prompt": f"Write {count} words.", "expected_tokens": count}
            for name, count in PROMPT_PACKS.items()
        ]

    @route("GET", "/api/v1/alerts/rules")
    def _list_rules(self, request: Request) -> object:
        return self._rules.list(newest_first=True)

    @route("POST", "/api/v1/alerts/rules", status=201, body=_NEW_RULE)
    def _create_rule(self, request: Request) -> object:
        """Any type is accepted, and the target need not exist."""
        kind = request.fields["rule_type"]
        if kind in _NEEDED and not request.fields[_NEEDED[kind]]:
            raise HTTPError(400, f"{kind} rule requires {_NEEDED[kind]}")
        return self.add_rule(request.fields)

    @route("PATCH", "/api/v1/alerts/rules/{rule_id}", params=_RULE_ID, body=_RULE_CHANGES)
    def _update_rule(self, request: Request) -> object:
        """Null changes nothing."""
        return self._rules.update(request.params["rule_id"], request.fields)

    @route("DELETE", "/api/v1/alerts/rules/{rule_id}", status=204, params=_RULE_ID)
    def _delete_rule(self, request: Request) -> None:
        """With its alerts."""
        rule = self._rules.remove(request.params["rule_id"])
        for alert in self._alerts.list(rule_id=rule["id"]):
            self._alerts.remove(alert["id"])

    @route("GET", "/api/v1/alerts", query=[*_ALERTS, *paging(50, 500)])
    def _list_alerts(self, request: Request) -> object:
        """Newest first; all that are unread are counted, whatever the filters."""
        alerts = _select(self._alerts, request.params, "rule_id", "acknowledged")
        return {**page(alerts, request.params), "unacknowledged_count": self._count_unread()}

    @route("GET", "/api/v1/alerts/unread-count")
    def _get_unread_count(self, request: Request) -> object:
        return {"count": self._count_unread()}

    @route("GET", "/api/v1/alerts/recent", query=[Param("limit", int, 10, min=1, max=50)])
    def _list_recent(self, request: Request) -> object:
        alerts = _select(self._alerts, {})[: request.params["limit"]]
        return {"items": alerts, "total_unread": self._count_unread()}

    @route("PATCH", "/api/v1/alerts/{alert_id}/acknowledge", params=[Param("alert_id", UUID)])
    def _acknowledge(self, request: Request) -> object:
        """To do it again is no error."""
        return self._alerts.update(request.params["alert_id"], {"acknowledged": True})

    def _count_unread(self) -> int:
        return len(_select(self._alerts, {"acknowledged": False}, "acknowledged"))


def _select(collection: Collection, params: Mapping[str, Any], *names: str) -> List[Record]:
    """The records that match the parameters, newest first, none of the future."""
    start = params.get("since") or params.get("start_date")
    now = datetime.now(timezone.utc)
    end = min(params.get("end_date") or now, now)
    records = collection.list(newest_first=True, **{name: params[name] for name in names})
    times = [parse_datetime(record["created_at"]) for record in records]
    return [record for record, at in zip(records, times) if (start or at) <= at <= end]


def export(
    name: str, form: str, head: Mapping[str, Any], key: str, columns: Sequence[str], rows: Sequence[Record]
) -> Reply:
    """A file of rows, as CSV or as JSON with a head."""
    chosen = [{column: row[column] for column in columns} for row in rows]
    if form == "json":
        text, kind = json.dumps({**head, key: chosen}, indent=2), "application/json"
    else:
        stream, kind = io.StringIO(newline=""), "text/csv; charset=utf-8"
        writer = csv.DictWriter(stream, columns)
        writer.writeheader()
        writer.writerows(chosen)
        text = stream.getvalue()
    headers = {"content-type": kind, "content-disposition": f'attachment; filename="{name}.{form}"'}
    return Reply(200, text.encode("utf-8"), headers)
