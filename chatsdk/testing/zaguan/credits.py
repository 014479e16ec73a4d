"""The credits of the Zaguan account: balance, history, stats."""

import threading
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta, timezone
from typing import Any, Dict, List, Mapping, Optional, Sequence, Set

from ..exchange import Refusal, Reply, Request
from .catalogue import BANDS, CREDITS_PER_CALL, TIER, band_of, provider_of
from .errors import bad_request, no_credits

_USD_PER_CREDIT = 0.0003
_LATENCY_MS = 120
_DEFAULT_LIMIT = 100
_FILTERS = ("model", "provider", "band", "status")
_PERIODS: Mapping[str, Optional[timedelta]] = {
    "day": timedelta(days=1),
    "week": timedelta(days=7),
    "month": timedelta(days=30),
    "all_time": None,
}
# Age of the calls that the account has made before; so the periods of the stats differ.
_EARLIER_CALLS = (
    (timedelta(days=40), "openai/gpt-4o"),
    (timedelta(days=20), "deepseek/deepseek-reasoner"),
    (timedelta(days=5), "openai/gpt-4o"),
    (timedelta(days=2), "openai/gpt-4o-mini"),
    (timedelta(hours=1), "anthropic/claude-3-5-sonnet-20241022"),
)


@dataclass(frozen=True)
class Entry:
    """One call that was paid for."""

    id: str
    timestamp: str
    request_id: str
    model: str
    provider: str
    band: str
    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    credits_debited: int
    cost: float
    latency_ms: int = _LATENCY_MS
    status: str = "success"


class Account:
    """A thread-safe account with an amount of credits left."""

    def __init__(self, credits: int) -> None:
        self._lock = threading.Lock()
        self._entries: List[Entry] = []
        self._paid: Set[str] = set()
        self._remaining = credits
        usage = {"prompt_tokens": 50, "completion_tokens": 100, "total_tokens": 150}
        now = datetime.now(timezone.utc)
        for position, (age, model) in enumerate(_EARLIER_CALLS, start=1):
            self._enter(now - age, f"req_{position}", model, usage)

    def charge(self, request_id: str, model: str, usage: Mapping[str, int]) -> None:
        """Debit a call; one that is sent again with the same id is paid for once.

        Raises:
            Refusal: There are not enough credits left.
        """
        price = CREDITS_PER_CALL[band_of(model)]
        now = datetime.now(timezone.utc)
        with self._lock:
            if request_id in self._paid:
                return
            if price > self._remaining:
                raise Refusal(no_credits(price, self._remaining, _next_month(now)))
            self._remaining -= price
            self._paid.add(request_id)
            self._enter(now, request_id, model, usage)

    def _enter(self, when: datetime, request_id: str, model: str, usage: Mapping[str, int]) -> None:
        band = band_of(model)
        price = CREDITS_PER_CALL[band]
        self._entries.append(
            Entry(
                id=f"hist_{len(self._entries) + 1}",
                timestamp=_text(when),
                request_id=request_id,
                model=model,
                provider=provider_of(model),
                band=band,
                prompt_tokens=usage["prompt_tokens"],
                completion_tokens=usage["completion_tokens"],
                total_tokens=usage["total_tokens"],
                credits_debited=price,
                cost=_cost(price),
            )
        )

    def balance(self, request: Request) -> Reply:
        """GET /v1/credits/balance."""
        with self._lock:
            remaining = self._remaining
            used = sum(entry.credits_debited for entry in self._entries)
        total = remaining + used
        return Reply.json(
            {
                "credits_remaining": remaining,
                "credits_total": total,
                "credits_used": used,
                "credits_percent": round(100.0 * remaining / total, 1),
                "tier": TIER,
                "bands": BANDS,
                "reset_date": _next_month(datetime.now(timezone.utc)),
            }
        )

    def history(self, request: Request) -> Reply:
        """GET /v1/credits/history: oldest first, a page at a time."""
        query = {name: values[-1] for name, values in request.query.items()}
        limit = _whole_number(query.get("limit", str(_DEFAULT_LIMIT)), "limit", 1)
        prefix, _, position = query.get("cursor", "cursor-0").partition("-")
        if prefix != "cursor":
            raise Refusal(bad_request("Invalid cursor"))
        start = _whole_number(position, "cursor", 0)
        wanted = {name: query[name] for name in _FILTERS if name in query}
        with self._lock:
            entries = [entry for entry in self._entries if _matches(entry, wanted)]
        end = start + limit
        return Reply.json(
            {
                "entries": [asdict(entry) for entry in entries[start:end]],
                "total_entries": len(entries),
                "next_cursor": f"cursor-{end}" if end < len(entries) else None,
            }
        )

    def stats(self, request: Request) -> Reply:
        """GET /v1/credits/stats."""
        period = request.query.get("period", ["month"])[-1]
        if period not in _PERIODS:
            raise Refusal(bad_request(f"period must be one of: {', '.join(_PERIODS)}"))
        span = _PERIODS[period]
        since = "" if span is None else _text(datetime.now(timezone.utc) - span)
        with self._lock:
            entries = [entry for entry in self._entries if entry.timestamp >= since]
        total = sum(entry.credits_debited for entry in entries)
        return Reply.json(
            {
                "period": period,
                "total_credits_used": total,
                "total_cost": _cost(total),
                "model_breakdown": _breakdown(entries),
            }
        )


def _breakdown(entries: Sequence[Entry]) -> List[Dict[str, Any]]:
    used: Dict[str, int] = {}
    for entry in entries:
        used[entry.model] = used.get(entry.model, 0) + entry.credits_debited
    return [
        {"model": model, "credits_used": credits, "cost": _cost(credits)}
        for model, credits in sorted(used.items(), key=lambda item: -item[1])
    ]


def _matches(entry: Entry, wanted: Mapping[str, str]) -> bool:
    return all(getattr(entry, name) == value for name, value in wanted.items())


def _whole_number(text: str, name: str, least: int) -> int:
    if not (text.isascii() and text.isdecimal()) or int(text) < least:
        raise Refusal(bad_request(f"Invalid {name}"))
    return int(text)


def _cost(credits: int) -> float:
    return round(credits * _USD_PER_CREDIT, 6)


def _text(when: datetime) -> str:
    return when.strftime("%Y-%m-%dT%H:%M:%SZ")


def _next_month(now: datetime) -> str:
    first = (now.replace(day=1) + timedelta(days=32)).replace(day=1)
    return first.strftime("%Y-%m-%dT00:00:00Z")
