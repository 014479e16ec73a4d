"""Shows a text while it is received."""

from __future__ import annotations

import sys
import time
from importlib import import_module
from typing import Iterable

_UPDATE_SECONDS = 0.1  # each update sends the whole text


def in_notebook() -> bool:
    """Return whether this runs in a Jupyter kernel, which shows Markdown and HTML."""
    ipython = sys.modules.get("IPython")
    return ipython is not None and getattr(ipython.get_ipython(), "kernel", None) is not None


def show_text(pieces: Iterable[str]) -> None:
    """Show a text as it grows: as Markdown in a notebook, else on stdout."""
    if not in_notebook():
        encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
        try:
            for piece in pieces:
                print(piece.encode(encoding, "replace").decode(encoding), end="", flush=True)
        finally:
            print()
        return
    display = import_module("IPython.display")
    handle = display.display(display.Markdown(""), display_id=True)
    text, shown_at = "", 0.0
    try:
        for piece in pieces:
            text += piece
            if time.monotonic() - shown_at >= _UPDATE_SECONDS:
                handle.update(display.Markdown(text))
                shown_at = time.monotonic()
    finally:
        handle.update(display.Markdown(text))
