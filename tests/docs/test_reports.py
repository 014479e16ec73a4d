"""examples/benchmark_report.py and examples/uptime_csv.py."""

import csv
import re
import signal
import subprocess
import sys
import time
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List

import pytest

from chatsdk import Client
from chatsdk.testing import LocalServer
from tests.docs.programs import OFFLINE, PATIENCE, Done, GatedServer, command, run_main, surroundings
from tests.support.cases import for_each

TABLE = [
    r"model          calls  failed  TTFT ms  tokens/s",
    r"Primary GPT-4      2       0 +[\d.]+ +[\d.]+",
    r"gpt-4-broken       2       2        -         -",
    r"gpt-4o-mini        2       0 +[\d.]+ +[\d.]+",
    r"gpt-4-broken: litellm\.InternalServerError: .*",
]
UPTIME = [
    "Primary GPT-4: 3 of 3 checks up (100%)",
    "gpt-4-broken: 0 of 3 checks up (0%)",
    "gpt-4o-mini: 3 of 3 checks up (100%)",
]


@pytest.fixture
def server() -> Iterator[GatedServer]:
    with GatedServer(call_seconds=0.01) as server:
        yield server
        assert server.errors == []


@pytest.fixture
def address(server: LocalServer) -> Dict[str, str]:
    return {"ARGUSLM_BASE_URL": server.url("arguslm"), "ARGUSLM_API_KEY": "local-key"}


class Report:
    """Runs an example in a folder of its own."""

    def __init__(self, folder: Any) -> None:
        self.folder = folder

    def __call__(self, *line: str, **variables: str) -> "Done[str]":
        return run_main(self.folder, *line, **variables)


@pytest.fixture
def run(tmp_path: Any) -> Report:
    return Report(tmp_path)


def assert_lines(lines: List[str], patterns: List[str]) -> None:
    assert len(lines) == len(patterns), lines
    for line, pattern in zip(lines, patterns):
        assert re.fullmatch(pattern, line), line


class TestBenchmark:
    def test_offline(self, offline: Any):
        done, _ = offline["benchmark_report.py"]
        assert done.returncode == 0
        first, second, *table = done.stdout.splitlines()
        assert first == OFFLINE
        assert re.fullmatch(r"benchmark [0-9a-f-]{36}: 3 models, 2 calls each", second)
        assert_lines(table, TABLE)
        results = done.stderr.splitlines()
        assert results.count("gpt-4-broken: failed") == 2
        assert sum(bool(re.fullmatch(r"gpt-4o-mini: [\d.]+ ms", line)) for line in results) == 2
        assert len(results) == 6

    def test_with_a_server(self, server: GatedServer, address: Dict[str, str], run: Report):
        with Client(arguslm=server.services()["arguslm"]) as client:
            model = client.arguslm.list_models(search="mini").items[0].id
            line = ["--models", model, "--runs", "3", "--max-tokens", "7", "--prompt-pack", "reasoning"]
            done = run("benchmark_report.py", *line, **address)
            assert done.returncode == 0
            assert OFFLINE not in done.stdout
            first, _, row = done.stdout.splitlines()
            results = client.arguslm.get_benchmark_results(first.split()[1].rstrip(":")).results
        started = next(request.json for request in server.requests if request.method == "POST")
        assert started == {"model_ids": [model], "prompt_pack": "reasoning", "num_runs": 3, "max_tokens": 7}
        assert len(results) == 3
        assert row.split() == [
            "gpt-4o-mini",
            "3",
            "0",
            f"{sum(result.ttft_ms for result in results) / 3:.1f}",
            f"{sum(result.tps for result in results) / 3:.1f}",
        ]

    def test_address_as_an_argument(self, server: GatedServer, run: Report):
        done = run("benchmark_report.py", "--url", server.url("arguslm"), "--runs", "1")
        assert done.returncode == 0
        assert OFFLINE not in done.stdout
        assert server.requests

    def test_errors_are_one_line(self, server: GatedServer, address: Dict[str, str], run: Report):
        done = run("benchmark_report.py", "--runs", "11", **address)
        assert done.returncode == 1
        assert_lines(done.stderr.splitlines(), [r"UnprocessableEntityError: HTTP 422: body\.num_runs: .*"])

    def test_a_run_that_takes_too_long(self, run: Report):
        with LocalServer(call_seconds=60) as server:
            line = ["--url", server.url("arguslm"), "--timeout", "0.1"]
            done = run("benchmark_report.py", *line)
        assert done.returncode == 1
        assert_lines(done.stderr.splitlines(), [r"APITimeoutError: .*"])

    def test_no_models(self, server: GatedServer, address: Dict[str, str], run: Report):
        with Client(arguslm=server.services()["arguslm"]) as client:
            for model in client.arguslm.iter_models():
                client.arguslm.update_model(model.id, enabled_for_benchmark=False)
        done = run("benchmark_report.py", **address)
        assert (done.returncode, done.stderr) == (1, "no model is enabled for benchmarks\n")

    def test_models_of_one_name(self, server: GatedServer, address: Dict[str, str], run: Report):
        with Client(arguslm=server.services()["arguslm"]) as client:
            for model in client.arguslm.iter_models():
                client.arguslm.update_model(model.id, custom_name="same $1\n$2")
        done = run("benchmark_report.py", "--runs", "1", **address)
        rows = [line for line in done.stdout.splitlines() if line.startswith("same $1 $2  ")]
        assert sorted(row.split()[3:5] for row in rows) == [["1", "0"], ["1", "0"], ["1", "1"]]


class TestPicture:
    def test_is_not_begun_without_matplotlib(
        self,
        server: GatedServer,
        address: Dict[str, str],
        run: Report,
        monkeypatch: pytest.MonkeyPatch,
    ):
        # Whether or not it is installed here.
        for name in ("matplotlib", "matplotlib.figure"):
            monkeypatch.setitem(sys.modules, name, None)
        done = run("benchmark_report.py", "--png", "report.png", **address)
        assert done.returncode == 1
        assert done.stderr == '--png needs matplotlib: python -m pip install ".[plot]"\n'
        assert done.stdout == ""
        assert server.requests == []

    def test_is_drawn(self, address: Dict[str, str], run: Report):
        pytest.importorskip("matplotlib", reason="the package matplotlib is not installed")
        done = run("benchmark_report.py", "--png", "report.png", **address)
        assert done.returncode == 0
        assert done.stdout.splitlines()[-1] == "written: report.png"
        data = (run.folder / "report.png").read_bytes()
        assert data.startswith(b"\x89PNG\r\n\x1a\n")
        width, height = (int.from_bytes(data[start : start + 4], "big") for start in (16, 20))
        assert (width, height) == (1000, 300)  # inches for three models, at 100 dots

    def test_needs_a_folder(self, server: GatedServer, address: Dict[str, str], run: Report):
        pytest.importorskip("matplotlib", reason="the package matplotlib is not installed")
        done = run("benchmark_report.py", "--png", "missing/report.png", **address)
        assert done.returncode == 1
        assert done.stderr == "--png: cannot write to missing/report.png\n"
        assert server.requests == []


class TestUptime:
    def test_offline(self, offline: Any):
        done, folder = offline["uptime_csv.py"]
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.splitlines() == [OFFLINE, "written: uptime_history.csv", *UPTIME]
        assert [path.name for path in folder.iterdir()] == ["uptime_history.csv"]

    def test_with_a_server(self, server: GatedServer, address: Dict[str, str], run: Report):
        done = run("uptime_csv.py", "--days", "7", "--output", "mine.csv", **address)
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.splitlines() == ["written: mine.csv", *UPTIME]
        with open(run.folder / "mine.csv", encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        assert len(rows) == 9
        assert {row["status"] for row in rows} == {"up", "down"}
        asked = server.requests[-1].query
        assert asked["format"] == ["csv"]
        assert asked["start_date"][0].endswith("Z")

    def test_names_and_errors_of_any_kind(self, server: GatedServer, address: Dict[str, str], run: Report):
        body = (
            'model_name,provider,status,latency_ms,error,timestamp\r\n"a\r\n""b"", c",x,up,1,"\u2028\n",t\r\n'
        )
        server.fail("arguslm", 200, body)
        done = run("uptime_csv.py", **address)
        assert done.returncode == 0
        assert done.stdout.endswith('a\n"b", c: 1 of 1 checks up (100%)\n')

    def test_errors_are_one_line(self, server: GatedServer, address: Dict[str, str], run: Report):
        server.fail("arguslm", 500)
        done = run("uptime_csv.py", **address)
        assert done.returncode == 1
        assert re.fullmatch(r"InternalServerError: HTTP 500: Internal Server Error \(GET .*\)\n", done.stderr)
        assert list(run.folder.iterdir()) == []

    def test_a_file_that_cannot_be_written(self, address: Dict[str, str], run: Report):
        done = run("uptime_csv.py", "--output", "missing/uptime.csv", **address)
        assert done.returncode == 1
        assert_lines(done.stderr.splitlines(), ["FileNotFoundError: .*"])

    def test_days_that_cannot_be(self, run: Report):
        for days in ("0", "nan", "1e9"):
            assert run("uptime_csv.py", f"--days={days}").returncode == 2

    @pytest.mark.skipif(sys.platform == "win32", reason="no signal to send")
    def test_interrupted(self, server: GatedServer, address: Dict[str, str], tmp_path: Any):
        gate = server.hold_next()
        with subprocess.Popen(
            command("uptime_csv.py"),
            env=surroundings(**address),
            cwd=str(tmp_path),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        ) as program:
            gate.wait()
            deadline = time.monotonic() + PATIENCE
            while program.poll() is None and time.monotonic() < deadline:
                program.send_signal(signal.SIGINT)  # again, if it came right before a read
                with suppress(subprocess.TimeoutExpired):
                    program.wait(5)
            shown, _ = program.communicate(timeout=PATIENCE)
        gate.open()
        assert (program.returncode, shown) == (130, b"")
        assert list(tmp_path.iterdir()) == []


Start = Callable[..., Any]


def bar(start: Start, address: Dict[str, str]) -> None:
    terminal = start("benchmark_report.py", **address)
    assert terminal.wait_for_end() == 0
    bars = re.findall(r"\r\[(#*)(\.*)\] (\d)/6", terminal.shown)
    assert bars
    for done, left, completed in bars:
        assert len(done + left) == 30
        assert len(done) == 5 * int(completed)
    counts = [int(completed) for _, _, completed in bars]
    assert counts == sorted(counts)
    assert counts[-1] == 6
    assert_lines(terminal.shown.splitlines()[-5:], TABLE)


def ctrl_c(start: Start, address: Dict[str, str]) -> None:
    with LocalServer(call_seconds=60) as server:
        terminal = start("benchmark_report.py", "--url", server.url("arguslm"))
        terminal.wait_for("] 0/6")  # nothing more to do than to wait
        terminal.interrupt("interrupted; ")
        assert terminal.wait_for_end() == 1
    assert "Traceback" not in terminal.shown


def progress_of_a_download(start: Start, address: Dict[str, str]) -> None:
    terminal = start("uptime_csv.py", **address)
    assert terminal.wait_for_end() == 0
    progress, _, _ = terminal.shown.partition("\nwritten: uptime_history.csv\n")
    assert re.search(r"\r[^\n]+ ?B", progress)


@for_each([bar, ctrl_c, progress_of_a_download], at_once=True)
def test_on_a_terminal(check: Callable[..., None], address: Dict[str, str], tmp_path: Path):
    from tests.docs.terminal import Terminal

    folder = tmp_path / check.__name__
    folder.mkdir()
    with ExitStack() as terminals:

        def start(*line: str, **variables: str) -> Terminal:
            terminal = Terminal(command(*line), surroundings(**variables), str(folder))
            terminals.callback(terminal.close)
            return terminal

        check(start, address)
