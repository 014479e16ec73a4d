"""What ChatServer, or a gateway before it, sends with each status."""

from http.client import responses
from typing import Any, Mapping

from ..exchange import CRASH, Headers, Refusal, Reply

# The service itself never says 401, 403, 429 or 502: these are what gateways send.
_GATEWAY: Mapping[int, Reply] = {
    401: Reply.json({"detail": "Not authenticated"}, 401, {"www-authenticate": "Bearer"}),
    403: Reply.json({"error": {"message": "Platform admin required", "type": "permission_error"}}, 403),
    429: Reply.json(
        {"error": {"message": "Too many requests", "type": "rate_limit_error"}},
        429,
        {"retry-after": "1"},
    ),
    502: Reply(
        502,
        b"<html><body><h1>502 Bad Gateway</h1></body></html>",
        {"content-type": "text/html"},
    ),
}
_MISSING = {"type": "missing", "loc": ["body", "model"], "msg": "Field required", "input": {}}


def refusal(status: int, detail: Any) -> Refusal:
    """A refusal in the usual shape."""
    return Refusal(Reply.json({"detail": detail}, status))


def crash() -> Refusal:
    """What the service does where it should refuse politely."""
    return Refusal(CRASH)


def failure(status: int, headers: Headers) -> Reply:
    """The answer with this status."""
    if status == 500:
        return CRASH
    if status in _GATEWAY:
        return _GATEWAY[status]
    detail: Any = [_MISSING] if status == 422 else responses.get(status, "Error")
    return Reply.json({"detail": detail}, status)
