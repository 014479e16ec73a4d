"""The errors of the library, one tree for all services.

Each service raises its own classes, which have the same names: ``chatsdk.zaguan.NotFoundError`` inherits from
``chatsdk.NotFoundError`` and from ``chatsdk.zaguan.ZaguanError``.
"""

from __future__ import annotations

import copyreg
from typing import TYPE_CHECKING, Any, Dict, Mapping, Optional, Tuple, Type

if TYPE_CHECKING:
    import requests


class ChatSDKError(Exception):
    """Base of every error that this library raises.

    ``message`` is the text of the error. ``status_code`` and ``request_id`` are None without a response.
    """

    status_code: Optional[int] = None
    request_id: Optional[str] = None

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message

    def __reduce__(self) -> Tuple[Any, ...]:
        # A response holds the request, and with it the prompt: a pickle does not contain it.
        state = {name: value for name, value in self.__dict__.items() if name != "response"}
        partial: Any = state.get("partial")
        if hasattr(partial, "to_dict"):
            state["partial"] = type(partial).from_dict(_bounded(partial.to_dict()))
        # Without __init__, which takes other arguments in some subclasses.
        return copyreg.__newobj__, (type(self), *self.args), state  # type: ignore[attr-defined]


def _bounded(value: Any, depth: int = 100) -> Any:
    """Return a JSON value cut off at *depth* levels: pickle fails at a few hundred."""
    if isinstance(value, dict):
        return {name: _bounded(item, depth - 1) for name, item in value.items()} if depth else None
    if isinstance(value, list):
        return [_bounded(item, depth - 1) for item in value] if depth else None
    return value


class ConfigurationError(ChatSDKError, ValueError):
    """A setting of the Client is missing or invalid: base_url, API key or an option."""


class InvalidRequestError(ChatSDKError, ValueError):
    """A request is invalid and was not sent: an empty id, NaN, text that is not valid Unicode."""


class InsecureTransportWarning(UserWarning):
    """A key, token or password is sent over plain http to another machine."""


class APIError(ChatSDKError):
    """A call failed.

    Attributes:
        service: the name of the service, such as ``"zaguan"``.
        message: the server's message; if it sent none, one of this library.
        request_id: the ``X-Request-Id`` of the response, or of the request; None if neither has one.
        method, url: the method and the URL of the request, without the values in its query.
        partial: if a stream failed, the response object of the part that was received; else None.
    """

    service: str = ""
    method: str = ""
    url: str = ""
    partial: Any = None


class APIStatusError(APIError):
    """The server answered with a status other than 2xx; ``str()`` shows message, status, method and URL.

    Attributes:
        status_code: the HTTP status.
        code: the server's code of the error, such as ``"insufficient_credits"``, or None.
        type: the server's type of the error, such as ``"invalid_request_error"``, or None.
        param: the invalid parameter of the request, or None.
        body: the decoded JSON body, or its text, without keys and tokens.
        response: the ``requests.Response``; None after unpickling.
        retry_after: the seconds to wait that the server asks for, or None.
        hint: how to fix the request, or None.
    """

    status_code: int = 0
    code: Optional[str] = None
    type: Optional[str] = None
    param: Optional[str] = None
    body: Any = None
    response: Optional[requests.Response] = None
    retry_after: Optional[float] = None
    hint: Optional[str] = None

    def __str__(self) -> str:
        if not self.method:  # raised by a user's mock
            return self.message
        status = f"HTTP {self.status_code}"
        text = " ".join(self.message.split())
        text = text if text.startswith(status) else f"{status}: {text}"
        request = f"{self.method} {self.url}"
        request += f", request id {self.request_id}" if self.request_id else ""
        return f"{text} ({request})" + (f"; {self.hint}" if self.hint else "")


class BadRequestError(APIStatusError):
    """400: the request is invalid."""

    status_code = 400


class AuthenticationError(APIStatusError):
    """401: no key or token, or an invalid one."""

    status_code = 401


class InsufficientCreditsError(APIStatusError):
    """402: the account has too few credits."""

    status_code = 402


class PermissionDeniedError(APIStatusError):
    """403: the key or token is valid, but does not allow this."""

    status_code = 403


class NotFoundError(APIStatusError):
    """404: the resource or the endpoint does not exist."""

    status_code = 404


class ConflictError(APIStatusError):
    """409: the request conflicts with the current state."""

    status_code = 409


class UnprocessableEntityError(APIStatusError):
    """422: a field is missing or invalid; the message names it."""

    status_code = 422


class RateLimitError(APIStatusError):
    """429: too many requests; ``retry_after`` holds the seconds to wait, or None."""

    status_code = 429


class InternalServerError(APIStatusError):
    """5xx: the server or an upstream server failed."""

    status_code = 500


class APIConnectionError(APIError):
    """The server could not be reached, or the connection broke before the response was complete.

    Attributes:
        unsent: True if no connection could be made, so that the server has not seen the request.
    """

    unsent: bool = False


class APITimeoutError(APIConnectionError):
    """The server did not answer in time."""


class APIResponseError(APIError):
    """A 2xx response is invalid: not JSON, JSON of another type, too large, or without a required field.

    Attributes:
        status_code: the HTTP status.
        content_type: the Content-Type header, or "".
        body: the start of the body as text, without keys and tokens; from ``parse()``, the whole text.
        code: from ``parse()``, the reason: ``"refusal"``, ``"length"`` or ``"invalid"``; else None.
        response: the ``requests.Response``; None after unpickling.
    """

    content_type: str = ""
    code: Optional[str] = None
    body: str = ""
    response: Optional[requests.Response] = None


class StreamError(APIError):
    """An event of a stream reports an error or is invalid; the events before it were yielded.

    Attributes:
        code, type, param: as in ``APIStatusError``.
        body: the data of the event, decoded if it is JSON.
    """

    code: Optional[str] = None
    type: Optional[str] = None
    param: Optional[str] = None
    body: Any = None


class StreamInterruptedError(StreamError):
    """A stream is incomplete: the connection broke, or neither an end marker nor a finish reason came."""


STATUS_ERRORS: Dict[int, Type[APIStatusError]] = {
    cls.status_code: cls for cls in APIStatusError.__subclasses__() if cls.status_code < 500
}


def status_error(status: int) -> Type[APIStatusError]:
    """Return the class for an HTTP status."""
    return STATUS_ERRORS.get(status, InternalServerError if status >= 500 else APIStatusError)


ErrorClasses = Mapping[Type[ChatSDKError], Type[ChatSDKError]]


def map_classes(base: Type[ChatSDKError], names: Mapping[str, Any]) -> ErrorClasses:
    """Map each class of this module to the class of that name among *names*, and ChatSDKError to *base*."""
    classes = {
        common: names.get(name, base)
        for name, common in globals().items()
        if isinstance(common, type) and issubclass(common, ChatSDKError)
    }
    for common, cls in classes.items():
        cls.__doc__ = cls.__doc__ or common.__doc__  # help() shows no inherited docstring
    return classes
