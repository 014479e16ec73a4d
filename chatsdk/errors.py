"""The errors of the library, one tree for all services.

Each service has classes of its own under the same names and raises those: ``chatsdk.zaguan.NotFoundError``
inherits from the class here and from ``chatsdk.zaguan.ZaguanError``.
"""

from __future__ import annotations

import copyreg
from typing import TYPE_CHECKING, Any, Dict, Mapping, Optional, Tuple, Type

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
        # Without __init__, which takes other arguments in some subclasses.
        return copyreg.__newobj__, (type(self), *self.args), state  # type: ignore[attr-defined]


class ConfigurationError(ChatSDKError, ValueError):
    """A Client cannot work as it was set up: no address, a bad one, an unusable key or option."""


class InvalidRequestError(ChatSDKError, ValueError):
    """A request was refused before it was sent: an empty id, NaN, text that is not valid Unicode."""


class InsecureTransportWarning(UserWarning):
    """A key, token or password goes over plain http to another machine."""


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
    """The server answered with a status that is no success; its text also tells status, method and URL.

    Attributes:
        status_code: the HTTP status.
        code: the server's own code for the failure (``"insufficient_credits"``), or None.
        type: the kind of failure that it names (``"invalid_request_error"``), or None.
        param: the parameter of the request that it finds wrong, or None.
        body: the decoded JSON body, or its text, as it was received.
        response: the ``requests.Response``; None on an error that came out of a pickle.
        retry_after: seconds the server asks to wait, or None.
        hint: what may help, or None.
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
        if not self.method:  # made by hand
            return self.message
        status = f"HTTP {self.status_code}"
        text = " ".join(self.message.split())
        text = text if text.startswith(status) else f"{status}: {text}"
        asked = f"{self.method} {self.url}"
        asked += f", request id {self.request_id}" if self.request_id else ""
        return f"{text} ({asked})" + (f"; {self.hint}" if self.hint else "")


class BadRequestError(APIStatusError):
    """400: the request is wrong."""

    status_code = 400


class AuthenticationError(APIStatusError):
    """401: no key or token, or one that the server does not accept."""

    status_code = 401


class InsufficientCreditsError(APIStatusError):
    """402: the account has not enough credits."""

    status_code = 402


class PermissionDeniedError(APIStatusError):
    """403: the key is valid, but not for this."""

    status_code = 403


class NotFoundError(APIStatusError):
    """404: no such thing, or the server does not offer this endpoint."""

    status_code = 404


class ConflictError(APIStatusError):
    """409: the request does not fit the present state."""

    status_code = 409


class UnprocessableEntityError(APIStatusError):
    """422: a field is missing or outside its limits; the message names it."""

    status_code = 422


class RateLimitError(APIStatusError):
    """429: too many requests; ``retry_after`` holds the seconds to wait where the server told them."""

    status_code = 429


class InternalServerError(APIStatusError):
    """5xx: the server, or one behind it, failed."""

    status_code = 500


class APIConnectionError(APIError):
    """The server could not be reached, or the connection broke before the answer was whole.

    Attributes:
        unsent: True if no connection could be made, so that the server has not seen the request.
    """

    unsent: bool = False


class APITimeoutError(APIConnectionError):
    """The server did not answer in time."""


class APIResponseError(APIError):
    """A success that cannot be read: not JSON, JSON of another kind, too large, without its required field.

    Attributes:
        status_code: the HTTP status.
        content_type: what the server said the body is, or "".
        body: the start of the body as text, as it was received; from ``parse()``, the text it was given.
        code: from ``parse()``, the reason: ``"refusal"``, ``"length"`` or ``"invalid"``; else None.
        response: the ``requests.Response``; None on an error that came out of a pickle.
    """

    content_type: str = ""
    code: Optional[str] = None
    body: str = ""
    response: Optional[requests.Response] = None


class StreamError(APIError):
    """An event of a stream is an error or cannot be read; what came before was delivered.

    Attributes:
        code, type, param: as in ``APIStatusError``.
        body: the event's data, decoded where it is JSON.
    """

    code: Optional[str] = None
    type: Optional[str] = None
    param: Optional[str] = None
    body: Any = None


class StreamInterruptedError(StreamError):
    """A stream ended before its end: the connection was cut, or no end marker and no finish reason came."""


STATUS_ERRORS: Dict[int, Type[APIStatusError]] = {
    cls.status_code: cls for cls in APIStatusError.__subclasses__() if cls.status_code < 500
}


def status_error(status: int) -> Type[APIStatusError]:
    """Return the class for an HTTP status."""
    return STATUS_ERRORS.get(status, InternalServerError if status >= 500 else APIStatusError)


OwnClasses = Mapping[Type[ChatSDKError], Type[ChatSDKError]]


def own_classes(base: Type[ChatSDKError], names: Mapping[str, Any]) -> OwnClasses:
    """Map each class of this module to the class of a service that has its name among *names*."""
    own: Dict[Type[ChatSDKError], Type[ChatSDKError]]
    own = {ChatSDKError: base, **{cls: names[cls.__name__] for cls in _NAMED}}
    for common, cls in own.items():
        cls.__doc__ = cls.__doc__ or common.__doc__  # help() shows no inherited one
    return own


_NAMED = [
    cls
    for cls in globals().values()
    if isinstance(cls, type) and issubclass(cls, ChatSDKError) and cls is not ChatSDKError
]
