"""``python -m chatsdk.testing``: run a local test server and print the environment variables to set."""

from __future__ import annotations

import contextlib
import threading

from .server import LocalServer


def main() -> None:
    """Serve until Ctrl-C."""
    with LocalServer() as server, contextlib.suppress(KeyboardInterrupt):
        for name, value in server.environment().items():
            print(f"export {name}={value}", flush=True)
        print("# Serving until Ctrl-C.", flush=True)
        threading.Event().wait()


if __name__ == "__main__":
    main()
