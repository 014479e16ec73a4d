"""monGARS: its endpoints, and who may use them."""

from typing import Callable

from ..chat import MakeReply
from ..dialect import Dialect
from ..exchange import Answer, Headers, Reply, Request
from ..routing import Handler
from ..validation import readable
from .accounts import Accounts
from .conversation import Conversation
from .errors import failure, refusal
from .models import Provisioning, configuration
from .peers import Peers
from .review import rag_context
from .suggestions import suggest
from .telemetry import Telemetry
from .tokens import LOCAL_TOKEN, Tokens, User

UserHandler = Callable[[Request, User], Answer]


class MonGARS(Dialect):
    """The stand-in of monGARS.

    Its accounts are alice (with the password secret-password), the admin u1 (x), u2 (y), and those
    that register. The key that the local server hands out is a token of u1 that does not expire.
    """

    name = "mongars"
    key = LOCAL_TOKEN

    def __init__(self, make_reply: MakeReply, token_seconds: float) -> None:
        super().__init__()
        self._tokens = Tokens(token_seconds)
        accounts, peers, telemetry = Accounts(self._tokens), Peers(), Telemetry()
        conversation = Conversation(make_reply, telemetry.count_task)
        self.routes.add("GET", "/healthz", lambda request: Reply.json({"status": "ok"}))
        self.routes.add("GET", "/ready", lambda request: Reply.json({"status": "ready"}))
        self.routes.add("GET", "/llm/health", _llm_health)
        self.routes.add("POST", "/token", accounts.token)
        self.routes.add("POST", "/api/v1/auth/login", accounts.login)
        self.routes.add("POST", "/api/v1/auth/bootstrap-admin", accounts.bootstrap_admin)
        self.routes.add("POST", "/api/v1/user/register", accounts.register)
        self.routes.add("POST", "/api/v1/user/register/admin", accounts.register_admin)
        self._add("GET", "/api/v1/user/list", accounts.list_users, admin=True)
        self._add("POST", "/api/v1/user/change-password", accounts.change_password)
        self._add("POST", "/api/v1/conversation/chat", conversation.chat)
        self._add("GET", "/api/v1/conversation/history", conversation.history)
        self._add("POST", "/api/v1/review/rag-context", rag_context)
        self._add("POST", "/api/v1/ui/suggestions", suggest)
        self._add("POST", "/api/v1/peer/message", peers.receive)
        self._add("POST", "/api/v1/peer/register", peers.register, admin=True)
        self._add("POST", "/api/v1/peer/unregister", peers.unregister, admin=True)
        self._add("GET", "/api/v1/peer/list", peers.list_peers, admin=True)
        self._add("GET", "/api/v1/peer/load", telemetry.load, admin=True)
        self._add("POST", "/api/v1/peer/telemetry", telemetry.publish, admin=True)
        self._add("GET", "/api/v1/peer/telemetry", telemetry.list_reports, admin=True)
        self._add("GET", "/api/v1/models", configuration, admin=True)
        self._add("POST", "/api/v1/models/provision", Provisioning().provision, admin=True)

    def failure(self, status: int, headers: Headers) -> Reply:
        """monGARS's answer with this status."""
        return failure(status)

    def _add(self, method: str, path: str, handler: UserHandler, *, admin: bool = False) -> None:
        self.routes.add(method, path, self._guarded(handler, admin))

    def _guarded(self, handler: UserHandler, admin: bool) -> Handler:
        def guarded(request: Request) -> Answer:
            if request.method == "POST":
                readable(request)
            user = self._tokens.user(request)
            if admin and not user.is_admin:
                raise refusal(403)
            return handler(request, user)

        return guarded


def _llm_health(request: Request) -> Reply:
    health = {"status": "healthy", "backend": "local", "model": None, "last_check": None, "detail": None}
    return Reply.json(health)
