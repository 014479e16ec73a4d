"""The local server that users see."""

from dataclasses import replace
from typing import Any, Dict, List, Mapping, Optional, Tuple, TypedDict, Union

from .._core.closable import CloseMixin
from .._core.options import Service
from .arguslm import ArgusLM
from .chat import MakeReply, default_reply
from .chatserver import ChatServer
from .dialect import Dialect
from .exchange import CRASH, Answer, EventStream, Feed, Headers, Reply, Request
from .faults import Faults
from .infinity import Infinity
from .journal import Journal, RecordedRequest
from .listener import HOST, Listener
from .mongars import MonGARS
from .zaguan import Zaguan


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
    own base URL, and keeps its state (history, credits, admins, ...) as long as the server lives.

    Args:
        reply: Makes the assistant's text from the messages of a request. The default mentions
            the last user message.
        credits: How many credits the Zaguan account has left.
        token_seconds: How long a token of monGARS is valid after its login.
        daily_limit: How many chats a user of Infinity Assistant has in a day.
        call_seconds: How long each call of a model takes in ArgusLM's benchmarks and monitoring.
    """

    def __init__(
        self,
        *,
        reply: Optional[MakeReply] = None,
        credits: int = 1000,
        token_seconds: float = 3600.0,
        daily_limit: int = 50,
        call_seconds: float = 0.1,
    ) -> None:
        make_reply = reply or default_reply
        dialects: Tuple[Dialect, ...] = (
            MonGARS(make_reply, token_seconds),
            ChatServer(make_reply),
            ArgusLM(call_seconds),
            Infinity(make_reply, daily_limit),
            Zaguan(make_reply, credits),
        )
        self._dialects: Dict[str, Dialect] = {dialect.name: dialect for dialect in dialects}
        self._journal = Journal()
        self._faults = Faults()
        self._listener = Listener(self._respond, self._journal.report)
        self._root = f"http://{HOST}:{self._listener.port}"

    def url(self, service: str) -> str:
        """The base URL of a service, such as `url("zaguan")`."""
        return f"{self._root}/{self._dialect(service).name}"

    def services(self) -> Services:
        """Address and key of each service, ready for `Client(**server.services())`."""
        return {
            "mongars": self._service("mongars"),
            "chatserver": self._service("chatserver"),
            "arguslm": self._service("arguslm"),
            "infinity": self._service("infinity"),
            "zaguan": self._service("zaguan"),
        }

    @property
    def requests(self) -> List[RecordedRequest]:
        """The requests that arrived so far, oldest first."""
        return self._journal.requests

    @property
    def errors(self) -> List[BaseException]:
        """Exceptions inside the server (such as in your `reply`); the client saw a 500."""
        return self._journal.errors

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
            body: Text (sent as it is, as text/plain), or what is sent as JSON. The default is
                what the service itself sends with this status.
            headers: More headers, such as `{"Retry-After": "0"}`.
            times: How many requests get this answer.

        Raises:
            ValueError: The service is unknown, or the status or times cannot be.
        """
        dialect = self._dialect(service)
        if not 200 <= status <= 599:
            raise ValueError(f"status must be from 200 to 599, not {status}")
        _check_count("times", times, 1)
        extra = Headers((headers or {}).items())
        if body is None:
            reply = dialect.failure(status, extra)
        elif isinstance(body, str):
            reply = Reply.text(body, status)
        else:
            reply = Reply.json(body, status)
        fields = {**reply.headers, **extra}
        self._faults.plan_reply(service, replace(reply, headers=fields), times)

    def cut(self, service: str, after: int, times: int = 1) -> None:
        """Break the next streamed answers of a service: the connection is dropped.

        Args:
            service: Such as "zaguan".
            after: How many events are still sent (`[DONE]` counts as one), or texts of a WebSocket.
            times: How many streams break.

        Raises:
            ValueError: The service is unknown, or after or times cannot be.
        """
        _check_count("after", after, 0)
        _check_count("times", times, 1)
        self._faults.plan_cut(self._dialect(service).name, after, times)

    def close(self) -> None:
        """Stop the server. May be called again."""
        self._listener.close()

    def __repr__(self) -> str:
        return f"<LocalServer {self._root}: {', '.join(self._dialects)}>"

    def _service(self, name: str) -> Service:
        # All get a key: else a real one from the environment would be sent here.
        return _LocalService(base_url=self.url(name), api_key=self._dialects[name].key)

    def _dialect(self, service: str) -> Dialect:
        if service not in self._dialects:
            known = ", ".join(self._dialects)
            raise ValueError(f"unknown service {service!r}: the local server knows {known}")
        return self._dialects[service]

    def _respond(self, method: str, target: str, headers: Headers, body: bytes) -> Answer:
        try:
            path, _, query = target.partition("?")
            name, slash, rest = path[1:].partition("/")
            dialect = self._dialects.get(name)
            if dialect is None:
                return Reply.json({"detail": "Not Found"}, 404)
            base_url = f"http://{headers.get('host', self._root[7:])}/{name}"
            request = Request(method, base_url, slash + rest, query, headers, body)
            self._journal.record(name, request)
            return self._answer(dialect, request)
        except Exception as error:
            self._journal.report(error)
            return CRASH

    def _answer(self, dialect: Dialect, request: Request) -> Answer:
        answer: Answer = self._faults.next_reply(dialect.name) or dialect.answer(request)
        if isinstance(answer, (EventStream, Feed)):
            answer = replace(answer, cut_after=self._faults.next_cut(dialect.name))
        return replace(answer, headers={**dialect.stamp(request), **answer.headers})


def _check_count(name: str, value: int, least: int) -> None:
    if value < least:
        raise ValueError(f"{name} must be at least {least}, not {value}")
