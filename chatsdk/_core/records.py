"""Lists of records: rows for analysis, a table in notebooks."""

from __future__ import annotations

from typing import Any, ClassVar, Dict, Iterator, List, TypeVar

from .model import Model

M = TypeVar("M", bound=Model)

_SHOWN_ROWS = 100
_SHOWN_CHARACTERS = 120


class Records(List[M]):
    """A list of models; notebooks show it as a table."""

    def to_rows(self) -> List[Dict[str, Any]]:
        """Return one dict for each record, as ``pandas.DataFrame`` and ``csv.DictWriter`` take them."""
        return [record.to_dict() for record in self]

    def _repr_html_(self) -> str:
        return _table(self.to_rows())


class ListResponse(Model):
    """A response around a list; iterating gives the items of the list."""

    items_field: ClassVar[str]

    def _records(self) -> List[Any]:
        found = self.__dict__[self.items_field]
        return found if isinstance(found, list) else []

    def __iter__(self) -> Iterator[Any]:
        return iter(self._records())

    def to_rows(self) -> List[Dict[str, Any]]:
        """Return one dict for each item, as ``pandas.DataFrame`` and ``csv.DictWriter`` take them."""
        return Records(item for item in self._records() if isinstance(item, Model)).to_rows()

    def _repr_html_(self) -> str:
        return _table(self.to_rows())


def _table(rows: List[Dict[str, Any]]) -> str:
    from html import escape  # only notebooks need it, and it takes milliseconds to import

    columns = list(dict.fromkeys(name for row in rows for name in row))

    def line(tag: str, values: List[Any]) -> str:
        cells = (f"<{tag}>{escape(str(value)[:_SHOWN_CHARACTERS])}</{tag}>" for value in values)
        return f"<tr>{''.join(cells)}</tr>"

    lines = ["<table>", line("th", columns)]
    lines += [line("td", [row.get(name, "") for name in columns]) for row in rows[:_SHOWN_ROWS]]
    lines.append("</table>")
    if len(rows) > _SHOWN_ROWS:
        lines.append(f"<p>and {len(rows) - _SHOWN_ROWS} more</p>")
    return "\n".join(lines)
