"""Measure, print the table, and say by the exit status whether all bounds are met."""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import requests

from chatsdk import Batch, Client, Service
from tests.benchmarks import floors
from tests.benchmarks.measure import pairs
from tests.benchmarks.server import models, sessions

BODY = {"model": "openai/gpt-4o-mini", "messages": [{"role": "user", "content": "Hello"}], "stream": False}


class Bench:
    """The measurements, each a row: what, ours, its floor, the ratio, its bound."""

    def __init__(self, port):
        self._port = port
        self.rows = []

    def add(self, what, ours, floor, ratio, bound):
        """Add a row to the table."""
        self.rows.append((what, ours, floor, ratio, bound))

    def client(self, name):
        """Return a Client that gets the answer called *name*."""
        url = f"http://127.0.0.1:{self._port}/{name}"
        return Client(
            zaguan=Service(url, api_key="key-of-the-benchmark", timeout=60, max_retries=0),
            chatserver=Service(url, api_key="key-of-the-benchmark", timeout=60, max_retries=0),
        )

    def call(self):
        """A chat call against requests.Session.post(...).json() of the same exchange."""
        count = 300
        with self.client("chat") as client, requests.Session() as session:
            url = f"http://127.0.0.1:{self._port}/chat/v1/chat/completions"
            session.headers["Authorization"] = "Bearer key-of-the-benchmark"

            def ours():
                for _ in range(count):
                    client.zaguan.chat(model=BODY["model"], messages="Hello")

            def floor():
                for _ in range(count):
                    session.post(url, json=BODY, timeout=60).json()

            mine, other, ratio = pairs(ours, floor, 9)
        self.add("call", f"{mine / count * 1e6:.0f} us", f"{other / count * 1e6:.0f} us", ratio, 0.6)

    def chunks(self):
        """Streamed chunks against the socket, its framing decoded, lines split and json.loads."""
        count = 10000
        for end in ("chunked", "close"):
            name = f"events-{count}-{end}"
            with self.client(name) as client:
                runs = {
                    "typed": partial(_count, client.zaguan.chat_stream, model="m", messages="x"),
                    "text": partial(_count, client.chatserver.create_completion, "m", "x", stream=True),
                }
                for what, ours in runs.items():
                    mine, other, ratio = pairs(ours, partial(floors.read_stream, self._port, name), 7)
                    each = (f"{seconds / count * 1e6:.1f} us" for seconds in (mine, other))
                    self.add(f"chunk, {end}, {what}", *each, ratio, 2.0)

    def many_events(self):
        """A stream of 80,000 events against one of 10,000: eight times the events, eight times the work."""
        with self.client("events-10000-chunked") as small, self.client("events-80000-chunked") as large:
            read = [
                partial(_count, client.zaguan.chat_stream, model="m", messages="x")
                for client in (large, small)
            ]
            mine, other, ratio = pairs(*read, 3)
        self.add("8x the events / 8", f"{mine:.2f} s", f"{other:.2f} s", ratio / 8, 1.2)

    def huge_event(self):
        """An event of 16 MB against one of 2 MB: eight times the size, eight times the work."""
        with self.client("huge-2000000-chunked") as small, self.client("huge-16000000-chunked") as large:

            def read(client):
                return lambda: client.zaguan.chat_stream(model="m", messages="x").final()

            mine, other, ratio = pairs(read(large), read(small), 5)
        self.add("8x the event / 8", f"{mine * 1e3:.0f} ms", f"{other * 1e3:.0f} ms", ratio / 8, 1.3)

    def first_token(self):
        """The time to the first text, beyond the floor's; the next event is 50 ms away."""
        for end in ("chunked", "close"):
            name = f"slow-{end}"
            late = []
            with self.client(name) as client:
                for _ in range(9):
                    start = time.perf_counter()
                    with client.zaguan.chat_stream(model="m", messages="x") as stream:
                        next(stream)
                        mine = time.perf_counter() - start
                    late.append((mine, floors.first_token(self._port, name)))
            mine, other = (statistics.median(times) * 1e3 for times in zip(*late))
            self.add(f"first token, {end}: ms late", f"{mine:.2f} ms", f"{other:.2f} ms", mine - other, 1.0)

    def lists(self):
        """A list of 10,000 items against json.loads of its text."""
        count = 10000
        with self.client(f"models-{count}") as client:
            body = models(count).decode()
            mine, other, ratio = pairs(client.zaguan.list_models, lambda: json.loads(body), 9)
        self.add("list of models", f"{mine * 1e3:.1f} ms", f"{other * 1e3:.1f} ms", ratio, 2.2)
        with self.client(f"sessions-{count}") as client:
            body = sessions(count).decode()
            mine, other, ratio = pairs(
                lambda: client.chatserver.list_sessions("u", 1, count), lambda: json.loads(body), 9
            )
        self.add("list of sessions (3 dates)", f"{mine * 1e3:.1f} ms", f"{other * 1e3:.1f} ms", ratio, 2.2)

    def threads(self):
        """Connections that 32 threads open on one Client."""

        def connections():
            return requests.get(f"http://127.0.0.1:{self._port}/connections", timeout=60).json()

        with self.client("chat") as client:
            before = connections() + 1  # asking takes one too
            ready = threading.Barrier(32)

            def work():
                ready.wait()
                for _ in range(20):
                    client.zaguan.chat(model="m", messages="x")

            workers = [threading.Thread(target=work) for _ in range(32)]
            for worker in workers:
                worker.start()
            for worker in workers:
                worker.join()
            opened = connections() - before
        self.add("32 threads: connections", str(opened), "32", opened / 32, 1.0)

    def imports(self):
        """``import chatsdk`` against what it stands on, each in a new process."""

        def run(module, cache):
            code = f"import time; t = time.perf_counter(); import {module}; print(time.perf_counter() - t)"
            environment = {**os.environ, "PYTHONPYCACHEPREFIX": cache}
            environment.pop("PYTHONDONTWRITEBYTECODE", None)
            return float(output(code, env=environment))

        with tempfile.TemporaryDirectory() as cache:  # as installed: both compiled
            base = "requests, dataclasses, typing"
            run("chatsdk", cache), run(base, cache)
            taken = [(run("chatsdk", cache), run(base, cache)) for _ in range(15)]
        mine, other = (statistics.median(times) for times in zip(*taken))
        self.add("import", f"{mine * 1e3:.0f} ms", f"{other * 1e3:.0f} ms", mine / other, 1.05)

    def memory(self):
        """The peak of a process that reads 128 MB of events against that of one that reads 16 MB.

        The text of the answer is kept for ``final()``; these events bring none.
        """
        taken = []
        for count in (512000, 64000):
            code = (
                "import sys; from chatsdk import Client, Service\n"
                "url = sys.argv[1]\n"
                "with Client(zaguan=Service(url, max_retries=0, timeout=60)) as client:\n"
                "    for _ in client.zaguan.chat_stream(model='m', messages='x'): pass\n"
                "print([line for line in open('/proc/self/status') if 'VmHWM' in line][0].split()[1])"
            )
            url = f"http://127.0.0.1:{self._port}/silent-{count}-chunked"
            taken.append(int(output(code, url)) / 1024)
        large, small = taken
        self.add("memory, 8x the stream", f"{large:.1f} MB", f"{small:.1f} MB", large / small, 1.1)

    def batch(self):
        """A batch against a bare ThreadPoolExecutor with the same calls."""
        count, workers = 2000, 8
        questions = [f"question {number}" for number in range(count)]
        with self.client("chat") as client, tempfile.TemporaryDirectory() as folder:
            method = partial(client.zaguan.chat, model=BODY["model"])

            def ours():
                path = tempfile.mktemp(dir=folder)
                assert all(item.ok for item in Batch(method, path, max_workers=workers).run(questions))

            def floor():
                with ThreadPoolExecutor(workers) as pool:
                    for future in [pool.submit(method, messages=question) for question in questions]:
                        future.result()

            mine, other, ratio = pairs(ours, floor, 9)
        self.add(
            "batch, a call", f"{mine / count * 1e6:.0f} us", f"{other / count * 1e6:.0f} us", ratio, 1.15
        )

    def batch_limit(self):
        """The time of a batch on a server that takes 50 calls in a second, and how many it refuses."""
        count = 1000
        with self.client("limited") as client, tempfile.TemporaryDirectory() as folder:
            batch = Batch(partial(client.zaguan.chat, model="m"), f"{folder}/results")
            assert all(item.ok for item in batch.run(f"question {number}" for number in range(count)))
        seconds, refused = batch.summary().seconds, batch.summary().refused
        self.add("batch, 50 calls in a second", f"{seconds:.1f} s", "20.0 s", seconds / 20, 1.3)
        self.add("batch, refused calls", str(refused), str(count), refused / count, 0.05)

    def batch_memory(self):
        """The peak of a process that reads 1,000,000 requests with their results against that of 1,000."""
        code = (
            "import sys, tempfile; from chatsdk import Batch\n"
            "from chatsdk.batch.result_file import Item, ResultFile\n"
            "count = int(sys.argv[1])\n"
            "with tempfile.TemporaryDirectory() as folder:\n"
            "    path = f'{folder}/results'\n"
            "    file = ResultFile(path)\n"
            "    for number in range(count):\n"
            "        file.add_outcome(Item(f'id{number}', {}), None)\n"
            "    file.close()\n"
            "    del file  # it holds the ids, too\n"
            "    batch = Batch(lambda message: {}, path)\n"
            "    for _ in batch.run((f'id{number}', 'text') for number in range(count + 100)): pass\n"
            "    assert batch.summary().skipped == count\n"
            "print([line for line in open('/proc/self/status') if 'VmHWM' in line][0].split()[1])"
        )
        large, small = (int(output(code, str(count))) / 1024 for count in (1000000, 1000))
        self.add("batch, MB for 1e6 requests", f"{large:.1f} MB", f"{small:.1f} MB", large - small, 30.0)


def _count(method, *args, **kwargs):
    return sum(1 for _ in method(*args, **kwargs))


def output(code, *arguments, env=None):
    """Return what a new Python process prints."""
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, env=env).stdout


def main():
    """Run all measurements against a server in a process of its own."""
    # Proxy variables and a netrc make bare requests slower, and flatter the ratios.
    kept = {name: os.environ[name] for name in ("PATH", "SYSTEMROOT") if name in os.environ}
    os.environ.clear()
    os.environ.update(kept, HOME=os.devnull)
    command = [sys.executable, "-m", "tests.benchmarks.server"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as server:
        bench = Bench(int(server.stdout.readline()))
        wanted = sys.argv[1:] or [
            "call",
            "chunks",
            "many_events",
            "huge_event",
            "first_token",
            "lists",
            "threads",
            "imports",
            "memory",
            "batch",
            "batch_limit",
            "batch_memory",
        ]
        for name in wanted:
            getattr(bench, name)()
        server.stdin.close()
    print(f"{'measured':<30}{'ours':>12}{'floor':>12}{'ratio':>8}{'bound':>8}")
    missed = 0
    for what, ours, floor, ratio, bound in bench.rows:
        verdict = "" if ratio <= bound else "  missed"
        missed += bool(verdict)
        print(f"{what:<30}{ours:>12}{floor:>12}{ratio:>8.2f}{bound:>8.2f}{verdict}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
