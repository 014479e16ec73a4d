"""monGARS's conversation: chat, and what is remembered of it for a day."""

import threading
import time
from datetime import datetime, timedelta
from typing import Callable, Dict, List, NamedTuple

from ..chat import MakeReply
from ..exchange import Reply, Request
from ..validation import Field, body, integer, nullable, parameters, string, text
from . import clock
from .cleaning import clean
from .errors import refusal
from .limiter import Limiter
from .rules import filled, names
from .speech import speech_turn
from .tokens import User

_CHAT = {
    "message": Field(filled("message", max_length=1000)),
    "session_id": Field(nullable(filled("session_id", 0, 100)), None),
    "allowed_actions": Field(
        nullable(names("allowed_actions", if_none="must include at least one value")), None
    ),
    "approval_token": Field(nullable(text(max_length=128)), None),
    "token_ref": Field(nullable(text(max_length=64)), None),
}
_HISTORY = {"user_id": Field(string), "limit": Field(integer(), 10)}
_MOST_ITEMS = 100
_KEPT_FOR = timedelta(days=1)
_SURE_WORDS = 512  # with so many words in it, the service is sure of an answer


class Turn(NamedTuple):
    """A message, as the service cleaned it, and the answer."""

    query: str
    response: str
    timestamp: datetime


class Conversation:
    """POST /api/v1/conversation/chat and GET /api/v1/conversation/history. Thread-safe."""

    def __init__(self, make_reply: MakeReply, on_answer: Callable[[], None]) -> None:
        self._make_reply = make_reply
        self._on_answer = on_answer
        self._limiter = Limiter()
        self._lock = threading.Lock()
        self._turns: Dict[str, List[Turn]] = {}

    def chat(self, request: Request, user: User) -> Reply:
        """Answer a message. What is wrong with the body is said only to whom the limit lets through."""
        self._limiter.admit(user.name)
        message = body(request, _CHAT)["message"]
        query = clean(message)
        if not query:
            raise refusal(422, "Missing required fields: user_id and query.")
        started = time.perf_counter()
        response = self._make_reply([{"role": "user", "content": message}])
        turn = Turn(query, response, clock.moment(clock.now()))
        with self._lock:
            self._turns.setdefault(user.name, []).append(turn)
        self._on_answer()
        return Reply.json(
            {
                "response": response,
                "confidence": min(len(response.split()) / _SURE_WORDS, 1.0),
                "processing_time": round(time.perf_counter() - started, 6),
                "speech_turn": speech_turn(response),
            }
        )

    def history(self, request: Request, user: User) -> Reply:
        """The user's own turns, newest first."""
        asked = parameters(request, {}, _HISTORY)
        if not asked["user_id"].strip():
            raise refusal(422, "user_id must be a non-empty string")
        if asked["limit"] <= 0:
            raise refusal(422, "limit must be a positive integer")
        if asked["user_id"].strip() != user.name:
            raise refusal(403, "Forbidden")
        oldest = clock.moment(clock.now()) - _KEPT_FOR
        with self._lock:
            turns = [turn for turn in self._turns.get(user.name, ()) if turn.timestamp > oldest]
        newest = turns[::-1][: min(asked["limit"], _MOST_ITEMS)]
        return Reply.json(
            [
                {
                    "user_id": user.name,
                    "query": turn.query,
                    "response": turn.response,
                    "timestamp": clock.iso(turn.timestamp),
                    "expires_at": clock.iso(turn.timestamp + _KEPT_FOR),
                }
                for turn in newest
            ]
        )
