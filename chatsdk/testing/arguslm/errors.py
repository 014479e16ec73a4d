"""What ArgusLM, or a proxy before it, sends with each status."""

from http.client import responses
from typing import Any, Mapping

from ..exchange import CRASH, Refusal, Reply

HAS_HISTORY = "Cannot delete provider with models that have benchmark history"
# The service itself never says these: it has no limits and asks nobody for a key.
_PROXY = (502, 503, 504)
_MISSING = {"type": "missing", "loc": ["body", "name"], "msg": "Field required", "input": {}}
_DETAILS: Mapping[int, Any] = {409: HAS_HISTORY, 422: [_MISSING]}


def refusal(status: int, detail: str) -> Refusal:
    """A refusal in the usual shape."""
    return Refusal(Reply.json({"detail": detail}, status))


def crash() -> Refusal:
    """What the service does where it should refuse politely."""
    return Refusal(CRASH)


def failure(status: int) -> Reply:
    """The answer with this status."""
    if status == 500:
        return CRASH
    phrase = responses.get(status, "Error")
    if status in _PROXY:
        page = f"<html><body><h1>{status} {phrase}</h1></body></html>"
        return Reply(status, page.encode("ascii"), {"content-type": "text/html"})
    return Reply.json({"detail": _DETAILS.get(status, phrase)}, status)


REFUSED_UPGRADE = Reply(
    403, headers={"content-type": "text/plain; charset=utf-8", "connection": "close"}, hangs_up=True
)
NO_CONTENT = Reply(204, headers={"content-type": "application/json"})
