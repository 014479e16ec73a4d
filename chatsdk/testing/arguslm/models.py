"""ArgusLM's models: how they are listed, named and switched on."""

import re
from typing import Any, Mapping

from ..exchange import Reply, Request
from ..uuids import uuid_rule
from ..validation import Field, boolean, integer, mapping, nullable, parameters, string, text
from .bodies import body
from .errors import refusal
from .registry import Model, Registry

_ID = {"model_id": Field(uuid_rule)}
_FILTERS = {
    "provider_id": Field(uuid_rule, None),
    "enabled_for_monitoring": Field(boolean, None),
    "enabled_for_benchmark": Field(boolean, None),
    "search": Field(string, ""),
    "limit": Field(integer(ge=1, le=500), 50),
    "offset": Field(integer(ge=0), 0),
}
_CHANGES = {
    "custom_name": Field(nullable(string), None),
    "enabled_for_monitoring": Field(nullable(boolean), None),
    "enabled_for_benchmark": Field(nullable(boolean), None),
}
_NEW = {
    "provider_account_id": Field(uuid_rule),
    "model_id": Field(text(min_length=1)),
    "custom_name": Field(nullable(string), None),
    "metadata": Field(nullable(mapping), None),
}
_BAD_MODEL_ID = (
    "Invalid model_id format. Must contain only alphanumeric characters, hyphens, and underscores."
)


class Models:
    """The endpoints under /models."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def list_page(self, request: Request) -> Reply:
        """GET /models: oldest first."""
        asked = parameters(request, {}, _FILTERS)
        limit, offset = asked["limit"], asked["offset"]
        models = [model for model in self._registry.models.values() if _matches(model, asked)]
        models.sort(key=lambda model: (model.created_at, model.id))
        page = models[offset : offset + limit]
        return Reply.json(
            {
                "items": [model.shown(self._registry.provider_of(model)) for model in page],
                "total": len(models),
                "has_more": offset + len(page) < len(models),
                "limit": limit,
                "offset": offset,
            }
        )

    def show(self, request: Request) -> Reply:
        """GET /models/{model_id}."""
        model = self._find(request)
        return Reply.json(model.shown(self._registry.provider_of(model)))

    def update(self, request: Request) -> Reply:
        """PATCH /models/{model_id}: null changes nothing, but as a name it clears the name."""
        model, asked = self._find(request), body(request, _CHANGES)
        name = asked.pop("custom_name")
        if "custom_name" in request.json():
            model.custom_name = name if name and name.strip() else None
        for switch, value in asked.items():
            if value is not None:
                setattr(model, switch, value)
        return Reply.json(model.shown(None))

    def create(self, request: Request) -> Reply:
        """POST /models: the same model may be there twice, and its provider need not exist."""
        asked = body(request, _NEW)
        if not re.fullmatch("[A-Za-z0-9_-]+", asked["model_id"]):
            raise refusal(400, _BAD_MODEL_ID)
        details = asked.pop("metadata") or {}
        model = self._registry.add_model(Model(**asked, source="manual", model_metadata=details))
        return Reply.json(model.shown(None), 201)

    def _find(self, request: Request) -> Model:
        model = self._registry.models.get(parameters(request, _ID, {})["model_id"])
        if model is None:
            raise refusal(404, "Model not found")
        return model


def _matches(model: Model, asked: Mapping[str, Any]) -> bool:
    names = f"{model.model_id}\n{model.custom_name or ''}".lower()
    return (
        asked["provider_id"] in (None, model.provider_account_id)
        and asked["enabled_for_monitoring"] in (None, model.enabled_for_monitoring)
        and asked["enabled_for_benchmark"] in (None, model.enabled_for_benchmark)
        and asked["search"].lower() in names
    )
