"""Report the load of this machine to monGARS at a fixed interval, with exponential backoff after failures.

To run it offline, against a local test server that the script starts:

    python examples/peer_metrics.py --once

To run it against a real server, as an administrator:

    export MONGARS_BASE_URL=http://localhost:8000 MONGARS_USERNAME=u1 MONGARS_PASSWORD=...
    python examples/peer_metrics.py

MONGARS_PUBLISH_INTERVAL (default: 30) and MONGARS_MAX_BACKOFF (default: 300) are in seconds. After SIGINT or
SIGTERM the program finishes the current report and exits; a second signal ends it at once.
"""

import argparse
import os
import random
import signal
import socket
import sys
import threading
import time
from datetime import datetime, timezone

from chatsdk import ChatSDKError, Client, ConfigurationError, InvalidRequestError
from chatsdk.mongars import AuthenticationError, MonGARS, PeerTelemetryPayload, UnauthorizedError
from chatsdk.testing import LocalServer

MAX_SECONDS = 86400.0
POLL_SECONDS = 0.1  # between two checks for a signal

stop_requested = False


def main() -> int:
    """Report until a signal arrives; return the exit status."""
    arguments = parse_arguments()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, request_stop)
    if os.environ.get("MONGARS_BASE_URL"):
        with Client() as client:
            return run(client.mongars, arguments)
    print("No server is configured, so this runs offline against chatsdk.testing.LocalServer.")
    with LocalServer() as server, Client(mongars=server.services()["mongars"]) as client:
        return run(client.mongars, arguments)


def request_stop(number: int, frame: object) -> None:
    """Stop after the current report; the same signal again ends the program at once."""
    global stop_requested
    stop_requested = True
    signal.signal(number, signal.SIG_DFL)


def sleep(seconds: float) -> None:
    """Sleep until the time is over or a signal requests a stop."""
    deadline = time.monotonic() + seconds
    while not stop_requested and time.monotonic() < deadline:
        time.sleep(min(POLL_SECONDS, seconds))


def run(api: MonGARS, arguments: argparse.Namespace) -> int:
    """Report in a loop; raise errors that a retry cannot fix."""
    # The loop retries, so the client does not.
    api = api.with_options(total_timeout=arguments.call_timeout, max_retries=0)
    started = time.monotonic()
    reports = failures = 0
    while not stop_requested:
        try:
            publish(api, collect_metrics(time.monotonic() - started, reports))
        except (AuthenticationError, ConfigurationError, InvalidRequestError):
            raise
        except ChatSDKError as error:
            print_error(error)
            failures += 1
        else:
            reports += 1
            failures = 0
            print(f"report {reports}: accepted", flush=True)
        if arguments.once:
            return 1 if failures else 0
        delay = arguments.interval
        if failures:
            delay = backoff(arguments.interval, arguments.max_backoff, failures)
            print(f"next try in {delay:.2f} s", file=sys.stderr, flush=True)
        sleep(delay)
    print(f"stopped after {reports} reports")
    return 0


def publish(api: MonGARS, metrics: PeerTelemetryPayload) -> None:
    """Send a report; log in first if there is no token or the token has expired."""
    if api.token is not None:
        try:
            api.publish_peer_telemetry(metrics)
            return
        except UnauthorizedError:
            pass
    username = os.environ.get("MONGARS_USERNAME", "u1")
    api.login(username, os.environ.get("MONGARS_PASSWORD", "x"))
    print(f"logged in as {username}", flush=True)
    api.publish_peer_telemetry(metrics)


def collect_metrics(uptime: float, reports: int) -> PeerTelemetryPayload:
    """Return the load of this machine; the load average is 0.0 on systems without one."""
    processors = os.cpu_count() or 1
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    return PeerTelemetryPayload(
        scheduler_id=f"{socket.gethostname()}-{os.getpid()}",
        active_workers=threading.active_count(),
        concurrency=processors,
        load_factor=load / processors,
        worker_uptime_seconds=uptime,
        tasks_processed=reports,
        observed_at=datetime.now(timezone.utc),
    )


def backoff(interval: float, max_backoff: float, failures: int) -> float:
    """Return the delay in seconds: doubled after each failure, with jitter."""
    delay = min(interval * 2 ** min(failures - 1, 30), max_backoff)
    return random.uniform(0.9 * delay, delay)


def print_error(error: ChatSDKError) -> None:
    """Print an error on one line."""
    print(f"{type(error).__name__}: {' '.join(str(error).split())}", file=sys.stderr, flush=True)


def parse_arguments() -> argparse.Namespace:
    """Parse the command line; some defaults are environment variables."""
    interval = os.environ.get("MONGARS_PUBLISH_INTERVAL", "30")
    max_backoff = os.environ.get("MONGARS_MAX_BACKOFF", "300")
    parser = argparse.ArgumentParser(description="Report the load of this machine to monGARS.")
    parser.add_argument("--once", action="store_true", help="send one report and exit")
    parser.add_argument("--interval", type=seconds, default=interval, metavar="SECONDS")
    parser.add_argument("--max-backoff", type=seconds, default=max_backoff, metavar="SECONDS")
    parser.add_argument(
        "--call-timeout", type=seconds, default="10", metavar="SECONDS", help="for each login or report"
    )
    return parser.parse_args()


def seconds(text: str) -> float:
    """Parse a positive number of seconds."""
    value = float(text)
    if not 0 < value <= MAX_SECONDS:
        raise ValueError(text)
    return value


if __name__ == "__main__":
    try:
        sys.exit(main())
    except ChatSDKError as error:
        print_error(error)
        sys.exit(1)
    except BrokenPipeError:  # nobody reads stdout; keep Python from flushing it again at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
