"""A small OpenAI-compatible server, for the ArgusLM server to measure; its models do what a test needs."""

import json
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Dict, List, Sequence

API_KEY = "sk-stub-0123456789"
HELD_SECONDS = 20.0  # the longest that a call is held; only a test that fails waits so long


def _open_gate() -> threading.Event:
    gate = threading.Event()
    gate.set()
    return gate


@dataclass
class StubModel:
    """A model of the stub.

    Attributes:
        name: what requests call it.
        tokens: what it answers, piece by piece.
        token_seconds: the wait before each piece.
        refuses: where it is not empty, each call is answered with 400 and this message.
        gate: each call waits until it is set, as it is but for models of ``Stub.add_held``.
        calls: the requests that came, decoded.
    """

    name: str
    tokens: Sequence[str] = ("One", " two", " three")
    token_seconds: float = 0.0
    refuses: str = ""
    gate: threading.Event = field(default_factory=_open_gate)
    calls: List[Dict[str, Any]] = field(default_factory=list)


class Stub:
    """The server, on a free port of this machine; ``url`` is what a provider takes as its ``base_url``."""

    def __init__(self) -> None:
        self.models: Dict[str, StubModel] = {}
        self.closing = threading.Event()
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.stub = self
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/v1"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    @property
    def credentials(self) -> Dict[str, str]:
        """What a provider needs to be let in."""
        return {"api_key": API_KEY, "base_url": self.url}

    def add(self, name: str, **options: Any) -> StubModel:
        """Add a model; *options* are the attributes of StubModel."""
        self.models[name] = StubModel(name, **options)
        return self.models[name]

    def add_held(self, name: str) -> StubModel:
        """Add a model whose calls wait until the test sets its gate."""
        return self.add(name, gate=threading.Event())

    def close(self) -> None:
        self.closing.set()
        for model in self.models.values():
            model.gate.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Server(ThreadingHTTPServer):
    stub: Stub


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        if not self._is_let_in():
            return
        if self.path == "/v1/models":
            known = [{"id": name, "object": "model", "owned_by": "stub"} for name in self.server.stub.models]
            self._answer(200, {"object": "list", "data": known})
        else:
            self._refuse(404, "no such path")

    def do_POST(self) -> None:
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if not self._is_let_in():
            return
        model = self.server.stub.models.get(request.get("model"))
        if self.path != "/v1/chat/completions" or model is None:
            self._refuse(404, "no such path or model")
            return
        model.calls.append(request)
        if not model.gate.wait(HELD_SECONDS):
            self._refuse(400, "held for too long")
        elif model.refuses:
            self._refuse(400, model.refuses)
        elif request.get("stream"):
            self._stream(model)
        else:
            message = {"role": "assistant", "content": "".join(model.tokens)}
            count = len(model.tokens)
            usage = {"prompt_tokens": 1, "completion_tokens": count, "total_tokens": 1 + count}
            choice = {"index": 0, "message": message, "finish_reason": "stop"}
            body = {"object": "chat.completion", "choices": [choice], "usage": usage}
            self._answer(200, {"id": "chatcmpl-stub", "created": 0, "model": model.name, **body})

    def _stream(self, model: StubModel) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        with suppress(OSError):  # the other side may have gone
            for token in model.tokens:
                self.server.stub.closing.wait(model.token_seconds)
                self._event(model, {"content": token}, None)
            self._event(model, {}, "stop")
            self.wfile.write(b"data: [DONE]\n\n")

    def _event(self, model: StubModel, delta: Dict[str, str], finish_reason: Any) -> None:
        choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
        chunk = {"id": "chatcmpl-stub", "object": "chat.completion.chunk", "created": 0, "model": model.name}
        self.wfile.write(b"data: " + json.dumps({**chunk, "choices": [choice]}).encode() + b"\n\n")

    def _is_let_in(self) -> bool:
        if self.headers["Authorization"] == f"Bearer {API_KEY}":
            return True
        self._refuse(401, "wrong key")
        return False

    def _refuse(self, status: int, message: str) -> None:
        self._answer(status, {"error": {"message": message, "type": "invalid_request_error", "code": None}})

    def _answer(self, status: int, body: Any) -> None:
        data = json.dumps(body).encode()
        with suppress(OSError):
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:
        pass
