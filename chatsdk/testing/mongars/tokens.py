"""monGARS's access tokens: JSON Web Tokens, signed with HS256."""

import base64
import hashlib
import hmac
import json
from dataclasses import dataclass
from typing import Any, Dict, Mapping

from ..exchange import CRASH, Refusal, Request
from . import clock
from .errors import refusal

# The secret of every local server, so that tests can sign what they need.
SECRET_KEY = "local-secret"

_HEADER = {"alg": "HS256", "typ": "JWT"}
_FAILED = "Invalid token: Token verification failed: "


@dataclass(frozen=True)
class User:
    """Who a token belongs to. The account itself may be gone."""

    name: str
    is_admin: bool


class Tokens:
    """Issues and reads tokens."""

    def __init__(self, lifetime: float) -> None:
        self.lifetime = lifetime

    def issue(self, user: User) -> str:
        """A new token."""
        return sign({"sub": user.name, "admin": user.is_admin, "exp": clock.now() + self.lifetime})

    def user(self, request: Request) -> User:
        """The user whose token a request carries.

        Raises:
            Refusal: 401; 500 for a token without `exp`.
        """
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            raise refusal(401, "Not authenticated", {"www-authenticate": "Bearer"})
        claims = _verified(token.strip())
        if "exp" not in claims:
            raise Refusal(CRASH)
        if claims["exp"] <= clock.now():
            raise refusal(401, _FAILED + "Signature has expired.")
        return User(claims["sub"], bool(claims.get("admin")))


def sign(claims: Mapping[str, Any]) -> str:
    """A token with these claims."""
    content = ".".join(_encoded(json.dumps(part).encode("utf-8")) for part in (_HEADER, claims))
    return f"{content}.{_signature(content)}"


def _verified(token: str) -> Dict[str, Any]:
    content, _, signature = token.rpartition(".")
    claims = _claims(content.rpartition(".")[2])
    if not claims.get("sub"):
        raise refusal(401, "Invalid token: missing subject")
    if not hmac.compare_digest(_signature(content).encode("utf-8"), signature.encode("utf-8")):
        raise refusal(401, _FAILED + "Signature verification failed.")
    return claims


def _claims(part: str) -> Dict[str, Any]:
    try:
        claims = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except ValueError:
        return {}
    return claims if isinstance(claims, dict) else {}


def _signature(content: str) -> str:
    digest = hmac.new(SECRET_KEY.encode("utf-8"), content.encode("utf-8"), hashlib.sha256).digest()
    return _encoded(digest)


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


# What the local servers hand out: it is valid until the year 3000.
LOCAL_TOKEN = sign({"sub": "u1", "admin": True, "exp": 32503680000.0})
