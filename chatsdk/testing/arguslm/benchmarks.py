"""ArgusLM's benchmarks: runs, their results and statistics, live or afterwards."""

import time
from typing import Any, Dict, Iterator, List, Mapping, Sequence

from ..exchange import Feed, Reply, Request
from ..uuids import uuid_rule
from ..validation import Field, array, integer, nullable, parameters, string, text
from .bodies import body
from .calls import call
from .errors import refusal
from .exports import csv_file, json_file
from .registry import Registry
from .runs import Result, Run, statistics
from .times import now, whole_seconds

_ID = {"run_id": Field(uuid_rule)}
_NEW = {
    "model_ids": Field(array(uuid_rule, min_length=1)),
    "prompt_pack": Field(string),
    "name": Field(nullable(string), None),
    "max_tokens": Field(integer(ge=1, le=4096), 200),
    "num_runs": Field(integer(ge=1, le=10), 3),
}
_LIST = {
    "page": Field(integer(ge=1), 1),
    "per_page": Field(integer(ge=1, le=100), 20),
    "status": Field(string, ""),
}
_EXPORT = {"format": Field(text(pattern="^(json|csv)$"), "json")}
_COLUMNS = (
    "model_name",
    "provider",
    "ttft_ms",
    "tps",
    "tps_excluding_ttft",
    "total_latency_ms",
    "input_tokens",
    "output_tokens",
    "error",
    "timestamp",
)
# A run begins a little later than it is asked for, so that who connects at once sees it begin.
_PENDING_SECONDS = 0.1
_KEEP_ALIVE = '{"type":"ping"}'


class Benchmarks:
    """The endpoints under /benchmarks."""

    def __init__(self, registry: Registry, call_seconds: float) -> None:
        self._registry = registry
        self._call_seconds = call_seconds
        self._runs: Dict[str, Run] = {}

    def has_results(self, model_id: str) -> bool:
        """Whether there are results of a model."""
        clock = time.monotonic()
        return any(
            result.model_id == model_id for run in self._runs.values() for result in run.results(clock)
        )

    def start(self, request: Request) -> Reply:
        """POST /benchmarks: one call after the other, each model in its turn."""
        asked = body(request, _NEW)
        ids = asked["model_ids"]
        missing = [model_id for model_id in ids if model_id not in self._registry.models]
        if missing or len(set(ids)) < len(ids):
            raise refusal(400, f"Model IDs not found: {', '.join(missing)}")
        started_at, clock = now(), time.monotonic()
        run = Run(
            name=asked["name"] or f"Benchmark {started_at:%Y-%m-%d %H:%M}",
            model_ids=ids,
            prompt_pack=asked["prompt_pack"],
            started_at=started_at,
            asked=clock,
            begins=clock + min(self._call_seconds, _PENDING_SECONDS),
            call_seconds=self._call_seconds,
            coming=list(self._call_all(asked)),
        )
        self._runs[run.id] = run
        return Reply.json({"id": run.id, "status": "pending", "message": "Benchmark run started"}, 202)

    def _call_all(self, asked: Mapping[str, Any]) -> Iterator[Result]:
        models = [self._registry.models[model_id] for model_id in asked["model_ids"]]
        for turn in range(asked["num_runs"]):
            for model in models:
                provider = self._registry.provider_of(model)
                made = call(model, provider, asked["prompt_pack"], asked["max_tokens"], turn)
                yield Result(model.id, model.name, made)

    def list_page(self, request: Request) -> Reply:
        """GET /benchmarks: newest first."""
        asked, clock = parameters(request, {}, _LIST), time.monotonic()
        page, per_page = asked["page"], asked["per_page"]
        runs = [run.shown(clock) for run in self._runs.values()]
        runs = [run for run in runs if asked["status"] in ("", run["status"])]
        runs.sort(key=lambda run: str(run["created_at"]), reverse=True)
        start = (page - 1) * per_page
        shown = runs[start : start + per_page]
        return Reply.json({"runs": shown, "total": len(runs), "page": page, "per_page": per_page})

    def show(self, request: Request) -> Reply:
        """GET /benchmarks/{run_id}."""
        run, clock = self._find(request), time.monotonic()
        results = run.results(clock)
        return Reply.json(
            {**run.shown(clock), "results": self._shown(results), "statistics": statistics(results)}
        )

    def list_results(self, request: Request) -> Reply:
        """GET /benchmarks/{run_id}/results."""
        results = self._shown(self._find(request).results(time.monotonic()))
        return Reply.json({"results": results, "total": len(results)})

    def _shown(self, results: Sequence[Result]) -> List[Dict[str, Any]]:
        return [result.shown(self._registry.models.get(result.model_id)) for result in results]

    def export(self, request: Request) -> Reply:
        """GET /benchmarks/{run_id}/export."""
        asked, clock = parameters(request, _ID, _EXPORT), time.monotonic()
        run = self._find(request)
        name, shown, rows = f"benchmark_{run.id}", run.shown(clock), self._exported(run, clock)
        if asked["format"] == "csv":
            return csv_file(name, _COLUMNS, rows)
        head = {name: shown[name] for name in ("prompt_pack", "started_at", "completed_at")}
        return json_file(name, {"run_id": run.id, "run_name": run.name, **head, "results": rows})

    def _exported(self, run: Run, clock: float) -> List[Dict[str, Any]]:
        rows, when = [], whole_seconds(run.completed_at)
        for result in run.results(clock):
            model = self._registry.models.get(result.model_id)
            rows.append(result.exported(model, self._registry.provider_of(model), when))
        return rows

    def stream(self, run_id: str) -> Feed:
        """WebSocket /benchmarks/{run_id}/stream: says nothing of runs that are over or unknown."""
        run = self._runs.get(run_id)
        texts = iter(()) if run is None else run.texts(time.monotonic())
        return Feed(texts, keep_alive=_KEEP_ALIVE, replies={"ping": "pong"})

    def _find(self, request: Request) -> Run:
        run_id = parameters(request, _ID, {})["run_id"]
        if run_id not in self._runs:
            raise refusal(404, f"Benchmark run {run_id} not found")
        return self._runs[run_id]
