"""monGARS's reports of load: those of its peers, and its own once it has something to do."""

import math
import threading
from datetime import timezone
from typing import Any, Dict, Mapping, NamedTuple

from ..datetimes import datetime_rule
from ..exchange import Reply, Request
from ..validation import Field, body, integer, nullable, number, string, text
from . import clock
from .tokens import User

_KEPT_SECONDS = 120.0
_LOAD = {
    "scheduler_id": Field(nullable(string), None),
    "queue_depth": Field(integer(ge=0), 0),
    "active_workers": Field(integer(ge=0), 0),
    "concurrency": Field(integer(ge=0), 0),
    "load_factor": Field(number(ge=0.0), 0.0),
}
_REPORT = {
    **_LOAD,
    "worker_uptime_seconds": Field(number(ge=0.0), 0.0),
    "tasks_processed": Field(integer(ge=0), 0),
    "tasks_failed": Field(integer(ge=0), 0),
    "task_failure_rate": Field(number(ge=0.0), 0.0),
    "observed_at": Field(nullable(datetime_rule), None),
    "source": Field(nullable(text(max_length=2048)), None),
}
_IDLE = {name: field.default for name, field in _LOAD.items()}
_LOCAL = "local"


class Report(NamedTuple):
    """A report, and when it came."""

    received: float
    row: Mapping[str, Any]


class Telemetry:
    """The reports of the last two minutes. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._reports: Dict[object, Report] = {}
        self._started = clock.now()
        self._tasks = 0

    def count_task(self) -> None:
        """This server has done something: report it."""
        with self._lock:
            self._tasks += 1
            self._keep(_LOCAL, _row(self._own(), _LOCAL))

    def publish(self, request: Request, user: User) -> Reply:
        """POST /api/v1/peer/telemetry: replaces what came from the same source or scheduler."""
        report = body(request, _REPORT)
        source = (report["source"] or "").rstrip("/")
        key = source or report["scheduler_id"] or object()
        with self._lock:
            self._keep(key, _row(report, source or report["source"]))
        return Reply.json({"status": "accepted"}, 202)

    def list_reports(self, request: Request, user: User) -> Reply:
        """GET /api/v1/peer/telemetry: the one that was observed last comes first."""
        with self._lock:
            self._forget_old()
            rows = [report.row for report in self._reports.values()]
        rows.sort(key=lambda row: row["observed_at"], reverse=True)
        return Reply.json(
            {"telemetry": [{**row, "observed_at": clock.iso(row["observed_at"])} for row in rows]}
        )

    def load(self, request: Request, user: User) -> Reply:
        """GET /api/v1/peer/load."""
        with self._lock:
            own = self._own() if self._tasks else _IDLE
        return Reply.json({name: own[name] for name in _LOAD})

    def _keep(self, key: object, row: Mapping[str, Any]) -> None:
        self._forget_old()
        self._reports[key] = Report(clock.now(), row)

    def _forget_old(self) -> None:
        oldest = clock.now() - _KEPT_SECONDS
        self._reports = {key: found for key, found in self._reports.items() if found.received >= oldest}

    def _own(self) -> Dict[str, Any]:
        own = {name: field.default for name, field in _REPORT.items()}
        uptime = round(clock.now() - self._started, 3)
        own.update(scheduler_id="local-scheduler", concurrency=1)
        own.update(worker_uptime_seconds=uptime, tasks_processed=self._tasks)
        return own


def _row(report: Mapping[str, Any], source: Any) -> Dict[str, Any]:
    row: Dict[str, Any] = {name: 0.0 if value == math.inf else value for name, value in report.items()}
    observed_at = row["observed_at"] or clock.moment(clock.now())
    row["observed_at"] = observed_at if observed_at.tzinfo else observed_at.replace(tzinfo=timezone.utc)
    row["concurrency"] = max(1, row["concurrency"])
    row["source"] = source
    return row
