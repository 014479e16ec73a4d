"""Batches on a Dask cluster: local processes, workers of their own, a worker that dies."""

import os
import signal
import subprocess
import sys
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from chatsdk import Batch, ConfigurationError
from chatsdk.batch import to_rows

from .server import TIMEOUT
from .test_batch import answer, question

distributed = pytest.importorskip("distributed", reason="Dask is not installed")

pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="needs signals"),
    pytest.mark.filterwarnings("ignore"),  # of Dask's own
]
ROOT = Path(__file__).resolve().parents[2]
CALLS = 200


@contextmanager
def cluster(**options):
    """Return the client of a cluster of processes."""
    options.update(processes=True, dashboard_address=None, host="127.0.0.1", silence_logs=50)
    with distributed.LocalCluster(**options) as local, distributed.Client(
        local, set_as_default=False
    ) as dask:
        yield dask


@pytest.fixture
def dask(monkeypatch):
    """Return a client of a cluster with two worker processes."""
    monkeypatch.setenv("ZAGUAN_API_KEY", "key-of-worker")
    monkeypatch.setenv("CHATSERVER_API_KEY", "key-of-worker")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    with cluster(n_workers=2, threads_per_worker=4) as client:
        yield client


def pids(dask):
    return dask.run(os.getpid)


def test_a_batch_on_a_cluster(serve, connect, dask, tmp_path):
    server = serve(answer)
    method = partial(connect(server).chatserver.create_completion, "m")
    batch = Batch(method, tmp_path / "out", executor=dask.get_executor())
    # Dask would take the same question for the same call.
    items = list(batch.run(["same question"] * 10 + [f"q{n}" for n in range(CALLS - 10)]))
    assert [item.ok for item in items] == [True] * CALLS
    assert len(server.requests) == CALLS
    assert {request.headers["authorization"] for request in server.requests} == {"Bearer key-of-worker"}
    assert len(server.connections) <= 2 * 4


def test_a_worker_that_dies_loses_nothing(serve, connect, dask, tmp_path):
    server = serve(answer)
    method = partial(connect(server).zaguan.chat, model="m")
    victim = min(pids(dask).values())

    def answer_or_kill(request):
        if len(server.requests) == CALLS // 2:
            os.kill(victim, signal.SIGKILL)
        return answer(request)

    server.script(answer_or_kill)
    batch = Batch(method, tmp_path / "out", executor=dask.get_executor())
    items = list(batch.run(f"q{n}" for n in range(CALLS)))
    assert [item.ok for item in items] == [True] * CALLS
    assert len(to_rows(tmp_path / "out")) == CALLS
    asked = {(question(request), request.headers["x-request-id"]) for request in server.requests}
    assert len(asked) == CALLS  # what Dask sends again has its id
    assert victim not in pids(dask).values()


def test_workers_started_from_the_shell(serve, connect, tmp_path):
    server = serve(answer)
    method = partial(connect(server).zaguan.chat, model="m")
    with cluster(n_workers=0) as dask:
        command = [sys.executable, "-m", "distributed.cli.dask_worker", dask.scheduler_info()["address"]]
        command += ["--no-nanny", "--nthreads", "2", "--no-dashboard", "--local-directory", str(tmp_path)]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        workers = [
            subprocess.Popen(command, env={**environment, **key}, stderr=subprocess.DEVNULL)
            for key in ({"ZAGUAN_API_KEY": "key-of-worker"}, {})
        ]
        try:
            dask.wait_for_workers(2, timeout=6 * TIMEOUT)
            batch = Batch(method, tmp_path / "out", executor=dask.get_executor())
            items = list(batch.run(f"q{n}" for n in range(CALLS)))
        finally:
            for worker in workers:
                worker.kill()
                worker.wait(TIMEOUT)
    # One worker has the key; the other one says at each call what it lacks.
    failed = [item for item in items if not item.ok]
    assert failed
    assert all(isinstance(item.error, ConfigurationError) for item in failed)
    assert "set ZAGUAN_API_KEY in the process" in str(failed[0].error)
    assert len(server.requests) == CALLS - len(failed) > 0
