"""ArgusLM's side of one benchmark run on a loopback port: plain GETs, and a WebSocket that a test plays."""

import json
import threading
from contextlib import suppress

from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Response
from websockets.sync.server import serve

WAIT = 5.0  # seconds; only a test that hangs ever waits so long


class LiveServer:
    """Answers ``GET .../{id}`` with the next of *details*, the last again and again, and plays frames.

    Args:
        play: called with the connection of each watcher; may be None for a server that stays silent.
        details: JSON objects, or statuses.
        results: the answer to ``GET .../{id}/results``.
        refuse: a Response to all handshakes.
        secure: the SSLContext of a server that speaks TLS.
    """

    def __init__(self, play, *details, results=(), refuse=None, secure=None):
        self._play, self._details, self._results, self._refuse = play, list(details), results, refuse
        self.requests = []  # paths
        self.handshakes = []  # requests
        self.closed = []  # codes by which watchers left
        self.problems = []
        self.left = threading.Event()
        options = {"process_request": self._answer, "compression": None, "ssl": secure}
        self._server = serve(self._watch, "127.0.0.1", 0, **options)
        self.url = f"http{'s' if secure else ''}://127.0.0.1:{self._server.socket.getsockname()[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._thread.join(WAIT)
        assert not self._thread.is_alive()
        assert self.problems == []

    def _answer(self, _, request):
        if request.path.endswith("/stream"):
            self.handshakes.append(request)
            return self._refuse
        self.requests.append(request.path)
        if request.path.endswith("/results"):
            return json_response(200, {"results": list(self._results), "total": len(self._results)})
        detail = self._details.pop(0) if len(self._details) > 1 else self._details[0]
        if isinstance(detail, int):
            return json_response(detail, {"detail": "Benchmark run not found"})
        return json_response(200, detail)

    def _watch(self, connection):
        try:
            if self._play is not None:
                self._play(connection)
            with suppress(ConnectionClosed):
                while True:
                    connection.recv(timeout=WAIT)
        except ConnectionClosed:
            pass
        except Exception as error:
            self.problems.append(error)
        finally:
            self.closed.append(connection.protocol.close_code)
            self.left.set()


def json_response(status, body):
    data = json.dumps(body, ensure_ascii=False).encode("utf-8")
    headers = {"Content-Type": "application/json", "Content-Length": str(len(data)), "Connection": "close"}
    return Response(status, "As Planned", Headers(headers), data)


def frames(*messages):
    """Play that sends these messages: objects as JSON, texts and bytes as they are."""

    def play(connection):
        for message in messages:
            is_raw = isinstance(message, (str, bytes))
            connection.send(message if is_raw else json.dumps(message, ensure_ascii=False))

    return play


def vanish(connection):
    """End the connection as a crash does."""
    connection.socket.shutdown(2)
