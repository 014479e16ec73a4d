"""The recorded exchanges, as they stand in the files."""

import json
from pathlib import Path

FOLDER = Path(__file__).resolve().parent.parent / "recordings"


FILES = {"zaguan": ("zaguan", "litellm")}  # of a service that has others than the one with its name


def recordings(service):
    """Return the exchanges of a service by their names, in the order of its files."""
    texts = [(FOLDER / f"{name}.json").read_text(encoding="utf-8") for name in FILES.get(service, (service,))]
    return {exchange["name"]: exchange for text in texts for exchange in json.loads(text)}
