"""monGARS's accounts: log in, register, change a password."""

import re
import threading
from dataclasses import dataclass, field
from typing import Dict

from ..exchange import Reply, Request
from ..validation import Field, body, custom, form, nullable, string, text
from .errors import refusal
from .tokens import Tokens, User

_ISO_8601 = {
    "grant_type": Field(nullable(text(pattern="^password$")), None),
    "username": Field(string),
    "password": Field(string),
}
_LOGIN = {"username": Field(text(1, 128)), "password": Field(text(1, 256))}


def _username(value: str) -> str:
    if not value.strip():
        raise ValueError("username cannot be blank")
    if not re.fullmatch("[A-Za-z0-9_-]+", value.strip()):
        raise ValueError("username may only contain letters, numbers, hyphens, or underscores")
    return value.strip()


_REGISTRATION = {"username": Field(custom(text(1, 150), _username)), "password": Field(text(8))}
_CHANGE = {"old_password": Field(text(8)), "new_password": Field(text(8))}


@dataclass
class Account:
    """One account."""

    user: User
    password: str = field(repr=False)


class Accounts:
    """All accounts. Thread-safe."""

    def __init__(self, tokens: Tokens) -> None:
        self._tokens = tokens
        self._lock = threading.Lock()
        self._accounts: Dict[str, Account] = {}
        self._add(User("alice", False), "secret-password")
        self._add(User("u1", True), "x")
        self._add(User("u2", False), "y")

    def token(self, request: Request) -> Reply:
        """POST /token."""
        asked = form(request, _ISO_8601)
        user = self._authenticated(asked["username"], asked["password"])
        return Reply.json({"access_token": self._tokens.issue(user), "token_type": "bearer"})

    def login(self, request: Request) -> Reply:
        """POST /api/v1/auth/login."""
        asked = body(request, _LOGIN)
        user = self._authenticated(asked["username"], asked["password"])
        return Reply.json(
            {
                "access_token": self._tokens.issue(user),
                "token_type": "bearer",
                "admin": user.is_admin,
                "expires_in": int(self._tokens.lifetime),
            }
        )

    def register(self, request: Request) -> Reply:
        """POST /api/v1/user/register."""
        asked = body(request, _REGISTRATION)
        with self._lock:
            if asked["username"] in self._accounts:
                raise refusal(409)
            self._add(User(asked["username"], False), asked["password"])
        return Reply.json({"status": "registered", "is_admin": False})

    def register_admin(self, request: Request) -> Reply:
        """POST /api/v1/user/register/admin: this is disabled."""
        body(request, _REGISTRATION)
        return self.bootstrap_admin(request)

    def bootstrap_admin(self, request: Request) -> Reply:
        """POST /api/v1/auth/bootstrap-admin: this is disabled."""
        raise refusal(403, "Admin bootstrap is disabled")

    def list_users(self, request: Request, user: User) -> Reply:
        """GET /api/v1/user/list."""
        with self._lock:
            return Reply.json({"users": sorted(self._accounts)})

    def change_password(self, request: Request, user: User) -> Reply:
        """POST /api/v1/user/change-password."""
        asked = body(request, _CHANGE)
        with self._lock:
            account = self._accounts.get(user.name)
            if account is None:
                raise refusal(404, "User not found")
            if account.password != asked["old_password"]:
                raise refusal(403, "Incorrect password")
            account.password = asked["new_password"]
        return Reply.json({"status": "changed"})

    def _add(self, user: User, password: str) -> None:
        self._accounts[user.name] = Account(user, password)

    def _authenticated(self, name: str, password: str) -> User:
        with self._lock:
            account = self._accounts.get(name)
            if account is None or account.password != password:
                raise refusal(401, "Invalid credentials")
            return account.user
