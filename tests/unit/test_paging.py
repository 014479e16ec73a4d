import pytest

from chatsdk._core.paging import paginate


def over(pages, start, key=lambda item: item):
    """Walk over pages in a dict; gives the items and the positions that were asked for."""
    asked = []

    def fetch(position):
        asked.append(position)
        return pages[position]

    return list(paginate(fetch, start, key)), asked


def test_all_pages():
    pages = {"": ([1, 2], "b"), "b": ([3], "c"), "c": ([4], None)}
    assert over(pages, "") == ([1, 2, 3, 4], ["", "b", "c"])


def test_one_empty_page():
    assert over({1: ([], None)}, 1) == ([], [1])


def test_an_empty_page_in_the_middle():
    assert over({1: ([1], 2), 2: ([], 3), 3: ([2], None)}, 1) == ([1, 2], [1, 2, 3])


@pytest.mark.parametrize("back_to", ["", "b", "c"])
def test_a_circle_ends(back_to):
    pages = {"": ([1], "b"), "b": ([2], "c"), "c": ([3], back_to)}
    assert over(pages, "") == ([1, 2, 3], ["", "b", "c"])


def test_what_was_pushed_to_the_next_page_comes_once():
    assert over({0: (["a", "b"], 2), 2: (["b", "c"], None)}, 0)[0] == ["a", "b", "c"]


def test_items_without_a_mark_all_come():
    assert over({0: (["a", "a"], 2), 2: (["a"], None)}, 0, key=lambda _: None)[0] == ["a", "a", "a"]


def test_a_page_is_fetched_when_it_is_needed():
    asked = []

    def fetch(position):
        asked.append(position)
        return [position], position + 1

    items = paginate(fetch, 0, lambda item: item)
    assert asked == []
    assert [next(items), next(items)] == [0, 1]
    assert asked == [0, 1]
