"""The recorded exchanges, as they stand in the files."""

import json
from pathlib import Path

FOLDER = Path(__file__).resolve().parent.parent / "recordings"


def recordings(service):
    """Return the exchanges of a service by their names, in the order of the file."""
    exchanges = json.loads((FOLDER / f"{service}.json").read_text(encoding="utf-8"))
    return {exchange["name"]: exchange for exchange in exchanges}
