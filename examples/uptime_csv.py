"""Export the uptime history of ArgusLM as CSV and print how often each model was up.

To run it offline, against a local test server that the script starts:

    python examples/uptime_csv.py --output uptime.csv

To run it against a real server:

    ARGUSLM_BASE_URL=http://localhost:8000 python examples/uptime_csv.py --days 7 --output uptime.csv
"""

import argparse
import csv
import os
import sys
from collections import defaultdict
from datetime import datetime, timedelta, timezone
from typing import Dict, List

from chatsdk import ChatSDKError, Client
from chatsdk.arguslm import ArgusLM
from chatsdk.testing import LocalServer

MAX_DAYS = 36500


def main() -> None:
    """Export the history from the configured server, or from a local test server."""
    arguments = parse_arguments()
    if arguments.url or os.environ.get("ARGUSLM_BASE_URL"):
        with Client(arguslm=arguments.url) as client:
            export(client.arguslm, arguments.days, arguments.output)
    else:
        print("No server is configured, so this runs offline against chatsdk.testing.LocalServer.")
        with LocalServer() as server, Client(arguslm=server.services()["arguslm"]) as client:
            export(client.arguslm, arguments.days, arguments.output)
    print(f"written: {arguments.output}")
    for model, statuses in sorted(read_statuses(arguments.output).items()):
        up = statuses.count("up")
        print(f"{model}: {up} of {len(statuses)} checks up ({up / len(statuses):.0%})")


def export(api: ArgusLM, days: float, path: str) -> None:
    """Download the history of the last days; a failed download leaves no file."""
    start = datetime.now(timezone.utc) - timedelta(days=days)
    download = api.export_uptime_history(format="csv", start_date=start)
    download.save(path, progress=sys.stderr.isatty())


def read_statuses(path: str) -> Dict[str, List[str]]:
    """Return the statuses of each model."""
    statuses = defaultdict(list)
    with open(path, encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            statuses[row["model_name"]].append(row["status"])
    return statuses


def parse_arguments() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description="Export the uptime history as CSV.")
    parser.add_argument("--url", help="URL of ArgusLM (default: $ARGUSLM_BASE_URL, or a local test server)")
    parser.add_argument("--days", type=float, default=30.0, help="export the last DAYS days (default: 30)")
    parser.add_argument("--output", default="uptime_history.csv", metavar="FILE")
    arguments = parser.parse_args()
    if not 0 < arguments.days <= MAX_DAYS:
        parser.error(f"--days must be greater than 0 and at most {MAX_DAYS}")
    return arguments


if __name__ == "__main__":
    try:
        main()
    except (ChatSDKError, OSError) as error:
        sys.exit(f"{type(error).__name__}: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
