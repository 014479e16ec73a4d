"""Lists of models: rows for analysis, a table in notebooks."""

from __future__ import annotations

from typing import Any, ClassVar, Dict, Generic, Iterator, List, SupportsIndex, TypeVar, Union, overload

from .model import Model, json_names

M = TypeVar("M", bound=Model)

_MAX_ROWS = 100
_MAX_CHARACTERS = 120


class _Rows:
    """Rows and a table of the models that iterating gives."""

    def to_rows(self) -> List[Dict[str, Any]]:
        """Return one dict for each item, as ``pandas.DataFrame`` and ``csv.DictWriter`` take them.

        All of them have the same keys; the values that an item lacks are None.
        """
        models = [item for item in self if isinstance(item, Model)]  # type: ignore[attr-defined]
        rows = [model.to_dict() for model in models]
        names = dict.fromkeys(name for kind in dict.fromkeys(map(type, models)) for name in json_names(kind))
        for row in rows:
            names.update(dict.fromkeys(row))
        return [{**names, **row} for row in rows]

    def _repr_html_(self) -> str:
        from html import escape  # slow to import, and only notebooks need it

        rows = self.to_rows()
        columns = list(dict.fromkeys(name for row in rows for name in row if row[name] is not None))

        def line(tag: str, values: List[Any]) -> str:
            texts = ("" if value is None else str(value)[:_MAX_CHARACTERS] for value in values)
            cells = (f"<{tag}>{escape(text)}</{tag}>" for text in texts)
            return f"<tr>{''.join(cells)}</tr>"

        lines = [line("td", [row[name] for name in columns]) for row in rows[:_MAX_ROWS]]
        lines = ["<table>", line("th", columns), *lines, "</table>"]
        if len(rows) > _MAX_ROWS:
            lines.append(f"<p>and {len(rows) - _MAX_ROWS} more</p>")
        return "\n".join(lines)


class ResultList(List[M], _Rows):
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


class ListResponse(Model, _Rows, Generic[M]):
    """A response around a list; iterating gives the items of the list."""

    _items_field: ClassVar[str]

    def _items(self) -> List[M]:
        items = self.__dict__[self._items_field]
        return items if isinstance(items, list) else []

    def __iter__(self) -> Iterator[M]:
        return iter(self._items())

    def __contains__(self, key: object) -> bool:
        return key in self._items() if isinstance(key, Model) else super().__contains__(key)
