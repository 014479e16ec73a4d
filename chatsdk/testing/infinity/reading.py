"""What the service reads from a request: it looks at little, and has JavaScript's idea of what is there."""

import json
from typing import Any, Dict, Mapping, Optional
from urllib.parse import unquote

from ..exchange import Refusal, Reply, Request

COOKIE = "infinity_anon_user"


def read_body(request: Request, crash: Reply) -> Dict[str, Any]:
    """The fields of a JSON body, whatever its type is called; a list or a string has none.

    Raises:
        Refusal: with `crash`, where the body is no JSON, or null.
    """
    try:
        value = json.loads(request.body, parse_constant=_refuse)
    except (ValueError, RecursionError):
        raise Refusal(crash) from None
    if value is None:
        raise Refusal(crash)
    return value if isinstance(value, dict) else {}


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")


def required_text(asked: Mapping[str, Any], name: str, refusal: Reply) -> str:
    """A field that is text, and not only white space.

    Raises:
        Refusal: with `refusal`.
    """
    text = asked.get(name)
    if not isinstance(text, str) or not text.strip():
        raise Refusal(refusal)
    return text


def optional_text(asked: Mapping[str, Any], name: str, crash: Reply) -> Optional[str]:
    """A field that is text, or None where it is missing, null or empty.

    Raises:
        Refusal: with `crash`, where it is anything else: the service uses it without looking.
    """
    value = asked.get(name) or None
    if value is not None and not isinstance(value, str):
        raise Refusal(crash)
    return value


def optional_object(asked: Mapping[str, Any], name: str) -> Optional[Dict[str, Any]]:
    """A field that is an object, or None."""
    value = asked.get(name)
    return value if isinstance(value, dict) else None


def query_value(request: Request, name: str) -> str:
    """The first value of a query parameter, or nothing."""
    return request.query.get(name, [""])[0]


def cookie_user(request: Request) -> Optional[str]:
    """Whom the cookie names."""
    for part in request.headers.get("cookie", "").split(";"):
        name, _, value = part.strip().partition("=")
        if name == COOKIE and value:
            return unquote(value)
    return None


def length(text: str) -> int:
    """The length of a text as JavaScript counts it."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2
