"""One benchmark run: its calls take their time, but how they will go is settled when it starts."""

import json
import math
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Dict, Iterator, List, Optional, Sequence, Tuple

from .calls import Call
from .registry import Model, Provider, new_id
from .times import whole_seconds


@dataclass(frozen=True)
class Result:
    """One call of one model, with the name that the model had."""

    model_id: str
    model_name: str
    call: Call
    id: str = field(default_factory=new_id)

    def metrics(self) -> Dict[str, Any]:
        """The numbers of the call."""
        return {
            "ttft_ms": self.call.ttft_ms,
            "tps": self.call.tps,
            "tps_excluding_ttft": self.call.tps_excluding_ttft,
            "total_latency_ms": self.call.total_latency_ms,
            "input_tokens": 0,
            "output_tokens": self.call.output_tokens,
        }

    def shown(self, model: Optional[Model]) -> Dict[str, Any]:
        """The result as the service shows it; the model may be gone."""
        return {
            "id": self.id,
            "model_id": self.model_id,
            "model_name": model.name if model else None,
            **self.metrics(),
            "estimated_cost": None,
            "error": self.call.error,
        }

    def exported(self, model: Optional[Model], provider: Optional[Provider], when: str) -> Dict[str, Any]:
        """The result as it stands in an export."""
        return {
            "model_name": model.name if model else "Unknown",
            "provider": provider.provider_type if provider else "Unknown",
            **self.metrics(),
            "error": self.call.error,
            "timestamp": when,
        }

    def told(self) -> Dict[str, Any]:
        """The result as the live stream tells it."""
        return {
            "model_id": self.model_id,
            "model_name": self.model_name,
            "ttft_ms": self.call.ttft_ms,
            "tps": self.call.tps_excluding_ttft,
            "error": self.call.error,
        }


@dataclass(frozen=True)
class Run:
    """A run, seen at any time: every `clock` is a value of `time.monotonic()`.

    It is asked for at `started_at`, which is `asked` by the clock, and begins at `begins`.
    """

    name: str
    model_ids: Sequence[str]
    prompt_pack: str
    started_at: datetime
    asked: float
    begins: float
    call_seconds: float
    coming: Sequence[Result]
    id: str = field(default_factory=new_id)

    @property
    def ends(self) -> float:
        """When the last call has gone through."""
        return self._time_of(len(self.coming))

    @property
    def completed_at(self) -> datetime:
        """The same, as a date."""
        return self.started_at + timedelta(seconds=self.ends - self.asked)

    def _time_of(self, count: int) -> float:
        return self.begins + count * self.call_seconds

    def results(self, clock: float) -> Sequence[Result]:
        """The results: none while the run lasts, then all at once."""
        return self.coming if clock >= self.ends else ()

    def shown(self, clock: float) -> Dict[str, Any]:
        """The run as the service shows it."""
        status, updated_at, completed_at = "pending", self.started_at, None
        if clock >= self.ends:
            status, updated_at, completed_at = "completed", self.completed_at, self.completed_at
        elif clock >= self.begins:
            status = "running"
        return {
            "id": self.id,
            "name": self.name,
            "status": status,
            "model_ids": self.model_ids,
            "prompt_pack": self.prompt_pack,
            "triggered_by": "user",
            "started_at": self.started_at.isoformat(),
            "completed_at": completed_at and completed_at.isoformat(),
            "result_count": len(self.results(clock)),
            "created_at": whole_seconds(self.started_at),
            "updated_at": whole_seconds(updated_at),
        }

    def texts(self, clock: float) -> Iterator[Tuple[float, str]]:
        """What the live stream tells somebody who comes at this time, and when."""
        if clock >= self.ends:
            return
        total, done = len(self.coming), 0
        if clock < self.begins:
            yield self.begins, _text(type="progress", status="running")
        else:
            done = sum(self._time_of(count) <= clock for count in range(1, total))
            yield clock, _text(type="progress", completed=done, total=total, current_model=None)
        for count, result in enumerate(self.coming[done:], start=done + 1):
            name = result.model_name
            yield (
                self._time_of(count),
                _text(type="progress", completed=count, total=total, current_model=name),
            )
            yield self._time_of(count), _text(type="result", data=result.told())
        yield self.ends, _text(type="complete", status="completed")


def _text(**fields: Any) -> str:
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":"))


def statistics(results: Sequence[Result]) -> Dict[str, float]:
    """The percentiles of the results without an error."""
    calls = [result.call for result in results if result.call.error is None]
    series = {"ttft": [call.ttft_ms for call in calls], "tps": [call.tps for call in calls]}
    return {
        f"{name}_p{percent}": _percentile(sorted(values), percent)
        for name, values in series.items()
        for percent in (50, 95, 99)
    }


def _percentile(ordered: List[float], percent: int) -> float:
    if not ordered:
        return 0.0
    position = (len(ordered) - 1) * percent / 100
    lower, upper = ordered[math.floor(position)], ordered[math.ceil(position)]
    return lower + (upper - lower) * (position - math.floor(position))
