from dataclasses import dataclass
from typing import Any, List

import pytest

from chatsdk._core.model import Model, required_field
from chatsdk._core.result_list import ListResponse, ResultList


@dataclass
class Item(Model):
    id: str = ""
    note: Any = None


@dataclass
class Items(ListResponse):
    items: List[Item] = required_field(default_factory=list)
    total: int = 0


ROWS = [{"id": "a"}, {"id": "b", "note": "<script>alert(1)</script>", "<b>key</b>": 1}]
BOTH = pytest.mark.parametrize(
    "records",
    [ResultList(map(Item.from_dict, ROWS)), Items.from_dict({"items": ROWS})],
    ids=["list", "response"],
)


@BOTH
def test_rows(records):
    """The same keys in each: csv.DictWriter refuses others, and a DataFrame lacks what no row has."""
    assert records.to_rows() == [{"note": None, "<b>key</b>": None, **row} for row in ROWS]
    assert [list(row) for row in records.to_rows()] == [["id", "note", "<b>key</b>"]] * 2


def test_a_field_that_no_record_has_is_a_column_all_the_same():
    records = ResultList([Item("a"), Item("b")])
    assert records.to_rows() == [{"id": "a", "note": None}, {"id": "b", "note": None}]
    assert "note" not in records._repr_html_()


@BOTH
def test_table(records):
    table = records._repr_html_()
    assert "<script>" not in table
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in table
    assert "<th>&lt;b&gt;key&lt;/b&gt;</th>" in table
    assert table.count("<tr>") == 3
    assert table.count("<td>") == 6
    assert [table.index(word) for word in ("id", "note", "key")] == sorted(
        table.index(word) for word in ("id", "note", "key")
    )


def test_parts_of_a_list_are_such_lists():
    records = ResultList(map(Item.from_dict, ROWS))
    for part in (records[:1], records[-2:-1], records.copy()[:1]):
        assert type(part) is ResultList
        assert part.to_rows() == [{"id": "a", "note": None}]
        assert part._repr_html_().count("<tr>") == 2
    assert records[-1].id == "b"


@BOTH
def test_iterating(records):
    assert [item.id for item in records] == ["a", "b"]


def test_a_long_table_is_cut():
    table = ResultList(Item(str(number)) for number in range(250))._repr_html_()
    assert table.count("<tr>") == 101
    assert "150 more" in table


def test_a_table_of_the_greatest_length_is_not_cut():
    table = ResultList(Item(str(number)) for number in range(100))._repr_html_()
    assert table.count("<tr>") == 101
    assert "more" not in table


def test_a_long_cell_is_cut():
    assert len(ResultList([Item("x" * 10_000)])._repr_html_()) < 500


def test_an_empty_table():
    assert "<td>" not in ResultList()._repr_html_()
    assert ResultList().to_rows() == []


def test_a_list_is_a_list():
    records = ResultList([Item("a")])
    assert records == [Item("a")]
    assert records[0].id == "a"


def test_what_a_response_contains():
    items = Items.from_dict({"items": ROWS})
    assert items.items[1] in items
    assert Item("other") not in items
    assert "items" in items
    assert "other" not in items


def test_a_response_reads_like_a_dict_too():
    items = Items.from_dict({"items": ROWS, "total": 2})
    assert items["total"] == 2
    assert dict(items) == {"items": items.items, "total": 2}


@pytest.mark.parametrize("wrong", [5, True, "text", {"a": 1}, [None, 5, "text"]])
def test_a_response_without_a_list_has_no_rows(wrong):
    items = Items.from_dict({"items": wrong})
    assert items.to_rows() == []
    assert "<td>" not in items._repr_html_()
