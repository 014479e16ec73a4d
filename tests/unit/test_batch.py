"""Batches without a server: pacing in simulated time, input, and the file of results."""

import heapq
import json
import os
import random
import signal
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

from chatsdk import Batch, ChatSDKError, Client, InvalidRequestError
from chatsdk.batch import Item, to_rows
from chatsdk.batch.id_map import IdMap, id_digest
from chatsdk.batch.pacing import MAX_REFUSALS, Pacer
from chatsdk.batch.result_file import ResultFile
from chatsdk.zaguan import ChatRequest


class SlidingLimit:
    """Takes so many calls in any second."""

    def __init__(self, count, retry_after):
        self._count = count
        self._retry_after = retry_after
        self._taken = deque()

    def ask(self, now):
        while self._taken and self._taken[0] <= now - 1:
            self._taken.popleft()
        if len(self._taken) < self._count:
            self._taken.append(now)
            return None
        return self._retry_after


class MinuteLimit:
    """Takes so many calls in each minute, and says when the next one begins."""

    def __init__(self, count):
        self._count = count
        self._minute = self._taken = 0

    def ask(self, now):
        if now // 60 != self._minute:
            self._minute, self._taken = now // 60, 0
        self._taken += 1
        return None if self._taken <= self._count else 60 - now % 60


def simulate(server, calls, workers, latency):
    """Return how long the calls take and how many were refused, on a clock that nobody waits for."""
    jitter = random.Random(7)
    pacer = Pacer(0.0)
    now, new, again, refused, done, flying = 0.0, calls, 0, 0, 0, []
    while done < calls:
        delay = pacer.delay(now) if (new or again) and len(flying) < workers else None
        if delay == 0:
            new, again = (new, again - 1) if again else (new - 1, again)
            call = pacer.sent(now)
            heapq.heappush(
                flying, (now + latency * jitter.uniform(0.2, 0.4), jitter.random(), call, "arrives")
            )
            now += 0.0002
        elif delay is not None and (not flying or now + delay < flying[0][0]):
            now += delay + 1e-6
        else:
            now, _, call, outcome = heapq.heappop(flying)
            if outcome == "arrives":
                end = now + latency * jitter.uniform(0.4, 0.8)
                heapq.heappush(flying, (end, jitter.random(), call, server.ask(now)))
            elif outcome is None:
                done += 1
                pacer.accepted(call)
            else:
                refused, again = refused + 1, again + 1
                pacer.refused(now, call, outcome)
                assert pacer.refusals <= MAX_REFUSALS
    return now, refused


@pytest.mark.parametrize("retry_after", [0, 0.02, 1])
@pytest.mark.parametrize(("workers", "latency"), [(1, 0.002), (8, 0.002), (32, 0.005), (16, 0.1)])
def test_a_limit_by_the_second_is_found(workers, latency, retry_after):
    seconds, refused = simulate(SlidingLimit(50, retry_after), 1000, workers, latency)
    assert seconds < 1.3 * 1000 / 50
    assert refused <= 0.05 * 1000


def test_a_limit_by_the_minute_is_found():
    seconds, refused = simulate(MinuteLimit(60), 600, 8, 0.05)
    assert seconds < 1.3 * 600
    assert refused <= 0.05 * 600


def test_the_rate_recovers_when_the_limit_is_gone():
    pacer = Pacer(0.0)
    for _ in range(50):
        pacer.accepted(pacer.sent(0.9))
    pacer.refused(1.0, pacer.sent(1.0), 1)
    call = pacer.sent(100.0)
    assert pacer.delay(call.time) < 0.001


def test_known_limits_are_kept():
    by_requests, by_tokens = Pacer(0.0, 120), Pacer(0.0, None, 6000)
    by_requests.sent(10.0)
    assert by_requests.delay(10.0) == pytest.approx(0.45)
    call = by_tokens.sent(10.0)
    by_tokens.accepted(call, 100)
    assert by_tokens.delay(10.0) == pytest.approx(0.95)
    by_tokens.accepted(call, 300)
    assert by_tokens.delay(10.0) == pytest.approx(3.95)


def test_an_id_map_takes_twelve_bytes_for_an_id():
    ids = IdMap()
    digests = [id_digest(str(number)) for number in range(20000)]
    for first in (1, 7):
        for number, digest in enumerate(digests, first):
            ids.set(digest, number)
        assert [ids.get(digest) for digest in digests] == list(range(first, 20000 + first))
    assert ids.get(id_digest("another")) == 0
    used = sum(part.buffer_info()[1] * part.itemsize for shard in ids._shards for part in shard)
    assert used == 240000


def echo(request=None, *, model=None, message=None, request_id=None):
    """A method such as those of services."""
    if message == "fail":
        raise ChatSDKError("it failed")
    return {"request": request, "model": model, "message": message, "request_id": request_id}


def results(batch, requests):
    return {item.custom_id: item.result for item in batch.run(requests)}


def test_requests_of_all_kinds(tmp_path):
    seen = []

    def method(request=None, *, message=None, model=None):
        seen.append((request, message, model))

    request = ChatRequest(model="m", messages="x")
    batch = Batch(partial(method, model="shared"), tmp_path / "out.jsonl", max_workers=1)
    texts = ["text", {"message": "dict"}, {"message": "a", "model": "own", "new": 1}, request, ("id", "pair")]
    items = list(batch.run(iter(texts)))
    assert [item.error for item in items] == [None] * 5
    assert seen == [
        (None, "text", "shared"),
        (None, "dict", "shared"),
        ({"new": 1}, "a", "own"),
        (request, None, "shared"),
        (None, "pair", "shared"),
    ]
    assert items[4].custom_id == "id"
    assert [item.custom_id[:2] for item in items[:4]] == ["0-", "1-", "2-", "3-"]


def test_a_file_made_for_openai_runs_unchanged(tmp_path):
    lines = [
        {"custom_id": f"r{n}", "method": "POST", "url": "/v1/chat/completions", "body": {"message": f"q{n}"}}
        for n in range(3)
    ]
    path = tmp_path / "in.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    found = results(Batch(echo, tmp_path / "out.jsonl"), str(path))
    assert {name: result["message"] for name, result in found.items()} == {"r0": "q0", "r1": "q1", "r2": "q2"}
    lines = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert {line["custom_id"] for line in lines} == {"r0", "r1", "r2"}
    for line in lines:
        assert set(line) == {"id", "custom_id", "response", "error"}
        assert line["response"]["status_code"] == 200
        assert line["response"]["request_id"] == line["response"]["body"]["request_id"]


@pytest.mark.parametrize("lazy", [False, True])
def test_equal_ids_are_refused(tmp_path, lazy):
    requests = [("a", "1"), ("b", "2"), ("a", "3")]
    sent = []
    run = Batch(lambda message: sent.append(message), tmp_path / "out").run(
        iter(requests) if lazy else requests
    )
    with pytest.raises(InvalidRequestError, match="'a'"):
        list(run)
    assert sent == (["1", "2"] if lazy else [])


def test_equal_ids_and_bad_lines_of_a_file_are_found_before_anything_is_sent(tmp_path):
    path = tmp_path / "in.jsonl"
    for text in ('{"custom_id": "a", "body": {}}\n' * 2, '{"custom_id": "a", "body": {}}\n{"cus'):
        path.write_text(text)
        with pytest.raises(InvalidRequestError):
            list(Batch(pytest.fail, tmp_path / "out").run(path))


def test_what_failed_is_sent_again(tmp_path):
    path = tmp_path / "out.jsonl"
    first = list(Batch(echo, path).run([("a", "x"), ("b", "fail")]))
    assert {item.custom_id: item.ok for item in first} == {"a": True, "b": False}
    batch = Batch(echo, path, resend_failed=False)
    assert list(batch.run([("a", "x"), ("b", "y")])) == []
    assert batch.summary().skipped == 2
    assert results(Batch(echo, path), [("a", "x"), ("b", "fail"), ("c", "z")]).keys() == {"b", "c"}
    assert results(Batch(echo, path), [("a", "x"), ("b", "y"), ("c", "z")])["b"]["message"] == "y"
    assert sorted(json.loads(line)["custom_id"] for line in path.read_text().splitlines()) == ["a", "b", "c"]
    rows = to_rows(path)
    assert [row["ok"] for row in rows] == [True] * 3
    assert {tuple(row) for row in rows} == {
        ("custom_id", "ok", "status_code", "request_id", "error", "text", "total_tokens", "body")
    }


def test_a_run_ends_after_failures_in_a_row(tmp_path):
    batch = Batch(echo, tmp_path / "out", max_workers=1, stop_after=3)
    items = list(batch.run(["x", "fail", "fail", "y", *["fail"] * 100]))
    assert [item.ok for item in items] == [True, False, False, True, False, False, False]
    assert "3 failures in a row, the last: it failed" in str(batch.summary())


def test_a_limit_of_tokens_is_kept(tmp_path):
    def method(message):
        return {"usage": {"total_tokens": 10}}

    batch = Batch(method, tmp_path / "out", max_workers=1, tokens_per_minute=6000)
    assert len(list(batch.run(["text"] * 6))) == 6
    assert batch.summary().tokens == 60
    assert batch.summary().seconds >= 0.35  # 0.1 s for each, less what may be made up for


class Interrupting(ThreadPoolExecutor):
    """Ctrl-C comes just when a call was handed to its worker."""

    def submit(self, *args, **kwargs):
        future = super().submit(*args, **kwargs)
        signal.raise_signal(signal.SIGINT)
        return future


def test_an_interrupt_while_a_call_is_sent_loses_nothing(tmp_path):
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with Interrupting(1) as pool, pytest.raises(KeyboardInterrupt):
            list(Batch(echo, tmp_path / "out", executor=pool, max_workers=1).run([("a", "x"), ("b", "y")]))
    finally:
        signal.signal(signal.SIGINT, before)
    assert [(row["custom_id"], row["ok"]) for row in to_rows(tmp_path / "out")] == [("a", True)]


def test_an_executor_that_is_shut_down_ends_the_run(tmp_path):
    def method(message):
        return message

    pool = ThreadPoolExecutor(1)
    pool.shutdown()
    with pytest.raises(RuntimeError, match="shutdown"):
        list(Batch(method, tmp_path / "out", executor=pool).run([("a", "x")]))
    assert results(Batch(method, tmp_path / "out"), [("a", "x")]) == {"a": "x"}  # it was not sent before


def test_a_dry_run_counts_and_writes_nothing(tmp_path):
    path = tmp_path / "out"
    batch = Batch(echo, path)
    assert batch.dry_run(["a", "b"]).read == 2
    assert not path.exists()
    list(batch.run(["a"]))
    before = path.read_bytes()
    found = batch.dry_run(["a", "b"])
    assert (found.read, found.skipped, found.unknown) == (2, 1, 0)
    assert path.read_bytes() == before


@pytest.mark.parametrize("torn", [1, 10, -1])
def test_a_torn_last_line_is_repaired(tmp_path, torn):
    path = tmp_path / "out.jsonl"
    list(Batch(echo, path).run([("a", "x"), ("b", "y")]))
    whole = path.read_bytes()
    line = whole.splitlines(keepends=True)[1]
    path.write_bytes(whole[: -len(line)] + line[:torn])
    lost = json.loads(line)["custom_id"]
    expected = set() if torn == -1 else {lost}  # only its line feed is missing
    assert results(Batch(echo, path), [("a", "x"), ("b", "y")]).keys() == expected
    assert sorted(row["custom_id"] for row in to_rows(path)) == ["a", "b"]
    assert path.read_bytes().count(b"\n") == 2


@pytest.mark.parametrize("content", [b"some text", b'{"custom_id": "a", "body": {}}\n', b"a,b\n1,2\n"])
def test_another_file_is_left_alone(tmp_path, content):
    path = tmp_path / "out"
    path.write_bytes(content)
    with pytest.raises(ChatSDKError, match="result"):
        list(Batch(echo, path).run(["x"]))
    assert path.read_bytes() == content


def test_a_second_batch_on_the_file_is_refused(tmp_path):
    path = tmp_path / "out"
    run = Batch(echo, path, max_workers=1).run(["a", "b"])
    next(run)
    with pytest.raises(ChatSDKError, match="in use by another batch"):
        next(Batch(echo, path).run(["c"]))
    run.close()
    assert len(list(Batch(echo, path).run(["c", "b"]))) >= 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_forked_child_does_not_keep_the_lock(tmp_path):
    file = ResultFile(str(tmp_path / "out"))
    ready, stay = os.pipe(), os.pipe()
    child = os.fork()
    if child == 0:
        os.close(stay[1])
        os.write(ready[1], b"x")
        os.read(stay[0], 1)
        os._exit(0)
    os.read(ready[0], 1)
    file.close()
    try:
        ResultFile(str(tmp_path / "out")).close()
    finally:
        for end in (*ready, *stay):
            os.close(end)
        os.waitpid(child, 0)


def test_request_ids_are_those_of_the_file_and_the_id(tmp_path):
    ids = []
    for name in ("one", "one", "two"):
        file = ResultFile(str(tmp_path / name))
        file.add_started("a")
        ids.append(file.request_id("a"))
        file.close()
    assert ids[0] == ids[1] != ids[2]
    assert len(ids[0]) == 36


def test_the_last_line_of_an_id_counts(tmp_path):
    """A call that failed, was sent again and was in flight at two crashes stays unknown, in one line."""
    path = tmp_path / "out"
    with ResultFile(str(path)) as file:
        file.add_outcome(Item("a", error=ValueError("refused")), None)
        file.add_started("a")
        file.add_started("a")
    for sent in ({"b"}, set()):
        batch = Batch(lambda message: message, path)
        assert results(batch, [("a", "x"), ("b", "y")]).keys() == sent
        assert batch.summary().unknown == 1
        assert sorted((row["custom_id"], row["error"]) for row in to_rows(path)) == [
            ("a", "sent, no answer yet"),
            ("b", None),
        ]
        assert path.read_bytes().count(b"\n") == 2


def test_odd_answers_are_written(tmp_path):
    answers = ["\ud83d half a pair", float("nan"), {1, 2}, None]
    path = tmp_path / "out"
    method = answers.__getitem__
    assert len(list(Batch(method, path).run(range(4)))) == 4
    rows = sorted(to_rows(path), key=lambda row: row["custom_id"])
    assert rows[0]["body"] == answers[0]
    assert rows[1]["body"] != rows[1]["body"]
    assert rows[2]["body"] == "{1, 2}"
    assert [row["ok"] for row in rows] == [True] * 4


def test_settings_that_cannot_work():
    for wrong in ({"max_workers": 0}, {"stop_after": 0}, {"requests_per_minute": -1}):
        with pytest.raises(ValueError, match="must be"):
            Batch(echo, "x", **wrong)


def test_a_call_is_not_sent_again_by_its_service(tmp_path):
    with Client(zaguan="http://127.0.0.1:9") as client:
        batch = Batch(partial(client.zaguan.chat, model="m"), tmp_path / "out")
        assert batch._call._method.func.__self__._settings.max_retries == 0
