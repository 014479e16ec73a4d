"""examples/tour.ipynb: its outputs are those of a run, and its cells run again and in any order."""

import random
import re

import pytest

pytest.importorskip("ipykernel", reason="the extra dev is not installed")
tour = pytest.importorskip("tests.docs.notebook", reason="the extra dev is not installed")

# The packages warn of their own future.
pytestmark = pytest.mark.filterwarnings("default")


def shown(notebook):
    """What the cells show, but bars, which may be those of tqdm, and pictures, which depend on fonts."""
    return [
        [
            output
            for output in notebook.cells[index].outputs
            if output.get("name") != "stderr" and "image/png" not in output.get("data", {})
        ]
        for index in tour.code_cells(notebook)
    ]


def test_the_outputs_are_those_of_a_run():
    notebook, stored = tour.read(), tour.read()
    tour.execute(notebook, tour.code_cells(notebook))
    tour.clean(notebook)
    assert shown(notebook) == shown(stored)


def test_the_outputs_show_what_the_text_promises():
    notebook = tour.read()
    outputs = [output for index in tour.code_cells(notebook) for output in notebook.cells[index].outputs]
    data = [output.data for output in outputs if "data" in output]
    assert any("<table>" in item.get("text/html", "") for item in data)
    assert any("**" in item.get("text/markdown", "") for item in data)
    bars = [output.text for output in outputs if output.get("name") == "stderr"]
    assert [re.match(r"(\d+)/\1 calls", bar) is not None for bar in bars] == [True, True]
    (picture,) = [item["image/png"] for item in data if "image/png" in item]
    assert len(picture) < 50_000


def test_the_outputs_hold_nothing_of_one_machine_or_run():
    for output in shown(tour.read()):
        assert not re.search(r"127\.0\.0\.1|localhost|https?://|/home|/tmp|/work|0x[0-9a-f]{6}", str(output))


def test_cells_run_again_and_in_any_order():
    notebook = tour.read()
    first, second, *others = tour.code_cells(notebook)
    shuffled = random.Random(7).sample(others, len(others))
    tour.execute(notebook, [first, second, *reversed(others)], [first, second, *others], shuffled)
