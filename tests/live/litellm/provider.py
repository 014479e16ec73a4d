"""A stub of an OpenAI-compatible provider of embeddings, moderations, audio and images."""

import base64
import json
import struct
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, List, Tuple

VECTOR = [0.5, -0.25, 1.0]
SPEECH = b"ID3\x03\x00speech"
IMAGE = b"\x89PNG\r\n\x1a\nimage"
TEXT = "Hello 😀 there."
SRT = f"1\n00:00:00,000 --> 00:00:01,500\n{TEXT}\n"
VTT = f"WEBVTT\n\n00:00.000 --> 00:01.500\n{TEXT}\n"
_SEGMENT = {"id": 0, "seek": 0, "start": 0.0, "end": 1.5, "text": TEXT, "tokens": [1], "temperature": 0.0}
_SEGMENT.update(avg_logprob=-0.1, compression_ratio=1.0, no_speech_prob=0.01)
_VERBOSE = {
    "task": "transcribe",
    "language": "english",
    "duration": 1.5,
    "text": TEXT,
    "segments": [_SEGMENT],
}
_TEXTS = {b"text": TEXT + "\n", b"srt": SRT, b"vtt": VTT}
_MODERATION = {"flagged": True, "categories": {"violence": True, "self-harm/intent": False}}
_MODERATION["category_scores"] = {"violence": 0.98, "self-harm/intent": 0.01}
_MODERATION["category_applied_input_types"] = {"violence": ["text"], "self-harm/intent": ["text"]}


class Provider:
    """The server, on a free port of this machine; ``requests`` has the path and body of each request."""

    def __init__(self) -> None:
        self.requests: List[Tuple[str, bytes]] = []
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.provider = self
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/v1"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Server(ThreadingHTTPServer):
    provider: Provider


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        path = self.path.partition("/v1")[2]
        self.server.provider.requests.append((path, body))
        if path == "/audio/speech":
            self._send(SPEECH, "audio/mpeg")
        elif path.startswith("/audio/"):
            kind = body.partition(b'name="response_format"\r\n\r\n')[2].partition(b"\r\n")[0]
            if kind in _TEXTS:
                self._send(_TEXTS[kind].encode(), "text/plain; charset=utf-8")
            else:
                self._send_json(_VERBOSE if kind == b"verbose_json" else {"text": TEXT})
        elif path.startswith("/images/"):
            self._send_json({"created": 1731000000, "data": [{"b64_json": base64.b64encode(IMAGE).decode()}]})
        elif path == "/moderations":
            self._send_json({"id": "modr-1", "model": "omni-moderation-latest", "results": [_MODERATION]})
        else:
            self._send_json(_embeddings(json.loads(body)))

    def _send_json(self, value: Any) -> None:
        self._send(json.dumps(value).encode(), "application/json")

    def _send(self, body: bytes, kind: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


def _embeddings(request: Any) -> Any:
    texts = request["input"] if isinstance(request["input"], list) else [request["input"]]
    packed = base64.b64encode(struct.pack("<3f", *VECTOR)).decode()
    vector = packed if request.get("encoding_format") == "base64" else VECTOR
    data = [{"object": "embedding", "index": index, "embedding": vector} for index in range(len(texts))]
    usage = {"prompt_tokens": 2, "total_tokens": 2}
    return {"object": "list", "data": data, "model": request["model"], "usage": usage}
