"""What monGARS sends with each status."""

from http.client import responses
from typing import Any, Mapping, Optional

from ..exchange import CRASH, Refusal, Reply

_DETAILS: Mapping[int, Any] = {
    400: "Invalid peer payload",
    401: "Invalid token: Token verification failed: Signature has expired.",
    403: "Admin required",
    409: "Username already exists",
    413: "Prompt exceeds the maximum supported token limit. Please shorten your request and try again.",
    422: [{"type": "missing", "loc": ["body", "message"], "msg": "Field required", "input": {}}],
    429: "Too many requests: please wait before sending another message.",
    502: "Failed to generate chat response",
    503: "RAG disabled",
    504: "Chat response timed out",
}


def refusal(
    status: int, detail: Optional[str] = None, headers: Optional[Mapping[str, str]] = None
) -> Refusal:
    """A refusal in the usual shape; the default text is the one that goes most often with the status."""
    return Refusal(Reply.json({"detail": detail or _DETAILS[status]}, status, headers))


def failure(status: int) -> Reply:
    """The answer with this status."""
    if status == 500:
        return CRASH
    return Reply.json({"detail": _DETAILS.get(status, responses.get(status, "Error"))}, status)
