"""Real servers, started for the tests on a free port of this machine."""

import base64
import os
import re
import secrets
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Dict, Optional

import requests

from tests.support.environment import is_private

START_SECONDS = 90.0  # it takes about 4 s; much more on a machine that is busy installing things
STOP_SECONDS = 10.0
# The package "arguslm" alone has the server's code without what it runs on.
NEEDED = ("arguslm", "uvicorn", "fastapi", "litellm", "sqlalchemy", "greenlet", "aiosqlite")


def obstacle() -> str:
    """Return why no server can be started here, "" where one can; nothing of the server is imported."""
    missing = [name for name in NEEDED if find_spec(name) is None]
    install = "pip install 'arguslm[server]' aiosqlite greenlet"
    return f"the ArgusLM server is not installed: {install} (no {missing[0]})" if missing else ""


class ServerProcess:
    """A server, with its output in *folder*; ``url`` is its address.

    Args:
        application: what uvicorn runs, such as ``"package.module:app"``.
        variables: environment variables, beside those of this process that hold no secrets.
        health: a path that has status 200 once the server is ready.
    """

    def __init__(self, application: str, folder: Path, variables: Dict[str, str], health: str) -> None:
        self._health = health
        self._output = folder / "server.log"
        command = [sys.executable, "-m", "uvicorn", application]
        command += ["--host", "127.0.0.1", "--port", "0", "--timeout-graceful-shutdown", "5"]
        with self._output.open("wb") as output:
            self._process = subprocess.Popen(
                command,
                cwd=str(folder),  # it would read a file .env of the folder that it runs in
                env={**_public_environment(), **variables},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        try:
            self.url = self._wait_until_ready()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """End it as a crash does."""
        self._process.kill()
        self._process.wait()

    def _wait_until_ready(self) -> str:
        deadline = time.monotonic() + START_SECONDS
        with requests.Session() as session:
            session.trust_env = False
            while time.monotonic() < deadline and self._process.poll() is None:
                url = self._printed_address()
                if url is not None and _is_healthy(session, url + self._health):
                    return url
                time.sleep(0.05)
        output = self._output.read_text("utf-8", "replace")
        raise RuntimeError(f"the server did not start; its output:\n{output[-5000:]}")

    def _printed_address(self) -> Optional[str]:
        """Return the address that the output names, once it does: the server has chosen its port itself."""
        found = re.search(r"running on (http://127\.0\.0\.1:\d+)", self._output.read_text("utf-8", "replace"))
        return found and found.group(1)


class ArgusLMServer(ServerProcess):
    """A server with an empty database in *folder*."""

    def __init__(self, folder: Path) -> None:
        variables = {
            "DATABASE_URL": f"sqlite+aiosqlite:///{folder / 'arguslm.db'}",
            "ENCRYPTION_KEY": base64.urlsafe_b64encode(os.urandom(32)).decode(),
            "SECRET_KEY": secrets.token_hex(32),
            "LITELLM_LOCAL_MODEL_COST_MAP": "True",  # or it fetches a list of prices when it starts
        }
        super().__init__("arguslm.server.main:app", folder, variables, "/health")


def _public_environment() -> Dict[str, str]:
    return {name: value for name, value in os.environ.items() if not is_private(name)}


def _is_healthy(session: requests.Session, url: str) -> bool:
    try:
        return session.get(url, timeout=5).status_code == 200
    except requests.RequestException:
        return False
