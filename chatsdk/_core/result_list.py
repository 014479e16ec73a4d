"""Lists of records: rows for analysis, a table in notebooks."""

from __future__ import annotations

from typing import Any, ClassVar, Dict, Generic, Iterator, List, SupportsIndex, TypeVar, Union, overload

from .model import Model, json_names

M = TypeVar("M", bound=Model)

_SHOWN_ROWS = 100
_SHOWN_CHARACTERS = 120


class ResultList(List[M]):
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

    def to_rows(self) -> List[Dict[str, Any]]:
        """Return one dict for each record, as ``pandas.DataFrame`` and ``csv.DictWriter`` take them.

        All of them have the same keys; what a record lacks is None.
        """
        found = [record.to_dict() for record in self]
        kinds = dict.fromkeys(map(type, self))
        names = dict.fromkeys(name for kind in kinds for name in json_names(kind))
        for row in found:
            names.update(dict.fromkeys(row))
        return [{**names, **row} for row in found]

    def _repr_html_(self) -> str:
        return _table(self.to_rows())


class ListResponse(Model, Generic[M]):
    """A response around a list; iterating gives the items of the list."""

    _items_field: ClassVar[str]

    def _records(self) -> List[M]:
        found = self.__dict__[self._items_field]
        return found if isinstance(found, list) else []

    def __iter__(self) -> Iterator[M]:
        return iter(self._records())

    def __contains__(self, key: object) -> bool:
        return key in self._records() if isinstance(key, Model) else super().__contains__(key)

    def to_rows(self) -> List[Dict[str, Any]]:
        """Return one dict for each item, as ``pandas.DataFrame`` and ``csv.DictWriter`` take them.

        All of them have the same keys; what an item lacks is None.
        """
        return ResultList(item for item in self._records() if isinstance(item, Model)).to_rows()

    def _repr_html_(self) -> str:
        return _table(self.to_rows())


def _table(rows: List[Dict[str, Any]]) -> str:
    from html import escape  # only notebooks need it, and it takes milliseconds to import

    columns = list(dict.fromkeys(name for row in rows for name in row if row[name] is not None))

    def line(tag: str, values: List[Any]) -> str:
        texts = ("" if value is None else str(value)[:_SHOWN_CHARACTERS] for value in values)
        cells = (f"<{tag}>{escape(text)}</{tag}>" for text in texts)
        return f"<tr>{''.join(cells)}</tr>"

    lines = ["<table>", line("th", columns)]
    lines += [line("td", [row[name] for name in columns]) for row in rows[:_SHOWN_ROWS]]
    lines.append("</table>")
    if len(rows) > _SHOWN_ROWS:
        lines.append(f"<p>and {len(rows) - _SHOWN_ROWS} more</p>")
    return "\n".join(lines)
