"""ArgusLM's providers: accounts, tests of their keys, discovery of their models."""

import uuid
from typing import Any, Callable, Dict, Mapping

from ..exchange import Reply, Request
from ..uuids import uuid_rule
from ..validation import Field, boolean, mapping, nullable, parameters, string
from .bodies import body
from .calls import key_problem
from .catalogue import BEDROCK, LOCAL, MODELS, listed_specs
from .errors import HAS_HISTORY, NO_CONTENT, crash, refusal
from .registry import Model, Provider, Registry, timestamp

HasHistory = Callable[[str], bool]
Forget = Callable[[str], None]

_ID = {"provider_id": Field(uuid_rule)}
_NEW = {
    "provider_type": Field(string),
    "display_name": Field(string),
    "credentials": Field(mapping, {}),
}
_CHANGES = {
    "display_name": Field(nullable(string), None),
    "credentials": Field(nullable(mapping), None),
    "enabled": Field(nullable(boolean), None),
}
_LATENCY_MS = 3


class Providers:
    """The endpoints under /providers.

    `has_history` says whether there are benchmark results of a model, `forget` removes what else
    was kept of it.
    """

    def __init__(self, registry: Registry, has_history: HasHistory, forget: Forget) -> None:
        self._registry = registry
        self._has_history = has_history
        self._forget = forget

    def list_all(self, request: Request) -> Reply:
        """GET /providers: oldest first."""
        providers = [provider.shown() for provider in self._registry.providers.values()]
        return Reply.json({"providers": providers, "total": len(providers)})

    def list_specs(self, request: Request) -> Reply:
        """GET /providers/catalog."""
        return Reply.json(listed_specs())

    def create(self, request: Request) -> Reply:
        """POST /providers: any type is taken."""
        asked = body(request, _NEW)
        _check_public(asked["credentials"])
        provider = self._registry.add_provider(Provider(**asked))
        return Reply.json(provider.shown(), 201)

    def show(self, request: Request) -> Reply:
        """GET /providers/{provider_id}."""
        return Reply.json(self._find(request).shown())

    def update(self, request: Request) -> Reply:
        """PATCH /providers/{provider_id}: null changes nothing."""
        provider, asked = self._find(request), body(request, _CHANGES)
        _check_public(asked["credentials"] or {})
        for name, value in asked.items():
            if value is not None:
                setattr(provider, name, value)
        provider.updated_at = timestamp()
        return Reply.json(provider.shown())

    def delete(self, request: Request) -> Reply:
        """DELETE /providers/{provider_id}: with its models and their uptime checks."""
        provider = self._find(request)
        models = self._registry.models_of(provider.id)
        if any(self._has_history(model.id) for model in models):
            raise refusal(409, HAS_HISTORY)
        for model in models:
            del self._registry.models[model.id]
            self._forget(model.id)
        del self._registry.providers[provider.id]
        return NO_CONTENT

    def test_new(self, request: Request) -> Reply:
        """POST /providers/test-connection."""
        asked = body(request, _NEW)
        return Reply.json(_tested(asked["provider_type"], asked["credentials"]))

    def test(self, request: Request) -> Reply:
        """POST /providers/{provider_id}/test."""
        provider = self._find(request)
        return Reply.json(_tested(provider.provider_type, provider.credentials))

    def refresh_models(self, request: Request) -> Reply:
        """POST /providers/{provider_id}/refresh-models: without a good key no model is found."""
        provider = self._find(request)
        kind = provider.provider_type
        if kind not in MODELS:
            raise refusal(400, f"Model discovery not supported for provider type: {kind}")
        problem = key_problem(kind, provider.credentials)
        if problem is not None and kind == BEDROCK:
            raise refusal(500, "AWS Bedrock discovery failed: Unable to locate credentials")
        found = {} if problem is not None else MODELS[kind]
        added = self._add_models(provider, found)
        message = f"Discovered {len(found)} models, added {added} new models"
        return Reply.json({"success": True, "models_discovered": len(found), "message": message})

    def _add_models(self, provider: Provider, found: Mapping[str, int]) -> int:
        known = {model.model_id for model in self._registry.models_of(provider.id)}
        new = [model_id for model_id in found if model_id not in known]
        for model_id in new:
            details = {"context_window": found[model_id]}
            self._registry.add_model(Model(provider.id, model_id, "discovered", model_metadata=details))
        return len(new)

    def _find(self, request: Request) -> Provider:
        provider_id = parameters(request, _ID, {})["provider_id"]
        provider = self._registry.providers.get(provider_id)
        if provider is None:
            raise refusal(404, f"Provider account {provider_id} not found")
        return provider


def _check_public(credentials: Mapping[str, Any]) -> None:
    """Crash where the service does: it shows these without looking at them."""
    if not all(isinstance(credentials.get(name), (str, type(None))) for name in ("base_url", "region")):
        raise crash()


def _tested(kind: str, credentials: Mapping[str, Any]) -> Dict[str, Any]:
    if kind in LOCAL:
        return _tested_locally(len(MODELS[kind]), credentials)
    problem = key_problem(kind, credentials)
    if problem is not None:
        return _result(False, f"Connection test failed: {problem.message}", error_type=problem.kind)
    model = next(iter(MODELS.get(kind, ["gpt-3.5-turbo"])))
    response_id = f"chatcmpl-{uuid.uuid4().hex}"
    return _result(True, f"Successfully connected to {kind}", model_tested=model, response_id=response_id)


def _tested_locally(models: int, credentials: Mapping[str, Any]) -> Dict[str, Any]:
    if not credentials.get("base_url"):
        return _result(False, "Base URL is required for local providers")
    message = f"Server reachable, {models} model(s) available ({_LATENCY_MS}ms)"
    return _result(True, message, models_found=models, latency_ms=_LATENCY_MS)


def _result(success: bool, message: str, **details: Any) -> Dict[str, Any]:
    return {"success": success, "message": message, "details": details}
