"""Fake Zaguan CoreX: chat completions, models and credits."""

from __future__ import annotations

import uuid
from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from http.client import responses
from typing import Any, Dict, Iterator, List, Mapping, NamedTuple, Optional

from .chat import ChatInfo, ChatModel, Completion
from .collection import Collection, Record, timestamp
from .exchange import Answer, EventStream, HTTPError, Reply, Request, event
from .routing import route
from .validation import Param, Problem
from .zaguan_media import Media

_TIER = "pro"
_BANDS = ("A", "B", "C")
_PRICES = {"A": 1, "B": 5, "C": 10, "D": 50}  # credits per call
_USD_PER_CREDIT = 0.0003
# The default body of an error, by status.
_ERRORS: Mapping[int, Record] = {
    400: {"type": "invalid_request_error", "code": "invalid_parameters", "param": None},
    401: {"message": "Invalid API key", "type": "authentication_error", "code": "invalid_api_key"},
    402: {"type": "insufficient_credits", "code": "insufficient_credits", "message": "Insufficient credits"},
    403: {
        "message": "Access denied to band D (requires platinum tier)",
        "type": "band_access_denied",
        "code": "band_access_denied",
        "band": "D",
        "required_tier": "platinum",
        "current_tier": _TIER,
    },
    404: {"type": "invalid_request_error", "code": "model_not_found", "param": None},
    429: {"message": "Rate limit exceeded", "type": "rate_limit_exceeded", "code": "rate_limit_exceeded"},
    500: {"message": "Internal server error"},
    503: {"type": "server_error", "code": None, "param": None},
}
_DAY = 86400.0  # seconds
_PERIODS = {"day": _DAY, "week": 7 * _DAY, "month": 30 * _DAY, "all_time": 36500 * _DAY}
# Age and model of earlier calls, so that the statistics of the periods differ.
_EARLIER_CALLS = (
    (40 * _DAY, "openai/gpt-4o"),
    (20 * _DAY, "deepseek/deepseek-reasoner"),
    (5 * _DAY, "openai/gpt-4o"),
    (2 * _DAY, "openai/gpt-4o-mini"),
    (_DAY / 24, "anthropic/claude-3-5-sonnet-20241022"),
)


class _Model(NamedTuple):
    id: str
    band: str
    context: Optional[int]  # tokens; without it, only the id of the model is listed
    vision: bool = False
    reasoning: bool = False

    @property
    def provider(self) -> str:
        return self.id.partition("/")[0]


_MODELS = (
    _Model("openai/gpt-4o-mini", "A", 128000, vision=True),
    _Model("openai/gpt-4o", "B", 128000, vision=True),
    _Model("anthropic/claude-3-5-sonnet-20241022", "B", 200000, vision=True),
    _Model("deepseek/deepseek-reasoner", "C", 65536, reasoning=True),
    _Model("fireworks/accounts/fireworks/models/llama-v3p1-70b-instruct", "A", None),
    _Model("platinum/o1-pro", "D", 200000, reasoning=True),
)
_BY_ID = {model.id: model for model in _MODELS}

_ROLES = ("system", "user", "assistant", "tool", "developer", "function")
_MESSAGE = Param("message", dict, fields=[Param("role", choices=_ROLES), Param("content", (str, list), None)])
_FUNCTION = Param("function", dict, fields=[Param("name")])
_COMPLETION = [
    Param("model", min=1),
    Param("messages", list, min=1, items=_MESSAGE),
    Param("temperature", float, None, min=0, max=2),
    Param("top_p", float, None, min=0, max=1),
    *(Param(name, float, None, min=-2, max=2) for name in ("presence_penalty", "frequency_penalty")),
    *(Param(name, int, None, min=1) for name in ("max_tokens", "max_completion_tokens")),
    Param("n", int, None, min=1, max=128),
    Param("stream", bool, None),
    Param("stream_options", dict, None, fields=[Param("include_usage", bool, None)]),
    Param("tools", list, None, items=Param("tool", dict, fields=[_FUNCTION])),
    Param("tool_choice", (str, dict), None),
    Param("response_format", dict, None, fields=[Param("type")]),
]
_HISTORY = [
    Param("limit", int, 100, min=1),
    Param("cursor", default="cursor-0", pattern=r"^cursor-\d+$"),
    *(Param(name, default=None) for name in ("model", "provider", "band", "status")),
]


class Zaguan(Media):
    """A fake Zaguan CoreX with one account; *credits* is what it has left."""

    name = "zaguan"
    has_tools = True
    strict = True

    def __init__(self, model: ChatModel, credits: int) -> None:
        super().__init__(model)
        self._remaining = credits
        self._entries = Collection()
        usage = {"prompt_tokens": 50, "completion_tokens": 100, "total_tokens": 150}
        for number, (age, name) in enumerate(_EARLIER_CALLS, 1):
            self._add_entry(age, f"req_{number}", _BY_ID[name], usage)

    def authorize(self, request: Request, access: str) -> None:
        """Check the API key."""
        if access != "public" and request.bearer_token != self.key:
            raise HTTPError(401, headers={"www-authenticate": 'Bearer realm="zaguan"'})

    def response_headers(self, request: Request) -> Mapping[str, str]:
        """Return the request id of the client, or a new one."""
        return {"x-request-id": request.headers.get("x-request-id") or str(uuid.uuid4())}

    def error(self, error: HTTPError) -> Reply:
        """Return an error object, or {"detail": ...} for an unknown path or method."""
        status, message = error.status, error.message
        if status in (404, 405) and not message:
            return Reply.json({"detail": responses[status]}, status)
        body = {
            "message": responses.get(status, "Error"),
            **_ERRORS.get(status, {"type": None, "code": None}),
        }
        body.update(error.details, message=message or body["message"])
        if status == 402:
            body = {"credits_required": 5, "credits_remaining": 3, "reset_date": _next_month(), **body}
        elif status == 429 and error.headers.get("retry-after", "").isdecimal():
            body["retry_after"] = int(error.headers["retry-after"])
        return Reply.json({"error": body}, status)

    def invalid(self, request: Request, problems: List[Problem]) -> Reply:
        """Return a 400 with the first problem."""
        location = ".".join(str(part) for part in problems[0]["loc"][1:])
        details: Record = {"code": "invalid_json"} if problems[0]["type"] == "json_invalid" else {}
        return self.error(HTTPError(400, f"{location}: {problems[0]['msg']}", **details))

    @route("GET", "/health", access="public")
    def _check_health(self, request: Request) -> object:
        return {"status": "ok"}

    @route("GET", "/v1/models")
    def _list_models(self, request: Request) -> object:
        data: List[Record] = []
        for model in _MODELS:
            details = {"created": 1735689600, "owned_by": model.provider} if model.context else {}
            data.append({"id": model.id, "object": "model", **details})
        return {"object": "list", "data": data}

    @route("GET", "/v1/capabilities")
    def _list_capabilities(self, request: Request) -> object:
        return [
            {
                "model_id": model.id,
                "supports_vision": model.vision,
                "supports_tools": model.context is not None,
                "supports_reasoning": model.reasoning,
                "max_context_tokens": model.context,
                "provider_specific": {"flex": True} if model.context else None,
            }
            for model in _MODELS
        ]

    @route("POST", "/v1/chat/completions", body=_COMPLETION, locked=False)
    def _complete(self, request: Request) -> Answer:
        """Answer a chat and charge credits, but only once for the same request id."""
        fields = request.fields
        model = _BY_ID.get(fields["model"])
        if model is None:
            raise HTTPError(404, f"The model {fields['model']!r} does not exist")
        if model.band not in _BANDS:
            raise HTTPError(403)
        request_id = request.headers.get("x-request-id") or str(uuid.uuid4())
        with self.lock:
            self._check_credits(request_id, model)
        tools = fields["tools"] or ()
        info = ChatInfo(self.name, model.id, tools, fields["tool_choice"], fields["response_format"])
        answer = self.model.answer(request.json()["messages"], info)
        usage = {
            "prompt_tokens_details": {"cached_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": 0},
            **answer.usage,
        }
        with self.lock:
            if self._check_credits(request_id, model):
                self._remaining -= _PRICES[model.band]
                self._add_entry(0.0, request_id, model, usage)
        completion = Completion(replace(answer, usage=usage), model.id, fields["n"] or 1)
        if not fields["stream"]:
            return Reply.json(completion.body())
        include_usage = bool((fields["stream_options"] or {}).get("include_usage"))
        return EventStream(_events(completion, usage if include_usage else None))

    @route("GET", "/v1/credits/balance")
    def _get_balance(self, request: Request) -> object:
        used = sum(entry["credits_debited"] for entry in self._entries.list())
        total = self._remaining + used
        return {
            "credits_remaining": self._remaining,
            "credits_total": total,
            "credits_used": used,
            "credits_percent": round(100.0 * self._remaining / total, 1),
            "tier": _TIER,
            "bands": _BANDS,
            "reset_date": _next_month(),
        }

    @route("GET", "/v1/credits/history", query=_HISTORY)
    def _list_history(self, request: Request) -> object:
        """Return a page of the charged calls, oldest first."""
        filters = dict(request.params)
        limit, start = filters.pop("limit"), int(filters.pop("cursor")[len("cursor-") :])
        entries, end = self._entries.list(**filters), start + limit
        return {
            "entries": entries[start:end],
            "total_entries": len(entries),
            "next_cursor": f"cursor-{end}" if end < len(entries) else None,
        }

    @route("GET", "/v1/credits/stats", query=[Param("period", default="month", choices=tuple(_PERIODS))])
    def _get_stats(self, request: Request) -> object:
        """Return the credits used in a period, by model."""
        period = request.params["period"]
        since = timestamp(-_PERIODS[period], "seconds")
        used: Dict[str, int] = Counter()
        for entry in self._entries.list():
            if entry["timestamp"] >= since:
                used[entry["model"]] += entry["credits_debited"]
        return {
            "period": period,
            "total_credits_used": sum(used.values()),
            "total_cost": _cost(sum(used.values())),
            "model_breakdown": [
                {"model": name, "credits_used": credits, "cost": _cost(credits)}
                for name, credits in sorted(used.items(), key=lambda item: -item[1])
            ],
        }

    def _check_credits(self, request_id: str, model: _Model) -> bool:
        """Return whether a call must be charged; raises a 402 if there are too few credits."""
        price = _PRICES[model.band]
        if self._entries.list(request_id=request_id):
            return False
        if price > self._remaining:
            message = f"Insufficient credits: {price} required, {self._remaining} remaining"
            raise HTTPError(402, message, credits_required=price, credits_remaining=self._remaining)
        return True

    def _add_entry(self, age: float, request_id: str, model: _Model, usage: Mapping[str, Any]) -> None:
        price = _PRICES[model.band]
        entry: Record = {
            "id": f"hist_{len(self._entries) + 1}",
            "request_id": request_id,
            "status": "success",
        }
        entry.update(model=model.id, provider=model.provider, band=model.band)
        entry.update((name, usage[name]) for name in ("prompt_tokens", "completion_tokens", "total_tokens"))
        entry.update(credits_debited=price, cost=_cost(price), latency_ms=120)
        self._entries.add({**entry, "timestamp": timestamp(-age, "seconds")})


def _events(completion: Completion, usage: Optional[Mapping[str, Any]]) -> Iterator[str]:
    for chunk in completion.chunks():
        yield event(chunk)
    if usage is not None:
        yield event(completion.chunk([], usage=usage))
    yield event("[DONE]")


def _cost(credits: int) -> float:
    return round(credits * _USD_PER_CREDIT, 6)


def _next_month() -> str:
    now = datetime.now(timezone.utc)
    return ((now.replace(day=1) + timedelta(days=32)).replace(day=1)).strftime("%Y-%m-%dT00:00:00Z")
