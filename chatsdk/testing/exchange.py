"""What goes in and out of a dialect: a request, and a reply, a stream of events or a feed."""

import json
import uuid
from dataclasses import dataclass, field
from typing import Any, Callable, Dict, Iterable, Iterator, List, Mapping, Optional, Tuple, Union
from urllib.parse import parse_qs, unquote


class Headers(Mapping[str, str]):
    """Header fields, found by name in any case. Its repr shows names only: values may be secret."""

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
    """One request to one service, as its dialect sees it."""

    method: str
    base_url: str  # under which the client reached the service: it includes the path prefix
    raw_path: str  # without the prefix, still percent-encoded
    raw_query: str
    headers: Headers
    body: bytes
    params: Mapping[str, str] = field(default_factory=dict)  # the named parts of the path
    id: str = field(default_factory=lambda: str(uuid.uuid4()))

    @property
    def path(self) -> str:
        """The path, decoded as a whole: the services decode before they route."""
        return unquote(self.raw_path)

    @property
    def query(self) -> Dict[str, List[str]]:
        """All values of each query parameter."""
        return parse_qs(self.raw_query, keep_blank_values=True)

    def json(self) -> Any:
        """The body as JSON; raises ValueError where it is none."""
        return json.loads(self.body)


@dataclass(frozen=True)
class Reply:
    """A whole answer. `hangs_up`: the connection is closed after it, without saying so."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    hangs_up: bool = False

    @classmethod
    def json(cls, value: Any, status: int = 200, headers: Optional[Mapping[str, str]] = None) -> "Reply":
        """A JSON answer: compact, non-ASCII text as raw UTF-8, and no charset in the type."""
        body = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        fields = {"content-type": "application/json", **(headers or {})}
        return cls(status, body.encode("utf-8"), fields)

    @classmethod
    def text(cls, text: str, status: int, hangs_up: bool = False) -> "Reply":
        """A plain text answer."""
        fields = {"content-type": "text/plain; charset=utf-8"}
        return cls(status, text.encode("utf-8"), fields, hangs_up)


@dataclass(frozen=True)
class EventStream:
    """An answer that is sent event by event, each one as its own HTTP chunk.

    `on_delivered` runs when the last event was sent and the client is still there.
    `cut_after` is the number of events after which the connection is dropped.
    """

    events: Iterator[str]
    content_type: str = "text/event-stream"
    headers: Mapping[str, str] = field(default_factory=dict)
    on_delivered: Optional[Callable[[], None]] = None
    cut_after: Optional[int] = None


@dataclass(frozen=True)
class Feed:
    """An answer that goes on over a WebSocket: texts, each one sent when its time has come.

    `texts` gives each text with its time, a value of `time.monotonic()`. After the last one the
    connection stays open until the client closes it. `keep_alive` is sent whenever the client has
    sent no text for a while; `replies` has the answers to texts of the client.
    `cut_after` is the number of texts after which the connection is dropped.
    """

    texts: Iterator[Tuple[float, str]]
    keep_alive: str
    replies: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    cut_after: Optional[int] = None


Answer = Union[Reply, EventStream, Feed]

# What uvicorn and Starlette send for any unhandled exception.
CRASH = Reply.text("Internal Server Error", 500, hangs_up=True)


class Refusal(Exception):
    """Raised anywhere below a route to answer with `reply` instead of going on."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(reply.status)
        self.reply = reply


def event(data: str, name: str = "") -> str:
    """One server-sent event."""
    return f"event: {name}\ndata: {data}\n\n" if name else f"data: {data}\n\n"
