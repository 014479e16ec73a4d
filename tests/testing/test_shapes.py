from .shapes import differences


def test_equal_shapes():
    recorded = {"a": 1, "b": [{"c": "x"}], "d": None, "metadata": {"k": 1}}
    local = {"a": 2.5, "b": [{"c": "y"}, {"c": "z"}], "d": "now", "metadata": {}}
    assert differences(recorded, local) == []


def test_differences_are_named():
    recorded = {"a": 1, "b": [{"c": "x"}], "d": True, "e": [1]}
    local = {"a": "1", "b": [{"f": "x"}], "d": 1, "e": []}
    assert differences(recorded, local) == [
        "body.a: number became str",
        "body.b[0]: c only in one",
        "body.b[0]: f only in one",
        "body.d: boolean became number",
        "body.e: nothing to compare",
    ]


def test_a_list_element_has_to_be_like_one_of_the_recorded():
    assert differences([{"a": 1}, {"a": 1, "b": 2}], [{"a": 1, "b": 2}]) == []
    assert differences([], [1, 2]) == []
