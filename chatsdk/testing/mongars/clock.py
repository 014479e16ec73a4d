"""The clock of the dialect: the one place from which all of it takes the time."""

import time
from datetime import datetime, timezone

_START = time.time() - time.monotonic()


def now() -> float:
    """Seconds since 1970. Never goes back."""
    return _START + time.monotonic()


def moment(seconds: float) -> datetime:
    """The same as a date-time, in UTC."""
    return datetime.fromtimestamp(seconds, timezone.utc)


def iso(when: datetime) -> str:
    """A date-time as the service writes it: microseconds unless they are zero, and a Z."""
    return when.astimezone(timezone.utc).isoformat().replace("+00:00", "Z")
