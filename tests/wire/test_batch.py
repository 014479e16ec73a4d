"""Batches over real sockets: crashes, interrupts, full disks, limits, other processes."""

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import BrokenExecutor, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import pytest

from chatsdk import (
    APIConnectionError,
    APITimeoutError,
    Batch,
    ChatSDKError,
    ConfigurationError,
    RateLimitError,
)
from chatsdk.batch import to_rows
from chatsdk.batch.__main__ import main

from .answers import COMPLETION, json_reply, reply
from .server import CLOSE, SILENCE, TIMEOUT

ROOT = Path(__file__).resolve().parents[2]
CALLS = int(os.environ.get("BATCH_TEST_CALLS", "240"))  # 20000 for the whole proof
KILLS = 10 if CALLS > 5000 else 2

# Asks as many questions as its last argument says; prints what came of it.
PROGRAM = """
import sys
from functools import partial
from chatsdk import Batch, Client
url, service, path, count, workers = sys.argv[1:6]
with Client(**{service: url}) as client:
    api = getattr(client, service)
    method = api.chat if service == "zaguan" else api.create_completion
    batch = Batch(partial(method, model="m"), path, max_workers=int(workers))
    try:
        for item in batch.run((f"id{n}", f"question {n}") for n in range(int(count))):
            pass
    finally:
        print(batch.summary(), flush=True)
"""


def answer(request):
    """Answer with the question, and what it took."""
    text = request.json()["messages"][-1]["content"]
    message = {"role": "assistant", "content": f"answer to {text}"}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    usage = {"prompt_tokens": 2, "completion_tokens": 3, "total_tokens": 5, "cost": 0.5}
    return json_reply({**COMPLETION, "choices": [choice], "usage": usage})


def question(request):
    return request.json()["messages"][-1]["content"]


def lines_of(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def ids_of(path):
    return sorted(line["custom_id"] for line in lines_of(path))


@pytest.fixture
def program():
    """Start the program in a process of its own."""
    started = []

    def start(server, path, service="chatserver", count=CALLS, workers=8, code=PROGRAM, **options):
        arguments = [server.url, service, str(path), str(count), str(workers)]
        process = subprocess.Popen(
            [sys.executable, "-c", code, *arguments],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            **options,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def ask(client, path, **options):
    """Make a batch of chats of Zaguan."""
    return Batch(partial(client.zaguan.chat, model="m"), path, **options)


def test_results_and_usage(serve, connect, tmp_path):
    server = serve(answer)
    batch = ask(connect(server), tmp_path / "out")
    items = list(batch.run(["one", "two", "three"]))
    assert sorted(item.result.text for item in items) == [f"answer to {n}" for n in ("one", "three", "two")]
    summary = batch.summary()
    assert (summary.done, summary.failed, summary.tokens, summary.cost) == (3, 0, 15, 1.5)
    rows = batch.to_rows()
    assert {row["text"] for row in rows} == {item.result.text for item in items}
    assert {row["total_tokens"] for row in rows} == {5}
    sent = {request.headers["x-request-id"] for request in server.requests}
    assert {row["request_id"] for row in rows} == sent
    assert list(batch.run(["one", "two", "three"])) == []
    assert len(server.requests) == 3


@pytest.mark.parametrize("service", ["chatserver", "zaguan"])
def test_nothing_is_lost_or_sent_twice_when_the_client_is_killed(serve, program, tmp_path, service):
    server = serve(answer)
    path = tmp_path / "out"
    moments = sorted(random.Random(11).sample(range(1, CALLS), KILLS))
    for moment in moments:
        process = program(server, path, service)
        server.until(lambda moment=moment: len(server.requests) >= moment)
        process.send_signal(signal.SIGKILL)
        process.wait(TIMEOUT)
        server.until(lambda: not server._open)
    process = program(server, path, service)
    out, err = process.communicate(timeout=600)
    assert process.returncode == 0, err

    asked = {}
    for request in server.requests:
        asked.setdefault(question(request), []).append(request.headers.get("x-request-id"))
    assert ids_of(path) == sorted(f"id{n}" for n in range(CALLS))  # each id once
    rows = to_rows(path)
    if service == "zaguan":
        assert all(row["ok"] for row in rows)
        assert all(len(set(ids)) == 1 for ids in asked.values())
        assert len({ids[0] for ids in asked.values()}) == CALLS == len(asked)
    else:
        unknown = [row["custom_id"] for row in rows if not row["ok"]]
        assert len(unknown) <= KILLS * 8  # in flight
        assert f"{len(unknown)} of unknown outcome not sent again" in out or not unknown
        assert all(len(ids) == 1 for ids in asked.values())  # each request once
        assert len(asked) >= CALLS - len(unknown)


@pytest.mark.parametrize("outcome", [CLOSE, SILENCE])
def test_what_may_have_been_acted_on_is_not_sent_again(serve, connect, tmp_path, outcome):
    server = serve(lambda request: outcome if question(request) == "b" else answer(request))
    client = connect(server, timeout=0.3)
    requests = [(name, {"messages": name}) for name in "abc"]
    items = {}
    for options in ({}, {}, {"resend_unknown": True}):
        batch = Batch(
            partial(client.chatserver.create_completion, "m"), tmp_path / "out", max_workers=1, **options
        )
        found = {item.custom_id: item for item in batch.run(requests)}
        items.update(found)
        if not found:
            assert (batch.summary().unknown, batch.summary().skipped) == (1, 2)
    assert items["b"].unknown
    assert isinstance(items["b"].error, APITimeoutError if outcome is SILENCE else APIConnectionError)
    assert [question(request) for request in server.requests] == ["a", "b", "c", "b"]
    server.script(answer)
    assert [item.ok for item in batch.run(requests)] == [True]
    assert ids_of(tmp_path / "out") == ["a", "b", "c"]


def test_zaguan_is_asked_again_under_the_same_id(serve, connect, tmp_path):
    server = serve(CLOSE, answer)
    client = connect(server)
    assert [item.unknown for item in ask(client, tmp_path / "out").run(["a"])] == [True]
    assert [item.ok for item in ask(client, tmp_path / "out").run(["a"])] == [True]
    assert len({request.headers["x-request-id"] for request in server.requests}) == 1


def test_a_server_that_is_down_is_tried_again_later(serve, connect, tmp_path, monkeypatch):
    monkeypatch.setattr("chatsdk.batch.calls._UNSENT_RETRIES", 1)
    server = serve(answer, listen=False)
    client = connect(server)
    batch = ask(client, tmp_path / "out", max_workers=2, stop_after=2)
    items = list(batch.run(f"q{n}" for n in range(1000)))
    assert 2 <= len(items) <= 4
    assert not any(item.unknown for item in items)
    assert "2 failures in a row" in batch.summary().stopped
    server.listen()
    assert all(item.ok for item in ask(client, tmp_path / "out").run(f"q{n}" for n in range(20)))
    assert len(server.requests) == 20


def test_after_a_429_all_calls_wait(serve, connect, tmp_path):
    refused = []

    def limited(request):
        if len(refused) < 4:
            refused.append(time.monotonic())
            return reply(b"slow down", 429, "Retry-After: 0.5")
        taken.append(time.monotonic())
        return answer(request)

    taken = []
    server = serve(limited)
    batch = ask(connect(server), tmp_path / "out", max_workers=4)
    assert all(item.ok for item in batch.run(f"q{n}" for n in range(12)))
    assert taken[0] - refused[0] >= 0.5
    assert batch.summary().refused == 4
    asked = [request.headers["x-request-id"] for request in server.requests]
    assert len(asked) == 16
    assert len(set(asked)) == 12  # a refused call keeps its id


def test_what_was_refused_when_the_run_ends_is_no_unknown(serve, connect, tmp_path):
    go_on = threading.Event()
    refusal = reply(b"slow down", 429, "Retry-After: 30")
    server = serve(lambda request: [go_on, refusal if question(request) == "a" else answer(request)])
    method = partial(connect(server).chatserver.create_completion, "m")
    batch = Batch(method, tmp_path / "out", max_workers=2)
    run = batch.run([("a", "a"), ("b", "b"), ("c", "c")])
    threading.Thread(target=lambda: (server.until(lambda: len(server.requests) == 2), go_on.set())).start()
    assert next(run).custom_id == "b"
    run.close()
    server.script(answer)
    assert sorted(
        item.custom_id for item in Batch(method, tmp_path / "out").run([("a", "a"), ("b", "b")])
    ) == ["a"]


def test_a_limit_that_is_not_lifted_ends_the_run(serve, connect, tmp_path, monkeypatch):
    monkeypatch.setattr("chatsdk.batch.pacing._FIRST_PAUSE", 0.001)
    server = serve(reply(b"slow down", 429))
    batch = ask(connect(server), tmp_path / "out", max_workers=2)
    items = list(batch.run(f"q{n}" for n in range(1000)))
    assert items
    assert all(isinstance(item.error, RateLimitError) for item in items)
    assert "refuses all calls" in batch.summary().stopped
    assert {line["error"]["code"] for line in lines_of(tmp_path / "out")} == {"RateLimitError"}
    server.script(answer)
    assert len(list(batch.run(f"q{n}" for n in range(5)))) == 5


def test_a_quota_that_is_used_up_ends_the_run(serve, connect, tmp_path):
    used_up = json_reply({"error": {"message": "used up", "code": "insufficient_quota"}}, 429)
    long = reply(b"tomorrow", 429, "Retry-After: 40000")
    for number, refusal in enumerate((used_up, long)):
        server = serve(refusal)
        batch = ask(connect(server), tmp_path / str(number), max_workers=1)
        assert [item.error.status_code for item in batch.run(["a", "b"])] == [429]
        assert batch.summary().stopped.startswith("quota exhausted: HTTP 429")
        assert len(server.requests) == 1


def test_results_are_written_while_the_caller_is_busy(serve, connect, tmp_path):
    server = serve(answer)
    path = tmp_path / "out"
    run = ask(connect(server), path, max_workers=3).run(f"q{n}" for n in range(50))
    next(run)
    server.until(lambda: len(server.requests) >= 3)
    end = time.monotonic() + TIMEOUT
    while sum(line["response"] is not None for line in lines_of(path)) < 3:
        assert time.monotonic() < end
    run.close()
    assert len(to_rows(path)) == len(server.requests)
    assert all(row["ok"] for row in to_rows(path))  # the calls in flight have ended


def test_results_are_written_while_the_input_blocks(serve, connect, tmp_path):
    server = serve(answer)
    path = tmp_path / "out"

    def requests():
        yield from ("a", "b", "c")
        end = time.monotonic() + TIMEOUT
        while sum(line["response"] is not None for line in lines_of(path)) < 2:
            assert time.monotonic() < end
        yield "d"

    assert len(list(ask(connect(server), path, max_workers=2).run(requests()))) == 4


def test_an_interrupt_lets_the_calls_in_flight_end(serve, program, tmp_path):
    gate = threading.Event()
    server = serve(lambda request: [gate, answer(request)])
    process = program(server, tmp_path / "out", workers=3)
    server.until(lambda: len(server.requests) == 3)
    process.send_signal(signal.SIGINT)
    gate.set()
    out, err = process.communicate(timeout=TIMEOUT)
    assert "KeyboardInterrupt" in err
    assert "stopped: interrupted" in out
    assert "3 done" in out
    assert [row["ok"] for row in to_rows(tmp_path / "out")] == [True] * 3
    assert len(server.requests) == 3


def test_a_second_interrupt_ends_it_at_once(serve, program, tmp_path):
    server = serve(SILENCE)
    process = program(server, tmp_path / "out", workers=2)
    server.until(lambda: len(server.requests) == 2)
    for _ in range(int(TIMEOUT / 0.2)):
        process.send_signal(signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            process.wait(0.2)
            break
    assert process.returncode not in (None, 0)
    assert {row["error"] for row in to_rows(tmp_path / "out")} == {"sent, no answer yet"}


@pytest.mark.skipif(sys.platform == "win32", reason="no limit for the size of files")
def test_a_full_disk_ends_the_run_and_harms_no_line(serve, program, connect, tmp_path):
    import resource

    server = serve(answer)
    path = tmp_path / "out"
    limit = partial(resource.setrlimit, resource.RLIMIT_FSIZE, (5000, resource.RLIM_INFINITY))
    process = program(server, path, preexec_fn=limit)
    _, err = process.communicate(timeout=TIMEOUT)
    assert process.returncode == 1
    assert "File too large" in err
    size = path.stat().st_size
    assert 4000 < size <= 5000
    assert path.read_bytes().endswith(b"}\n")
    lines = lines_of(path)
    done = {line["custom_id"] for line in lines if line["response"]}
    assert done
    sent = len(server.requests)
    process = program(server, path, count=20)
    _, err = process.communicate(timeout=TIMEOUT)
    assert process.returncode == 0, err
    assert ids_of(path) == sorted({f"id{n}" for n in range(20)} | {line["custom_id"] for line in lines})
    again = {question(request) for request in server.requests[sent:]}
    assert not again & {question(request) for request in server.requests[:sent]}


def test_two_processes_on_one_file(serve, program, connect, tmp_path):
    server = serve(SILENCE)
    program(server, tmp_path / "out", workers=1)
    server.until(lambda: server.requests)
    with pytest.raises(ChatSDKError, match="is in use by another batch"):
        next(ask(connect(server), tmp_path / "out").run(["a"]))
    assert len(server.requests) == 1


def test_threads_of_the_user(serve, connect, tmp_path):
    server = serve(answer)
    with ThreadPoolExecutor(2) as pool:
        batch = ask(connect(server), tmp_path / "out", executor=pool)
        assert all(item.ok for item in batch.run(["a", "b", "c"]))
    assert all("authorization" in request.headers for request in server.requests)


@pytest.mark.parametrize("start", ["spawn", "fork"] if sys.platform == "linux" else ["spawn"])
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_processes_take_their_keys_from_the_environment(serve, connect, tmp_path, monkeypatch, start):
    server = serve(answer)
    client = connect(server)
    requests = [f"q{n}" for n in range(12)]
    for key in (None, "key-of-worker"):
        if key is not None:
            monkeypatch.setenv("ZAGUAN_API_KEY", key)
        with ProcessPoolExecutor(2 if key else 1, mp_context=get_context(start)) as pool:
            items = list(ask(client, tmp_path / "out", executor=pool, max_workers=4).run(requests))
        if key is None:
            assert all(isinstance(item.error, ConfigurationError) for item in items)
            assert "set ZAGUAN_API_KEY in the process" in str(items[0].error)
            assert server.requests == []
    assert [item.ok for item in items] == [True] * 12
    assert {request.headers["authorization"] for request in server.requests} == {"Bearer key-of-worker"}
    assert len(server.connections) <= 2  # each worker keeps its own


@pytest.mark.skipif(sys.platform == "win32", reason="needs signals")
def test_a_process_that_dies_leaves_its_calls_unknown(serve, connect, tmp_path, monkeypatch):
    monkeypatch.setenv("CHATSERVER_API_KEY", "key-of-worker")
    server = serve(answer, SILENCE)
    method = partial(connect(server).chatserver.create_completion, "m")
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        run = Batch(method, tmp_path / "out", executor=pool, max_workers=1).run(["a", "b", "c"])
        assert next(run).ok
        (process,) = pool._processes.values()
        rest = []

        def go_on():
            rest.append(next(run))
            with pytest.raises(BrokenExecutor):
                next(run)

        thread = threading.Thread(target=go_on)
        thread.start()
        server.until(lambda: len(server.requests) == 2)
        process.kill()
        thread.join(TIMEOUT)
    assert [item.unknown for item in rest] == [True]
    assert [row["ok"] for row in to_rows(tmp_path / "out")] == [True, False]
    server.script(answer)
    batch = Batch(method, tmp_path / "out")
    assert [item.ok for item in batch.run(["a", "b", "c"])] == [True]
    assert batch.summary().unknown == 1


def test_the_shell(serve, tmp_path, monkeypatch, capsys):
    server = serve(lambda request: reply(b"no", 400) if question(request) == "bad" else answer(request))
    questions = tmp_path / "questions.jsonl"
    bodies = [{"messages": [{"role": "user", "content": text}]} for text in ("one", "two", "bad")]
    lines = [
        {"custom_id": f"c{n}", "method": "POST", "url": "/v1/x", "body": b} for n, b in enumerate(bodies)
    ]
    questions.write_text("".join(json.dumps(line) + "\n" for line in lines))

    monkeypatch.setenv("ZAGUAN_BASE_URL", server.url)
    monkeypatch.setenv("ZAGUAN_API_KEY", "k-e-y")

    def line(*arguments, output="answers.jsonl"):
        return [str(questions), str(tmp_path / output), "--service", "zaguan", "--model", "m", *arguments]

    def shell(*arguments, **options):
        status = main(line(*arguments, **options))
        shown = capsys.readouterr()
        assert "k-e-y" not in shown.out + shown.err
        return status, shown.err

    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "chatsdk.batch", *line("--dry-run")],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=TIMEOUT * 3,
    )
    answers = tmp_path / "answers.jsonl"
    assert (done.stdout, done.stderr) == (f"3 requests: 3 to send, 0 in {answers}\n", "")
    assert server.requests == []
    assert shell("--workers", "2") == (1, "2 done, 1 failed, 0 skipped, 10 tokens, cost 1\n")
    assert ids_of(answers) == ["c0", "c1", "c2"]
    server.script(answer)
    assert shell()[0] == 0
    status, shown = shell(output="questions.jsonl")  # the input is no file of results
    assert status == 2
    assert "is not a batch result" in shown
    assert shell("--stop-after", "0")[0] == 2
