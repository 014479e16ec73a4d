"""Time stamps as ArgusLM keeps them in SQLite: UTC without saying so, and compared as text."""

from datetime import datetime, timezone


def now() -> datetime:
    """The time in UTC, without a zone."""
    return datetime.now(timezone.utc).replace(tzinfo=None)


def whole_seconds(when: datetime) -> str:
    """How `created_at` and `updated_at` are written."""
    return when.replace(microsecond=0).isoformat()


def in_query(when: datetime) -> str:
    """What a date-time in a query is compared with: its zone is dropped, its fraction written out.

    So a row of the same second is older than it: its text is shorter.
    """
    return when.replace(tzinfo=None).isoformat(timespec="microseconds")
