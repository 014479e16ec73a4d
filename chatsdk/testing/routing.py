"""Routes as tables, and the base of the services that have them."""

from __future__ import annotations

import re
import threading
from contextlib import nullcontext
from dataclasses import dataclass, replace
from http.client import responses
from typing import Any, Callable, Dict, List, Mapping, Optional, Sequence, Tuple, TypeVar

from .chat import ChatModel, ModelError
from .exchange import Answer, EventStream, HTTPError, Reply, Request, WebSocketStream
from .validation import InvalidError, Param, Problem, check_params, read_body, read_form
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

    Args:
        method: The HTTP method, or WEBSOCKET for a handler that returns a WebSocketStream.
        path: The path; `{name}` matches one non-empty segment.
        status: The status of what is sent as JSON.
        params: Checks for the named segments; one without a check is text.
        query: The parameters in the query. The last value counts.
        body: The members of the JSON body; without it no body is read.
        form: The fields of a form.
        access: What `FakeService.authorize` is asked for: "user", "public", "admin", ...
        locked: Whether the handler runs under the lock of the service. False for chats: `reply`
            may take long, and use the server itself.
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
        parts = re.split(r"\{(\w+)\}", self.path)
        parts[::2] = map(re.escape, parts[::2])
        parts[1::2] = (f"(?P<{name}>[^/]+)" for name in parts[1::2])
        match = re.fullmatch("".join(parts), path, re.DOTALL)
        return None if match is None else match.groupdict()


class FakeService:
    """The stand-in of one service: its endpoints, its state, the shape of its errors.

    Attributes:
        name: The name of the service, and of its path prefix.
        key: The key or token that the server hands out for it.
        has_chat, has_tools: Whether `respond` takes a text, and tool calls.
        strict: Whether numbers and booleans as text are refused in bodies.
        error_messages: What `error` says about a status by default: a text, or any JSON.
        model: Makes the assistant's answers.
        lock: Protects the state.
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
        self._routes: List[Tuple[route, Handler]] = []
        self.add_routes(self)

    def add_routes(self, part: object) -> None:
        """Serve the handlers that are declared in the class of *part*, in their order."""
        for base in reversed(type(part).__mro__):
            for name, function in vars(base).items():
                if hasattr(function, "_route"):
                    self._routes.append((function._route, getattr(part, name)))

    def answer(self, request: Request) -> Answer:
        """Answer a request."""
        try:
            return self._dispatch(request)
        except HTTPError as error:
            if error.body is not None:
                return Reply.json(error.body, error.status, error.headers)
            reply = self.error(error.status, error.message, error.headers, error.details)
            return replace(reply, headers={**reply.headers, **error.headers})
        except InvalidError as error:
            return self.invalid(request, error.problems)
        except ModelError as error:
            return self.model_error(request, error)

    def error(
        self, status: int, message: str, headers: Mapping[str, str], details: Mapping[str, Any]
    ) -> Reply:
        """The service's answer with an error status. Each service has its own shape.

        Args:
            status: The HTTP status.
            message: The sentence; "" for what the service usually says.
            headers: The headers that are added to the reply later.
            details: More members, for services that have any.
        """
        if status == 500 and not message:
            return Reply.text("Internal Server Error", 500)
        default = self.error_messages.get(status, responses.get(status, "Error"))
        return Reply.json({"detail": message or default, **details}, status)

    def invalid(self, request: Request, problems: List[Problem]) -> Reply:
        """The answer to parameters that were refused."""
        return Reply.json({"detail": problems}, 422)

    def model_error(self, request: Request, error: ModelError) -> Answer:
        """The answer if the model is down, or `reply` raised an exception."""
        return self.error(error.status, str(error), {}, {})

    def authorize(self, request: Request, access: str) -> Any:
        """Check who sends a request to an endpoint; the result becomes `request.user`.

        Raises:
            HTTPError: The request is refused.
        """

    def response_headers(self, request: Request) -> Mapping[str, str]:
        """Headers that every answer of this service carries, injected errors too."""
        return {}

    def _dispatch(self, request: Request) -> Answer:
        method, allowed = request.method, ""
        if is_upgrade(request.headers):
            method, allowed = WEBSOCKET, WEBSOCKET
        for declared, handler in self._routes:
            segments = declared.match(request.path)
            if segments is None:
                continue
            if declared.method == method:
                with self.lock if declared.locked else nullcontext():
                    return self._call(declared, handler, segments, request)
            if declared.method != WEBSOCKET:
                allowed = allowed or declared.method
        if allowed == WEBSOCKET:
            raise HTTPError(403)
        # Starlette names the method of the first matching route only.
        raise HTTPError(405, headers={"allow": allowed}) if allowed else HTTPError(404)

    def _call(self, declared: route, handler: Handler, segments: Dict[str, str], request: Request) -> Answer:
        request = replace(request, user=self.authorize(request, declared.access))
        query = {name: values[-1] for name, values in request.query.items()}
        problems: List[Problem] = []

        def check(read: Callable[..., Dict[str, Any]], *args: Any) -> Dict[str, Any]:
            try:
                return read(*args)
            except InvalidError as error:
                problems.extend(error.problems)
                return {}

        params = {
            **segments,
            **check(check_params, segments, declared.params, ("path",)),
            **check(check_params, query, declared.query, ("query",)),
        }
        fields: Dict[str, Any] = {}
        if declared.body is not None:
            fields = check(read_body, request, declared.body, self.strict)
        if declared.form is not None:
            fields = check(read_form, request, declared.form)
        if problems:
            raise InvalidError(problems)
        result = handler(replace(request, params=params, fields=fields))
        if isinstance(result, (Reply, EventStream, WebSocketStream)):
            return result
        return Reply(declared.status) if result is None else Reply.json(result, declared.status)
