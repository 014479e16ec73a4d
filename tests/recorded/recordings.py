"""The recorded exchanges, and which public method each of them belongs to."""

import base64
import json
import re
from urllib.parse import unquote

from tests.support.recordings import recordings

from .services import SERVICES

# What a request may hold of the user's own words, by its name in JSON.
_WORDS = ("system_prompt", "message", "prompt", "query", "topic", "content", "userContext", "payload")


class Recording:
    """One recorded exchange."""

    def __init__(self, service, raw):
        self.service = service
        self.name = raw["name"]
        self.request = raw["request"]
        self.response = raw["response"]
        self.method = self.request["method"]
        self.path = "/" + self.request["path"].strip("/")  # a slash too many is no other endpoint
        self.json = self.request.get("json")
        self.status = self.response["status"]
        self.headers = {name.lower(): value for name, value in self.response["headers"].items()}

    def __repr__(self):
        return f"{self.service}-{self.name}"

    @property
    def endpoint(self):
        """Method and path, as the service's module names them."""
        return SERVICES[self.service].endpoint(self)

    @property
    def offered(self):
        return self.endpoint in SERVICES[self.service].OFFERED

    @property
    def is_openai(self):
        return SERVICES[self.service].SPEAKS_OPENAI

    @property
    def is_download(self):
        return self.endpoint in SERVICES[self.service].DOWNLOADS

    @property
    def ids(self):
        """What stands in the path where its endpoint has ``{...}``."""
        template = self.endpoint.split(" ")[1]
        pattern = re.sub(r"\\{\w+\\}", "(.+)", re.escape(template))
        match = re.fullmatch(pattern, self.path)
        return [unquote(part) for part in match.groups()] if match else []

    @property
    def raw(self):
        """The body of a request that was sent as it is: broken JSON, or none."""
        names = ("raw_body", "raw", "body")
        return next((self.request[name] for name in names if self.request.get(name) is not None), None)

    @property
    def body(self):
        if "body_base64" in self.response:
            return base64.b64decode(self.response["body_base64"])
        return (self.response.get("body") or "").encode("utf-8")

    @property
    def decoded(self):
        return json.loads(self.body.decode("utf-8"))

    @property
    def is_success(self):
        return self.status is not None and 200 <= self.status < 300

    @property
    def asks_for_stream(self):
        return SERVICES[self.service].asks_for_stream(self)

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
        request = self.json if isinstance(self.json, dict) else {}
        messages = request.get("messages")
        found = [messages] if isinstance(messages, str) else []
        for message in messages if isinstance(messages, list) else ():
            content = message.get("content")
            parts = content if isinstance(content, list) else [content]
            found += [part.get("text") if isinstance(part, dict) else part for part in parts]
        found += [*map(request.get, _WORDS), self.raw, *self.secrets]
        return [text for text in found if isinstance(text, str) and len(text.strip()) > 2]

    @property
    def secrets(self):
        """Passwords and the like in the request."""
        return SERVICES[self.service].secrets(self)


def load(service):
    """The recorded HTTP exchanges of a service; what was said over a WebSocket is none."""
    return [Recording(service, raw) for raw in recordings(service).values() if _is_http(raw)]


def _is_http(raw):
    return raw.get("kind") != "ws" and "ws_frames" not in raw and raw["response"]["status"] != 101


ALL = [recording for service in SERVICES for recording in load(service)]


def chosen(condition):
    """The recordings that meet *condition*."""
    return [recording for recording in ALL if condition(recording)]
