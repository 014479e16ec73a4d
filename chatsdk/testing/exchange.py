"""Requests and answers, as passed between the HTTP server and the services."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, Callable, Dict, Iterable, Iterator, List, Mapping, Optional, Tuple, Union
from urllib.parse import parse_qs, unquote


class Headers(Mapping[str, str]):
    """Headers with case-insensitive names. The repr shows only the names: values may be secret."""

    def __init__(self, fields: Iterable[Tuple[str, str]] = ()) -> None:
        self._values: Dict[str, str] = {}
        for name, value in fields:
            known = self._values.get(name.lower())
            self._values[name.lower()] = value if known is None else f"{known}, {value}"

    def __getitem__(self, name: str) -> str:
        return self._values[name.lower()]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return f"<Headers {', '.join(self._values)}>"


@dataclass(frozen=True)
class Request:
    """A request to a service.

    `params` has the validated parameters of the path and the query, `fields` those of the JSON body or
    form, both with default values. `user` is the return value of `FakeService.authorize`.
    """

    method: str
    path: str  # decoded, without the prefix of the service
    query_string: str
    headers: Headers
    body: bytes
    params: Mapping[str, Any] = field(default_factory=dict)
    fields: Mapping[str, Any] = field(default_factory=dict)
    user: Any = None

    @classmethod
    def parse(cls, method: str, target: str, headers: Headers, body: bytes) -> Request:
        """Create a request from a request target."""
        path, _, query_string = target.partition("?")
        return cls(method, unquote(path), query_string, headers, body)

    @property
    def query(self) -> Dict[str, List[str]]:
        """All values of each query parameter."""
        return parse_qs(self.query_string, keep_blank_values=True)

    @property
    def bearer_token(self) -> str:
        """The token of the Authorization header, or ""."""
        scheme, _, token = self.headers.get("authorization", "").partition(" ")
        return token.strip() if scheme.lower() == "bearer" else ""

    def json(self) -> Any:
        """Return the decoded body; raises ValueError if it is not JSON."""
        return json.loads(self.body)


@dataclass(frozen=True)
class RecordedRequest:
    """A request that a `LocalServer` received.

    `path` is the decoded path without the prefix of the service, `query` has all values of each
    parameter, the names of `headers` are case-insensitive, and `json` is the decoded body, or None if
    it is not JSON. The repr shows neither headers nor body: they may contain secrets.
    """

    service: str
    method: str
    path: str
    query: Mapping[str, List[str]]
    headers: Headers = field(repr=False)
    json: Any = field(repr=False)


@dataclass(frozen=True)
class Reply:
    """A complete response."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def json(cls, value: object, status: int = 200, headers: Optional[Mapping[str, str]] = None) -> Reply:
        """Create a JSON response."""
        fields = {"content-type": "application/json", **(headers or {})}
        return cls(status, dumps(value).encode("utf-8"), fields)

    @classmethod
    def text(cls, text: str, status: int, content_type: str = "text/plain; charset=utf-8") -> Reply:
        """Create a text response."""
        return cls(status, text.encode("utf-8"), {"content-type": content_type})


@dataclass(frozen=True)
class EventStream:
    """A response of server-sent events, each one sent as an HTTP chunk.

    `on_delivered` is called after the last event, unless the client has disconnected.
    `cut_after` is the number of events after which the connection is dropped.
    """

    events: Iterator[str]
    content_type: str = "text/event-stream"
    headers: Mapping[str, str] = field(default_factory=dict)
    on_delivered: Optional[Callable[[], None]] = None
    cut_after: Optional[int] = None


@dataclass(frozen=True)
class WebSocketStream:
    """A WebSocket response: messages, each one with the `time.monotonic()` at which it is sent.

    The connection stays open until the client closes it. `replies` maps messages of the client to the
    answers. `cut_after` is the number of messages after which the connection is dropped.
    """

    messages: Iterator[Tuple[float, str]]
    replies: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    cut_after: Optional[int] = None


Answer = Union[Reply, EventStream, WebSocketStream]


class HTTPError(Exception):
    """Raise it in a service to return an error; *details* are added to the JSON body.

    The default *message* is the one of the service for this status.
    """

    def __init__(
        self, status: int, message: str = "", *, headers: Optional[Mapping[str, str]] = None, **details: Any
    ) -> None:
        super().__init__(status, message)
        self.status = status
        self.message = message
        self.headers: Mapping[str, str] = headers or {}
        self.details = details


def dumps(value: object) -> str:
    """Return compact JSON, with non-ASCII characters unescaped."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def event(data: object, name: str = "") -> str:
    """Return a server-sent event; *data* is a string, or a value to send as JSON."""
    text = data if isinstance(data, str) else dumps(data)
    return f"event: {name}\ndata: {text}\n\n" if name else f"data: {text}\n\n"
