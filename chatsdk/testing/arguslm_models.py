"""Fake ArgusLM: providers, their models, and calls of the models."""

from __future__ import annotations

import re
import socket
import uuid
import zlib
from typing import Any, Mapping, Optional, Sequence
from urllib.parse import urlsplit
from uuid import UUID

from .chat import ChatModel
from .collection import Collection, Record, timestamp
from .exchange import HTTPError, Request
from .routing import FakeService, route
from .validation import Param

PROMPT_PACKS = {  # tokens per answer
    "health_check": 30,
    "shakespeare": 150,
    "synthetic_short": 50,
    "synthetic_medium": 200,
    "synthetic_long": 500,
    "code_generation": 150,
    "reasoning": 100,
}
PACK_NAMES = ", ".join(sorted(PROMPT_PACKS))
# The types of providers, with the models that each lists.
_TYPES: Mapping[str, Sequence[str]] = {
    "openai": ("gpt-4o", "gpt-4o-mini", "gpt-4.1", "o3-mini"),
    "anthropic": ("claude-3-5-sonnet-20241022", "claude-3-5-haiku-20241022"),
    "ollama": ("llama3:8b", "mistral:7b"),
    "lm_studio": ("qwen2.5-7b-instruct", "phi-4"),
    "custom_openai_compatible": ("org/model-a", "org/model-b"),
}
_NO_API_KEY = ("ollama", "lm_studio")
METRICS = ("ttft_ms", "tps", "tps_excluding_ttft", "total_latency_ms")

PROVIDER_ID = [Param("provider_id", UUID)]
_VISIBLE = [Param("base_url", default=None), Param("region", default=None)]  # credentials in answers
_CREDENTIALS = Param("credentials", dict, {}, fields=_VISIBLE)
_NEW_CREDENTIALS = Param("credentials", dict, None, fields=_VISIBLE)
_NEW_PROVIDER = [Param("provider_type"), Param("display_name"), _CREDENTIALS]
_PROVIDER_CHANGES = [Param("display_name", default=None), Param("enabled", bool, None), _NEW_CREDENTIALS]
_MODEL_ID = [Param("model_id", UUID)]
_SWITCHES = [Param("enabled_for_monitoring", bool, None), Param("enabled_for_benchmark", bool, None)]
_FILTERS = [Param("provider_id", UUID, None), *_SWITCHES, Param("search", default="")]
_NAME = Param("custom_name", default=None)
_METADATA = Param("metadata", dict, None)
_NEW_MODEL = [Param("provider_account_id", UUID), Param("model_id", min=1), _NAME, _METADATA]
_BAD_ID = "Invalid model_id format. Must contain only alphanumeric characters, hyphens, and underscores."


def paging(limit: int, maximum: int) -> Sequence[Param]:
    """Return the query parameters of a paged list."""
    return Param("limit", int, limit, min=1, max=maximum), Param("offset", int, 0, min=0)


def page(records: Sequence[Record], params: Mapping[str, Any]) -> Record:
    """Return one page of a list."""
    limit, offset = params["limit"], params["offset"]
    return {"items": records[offset : offset + limit], "limit": limit, "offset": offset}


class Models(FakeService):
    """The endpoints under /providers and /models, and calls of the models.

    Calls return computed results. They fail if `model` is down, if the id of the model contains "broken",
    and if the provider has no API key, one that contains "wrong", or an unreachable base_url.
    """

    name = "arguslm"
    has_chat = False

    def __init__(self, model: Optional[ChatModel] = None) -> None:
        super().__init__(model)
        self.providers = Collection("Provider account {id} not found")
        self.models = Collection("Model not found")

    def call(self, model: Record, prompt_pack: str, max_tokens: int, turn: int) -> Record:
        """Return the result of a call; the same arguments give the same numbers."""
        error = self._find_error(model, prompt_pack)
        digest = zlib.crc32(f"{model['model_id']}/{turn}".encode())
        ttft, rate = 0.08 + digest % 320 / 1000, 40.0 + digest // 320 % 110
        tokens = 0 if error else min(PROMPT_PACKS[prompt_pack], max_tokens)
        total = ttft + tokens / rate
        numbers = (0.0, 0.0, 0.0, 0.0) if error else (1000 * ttft, tokens / total, rate, 1000 * total)
        names = {"model_id": model["id"], "model_name": model["custom_name"] or model["model_id"]}
        return {**names, **dict(zip(METRICS, numbers)), "output_tokens": tokens, "error": error}

    def provider_of(self, model: Optional[Record]) -> Record:
        """Return the provider of a model, or {}."""
        return (model and self.providers.find(model["provider_account_id"])) or {}

    def add_provider(self, fields: Mapping[str, Any]) -> Record:
        """Add a provider; *fields* are its type, name and credentials."""
        now = timestamp()
        return self.providers.add({**fields, "enabled": True, "created_at": now, "updated_at": now})

    def add_model(self, provider_id: str, model_id: str, **fields: Any) -> Record:
        """Add a model; *fields* replace its defaults."""
        model = {"provider_account_id": provider_id, "model_id": model_id, "custom_name": None}
        switches = {"enabled_for_monitoring": False, "enabled_for_benchmark": True}
        origin = {"source": "discovered", "model_metadata": {}, "created_at": timestamp()}
        return self.models.add({**model, **switches, **origin, **fields})

    @route("GET", "/api/v1/providers")
    def _list_providers(self, request: Request) -> object:
        providers = [_show(provider) for provider in self.providers.list()]
        return {"providers": providers, "total": len(providers)}

    @route("POST", "/api/v1/providers", status=201, body=_NEW_PROVIDER)
    def _create_provider(self, request: Request) -> object:
        """Create a provider; its type may be unknown."""
        return _show(self.add_provider(request.fields))

    @route("GET", "/api/v1/providers/catalog")
    def _list_types(self, request: Request) -> object:
        types = {kind: _describe(kind) for kind in _TYPES}
        return {"providers": types, "total": len(types), "tested_count": len(types)}

    @route("GET", "/api/v1/providers/{provider_id}", params=PROVIDER_ID)
    def _get_provider(self, request: Request) -> object:
        return _show(self.providers.get(request.params["provider_id"]))

    @route("PATCH", "/api/v1/providers/{provider_id}", params=PROVIDER_ID, body=_PROVIDER_CHANGES)
    def _update_provider(self, request: Request) -> object:
        """Change the fields that are not null; credentials are replaced, not merged."""
        changes = {**request.fields, "updated_at": timestamp()}
        return _show(self.providers.update(request.params["provider_id"], changes))

    @route("POST", "/api/v1/providers/test-connection", body=_NEW_PROVIDER)
    def _test_connection(self, request: Request) -> object:
        """Test a provider without creating it; a failed test also has status 200."""
        return _test(request.fields)

    @route("POST", "/api/v1/providers/{provider_id}/test", params=PROVIDER_ID)
    def _test_provider(self, request: Request) -> object:
        return _test(self.providers.get(request.params["provider_id"]))

    @route("POST", "/api/v1/providers/{provider_id}/refresh-models", params=PROVIDER_ID)
    def _refresh_models(self, request: Request) -> object:
        """Add the models of a provider that are new; a provider that fails lists none."""
        provider = self.providers.get(request.params["provider_id"])
        kind, known = provider["provider_type"], self.models.list(provider_account_id=provider["id"])
        if kind not in _TYPES:
            raise HTTPError(400, f"Model discovery not supported for provider type: {kind}")
        found = () if _find_provider_error(provider) else _TYPES[kind]
        new = [model_id for model_id in found if model_id not in {model["model_id"] for model in known}]
        for model_id in new:
            self.add_model(provider["id"], model_id)
        message = f"Discovered {len(found)} models, added {len(new)} new models"
        return {"success": True, "models_discovered": len(found), "message": message}

    @route("GET", "/api/v1/models", query=[*_FILTERS, *paging(50, 500)])
    def _list_models(self, request: Request) -> object:
        params, text = request.params, request.params["search"].lower()
        switches = {switch.name: params[switch.name] for switch in _SWITCHES}
        models = self.models.list(provider_account_id=params["provider_id"], **switches)
        models = [m for m in models if text in f"{m['model_id']}\n{m['custom_name'] or ''}".lower()]
        more = params["offset"] + params["limit"] < len(models)
        return {**page([*map(self._show, models)], params), "total": len(models), "has_more": more}

    @route("GET", "/api/v1/models/{model_id}", params=_MODEL_ID)
    def _get_model(self, request: Request) -> object:
        return self._show(self.models.get(request.params["model_id"]))

    @route("PATCH", "/api/v1/models/{model_id}", params=_MODEL_ID, body=[_NAME, *_SWITCHES])
    def _update_model(self, request: Request) -> object:
        """Change the fields that are not null; null removes the name."""
        model = self.models.update(request.params["model_id"], request.fields)
        if "custom_name" in request.json() and not (request.fields["custom_name"] or "").strip():
            model["custom_name"] = None
        return {**model, "provider_name": None}

    @route("POST", "/api/v1/models", status=201, body=_NEW_MODEL)
    def _create_model(self, request: Request) -> object:
        """Create a model; its provider may be unknown."""
        provider_id, model_id, name, metadata = (request.fields[param.name] for param in _NEW_MODEL)
        if not re.fullmatch("[A-Za-z0-9_-]+", model_id):
            raise HTTPError(400, _BAD_ID)
        fields = {"custom_name": name, "source": "manual", "model_metadata": metadata or {}}
        return {**self.add_model(provider_id, model_id, **fields), "provider_name": None}

    def _show(self, model: Record) -> Record:
        return {**model, "provider_name": self.provider_of(model).get("display_name")}

    def _find_error(self, model: Record, prompt_pack: str) -> Optional[str]:
        """Return the error of a call, or None."""
        if prompt_pack not in PROMPT_PACKS:
            return f"Unknown prompt pack: {prompt_pack}. Valid options: {PACK_NAMES}"
        provider = self.provider_of(model)
        error = _find_provider_error(provider) if provider else None
        if self.name in self.model.down or "broken" in model["model_id"]:
            error = "InternalServerError: The server had an error"
        return error and f"litellm.{error}"


def _show(provider: Record) -> Record:
    shown, credentials = dict(provider), provider["credentials"]
    del shown["credentials"]
    return {**shown, "base_url": credentials.get("base_url"), "region": credentials.get("region")}


def _describe(kind: str) -> Record:
    return {
        "id": kind,
        "label": kind.replace("_", " ").title(),
        "requires_api_key": kind not in _NO_API_KEY,
        "requires_base_url": kind in (*_NO_API_KEY, "custom_openai_compatible"),
        "requires_region": False,
        "tested": True,
        "show_org_fields": kind == "openai",
        "region_options": [],
        **dict.fromkeys(("default_base_url", "api_key_label", "base_url_label")),
    }


def _test(provider: Mapping[str, Any]) -> Record:
    kind, error = provider["provider_type"], _find_provider_error(provider)
    if error:
        details = {"error_type": error.partition(":")[0]}
        return {"success": False, "message": f"Connection test failed: {error}", "details": details}
    model = _TYPES.get(kind, ("gpt-4o",))[0]
    details = {"model_tested": model, "response_id": f"chatcmpl-{uuid.uuid4().hex}"}
    return {"success": True, "message": f"Successfully connected to {kind}", "details": details}


def _find_provider_error(provider: Mapping[str, Any]) -> Optional[str]:
    """Return the error of all calls of a provider, or None."""
    base_url, key = (provider["credentials"].get(name) for name in ("base_url", "api_key"))
    needs_key = provider["provider_type"] not in _NO_API_KEY
    if needs_key and (not key or "wrong" in str(key)):
        return f"AuthenticationError: {'Incorrect API key provided' if key else 'Missing credentials'}"
    if (base_url or not needs_key) and not _is_reachable(base_url or ""):
        return "APIConnectionError: Cannot connect to base_url"
    return None


def _is_reachable(base_url: str) -> bool:
    """Return whether a server may be reachable; without DNS, and connecting only to this machine."""
    try:
        url = urlsplit(base_url)
        host, port = url.hostname or "", url.port or (443 if url.scheme == "https" else 80)
        if not re.fullmatch(r"localhost|127\.[\d.]+|::1", host):
            return not re.fullmatch(r"[\d.]*|.*:.*|.*\.invalid", host)
        socket.create_connection((host, port), timeout=1).close()
    except (OSError, ValueError):
        return False
    return True
