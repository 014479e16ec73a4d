"""Zaguan's models, their bands and what they can do."""

from dataclasses import dataclass
from typing import Any, Dict, List, Optional

TIER = "pro"
BANDS = ["A", "B", "C"]
TOP_BAND = "D"
TOP_TIER = "platinum"
CREDITS_PER_CALL = {"A": 1, "B": 5, "C": 10}

_CREATED = 1735689600


@dataclass(frozen=True)
class ModelCard:
    """One model of the catalogue."""

    id: str
    band: str
    context: Optional[int]
    vision: bool = False
    reasoning: bool = False
    description: Optional[str] = None
    bare: bool = False  # some models come with nothing but their id

    def listed(self) -> Dict[str, Any]:
        """The model as GET /v1/models shows it."""
        entry: Dict[str, Any] = {"id": self.id, "object": "model"}
        if not self.bare:
            entry.update(created=_CREATED, owned_by=provider_of(self.id))
        if self.description is not None:
            entry.update(description=self.description, metadata={"band": self.band})
        return entry

    def capabilities(self) -> Dict[str, Any]:
        """The model as GET /v1/capabilities shows it."""
        return {
            "model_id": self.id,
            "supports_vision": self.vision,
            "supports_tools": not self.bare,
            "supports_reasoning": self.reasoning,
            "max_context_tokens": self.context,
            "provider_specific": None if self.bare else {"flex": not self.reasoning},
        }


MODELS: List[ModelCard] = [
    ModelCard("openai/gpt-4o-mini", "A", 128000, vision=True),
    ModelCard("openai/gpt-4o", "B", 128000, vision=True),
    ModelCard("anthropic/claude-3-5-sonnet-20241022", "B", 200000, vision=True, description="Best overall"),
    ModelCard("deepseek/deepseek-reasoner", "C", 65536, reasoning=True),
    ModelCard("fireworks/accounts/fireworks/models/llama-v3p1-70b-instruct", "A", None, bare=True),
    ModelCard("platinum/o1-pro", TOP_BAND, 200000, reasoning=True),
]
_BANDS = {model.id: model.band for model in MODELS}


def provider_of(model: str) -> str:
    """The part of a model's name before the first slash."""
    return model.partition("/")[0]


def band_of(model: str) -> str:
    """The band of a model; those that are not in the catalogue are cheap."""
    if provider_of(model) == TOP_TIER:
        return TOP_BAND
    return _BANDS.get(model, "A")
