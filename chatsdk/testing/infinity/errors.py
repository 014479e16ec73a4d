"""The six shapes in which Infinity Assistant says no, and what it sends with each status."""

from http.client import responses
from typing import Any, Dict, Mapping, Optional

from ..exchange import Reply

_PAGE = (
    '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"/>'
    "<title>404: This page could not be found.</title></head>"
    "<body><h1>404</h1><h2>This page could not be found.</h2></body></html>"
)


def plain(status: int, error: str) -> Reply:
    """Most endpoints: one sentence."""
    return Reply.json({"error": error}, status)


def explained(status: int, error: str, message: str, **details: Any) -> Reply:
    """The chat: a few words and a sentence."""
    return Reply.json({"error": error, "message": message, **details}, status)


def unsuccessful(status: int, error: str, message: Optional[str] = None) -> Reply:
    """Search and research."""
    body: Dict[str, Any] = {"success": False, "error": error}
    return Reply.json(body if message is None else {**body, "message": message}, status)


def coded(status: int, code: str, message: str, **details: Any) -> Reply:
    """What the chat did not expect: here the error is an object."""
    return Reply.json({"success": False, "error": {"code": code, "message": message, **details}}, status)


def nothing(status: int) -> Reply:
    """No body, and no type of it."""
    return Reply(status)


def no_page() -> Reply:
    """404 for a path that there is not."""
    return Reply(404, _PAGE.encode("utf-8"), {"content-type": "text/html; charset=utf-8"})


def too_many(rate_limit: Mapping[str, Any], suggests: bool = True) -> Reply:
    """429; only the plain chat suggests to pay."""
    suggestion = "Upgrade to Pro for unlimited access to the assistant"
    return explained(
        429,
        "Rate limit exceeded",
        "You've been busy today! You've reached your daily conversation limit. "
        "Come back tomorrow or upgrade to Pro for unlimited conversations.",
        rateLimit=rate_limit,
        **({"suggestion": suggestion} if suggests else {}),
    )


UNEXPECTED = "An unexpected error occurred. Please try again later."
INTERNAL_ERROR = coded(500, "INTERNAL_ERROR", UNEXPECTED)
NOT_SIGNED_IN = plain(401, "Authentication required")
NO_MESSAGE = plain(400, "Message is required and must be a non-empty string")
NOT_AN_ADMIN = plain(403, "Admin access required")
_BY_STATUS: Mapping[int, Reply] = {
    400: NO_MESSAGE,
    401: NOT_SIGNED_IN,
    403: NOT_AN_ADMIN,
    404: no_page(),
    405: nothing(405),
    408: coded(408, "REQUEST_TIMEOUT", "Request timed out. Please try again."),
    499: explained(499, "Request cancelled", "The request was cancelled during agent execution."),
    500: INTERNAL_ERROR,
    503: coded(
        503,
        "NETWORK_ERROR",
        "Network error occurred. Please check your connection and try again.",
        recovery_guidance="Check your internet connection and try again.",
    ),
    504: explained(
        504,
        "Request timeout",
        "The request took too long to process. Please try again with a shorter query.",
    ),
}


def failure(status: int) -> Reply:
    """The answer with this status, 429 aside."""
    return _BY_STATUS.get(status) or plain(status, responses.get(status, "Error"))
