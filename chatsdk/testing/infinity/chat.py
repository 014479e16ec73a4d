"""Infinity Assistant's chat, whole and streamed, and its history."""

import json
import time
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from typing import Any, Dict, Iterator, List, Mapping, Optional, Tuple
from urllib.parse import quote

from ..chat import MakeReply, usage
from ..exchange import EventStream, Refusal, Reply, Request, event
from .errors import INTERNAL_ERROR, NO_MESSAGE, UNEXPECTED, coded, explained, plain
from .ids import new_id
from .keys import ApiKeys
from .memory import Memory
from .quota import Quota
from .reading import (
    COOKIE,
    cookie_user,
    length,
    optional_object,
    optional_text,
    query_value,
    read_body,
    required_text,
)
from .signals import Signals, about_the_user, foreign_language, to_remember

_LONGEST = 5000
_YEAR = timedelta(days=365)
_APOLOGY = "I apologize, but I was unable to process your request."
_STORED = "*I've stored that in my memory.*"
_STREAM_CRASH = explained(500, "Internal server error", UNEXPECTED)

_Events = List[Tuple[str, Mapping[str, Any]]]


@dataclass(frozen=True)
class Question:
    """One chat request, as it was understood."""

    message: str
    conversation_id: str
    user_id: Optional[str]
    tier: Optional[str]
    session_id: Optional[str]
    language: Optional[str]
    essence: Optional[Mapping[str, Any]]
    driving: Optional[Mapping[str, Any]]  # while driving mode is on


class Chat:
    """POST /chat, POST /chat/stream and GET /chat."""

    def __init__(self, make_reply: MakeReply, keys: ApiKeys, quota: Quota, memory: Memory) -> None:
        self._make_reply = make_reply
        self._keys = keys
        self._quota = quota
        self._memory = memory
        self._signals = Signals()

    def create(self, request: Request) -> Reply:
        """POST /chat: only here a key says whose quota and history it is, and only here is the cookie set."""
        started = time.monotonic()
        question = _read(request, INTERNAL_ERROR)
        user_id = self._keys.owner(request) or question.user_id or _identity(request)
        rate_limit = self._quota.spend(user_id, question.tier, suggests=True)
        stored, _ = self._listen(question)
        text, tokens = self._ask(question, user_id)
        proposal = None if stored else about_the_user(question.message)
        if stored:
            text = f"{_STORED}\n\n{text}"
        if proposal:
            text += f'\n\n---\n*Would you like me to remember "{proposal}"?*'
        self._memory.add_message(question.conversation_id, user_id, "assistant", text)
        metadata: Dict[str, Any] = {"model": "infinity-agent", **_cost(tokens, started)}
        if question.driving is not None:
            metadata["drivingMode"] = True
        answer = {
            "response": text,
            "conversationId": question.conversation_id,
            "rateLimit": rate_limit,
            "metadata": metadata,
        }
        return Reply.json(answer, headers=None if question.user_id else _set_cookie(user_id))

    def stream(self, request: Request) -> EventStream:
        """POST /chat/stream: the whole answer is there before its first piece is sent."""
        started = time.monotonic()
        question = _read(request, _STREAM_CRASH)
        user_id = question.user_id or _identity(request)
        self._quota.spend(user_id, question.tier, suggests=False)
        stored, noticed = self._listen(question)
        text, tokens = self._ask(question, user_id)

        def events() -> Iterator[str]:
            for name, data in noticed:
                yield _event(name, data)
            yield _event("start", {"conversationId": question.conversation_id})
            for piece in _pieces(text):
                yield _event("chunk", {"text": piece})
            if stored:
                yield _event("chunk", {"text": f"\n\n{_STORED}"})
            self._memory.add_message(question.conversation_id, user_id, "assistant", text)
            metadata = {**_cost(tokens, started), "drivingMode": question.driving is not None}
            yield _event("done", {"conversationId": question.conversation_id, "metadata": metadata})

        return EventStream(events(), headers={"cache-control": "no-cache"})

    def history(self, request: Request) -> Reply:
        """GET /chat: its "messages" are rows of conversations, here none or one."""
        conversation_id = query_value(request, "conversationId")
        if not conversation_id:
            raise Refusal(_no_id())
        user_id = query_value(request, "userId") or _identity(request)
        rows = self._memory.rows(conversation_id, user_id)
        return Reply.json({"conversationId": conversation_id, "messages": rows})

    def _listen(self, question: Question) -> Tuple[bool, _Events]:
        """Whether something was stored, and the events that say what was noticed."""
        message = question.message
        phase = self._signals.phase(question.conversation_id, message)
        events: _Events = [] if phase is None else [("phase", phase)]
        content = to_remember(message)
        if content is not None:
            self._memory.remember(question.conversation_id, content)
            events.append(("memory", {"stored": True, "content": content}))
        language = foreign_language(message) if question.language in (None, "en") else None
        if language is not None:
            events.append(("language", {"detected": language[0], "confidence": language[1]}))
        speaker = self._signals.speaker(question.session_id, message)
        if speaker is not None:
            events.append(("speaker", speaker))
        if question.essence is not None:
            events.append(("essence", {"applied": True, **_part(question.essence, "voiceTone")}))
        if question.driving is not None:
            events.append(("driving", {"enabled": True, **_part(question.driving, "isEV")}))
        return content is not None, events

    def _ask(self, question: Question, user_id: str) -> Tuple[str, int]:
        """The assistant's text, never empty, and its tokens."""
        self._memory.add_message(question.conversation_id, user_id, "user", question.message)
        messages = [{"role": "user", "content": question.message}]
        text = self._make_reply(messages)
        if not text:
            return _APOLOGY, 0
        tokens = usage(messages, text)["total_tokens"]
        self._quota.add_tokens(user_id, tokens)
        return text, tokens


def _read(request: Request, crash: Reply) -> Question:
    asked = read_body(request, crash)
    message = required_text(asked, "message", NO_MESSAGE)
    if length(message) > _LONGEST:
        raise Refusal(plain(400, f"Message too long. Maximum {_LONGEST} characters."))
    driving = optional_object(asked, "drivingMode") or {}
    preferences = optional_object(asked, "preferences") or {}
    return Question(
        message=message,
        conversation_id=optional_text(asked, "conversationId", crash) or new_id("conv", 11),
        user_id=optional_text(asked, "userId", crash),
        tier=optional_text(asked, "userTier", crash),
        session_id=optional_text(asked, "sessionId", crash),
        language=optional_text(preferences, "preferredLanguage", crash),
        essence=optional_object(asked, "essence"),
        driving=driving if driving.get("enabled") else None,
    )


def _identity(request: Request) -> str:
    return cookie_user(request) or new_id("anon", 12)


def _set_cookie(user_id: str) -> Dict[str, str]:
    expires = format_datetime(datetime.now(timezone.utc) + _YEAR, usegmt=True)
    return {
        "set-cookie": f"{COOKIE}={quote(user_id, safe='')}; Path=/; Expires={expires}; "
        f"Max-Age={int(_YEAR.total_seconds())}; HttpOnly; SameSite=strict"
    }


def _no_id() -> Reply:
    return coded(
        400,
        "VALIDATION_ERROR",
        "Request validation failed. Please check your input and try again.",
        details={"field": "conversationId", "reason": "conversationId is required"},
    )


def _pieces(text: str) -> Iterator[str]:
    """The text in pieces: one word, and then up to four, each with its space before it."""
    first, *words = text.split(" ")
    yield first
    for start in range(0, len(words), 4):
        yield "".join(f" {word}" for word in words[start : start + 4])


def _cost(tokens: int, started: float) -> Dict[str, int]:
    return {"tokensUsed": tokens, "processingTime": int((time.monotonic() - started) * 1000)}


def _part(fields: Mapping[str, Any], name: str) -> Dict[str, Any]:
    return {name: fields[name]} if name in fields else {}


def _event(name: str, data: Mapping[str, Any]) -> str:
    return event(json.dumps(data, ensure_ascii=False, separators=(",", ":")), name)
