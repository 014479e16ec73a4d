"""examples/peer_metrics.py as a process, against a server in this one."""

import re
import signal
import socket
import subprocess
import threading
import time
from itertools import product
from queue import Empty, Queue
from typing import Any, Callable, List, Tuple

from chatsdk.testing import LocalServer
from tests.docs.programs import OFFLINE, PATIENCE, GatedServer, command, run_main, surroundings
from tests.support.cases import for_each

LOGIN, TELEMETRY = "/token", "/api/v1/peer/telemetry"


class Program:
    """The example, and the lines that it has printed."""

    def __init__(self, url: str, *arguments: str) -> None:
        self._process = subprocess.Popen(
            command("peer_metrics.py", *arguments),
            env=surroundings(MONGARS_BASE_URL=url),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
        )
        self._lines: Queue[str] = Queue()
        self._reading = threading.Thread(target=self._read, daemon=True)
        self._reading.start()
        self.shown: List[str] = []

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._lines.put(line.rstrip("\n"))

    def wait_for(self, pattern: str) -> str:
        """Return the next line that begins like *pattern*."""
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                self.shown.append(self._lines.get(timeout=max(0.0, deadline - time.monotonic())))
            except Empty:
                raise AssertionError(f"no line like {pattern!r} after {self.shown}") from None
            if re.match(pattern, self.shown[-1]):
                return self.shown[-1]

    def send(self, number: int) -> None:
        self._process.send_signal(number)

    def end(self) -> Tuple[int, List[str]]:
        """Return the exit status and all lines."""
        status = self._process.wait(PATIENCE)
        self._reading.join(PATIENCE)
        while not self._lines.empty():
            self.shown.append(self._lines.get())
        return status, self.shown

    def insist(self, number: int) -> int:
        """Send a signal until it ends; return the exit status."""
        deadline = time.monotonic() + PATIENCE
        while self._process.poll() is None:
            assert time.monotonic() < deadline
            self.send(number)
            try:
                self._process.wait(0.05)
            except subprocess.TimeoutExpired:
                continue
        return self._process.returncode

    def __enter__(self) -> "Program":
        return self

    def __exit__(self, *_: Any) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self.end()
        assert self._process.stdout is not None
        self._process.stdout.close()
        assert "Traceback" not in "\n".join(self.shown)


def run(server: LocalServer, *arguments: str, **variables: str) -> Tuple[int, List[str]]:
    """Run the example to its end; return the exit status and all lines."""
    variables.setdefault("MONGARS_BASE_URL", server.url("mongars"))
    done = run_main(None, "peer_metrics.py", *arguments, **variables)
    return done.returncode, (done.stdout + done.stderr).splitlines()


def paths(server: LocalServer) -> List[str]:
    return [request.path for request in server.requests]


def test_once(server: GatedServer):
    status, shown = run(server, "--once")
    assert (status, shown) == (0, ["logged in as u1", "report 1: accepted"])
    assert paths(server) == [LOGIN, TELEMETRY]
    sent = server.requests[-1].json
    assert sent["concurrency"] >= 1
    assert sent["observed_at"].endswith("Z") or "+00:00" in sent["observed_at"]


def test_offline(offline: Any):
    done, _ = offline["peer_metrics.py"]
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [OFFLINE, "report 1: accepted"]


def test_once_that_fails(server: GatedServer):
    server.fail("mongars", 500)
    status, shown = run(server, "--once")
    assert (status, shown) == (
        1,
        [f"InternalServerError: HTTP 500: Internal Server Error (POST {server.url('mongars')}/token)"],
    )


class TestAccounts:
    def test_wrong_login(self, server: GatedServer):
        status, shown = run(server, MONGARS_PASSWORD="wrong-password")
        assert (status, shown) == (
            1,
            [f"UnauthorizedError: HTTP 401: Invalid credentials (POST {server.url('mongars')}/token)"],
        )
        assert paths(server) == [LOGIN]

    def test_no_administrator(self, server: GatedServer):
        status, shown = run(server, MONGARS_USERNAME="alice", MONGARS_PASSWORD="secret-password")
        assert (status, shown[0]) == (1, "logged in as alice")
        assert shown[1].startswith("PermissionDeniedError: HTTP 403: Admin required (POST ")
        assert paths(server) == [LOGIN, TELEMETRY]

    def test_a_token_instead_of_a_login(self, server: GatedServer):
        token = str(server.services()["mongars"].api_key)
        status, shown = run(server, "--once", MONGARS_API_KEY=token)
        assert (status, shown) == (0, ["report 1: accepted"])

    def test_an_address_that_cannot_be(self, server: GatedServer):
        status, shown = run(server, MONGARS_BASE_URL="ftp://localhost")
        assert status == 1
        assert len(shown) == 1
        assert shown[0].startswith("ConfigurationError: ")


def test_times_that_cannot_be(server: GatedServer):
    for value in ("0", "nan", "soon"):
        assert run(server, f"--interval={value}")[0] == 2
    assert run(server, MONGARS_PUBLISH_INTERVAL="-1")[0] == 2
    assert run(server, MONGARS_MAX_BACKOFF="inf")[0] == 2


def waits_longer_after_each_failure_and_recovers(server: GatedServer) -> None:
    with Program(server.url("mongars"), "--interval", "0.05", "--max-backoff", "0.15") as program:
        program.wait_for("report 1")
        began = time.monotonic()
        server.fail("mongars", 500, times=4)
        waits = []
        for _ in range(4):
            program.wait_for("InternalServerError: ")
            waits.append(float(program.wait_for("next try in ").split()[3]))
        program.wait_for("report ")
        assert time.monotonic() - began > sum(waits) - 0.02  # they are rounded
        for wait, longest in zip(waits, (0.05, 0.1, 0.15, 0.15)):
            assert longest * 0.9 - 0.005 <= wait <= longest + 0.005

        server.fail("mongars", 500)
        assert float(program.wait_for("next try in ").split()[3]) <= 0.055  # from the start again
        program.send(signal.SIGTERM)
        assert program.end()[0] == 0


def tries_a_server_that_cannot_be_reached_again(_: GatedServer) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{nobody.getsockname()[1]}"
        with Program(url, "--interval", "0.02") as program:
            for _ in range(2):
                program.wait_for("APIConnectionError: ")
                program.wait_for("next try in ")
            program.send(signal.SIGINT)
            assert program.end()[0] == 0


def leaves_a_call_without_an_answer_in_time(server: GatedServer) -> None:
    gate = server.hold_next()
    with Program(server.url("mongars"), "--interval", "3600", "--call-timeout", "0.5") as program:
        gate.wait()
        program.send(signal.SIGTERM)
        status, shown = program.end()
        gate.open()
        assert status == 0
        assert shown[0].startswith("APITimeoutError: ")
        assert shown[-1] == "stopped after 0 reports"


def logs_in_again_when_its_token_has_expired(_: GatedServer) -> None:
    with LocalServer(token_seconds=0.5) as server, Program(
        server.url("mongars"), "--interval", "0.02"
    ) as program:
        program.wait_for("logged in as u1")
        program.wait_for("logged in as u1")
        program.wait_for("report ")
        program.send(signal.SIGTERM)
        status, shown = program.end()
        assert status == 0
        assert not any("Error" in line for line in shown)
        expired = paths(server).index(LOGIN, 1)
        assert paths(server)[expired - 1 : expired + 2] == [TELEMETRY, LOGIN, TELEMETRY]


def ends_when_nobody_reads_on(server: GatedServer) -> None:
    with subprocess.Popen(
        command("peer_metrics.py", "--interval", "0.01"),
        env=surroundings(MONGARS_BASE_URL=server.url("mongars")),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    ) as program:
        assert program.stdout is not None
        assert program.stderr is not None
        program.stdout.close()
        assert program.stderr.read() == ""
        assert program.wait(PATIENCE) == 1


FAILURES = [
    waits_longer_after_each_failure_and_recovers,
    tries_a_server_that_cannot_be_reached_again,
    leaves_a_call_without_an_answer_in_time,
    logs_in_again_when_its_token_has_expired,
    ends_when_nobody_reads_on,
]


@for_each(FAILURES, at_once=True)
def test_a_program_that_runs_into_trouble(check: Callable[[GatedServer], None]):
    with GatedServer() as server:
        check(server)
    assert server.errors == []


def while_it_waits(server: GatedServer, number: int) -> None:
    with Program(server.url("mongars"), "--interval", "3600") as program:
        program.wait_for("report 1")
        began = time.monotonic()
        program.send(number)
        status, shown = program.end()
        assert status == 0
        assert shown[-1] == "stopped after 1 reports"
        assert time.monotonic() - began < 5


def while_a_report_is_on_its_way(server: GatedServer, number: int) -> None:
    with Program(server.url("mongars"), "--interval", "0.01") as program:
        program.wait_for("report 5: accepted")
        gate = server.hold_next()
        gate.wait()
        program.send(number)
        gate.open()
        status, shown = program.end()
        assert status == 0
        assert shown[-2].startswith("report ")
        assert re.fullmatch(r"stopped after \d+ reports", shown[-1])
        assert paths(server).count(LOGIN) == 1
        assert len({request.json["scheduler_id"] for request in server.requests[1:]}) == 1


def again_and_again(server: GatedServer, number: int) -> None:
    gate = server.hold_next()
    with Program(server.url("mongars"), "--call-timeout", "3600") as program:
        gate.wait()
        assert program.insist(number) == -number
        gate.open()


MOMENTS = [while_it_waits, while_a_report_is_on_its_way, again_and_again]


@for_each(product(MOMENTS, [signal.SIGINT, signal.SIGTERM]), at_once=True)
def test_a_signal(check: Callable[[GatedServer, int], None], number: int):
    with GatedServer() as server:
        check(server, number)
    assert server.errors == []
