"""The recorded exchanges, and which public method each of them belongs to."""

import base64
import json
import re
from pathlib import Path
from urllib.parse import unquote

FOLDER = Path(__file__).resolve().parent.parent / "recordings"

# What the two services offer, by method and path; a path may end in one part of its own.
OFFERED = {
    "zaguan": {
        "POST /v1/chat/completions",
        "POST /api/v1/chat/completions",  # the same dialect under OpenRouter's prefix
        "GET /v1/models",
        "GET /v1/capabilities",
        "GET /v1/credits/balance",
        "GET /v1/credits/history",
        "GET /v1/credits/stats",
        "GET /health",
    },
    "chatserver": {
        "POST /v1/chat/completions",
        "GET /v1/models",
        "GET /atoms/chat/sessions",
        "GET /atoms/chat/sessions/{id}",
        "GET /api/v1/platform/stats",
        "GET /api/v1/platform/admins",
        "POST /api/v1/platform/admins",
        "DELETE /api/v1/platform/admins/{id}",
        "GET /api/v1/platform/audit",
    },
}
_WITH_ID = re.compile(r"^(/atoms/chat/sessions|/api/v1/platform/admins|/v1/models|/atoms/mcp)/.+$")


class Recording:
    """One recorded exchange."""

    def __init__(self, service, raw):
        self.service = service
        self.name = raw["name"]
        self.request = raw["request"]
        self.response = raw["response"]
        self.json = self.request.get("json")
        self.status = self.response["status"]
        self.headers = {name.lower(): value for name, value in self.response["headers"].items()}

    def __repr__(self):
        return self.name

    @property
    def endpoint(self):
        """Method and path; a slash too many is no other endpoint."""
        path = "/" + self.request["path"].strip("/")
        return self.request["method"] + " " + _WITH_ID.sub(r"\1/{id}", path)

    @property
    def offered(self):
        return self.endpoint in OFFERED[self.service]

    @property
    def last_part(self):
        """The id or address at the end of the path."""
        return unquote(self.request["path"].rpartition("/")[2])

    @property
    def body(self):
        if "body_base64" in self.response:
            return base64.b64decode(self.response["body_base64"])
        return (self.response["body"] or "").encode("utf-8")

    @property
    def decoded(self):
        return json.loads(self.body.decode("utf-8"))

    @property
    def is_success(self):
        return self.status is not None and 200 <= self.status < 300

    @property
    def asks_for_stream(self):
        return bool((self.json or {}).get("stream"))

    @property
    def is_stream(self):
        return self.is_success and "text/event-stream" in self.headers.get("content-type", "")

    @property
    def is_cut(self):
        """Whether the connection was closed before the answer was whole."""
        return bool(self.response.get("truncated")) or self.response.get("complete") is False

    @property
    def pieces(self):
        """The body in the chunks in which it came; in one where that was not recorded."""
        if "http_chunks" in self.response:
            return [chunk.encode("utf-8") for chunk in self.response["http_chunks"]]
        sizes = self.response.get("http_chunk_sizes", [len(self.body)])
        starts = [sum(sizes[:number]) for number in range(len(sizes))]
        return [self.body[start : start + size] for start, size in zip(starts, sizes)]

    @property
    def prompts(self):
        """The texts of the request that no error may repeat; very short ones say nothing."""
        request = self.json or {}
        messages = request.get("messages")
        found = [messages] if isinstance(messages, str) else []
        for message in messages if isinstance(messages, list) else ():
            content = message.get("content")
            parts = content if isinstance(content, list) else [content]
            found += [part.get("text") if isinstance(part, dict) else part for part in parts]
        found.append(request.get("system_prompt"))
        found.append(self.request.get("raw_body"))
        return [text for text in found if isinstance(text, str) and len(text) > 2]


def load(service):
    text = (FOLDER / f"{service}.json").read_text(encoding="utf-8")
    return [Recording(service, raw) for raw in json.loads(text)]


ALL = load("zaguan") + load("chatserver")


def chosen(condition):
    """Pytest parameters: the recordings that meet *condition*, each under its name."""
    import pytest

    found = [recording for recording in ALL if condition(recording)]
    return [pytest.param(recording, id=f"{recording.service}-{recording.name}") for recording in found]
