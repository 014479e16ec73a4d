"""Uptime checks: what a monitoring run finds."""

from dataclasses import dataclass, field
from typing import Any, Dict, Optional

from .calls import Call
from .registry import Model, Provider, new_id


@dataclass(frozen=True)
class Check:
    """One model at one time."""

    model: Model
    call: Call
    created_at: str
    id: str = field(default_factory=new_id)

    @property
    def status(self) -> str:
        """Whether the model answered."""
        return "up" if self.call.error is None else "down"

    def metrics(self) -> Dict[str, Any]:
        """The numbers of the call; a model that is down has none."""
        names = ("latency_ms", "ttft_ms", "tps", "output_tokens")
        call = self.call
        if call.error is not None:
            return dict.fromkeys(names)
        return dict(
            zip(names, (call.total_latency_ms, call.ttft_ms, call.tps_excluding_ttft, call.output_tokens))
        )

    def shown(self, model: Optional[Model], provider: Optional[Provider]) -> Dict[str, Any]:
        """The check as the service shows it; the model may be gone, and its provider too."""
        return {
            "id": self.id,
            "model_id": self.model.id,
            "model_name": model.name if model else "Unknown",
            "provider_type": provider.provider_type if provider else None,
            "status": self.status,
            **self.metrics(),
            "error": self.call.error,
            "created_at": self.created_at,
        }

    def exported(self, model: Optional[Model], provider: Optional[Provider]) -> Dict[str, Any]:
        """The check as it stands in an export."""
        return {
            "model_name": model.name if model else "Unknown",
            "provider": provider.provider_type if provider else "Unknown",
            "status": self.status,
            "latency_ms": self.metrics()["latency_ms"],
            "error": self.call.error,
            "timestamp": self.created_at,
        }
