"""What the lists of ArgusLM have in common: date-times in queries, and pages."""

from __future__ import annotations

from datetime import date, datetime
from typing import Callable, Iterator, List, Optional, Tuple, TypeVar, Union

from .._core.dates import parse_datetime, utc_text
from .._core.paging import walk

T = TypeVar("T")

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


def count(value: object) -> int:
    """Return what a server says that it counted; 0 where that is no number."""
    return value if isinstance(value, int) else 0


def by_offset(
    fetch: Callable[[int], Tuple[List[T], bool]], limit: int, key: Callable[[T], Optional[str]]
) -> Iterator[T]:
    """Yield the items of all pages, each once.

    Args:
        fetch: returns the items from an offset on, and whether the server knows of more behind them.
        limit: how many items each page is asked for; some servers give fewer.
        key: what tells one item from another.
    """

    def page(offset: int) -> Tuple[List[T], Optional[int]]:
        items, more = fetch(offset)
        # A total may be wrong: a full page is reason enough to ask for another.
        return items, offset + len(items) if items and (more or len(items) >= limit) else None

    return walk(page, 0, key)
