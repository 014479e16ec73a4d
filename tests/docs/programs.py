"""The examples as programs: how they are started, and the stand-in that waits for a test."""

import io
import os
import runpy
import signal
import subprocess
import sys
import threading
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import replace
from pathlib import Path
from typing import Any, Dict, Iterator, List, Optional

import pytest

from chatsdk.testing import LocalServer
from chatsdk.testing.exchange import EventStream

ROOT = Path(__file__).resolve().parents[2]

EXAMPLES = sorted((ROOT / "examples").glob("*.py"))
OFFLINE = "No server is configured, so this runs offline against chatsdk.testing.LocalServer."
PATIENCE = 20.0  # seconds

Done = subprocess.CompletedProcess  # of str


def command(name: str, *arguments: str) -> List[str]:
    return [sys.executable, "-W", "error", str(ROOT / "examples" / name), *arguments]


def surroundings(**variables: str) -> Dict[str, str]:
    """The environment of an example: this one's, and the checkout, whether or not it is installed."""
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    # Who sees pieces at once sees what the example itself has flushed.
    env = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    return {**env, "PYTHONPATH": path, "PYTHONIOENCODING": "utf-8", **variables}


def run_program(folder: Any, env: Dict[str, str], name: str, *arguments: str) -> "Done[str]":
    """Run an example to its end in a process of its own, without a terminal."""
    return subprocess.run(
        command(name, *arguments),
        env=env,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        timeout=60,
    )


def run_main(folder: Any, name: str, *arguments: str, typed: str = "", **variables: str) -> "Done[str]":
    """Run an example to its end in this process, where a start of its own would prove nothing more."""
    out, err = io.StringIO(newline=None), io.StringIO(newline=None)  # as a pipe in text mode reads them
    numbers = (signal.SIGINT, signal.SIGTERM)
    handlers = [signal.getsignal(number) for number in numbers]
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
        if folder is not None:
            patch.chdir(folder)
        for variable, value in variables.items():
            patch.setenv(variable, value)
        patch.setattr(sys, "argv", [name, *arguments])
        patch.setattr(sys, "stdin", io.StringIO(typed))
        status: Any = None
        try:
            runpy.run_path(str(ROOT / "examples" / name), run_name="__main__")
        except SystemExit as end:
            status = end.code
        finally:
            for number, handler in zip(numbers, handlers):
                signal.signal(number, handler)
    if isinstance(status, str):  # what the interpreter does with a text
        print(status, file=err)
        status = 1
    return Done([name, *arguments], status or 0, out.getvalue(), err.getvalue())


class Gate:
    """Holds one answer back: all of it, or what follows its first events."""

    def __init__(self, after: int) -> None:
        self.after = after
        self._reached = threading.Event()
        self._opened = threading.Event()

    def wait(self) -> None:
        """Wait until the answer is at the gate."""
        assert self._reached.wait(PATIENCE), "no request came"

    def open(self) -> None:
        self._opened.set()

    def hold(self) -> None:
        self._reached.set()
        self._opened.wait(PATIENCE)

    def between(self, events: Iterator[str]) -> Iterator[str]:
        for number, event in enumerate(events):
            if number == self.after:
                self.hold()
            yield event


class GatedServer(LocalServer):
    """A stand-in that can hold answers back."""

    _gate: Optional[Gate] = None

    def hold_next(self, after: int = 0) -> Gate:
        """Hold the next answer back, a streamed one *after* so many events."""
        gate = self._gate = Gate(after)
        return gate

    def _answer(self, *request: Any) -> Any:
        gate, self._gate = self._gate, None
        answer = super()._answer(*request)
        if gate is None:
            return answer
        if gate.after and isinstance(answer, EventStream):
            return replace(answer, events=gate.between(answer.events))
        gate.hold()
        return answer
