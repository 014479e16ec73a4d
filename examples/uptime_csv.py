"""Save the uptime history of ArgusLM as CSV, and say how often each model was up.

Offline, against a stand-in that the script starts itself:

    python examples/uptime_csv.py --output uptime.csv

Against a real server:

    ARGUSLM_BASE_URL=http://localhost:8000 python examples/uptime_csv.py --days 7 --output uptime.csv
"""

import argparse
import csv
import os
import sys
from collections import defaultdict
from datetime import datetime, timedelta, timezone
from typing import Dict, List, Optional

from chatsdk import ChatSDKError, Client
from chatsdk.arguslm import ArgusLM
from chatsdk.testing import LocalServer

LONGEST = 36500  # days


def main() -> None:
    """Save the history of the server that is configured, or else of the stand-in."""
    arguments = read_arguments()
    if arguments.url or os.environ.get("ARGUSLM_BASE_URL"):
        with Client(arguslm=arguments.url) as client:
            save(client.arguslm, arguments.days, arguments.output)
    else:
        print("No server is configured, so this runs offline against chatsdk.testing.LocalServer.")
        with LocalServer() as server, Client(arguslm=server.services()["arguslm"]) as client:
            save(client.arguslm, arguments.days, arguments.output)
    print(f"written: {arguments.output}")
    for model, statuses in sorted(read(arguments.output).items()):
        up = statuses.count("up")
        print(f"{model}: {up} of {len(statuses)} checks up ({up / len(statuses):.0%})")


def save(api: ArgusLM, days: float, path: str) -> None:
    """Download the history of the last days; the file appears only when it is whole."""
    start = datetime.now(timezone.utc) - timedelta(days=days)
    api.export_uptime_history(format="csv", start_date=start).save(path, progress=show)
    if sys.stderr.isatty():
        print(file=sys.stderr)


def show(done: int, total: Optional[int]) -> None:
    """Show how far the download is, on a terminal."""
    if sys.stderr.isatty():
        print(f"\r{done} of {total or '?'} bytes", end="", file=sys.stderr, flush=True)


def read(path: str) -> Dict[str, List[str]]:
    """Return the statuses of each model; names and errors may hold line breaks, so csv reads the file."""
    found = defaultdict(list)
    with open(path, encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            found[row["model_name"]].append(row["status"])
    return found


def read_arguments() -> argparse.Namespace:
    """Return what the command line says."""
    parser = argparse.ArgumentParser(description="Save the uptime history as CSV.")
    parser.add_argument("--url", help="address of ArgusLM; else ARGUSLM_BASE_URL, else a stand-in")
    parser.add_argument("--days", type=float, default=30.0, help="how far back")
    parser.add_argument("--output", default="uptime_history.csv", metavar="FILE")
    arguments = parser.parse_args()
    if not 0 < arguments.days <= LONGEST:
        parser.error(f"--days must be above 0, and at most {LONGEST}")
    return arguments


if __name__ == "__main__":
    try:
        main()
    except (ChatSDKError, OSError) as error:
        sys.exit(f"{type(error).__name__}: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
