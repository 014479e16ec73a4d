"""The payloads of messages between peers."""

import base64
import hashlib
import hmac
import json
import time
from typing import Any

from .tokens import SECRET_KEY

_KEY = hashlib.sha256(SECRET_KEY.encode("utf-8")).digest()
_VERSION = b"\x80"
_HEAD_LENGTH = 1 + 8 + 16  # version, time, initialisation vector
_MAC_LENGTH = 32
_BLOCK = 16


def peer_payload(value: Any) -> str:
    """A payload for `send_peer_message` that a `LocalServer` reads.

    A real server reads Fernet tokens that were encrypted with its own secret. This one has their
    form, but is signed only: no real server accepts it, and everybody can read what is in it.

    Args:
        value: What JSON can say.
    """
    return _sealed(json.dumps(value, allow_nan=False).encode("utf-8"))


def read_payload(payload: str) -> Any:
    """The value in a payload.

    Raises:
        ValueError: It is not one that `peer_payload` made.
    """
    token = base64.urlsafe_b64decode(payload)
    signed, mac = token[:-_MAC_LENGTH], token[-_MAC_LENGTH:]
    if not hmac.compare_digest(mac, _mac(signed)):
        raise ValueError("made with another key, or no payload at all")
    padded = signed[_HEAD_LENGTH:]
    return json.loads(padded[: -padded[-1]])


def _sealed(content: bytes) -> str:
    missing = _BLOCK - len(content) % _BLOCK
    head = _VERSION + int(time.time()).to_bytes(8, "big") + bytes(16)
    signed = head + content + bytes([missing]) * missing
    return base64.urlsafe_b64encode(signed + _mac(signed)).decode("ascii")


def _mac(signed: bytes) -> bytes:
    return hmac.new(_KEY, signed, hashlib.sha256).digest()
