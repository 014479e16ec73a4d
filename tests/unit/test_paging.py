import sys

import pytest

from chatsdk._core.paging import iter_pages


class Page(dict):
    """A page of a list: items with these ids, and what else it says."""

    def __init__(self, ids, **fields):
        super().__init__(fields)
        self.items = [{"id": item_id} for item_id in ids]

    def __iter__(self):
        return iter(self.items)


def over(pages, by="cursor", limit=2):
    """Iterate over the *pages* of a dict; return the ids and the positions that were asked for."""
    asked = []

    def get(limit, **query):
        asked.append(query[by])
        return pages[query[by]]

    return [item["id"] for item in iter_pages(get, by, limit=limit)], asked


def test_all_pages():
    pages = {None: Page([1, 2], next_cursor="b"), "b": Page([3], next_cursor="c"), "c": Page([4])}
    assert over(pages) == ([1, 2, 3, 4], [None, "b", "c"])
    assert over({1: Page([1, 2], has_more=True), 2: Page([3], has_more=False)}, "page") == ([1, 2, 3], [1, 2])
    assert over({0: Page([1, 2]), 2: Page([3, 4]), 4: Page([])}, "offset") == ([1, 2, 3, 4], [0, 2, 4])


def test_empty_pages():
    assert over({None: Page([])}) == ([], [None])
    pages = {None: Page([1], next_cursor="b"), "b": Page([], next_cursor="c"), "c": Page([2])}
    assert over(pages) == ([1, 2], [None, "b", "c"])


@pytest.mark.parametrize("back_to", ["b", "c"])
def test_a_circle_ends(back_to):
    pages = {None: Page([1], next_cursor="b"), "b": Page([2], next_cursor="c")}
    pages["c"] = Page([3], next_cursor=back_to)
    assert over(pages) == ([1, 2, 3], [None, "b", "c"])


def test_the_same_page_for_ever_ends():
    """A server that does not know the argument answers each page number with the first page."""
    page = Page(["a", "b"])
    assert over({1: page, 2: page}, "page") == (["a", "b"], [1, 2])


def test_an_item_that_moved_to_the_next_page_comes_once():
    pages = {None: Page(["a", "b"], next_cursor="b"), "b": Page(["b", "c"])}
    assert over(pages)[0] == ["a", "b", "c"]


@pytest.mark.parametrize("key", [None, "", {"a": 1}, ["a"]])
def test_items_without_an_id_all_come(key):
    pages = {None: Page([key, key], next_cursor="b"), "b": Page([key])}
    assert over(pages)[0] == [key] * 3


def test_a_page_is_fetched_when_it_is_needed():
    asked = []

    def get(limit, offset):
        asked.append(offset)
        return Page([offset])

    items = iter_pages(get, "offset", limit=1)
    assert asked == []
    assert [next(items), next(items)] == [{"id": 0}, {"id": 1}]
    assert asked == [0, 1]


@pytest.mark.parametrize(("total", "shown"), [(3, "3/3 items, "), (None, "3 items, ")])
def test_a_bar(monkeypatch, capsys, total, shown):
    monkeypatch.setitem(sys.modules, "tqdm.auto", None)
    pages = {1: Page(["a", "b"], total=total), 2: Page(["c"], total=total)}
    items = iter_pages(lambda limit, page: pages[page], "page", True, limit=2)
    assert [item["id"] for item in items] == ["a", "b", "c"]
    assert capsys.readouterr().err.splitlines()[-1].startswith(shown)


def test_a_bar_ends_with_the_loop(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "tqdm.auto", None)
    for _ in iter_pages(lambda limit, page: Page(["a", "b"], total=9), "page", True, limit=2):
        break
    assert capsys.readouterr().err.splitlines()[-1].startswith("0/9 items")
