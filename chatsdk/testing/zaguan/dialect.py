"""Zaguan CoreX: its endpoints and its key."""

from typing import Mapping

from ..chat import MakeReply
from ..dialect import API_KEY, Dialect
from ..exchange import Answer, Headers, Refusal, Reply, Request
from ..routing import Handler
from ..zaguan import errors
from .catalogue import CREDITS_PER_CALL, MODELS
from .chat import ChatCompletions
from .credits import Account


class Zaguan(Dialect):
    """The stand-in of Zaguan CoreX."""

    name = "zaguan"

    def __init__(self, make_reply: MakeReply, credits: int) -> None:
        super().__init__()
        account = Account(credits)
        self._chat = ChatCompletions(make_reply, account)
        self.routes.add("GET", "/health", lambda request: Reply.json({"status": "ok"}))
        self.routes.add("POST", "/v1/chat/completions", _with_key(self._complete))
        self.routes.add("GET", "/v1/models", _with_key(_list_models))
        self.routes.add("GET", "/v1/capabilities", _with_key(_list_capabilities))
        self.routes.add("GET", "/v1/credits/balance", _with_key(account.balance))
        self.routes.add("GET", "/v1/credits/history", _with_key(account.history))
        self.routes.add("GET", "/v1/credits/stats", _with_key(account.stats))

    def stamp(self, request: Request) -> Mapping[str, str]:
        """The id of the request: the caller's, or a new one."""
        return {"x-request-id": _request_id(request)}

    def failure(self, status: int, headers: Headers) -> Reply:
        """Zaguan's answer with this status."""
        if status == 401:
            return errors.bad_key()
        if status == 402:
            return errors.no_credits(CREDITS_PER_CALL["B"], 3, "2030-01-01T00:00:00Z")
        if status == 403:
            return errors.no_access()
        if status == 429:
            return errors.too_many(headers)
        return errors.other(status)

    def _complete(self, request: Request) -> Answer:
        return self._chat.create(request, _request_id(request))


def _with_key(handler: Handler) -> Handler:
    def guarded(request: Request) -> Answer:
        scheme, _, key = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or key.strip() != API_KEY:
            raise Refusal(errors.bad_key())
        return handler(request)

    return guarded


def _request_id(request: Request) -> str:
    return request.headers.get("x-request-id") or request.id


def _list_models(request: Request) -> Reply:
    return Reply.json({"object": "list", "data": [model.listed() for model in MODELS]})


def _list_capabilities(request: Request) -> Reply:
    return Reply.json([model.capabilities() for model in MODELS])
