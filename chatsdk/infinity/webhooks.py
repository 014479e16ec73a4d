"""Infinity Assistant: the signatures of webhook deliveries."""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any, Dict, List, Mapping, Optional, Tuple, Union


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
        payload: the body as it was received, bytes or text; or decoded, with the order of keys unchanged.
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
    value = json.loads(payload, object_pairs_hook=_reject_duplicate_keys)["data"]
    # As received, and as the server writes it: a proxy may have serialized the body again.
    return [_source_of_data(payload).encode("utf-8"), _compact(value)]


def _source_of_data(body: str) -> str:
    """Return the text of the value of "data" in *body*, a valid JSON object with that key."""
    decode = json.JSONDecoder().raw_decode
    name, end = "", body.index("{") + 1
    while name != "data":
        name, end = decode(body, _skip_separators(body, end))
        start = _skip_separators(body, end)
        _, end = decode(body, start)
    return body[start:end]


def _skip_separators(body: str, place: int) -> int:
    while body[place] in " \t\r\n:,":
        place += 1
    return place


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
