"""Waiting for what the server does in its own time; never longer than a bound."""

import time
from typing import Callable, TypeVar

from chatsdk.arguslm import ArgusLM, BenchmarkDetail

T = TypeVar("T")

BOUND = 20.0  # seconds; only a test that fails waits so long
_GLANCE = 0.02


def eventually(look: Callable[[], T]) -> T:
    """Return what *look* returns, as soon as it is something."""
    deadline = time.monotonic() + BOUND
    while True:
        found = look()
        if found:
            return found
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(_GLANCE)


def monitor(api: ArgusLM) -> None:
    """Run the uptime checks, to their end: the run itself cannot be looked up."""
    before = api.get_monitoring_config().last_run_at
    api.run_monitoring()
    eventually(lambda: api.get_monitoring_config().last_run_at != before)


def measure(api: ArgusLM, **fields: object) -> BenchmarkDetail:
    """Run a benchmark to its end."""
    started = api.start_benchmark(**{"prompt_pack": "health_check", "num_runs": 1, **fields})
    return api.wait_for_benchmark(started.id, timeout=BOUND, poll_interval=_GLANCE)
