"""The progress of long operations: a tqdm bar if tqdm is installed, else a line on stderr."""

from __future__ import annotations

import sys
import time
import warnings
from importlib import import_module
from typing import Any, Optional

from .closable import CloseMixin
from .display import in_notebook

_TERMINAL_SECONDS = 0.2  # between two updates of a terminal
_LOG_SECONDS = 10.0  # between two lines in a file


class Progress(CloseMixin):
    """Shows how much of a long operation is done.

    Args:
        total: the count at the end; None or 0 if unknown.
        unit: the unit of the counts; "B" for bytes.
        shown: False to show nothing.
    """

    def __init__(self, total: Optional[int] = None, unit: str = "it", shown: bool = True) -> None:
        self._total = total or None
        self._unit = unit
        self._is_shown = shown = shown and sys.stderr is not None  # None in programs without a console
        is_terminal = hasattr(sys.stderr, "isatty") and sys.stderr.isatty()  # a logger may replace it
        self._is_rewritable = shown and (is_terminal or in_notebook())
        self._bar = _tqdm_bar(self._total, unit) if shown else None
        self._done = 0
        self._start = time.monotonic()
        self._facts = ""
        self._shown_at = 0.0
        self._width = 0

    def update(self, count: int = 1, facts: str = "") -> None:
        """Add *count* to the progress and show it, followed by other *facts*."""
        if not self._is_shown:
            return
        self._done += count
        self._facts = facts
        if self._bar is not None:
            self._bar.set_postfix_str(facts, refresh=False)
            self._bar.update(count)
            return
        seconds = _TERMINAL_SECONDS if self._is_rewritable else _LOG_SECONDS
        if time.monotonic() - self._shown_at >= seconds:
            self._show()

    def close(self) -> None:
        """Show the final count and end the line."""
        if self._bar is not None:
            self._bar.close()
        elif self._is_shown:
            self._show()
            if self._is_rewritable:
                print(file=sys.stderr)

    def _show(self) -> None:
        self._shown_at = time.monotonic()
        rate = self._done / max(self._shown_at - self._start, 0.001)
        parts = [f"{self._done}{f'/{self._total}' if self._total else ''} {self._unit}", f"{rate:.1f}/s"]
        if self._total and self._done:
            left = round((self._total - self._done) / rate)
            parts.append(f"{left // 3600}:{left // 60 % 60:02}:{left % 60:02} left")
        text = ", ".join([*parts, *filter(None, [self._facts])])
        if not self._is_rewritable:
            print(text, file=sys.stderr, flush=True)
            return
        print("\r" + text.ljust(self._width), end="", file=sys.stderr, flush=True)
        self._width = len(text)


def _tqdm_bar(total: Optional[int], unit: str) -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # in notebooks without the widgets for a bar
            tqdm = import_module("tqdm.auto").tqdm
            return tqdm(total=total, unit=f" {unit}", unit_scale=unit == "B", dynamic_ncols=True)
    except ImportError:
        return None
