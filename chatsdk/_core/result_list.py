"""Lists of models: rows for analysis, a table in notebooks."""

from __future__ import annotations

from datetime import datetime, timezone
from shutil import get_terminal_size
from typing import Any, Dict, Generic, Iterator, List, SupportsIndex, Tuple, TypeVar, Union, overload

from .dates import parse_datetime
from .model import Model, json_names, required_names

M = TypeVar("M", bound=Model)

_MAX_ROWS = 100  # of a table
_MAX_COLUMNS = 30
_MAX_CHARACTERS = 120  # of a cell
_MAX_WIDTH = 40  # of a column in a terminal


class _Rows:
    """Rows and a table of the models that iterating yields."""

    def to_rows(self) -> List[Dict[str, Any]]:
        """Return one dict for each item, as ``pandas.DataFrame`` and ``csv.DictWriter`` take them.

        All dicts have the same keys; missing values are None.
        """
        models = [item for item in self if isinstance(item, Model)]  # type: ignore[attr-defined]
        rows = [model.to_dict() for model in models]
        names = dict.fromkeys(name for kind in dict.fromkeys(map(type, models)) for name in json_names(kind))
        for row in rows:
            names.update(dict.fromkeys(row))
        return [{**names, **row} for row in rows]

    def _repr_html_(self) -> str:
        from html import escape  # few programs need it

        table, more = self._table()
        lines = ["<table>"]
        for line in table:
            tag = "th" if line is table[0] else "td"
            lines.append("<tr>" + "".join(f"<{tag}>{escape(cell)}</{tag}>" for cell in line) + "</tr>")
        return "\n".join([*lines, "</table>", more and f"<p>{more}</p>"])

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        table, more = self._table()
        left, lines = get_terminal_size().columns, [""] * len(table)
        for column in zip(*table):
            # No escape sequences: they would control the terminal.
            cells = ["".join(c if c.isprintable() else " " for c in cell[:_MAX_WIDTH]) for cell in column]
            width = max(map(len, cells)) + 2
            left -= width
            if left >= 0 or not lines[0]:
                lines = [line + cell.ljust(width) for line, cell in zip(lines, cells)]
        printer.text("\n".join(map(str.rstrip, [*lines, more])).rstrip())

    def _table(self) -> Tuple[List[List[str]], str]:
        """Return the lines of a table, header first, and a note of how many rows are left out."""
        items = list(self)  # type: ignore[call-overload]  # of the subclasses
        rows = ResultList(items[:_MAX_ROWS]).to_rows()
        names = list(dict.fromkeys(k for row in rows for k in row if row[k] is not None))[:_MAX_COLUMNS]
        table = [names, *([_cell(name, row[name]) for name in names] for row in rows)]
        more = f"and {len(items) - _MAX_ROWS} more" if len(items) > _MAX_ROWS else ""
        return [[cell[:_MAX_CHARACTERS] for cell in line] for line in table], more


def _cell(name: str, value: Any) -> str:
    """Return a number with four digits, a time without fractions of seconds, other values unchanged."""
    if isinstance(value, str) and len(value) > len("2025-01-02"):
        value = parse_datetime(value)
    elif type(value) in (int, float) and 1e9 <= value < 1e10 and name.endswith(("created", "_at")):
        value = datetime.fromtimestamp(value, timezone.utc)
    if isinstance(value, datetime):
        return value.isoformat(" ", "seconds").replace("+00:00", " UTC")
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"
    return "" if value is None else str(value)


class ResultList(_Rows, List[M]):
    """A list of models; notebooks show it as a table."""

    @overload
    def __getitem__(self, index: SupportsIndex) -> M: ...

    @overload
    def __getitem__(self, index: slice) -> ResultList[M]: ...

    def __getitem__(self, index: Union[SupportsIndex, slice]) -> Union[M, ResultList[M]]:
        if isinstance(index, slice):
            return ResultList(super().__getitem__(index))
        return super().__getitem__(index)

    def copy(self) -> ResultList[M]:
        """Return a copy of the list, of the same models."""
        return ResultList(self)


class ListResponse(_Rows, Model, Generic[M]):  # type: ignore[misc]  # a Model need not have the method
    """A response whose only required field is a list; iterating yields the items of the list."""

    def _items(self) -> List[M]:
        (name,) = required_names(type(self))
        items = self[name]
        return items if isinstance(items, list) else []

    def __iter__(self) -> Iterator[M]:
        return iter(self._items())

    def __contains__(self, key: object) -> bool:
        return key in self._items() if isinstance(key, Model) else super().__contains__(key)
