"""Pagination by cursors, page numbers and offsets, in one loop."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any, Callable, Dict, Iterator, Literal, Optional, Set, TypeVar, Union

from .model import Model, int_or_zero
from .progress import Progress
from .result_list import ListResponse

M = TypeVar("M", bound=Model)
_Position = Literal["cursor", "page", "offset"]

_START: Dict[str, Union[str, int, None]] = {"cursor": None, "page": 1, "offset": 0}
_SIZES = ("limit", "page_size", "per_page")


def iter_pages(
    get: Callable[..., ListResponse[M]], by: _Position, progress: bool = False, **query: Any
) -> Iterator[M]:
    """Yield the items of all pages of a list, each once.

    Args:
        get: the method that returns one page.
        by: the name of its argument for the position of the page.
        progress: whether to show a bar.
        query: its other arguments.
    """
    size = next(query[name] for name in _SIZES if name in query)
    position = _START[by]
    visited: Set[Union[str, int, None]] = set()  # a server may repeat a cursor
    seen: Set[Union[str, int, None]] = set()  # ids: new entries move old ones to the next page
    received = 0
    bar: Optional[Progress] = None
    with ExitStack() as stack:
        while position not in visited:
            visited.add(position)
            page = get(**query, **{by: position})
            total = int_or_zero(page.get("total"))
            bar = bar or stack.enter_context(Progress(total, "items", shown=progress))
            items = list(page)
            received += len(items)
            is_repeated = bool(items)
            for item in items:
                key = item.get("id")
                key = key if isinstance(key, (str, int)) else None
                if not key or key not in seen:
                    is_repeated = False
                    seen.add(key)
                    yield item
                    bar.update()
            if is_repeated:  # a server that ignores the argument always sends the same page
                return
            if by == "cursor":
                position = page.get("next_cursor")
                if not position or not isinstance(position, str):
                    return
            else:
                more = page.get("has_more")
                if more is None or by == "offset":  # a page number after the last one may be an error
                    # The total may be wrong: after a full page another one is requested in any case. Some
                    # servers send fewer items than requested, and tell their own maximum in "limit".
                    full = min(size, int_or_zero(page.get("limit")) or size)
                    more = more or len(items) >= full or received < total
                if not items or not more:
                    return
                position = received if by == "offset" else len(visited) + 1
