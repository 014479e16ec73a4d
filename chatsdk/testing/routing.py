"""Routes as tables, and the base of the services that have them."""

from __future__ import annotations

import re
import threading
from contextlib import nullcontext
from dataclasses import dataclass, replace
from http.client import responses
from typing import Any, Callable, Dict, List, Mapping, Optional, Sequence, TypeVar

from .chat import ChatModel
from .exchange import Answer, EventStream, HTTPError, Reply, Request, WebSocketStream
from .validation import Param, Problem, check_params, read_body, read_form
from .websocket import is_upgrade

Handler = Callable[[Request], Any]
H = TypeVar("H", bound=Callable[..., Any])

API_KEY = "local-key"
WEBSOCKET = "WEBSOCKET"


@dataclass(frozen=True)
class route:
    """Declare a method as the handler of an endpoint.

    The handler gets a Request with checked `params` and `fields`. It returns an Answer, or what is
    sent as JSON; None for no body.

    The method may be WEBSOCKET, for a WebSocketStream; `{name}` in the path matches one non-empty
    segment, which *params* may check. Of a query the last value counts. *locked* says whether the
    handler runs under the lock of the service: not for chats, as `reply` may use the server itself.
    """

    method: str
    path: str
    status: int = 200
    params: Sequence[Param] = ()
    query: Sequence[Param] = ()
    body: Optional[Sequence[Param]] = None
    form: Optional[Sequence[Param]] = None
    access: str = "user"
    locked: bool = True

    def __call__(self, handler: H) -> H:
        """Decorate a handler."""
        handler._route = self  # type: ignore[attr-defined]
        return handler

    def match(self, path: str) -> Optional[Dict[str, str]]:
        """Return the named segments of a path, or None if it is another one."""
        match = re.fullmatch(re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/]+)", re.escape(self.path)), path)
        return None if match is None else match.groupdict()


class FakeService:
    """The stand-in of one service: its endpoints, its state, the shape of its errors.

    Attributes:
        key: The key or token that the server hands out for it.
        has_chat, has_tools: Whether `respond` takes a text, and tool calls.
        strict: Whether numbers and booleans as text are refused in bodies.
        error_messages: What `error` says about a status by default: a text, or any JSON.
    """

    name: str
    key: str = API_KEY
    has_chat: bool = True
    has_tools: bool = False
    strict: bool = False
    error_messages: Mapping[int, object] = {}

    def __init__(self, model: Optional[ChatModel] = None) -> None:
        self.model = model or ChatModel()
        self.lock = threading.RLock()
        names = dict.fromkeys(name for base in reversed(type(self).__mro__) for name in vars(base))
        members = [getattr(self, name) for name in names]
        self._handlers: List[Handler] = [member for member in members if hasattr(member, "_route")]

    def answer(self, request: Request) -> Answer:
        """Answer a request."""
        try:
            return self._dispatch(request)
        except HTTPError as error:
            reply = self.error(error)
            return replace(reply, headers={**reply.headers, **error.headers})

    def error(self, error: HTTPError) -> Reply:
        """The service's answer with an error, without its headers. Each service has its own shape."""
        if error.status == 500 and not error.message:
            return Reply.text("Internal Server Error", 500)
        default = self.error_messages.get(error.status, responses.get(error.status, "Error"))
        return Reply.json({"detail": error.message or default, **error.details}, error.status)

    def invalid(self, request: Request, problems: List[Problem]) -> Reply:
        """The answer to parameters that were refused."""
        return Reply.json({"detail": problems}, 422)

    def authorize(self, request: Request, access: str) -> Any:
        """Return the `request.user` of a request to an endpoint; raises HTTPError to refuse it."""

    def response_headers(self, request: Request) -> Mapping[str, str]:
        """Headers that every answer of this service carries, injected errors too."""
        return {}

    def _dispatch(self, request: Request) -> Answer:
        method = WEBSOCKET if is_upgrade(request.headers) else request.method
        allowed: List[str] = []
        for handler in self._handlers:
            declared: route = handler._route  # type: ignore[attr-defined]
            segments = declared.match(request.path)
            if segments is not None and declared.method == method:
                with self.lock if declared.locked else nullcontext():
                    return self._call(declared, handler, segments, request)
            if segments is not None and declared.method != WEBSOCKET:
                allowed.append(declared.method)
        if method == WEBSOCKET:
            raise HTTPError(403)
        # Starlette names the method of the first matching route only.
        raise HTTPError(405, headers={"allow": allowed[0]}) if allowed else HTTPError(404)

    def _call(self, declared: route, handler: Handler, segments: Dict[str, str], request: Request) -> Answer:
        request = replace(request, user=self.authorize(request, declared.access))
        query = {name: values[-1] for name, values in request.query.items()}
        problems: List[Problem] = []
        params = {
            **segments,
            **check_params(segments, declared.params, ("path",), problems),
            **check_params(query, declared.query, ("query",), problems),
        }
        fields: Dict[str, Any] = {}
        if declared.body is not None:
            fields = read_body(request, declared.body, problems, self.strict)
        if declared.form is not None:
            fields = read_form(request, declared.form, problems)
        if problems:
            return self.invalid(request, problems)
        result = handler(replace(request, params=params, fields=fields))
        if isinstance(result, (Reply, EventStream, WebSocketStream)):
            return result
        return Reply(declared.status) if result is None else Reply.json(result, declared.status)
