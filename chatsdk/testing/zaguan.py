"""Zaguan CoreX: chat completions, models and credits."""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from http.client import responses
from typing import Any, Dict, Iterator, List, Mapping, NamedTuple, Optional, Set, Tuple

from .chat import ChatInfo, ChatModel, Completion
from .collection import Collection, Record
from .exchange import Answer, EventStream, HTTPError, Reply, Request, event
from .routing import FakeService, route
from .validation import Param, Problem

TIER = "pro"
BANDS = ["A", "B", "C"]
CREDITS_PER_CALL = {"A": 1, "B": 5, "C": 10, "D": 50}

_USD_PER_CREDIT = 0.0003
_NO_ACCESS = {"band": "D", "required_tier": "platinum", "current_tier": TIER}
# What an error says by default: message, type, code.
_ERRORS: Mapping[int, Tuple[str, Optional[str], Optional[str]]] = {
    400: ("Bad Request", "invalid_request_error", "invalid_parameters"),
    401: ("Invalid API key", "authentication_error", "invalid_api_key"),
    402: ("Insufficient credits", "insufficient_credits", "insufficient_credits"),
    403: ("Access denied to band D (requires platinum tier)", "band_access_denied", "band_access_denied"),
    429: ("Rate limit exceeded", "rate_limit_exceeded", "rate_limit_exceeded"),
    503: ("Service Unavailable", "server_error", None),
}
_PERIODS: Mapping[str, timedelta] = {
    "day": timedelta(days=1),
    "week": timedelta(days=7),
    "month": timedelta(days=30),
    "all_time": timedelta(days=36500),
}
# The age of the calls that the account has made before, so that the periods of the stats differ.
_EARLIER_CALLS = (
    (timedelta(days=40), "openai/gpt-4o"),
    (timedelta(days=20), "deepseek/deepseek-reasoner"),
    (timedelta(days=5), "openai/gpt-4o"),
    (timedelta(days=2), "openai/gpt-4o-mini"),
    (timedelta(hours=1), "anthropic/claude-3-5-sonnet-20241022"),
)


class _Model(NamedTuple):
    """One model of the catalogue."""

    id: str
    band: str
    context: Optional[int]
    vision: bool = False
    reasoning: bool = False
    described: bool = False
    bare: bool = False  # listed with nothing but its id

    @property
    def provider(self) -> str:
        """The name before the first slash."""
        return self.id.partition("/")[0]


_MODELS = (
    _Model("openai/gpt-4o-mini", "A", 128000, vision=True),
    _Model("openai/gpt-4o", "B", 128000, vision=True),
    _Model("anthropic/claude-3-5-sonnet-20241022", "B", 200000, vision=True, described=True),
    _Model("deepseek/deepseek-reasoner", "C", 65536, reasoning=True),
    _Model("fireworks/accounts/fireworks/models/llama-v3p1-70b-instruct", "A", None, bare=True),
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
    Param("presence_penalty", float, None, min=-2, max=2),
    Param("frequency_penalty", float, None, min=-2, max=2),
    Param("max_tokens", int, None, min=1),
    Param("max_completion_tokens", int, None, min=1),
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


class Zaguan(FakeService):
    """The stand-in of Zaguan CoreX.

    Args:
        model: Makes the answers.
        credits: How many credits the account has left.
    """

    name = "zaguan"
    has_tools = True
    strict = True

    def __init__(self, model: ChatModel, credits: int) -> None:
        super().__init__(model)
        self._remaining = credits
        self._paid: Set[str] = set()
        self._entries = Collection()
        now = datetime.now(timezone.utc)
        usage = {"prompt_tokens": 50, "completion_tokens": 100, "total_tokens": 150}
        for number, (age, name) in enumerate(_EARLIER_CALLS, 1):
            self._add_entry(now - age, f"req_{number}", _BY_ID[name], usage)

    def authorize(self, request: Request, access: str) -> None:
        """Check the key."""
        if access != "public" and request.bearer_token != self.key:
            raise HTTPError(401, headers={"www-authenticate": 'Bearer realm="zaguan"'})

    def response_headers(self, request: Request) -> Mapping[str, str]:
        """The id of the request: the caller's, or a new one."""
        return {"x-request-id": request.headers.get("x-request-id") or str(uuid.uuid4())}

    def error(
        self, status: int, message: str, headers: Mapping[str, str], details: Mapping[str, Any]
    ) -> Reply:
        """An error object; {"detail": ...} for unknown paths and methods."""
        if status in (404, 405) and not message:
            return Reply.json({"detail": responses[status]}, status)
        default, kind, code = _ERRORS.get(status, (responses.get(status, "Error"), None, None))
        error: Dict[str, Any] = {"message": message or default, "type": kind, **details}
        if status == 402 and not details:
            error.update(credits_required=5, credits_remaining=3, reset_date=_next_month())
        elif status == 403:
            error.update(_NO_ACCESS)
        elif status == 429 and headers.get("retry-after", "").isdecimal():
            error["retry_after"] = int(headers["retry-after"])
        elif status in (400, 404, 503):
            error.setdefault("param", None)
        if status != 500:
            error.setdefault("code", code)
        else:
            error = {"message": message or "Internal server error"}
        return Reply.json({"error": error}, status)

    def invalid(self, request: Request, problems: List[Problem]) -> Reply:
        """400: where and what the first problem is."""
        place = [str(part) for part in problems[0]["loc"][1:]]
        details = {"code": "invalid_json"} if problems[0]["type"] == "json_invalid" else {}
        return self.error(400, f"{'.'.join(place)}: {problems[0]['msg']}", {}, details)

    @route("GET", "/health", access="public")
    def health(self, request: Request) -> object:
        """It is always healthy."""
        return {"status": "ok"}

    @route("GET", "/v1/models")
    def list_models(self, request: Request) -> object:
        """All models; some come with nothing but their id."""
        data: List[Record] = []
        for model in _MODELS:
            entry: Record = {"id": model.id, "object": "model"}
            if not model.bare:
                entry.update(created=1735689600, owned_by=model.provider)
            if model.described:
                entry.update(description="Best overall", metadata={"band": model.band})
            data.append(entry)
        return {"object": "list", "data": data}

    @route("GET", "/v1/capabilities")
    def list_capabilities(self, request: Request) -> object:
        """What the models can do."""
        return [
            {
                "model_id": model.id,
                "supports_vision": model.vision,
                "supports_tools": not model.bare,
                "supports_reasoning": model.reasoning,
                "max_context_tokens": model.context,
                "provider_specific": None if model.bare else {"flex": not model.reasoning},
            }
            for model in _MODELS
        ]

    @route("POST", "/v1/chat/completions", body=_COMPLETION, locked=False)
    def complete(self, request: Request) -> Answer:
        """Answer a chat, and debit it; one that is sent again with the same id is paid for once."""
        asked = request.fields
        model = _BY_ID.get(asked["model"])
        if model is None:
            message = f"The model {asked['model']!r} does not exist"
            raise HTTPError(404, message, type="invalid_request_error", code="model_not_found")
        if model.band not in BANDS:
            raise HTTPError(403)
        request_id = request.headers.get("x-request-id") or str(uuid.uuid4())
        with self.lock:
            self._check_credits(request_id, model)
        info = ChatInfo(
            self.name,
            model.id,
            asked["tools"] or (),
            asked["tool_choice"],
            asked["response_format"],
        )
        answer = self.model.answer(request.json()["messages"], info)
        usage = {
            "prompt_tokens_details": {"cached_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": 0},
            **answer.usage,
        }
        with self.lock:
            if self._check_credits(request_id, model):
                self._remaining -= CREDITS_PER_CALL[model.band]
                self._paid.add(request_id)
                self._add_entry(datetime.now(timezone.utc), request_id, model, usage)
        completion = Completion(replace(answer, usage=usage), model.id, asked["n"] or 1)
        if not asked["stream"]:
            return Reply.json(completion.body())
        include_usage = bool((asked["stream_options"] or {}).get("include_usage"))
        return EventStream(_events(completion, usage if include_usage else None))

    @route("GET", "/v1/credits/balance")
    def balance(self, request: Request) -> object:
        """What is left."""
        used = sum(entry["credits_debited"] for entry in self._entries.list())
        total = self._remaining + used
        return {
            "credits_remaining": self._remaining,
            "credits_total": total,
            "credits_used": used,
            "credits_percent": round(100.0 * self._remaining / total, 1),
            "tier": TIER,
            "bands": BANDS,
            "reset_date": _next_month(),
        }

    @route("GET", "/v1/credits/history", query=_HISTORY)
    def history(self, request: Request) -> object:
        """The calls that were paid for, oldest first, a page at a time."""
        filters = dict(request.params)
        limit, start = filters.pop("limit"), int(filters.pop("cursor")[len("cursor-") :])
        entries, end = self._entries.list(**filters), start + limit
        return {
            "entries": entries[start:end],
            "total_entries": len(entries),
            "next_cursor": f"cursor-{end}" if end < len(entries) else None,
        }

    @route("GET", "/v1/credits/stats", query=[Param("period", default="month", choices=tuple(_PERIODS))])
    def stats(self, request: Request) -> object:
        """What was used in a period, by model."""
        period = request.params["period"]
        since = _format_time(datetime.now(timezone.utc) - _PERIODS[period])
        used: Dict[str, int] = {}
        for entry in self._entries.list():
            if entry["timestamp"] >= since:
                used[entry["model"]] = used.get(entry["model"], 0) + entry["credits_debited"]
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
        """Whether a call is still to be paid for; raises the 402 if it cannot be."""
        price = CREDITS_PER_CALL[model.band]
        if request_id in self._paid:
            return False
        if price > self._remaining:
            message = f"Insufficient credits: {price} required, {self._remaining} remaining"
            details: Record = {"credits_required": price, "credits_remaining": self._remaining}
            raise HTTPError(402, message, reset_date=_next_month(), **details)
        return True

    def _add_entry(self, when: datetime, request_id: str, model: _Model, usage: Mapping[str, Any]) -> None:
        price = CREDITS_PER_CALL[model.band]
        counts = ("prompt_tokens", "completion_tokens", "total_tokens")
        self._entries.add(
            {
                "id": f"hist_{len(self._entries) + 1}",
                "timestamp": _format_time(when),
                "request_id": request_id,
                "model": model.id,
                "provider": model.provider,
                "band": model.band,
                **{name: usage[name] for name in counts},
                "credits_debited": price,
                "cost": _cost(price),
                "latency_ms": 120,
                "status": "success",
            }
        )


def _events(completion: Completion, usage: Optional[Mapping[str, Any]]) -> Iterator[str]:
    for chunk in completion.chunks():
        yield event(chunk)
    if usage is not None:
        yield event(completion.chunk([], usage=usage))
    yield event("[DONE]")


def _cost(credits: int) -> float:
    return round(credits * _USD_PER_CREDIT, 6)


def _format_time(when: datetime) -> str:
    return when.strftime("%Y-%m-%dT%H:%M:%SZ")


def _next_month() -> str:
    now = datetime.now(timezone.utc)
    return ((now.replace(day=1) + timedelta(days=32)).replace(day=1)).strftime("%Y-%m-%dT00:00:00Z")
