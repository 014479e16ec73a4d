"""Fake Infinity Assistant: chats with a daily quota, memory, knowledge, API keys and webhooks."""

from __future__ import annotations

import re
import secrets
import time
import uuid
from collections import defaultdict
from functools import partial
from typing import Dict, List, Mapping, NamedTuple, Optional, Tuple
from urllib.parse import quote, unquote

from .chat import ChatInfo, ChatModel, ModelError, split_text
from .collection import Collection, Record, timestamp
from .exchange import Answer, EventStream, HTTPError, Reply, Request, event
from .routing import FakeService, route
from .validation import Param, Problem, is_uuid

_COOKIE = "infinity_anon_user"
_OWNER = "user_1735689600000_10ca10ca"  # owns all API keys
_REMEMBER = re.compile(r"(?:remember this|don't forget)[:\s]+(.+)", re.IGNORECASE | re.DOTALL)
_STORED = "*I've stored that in my memory.*"
_APOLOGY = "I apologize, but I encountered an error processing your request. Please try again."
_NOT_FOUND_PAGE = "<!DOCTYPE html><html><head><title>404: This page could not be found.</title></head></html>"
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
_SPEAKER = {"speakerId": "speaker_10ca10ca", "ageGroup": "adult", "greeting": "Hello!"}
_CHECKS = {"supabase": {"status": "healthy"}, "fallback_llm": {"status": "available"}}
_HEALTH = {"status": "healthy", "version": "1.0.0", "service": "infinityassistant", "checks": _CHECKS}
_MAX_FINDINGS = {"quick": 2, "standard": 5, "deep": 10, "comprehensive": 20}  # by mode
_FINDING = {"source": "local-memory", "sourceType": "insight", "confidence": 0.75, "metadata": {}}
_LIMIT_FACTORS = {"pro": 2, "assistant_pro": 2}  # of the daily limit, by tier
_UNLIMITED = ("business", "team", "enterprise", "builder_pro")


class _Item(NamedTuple):
    id: str
    group: str
    title: str
    content: str
    tags: List[str]  # the first one is the domain


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
_TYPE = Param("type", default="fact", choices=("wisdom", "pattern", "gotcha", "fact"))
_MEMORY = [_CONVERSATION, Param("content", min=1), _TYPE]
_EVENTS = (
    "chat.message chat.response knowledge.created memory.stored user.preferences.updated "
    "subscription.created subscription.updated subscription.cancelled"
)
_WEBHOOK = [
    Param("url", pattern=r"^[A-Za-z][\w+.-]*:\S"),
    Param("events", list, min=1, items=Param("", choices=_EVENTS.split())),
]


class Infinity(FakeService):
    """A fake Infinity Assistant; users have *daily_limit* chats a day, or twice as many in tier pro."""

    name = "infinity"

    def __init__(self, model: ChatModel, daily_limit: int) -> None:
        super().__init__(model)
        self._daily_limit = daily_limit
        # The quota is not reset at midnight, so that tests do not depend on the time.
        self._day_ends = f"{timestamp(86400)[:10]}T00:00:00.000Z"
        self._chats: Dict[str, int] = defaultdict(int)  # number of chats, by user
        self._messages: Dict[str, List[Record]] = defaultdict(list)
        self._facts: Dict[str, List[Record]] = defaultdict(list)
        self._keys = Collection()
        self._webhooks = Collection("Webhook not found")

    def authorize(self, request: Request, access: str) -> Optional[str]:
        """Return the owner of a valid API key, or None; raise a 401 if the endpoint requires a key."""
        key = request.headers.get("x-api-key", request.bearer_token).strip()
        with self.lock:
            known = self._keys.list(isActive=True, key=key)
            for record in known:
                record["lastUsed"] = _now()
        if access == "user" and not known and key != self.key:
            raise HTTPError(401)
        return _OWNER if known or key == self.key else None

    def error(self, error: HTTPError) -> Reply:
        """Return an object whose "error" is a string or an object; a page or nothing for a 404 or 405."""
        status, message = error.status, error.message
        if status == 404 and not message:
            return Reply.text(_NOT_FOUND_PAGE, status, "text/html; charset=utf-8")
        if status == 405:
            return Reply(status)
        body: Record = {**_ERRORS.get(status, {"error": f"Error {status}"}), **error.details}
        if status == 429:
            body.setdefault("rateLimit", self._exceeded_quota(self._daily_limit))
        if message:
            default = body["error"]
            body["error"] = {**default, "message": message} if isinstance(default, dict) else message
        return Reply.json(body, status)

    def invalid(self, request: Request, problems: List[Problem]) -> Reply:
        """Return a 400 with the first problem, or a 500 if the body is not a JSON object."""
        location = problems[0]["loc"]
        if location == ["body"] or problems[0]["type"] == "json_invalid":
            return self.error(HTTPError(500))
        body = {"success": False} if request.path in ("/search", "/research") else {}
        return Reply.json({**body, "error": f"{location[1]}: {problems[0]['msg']}"}, 400)

    @route("GET", "/health", access="public")
    def _check_health(self, request: Request) -> object:
        return {**_HEALTH, "timestamp": _now()}

    @route("POST", "/chat", body=_CHAT, access="public", locked=False)
    def _chat(self, request: Request) -> Answer:
        """Answer a chat of the owner of the API key, or else of the userId or the cookie."""
        user_id = request.user or _get_user_id(request)
        answer, fact, _ = self._answer(request, user_id)
        answer["response"] = (f"{_STORED}\n\n" if fact else "") + answer["response"]
        self._add_message(answer["conversationId"], "assistant", answer["response"])
        cookie = f"{_COOKIE}={quote(user_id, safe='')}; Path=/; Max-Age=31536000; HttpOnly; SameSite=strict"
        return Reply.json(answer, headers={} if request.fields["userId"] else {"set-cookie": cookie})

    @route("POST", "/chat/stream", body=_CHAT, access="public", locked=False)
    def _chat_stream(self, request: Request) -> Answer:
        """Stream an answer; API keys are ignored, and no cookie is set."""
        answer, fact, error = self._answer(request, _get_user_id(request))
        ids = {"conversationId": answer["conversationId"]}
        events = [event({"stored": True, "content": fact}, "memory")] if fact else []
        events += [event(_SPEAKER, "speaker"), event(ids, "start")]
        headers = {"cache-control": "no-cache"}
        if error:
            problem = {"message": "An error occurred during response generation", "error": error.message}
            return EventStream(iter([*events, event(problem, "error")]), headers=headers)
        texts = [*split_text(answer["response"]), *([f"\n\n{_STORED}"] if fact else [])]
        events += [event({"text": text}, "chunk") for text in texts]
        metadata = {**_without(answer["metadata"], "model"), "drivingMode": False}
        events.append(event({**ids, "metadata": metadata}, "done"))
        store = partial(self._add_message, answer["conversationId"], "assistant", answer["response"])
        return EventStream(iter(events), headers=headers, on_delivered=store)

    @route("POST", "/search", body=_SEARCH, access="public")
    def _search(self, request: Request) -> object:
        """Return items by group; the counts ignore the limit."""
        fields = request.fields
        found: Dict[str, List[Record]] = {"wisdom": [], "patterns": [], "gotchas": []}
        for item, score in _find(fields["query"], fields["domain"] and [fields["domain"]], fields["tags"]):
            row: Record = {"id": item.id, "score": score}
            if item.group == "patterns":
                row.update(name=item.title, description=item.content, domain=item.tags[0])
            else:
                row.update(title=item.title, content=item.content, source="knowledge-base")
            if fields["type"] in ("all", item.group):
                found[item.group].append(row)
        counts = {group: len(rows) for group, rows in found.items()}
        return {
            "success": True,
            "query": fields["query"],
            "results": {group: rows[: fields["limit"]] for group, rows in found.items()},
            "counts": {"total": sum(counts.values()), **counts},
            "metadata": {"searchTimeMs": 1, "sources": ["knowledge-base"]},
        }

    @route("POST", "/research", body=_RESEARCH, access="public")
    def _research(self, request: Request) -> object:
        """Return findings; their number depends on the mode, and is 0 for an unknown one."""
        topic, mode = request.fields["topic"], request.fields["mode"] or "standard"
        found = _find(topic, request.fields["domains"], None)[: _MAX_FINDINGS.get(mode, 0)]
        findings: List[Record] = [
            {"id": item.id, "content": item.content, "relevance": score, "domain": item.tags[0], **_FINDING}
            for item, score in found
        ]
        count, now = len(findings), int(time.time() * 1000)
        result = {
            "query": {**request.json(), "topic": topic, "mode": mode},
            "mode": mode,
            "findings": findings,
            "synthesis": {
                "summary": f'Research on "{topic}" completed with {count} findings.',
                "keyInsights": [finding["content"] for finding in findings[:3]],
                "recommendations": [],
                "gaps": [] if findings else [f'No verified facts found for "{topic}"'],
                "confidence": 0.7 if findings else 0.3,
            },
            "sources": {"internal": count, "external": 0, "total": count},
            "timing": {"startTime": now, "endTime": now, "durationMs": 0},
        }
        return {"success": True, "result": result}

    @route("POST", "/memory", body=_MEMORY, access="public")
    def _store_memory(self, request: Request) -> object:
        fields = request.fields
        entry = self._remember(fields["conversationId"], fields["content"], fields["type"])
        return {"success": True, "entry": entry}

    @route("GET", "/memory", query=[_CONVERSATION], access="public")
    def _get_memory(self, request: Request) -> object:
        """Return the memory of a conversation; an unknown one is empty."""
        conversation_id = request.params["conversationId"]
        recent = [
            {**entry, "content": re.sub(r"(?s)^(.{200}).+", r"\1...", entry["content"])}
            for entry in self._messages.get(conversation_id, [])
        ]
        memory = {"recentMessages": recent, "criticalFacts": self._facts.get(conversation_id, [])}
        return {"memory": {**memory, "compressedHistory": []}}

    @route("GET", "/api-keys")
    def _list_keys(self, request: Request) -> object:
        """Return all keys, including revoked ones, newest first."""
        keys = self._keys.list(newest_first=True)
        return {"success": True, "apiKeys": [_without(record, "key") for record in keys]}

    @route("POST", "/api-keys", body=[Param("name", strip=True, min=1)])
    def _create_key(self, request: Request) -> object:
        """Create a key; its name must be unique."""
        name, key = request.fields["name"], f"ia_{secrets.token_urlsafe(32)}"
        if self._keys.list(name=name):
            return Reply.json({"error": "Failed to create API key"}, 500)
        record = {"name": name, "key": key, "prefix": key[:12], "createdAt": _now(), "isActive": True}
        shown = _without(self._keys.add(record), "isActive")
        return {"success": True, "apiKey": shown, "message": "API key created. Save this key."}

    @route("DELETE", "/api-keys", query=[_ID])
    def _revoke_key(self, request: Request) -> object:
        """Revoke a key; an unknown UUID is not an error."""
        if not is_uuid(request.params["id"]):
            raise HTTPError(404, "API key not found")
        (self._keys.find(request.params["id"]) or {}).update(isActive=False)
        return {"success": True, "message": "API key revoked"}

    @route("GET", "/webhooks")
    def _list_webhooks(self, request: Request) -> object:
        return {"success": True, "webhooks": [_without(hook, "secret") for hook in self._webhooks.list()]}

    @route("POST", "/webhooks", body=_WEBHOOK)
    def _create_webhook(self, request: Request) -> object:
        """Register a webhook; like on the real server, nothing is ever delivered."""
        record = {**request.fields, "secret": secrets.token_urlsafe(32), "createdAt": _now()}
        hook = self._webhooks.add({**record, "isActive": True, "failureCount": 0})
        shown = _without(hook, "isActive", "failureCount")
        return {"success": True, "webhook": shown, "message": "Webhook registered. Save the secret."}

    @route("DELETE", "/webhooks", query=[_ID])
    def _delete_webhook(self, request: Request) -> object:
        self._webhooks.remove(request.params["id"])
        return {"success": True, "message": "Webhook deleted"}

    def _answer(self, request: Request, user_id: str) -> Tuple[Record, Optional[str], Optional[ModelError]]:
        """Return the answer to a chat, the fact that was stored, and the error that caused an apology."""
        fields, started, error = request.fields, time.monotonic(), None
        message = request.json()["message"]  # not stripped
        match = _REMEMBER.search(message)
        with self.lock:
            answer = {"conversationId": fields["conversationId"] or _new_id("conv")}
            answer["rateLimit"] = self._count_chat(user_id, fields["userTier"])
            self._add_message(answer["conversationId"], "user", message)
            if match:
                self._remember(answer["conversationId"], match[1], "fact")
            stored = self._messages[answer["conversationId"]]
            messages = [{"role": entry["type"], "content": entry["content"]} for entry in stored]
        try:
            model_answer = self.model.answer(messages, ChatInfo(self.name, "infinity-agent"))
            text, tokens = model_answer.text, model_answer.usage["total_tokens"]
        except ModelError as model_error:
            text, tokens, error = _APOLOGY, 0, model_error
        milliseconds = int((time.monotonic() - started) * 1000)
        metadata = {"model": "infinity-agent", "tokensUsed": tokens, "processingTime": milliseconds}
        answer.update(response=text, metadata=metadata)
        return answer, match and match[1], error

    def _count_chat(self, user_id: str, tier: Optional[str]) -> Record:
        """Count a chat and return the state of the quota, or raise a 429."""
        if tier in _UNLIMITED:
            return {"allowed": True, "limit": -1, "remaining": -1}
        limit = self._daily_limit * _LIMIT_FACTORS.get(tier or "", 1)
        if self._chats[user_id] >= limit:
            raise HTTPError(429, rateLimit=self._exceeded_quota(limit))
        self._chats[user_id] += 1
        remaining = limit - self._chats[user_id]
        state = {"allowed": True, "limit": limit, "remaining": remaining}
        return (
            state if remaining else self._exceeded_quota(limit)
        )  # the real server reports it after the last chat

    def _exceeded_quota(self, limit: int) -> Record:
        reason = f"Daily limit of {limit} requests reached. Reset at {self._day_ends}"
        state = {"allowed": False, "limit": limit, "remaining": 0}
        return {**state, "reset_at": self._day_ends, "reason": reason}

    def _add_message(self, conversation_id: str, role: str, text: str) -> None:
        entry = {"id": _new_id("mem"), "type": role, "content": text, "importance": "medium"}
        with self.lock:
            self._messages[conversation_id].append({**entry, "timestamp": _now()})

    def _remember(self, conversation_id: str, content: str, kind: str) -> Record:
        entry = {"id": _new_id("mem"), "content": content, "type": "insight", "importance": "critical"}
        entry["createdAt"] = _now()
        self._facts[conversation_id].append({**entry, "tags": ["remembered", kind]})
        return entry


def _find(query: str, domains: Optional[List[str]], tags: Optional[List[str]]) -> List[Tuple[_Item, float]]:
    """Return the items that contain words of a query, and the share of the words, best first."""
    words = re.findall(r"\w+", query.lower())
    found = []
    for item in _ITEMS:
        text = " ".join([item.title, item.content, *item.tags]).lower()
        score = round(sum(word in text for word in words) / max(1, len(words)), 2)
        if score and (not domains or item.tags[0] in domains) and (not tags or {*tags} & {*item.tags}):
            found.append((item, score))
    return sorted(found, key=lambda pair: -pair[1])


def _get_user_id(request: Request) -> str:
    """Return the user id of the body or the cookie, or a new one."""
    match = re.search(rf"\b{_COOKIE}=([^;]+)", request.headers.get("cookie", ""))
    return request.fields["userId"] or (unquote(match[1]) if match else _new_id("anon"))


def _without(record: Record, *names: str) -> Record:
    return {name: value for name, value in record.items() if name not in names}


def _new_id(prefix: str) -> str:
    return f"{prefix}_{int(time.time() * 1000)}_{uuid.uuid4().hex[:11]}"


def _now() -> str:
    return timestamp(timespec="milliseconds")
