"""monGARS's models, and their provisioning."""

import threading
from dataclasses import asdict, dataclass
from typing import Any, Dict, List, Mapping, Optional, Set

from ..exchange import Reply, Request
from ..validation import Field, body, boolean, nullable
from .rules import names
from .tokens import User

_PROFILE = "default"
_FALLBACK = "general"
_REQUEST = {
    "roles": Field(nullable(names("roles", same=str.lower)), None),
    "force": Field(boolean, False),
}


@dataclass(frozen=True)
class Model:
    """What serves one role."""

    role: str
    name: str
    provider: str
    parameters: Mapping[str, Any]
    auto_download: bool
    description: str


def _model(role: str, name: str, top_p: float, num_predict: int, description: str) -> Model:
    parameters = {"top_p": top_p, "num_predict": num_predict, "max_tokens": 4096}
    return Model(role, name, "ollama", parameters, True, description)


_MODELS: Mapping[str, Model] = {
    model.role: model
    for model in (
        _model("general", "dolphin-x1", 0.9, 512, "Dolphin-X1-8B chat checkpoint."),
        _model("coding", "dolphin-x1-llm2vec", 0.9, 512, "Dolphin-X1-8B for coding and embeddings."),
        _model("reasoning", "dolphin-x1", 0.85, 768, "Dolphin-X1-8B for reasoning."),
    )
}
_ADAPTERS = {
    "general": "dolphin-x1-chat-baseline",
    "coding": "dolphin-x1-coding-baseline",
    "reasoning": "dolphin-x1-reasoning-baseline",
}


def configuration(request: Request, user: User) -> Reply:
    """GET /api/v1/models."""
    models = {role: asdict(model) for role, model in _MODELS.items()}
    return Reply.json(
        {
            "active_profile": _PROFILE,
            "available_profiles": [_PROFILE],
            "profile": {"name": _PROFILE, "models": models},
        }
    )


class Provisioning:
    """POST /api/v1/models/provision. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ensured: Set[str] = set()

    def provision(self, request: Request, user: User) -> Reply:
        """Install what is not there yet; the adapters have no source and fail, as far as is seen."""
        asked = body(request, _REQUEST)
        roles = [role.lower() for role in asked["roles"] or sorted(_MODELS)]
        statuses: List[Dict[str, Any]] = []
        with self._lock:
            for role in roles:
                statuses += self._ensure(role, asked["force"])
        return Reply.json({"statuses": statuses})

    def _ensure(self, role: str, force: bool) -> List[Dict[str, Any]]:
        # The service answers for an unknown role with the row of another one.
        model = _MODELS.get(role, _MODELS[_FALLBACK])
        if role in self._ensured and not force:
            return [_status(model.role, model.name, model.provider, "skipped", "already_ensured")]
        self._ensured.add(role)
        adapter = _ADAPTERS[model.role]
        return [
            _status(model.role, model.name, model.provider, "installed"),
            _status(f"{model.role}:{adapter}", adapter, "adapter", "error", "source_missing"),
        ]


def _status(role: str, name: str, provider: str, action: str, detail: Optional[str] = None) -> Dict[str, Any]:
    return {"role": role, "name": name, "provider": provider, "action": action, "detail": detail}
