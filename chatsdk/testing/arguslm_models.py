"""ArgusLM: providers, their models, and calls of the models."""

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

_PACKS = "health_check shakespeare synthetic_short synthetic_medium synthetic_long code_generation reasoning"
PROMPT_PACKS = dict(zip(_PACKS.split(), (30, 150, 50, 200, 500, 150, 100)))  # tokens of the answers
PACK_NAMES = ", ".join(sorted(PROMPT_PACKS))
# The types of providers, with the models that they list.
_TYPES: Mapping[str, Sequence[str]] = {
    "openai": ("gpt-4o", "gpt-4o-mini", "gpt-4.1", "o3-mini"),
    "anthropic": ("claude-3-5-sonnet-20241022", "claude-3-5-haiku-20241022"),
    "ollama": ("llama3:8b", "mistral:7b"),
    "lm_studio": ("qwen2.5-7b-instruct", "phi-4"),
    "custom_openai_compatible": ("org/model-a", "org/model-b"),
}
_KEYLESS = ("ollama", "lm_studio")
METRICS = ("ttft_ms", "tps", "tps_excluding_ttft", "total_latency_ms")

PROVIDER_ID = [Param("provider_id", UUID)]
_PUBLIC = [Param("base_url", default=None), Param("region", default=None)]  # of the credentials
_CREDENTIALS = Param("credentials", dict, {}, fields=_PUBLIC)
_CHANGED = Param("credentials", dict, None, fields=_PUBLIC)
_NEW_PROVIDER = [Param("provider_type"), Param("display_name"), _CREDENTIALS]
_PROVIDER_CHANGES = [Param("display_name", default=None), Param("enabled", bool, None), _CHANGED]
_MODEL_ID = [Param("model_id", UUID)]
_SWITCHES = [Param("enabled_for_monitoring", bool, None), Param("enabled_for_benchmark", bool, None)]
_FILTERS = [Param("provider_id", UUID, None), *_SWITCHES, Param("search", default="")]
_NAME = Param("custom_name", default=None)
_METADATA = Param("metadata", dict, None)
_NEW_MODEL = [Param("provider_account_id", UUID), Param("model_id", min=1), _NAME, _METADATA]
_BAD_ID = "Invalid model_id format. Must contain only alphanumeric characters, hyphens, and underscores."


def paging(limit: int, most: int) -> Sequence[Param]:
    """The parameters of a list that is fetched in pages."""
    return Param("limit", int, limit, min=1, max=most), Param("offset", int, 0, min=0)


def page(records: Sequence[Record], params: Mapping[str, Any]) -> Record:
    """One page of a list."""
    limit, offset = params["limit"], params["offset"]
    return {"items": records[offset : offset + limit], "limit": limit, "offset": offset}


class Models(FakeService):
    """The endpoints under /providers and /models, and calls of the models.

    No model is called. Calls fail if `model` is down, for a model with "broken" in its id, and for a
    provider without a key, with "wrong" in its key, or at an unreachable address.
    """

    name = "arguslm"
    has_chat = False

    def __init__(self, model: Optional[ChatModel] = None) -> None:
        super().__init__(model)
        self.providers = Collection("Provider account {id} not found")
        self.models = Collection("Model not found")

    def call(self, model: Record, prompt_pack: str, max_tokens: int, turn: int) -> Record:
        """Return the result of a call, with the same numbers for the same arguments."""
        fault = self._find_fault(model, prompt_pack)
        digest = zlib.crc32(f"{model['model_id']}/{turn}".encode())
        ttft, rate = 0.08 + digest % 320 / 1000, 40.0 + digest // 320 % 110
        tokens = 0 if fault else min(PROMPT_PACKS[prompt_pack], max_tokens)
        total = ttft + tokens / rate
        numbers = (0.0, 0.0, 0.0, 0.0) if fault else (1000 * ttft, tokens / total, rate, 1000 * total)
        names = {"model_id": model["id"], "model_name": model["custom_name"] or model["model_id"]}
        return {**names, **dict(zip(METRICS, numbers)), "output_tokens": tokens, "error": fault}

    def provider_of(self, model: Optional[Record]) -> Record:
        """The provider of a model, {} if there is none."""
        return (model and self.providers.find(model["provider_account_id"])) or {}

    def add_provider(self, fields: Mapping[str, Any]) -> Record:
        """Add a provider of a type, with a name and credentials."""
        now = timestamp()
        return self.providers.add({**fields, "enabled": True, "created_at": now, "updated_at": now})

    def add_model(self, provider_id: str, model_id: str, **members: Any) -> Record:
        """Add a model."""
        model = {"provider_account_id": provider_id, "model_id": model_id, "custom_name": None}
        switches = {"enabled_for_monitoring": False, "enabled_for_benchmark": True}
        origin = {"source": "discovered", "model_metadata": {}, "created_at": timestamp()}
        return self.models.add({**model, **switches, **origin, **members})

    @route("GET", "/api/v1/providers")
    def _list_providers(self, request: Request) -> object:
        providers = [_show(provider) for provider in self.providers.list()]
        return {"providers": providers, "total": len(providers)}

    @route("POST", "/api/v1/providers", status=201, body=_NEW_PROVIDER)
    def _create_provider(self, request: Request) -> object:
        """Any type is accepted."""
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
        """Credentials are replaced as a whole."""
        changes = {**request.fields, "updated_at": timestamp()}
        return _show(self.providers.update(request.params["provider_id"], changes))

    @route("POST", "/api/v1/providers/test-connection", body=_NEW_PROVIDER)
    def _test_connection(self, request: Request) -> object:
        """A test that fails has status 200 too."""
        return _test(request.fields)

    @route("POST", "/api/v1/providers/{provider_id}/test", params=PROVIDER_ID)
    def _test_provider(self, request: Request) -> object:
        return _test(self.providers.get(request.params["provider_id"]))

    @route("POST", "/api/v1/providers/{provider_id}/refresh-models", params=PROVIDER_ID)
    def _refresh_models(self, request: Request) -> object:
        """A provider that refuses has no models, and that is no error."""
        provider = self.providers.get(request.params["provider_id"])
        kind, known = provider["provider_type"], self.models.list(provider_account_id=provider["id"])
        if kind not in _TYPES:
            raise HTTPError(400, f"Model discovery not supported for provider type: {kind}")
        found = () if _refuses(provider) else _TYPES[kind]
        new = [model_id for model_id in found if model_id not in {model["model_id"] for model in known}]
        for model_id in new:
            self.add_model(provider["id"], model_id)
        message = f"Discovered {len(found)} models, added {len(new)} new models"
        return {"success": True, "models_discovered": len(found), "message": message}

    @route("GET", "/api/v1/models", query=[*_FILTERS, *paging(50, 500)])
    def _list_models(self, request: Request) -> object:
        asked, text = request.params, request.params["search"].lower()
        switches = {switch.name: asked[switch.name] for switch in _SWITCHES}
        models = self.models.list(provider_account_id=asked["provider_id"], **switches)
        models = [m for m in models if text in f"{m['model_id']}\n{m['custom_name'] or ''}".lower()]
        more = asked["offset"] + asked["limit"] < len(models)
        return {**page([*map(self._show, models)], asked), "total": len(models), "has_more": more}

    @route("GET", "/api/v1/models/{model_id}", params=_MODEL_ID)
    def _get_model(self, request: Request) -> object:
        return self._show(self.models.get(request.params["model_id"]))

    @route("PATCH", "/api/v1/models/{model_id}", params=_MODEL_ID, body=[_NAME, *_SWITCHES])
    def _update_model(self, request: Request) -> object:
        """Null changes nothing, but clears the name."""
        model = self.models.update(request.params["model_id"], request.fields)
        if "custom_name" in request.json() and not (request.fields["custom_name"] or "").strip():
            model["custom_name"] = None
        return {**model, "provider_name": None}

    @route("POST", "/api/v1/models", status=201, body=_NEW_MODEL)
    def _create_model(self, request: Request) -> object:
        """The provider need not exist."""
        provider_id, model_id, name, metadata = (request.fields[param.name] for param in _NEW_MODEL)
        if not re.fullmatch("[A-Za-z0-9_-]+", model_id):
            raise HTTPError(400, _BAD_ID)
        members = {"custom_name": name, "source": "manual", "model_metadata": metadata or {}}
        return {**self.add_model(provider_id, model_id, **members), "provider_name": None}

    def _show(self, model: Record) -> Record:
        return {**model, "provider_name": self.provider_of(model).get("display_name")}

    def _find_fault(self, model: Record, prompt_pack: str) -> Optional[str]:
        """Why a call fails, None if it does not."""
        if prompt_pack not in PROMPT_PACKS:
            return f"Unknown prompt pack: {prompt_pack}. Valid options: {PACK_NAMES}"
        provider = self.provider_of(model)
        fault = _refuses(provider) if provider else None
        if self.model.is_down(self.name) or "broken" in model["model_id"]:
            fault = "InternalServerError: The server had an error"
        return fault and f"litellm.{fault}"


def _show(provider: Record) -> Record:
    shown, credentials = dict(provider), provider["credentials"]
    del shown["credentials"]
    return {**shown, "base_url": credentials.get("base_url"), "region": credentials.get("region")}


def _describe(kind: str) -> Record:
    address = kind in (*_KEYLESS, "custom_openai_compatible")
    needs = {"requires_api_key": kind not in _KEYLESS, "requires_base_url": address, "requires_region": False}
    texts = dict.fromkeys(("default_base_url", "api_key_label", "base_url_label"))
    more = {"tested": True, "show_org_fields": kind == "openai", "region_options": []}
    return {"id": kind, "label": kind.replace("_", " ").title(), **needs, **texts, **more}


def _test(account: Mapping[str, Any]) -> Record:
    kind, fault = account["provider_type"], _refuses(account)
    message = f"Connection test failed: {fault}" if fault else f"Successfully connected to {kind}"
    model = _TYPES.get(kind, ("gpt-4o",))[0]
    details = {"model_tested": model, "response_id": f"chatcmpl-{uuid.uuid4().hex}"}
    if fault:
        details = {"error_type": fault.partition(":")[0]}
    return {"success": not fault, "message": message, "details": details}


def _refuses(account: Mapping[str, Any]) -> Optional[str]:
    """Why a provider refuses calls, None if it does not."""
    address, key = (account["credentials"].get(name) for name in ("base_url", "api_key"))
    keyless = account["provider_type"] in _KEYLESS
    if not keyless and (not key or "wrong" in str(key)):
        return f"AuthenticationError: {'Incorrect API key provided' if key else 'Missing credentials'}"
    if (keyless or address) and not _is_reachable(address or ""):
        return "APIConnectionError: Cannot connect to base_url"
    return None


def _is_reachable(address: str) -> bool:
    """Whether a provider may be there. Only this machine is asked, and no name is looked up."""
    try:
        url = urlsplit(address)
        host, port = url.hostname or "", url.port or (443 if url.scheme == "https" else 80)
        if not re.fullmatch(r"localhost|127\.[\d.]+|::1", host):
            return not re.fullmatch(r"[\d.]*|.*:.*|.*\.invalid", host)
        socket.create_connection((host, port), timeout=1).close()
    except (OSError, ValueError):
        return False
    return True
