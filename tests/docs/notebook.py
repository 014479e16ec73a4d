"""examples/tour.ipynb: runs its cells and cleans what they show.

After a change of the notebook, this stores its outputs:

    python -m tests.docs.notebook
"""

import os
import re
from tempfile import TemporaryDirectory
from typing import Any, List, Sequence

import nbformat
from nbclient import NotebookClient

from tests.docs.programs import ROOT, surroundings

PATH = ROOT / "examples" / "tour.ipynb"
TIMEOUT = 60  # seconds for each cell


def read() -> Any:
    return nbformat.read(PATH, as_version=4)


def execute(notebook: Any, *orders: Sequence[int]) -> None:
    """Run code cells in one kernel, in each of the orders; raises what a cell raises."""
    with TemporaryDirectory() as folder:
        # No settings of the user, and no tqdm.
        with open(os.path.join(folder, "tqdm.py"), "w", encoding="utf-8") as file:
            file.write("raise ImportError('tqdm')\n")
        env = surroundings(IPYTHONDIR=folder, JUPYTER_CONFIG_DIR=folder, COLUMNS="80")
        env["PYTHONPATH"] = os.pathsep.join([folder, env["PYTHONPATH"]])
        client = NotebookClient(notebook, timeout=TIMEOUT, kernel_name="python3", coalesce_streams=True)
        with client.setup_kernel(env=env, cwd=folder):
            for order in orders:
                for index in order:
                    client.execute_cell(notebook.cells[index], index)


def code_cells(notebook: Any) -> List[int]:
    return [index for index, cell in enumerate(notebook.cells) if cell.cell_type == "code"]


def clean(notebook: Any) -> None:
    """Remove what differs from run to run: times, rates, and updates that were overwritten."""
    for number, index in enumerate(code_cells(notebook), 1):
        cell = notebook.cells[index]
        cell.metadata.pop("execution", None)
        cell.execution_count = number
        for output in cell.outputs:
            if output.output_type == "stream":
                last = output.text.rstrip().rpartition("\r")[2]
                output.text = re.sub(r", [\d.]+/s|, \d+:\d\d:\d\d left", "", last).rstrip() + "\n"
            elif output.output_type == "execute_result":
                output.execution_count = number


def main() -> None:
    notebook = read()
    execute(notebook, code_cells(notebook))
    clean(notebook)
    nbformat.write(notebook, PATH)


if __name__ == "__main__":
    main()
