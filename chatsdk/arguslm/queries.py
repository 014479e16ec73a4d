"""Date-times in the queries of ArgusLM."""

from __future__ import annotations

from datetime import date, datetime
from typing import Optional, Union

from .._core.dates import parse_datetime, utc_text

Moment = Union[datetime, date, str]


def moment(value: Optional[Moment]) -> Optional[str]:
    """Return a date-time for a query: in UTC, with ``Z``.

    With SQLite the server compares date-times as text. What is none goes out as it is: the server says so.
    """
    if value is None:
        return None
    if not isinstance(value, (date, str)):
        raise TypeError(f"a date-time must be a datetime, a date or text, not {type(value).__name__}")
    found = parse_datetime(value if isinstance(value, (datetime, str)) else value.isoformat())
    return utc_text(found)
