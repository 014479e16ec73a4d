"""Zaguan's error envelope, and what it sends with each status."""

from http.client import responses
from typing import Any, Dict, Mapping, Optional, Tuple

from ..exchange import Headers, Reply
from .catalogue import TIER, TOP_BAND, TOP_TIER

_DETAILS = {404: "Not Found", 405: "Method Not Allowed"}
_TYPES: Mapping[int, Tuple[str, Optional[str]]] = {
    400: ("invalid_request_error", "invalid_parameters"),
    401: ("authentication_error", "invalid_api_key"),
    403: ("permission_error", None),
    429: ("rate_limit_exceeded", "rate_limit_exceeded"),
    503: ("server_error", None),
}


def error(
    status: int,
    message: str,
    kind: Optional[str],
    code: Optional[str],
    headers: Optional[Mapping[str, str]] = None,
    **details: Any,
) -> Reply:
    """An error in the envelope."""
    body: Dict[str, Any] = {"message": message, "type": kind, **details, "code": code}
    return Reply.json({"error": body}, status, headers)


def bad_request(message: str, code: str = "invalid_parameters") -> Reply:
    """400."""
    return error(400, message, "invalid_request_error", code, param=None)


def bad_key() -> Reply:
    """401."""
    challenge = {"www-authenticate": 'Bearer realm="zaguan"'}
    return error(401, "Invalid API key", *_TYPES[401], challenge)


def no_credits(required: int, remaining: int, reset_date: str) -> Reply:
    """402."""
    return error(
        402,
        f"Insufficient credits: {required} required, {remaining} remaining",
        "insufficient_credits",
        "insufficient_credits",
        credits_required=required,
        credits_remaining=remaining,
        reset_date=reset_date,
    )


def no_access() -> Reply:
    """403, for a model in a band that the account does not have."""
    return error(
        403,
        f"Access denied to band {TOP_BAND} (requires {TOP_TIER} tier)",
        "band_access_denied",
        "band_access_denied",
        band=TOP_BAND,
        required_tier=TOP_TIER,
        current_tier=TIER,
    )


def too_many(headers: Headers) -> Reply:
    """429. The body names the seconds of the Retry-After header that the test has chosen, if any."""
    seconds = headers.get("retry-after", "")
    details: Dict[str, Any] = {"retry_after": int(seconds)} if seconds.isdecimal() else {}
    return error(429, "Rate limit exceeded", *_TYPES[429], **details)


def other(status: int) -> Reply:
    """Any other status."""
    if status in _DETAILS:
        return Reply.json({"detail": _DETAILS[status]}, status)
    if status == 500:
        return Reply.json({"error": {"message": "Internal server error"}}, 500)
    kind, code = _TYPES.get(status, (None, None))
    return error(status, responses.get(status, "Error"), kind, code, param=None)
