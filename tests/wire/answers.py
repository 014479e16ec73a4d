"""Answers for the scripts of the server: heads, bodies in all framings, events of a completion."""

import json
from typing import Any, Dict, List, Sequence, Tuple

from .server import CLOSE

REASONS = {200: "OK", 204: "No Content", 307: "Temporary Redirect", 401: "Unauthorized", 500: "Oops"}
LAST_CHUNK = b"0\r\n\r\n"

# Chunked, all in one HTTP chunk that stays unfinished until the end, of known length, or until the close.
FRAMINGS = ("chunked", "one-chunk", "length", "close")


def head(status: int = 200, *lines: str) -> bytes:
    """Return the head of an answer, with its blank line."""
    first = f"HTTP/1.1 {status} {REASONS.get(status, 'Whatever')}"
    return "\r\n".join([first, *lines, "", ""]).encode("latin-1")


def reply(body: bytes, status: int = 200, *lines: str, kind: str = "application/json") -> bytes:
    """Return a whole answer."""
    lines = (f"Content-Length: {len(body)}", *([f"Content-Type: {kind}"] if kind else []), *lines)
    return head(status, *lines) + body


def json_reply(value: Any, status: int = 200, *lines: str) -> bytes:
    return reply(json.dumps(value).encode(), status, *lines)


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def framed(
    framing: str,
    steps: Sequence[Any],
    *lines: str,
    kind: str = "text/event-stream",
    cut: bool = False,
) -> List[Any]:
    """Return *steps*, whose bytes are the body, as an answer in this framing; a cut one lacks its end."""
    steps = [step for step in steps if step != b""]  # an empty chunk would be the last one
    size = sum(len(step) for step in steps if isinstance(step, bytes)) + (10 if cut else 0)
    lines = (*([f"Content-Type: {kind}"] if kind else []), *lines)
    if framing == "length":
        return [head(200, f"Content-Length: {size}", *lines), *steps, *([CLOSE] if cut else [])]
    if framing == "close":
        return [head(200, "Connection: close", *lines), *steps, CLOSE]
    first = head(200, "Transfer-Encoding: chunked", *lines)
    if framing == "one-chunk":
        end: List[Any] = [CLOSE] if cut else [b"\r\n" + LAST_CHUNK]
        return [first + b"%x\r\n" % size, *steps, *end]
    pieces = [chunk(step) if isinstance(step, bytes) else step for step in steps]
    return [first, *pieces, CLOSE if cut else LAST_CHUNK]


def event(value: Any) -> bytes:
    return b"data: %b\n\n" % json.dumps(value, ensure_ascii=False).encode()


def delta(text: str, finish: Any = None, index: int = 0, **fields: Any) -> Dict[str, Any]:
    """Return a chunk of a completion."""
    choice = {"index": index, "delta": {"content": text}, "finish_reason": finish}
    return {"id": "c1", "object": "chat.completion.chunk", "model": "m", "choices": [choice], **fields}


def text_event(text: str, finish: Any = None) -> bytes:
    return event(delta(text, finish))


DONE = b"data: [DONE]\n\n"
STOP = text_event("", "stop")
MODELS = json_reply({"object": "list", "data": [{"id": "m", "object": "model"}]})
COMPLETION = {
    "id": "c1",
    "object": "chat.completion",
    "model": "m",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hello"}, "finish_reason": "stop"}],
}
CHAT = json_reply(COMPLETION)
ASK: Dict[str, Any] = {"model": "m", "messages": "Hi"}


def cuts(data: bytes) -> List[Tuple[bytes, bytes]]:
    """Return *data* cut in two, in every place."""
    return [(data[:place], data[place:]) for place in range(1, len(data))]
