"""Fake ArgusLM: monitoring, alerts, and benchmarks with polling and WebSockets."""

from __future__ import annotations

import csv
import io
import json
import math
import time
from datetime import datetime, timezone
from typing import Any, Dict, Iterator, List, Mapping, Optional, Sequence, Tuple
from uuid import UUID, uuid4

from .._core.dates import parse_datetime
from .arguslm_models import METRICS, PACK_NAMES, PROMPT_PACKS, PROVIDER_ID, Models, page, paging
from .chat import ChatModel
from .collection import Collection, Record, timestamp
from .exchange import HTTPError, Reply, Request, WebSocketStream, dumps
from .routing import WEBSOCKET, route
from .validation import Param, is_uuid

_MODELS = (("gpt-4o", "Primary GPT-4"), ("gpt-4o-mini", None), ("gpt-4-broken", None))
_PROVIDER = {"provider_type": "openai", "display_name": "OpenAI", "credentials": {"api_key": "sk-local"}}
_RULE = {"name": "Any model down", "rule_type": "any_model_down", "enabled": True, "notify_in_app": True}
_UNUSED = {"notify_email": False, "notify_webhook": False, "threshold_config": None, "webhook_url": None}
# A delay before a run begins, so that a client that connects at once receives its first message.
_PENDING_SECONDS = 0.1
_COLUMNS = ("model_name", "provider", *METRICS, "input_tokens", "output_tokens", "error", "timestamp")
# The field that a type of rule requires.
_REQUIRED = {"specific_model_down": "target_model_id", "model_unavailable_everywhere": "target_model_name"}

_PACK = Param("prompt_pack", default=None)
_FORMAT = Param("format", default="json", pattern="^(json|csv)$")
_MODEL_ID, _SINCE = Param("model_id", UUID, None), Param("since", datetime, None)
_CONFIG = [Param("interval_minutes", int, None, min=1), _PACK, Param("enabled", bool, None)]
_CHECKS = [_MODEL_ID, _SINCE, Param("status", default=None), Param("enabled_only", bool, False)]
_EXPORT = [_MODEL_ID, Param("start_date", datetime, None), Param("end_date", datetime, None), _FORMAT]
_RULE_ID = [Param("rule_id", UUID)]
_TARGETS = [Param("target_model_id", UUID, None), Param("target_model_name", default=None)]
_SWITCHES = [Param("enabled", bool, True), Param("notify_in_app", bool, True)]
_NEW_RULE = [Param("name", min=1, max=255), Param("rule_type"), *_TARGETS, *_SWITCHES]
_RULE_CHANGES = [Param("name", default=None, min=1, max=255), *(Param(s.name, bool, None) for s in _SWITCHES)]
_ALERTS = [Param("rule_id", UUID, None), Param("acknowledged", bool, None), _SINCE]
_RUN_ID = [Param("run_id", UUID)]
_COUNTS = [Param("max_tokens", int, 200, min=1, max=4096), Param("num_runs", int, 3, min=1, max=10)]
_MODEL_IDS = Param("model_ids", list, min=1, items=Param("", UUID))
_NEW_RUN = [_MODEL_IDS, Param("prompt_pack"), Param("name", default=None), *_COUNTS]
_PAGE = [Param("page", int, 1, min=1), Param("per_page", int, 20, min=1, max=100)]


class _Run:
    """A benchmark whose final *record* and *results* are known at the start, and shown as time passes.

    Polling shows the results at the end, a WebSocket one by one. Times are of `time.monotonic()`.
    """

    def __init__(self, record: Record, results: List[Record], begin: float, call_seconds: float) -> None:
        self._record, self._results, self._begin = record, results, begin
        self._messages = [(begin, dumps({"type": "progress", "status": "running"}))]
        for count, result in enumerate(results, 1):
            data = {name: result[name] for name in ("model_id", "model_name", "ttft_ms", "error")}
            data["tps"] = result["tps_excluding_ttft"]
            due = begin + count * call_seconds
            self._messages.append((due, self._progress(count, result["model_name"])))
            self._messages.append((due, dumps({"type": "result", "data": data})))
        self._end = begin + len(results) * call_seconds
        self._messages.append((self._end, dumps({"type": "complete", "status": "completed"})))

    def now(self) -> Tuple[Record, List[Record]]:
        """Return the current state of the run, and its results if it has ended."""
        now = time.monotonic()
        if now >= self._end:
            return self._record, self._results
        status = "running" if now >= self._begin else "pending"
        changes = {"status": status, "completed_at": None, "updated_at": self._record["created_at"]}
        return {**self._record, **changes, "result_count": 0}, []

    def messages(self) -> Iterator[Tuple[float, str]]:
        """Return the messages for a client that connects now, with their times; none after the end."""
        now = time.monotonic()
        remaining = [message for message in self._messages if message[0] > now]
        if remaining and now >= self._begin:
            completed = (len(self._messages) - len(remaining)) // 2  # two messages per result
            remaining.insert(0, (now, self._progress(completed, None)))
        return iter(remaining)

    def _progress(self, completed: int, name: Optional[str]) -> str:
        total = len(self._results)
        return dumps({"type": "progress", "completed": completed, "total": total, "current_model": name})


class ArgusLM(Models):
    """A fake ArgusLM. Initially it has one provider, with two models that work and one that is down.

    Monitoring only runs on request. Its checks and alerts are stored at once, with a time in the future,
    and shown when that time has come.
    """

    def __init__(self, model: ChatModel, call_seconds: float) -> None:
        super().__init__(model)
        self._call_seconds = call_seconds
        self._config: Record = {"id": str(uuid4()), "created_at": timestamp()}
        self._config.update(interval_minutes=15, prompt_pack="health_check", enabled=True)
        self._run_ends: List[str] = []
        self._checks = Collection()
        self._rules = Collection("Alert rule not found")
        self._alerts = Collection("Alert not found")
        self._benchmarks: Dict[str, _Run] = {}
        provider = self.add_provider(_PROVIDER)
        for model_id, name in _MODELS:
            self.add_model(provider["id"], model_id, custom_name=name, enabled_for_monitoring=True)
        self._add_rule({**_RULE, "target_model_id": None, "target_model_name": None})
        for minutes in (45, 30, 15):
            self._add_checks(timestamp(-60 * minutes))

    def _add_checks(self, ended_at: str) -> None:
        """Check all enabled models, and add an alert for each new problem."""
        models = self.models.list(enabled_for_monitoring=True)
        checks = [self._checks.add(self._check(model, ended_at)) for model in reversed(models)]
        for rule in self._rules.list(enabled=True):
            for model_id, message in self._find_problems(rule, checks):
                known = self._alerts.list(rule_id=rule["id"], acknowledged=False)
                if model_id not in [alert["model_id"] for alert in known]:
                    alert = {"rule_id": rule["id"], "model_id": model_id, "message": message}
                    self._alerts.add({**alert, "acknowledged": False, "created_at": ended_at})
        self._run_ends.append(ended_at)

    def _add_rule(self, fields: Mapping[str, Any]) -> Record:
        return self._rules.add({**fields, **_UNUSED, "created_at": timestamp()})

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
        """Yield the id of each model with a problem, or None for a rule on a name, and the message."""
        kind, name = rule["rule_type"], (rule["target_model_name"] or "").lower()
        if kind == "model_unavailable_everywhere":
            named = [c for c in checks if name in self.models.get(c["model_id"])["model_id"].lower()]
            if named and all(check["status"] == "down" for check in named):
                yield None, f"Model '{name}' is unavailable across all {len(named)} provider(s)"
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
        """Change the fields that are not null."""
        if request.fields["prompt_pack"] not in (None, *PROMPT_PACKS):
            raise HTTPError(400, f"prompt_pack must be one of: {PACK_NAMES}")
        self._config.update((name, value) for name, value in request.fields.items() if value is not None)
        return self._get_config(request)

    @route("POST", "/api/v1/monitoring/run")
    def _run_monitoring(self, request: Request) -> object:
        """Check all enabled models; the checks appear when the last call has ended."""
        self._add_checks(timestamp(len(self.models.list(enabled_for_monitoring=True)) * self._call_seconds))
        message = "Monitoring run queued for execution"
        return {"run_id": str(uuid4()), "status": "queued", "message": message}

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
        return _export("uptime_history", request.params["format"], {}, "checks", columns, rows)

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
        """Create a rule; its type and target may be unknown."""
        kind = request.fields["rule_type"]
        if kind in _REQUIRED and not request.fields[_REQUIRED[kind]]:
            raise HTTPError(400, f"{kind} rule requires {_REQUIRED[kind]}")
        return self._add_rule(request.fields)

    @route("PATCH", "/api/v1/alerts/rules/{rule_id}", params=_RULE_ID, body=_RULE_CHANGES)
    def _update_rule(self, request: Request) -> object:
        """Change the fields that are not null."""
        return self._rules.update(request.params["rule_id"], request.fields)

    @route("DELETE", "/api/v1/alerts/rules/{rule_id}", status=204, params=_RULE_ID)
    def _delete_rule(self, request: Request) -> None:
        """Delete a rule and its alerts."""
        rule = self._rules.remove(request.params["rule_id"])
        for alert in self._alerts.list(rule_id=rule["id"]):
            self._alerts.remove(alert["id"])

    @route("GET", "/api/v1/alerts", query=[*_ALERTS, *paging(50, 500)])
    def _list_alerts(self, request: Request) -> object:
        """Return a page of alerts, newest first; the number of unread ones ignores the filters."""
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
        """Acknowledge an alert; a second time is not an error."""
        return self._alerts.update(request.params["alert_id"], {"acknowledged": True})

    def _count_unread(self) -> int:
        return len(_select(self._alerts, {"acknowledged": False}, "acknowledged"))

    @route("DELETE", "/api/v1/providers/{provider_id}", status=204, params=PROVIDER_ID)
    def _delete_provider(self, request: Request) -> None:
        """Delete a provider, its models and their checks; a 409 if a model has benchmark results."""
        provider = self.providers.get(request.params["provider_id"])
        ids = [model["id"] for model in self.models.list(provider_account_id=provider["id"])]
        if any(result["model_id"] in ids for run in self._benchmarks.values() for result in run.now()[1]):
            raise HTTPError(409, "Cannot delete provider with models that have benchmark history")
        for model_id in ids:
            self.models.remove(model_id)
            for check in self._checks.list(model_id=model_id):
                self._checks.remove(check["id"])
        self.providers.remove(provider["id"])

    @route("POST", "/api/v1/benchmarks", status=202, body=_NEW_RUN)
    def _start_benchmark(self, request: Request) -> object:
        """Start a benchmark: its calls run one after the other, and the models take turns."""
        fields, ids = request.fields, request.fields["model_ids"]
        missing = [model_id for model_id in ids if self.models.find(model_id) is None]
        if missing or len(set(ids)) < len(ids):
            raise HTTPError(400, f"Model IDs not found: {', '.join(missing)}")
        results = []
        for turn in range(fields["num_runs"]):
            for model_id in ids:
                call = self.call(self.models.get(model_id), fields["prompt_pack"], fields["max_tokens"], turn)
                results.append({"id": str(uuid4()), **call, "input_tokens": 0, "estimated_cost": None})
        pending = min(self._call_seconds, _PENDING_SECONDS)
        started_at, completed_at = timestamp(), timestamp(pending + len(results) * self._call_seconds)
        name = fields["name"] or f"Benchmark {started_at[:16].replace('T', ' ')}"
        record: Record = {"id": str(uuid4()), "name": name, "status": "completed", "triggered_by": "user"}
        record.update(model_ids=ids, prompt_pack=fields["prompt_pack"], result_count=len(results))
        record.update(started_at=started_at, created_at=started_at)
        record.update(completed_at=completed_at, updated_at=completed_at)
        run = _Run(record, results, time.monotonic() + pending, self._call_seconds)
        self._benchmarks[record["id"]] = run
        return {"id": record["id"], "status": "pending", "message": "Benchmark run started"}

    @route("GET", "/api/v1/benchmarks", query=[*_PAGE, Param("status", default="")])
    def _list_benchmarks(self, request: Request) -> object:
        number, size, status = (request.params[name] for name in ("page", "per_page", "status"))
        runs = [run.now()[0] for run in reversed(list(self._benchmarks.values()))]
        runs = [run for run in runs if status in ("", run["status"])]
        shown = runs[(number - 1) * size : number * size]
        return {"runs": shown, "total": len(runs), "page": number, "per_page": size}

    @route("GET", "/api/v1/benchmarks/{run_id}", params=_RUN_ID)
    def _get_benchmark(self, request: Request) -> object:
        """Return a run, its results and their percentiles."""
        run, results = self._find_run(request)
        succeeded = [result for result in results if result["error"] is None]
        statistics = {
            f"{short}_p{percent}": _percentile(sorted(result[name] for result in succeeded), percent)
            for short, name in (("ttft", "ttft_ms"), ("tps", "tps"))
            for percent in (50, 95, 99)
        }
        return {**run, "results": results, "statistics": statistics}

    @route("GET", "/api/v1/benchmarks/{run_id}/results", params=_RUN_ID)
    def _list_results(self, request: Request) -> object:
        """Return the results; there are none before the end of the run."""
        results = self._find_run(request)[1]
        return {"results": results, "total": len(results)}

    @route("GET", "/api/v1/benchmarks/{run_id}/export", params=_RUN_ID, query=[_FORMAT])
    def _export_benchmark(self, request: Request) -> Reply:
        rows = []
        run, results = self._find_run(request)
        for result in results:
            provider = self.provider_of(self.models.find(result["model_id"]))
            kind = provider.get("provider_type", "Unknown")
            rows.append({**result, "provider": kind, "timestamp": run["completed_at"]})
        head = {name: run[name] for name in ("prompt_pack", "started_at", "completed_at")}
        head.update(run_id=run["id"], run_name=run["name"])
        return _export(f"benchmark_{run['id']}", request.params["format"], head, "results", _COLUMNS, rows)

    @route(WEBSOCKET, "/api/v1/benchmarks/{run_id}/stream")
    def _stream(self, request: Request) -> WebSocketStream:
        """Stream the messages of a run; none if it has ended or is unknown."""
        if not is_uuid(request.params["run_id"]):
            raise HTTPError(403)
        run = self._benchmarks.get(str(UUID(request.params["run_id"])))
        return WebSocketStream(run.messages() if run else iter(()), {"ping": "pong"})

    def _find_run(self, request: Request) -> Tuple[Record, List[Record]]:
        run_id = request.params["run_id"]
        if run_id not in self._benchmarks:
            raise HTTPError(404, f"Benchmark run {run_id} not found")
        return self._benchmarks[run_id].now()


def _select(collection: Collection, params: Mapping[str, Any], *names: str) -> List[Record]:
    """Return the records that match the parameters, newest first, without those in the future."""
    start = params.get("since") or params.get("start_date")
    now = datetime.now(timezone.utc)
    end = min(params.get("end_date") or now, now)
    records = collection.list(newest_first=True, **{name: params[name] for name in names})
    times = [parse_datetime(record["created_at"]) for record in records]
    return [record for record, at in zip(records, times) if (start or at) <= at <= end]


def _export(
    name: str, format: str, head: Mapping[str, Any], key: str, columns: Sequence[str], rows: Sequence[Record]
) -> Reply:
    """Return rows as a CSV file, or as a JSON file with a *head* and the rows under *key*."""
    rows = [{column: row[column] for column in columns} for row in rows]
    if format == "json":
        text, content_type = json.dumps({**head, key: rows}, indent=2), "application/json"
    else:
        file, content_type = io.StringIO(newline=""), "text/csv; charset=utf-8"
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows(rows)
        text = file.getvalue()
    disposition = f'attachment; filename="{name}.{format}"'
    headers = {"content-type": content_type, "content-disposition": disposition}
    return Reply(200, text.encode("utf-8"), headers)


def _percentile(ordered: Sequence[float], percent: int) -> float:
    return ordered[math.ceil(len(ordered) * percent / 100) - 1] if ordered else 0.0
