"""ArgusLM: the service, and its benchmarks over polling and WebSockets."""

from __future__ import annotations

import math
import time
from typing import Dict, Iterator, List, Optional, Sequence, Tuple
from uuid import UUID, uuid4

from .arguslm_models import METRICS, PROVIDER_ID, timestamp
from .arguslm_monitoring import FORMAT, Monitoring, export
from .chat import ChatModel
from .collection import Record
from .exchange import HTTPError, Reply, Request, WebSocketStream, dumps
from .routing import WEBSOCKET, route
from .validation import Param, is_uuid

_MODELS = (("gpt-4o", "Primary GPT-4"), ("gpt-4o-mini", None), ("gpt-4-broken", None))
_ACCOUNT = {"provider_type": "openai", "display_name": "OpenAI", "credentials": {"api_key": "sk-local"}}
_RULE = {"name": "Any model down", "rule_type": "any_model_down", "target_model_id": None}
_RULE_SWITCHES = {"target_model_name": None, "enabled": True, "notify_in_app": True}
_RUN_ID = [Param("run_id", UUID)]
_COUNTS = [Param("max_tokens", int, 200, min=1, max=4096), Param("num_runs", int, 3, min=1, max=10)]
_MODEL_IDS = Param("model_ids", list, min=1, items=Param("", UUID))
_NEW_RUN = [_MODEL_IDS, Param("prompt_pack"), Param("name", default=None), *_COUNTS]
_PAGE = [
    Param("page", int, 1, min=1),
    Param("per_page", int, 20, min=1, max=100),
    Param("status", default=""),
]
_COLUMNS = ("model_name", "provider", *METRICS, "input_tokens", "output_tokens", "error", "timestamp")
# A run begins this much later than it is started, so that who connects at once sees it begin.
_PENDING_SECONDS = 0.1


class _Run:
    """A benchmark: polls see its results at the end, WebSockets one by one.

    `record` is the run as it is at its end; `begins` is a time of `time.monotonic()`.
    """

    def __init__(self, record: Record, results: List[Record], begins: float, call_seconds: float) -> None:
        self._record, self._results, self._begins = record, results, begins
        self._frames = [(begins, dumps({"type": "progress", "status": "running"}))]
        for count, result in enumerate(results, 1):
            data = {name: result[name] for name in ("model_id", "model_name", "ttft_ms", "error")}
            data["tps"] = result["tps_excluding_ttft"]
            when = begins + count * call_seconds
            self._frames.append((when, self._progress(count, result["model_name"])))
            self._frames.append((when, dumps({"type": "result", "data": data})))
        self._ends = begins + len(results) * call_seconds
        self._frames.append((self._ends, dumps({"type": "complete", "status": "completed"})))

    def now(self) -> Tuple[Record, List[Record]]:
        """The run as it is now, and its results; none before the end."""
        clock = time.monotonic()
        if clock >= self._ends:
            return self._record, self._results
        status = "running" if clock >= self._begins else "pending"
        changes = {"status": status, "completed_at": None, "updated_at": self._record["created_at"]}
        return {**self._record, **changes, "result_count": 0}, []

    def frames(self) -> Iterator[Tuple[float, str]]:
        """What is sent to a client that connects now, and when; nothing after the end."""
        now = time.monotonic()
        left = [frame for frame in self._frames if frame[0] > now]
        if left and now >= self._begins:
            left.insert(0, (now, self._progress((len(self._frames) - len(left)) // 2, None)))
        return iter(left)

    def _progress(self, completed: int, name: Optional[str]) -> str:
        total = len(self._results)
        return dumps({"type": "progress", "completed": completed, "total": total, "current_model": name})


class ArgusLM(Monitoring):
    """The stand-in of ArgusLM: at first one provider, two models that answer and one that is down."""

    def __init__(self, model: ChatModel, call_seconds: float) -> None:
        super().__init__(model, call_seconds)
        self._benchmarks: Dict[str, _Run] = {}
        provider = self.add_provider(_ACCOUNT)
        for model_id, name in _MODELS:
            self.add_model(provider["id"], model_id, custom_name=name, enabled_for_monitoring=True)
        self.add_rule({**_RULE, **_RULE_SWITCHES})
        for minutes in (45, 30, 15):
            self.add_checks(timestamp(-60 * minutes))

    @route("DELETE", "/api/v1/providers/{provider_id}", status=204, params=PROVIDER_ID)
    def _delete_provider(self, request: Request) -> None:
        """With its models and their checks, unless one of them has results."""
        provider = self.providers.get(request.params["provider_id"])
        ids = [model["id"] for model in self.models.list(provider_account_id=provider["id"])]
        if any(result["model_id"] in ids for run in self._benchmarks.values() for result in run.now()[1]):
            raise HTTPError(409, "Cannot delete provider with models that have benchmark history")
        for model_id in ids:
            self.models.remove(model_id)
            self.remove_checks(model_id)
        self.providers.remove(provider["id"])

    @route("POST", "/api/v1/benchmarks", status=202, body=_NEW_RUN)
    def _start_benchmark(self, request: Request) -> object:
        """One call after the other, each model in its turn."""
        asked, ids = request.fields, request.fields["model_ids"]
        missing = [model_id for model_id in ids if self.models.find(model_id) is None]
        if missing or len(set(ids)) < len(ids):
            raise HTTPError(400, f"Model IDs not found: {', '.join(missing)}")
        coming = []
        for turn in range(asked["num_runs"]):
            for model_id in ids:
                call = self.call(self.models.get(model_id), asked["prompt_pack"], asked["max_tokens"], turn)
                coming.append({"id": str(uuid4()), **call, "input_tokens": 0, "estimated_cost": None})
        pending = min(self.call_seconds, _PENDING_SECONDS)
        started_at, completed_at = timestamp(), timestamp(pending + len(coming) * self.call_seconds)
        name = asked["name"] or f"Benchmark {started_at[:16].replace('T', ' ')}"
        record: Record = {"id": str(uuid4()), "name": name, "status": "completed", "triggered_by": "user"}
        record.update(model_ids=ids, prompt_pack=asked["prompt_pack"], result_count=len(coming))
        record.update(started_at=started_at, created_at=started_at)
        record.update(completed_at=completed_at, updated_at=completed_at)
        run = _Run(record, coming, time.monotonic() + pending, self.call_seconds)
        self._benchmarks[record["id"]] = run
        return {"id": record["id"], "status": "pending", "message": "Benchmark run started"}

    @route("GET", "/api/v1/benchmarks", query=_PAGE)
    def _list_benchmarks(self, request: Request) -> object:
        number, size, status = (request.params[param.name] for param in _PAGE)
        runs = [run.now()[0] for run in reversed(list(self._benchmarks.values()))]
        runs = [run for run in runs if status in ("", run["status"])]
        shown = runs[(number - 1) * size : number * size]
        return {"runs": shown, "total": len(runs), "page": number, "per_page": size}

    @route("GET", "/api/v1/benchmarks/{run_id}", params=_RUN_ID)
    def _get_benchmark(self, request: Request) -> object:
        """The run, its results and their percentiles."""
        run, results = self._find_run(request)
        good = [result for result in results if result["error"] is None]
        statistics = {
            f"{short}_p{percent}": _percentile(sorted(result[name] for result in good), percent)
            for short, name in (("ttft", "ttft_ms"), ("tps", "tps"))
            for percent in (50, 95, 99)
        }
        return {**run, "results": results, "statistics": statistics}

    @route("GET", "/api/v1/benchmarks/{run_id}/results", params=_RUN_ID)
    def _list_results(self, request: Request) -> object:
        """None before the end."""
        results = self._find_run(request)[1]
        return {"results": results, "total": len(results)}

    @route("GET", "/api/v1/benchmarks/{run_id}/export", params=_RUN_ID, query=[FORMAT])
    def _export_benchmark(self, request: Request) -> Reply:
        rows = []
        run, results = self._find_run(request)
        for result in results:
            provider = self.provider_of(self.models.find(result["model_id"]))
            kind = provider.get("provider_type", "Unknown")
            rows.append({**result, "provider": kind, "timestamp": run["completed_at"]})
        head = {name: run[name] for name in ("prompt_pack", "started_at", "completed_at")}
        head.update(run_id=run["id"], run_name=run["name"])
        return export(f"benchmark_{run['id']}", request.params["format"], head, "results", _COLUMNS, rows)

    @route(WEBSOCKET, "/api/v1/benchmarks/{run_id}/stream")
    def _stream(self, request: Request) -> WebSocketStream:
        """A run that is over or unknown is silent."""
        if not is_uuid(request.params["run_id"]):
            raise HTTPError(403)
        run = self._benchmarks.get(str(UUID(request.params["run_id"])))
        return WebSocketStream(run.frames() if run else iter(()), {"ping": "pong"})

    def _find_run(self, request: Request) -> Tuple[Record, List[Record]]:
        run_id = request.params["run_id"]
        if run_id not in self._benchmarks:
            raise HTTPError(404, f"Benchmark run {run_id} not found")
        return self._benchmarks[run_id].now()


def _percentile(ordered: Sequence[float], percent: int) -> float:
    return ordered[math.ceil(len(ordered) * percent / 100) - 1] if ordered else 0.0
