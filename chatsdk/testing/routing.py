"""The route decorator, and the base class of the services."""

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
    """Decorator that makes a method the handler of an endpoint.

    The handler receives a Request with validated `params` and `fields`. It returns an Answer, a value
    to send as JSON, or None for no body.

    *method* may be WEBSOCKET, for a WebSocketStream. `{name}` in *path* matches one non-empty segment,
    which *params* may validate. The last value of a repeated query parameter is used. *locked* is
    whether the handler holds the lock of the service; not in chats, as `reply` may use the server.
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
        """Return the named segments of a path, or None if it does not match."""
        match = re.fullmatch(re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/]+)", re.escape(self.path)), path)
        return None if match is None else match.groupdict()


class FakeService:
    """Base class of the services: endpoints, state and error format.

    Attributes:
        key: The API key or token that LocalServer gives to its users.
        has_chat, has_tools: Whether `respond` takes a text, and tool calls.
        strict: Whether bodies with strings for numbers or booleans are rejected.
        error_messages: The default message (any JSON value) of an error, by status.
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
        # In the order of definition: the first route that matches is used.
        names = dict.fromkeys(name for base in reversed(type(self).__mro__) for name in vars(base))
        attributes = [getattr(self, name) for name in names]
        self._handlers: List[Handler] = [value for value in attributes if hasattr(value, "_route")]

    def answer(self, request: Request) -> Answer:
        """Answer a request."""
        try:
            return self._dispatch(request)
        except HTTPError as error:
            reply = self.error(error)
            return replace(reply, headers={**reply.headers, **error.headers})

    def error(self, error: HTTPError) -> Reply:
        """Return the response to an error, without its headers. Each service has its own format."""
        if error.status == 500 and not error.message:
            return Reply.text("Internal Server Error", 500)
        default = self.error_messages.get(error.status, responses.get(error.status, "Error"))
        return Reply.json({"detail": error.message or default, **error.details}, error.status)

    def invalid(self, request: Request, problems: List[Problem]) -> Reply:
        """Return the response to invalid parameters."""
        return Reply.json({"detail": problems}, 422)

    def authorize(self, request: Request, access: str) -> Any:
        """Return the `user` of a request, or raise HTTPError to reject the request."""

    def response_headers(self, request: Request) -> Mapping[str, str]:
        """Return headers for every response of this service, including injected errors."""
        return {}

    def _dispatch(self, request: Request) -> Answer:
        method = WEBSOCKET if is_upgrade(request.headers) else request.method
        allowed: List[str] = []
        for handler in self._handlers:
            endpoint: route = handler._route  # type: ignore[attr-defined]
            segments = endpoint.match(request.path)
            if segments is not None and endpoint.method == method:
                with self.lock if endpoint.locked else nullcontext():
                    return self._call(endpoint, handler, segments, request)
            if segments is not None and endpoint.method != WEBSOCKET:
                allowed.append(endpoint.method)
        if method == WEBSOCKET:
            raise HTTPError(403)
        # Like Starlette, name only the method of the first matching route.
        raise HTTPError(405, headers={"allow": allowed[0]}) if allowed else HTTPError(404)

    def _call(self, endpoint: route, handler: Handler, segments: Dict[str, str], request: Request) -> Answer:
        request = replace(request, user=self.authorize(request, endpoint.access))
        query = {name: values[-1] for name, values in request.query.items()}
        problems: List[Problem] = []
        params = {
            **segments,
            **check_params(segments, endpoint.params, ("path",), problems),
            **check_params(query, endpoint.query, ("query",), problems),
        }
        fields: Dict[str, Any] = {}
        if endpoint.body is not None:
            fields = read_body(request, endpoint.body, problems, self.strict)
        if endpoint.form is not None:
            fields = read_form(request, endpoint.form, problems)
        if problems:
            return self.invalid(request, problems)
        result = handler(replace(request, params=params, fields=fields))
        if isinstance(result, (Reply, EventStream, WebSocketStream)):
            return result
        return Reply(endpoint.status) if result is None else Reply.json(result, endpoint.status)
