"""LocalServer: the public interface of the test server."""

from __future__ import annotations

import threading
from collections import defaultdict, deque
from dataclasses import replace
from itertools import repeat
from typing import Any, Callable, Dict, List, Mapping, Optional, Sequence, TypedDict, TypeVar, Union, cast

from .._core.closable import CloseMixin
from .._core.options import Service
from .arguslm import ArgusLM
from .chat import ChatModel, QueuedAnswer, ReplyFunction, ToolCall
from .chatserver import ChatServer
from .exchange import (
    Answer,
    EventStream,
    Headers,
    HTTPError,
    RecordedRequest,
    Reply,
    Request,
    WebSocketStream,
)
from .http_server import HOST, HTTPServer
from .infinity import Infinity
from .mongars import MonGARS
from .routing import FakeService
from .zaguan import Zaguan

T = TypeVar("T")


class Services(TypedDict):
    """The settings of all services, as keyword arguments for a Client."""

    mongars: Service
    chatserver: Service
    arguslm: Service
    infinity: Service
    zaguan: Service


class _LocalService(Service):
    """A Service that is reached directly, even if HTTP_PROXY is set."""

    use_proxies = False


class LocalServer(CloseMixin):
    """A local test server for the five services, on a free port.

    It listens from construction until `close()`; a `with` block closes it. Each service has its
    own base URL and keeps its state (history, credits, keys, ...) until `close()` or `reset()`.

    Args:
        reply: A function that returns the answers of the assistant. It is called with the messages of
            the conversation and, if it has a required second argument, with a ChatInfo (service, model,
            tools, tool_choice, response_format). It returns a string, a list of tool calls such as
            ``[("get_weather", {"city": "Oslo"})]``, a message, or None for the default: a call of the
            first tool if there are tools, JSON that matches the response_format, or an echo.
        credits: Number of credits that the Zaguan account has left.
        token_seconds: Lifetime of a monGARS token in seconds.
        chats_per_second: Number of chats per second that monGARS accepts from a user; default: no limit.
        history_lag: Seconds until a chat appears in the history of monGARS.
        retrieval: Whether retrieval is enabled on monGARS; if not (as on a real server by default), it
            returns 503.
        daily_limit: Number of chats that a user of Infinity Assistant can send until `reset()`.
        call_seconds: Duration in seconds of each model call of ArgusLM, in benchmarks and monitoring.
    """

    def __init__(
        self,
        *,
        reply: Optional[ReplyFunction] = None,
        credits: int = 1000,
        token_seconds: float = 3600.0,
        chats_per_second: Optional[float] = None,
        history_lag: float = 0.0,
        retrieval: bool = False,
        daily_limit: int = 50,
        call_seconds: float = 0.1,
    ) -> None:
        self._create_services: Callable[[ChatModel], List[FakeService]] = lambda model: [
            MonGARS(model, token_seconds, chats_per_second, history_lag, retrieval),
            ChatServer(model),
            ArgusLM(model, call_seconds),
            Infinity(model, daily_limit),
            Zaguan(model, credits),
        ]
        self._reply = reply
        self._lock = threading.Lock()
        self.reset()
        self._http = HTTPServer(self._handle, self._record_error)
        self._root = f"http://{HOST}:{self._http.port}"

    def reset(self) -> None:
        """Restore the initial state, and discard `requests`, `errors` and all answers that were set."""
        model = ChatModel(self._reply, self._record_error)
        services = self._create_services(model)
        with self._lock:
            self._model = model
            self._fakes = {service.name: service for service in services}
            self._requests: List[RecordedRequest] = []
            self._errors: List[BaseException] = []
            self._replies: Dict[str, deque[Reply]] = defaultdict(deque)
            self._cuts: Dict[str, deque[int]] = defaultdict(deque)

    def url(self, service: str) -> str:
        """Return the base URL of a service, such as `url("zaguan")`."""
        return f"{self._root}/{self._service(service).name}"

    def services(self) -> Services:
        """Return the base URL and API key of each service, for `Client(**server.services())`."""
        # Without a key, the client would send a real one from the environment.
        services = {name: _LocalService(self.url(name), fake.key) for name, fake in self._fakes.items()}
        return cast(Services, services)

    def environment(self) -> Dict[str, str]:
        """Return the environment variables that configure a Client for this server."""
        variables: Dict[str, str] = {}
        for name, fake in self._fakes.items():
            prefix = "INFINITY_ASSISTANT" if name == "infinity" else name.upper()
            variables.update({f"{prefix}_BASE_URL": self.url(name), f"{prefix}_API_KEY": fake.key})
        return variables

    @property
    def requests(self) -> List[RecordedRequest]:
        """The requests received so far, oldest first."""
        with self._lock:
            return list(self._requests)

    @property
    def errors(self) -> List[BaseException]:
        """The exceptions raised in the server, such as in `reply`; the client received a 500."""
        with self._lock:
            return list(self._errors)

    def respond(
        self,
        service: str,
        text: Optional[str] = None,
        *,
        tool_calls: Optional[Sequence[ToolCall]] = None,
        finish_reason: Optional[str] = None,
        usage: Optional[Mapping[str, Any]] = None,
        body: Optional[Union[Mapping[str, Any], List[Any]]] = None,
        times: int = 1,
    ) -> None:
        """Set the next answers of a service.

        Args:
            service: Such as "zaguan".
            text: Text of the next chat answer, also if it is streamed.
            tool_calls: Tool calls of the answer, such as ``[("get_weather", {"city": "Oslo"})]``.
            finish_reason: Such as "length"; the default is "stop" or "tool_calls".
            usage: Fields that override the counted usage, such as ``{"total_tokens": 7}``.
            body: JSON body for the next request of any kind, instead of all of the above.
            times: Number of requests that get this answer.

        Raises:
            ValueError: The service is unknown, or the arguments cannot be combined.
        """
        fake = self._service(service)
        _check_count("times", times, 1)
        if body is not None:
            if (text, tool_calls, finish_reason, usage) != (None, None, None, None):
                raise ValueError("body cannot be combined with text, tool_calls, finish_reason or usage")
            self._enqueue(self._replies[service], Reply.json(body), times)
            return
        if not fake.has_chat:
            raise ValueError(f"{service} has no chat: use body=")
        if tool_calls is not None and not fake.has_tools:
            raise ValueError(f"{service} has no tool calls")
        value = {"content": text, "tool_calls": tool_calls} if tool_calls else text or ""
        self._model.enqueue(service, QueuedAnswer(value, finish_reason, usage or {}), times)

    def model_down(self, service: str, down: bool = True) -> None:
        """Simulate that the model of a service is down, or available again with ``down=False``.

        monGARS and Infinity Assistant return an apology with status 200, streams of Infinity Assistant
        and ChatServer contain an error event, Zaguan and ChatServer return 503, calls of ArgusLM fail.

        Raises:
            ValueError: The service is unknown.
        """
        name = self._service(service).name
        (self._model.down.add if down else self._model.down.discard)(name)

    def fail(
        self,
        service: str,
        status: int,
        body: Union[str, Mapping[str, Any], List[Any], None] = None,
        *,
        headers: Optional[Mapping[str, str]] = None,
        times: int = 1,
    ) -> None:
        """Answer the next requests to a service with an error.

        Args:
            service: Such as "zaguan".
            status: HTTP status.
            body: A string (sent as text/plain), or a value to send as JSON. The default is the body that
                the real service sends with this status.
            headers: Additional headers, such as `{"Retry-After": "0"}`.
            times: Number of requests that get this answer.

        Raises:
            ValueError: The service is unknown, or the status or times is out of range.
        """
        fake = self._service(service)
        if not 200 <= status <= 599:
            raise ValueError(f"status must be from 200 to 599, not {status}")
        _check_count("times", times, 1)
        extra = Headers((headers or {}).items())
        if isinstance(body, str):
            reply = Reply.text(body, status)
        elif body is not None:
            reply = Reply.json(body, status)
        else:
            reply = Reply(status) if status < 400 else fake.error(HTTPError(status, headers=extra))
        reply = replace(reply, headers={**reply.headers, **extra})
        self._enqueue(self._replies[service], reply, times)

    def cut(self, service: str, after: int, times: int = 1) -> None:
        """Drop the connection in the middle of the next streamed answers of a service.

        Args:
            service: Such as "zaguan".
            after: Number of events (including `[DONE]`) or WebSocket messages that are still sent.
            times: Number of streams that are cut.

        Raises:
            ValueError: The service is unknown, or after or times is out of range.
        """
        _check_count("after", after, 0)
        _check_count("times", times, 1)
        self._enqueue(self._cuts[self._service(service).name], after, times)

    def close(self) -> None:
        """Stop the server. May be called more than once."""
        self._http.close()

    def __repr__(self) -> str:
        return f"<LocalServer {self._root}: {', '.join(self._fakes)}>"

    def _service(self, name: str) -> FakeService:
        if name not in self._fakes:
            raise ValueError(f"unknown service {name!r}: use one of {', '.join(self._fakes)}")
        return self._fakes[name]

    def _enqueue(self, queue: deque[T], item: T, times: int) -> None:
        with self._lock:
            queue.extend(repeat(item, times))

    def _record_error(self, error: BaseException) -> None:
        with self._lock:
            self._errors.append(error)

    def _record_request(self, service: str, request: Request) -> None:
        try:
            body = request.json()
        except (ValueError, RecursionError):
            body = None
        record = RecordedRequest(service, request.method, request.path, request.query, request.headers, body)
        with self._lock:
            self._requests.append(record)

    def _handle(self, method: str, target: str, headers: Headers, body: bytes) -> Answer:
        name, slash, rest = target[1:].partition("/")
        fake = self._fakes.get(name)
        if fake is None:
            return Reply.json({"detail": "Not Found"}, 404)
        try:
            request = Request.parse(method, slash + rest, headers, body)
            self._record_request(name, request)
            return self._answer(fake, request)
        except Exception as error:
            self._record_error(error)
            return fake.error(HTTPError(500, f"{type(error).__name__} in LocalServer: {error}"))

    def _answer(self, fake: FakeService, request: Request) -> Answer:
        answer: Answer = self._next(self._replies[fake.name]) or fake.answer(request)
        if isinstance(answer, (EventStream, WebSocketStream)):
            answer = replace(answer, cut_after=self._next(self._cuts[fake.name]))
        return replace(answer, headers={**fake.response_headers(request), **answer.headers})

    def _next(self, queue: deque[T]) -> Optional[T]:
        with self._lock:
            return queue.popleft() if queue else None


def _check_count(name: str, value: int, minimum: int) -> None:
    if value < minimum:
        raise ValueError(f"{name} must be at least {minimum}, not {value}")
