"""Paging: one loop for cursors, page numbers and offsets."""

from __future__ import annotations

from typing import Callable, Hashable, Iterator, Optional, Sequence, Set, Tuple, TypeVar

T = TypeVar("T")
P = TypeVar("P", bound=Hashable)


def walk(
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
