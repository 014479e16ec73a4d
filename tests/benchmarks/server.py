"""The other end: a process of its own, so that its work is not counted; it answers with bytes made before."""

import json
import socket
import sys
import threading
import time
from collections import deque
from contextlib import suppress

CHAT = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1731000000,
    "model": "openai/gpt-4o-mini",
    "choices": [
        {
            "index": 0,
            "message": {"role": "assistant", "content": "Hello! How can I help you today?"},
            "logprobs": None,
            "finish_reason": "stop",
        }
    ],
    "usage": {
        "prompt_tokens": 21,
        "completion_tokens": 34,
        "total_tokens": 55,
        "prompt_tokens_details": {"cached_tokens": 8, "audio_tokens": 0},
    },
    "system_fingerprint": "fp_44709d6fcb",
}


def chunk(text, finish=None):
    """Return one event of a streamed completion."""
    delta = {"content": text} if text else {}
    event = {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1731000000,
        "model": "openai/gpt-4o-mini",
        "system_fingerprint": "fp_44709d6fcb",
        "choices": [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}],
    }
    return b"data: " + json.dumps(event, separators=(",", ":")).encode() + b"\n\n"


def models(count):
    """Return a list of models in the form of a gateway."""
    items = [
        {
            "id": f"provider/model-{number}",
            "object": "model",
            "created": 1677610602,
            "owned_by": "provider",
            "description": "A model of medium size for general use",
            "metadata": {"context": 128000},
        }
        for number in range(count)
    ]
    return json.dumps({"object": "list", "data": items}).encode()


def sessions(count):
    """Return a list of sessions in the form of ChatServer, with three date-times each."""
    items = [
        {
            "id": f"aaaaaaaa-0000-4000-8000-{number:012d}",
            "user_id": "00000000-0000-0000-0000-000000000001",
            "organization_id": None,
            "title": "Draft a project update email",
            "model": "claude-haiku-4-5@20251001",
            "agent_type": None,
            "created_at": "2025-11-01T08:00:00.500000Z",
            "updated_at": "2025-11-01T08:00:00.500000Z",
            "last_message_at": "2025-11-01T08:00:00.500000Z",
            "message_count": 4,
            "tokens_in": 9,
            "tokens_out": 12,
            "tokens_total": 21,
            "metadata": {"workflow": None, "variables": {}},
            "archived": False,
        }
        for number in range(count)
    ]
    page = {"sessions": items, "total": count, "page": 1, "page_size": count, "has_more": False}
    return json.dumps(page).encode()


def plain(body, status="200 OK"):
    """Return a whole JSON answer."""
    head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    return [head.encode() + body]


def stream(events, end="chunked", pause=0.0):
    """Return the pieces of an event stream: one HTTP chunk for each event, or delimited by the close."""
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
    if end == "close":
        pieces = [head + b"Connection: close\r\n\r\n", *events]
    else:
        pieces = [head + b"Transfer-Encoding: chunked\r\n\r\n"]
        pieces += [b"%x\r\n%s\r\n" % (len(event), event) for event in events] + [b"0\r\n\r\n"]
    return pieces if pause else [b"".join(pieces)]


def events(count, text="Hello "):
    """Return a stream of *count* texts, with its end."""
    return [chunk(text)] * count + [chunk("", "stop"), b"data: [DONE]\n\n"]


class Answers:
    """The answers by the name that the path of a request holds, each made once."""

    def __init__(self):
        self._made = {}
        self._taken = deque()
        self.connections = 0

    def get(self, name):
        """Return the pieces of the answer called *name*, such as ``events-1000-chunked``."""
        if name == "connections":
            return plain(b"%d" % self.connections)
        if name == "limited":
            return self._limited(50)
        if name not in self._made:
            kind, *rest = name.split("-")
            if kind == "chat":
                made = plain(json.dumps(CHAT).encode())
            elif kind == "models":
                made = plain(models(int(rest[0])))
            elif kind == "sessions":
                made = plain(sessions(int(rest[0])))
            elif kind == "events":
                made = stream(events(int(rest[0])), rest[1])
            elif kind == "silent":
                made = stream(events(int(rest[0]), ""), rest[1])
            elif kind == "huge":
                made = stream(events(1, "x" * int(rest[0])), rest[1])
            elif kind == "slow":
                made = stream(events(3), rest[0], pause=0.05)
            self._made[name] = made
        return self._made[name]

    def _limited(self, count):
        """Return an answer, or a refusal if *count* were given in the last second."""
        now = time.monotonic()
        while self._taken and self._taken[0] <= now - 1:
            self._taken.popleft()
        if len(self._taken) >= count:
            return plain(b"{}", "429 Too Many Requests")
        self._taken.append(now)
        return self.get("chat")


def serve(connection, answers):
    """Answer the requests of one connection until it ends."""
    with suppress(ConnectionError):  # clients leave when they have seen enough
        answer_requests(connection, answers)


def answer_requests(connection, answers):
    """Answer requests with the pieces that their paths name."""
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    received = b""
    with connection:
        while True:
            while b"\r\n\r\n" not in received:
                data = connection.recv(65536)
                if not data:
                    return
                received += data
            head, _, received = received.partition(b"\r\n\r\n")
            length = 0
            for line in head.split(b"\r\n"):
                if line.lower().startswith(b"content-length:"):
                    length = int(line.split(b":")[1])
            while len(received) < length:
                received += connection.recv(65536)
            received = received[length:]
            name = head.split(b"/", 2)[1].split(b"/")[0].split(b" ")[0].decode()
            pieces = answers.get(name)
            for piece in pieces:
                connection.sendall(piece)
                if len(pieces) > 1:
                    time.sleep(0.05)
            if b"Connection: close" in pieces[0]:
                return


def main():
    """Print the port and serve until the standard input ends."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=200)
    print(listener.getsockname()[1], flush=True)
    answers = Answers()

    def accept():
        while True:
            connection, _ = listener.accept()
            answers.connections += 1
            threading.Thread(target=serve, args=(connection, answers), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    sys.stdin.read()


if __name__ == "__main__":
    main()
