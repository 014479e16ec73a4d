"""ArgusLM as its tests see it: its API, and a bare WebSocket client for its live stream."""

import json
import socket
import time
from contextlib import contextmanager
from urllib.parse import urlsplit

from chatsdk.testing import LocalServer

from .websocket_peer import TEXT, Peer
from .wire import TIMEOUT, Api

PREFIX = "/api/v1"
UNKNOWN = "deadbeef-dead-4bad-8bad-deadbeefcafe"


class ArgusApi(Api):
    def patch(self, path, **options):
        return self.send("PATCH", path, **options)

    def delete(self, path):
        return self.send("DELETE", path)

    def read(self, path, **params):
        answer = self.get(path, params=params)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def create(self, path, **fields):
        answer = self.post(path, json=fields)
        assert answer.status_code in (201, 202), answer.text
        return answer.json()

    def models(self):
        return {model["model_id"]: model for model in self.read("/models")["items"]}

    def start(self, *names, num_runs=1, **fields):
        """Start a benchmark of models, and give its id."""
        models = self.models()
        ids = [models[name]["id"] for name in names or models]
        fields = {"prompt_pack": "shakespeare", "num_runs": num_runs, **fields}
        return self.create("/benchmarks", model_ids=ids, **fields)["id"]

    def poll(self, path, validator):
        """Ask again and again, until the answer is right."""
        deadline = time.monotonic() + TIMEOUT
        while time.monotonic() < deadline:
            answer = self.read(path)
            if validator(answer):
                return answer
            time.sleep(0.01)
        raise AssertionError(f"{path} never became right: {answer}")

    def watch(self, run_id):
        return WebSocketClient(self.base_url, f"/benchmarks/{run_id}/stream")


@contextmanager
def argus_server(session, call_seconds):
    """A server of its own, whose models take so long."""
    with LocalServer(call_seconds=call_seconds) as server:
        yield server, ArgusApi(session, server.url("arguslm") + PREFIX, {})
    assert server.errors == []


class WebSocketClient(Peer):
    """A client of the live stream, after the handshake."""

    def __init__(self, base_url, path):
        address = urlsplit(base_url)
        super().__init__(socket.create_connection((address.hostname, address.port), TIMEOUT))
        lines = [f"GET {address.path}{path} HTTP/1.1", f"Host: {address.netloc}", "Upgrade: websocket"]
        lines += ["Connection: Upgrade", "Sec-WebSocket-Key: a2V5", "Sec-WebSocket-Version: 13"]
        self.sock.sendall("\r\n".join([*lines, "", ""]).encode("latin-1"))
        self.status = int(self.reader.readline().split()[1])
        while self.reader.readline() != b"\r\n":
            pass

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()

    def text(self):
        opcode, payload = self.receive()
        assert opcode == TEXT
        return payload.decode("utf-8")

    def messages(self):
        """All messages until the run is complete."""
        found = [json.loads(self.text())]
        while found[-1]["type"] != "complete":
            found.append(json.loads(self.text()))
        return found
