"""Webhooks: whether a delivery comes from the server."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from typing import Any, Dict, Iterator, List, Mapping, Optional, Tuple, Union


def verify_webhook_signature(
    payload: Union[bytes, str, Mapping[str, Any]], signature: Optional[str], secret: str
) -> bool:
    """Return whether *signature* shows that the ``data`` of a delivery comes from the server.

    A delivery is a POST of ``{"event": ..., "timestamp": ..., "data": ...}``. Its ``X-Infinity-Signature`` is
    the hexadecimal HMAC-SHA256 of the JSON text of ``data`` alone: event and time are not signed, and a
    delivery that somebody repeats is signed as well as the first. In a receiver, with the body as it came::

        if not verify_webhook_signature(request.body, request.headers.get("X-Infinity-Signature"), secret):
            return 401

    Args:
        payload: the body as it was received, bytes or text. A decoded body works too as long as its numbers
            and the order of its keys are as they came.
        signature: the value of ``X-Infinity-Signature``.
        secret: what ``create_webhook`` returned as ``secret``.

    Returns:
        False for a wrong signature, for none, and for a payload that is no delivery. It is compared in
        constant time.

    Raises:
        TypeError: the secret is no text.
        ValueError: the secret is empty; anybody could sign with that.
    """
    if not isinstance(secret, str):
        raise TypeError(f"secret must be a string, not {type(secret).__name__}")
    if not secret:
        raise ValueError("secret must not be empty")
    if not isinstance(signature, str):
        return False
    try:
        texts = _signed_texts(payload)
    except (ValueError, TypeError, RecursionError):
        return False
    key = secret.encode("utf-8", "surrogatepass")
    given = signature.encode("utf-8", "surrogatepass")
    expected = [hmac.new(key, text, hashlib.sha256).hexdigest().encode() for text in texts]
    return any(hmac.compare_digest(digest, given) for digest in expected)


def _signed_texts(payload: Any) -> List[bytes]:
    """Return the texts that may have been signed; ValueError or TypeError where there is none."""
    if isinstance(payload, Mapping):
        if "data" not in payload:
            raise ValueError("no data")
        return [_compact(payload["data"])]
    if isinstance(payload, (bytes, bytearray, memoryview)):
        payload = bytes(payload).decode("utf-8-sig")
    if not isinstance(payload, str):
        raise TypeError("no body")
    members = _reject_duplicate_keys(list(_members(payload)))
    if "data" not in members:
        raise ValueError("no data")
    text, value = members["data"]
    # The text as it came; and as the server writes it, for bodies that a proxy has written anew.
    return [text.encode("utf-8"), _compact(value)]


def _members(body: str) -> Iterator[Tuple[str, Tuple[str, Any]]]:
    """Yield the names in a JSON object, each with the text of its value and the value."""
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
    """Return which of *marks* stands at *place*, and where the text behind it begins."""
    found = re.compile(rf"[ \t\n\r]*([{marks}])[ \t\n\r]*").match(body, place)
    if found is None:
        raise ValueError("no JSON object")
    return found.group(1), found.end()


def _reject_duplicate_keys(pairs: List[Tuple[str, Any]]) -> Dict[str, Any]:
    """Return the object of *pairs*; of a name that comes twice readers differ in which they take."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name comes twice")
    return found


def _compact(value: Any) -> bytes:
    """Return *value* as ``JSON.stringify`` writes it, lone surrogates escaped, all else as it is.

    Of numbers only those with an exponent may be written otherwise.
    """
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.encode("utf-8", "backslashreplace")
