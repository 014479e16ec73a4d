"""Report the load of this machine to monGARS every so often; after failures wait longer each time.

Offline, against a stand-in that the script starts itself:

    python examples/peer_metrics.py --once

Against a real server, with an administrator's account:

    export MONGARS_BASE_URL=http://localhost:8000 MONGARS_USERNAME=u1 MONGARS_PASSWORD=...
    python examples/peer_metrics.py

MONGARS_PUBLISH_INTERVAL (30) and MONGARS_MAX_BACKOFF (300) are in seconds. SIGINT and SIGTERM end it after
the report that is on its way; a second one ends it at once.
"""

import argparse
import os
import random
import select
import signal
import socket
import sys
import threading
import time
from contextlib import contextmanager, suppress
from datetime import datetime, timezone
from typing import Callable, Iterator

from chatsdk import ChatSDKError, Client, ConfigurationError, InvalidRequestError
from chatsdk.mongars import AuthenticationError, MonGARS, PeerTelemetryPayload
from chatsdk.testing import LocalServer

Wait = Callable[[float], bool]

LONGEST = 86400.0  # seconds
HOPELESS = (AuthenticationError, ConfigurationError, InvalidRequestError)


def main() -> int:
    """Report until a signal comes; return the exit status."""
    arguments = read_arguments()
    with noting_signals() as wait_for_signal:
        if os.environ.get("MONGARS_BASE_URL"):
            with Client() as client:
                return report(client.mongars, arguments, wait_for_signal)
        print("No server is configured, so this runs offline against chatsdk.testing.LocalServer.")
        for name in ("API_KEY", "USERNAME", "PASSWORD"):  # those of a real server are not for the stand-in
            os.environ.pop(f"MONGARS_{name}", None)
        with LocalServer() as server, Client(mongars=server.url("mongars")) as client:
            return report(client.mongars, arguments, wait_for_signal)


@contextmanager
def noting_signals() -> Iterator[Wait]:
    """Give what waits some seconds for a signal to end, and says whether there was one."""
    reader, writer = socket.socketpair()
    with reader, writer:
        # The signal itself writes to the socket. Setting a threading.Event in a handler could block for ever.
        writer.setblocking(False)
        signal.set_wakeup_fd(writer.fileno())
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda number, _: signal.signal(number, signal.SIG_DFL))
        try:
            yield lambda seconds: bool(select.select([reader], [], [], seconds)[0])
        finally:
            signal.set_wakeup_fd(-1)


def report(api: MonGARS, arguments: argparse.Namespace, wait_for_signal: Wait) -> int:
    """Report again and again until a signal comes, or until trying again cannot help."""
    # One try for each call: how long to wait after a failure is decided here.
    api = api.with_options(total_timeout=arguments.call_timeout, max_retries=0)
    username = arguments.username or os.environ.get("MONGARS_USERNAME", "u1")
    reporter = Reporter(api, username, os.environ.get("MONGARS_PASSWORD", "x"))
    failures = 0
    while True:
        try:
            reporter.report()
            failures = 0
        except HOPELESS as error:
            complain(error)
            return 1
        except ChatSDKError as error:
            complain(error)
            failures += 1
        if arguments.once:
            return 1 if failures else 0
        wait = next_wait(arguments.interval, arguments.max_backoff, failures)
        if failures:
            print(f"next try in {wait:.2f} s", file=sys.stderr, flush=True)
        if wait_for_signal(wait):
            print(f"stopped after {reporter.reports} reports")
            return 0


def next_wait(interval: float, longest: float, failures: int) -> float:
    """Return the seconds until the next report: after failures twice as long each time, with jitter."""
    if failures == 0:
        return interval
    wait = min(interval * 2 ** min(failures - 1, 30), longest)
    return random.uniform(wait * 0.9, wait)


class Reporter:
    """Logs in when it must, and reports."""

    def __init__(self, api: MonGARS, username: str, password: str) -> None:
        self._api = api
        self._username = username
        self._password = password
        self._started = time.monotonic()
        self.reports = 0

    def report(self) -> None:
        """Send one report; an AuthenticationError means that the account will not do."""
        if self._api.token is None:
            self._log_in()
        try:
            self._publish()
        except AuthenticationError as error:
            if error.status_code != 401:
                raise
            self._log_in()  # the token has expired
            self._publish()

    def _log_in(self) -> None:
        self._api.login(self._username, self._password)
        print(f"logged in as {self._username}", flush=True)

    def _publish(self) -> None:
        answer = self._api.publish_peer_telemetry(
            PeerTelemetryPayload(
                scheduler_id=f"{socket.gethostname()}-{os.getpid()}",
                active_workers=threading.active_count(),
                concurrency=os.cpu_count() or 1,
                load_factor=load_of_this_machine(),
                worker_uptime_seconds=time.monotonic() - self._started,
                tasks_processed=self.reports,
                observed_at=datetime.now(timezone.utc),
            )
        )
        self.reports += 1
        print(f"report {self.reports}: {answer.status}", flush=True)


def load_of_this_machine() -> float:
    """Return the processes that want to run for each processor; 0.0 where the system does not tell."""
    with suppress(AttributeError, OSError):
        return os.getloadavg()[0] / (os.cpu_count() or 1)
    return 0.0


def complain(error: ChatSDKError) -> None:
    """Show an error in one line."""
    print(f"{type(error).__name__}: {' '.join(str(error).split())}", file=sys.stderr, flush=True)


def read_arguments() -> argparse.Namespace:
    """Return what the command line and the environment say."""
    environment = os.environ.get
    parser = argparse.ArgumentParser(description="Report the load of this machine to monGARS.")
    parser.add_argument("--once", action="store_true", help="report once and end")
    parser.add_argument("--username", help="else MONGARS_USERNAME, else u1")
    parser.add_argument(
        "--interval", type=seconds, default=environment("MONGARS_PUBLISH_INTERVAL", "30"), metavar="SECONDS"
    )
    parser.add_argument(
        "--max-backoff", type=seconds, default=environment("MONGARS_MAX_BACKOFF", "300"), metavar="SECONDS"
    )
    parser.add_argument(
        "--call-timeout", type=seconds, default="10", metavar="SECONDS", help="for each login or report"
    )
    return parser.parse_args()


def seconds(text: str) -> float:
    """Return a time that can be waited for."""
    value = float(text)
    if not 0 < value <= LONGEST:
        raise ValueError(text)
    return value


if __name__ == "__main__":
    try:
        sys.exit(main())
    except ChatSDKError as error:
        complain(error)
        sys.exit(1)
    except BrokenPipeError:  # the reader is gone; the rest must not be written at exit either
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
