"""Infinity Assistant: chats with a daily quota and a memory, knowledge, API keys and webhooks."""

from __future__ import annotations

import re
import secrets
import time
import uuid
from collections import defaultdict
from functools import partial
from typing import Dict, List, Mapping, NamedTuple, Optional, Tuple
from urllib.parse import quote, unquote

from .chat import ChatInfo, ChatModel, ModelError, pieces
from .collection import Collection, Record, timestamp
from .exchange import Answer, EventStream, HTTPError, Reply, Request, event
from .routing import FakeService, route
from .validation import Param, Problem, is_uuid

_COOKIE = "infinity_anon_user"
_OWNER = "user_1735689600000_10ca10ca"  # of all API keys
_REMEMBER = re.compile(r"(?:remember this|don't forget)[:\s]+(.+)", re.IGNORECASE | re.DOTALL)
_STORED = "*I've stored that in my memory.*"
_APOLOGY = "I apologize, but I encountered an error processing your request. Please try again."
_PAGE = "<!DOCTYPE html><html><head><title>404: This page could not be found.</title></head></html>"
_LIMITED, _SUGGESTION = "You've reached your daily conversation limit.", "Upgrade to Pro for unlimited access"
_INTERNAL = {"code": "INTERNAL_ERROR", "message": "An unexpected error occurred. Please try again later."}
_NETWORK = {"code": "NETWORK_ERROR", "message": "Network error occurred.", "recovery_guidance": "Try again."}
_ERRORS: Mapping[int, Record] = {
    400: {"error": "Message is required and must be a non-empty string"},
    401: {"error": "Authentication required"},
    408: {"success": False, "error": {"code": "REQUEST_TIMEOUT", "message": "Request timed out."}},
    429: {"error": "Rate limit exceeded", "message": _LIMITED, "suggestion": _SUGGESTION},
    499: {"error": "Request cancelled", "message": "The request was cancelled."},
    500: {"success": False, "error": _INTERNAL},
    503: {"success": False, "error": _NETWORK},
    504: {"error": "Request timeout", "message": "The request took too long to process."},
}
_CHECKS = {"supabase": {"status": "healthy"}, "fallback_llm": {"status": "available"}}
_HEALTH = {"status": "healthy", "version": "1.0.0", "service": "infinityassistant", "checks": _CHECKS}
_FINDINGS = {"quick": 2, "standard": 5, "deep": 10, "comprehensive": 20}  # at most, by mode
_FINDING = {"source": "local-memory", "sourceType": "insight", "confidence": 0.75, "metadata": {}}
_ECHOED = ("context", "domains", "maxSources", "includeExternal")
_TIMES = {"pro": 2, "assistant_pro": 2}  # the daily limit, by tier
_UNLIMITED = ("business", "team", "enterprise", "builder_pro")


# The domain of an item is the first of its tags.
class _Item(NamedTuple):
    id: str
    group: str
    title: str
    content: str
    tags: List[str]


_ITEMS = (
    _Item("W.1", "wisdom", "Readable code", "Python is read more often than written.", ["python", "style"]),
    _Item("W.2", "wisdom", "Test behaviour", "Such tests survive a rewrite.", ["testing", "python"]),
    _Item("P.1", "patterns", "Context manager", "In Python, release in a with block.", ["python"]),
    _Item("P.2", "patterns", "Local server", "Test clients on real sockets.", ["testing", "python"]),
    _Item("G.1", "gotchas", "Mutable defaults", "All calls share them.", ["python", "functions"]),
    _Item("G.2", "gotchas", "Repeated POST", "It may be carried out twice.", ["http", "python"]),
)

_CHAT = [
    Param("message", strip=True, min=1, max=5000),
    *(Param(name, default=None) for name in ("conversationId", "userId", "sessionId")),
    Param("userTier", default=None, convert=str.lower),
]
_SEARCH = [
    Param("query", strip=True, min=1, max=500),
    Param("limit", object, 20, convert=lambda limit: max(0, limit) if isinstance(limit, int) else 0),
    Param("type", default="all"),
    Param("domain", default=None),
    Param("tags", list, None, items=Param("")),
]
_RESEARCH = [Param("topic", strip=True, min=1), Param("mode", default=None), Param("domains", list, None)]
_CONVERSATION, _ID = Param("conversationId", min=1), Param("id", min=1)
_FACT_TYPE = Param("type", default="fact", choices=("wisdom", "pattern", "gotcha", "fact"))
_EVENTS = (
    "chat.message chat.response knowledge.created memory.stored user.preferences.updated "
    "subscription.created subscription.updated subscription.cancelled"
)
_WEBHOOK = [
    Param("url", pattern=r"^[A-Za-z][\w+.-]*:\S"),
    Param("events", list, min=1, items=Param("", choices=_EVENTS.split())),
]


class Infinity(FakeService):
    """The stand-in of Infinity Assistant; a user has *daily_limit* chats a day, twice as many in tier pro."""

    name = "infinity"

    def __init__(self, model: ChatModel, daily_limit: int) -> None:
        super().__init__(model)
        self._daily_limit = daily_limit
        # The day never ends: midnight in the middle of a test would give a new quota.
        self._day_ends = f"{timestamp(86400)[:10]}T00:00:00.000Z"
        self._used: Dict[str, int] = defaultdict(int)  # chats, by user
        self._messages: Dict[str, List[Record]] = defaultdict(list)
        self._facts: Dict[str, List[Record]] = defaultdict(list)
        self._keys = Collection()
        self._webhooks = Collection("Webhook not found")

    def authorize(self, request: Request, access: str) -> Optional[str]:
        """Return the owner of a valid key, or None; keys and webhooks need one; the real ones refuse it."""
        given = request.headers.get("x-api-key", request.bearer_token).strip()
        with self.lock:
            known = self._keys.list(isActive=True, key=given)
            for record in known:
                record["lastUsed"] = _now()
        if access == "user" and not known and given != self.key:
            raise HTTPError(401)
        return _OWNER if known or given == self.key else None

    def error(self, error: HTTPError) -> Reply:
        """Objects whose error is a text or an object; a page for unknown paths, nothing for methods."""
        status, message = error.status, error.message
        if status == 404 and not message:
            return Reply.text(_PAGE, status, "text/html; charset=utf-8")
        if status == 405:
            return Reply(status)
        body: Record = {**_ERRORS.get(status, {"error": f"Error {status}"}), **error.details}
        if status == 429:
            body.setdefault("rateLimit", self._used_up(self._daily_limit))
        if message:
            default = body["error"]
            body["error"] = {**default, "message": message} if isinstance(default, dict) else message
        return Reply.json(body, status)

    def invalid(self, request: Request, problems: List[Problem]) -> Reply:
        """400 with the first problem; 500 if the body is no JSON object."""
        place = problems[0]["loc"]
        if place == ["body"] or problems[0]["type"] == "json_invalid":
            return self.error(HTTPError(500))
        body = {"success": False} if request.path in ("/search", "/research") else {}
        return Reply.json({**body, "error": f"{place[1]}: {problems[0]['msg']}"}, 400)

    @route("GET", "/health", access="public")
    def _check_health(self, request: Request) -> object:
        return {**_HEALTH, "timestamp": _now()}

    @route("POST", "/chat", body=_CHAT, access="public", locked=False)
    def _chat(self, request: Request) -> Answer:
        """Answer a chat of the key's owner, of the userId, or of the user in the cookie."""
        user_id = request.user or _identity(request)
        answer, fact, _ = self._answer(request, user_id)
        answer["response"] = (f"{_STORED}\n\n" if fact else "") + answer["response"]
        self._add_message(answer["conversationId"], "assistant", answer["response"])
        cookie = f"{_COOKIE}={quote(user_id, safe='')}; Path=/; Max-Age=31536000; HttpOnly; SameSite=strict"
        return Reply.json(answer, headers={} if request.fields["userId"] else {"set-cookie": cookie})

    @route("POST", "/chat/stream", body=_CHAT, access="public", locked=False)
    def _chat_stream(self, request: Request) -> Answer:
        """Stream an answer; keys are not read, and no cookie is set."""
        answer, fact, error = self._answer(request, _identity(request))
        ids = {"conversationId": answer["conversationId"]}
        session = uuid.uuid5(uuid.NAMESPACE_OID, request.fields["sessionId"] or answer["conversationId"])
        speaker = {"speakerId": f"speaker_{session.hex[:8]}", "ageGroup": "adult", "greeting": "Hello!"}
        events = [event({"stored": True, "content": fact}, "memory")] if fact else []
        events += [event(speaker, "speaker"), event(ids, "start")]
        headers = {"cache-control": "no-cache"}
        if error:
            problem = {"message": "An error occurred during response generation", "error": error.message}
            return EventStream(iter([*events, event(problem, "error")]), headers=headers)
        texts = [*pieces(answer["response"]), *([f"\n\n{_STORED}"] if fact else [])]
        events += [event({"text": text}, "chunk") for text in texts]
        metadata = {**_without(answer["metadata"], "model"), "drivingMode": False}
        events.append(event({**ids, "metadata": metadata}, "done"))
        store = partial(self._add_message, answer["conversationId"], "assistant", answer["response"])
        return EventStream(iter(events), headers=headers, on_delivered=store)

    @route("POST", "/search", body=_SEARCH, access="public")
    def _search(self, request: Request) -> object:
        """Find items by group; the counts are those before the limit."""
        asked = request.fields
        found: Dict[str, List[Record]] = {"wisdom": [], "patterns": [], "gotchas": []}
        for item, score in _find(asked["query"], asked["domain"] and [asked["domain"]], asked["tags"]):
            row: Record = {"id": item.id, "score": score}
            if item.group == "patterns":
                row.update(name=item.title, description=item.content, domain=item.tags[0])
            else:
                row.update(title=item.title, content=item.content, source="knowledge-base")
            if asked["type"] in ("all", item.group):
                found[item.group].append(row)
        counts = {group: len(rows) for group, rows in found.items()}
        return {
            "success": True,
            "query": asked["query"],
            "results": {group: rows[: asked["limit"]] for group, rows in found.items()},
            "counts": {"total": sum(counts.values()), **counts},
            "metadata": {"searchTimeMs": 1, "sources": ["knowledge-base"]},
        }

    @route("POST", "/research", body=_RESEARCH, access="public")
    def _research(self, request: Request) -> object:
        """Find items; the mode limits how many, an unknown one finds nothing."""
        topic, mode = request.fields["topic"], request.fields["mode"] or "standard"
        found = _find(topic, request.fields["domains"], None)[: _FINDINGS.get(mode, 0)]
        findings: List[Record] = [
            {"id": item.id, "content": item.content, "relevance": score, "domain": item.tags[0], **_FINDING}
            for item, score in found
        ]
        count, now = len(findings), int(time.time() * 1000)
        synthesis = {
            "summary": f'Research on "{topic}" completed with {count} findings.',
            "keyInsights": [finding["content"] for finding in findings[:3]],
            "recommendations": [],
            "gaps": [] if findings else [f'No verified facts found for "{topic}"'],
            "confidence": 0.7 if findings else 0.3,
        }
        asked = {name: value for name, value in request.json().items() if name in _ECHOED}
        result = {"query": {**asked, "topic": topic, "mode": mode}, "findings": findings, "mode": mode}
        result.update(synthesis=synthesis, sources={"internal": count, "external": 0, "total": count})
        result["timing"] = {"startTime": now, "endTime": now, "durationMs": 0}
        return {"success": True, "result": result}

    @route("POST", "/memory", body=[_CONVERSATION, Param("content", min=1), _FACT_TYPE], access="public")
    def _store_memory(self, request: Request) -> object:
        return {"success": True, "entry": self._remember(**request.fields)}

    @route("GET", "/memory", query=[_CONVERSATION], access="public")
    def _get_memory(self, request: Request) -> object:
        """What is remembered of a conversation; an unknown one is empty."""
        conversation_id = request.params["conversationId"]
        recent = [
            {**entry, "content": re.sub(r"(?s)^(.{200}).+", r"\1...", entry["content"])}
            for entry in self._messages.get(conversation_id, [])
        ]
        memory = {"recentMessages": recent, "criticalFacts": self._facts.get(conversation_id, [])}
        return {"memory": {**memory, "compressedHistory": []}}

    @route("GET", "/api-keys")
    def _list_keys(self, request: Request) -> object:
        """All keys, newest first, revoked ones too."""
        keys = self._keys.list(newest_first=True)
        return {"success": True, "apiKeys": [_without(record, "key") for record in keys]}

    @route("POST", "/api-keys", body=[Param("name", strip=True, min=1)])
    def _create_key(self, request: Request) -> object:
        """Make a key; each name can be used once."""
        name, key = request.fields["name"], f"ia_{secrets.token_urlsafe(32)}"
        if self._keys.list(name=name):
            return Reply.json({"error": "Failed to create API key"}, 500)
        record = {"name": name, "key": key, "prefix": key[:12], "createdAt": _now(), "isActive": True}
        shown = _without(self._keys.add(record), "isActive")
        return {"success": True, "apiKey": shown, "message": "API key created. Save this key."}

    @route("DELETE", "/api-keys", query=[_ID])
    def _revoke_key(self, request: Request) -> object:
        """Revoke a key; a UUID that no key has is no error."""
        if not is_uuid(request.params["id"]):
            raise HTTPError(404, "API key not found")
        (self._keys.find(request.params["id"]) or {}).update(isActive=False)
        return {"success": True, "message": "API key revoked"}

    @route("GET", "/webhooks")
    def _list_webhooks(self, request: Request) -> object:
        return {"success": True, "webhooks": [_without(hook, "secret") for hook in self._webhooks.list()]}

    @route("POST", "/webhooks", body=_WEBHOOK)
    def _create_webhook(self, request: Request) -> object:
        """Register a webhook; like the real service, it never delivers anything."""
        record = {**request.fields, "secret": secrets.token_urlsafe(32), "createdAt": _now()}
        hook = self._webhooks.add({**record, "isActive": True, "failureCount": 0})
        shown = _without(hook, "isActive", "failureCount")
        return {"success": True, "webhook": shown, "message": "Webhook registered. Save the secret."}

    @route("DELETE", "/webhooks", query=[_ID])
    def _delete_webhook(self, request: Request) -> object:
        self._webhooks.remove(request.params["id"])
        return {"success": True, "message": "Webhook deleted"}

    def _answer(self, request: Request, user_id: str) -> Tuple[Record, Optional[str], Optional[ModelError]]:
        """Return the answer to a chat, what it asks to remember, and why there is only an apology."""
        asked, started, error = request.fields, time.monotonic(), None
        message = request.json()["message"]  # with the white space around it
        match = _REMEMBER.search(message)
        with self.lock:
            answer = {"conversationId": asked["conversationId"] or _new_id("conv")}
            answer["rateLimit"] = self._count_chat(user_id, asked["userTier"])
            self._add_message(answer["conversationId"], "user", message)
            if match:
                self._remember(answer["conversationId"], match[1], "fact")
            stored = self._messages[answer["conversationId"]]
            messages = [{"role": entry["type"], "content": entry["content"]} for entry in stored]
        try:
            made = self.model.answer(messages, ChatInfo(self.name, "infinity-agent"))
            text, tokens = made.text, made.usage["total_tokens"]
        except ModelError as model_error:
            text, tokens, error = _APOLOGY, 0, model_error
        milliseconds = int((time.monotonic() - started) * 1000)
        metadata = {"model": "infinity-agent", "tokensUsed": tokens, "processingTime": milliseconds}
        answer.update(response=text, metadata=metadata)
        return answer, match and match[1], error

    def _count_chat(self, user_id: str, tier: Optional[str]) -> Record:
        """Count a chat and return the state of the quota; raises the 429 if nothing is left."""
        if tier in _UNLIMITED:
            return {"allowed": True, "limit": -1, "remaining": -1}
        limit = self._daily_limit * _TIMES.get(tier or "", 1)
        if self._used[user_id] >= limit:
            raise HTTPError(429, rateLimit=self._used_up(limit))
        self._used[user_id] += 1
        remaining = limit - self._used[user_id]
        state = {"allowed": True, "limit": limit, "remaining": remaining}
        return state if remaining else self._used_up(limit)  # the last chat of a day already says so

    def _used_up(self, limit: int) -> Record:
        reason = f"Daily limit of {limit} requests reached. Reset at {self._day_ends}"
        state = {"allowed": False, "limit": limit, "remaining": 0}
        return {**state, "reset_at": self._day_ends, "reason": reason}

    def _add_message(self, conversation_id: str, kind: str, text: str) -> None:
        entry = {"id": _new_id("mem"), "type": kind, "content": text, "importance": "medium"}
        with self.lock:
            self._messages[conversation_id].append({**entry, "timestamp": _now()})

    def _remember(self, conversationId: str, content: str, type: str) -> Record:
        entry = {"id": _new_id("mem"), "content": content, "type": "insight", "importance": "critical"}
        entry["createdAt"] = _now()
        self._facts[conversationId].append({**entry, "tags": ["remembered", type]})
        return entry


def _find(query: str, domains: Optional[List[str]], tags: Optional[List[str]]) -> List[Tuple[_Item, float]]:
    """The items that have some words of a query, and which part of the words, best first."""
    words = re.findall(r"\w+", query.lower())
    hits = []
    for item in _ITEMS:
        text = " ".join([item.title, item.content, *item.tags]).lower()
        score = round(sum(word in text for word in words) / max(1, len(words)), 2)
        if score and (not domains or item.tags[0] in domains) and (not tags or {*tags} & {*item.tags}):
            hits.append((item, score))
    return sorted(hits, key=lambda hit: -hit[1])


def _identity(request: Request) -> str:
    """The user that the body or the cookie names, or a new one."""
    match = re.search(rf"\b{_COOKIE}=([^;]+)", request.headers.get("cookie", ""))
    return request.fields["userId"] or (unquote(match[1]) if match else _new_id("anon"))


def _without(record: Record, *names: str) -> Record:
    return {name: value for name, value in record.items() if name not in names}


def _new_id(kind: str) -> str:
    return f"{kind}_{int(time.time() * 1000)}_{uuid.uuid4().hex[:11]}"


def _now() -> str:
    return timestamp(timespec="milliseconds")
