"""The progress of long operations, with and without tqdm."""

import io
import re
import sys
from types import SimpleNamespace

import pytest

from chatsdk._core import progress
from chatsdk._core.display import show_text
from chatsdk._core.progress import Progress


class Terminal(io.StringIO):
    """A stderr that may be a terminal."""

    def __init__(self, is_terminal):
        super().__init__()
        self.isatty = lambda: is_terminal


def work_without_tqdm(monkeypatch, total, is_terminal):
    """Return what is shown."""
    stderr = Terminal(is_terminal)
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "tqdm.auto", None)
        patch.setattr(progress, "_TERMINAL_SECONDS", 0)
        patch.setattr(progress, "_LOG_SECONDS", 0)
        patch.setattr(sys, "stderr", stderr)
        work(total)
    return stderr.getvalue()


def work(total):
    bar = Progress(total, "calls")
    bar.update(3, "1 failed")
    bar.update(1, "no more")
    bar.close()


def test_a_line_in_a_terminal_is_overwritten(monkeypatch):
    shown = work_without_tqdm(monkeypatch, 8, True)
    start, first, second, last = shown.split("\r")
    assert start == ""
    assert re.fullmatch(r"3/8 calls, \d+\.\d/s, 0:00:00 left, 1 failed", first)
    assert re.fullmatch(r"4/8 calls, .* left, no more *", second)
    assert last.endswith("\n")
    assert shown.count("\n") == 1


def test_a_log_gets_whole_lines(monkeypatch):
    lines = work_without_tqdm(monkeypatch, None, False).splitlines()
    assert [re.sub(r"[\d.]+/s", "N/s", line) for line in lines] == [
        "3 calls, N/s, 1 failed",
        "4 calls, N/s, no more",
        "4 calls, N/s, no more",
    ]


def test_a_program_without_a_console(monkeypatch):
    lines = []
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "tqdm.auto", None)
        patch.setattr(sys, "stderr", SimpleNamespace(write=lines.append, flush=lambda: None))
        work(8)
        assert "4/8 calls" in lines[-2]
        patch.setattr(sys, "stderr", None)
        patch.setattr(sys, "stdout", None)
        work(8)
        show_text(["Hi"])


def test_tqdm_is_used_where_it_is_installed(capsys):
    pytest.importorskip("tqdm", reason="tqdm is not installed")
    work(8)
    assert re.search(r"50%.*4/8.*no more", capsys.readouterr().err)
