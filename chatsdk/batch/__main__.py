"""Run a batch from the shell: ``python -m chatsdk.batch --help``."""

from __future__ import annotations

import argparse
import functools
import sys
from typing import Optional, Sequence

from ..client import Client
from ..errors import ChatSDKError, ConfigurationError
from .runner import Batch

_DESCRIPTION = "Send many requests to a service and write the results to a file; resumable."
_METHODS = {
    "zaguan": "chat",
    "chatserver": "create_completion",
    "infinity": "chat",
    "mongars": "chat",
    "arguslm": "test_existing_provider",
}


def main(arguments: Optional[Sequence[str]] = None) -> int:
    """Run a batch; return the exit status: 0, 1 if some calls failed, 2 if it could not run."""
    parser = argparse.ArgumentParser(prog="python -m chatsdk.batch", description=_DESCRIPTION)
    add = parser.add_argument
    add("input", help="JSONL in the form of OpenAI's batch input, or one JSON text or object in each line")
    add("output", help="result file; requests whose result it has are not sent again")
    add("--service", required=True, choices=list(_METHODS), help="address and key are in the environment")
    add("--method", help="method of the service (default: the one for a chat)")
    add("--model", help="for requests that do not name one")
    add("--workers", type=int, default=8, help="maximum number of calls in flight (default: 8)")
    add("--requests-per-minute", type=float, metavar="N")
    add("--tokens-per-minute", type=float, metavar="N")
    add("--stop-after", type=int, metavar="N", help="end after N consecutive failures")
    add("--keep-failed", action="store_true", help="do not send again what failed in an earlier run")
    add("--resend-unknown", action="store_true", help="send again what the server may have acted on")
    add("--dry-run", action="store_true", help="count, send nothing")
    given = parser.parse_args(arguments)
    try:
        with Client() as client:
            method = getattr(getattr(client, given.service), given.method or _METHODS[given.service])
            batch = Batch(
                functools.partial(method, model=given.model) if given.model else method,
                given.output,
                max_workers=given.workers,
                resend_failed=not given.keep_failed,
                resend_unknown=given.resend_unknown,
                requests_per_minute=given.requests_per_minute,
                tokens_per_minute=given.tokens_per_minute,
                stop_after=given.stop_after,
                progress=sys.stderr.isatty() and not given.dry_run,
            )
            return _dry_run(batch, given) if given.dry_run else _run(batch, given.input)
    except (ChatSDKError, OSError, ValueError, AttributeError) as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 2


def _dry_run(batch: Batch, given: argparse.Namespace) -> int:
    found = batch.dry_run(given.input)
    left = found.read - found.skipped - found.unknown
    unknown = f", {found.unknown} of unknown outcome" if found.unknown else ""
    print(f"{found.read} requests: {left} to send, {found.skipped} in {given.output}{unknown}")
    return 0


def _run(batch: Batch, path: str) -> int:
    try:
        for item in batch.run(path):
            if isinstance(item.error, ConfigurationError):  # no address, or an invalid key
                raise item.error
    except KeyboardInterrupt:
        return 130
    finally:
        summary = batch.summary()
        if summary.read:
            print(summary, file=sys.stderr)
    return 1 if summary.failed or summary.unknown or summary.stopped else 0


if __name__ == "__main__":
    sys.exit(main())
