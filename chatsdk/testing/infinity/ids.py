"""Ids and times as the service makes them."""

import secrets
import string
import time
from datetime import datetime, timezone

_BASE36 = string.digits + string.ascii_lowercase


def new_id(kind: str, length: int) -> str:
    """An id with the time and some random signs, such as conv_1795167389759_skskjgxfo3."""
    return f"{kind}_{milliseconds()}_{''.join(secrets.choice(_BASE36) for _ in range(length))}"


def milliseconds() -> int:
    """The time since the epoch."""
    return int(time.time() * 1000)


def now() -> str:
    """The time as JavaScript prints it: 2026-11-20T09:35:01.632Z."""
    return datetime.now(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")
