"""Infinity Assistant: the signatures of webhook deliveries."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from typing import Any, Dict, Iterator, List, Mapping, Optional, Tuple, Union


def verify_webhook_signature(
    payload: Union[bytes, str, Mapping[str, Any]], signature: Optional[str], secret: str
) -> bool:
    """Return whether *signature* is the server's signature of the ``data`` of a delivery.

    A delivery is a POST of ``{"event": ..., "timestamp": ..., "data": ...}``. ``X-Infinity-Signature`` is the
    hexadecimal HMAC-SHA256 of the JSON text of ``data`` alone: event and timestamp are not signed, and a
    replayed delivery is valid. In a receiver::

        if not verify_webhook_signature(request.body, request.headers.get("X-Infinity-Signature"), secret):
            return 401

    Args:
        payload: the body as it was received, bytes or text; or decoded, with unchanged order of keys.
        signature: the value of ``X-Infinity-Signature``.
        secret: the ``secret`` that ``create_webhook`` returned.

    Returns:
        False for a wrong or missing signature, and for a payload that is not a delivery. The comparison takes
        constant time.

    Raises:
        TypeError: the secret is not a string.
        ValueError: the secret is empty.
    """
    if not isinstance(secret, str):
        raise TypeError(f"secret must be a string, not {type(secret).__name__}")
    if not secret:
        raise ValueError("secret must not be empty")
    if not isinstance(signature, str):
        return False
    try:
        texts = _signed_texts(payload)
    except (ValueError, TypeError, LookupError, RecursionError):
        return False
    key = secret.encode("utf-8", "surrogatepass")
    given = signature.encode("utf-8", "surrogatepass")
    expected = [hmac.new(key, text, hashlib.sha256).hexdigest().encode() for text in texts]
    return any(hmac.compare_digest(digest, given) for digest in expected)


def _signed_texts(payload: Any) -> List[bytes]:
    """Return the texts of ``data`` that may have been signed; raises if *payload* is not a delivery."""
    if isinstance(payload, (bytes, bytearray, memoryview)):
        payload = bytes(payload).decode("utf-8-sig")
    if not isinstance(payload, str):
        return [_compact(payload["data"])]
    text, value = _reject_duplicate_keys(list(_members(payload)))["data"]
    # As received; and as the server writes it, for bodies that a proxy serialized again.
    return [text.encode("utf-8"), _compact(value)]


def _members(body: str) -> Iterator[Tuple[str, Tuple[str, Any]]]:
    """Yield each key of a JSON object with the text of its value and the value."""
    decode = json.JSONDecoder(object_pairs_hook=_reject_duplicate_keys).raw_decode
    mark, place = _mark("{", body, 0)
    while mark != "}":
        name, place = decode(body, place)
        if not isinstance(name, str):
            raise ValueError("no JSON object")
        _, start = _mark(":", body, place)
        value, end = decode(body, start)
        yield name, (body[start:end], value)
        mark, place = _mark(",}", body, end)
    if place != len(body):
        raise ValueError("more than one JSON value")


def _mark(marks: str, body: str, place: int) -> Tuple[str, int]:
    """Return which of *marks* is at *place*, and the position of the text after it."""
    found = re.compile(rf"[ \t\n\r]*([{marks}])[ \t\n\r]*").match(body, place)
    if found is None:
        raise ValueError("no JSON object")
    return found.group(1), found.end()


def _reject_duplicate_keys(pairs: List[Tuple[str, Any]]) -> Dict[str, Any]:
    """Return the object of *pairs*; of duplicate keys some parsers take the first, some the last."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a duplicate key")
    return found


def _compact(value: Any) -> bytes:
    """Return *value* as ``JSON.stringify`` writes it, except for some numbers with an exponent."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.encode("utf-8", "backslashreplace")
