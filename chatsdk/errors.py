"""The errors of the library, one tree for all services.

What a service raises is an instance of two classes: one from this tree, which says what went wrong, and the
base of that service (``ZaguanError``, ``ChatServerError``, ...), which says where.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Dict, Optional, Tuple, Type, TypeVar

if TYPE_CHECKING:
    import requests


class ChatSDKError(Exception):
    """Base of every error that this library raises.

    ``message`` is the text of the error: the server's own sentence where it sent one. ``status_code`` and
    ``request_id`` are None where no answer came.
    """

    status_code: Optional[int] = None
    request_id: Optional[str] = None

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message

    def __reduce__(self) -> Tuple[Any, ...]:
        # A response holds the request, and with it the prompt: it does not travel to other processes.
        state = {name: value for name, value in self.__dict__.items() if name != "response"}
        return _restore, (*_parents(type(self)), self.message, state)


class ConfigurationError(ChatSDKError, ValueError):
    """A Client cannot work as it was set up: no address, a bad one, an unusable key or option."""


class InvalidRequestError(ChatSDKError, ValueError):
    """A request was refused before it was sent: an empty id, NaN, text that is not valid Unicode."""


class APIError(ChatSDKError):
    """An exchange with a server failed.

    Attributes:
        service: the service's name, such as ``"zaguan"``.
        message: the server's own sentence where it sent one.
        request_id: the id the server gave the request, or else the one that was sent.
        method, url: what was asked; values in the query are left out.
        partial: what a stream had delivered before it failed, as its response object; else None.
    """

    def __init__(
        self,
        message: str,
        *,
        service: str = "",
        request_id: Optional[str] = None,
        method: str = "",
        url: str = "",
    ) -> None:
        super().__init__(message)
        self.service = service
        self.request_id = request_id
        self.method = method
        self.url = url
        self.partial: Any = None


class APIStatusError(APIError):
    """The server answered with a status that is no success.

    Attributes:
        status_code: the HTTP status.
        code: the server's own short word for the failure (``"insufficient_credits"``), or None.
        body: the decoded JSON body, or its text, as it was received.
        response: the ``requests.Response``; None on an error that came out of a pickle.
        retry_after: seconds the server asks to wait, or None.
    """

    status_code: int = 0
    code: Optional[str] = None
    body: Any = None
    response: Optional[requests.Response] = None
    retry_after: Optional[float] = None


class BadRequestError(APIStatusError):
    """400: the request is wrong."""


class AuthenticationError(APIStatusError):
    """401: no key or token, or one that the server does not accept."""


class InsufficientCreditsError(APIStatusError):
    """402: the account has not enough credits."""


class PermissionDeniedError(APIStatusError):
    """403: the key is valid, but not for this."""


class NotFoundError(APIStatusError):
    """404: no such thing, or the server does not offer this endpoint."""


class ConflictError(APIStatusError):
    """409: the request does not fit the present state."""


class UnprocessableEntityError(APIStatusError):
    """422: a field is missing or outside its limits; the message names it."""


class RateLimitError(APIStatusError):
    """429: too many requests; ``retry_after`` holds the seconds to wait where the server told them."""


class InternalServerError(APIStatusError):
    """5xx: the server, or one behind it, failed."""


class APIConnectionError(APIError):
    """The server could not be reached, or the connection broke before the answer was whole."""


class APITimeoutError(APIConnectionError):
    """The server did not answer in time."""


class APIResponseError(APIError):
    """A success that cannot be read: not JSON, JSON of another kind, too large, without its essential field.

    Attributes:
        status_code: the HTTP status.
        content_type: what the server said the body is, or "".
        body: the start of the body as text, as it was received.
        response: the ``requests.Response``; None on an error that came out of a pickle.
    """

    content_type: str = ""
    body: str = ""
    response: Optional[requests.Response] = None


class StreamError(APIError):
    """An event of a stream is an error or cannot be read; what came before was delivered.

    Attributes:
        code: the server's own short word for the failure, or None.
        body: the event's data, decoded where it is JSON.
    """

    code: Optional[str] = None
    body: Any = None


class StreamInterruptedError(StreamError):
    """A stream ended before its end: the connection was cut, or no end marker and no finish reason came."""


STATUS_ERRORS: Dict[int, Type[APIStatusError]] = {
    400: BadRequestError,
    401: AuthenticationError,
    402: InsufficientCreditsError,
    403: PermissionDeniedError,
    404: NotFoundError,
    409: ConflictError,
    422: UnprocessableEntityError,
    429: RateLimitError,
}


def status_error(status: int) -> Type[APIStatusError]:
    """Return the class for an HTTP status."""
    return STATUS_ERRORS.get(status, InternalServerError if status >= 500 else APIStatusError)


E = TypeVar("E", bound=Type[ChatSDKError])
_Pair = Tuple[Type[ChatSDKError], Type[ChatSDKError]]
_combined: Dict[_Pair, Type[Any]] = {}


def combined(kind: Type[ChatSDKError], base: Type[ChatSDKError]) -> Type[Any]:
    """Return the class that is both *kind* (what went wrong) and *base* (in which service)."""
    if issubclass(kind, base):
        return kind
    if issubclass(base, kind):
        return base
    known = _combined.get((kind, base))
    if known is None:
        text = {"__doc__": kind.__doc__, "__module__": base.__module__, "_parents": (kind, base)}
        # setdefault: of two threads that come here at once, both must get the same class.
        known = _combined.setdefault((kind, base), type(kind.__name__, (kind, base), text))
    return known


def combination(cls: E) -> E:
    """Let *cls* be the class that is both of its two bases: what went wrong, and in which service."""
    kind, base = cls.__bases__
    _combined[kind, base] = cls
    return cls


def _parents(cls: Type[ChatSDKError]) -> _Pair:
    """Return what *cls* was combined from; a class written out comes from itself."""
    pair: _Pair = cls.__dict__.get("_parents", (cls, cls))
    return pair


def _restore(
    kind: Type[ChatSDKError], base: Type[ChatSDKError], message: str, state: Dict[str, Any]
) -> ChatSDKError:
    error: ChatSDKError = combined(kind, base)(message)
    error.__dict__.update(state)
    return error
