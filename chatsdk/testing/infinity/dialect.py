"""Infinity Assistant: its endpoints. Who asks matters to few of them."""

from ..chat import MakeReply
from ..dialect import Dialect
from ..exchange import Headers, Refusal, Reply, Request
from ..routing import Routes
from .account import Account, take_feedback
from .chat import Chat
from .errors import NOT_AN_ADMIN, failure, too_many
from .health import health
from .keys import ApiKeys
from .memory import Memory
from .quota import Quota, used_up
from .research import Research
from .routing import NextRoutes
from .search import search, suggest
from .webhooks import Webhooks


class Infinity(Dialect):
    """The stand-in of Infinity Assistant; its base URL is that of the service's /api."""

    name = "infinity"

    def __init__(self, make_reply: MakeReply, daily_limit: int) -> None:
        super().__init__()
        self.routes: Routes = NextRoutes()
        self._daily_limit = daily_limit
        keys, quota, memory, research = ApiKeys(), Quota(daily_limit), Memory(), Research()
        chat = Chat(make_reply, keys, quota, memory)
        webhooks = Webhooks(keys)
        account = Account(quota)
        self.routes.add("POST", "/chat", chat.create)
        self.routes.add("GET", "/chat", chat.history)
        self.routes.add("POST", "/chat/stream", chat.stream)
        self.routes.add("POST", "/search", search)
        self.routes.add("GET", "/search", suggest)
        self.routes.add("POST", "/memory", memory.store)
        self.routes.add("GET", "/memory", memory.show)
        self.routes.add("DELETE", "/memory", memory.delete)
        self.routes.add("POST", "/research", research.conduct)
        self.routes.add("GET", "/research", research.status)
        self.routes.add("GET", "/api-keys", keys.for_owner(keys.list_keys))
        self.routes.add("POST", "/api-keys", keys.create)
        self.routes.add("DELETE", "/api-keys", keys.revoke)
        self.routes.add("GET", "/webhooks", keys.for_owner(webhooks.list_webhooks))
        self.routes.add("POST", "/webhooks", webhooks.create)
        self.routes.add("DELETE", "/webhooks", webhooks.delete)
        self.routes.add("GET", "/health", health)
        self.routes.add("GET", "/user/preferences", account.show_preferences)
        self.routes.add("POST", "/user/preferences", account.save_preferences)
        self.routes.add("GET", "/user/usage", account.usage)
        self.routes.add("POST", "/feedback", take_feedback)
        self.routes.add("GET", "/auth/email", _nobody)
        self.routes.add("GET", "/knowledge", _for_admins)

    def failure(self, status: int, headers: Headers) -> Reply:
        """Infinity Assistant's answer with this status."""
        return too_many(used_up(self._daily_limit)) if status == 429 else failure(status)


def _nobody(request: Request) -> Reply:
    """GET /auth/email: nobody signs in here."""
    return Reply.json({"authenticated": False, "user": None})


def _for_admins(request: Request) -> Reply:
    raise Refusal(NOT_AN_ADMIN)
