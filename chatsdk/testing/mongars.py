"""Fake monGARS: accounts, chats with history, retrieval, suggestions, peers and models."""

from __future__ import annotations

import base64
import html
import json
import math
import re
import time
import uuid
from datetime import datetime, timedelta, timezone
from itertools import chain
from typing import Any, Dict, List, Mapping, Optional, Set
from urllib.parse import urlsplit

from .._core.dates import format_utc, parse_datetime
from .chat import ChatInfo, ChatModel, ModelError
from .collection import Record, timestamp
from .exchange import HTTPError, Request, dumps
from .routing import FakeService, route
from .validation import Param

_ERRORS: Mapping[int, object] = {
    400: "Invalid peer payload",
    401: "Invalid token: Token verification failed: Signature has expired.",
    403: "Admin required",
    429: "Too many requests: please wait before sending another message.",
}
_APOLOGY = "The response service is temporarily unavailable. Please try again in a moment."
_ADMIN = "u1"
_PARAMETERS = {"top_p": 0.9, "num_predict": 512, "max_tokens": 4096}
_REFERENCES = [
    {"repository": repository, "file_path": path, "summary": summary, "url": url}
    for repository, path, summary, url in (
        ("acme/backend", "api/routes.py", "Validation of request bodies", "https://git.example/routes.py"),
        ("acme/backend", "api/tokens.py", "Login, and how tokens are checked", None),
        ("acme/web", "src/panel.ts", "The panel of the chat", None),
    )
]
_MODELS = {
    role: {"role": role, "name": name, "provider": "ollama"}
    for role, name in (("coding", "llm2vec"), ("general", "dolphin-x1"), ("reasoning", "dolphin-x1"))
}


def _peer_url(text: str) -> str:
    """Normalize a URL, or raise ValueError."""
    parts = urlsplit(text.strip())
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("URL scheme should be 'http' or 'https'")
    netloc = re.sub({"http": ":80$", "https": ":443$"}[parts.scheme], "", parts.netloc.lower())
    return parts._replace(netloc=netloc).geturl().rstrip("/")


_ITEM = Param("item", min=1, strip=True)
_LOWER_CASE = Param("item", min=1, strip=True, convert=str.lower)
_LOGIN = [Param("grant_type", default=None, pattern="^password$"), Param("username"), Param("password")]
_USERNAME = Param("username", min=1, max=150, strip=True, pattern="^[A-Za-z0-9_-]+$")
_PASSWORDS = [Param("old_password", min=8), Param("new_password", min=8)]
_CHAT = [
    Param("message", min=1, max=1000, strip=True),
    Param("session_id", default=None, min=1, max=100, strip=True),
    Param("allowed_actions", list, None, min=1, items=_ITEM),
]
_HISTORY = [Param("user_id", min=1, strip=True), Param("limit", int, 10, min=1)]
_QUERY = [
    Param("query", min=1, max=4000, strip=True),
    Param("repositories", list, None, items=_LOWER_CASE),
    Param("max_results", int, None, min=1, max=50),
]
_PROMPT = [Param("prompt", min=1, max=8000, strip=True), Param("actions", list, None, min=1, items=_ITEM)]
_PEER = [Param("url", convert=_peer_url)]
_LOAD = ("scheduler_id", "queue_depth", "active_workers", "concurrency", "load_factor")
_COUNTS = ("queue_depth", "active_workers", "concurrency", "tasks_processed", "tasks_failed")
_AMOUNTS = ("load_factor", "worker_uptime_seconds", "task_failure_rate")
_REPORT = [
    Param("scheduler_id", default=None),
    *(Param(name, int, 0, min=0) for name in _COUNTS),
    *(Param(name, float, 0.0, min=0, max=1e308) for name in _AMOUNTS),
    Param("observed_at", datetime, None),
    Param("source", default=None, max=2048),
]
_PROVISION = [Param("roles", list, None, items=_LOWER_CASE), Param("force", bool, False)]


def _make_token(user: str, expires: float) -> str:
    """Return a token in JSON Web Token format, as the client reads the user from it."""
    parts: List[Record] = [{"alg": "none"}, {"sub": user, "admin": user == _ADMIN, "exp": expires}]
    texts = [base64.urlsafe_b64encode(dumps(part).encode("utf-8")).decode("ascii") for part in parts]
    return ".".join([*(text.rstrip("=") for text in texts), "local"])


def _read_token(token: str) -> str:
    """Return the user of a token, or raise a 401."""
    try:
        claims = json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))
        user, expires = claims["sub"], claims["exp"]
    except (ValueError, LookupError, TypeError):
        raise HTTPError(401, "Invalid token: missing subject") from None
    if token != _make_token(user, expires):
        raise HTTPError(401, "Invalid token: Token verification failed: Signature verification failed.")
    if expires <= time.time():
        raise HTTPError(401)
    return str(user)


class MonGARS(FakeService):
    """A fake monGARS; LocalServer describes the arguments (*rate*: chats_per_second, *lag*: history_lag)."""

    name = "mongars"
    key = _make_token(_ADMIN, 32503680000.0)  # expires in the year 3000
    error_messages = _ERRORS

    def __init__(
        self, model: ChatModel, token_seconds: float, rate: Optional[float], lag: float, retrieval: bool
    ) -> None:
        super().__init__(model)
        self._token_seconds = token_seconds
        self._chat_interval = 1 / rate if rate else 0.0
        self._history_lag = lag
        self._retrieval = retrieval
        self._passwords = {"alice": "secret-password", _ADMIN: "x", "u2": "y"}
        self._last_chats: Dict[str, float] = {}
        self._turns: List[Record] = []
        self._peers: Set[str] = set()
        self._reports: Dict[object, Record] = {}
        self._provisioned: Set[str] = set()

    def authorize(self, request: Request, access: str) -> Any:
        """Check the token and the rate of chats; a chat with an invalid body counts too."""
        if access == "public":
            return None
        if request.headers.get("authorization", "").partition(" ")[0].lower() != "bearer":
            raise HTTPError(401, "Not authenticated", headers={"www-authenticate": "Bearer"})
        user = _read_token(request.bearer_token)
        if access == "admin" and user != _ADMIN:
            raise HTTPError(403)
        if access == "chat":
            with self.lock:
                now = time.monotonic()
                if now - self._last_chats.get(user, -math.inf) < self._chat_interval:
                    raise HTTPError(429)
                self._last_chats[user] = now
        return user

    @route("GET", "/healthz", access="public")
    def _check_health(self, request: Request) -> object:
        return {"status": "ok"}

    @route("GET", "/ready", access="public")
    def _check_ready(self, request: Request) -> object:
        return {"status": "ready"}

    @route("POST", "/token", form=_LOGIN, access="public")
    def _log_in(self, request: Request) -> object:
        name, password = request.fields["username"], request.fields["password"]
        if self._passwords.get(name) != password:
            raise HTTPError(401, "Invalid credentials")
        token = _make_token(name, time.time() + self._token_seconds)
        return {"access_token": token, "token_type": "bearer"}

    @route("POST", "/api/v1/user/register", body=[_USERNAME, Param("password", min=8)], access="public")
    def _register(self, request: Request) -> object:
        if request.fields["username"] in self._passwords:
            raise HTTPError(409, "Username already exists")
        self._passwords[request.fields["username"]] = request.fields["password"]
        return {"status": "registered", "is_admin": False}

    @route("GET", "/api/v1/user/list", access="admin")
    def _list_users(self, request: Request) -> object:
        return {"users": sorted(self._passwords)}

    @route("POST", "/api/v1/user/change-password", body=_PASSWORDS)
    def _change_password(self, request: Request) -> object:
        if self._passwords.get(request.user) != request.fields["old_password"]:
            raise HTTPError(403, "Incorrect password")
        self._passwords[request.user] = request.fields["new_password"]
        return {"status": "changed"}

    @route("POST", "/api/v1/conversation/chat", body=_CHAT, access="chat", locked=False)
    def _chat(self, request: Request) -> object:
        """Answer a chat and store it; an apology is not stored."""
        started, message = time.monotonic(), request.fields["message"]
        query = html.escape(re.sub(r"</?\w[^<>]*>", "", message), quote=False)
        conversation = (request.user, request.fields["session_id"])
        with self.lock:
            turns = [turn["messages"] for turn in self._turns if turn["conversation"] == conversation]
        messages = [*chain.from_iterable(turns), {"role": "user", "content": message}]
        try:
            response = self.model.answer(messages, ChatInfo(self.name)).text
            confidence = min(len(response.split()) / 512, 1.0)
            now = datetime.now(timezone.utc)
            times = {"timestamp": format_utc(now), "expires_at": format_utc(now + timedelta(days=1))}
            item = {"user_id": request.user, "query": query, "response": response, **times}
            exchange = [messages[-1], {"role": "assistant", "content": response}]
            turn = {"conversation": conversation, "messages": exchange, "item": item}
            with self.lock:
                self._turns.append({**turn, "shown_at": time.monotonic() + self._history_lag})
        except ModelError:
            response, confidence = _APOLOGY, 0.0
        return {
            "response": response,
            "confidence": confidence,
            "processing_time": round(time.monotonic() - started, 6),
            "speech_turn": _speech_turn(response),
        }

    @route("GET", "/api/v1/conversation/history", query=_HISTORY)
    def _list_history(self, request: Request) -> object:
        """Return the chats of the user, newest first, at most 100."""
        if request.params["user_id"] != request.user:
            raise HTTPError(403, "Forbidden")
        turns = [turn for turn in reversed(self._turns) if turn["shown_at"] <= time.monotonic()]
        items = [turn["item"] for turn in turns if turn["item"]["user_id"] == request.user]
        return items[: min(request.params["limit"], 100)]

    @route("POST", "/api/v1/review/rag-context", body=_QUERY)
    def _find_references(self, request: Request) -> object:
        """Return the files that share words with the query, best first."""
        if not self._retrieval:
            raise HTTPError(503, "RAG disabled")
        words, repositories = _words(request.fields["query"]), request.fields["repositories"] or ["all"]
        found: List[Record] = []
        for reference in _REFERENCES:
            shared = words & _words(f"{reference['file_path']} {reference['summary']}")
            if shared and ("all" in repositories or reference["repository"] in repositories):
                found.append({**reference, "score": round(len(shared) / len(words), 4)})
        found.sort(key=lambda reference: -reference["score"])
        found = found[: request.fields["max_results"]]
        focus_areas = [reference["summary"] for reference in found]
        return {"enabled": True, "focus_areas": focus_areas, "references": found}

    @route("POST", "/api/v1/ui/suggestions", body=_PROMPT)
    def _suggest(self, request: Request) -> object:
        """Return the actions, sorted by how often the prompt contains them."""
        prompt = request.fields["prompt"].lower()
        actions = request.fields["actions"] or ["code", "summarize", "explain"]
        actions = sorted(dict.fromkeys(actions), key=lambda action: -prompt.count(action.lower()))
        scores = {action: float(len(actions) - rank) for rank, action in enumerate(actions)}
        return {"actions": actions, "scores": scores, "model": "heuristic-keyword"}

    @route("POST", "/api/v1/peer/message", body=[Param("payload", min=1, strip=True)])
    def _receive_message(self, request: Request) -> object:
        """Decode a payload: here JSON in URL-safe base64, on a real server a Fernet token."""
        try:
            data = json.loads(base64.urlsafe_b64decode(request.fields["payload"]))
        except ValueError:
            raise HTTPError(400) from None
        return {"status": "received", "data": data}

    @route("POST", "/api/v1/peer/register", body=_PEER, access="admin")
    def _register_peer(self, request: Request) -> object:
        status = "already registered" if request.fields["url"] in self._peers else "registered"
        self._peers.add(request.fields["url"])
        return {"status": status, "count": len(self._peers)}

    @route("POST", "/api/v1/peer/unregister", body=_PEER, access="admin")
    def _unregister_peer(self, request: Request) -> object:
        """Remove a peer; an unknown one is not an error."""
        status = "unregistered" if request.fields["url"] in self._peers else "not registered"
        self._peers.discard(request.fields["url"])
        return {"status": status, "count": len(self._peers)}

    @route("GET", "/api/v1/peer/list", access="admin")
    def _list_peers(self, request: Request) -> object:
        return sorted(self._peers)

    @route("GET", "/api/v1/peer/load", access="admin")
    def _get_load(self, request: Request) -> object:
        return {param.name: param.default for param in _REPORT if param.name in _LOAD}

    @route("POST", "/api/v1/peer/telemetry", status=202, body=_REPORT, access="admin")
    def _publish_report(self, request: Request) -> object:
        """Store a report; it replaces the last one of the same source or scheduler."""
        report = dict(request.fields)
        report["concurrency"] = max(1, report["concurrency"])
        report["observed_at"] = format_utc(report["observed_at"] or timestamp())
        report["source"] = report["source"] and report["source"].rstrip("/")
        self._reports[report["source"] or report["scheduler_id"] or object()] = report
        return {"status": "accepted"}

    @route("GET", "/api/v1/peer/telemetry", access="admin")
    def _list_reports(self, request: Request) -> object:
        """Return the reports, newest first."""
        reports = list(self._reports.values())
        reports.sort(key=lambda report: parse_datetime(report["observed_at"]), reverse=True)
        return {"telemetry": reports}

    @route("GET", "/api/v1/models", access="admin")
    def _get_models(self, request: Request) -> object:
        """Return the models of the only profile."""
        common: Record = {"parameters": _PARAMETERS, "auto_download": True, "description": None}
        models = {role: {**model, **common} for role, model in _MODELS.items()}
        profile = {"name": "default", "models": models}
        return {"active_profile": "default", "available_profiles": ["default"], "profile": profile}

    @route("POST", "/api/v1/models/provision", body=_PROVISION, access="admin")
    def _provision(self, request: Request) -> object:
        """Install the models that are missing; an unknown role gets the general model."""
        statuses: List[Record] = []
        for role in dict.fromkeys(request.fields["roles"] or _MODELS):
            row = _MODELS.get(role, _MODELS["general"])
            known = role in self._provisioned and not request.fields["force"]
            action, detail = ("skipped", "already_ensured") if known else ("installed", None)
            statuses.append({**row, "action": action, "detail": detail})
            self._provisioned.add(role)
        return {"statuses": statuses}


def _speech_turn(text: str) -> Record:
    segments = [
        {"text": part, "estimated_duration": round(len(part.split()) / 2.75, 3), "pause_after": 0.5}
        for part in re.split(r"(?<=[.!?])\s+", text.strip())
    ]
    turn: Record = {"turn_id": str(uuid.uuid4()), "text": text, "created_at": timestamp()}
    return {**turn, "segments": segments, "average_words_per_second": 2.75, "tempo": 1.0}


def _words(text: str) -> Set[str]:
    return set(re.findall(r"[^\W_]{3,}", text.lower()))
