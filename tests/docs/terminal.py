"""A program on a terminal of its own: what it shows, what is typed, and Ctrl-C."""

import os
import select
import struct
import subprocess
import sys
import time
from typing import List, Mapping

import pytest

fcntl = pytest.importorskip("fcntl", reason="this system has no terminals of this kind")
pty = pytest.importorskip("pty", reason="this system has no terminals of this kind")
termios = pytest.importorskip("termios", reason="this system has no terminals of this kind")

PATIENCE = 20.0  # seconds
_PAUSE = 2.0  # seconds; a program that is still busy with the first Ctrl-C must not get another
CTRL_D = "\x04"

# In the process that becomes the program: forking with a terminal is not safe beside threads.
_TAKE_TERMINAL = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.argv[1], sys.argv[1:])
"""


class Terminal:
    """Runs a command with a pseudo-terminal as its controlling terminal."""

    def __init__(self, command: List[str], env: Mapping[str, str], cwd: str) -> None:
        self._data = b""
        self._seen = 0
        self._master, slave = pty.openpty()
        # Wide enough that no line is wrapped.
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 500, 0, 0))
        unsized = {name: value for name, value in env.items() if name not in ("COLUMNS", "LINES")}
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", _TAKE_TERMINAL, *command],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env={**unsized, "TERM": "dumb"},
            cwd=cwd,
            start_new_session=True,
        )
        os.close(slave)

    def close(self) -> None:
        """Take the terminal away, and end the program if it has not ended."""
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait(PATIENCE)
        os.close(self._master)

    @property
    def shown(self) -> str:
        """All that was to be seen on it so far, the echo of what was typed included."""
        return self._data.decode("utf-8", "replace").replace("\r\n", "\n")

    def type(self, text: str) -> None:
        """Press these keys."""
        os.write(self._master, text.encode("utf-8"))

    def enter(self, line: str) -> None:
        """Type a line."""
        self.type(line + "\r")

    def wait_for(self, text: str) -> str:
        """Return what is shown from where the last wait ended up to and including *text*."""
        deadline = time.monotonic() + PATIENCE
        while text not in self._unseen():
            assert self._read(deadline), f"{text!r} was not shown; there is {self.shown!r}"
            assert time.monotonic() < deadline, f"nothing like {text!r} in time; there is {self.shown!r}"
        return self._take(text)

    def interrupt(self, text: str) -> str:
        """Press Ctrl-C and wait for *text*.

        Readline and read() notice a signal that comes right before they wait only with the next one.
        """
        deadline = time.monotonic() + PATIENCE
        while text not in self._unseen():
            assert time.monotonic() < deadline, f"{text!r} was not shown; there is {self.shown!r}"
            self.type("\x03")
            pause = time.monotonic() + _PAUSE
            while text not in self._unseen() and time.monotonic() < pause:
                self._read(pause)
        return self._take(text)

    def wait_for_end(self) -> int:
        """Return the exit status of the program; all that it still shows is in ``shown``."""
        deadline = time.monotonic() + PATIENCE
        while self._read(deadline):
            assert time.monotonic() < deadline, f"it goes on; there is {self.shown!r}"
        return self._process.wait(PATIENCE)

    def _unseen(self) -> str:
        return self.shown[self._seen :]

    def _take(self, text: str) -> str:
        found = self._unseen()
        found = found[: found.index(text) + len(text)]
        self._seen += len(found)
        return found

    def _read(self, deadline: float) -> bool:
        """Take in what is shown until the deadline; False once nobody is left who could show something."""
        ready, _, _ = select.select([self._master], [], [], max(0.0, deadline - time.monotonic()))
        if not ready:
            return True
        try:
            data = os.read(self._master, 65536)
        except OSError:  # how Linux says that the other side is closed
            return False
        self._data += data
        return bool(data)
