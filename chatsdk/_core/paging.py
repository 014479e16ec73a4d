"""Paging: one loop for cursors, page numbers and offsets."""

from __future__ import annotations

from typing import (
    Any,
    Callable,
    Dict,
    Hashable,
    Iterator,
    Literal,
    Optional,
    Sequence,
    Set,
    Tuple,
    TypeVar,
    Union,
)

from .model import Model
from .result_list import ListResponse

M = TypeVar("M", bound=Model)
T = TypeVar("T")
P = TypeVar("P", bound=Hashable)

_START: Dict[str, Union[str, int]] = {"cursor": "", "page": 1, "offset": 0}
_SIZES = ("limit", "page_size", "per_page")


def iter_pages(
    get: Callable[..., ListResponse[M]], by: Literal["cursor", "page", "offset"], **query: Any
) -> Iterator[M]:
    """Yield the items of all pages of a list, each once.

    Args:
        get: the method that returns one page.
        by: its argument for the position of the page.
        query: its other arguments.
    """
    size = next(query[name] for name in _SIZES if name in query)
    pages = received = 0

    def fetch(position: Union[str, int]) -> Tuple[Sequence[M], Union[str, int, None]]:
        nonlocal pages, received
        page = get(**query, **{by: position if position != "" else None})
        items = list(page)
        pages += 1
        received += len(items)
        if by == "cursor":
            cursor = page.get("next_cursor")
            return items, cursor if isinstance(cursor, str) and cursor else None
        more = page.get("has_more")
        if more is None or by == "offset":  # a page number after the last one may be an error
            # A total may be wrong: a full page is reason enough to ask for another. Some servers give fewer
            # items than they were asked for, and say so in "limit".
            full = min(size, count(page.get("limit")) or size)
            more = more or len(items) >= full or received < count(page.get("total"))
        following = received if by == "offset" else pages + 1
        return items, following if items and more else None

    return paginate(fetch, _START[by], key=lambda item: item.get("id") or None)


def count(value: object) -> int:
    """Return *value* if it is an int, else 0."""
    return value if isinstance(value, int) else 0


def paginate(
    fetch: Callable[[P], Tuple[Sequence[T], Optional[P]]], start: P, key: Callable[[T], Hashable]
) -> Iterator[T]:
    """Yield the items of all pages, each once.

    Args:
        fetch: returns the items at a position and the next position, None after the last page.
        start: the first position.
        key: what tells one item from another; new entries push old ones onto the next page, where they would
            come again. None where an item has nothing of the kind.
    """
    seen: Set[Hashable] = set()
    visited: Set[Hashable] = set()
    position: Optional[P] = start
    while position is not None and position not in visited:  # a server may send in circles
        visited.add(position)
        items, position = fetch(position)
        fresh = 0
        for item in items:
            mark = key(item)
            if not isinstance(mark, (str, int)):
                mark = None
            if mark is None or mark not in seen:
                fresh += 1
                seen.add(mark)
                yield item
        if items and not fresh:  # a server that does not know the parameter sends the same page for ever
            return
