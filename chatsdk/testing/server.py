"""The local server that users see."""

from __future__ import annotations

import threading
from collections import defaultdict, deque
from dataclasses import replace
from itertools import repeat
from typing import Any, Callable, Dict, List, Mapping, Optional, Sequence, TypedDict, TypeVar, Union, cast

from .._core.closable import CloseMixin
from .._core.options import Service
from .arguslm import ArgusLM
from .chat import ChatModel, PlannedAnswer, ReplyFunction, ToolCall
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
    """The arguments of a Client for the services of a LocalServer."""

    mongars: Service
    chatserver: Service
    arguslm: Service
    infinity: Service
    zaguan: Service


class _LocalService(Service):
    """A Service on this machine, which is reached directly whatever HTTP_PROXY says."""

    use_proxies = False


class LocalServer(CloseMixin):
    """An offline stand-in for the services, on a free port of this machine.

    It listens from construction until `close()`; a `with` block closes it. Each service has its
    own base URL and keeps its state (history, credits, keys, ...) until `close()` or `reset()`.

    Args:
        reply: Makes the assistant's answers. It is called with the messages of the conversation, or,
            if it has a required second argument, with the messages and a ChatInfo (service, model,
            tools, tool_choice, response_format). It returns a text, a list of tool calls such as
            ``[("get_weather", {"city": "Oslo"})]``, a whole message, or None for the default: a call
            of the first tool if there are tools, JSON that fits the response_format, or an echo.
        credits: How many credits the Zaguan account has left.
        token_seconds: How long a token of monGARS is valid after its login.
        chats_per_second: How many chats a second monGARS accepts of a user; any number by default.
        history_lag: How many seconds after its answer a chat is in the history of monGARS.
        retrieval: Whether monGARS has retrieval; without it, as the real one by default, it is a 503.
        daily_limit: How many chats a user of Infinity Assistant has until `reset()`.
        call_seconds: How long each call of a model takes in ArgusLM's benchmarks and monitoring.
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
        self._make_services: Callable[[ChatModel], List[FakeService]] = lambda model: [
            MonGARS(model, token_seconds, chats_per_second, history_lag, retrieval),
            ChatServer(model),
            ArgusLM(model, call_seconds),
            Infinity(model, daily_limit),
            Zaguan(model, credits),
        ]
        self._reply = reply
        self._lock = threading.Lock()
        self.reset()
        self._http = HTTPServer(self._respond, self._report)
        self._root = f"http://{HOST}:{self._http.port}"

    def reset(self) -> None:
        """Start anew: the services as they were first, no requests, no injected faults and answers."""
        model = ChatModel(self._reply, self._report)
        services = self._make_services(model)
        with self._lock:
            self._model = model
            self._fakes = {service.name: service for service in services}
            self._requests: List[RecordedRequest] = []
            self._errors: List[BaseException] = []
            self._replies: Dict[str, deque[Reply]] = defaultdict(deque)
            self._cuts: Dict[str, deque[int]] = defaultdict(deque)

    def url(self, service: str) -> str:
        """The base URL of a service, such as `url("zaguan")`."""
        return f"{self._root}/{self._service(service).name}"

    def services(self) -> Services:
        """Address and key of each service, ready for `Client(**server.services())`."""
        # All get a key: otherwise a real one from the environment would be sent here.
        made = {name: _LocalService(self.url(name), fake.key) for name, fake in self._fakes.items()}
        return cast(Services, made)

    def environment(self) -> Dict[str, str]:
        """The environment variables with which a Client finds this server."""
        variables: Dict[str, str] = {}
        for name, fake in self._fakes.items():
            prefix = "INFINITY_ASSISTANT" if name == "infinity" else name.upper()
            variables.update({f"{prefix}_BASE_URL": self.url(name), f"{prefix}_API_KEY": fake.key})
        return variables

    @property
    def requests(self) -> List[RecordedRequest]:
        """The requests that arrived so far, oldest first."""
        with self._lock:
            return list(self._requests)

    @property
    def errors(self) -> List[BaseException]:
        """Exceptions inside the server, such as in your `reply`; the client got a 500."""
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
            text: What the assistant says in the next chats, plain or streamed.
            tool_calls: What it calls, such as ``[("get_weather", {"city": "Oslo"})]``.
            finish_reason: Such as "length"; the default is "stop" or "tool_calls".
            usage: Members of the usage that are not to be counted, such as ``{"total_tokens": 7}``.
            body: The JSON of the next answers to any request, instead of all the above.
            times: How many requests get this answer.

        Raises:
            ValueError: The service is unknown, or the arguments do not go together.
        """
        fake = self._service(service)
        _check_count("times", times, 1)
        if body is not None:
            if (text, tool_calls, finish_reason, usage) != (None, None, None, None):
                raise ValueError(
                    "body is the whole answer: it takes no text, tool_calls, finish_reason or usage"
                )
            self._enqueue(self._replies[service], Reply.json(body), times)
            return
        if not fake.has_chat:
            raise ValueError(f"{service} has no chat: it only takes body=")
        if tool_calls is not None and not fake.has_tools:
            raise ValueError(f"{service} has no tool calls")
        message = {"content": text, "tool_calls": tool_calls}
        value = message if tool_calls else text or ""
        self._model.plan(service, PlannedAnswer(value, finish_reason, usage or {}), times)

    def model_down(self, service: str, down: bool = True) -> None:
        """Let the model behind a service be down, as the service itself reports it, or up again.

        monGARS and Infinity Assistant apologize with status 200, the streams of Infinity Assistant and
        ChatServer have an error event, Zaguan and ChatServer answer 503, calls of ArgusLM fail.

        Raises:
            ValueError: The service is unknown.
        """
        self._model.set_down(self._service(service).name, down)

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
            status: The HTTP status.
            body: Text (sent as text/plain), or what is sent as JSON. The default is what the service
                itself sends with this status.
            headers: More headers, such as `{"Retry-After": "0"}`.
            times: How many requests get this answer.

        Raises:
            ValueError: The service is unknown, or the status or times cannot be.
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
            after: How many events are still sent (`[DONE]` counts as one), or texts of a WebSocket.
            times: How many streams are cut.

        Raises:
            ValueError: The service is unknown, or after or times cannot be.
        """
        _check_count("after", after, 0)
        _check_count("times", times, 1)
        self._enqueue(self._cuts[self._service(service).name], after, times)

    def close(self) -> None:
        """Stop the server. May be called again."""
        self._http.close()

    def __repr__(self) -> str:
        return f"<LocalServer {self._root}: {', '.join(self._fakes)}>"

    def _service(self, name: str) -> FakeService:
        if name not in self._fakes:
            raise ValueError(f"unknown service {name!r}: the local server knows {', '.join(self._fakes)}")
        return self._fakes[name]

    def _enqueue(self, queue: deque[T], item: T, times: int) -> None:
        with self._lock:
            queue.extend(repeat(item, times))

    def _report(self, error: BaseException) -> None:
        with self._lock:
            self._errors.append(error)

    def _record(self, service: str, request: Request) -> None:
        try:
            body = request.json()
        except (ValueError, RecursionError):
            body = None
        arrived = RecordedRequest(service, request.method, request.path, request.query, request.headers, body)
        with self._lock:
            self._requests.append(arrived)

    def _respond(self, method: str, target: str, headers: Headers, body: bytes) -> Answer:
        name, slash, rest = target[1:].partition("/")
        fake = self._fakes.get(name)
        if fake is None:
            return Reply.json({"detail": "Not Found"}, 404)
        try:
            request = Request.parse(method, slash + rest, headers, body)
            self._record(name, request)
            return self._answer(fake, request)
        except Exception as error:
            self._report(error)
            return fake.error(HTTPError(500, f"{type(error).__name__} in LocalServer: {error}"))

    def _answer(self, fake: FakeService, request: Request) -> Answer:
        planned = self._next(self._replies[fake.name])
        answer: Answer = planned or fake.answer(request)
        if isinstance(answer, (EventStream, WebSocketStream)):
            answer = replace(answer, cut_after=self._next(self._cuts[fake.name]))
        return replace(answer, headers={**fake.response_headers(request), **answer.headers})

    def _next(self, queue: deque[T]) -> Optional[T]:
        with self._lock:
            return queue.popleft() if queue else None


def _check_count(name: str, value: int, least: int) -> None:
    if value < least:
        raise ValueError(f"{name} must be at least {least}, not {value}")
