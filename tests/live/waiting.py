"""Waiting for what the server does in its own time; never longer than a bound."""

import time
from typing import Callable, TypeVar

from chatsdk.arguslm import ArgusLM, BenchmarkDetail, MonitoringRun

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


def monitor(api: ArgusLM) -> MonitoringRun:
    """Run the uptime checks, to their end: the run itself cannot be looked up.

    A run that began before may end meanwhile and change ``last_run_at``: new checks tell them apart.
    """
    models = [model.id for model in api.iter_models(enabled_for_monitoring=True)]
    before = api.get_monitoring_config().last_run_at
    checks = {model: api.get_uptime_history(model_id=model, limit=1).total for model in models}
    run = api.run_monitoring()
    eventually(lambda: api.get_monitoring_config().last_run_at != before)
    for model in models:
        eventually(lambda model=model: api.get_uptime_history(model_id=model, limit=1).total > checks[model])
    return run


def measure(api: ArgusLM, **fields: object) -> BenchmarkDetail:
    """Run a benchmark to its end."""
    started = api.start_benchmark(**{"prompt_pack": "health_check", "num_runs": 1, **fields})
    return api.wait_for_benchmark(started.id, timeout=BOUND, poll_interval=_GLANCE)
