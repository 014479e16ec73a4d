"""ArgusLM as its tests see it: its API, and a bare WebSocket client for its live stream."""

import base64
import json
import os
import socket
import struct
import time
from contextlib import contextmanager
from urllib.parse import urlsplit

from chatsdk.testing import LocalServer

from .wire import TIMEOUT, Api

PREFIX = "/api/v1"
UNKNOWN = "deadbeef-dead-4bad-8bad-deadbeefcafe"
TEXT, CLOSE, PING, PONG = 1, 8, 9, 10


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
        raise AssertionError(f"{path} never became right: {answer}")

    def finish(self, run_id):
        return self.poll(f"/benchmarks/{run_id}", lambda run: run["status"] == "completed")

    def watch(self, run_id):
        return WebSocketClient(self.base_url, f"/benchmarks/{run_id}/stream")


@contextmanager
def argus_server(session, call_seconds):
    """A server of its own, whose models take so long."""
    with LocalServer(call_seconds=call_seconds) as server:
        yield ArgusApi(session, server.url("arguslm") + PREFIX, {})
    assert server.errors == []


class WebSocketClient:
    """Frames over a bare socket. It answers nothing by itself."""

    def __init__(self, base_url, path, **headers):
        address = urlsplit(base_url)
        self.key = base64.b64encode(os.urandom(16)).decode()
        fields = {
            "Host": address.netloc,
            "Upgrade": "websocket",
            "Connection": "Upgrade",
            "Sec-WebSocket-Key": self.key,
            "Sec-WebSocket-Version": "13",
            **headers,
        }
        lines = [f"GET {address.path}{path} HTTP/1.1"]
        lines += [f"{name}: {value}" for name, value in fields.items() if value is not None]
        self.sock = socket.create_connection((address.hostname, address.port), TIMEOUT)
        self.reader = self.sock.makefile("rb")
        self.sock.sendall("\r\n".join([*lines, "", ""]).encode("latin-1"))
        self.status = int(self.reader.readline().split()[1])
        head = iter(self.reader.readline, b"\r\n")
        self.headers = dict(line.decode("latin-1").rstrip("\r\n").split(": ", 1) for line in head)

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.reader.close()
        self.sock.close()

    def send(self, opcode, payload=b"", mask=b"mask"):
        self.sock.sendall(frame(opcode, payload, mask))

    def receive(self):
        """The next frame's opcode and payload; None where the connection has ended."""
        head = self.reader.read(2)
        if not head:
            return None
        assert head[0] & 0xF0 == 0x80, "the frame is fragmented, or has reserved bits"
        assert head[1] < 128, "the frame is masked"
        size = head[1]
        if size > 125:
            size = int.from_bytes(self.reader.read(2 if size == 126 else 8), "big")
        return head[0] & 0x0F, self.reader.read(size)

    def text(self):
        opcode, payload = self.receive()
        assert opcode == TEXT
        return payload.decode("utf-8")

    def message(self):
        return json.loads(self.text())

    def messages(self):
        """All messages until the run is complete."""
        found = [self.message()]
        while found[-1]["type"] != "complete":
            found.append(self.message())
        return found

    def rest(self):
        """What else comes before the connection ends."""
        return list(iter(self.receive, None))


def frame(opcode, payload=b"", mask=b"mask"):
    size = len(payload)
    if size < 126:
        length = bytes([size | 0x80])
    elif size < 65536:
        length = struct.pack(">BH", 126 | 0x80, size)
    else:
        length = struct.pack(">BQ", 127 | 0x80, size)
    masked = bytes(byte ^ mask[place % 4] for place, byte in enumerate(payload))
    return bytes([0x80 | opcode]) + length + mask + masked
