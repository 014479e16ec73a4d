"""The errors of monGARS: a class of its own for each of the common ones."""

from __future__ import annotations

from typing import Any

from .. import errors


class MonGARSError(errors.ChatSDKError):
    """Base of everything that ``client.mongars`` raises."""

    @property
    def detail(self) -> Any:
        """What the server says in ``detail``: text, a list of complaints or an object; else the message."""
        body = self.payload
        found = body.get("detail") if isinstance(body, dict) else None
        return self.message if found is None else found

    @property
    def payload(self) -> Any:
        """The decoded body of the answer, or its text; None where no answer came."""
        return getattr(self, "body", None)


class ConfigurationError(MonGARSError, errors.ConfigurationError):
    """There is no usable address, key or option."""


class InvalidRequestError(MonGARSError, errors.InvalidRequestError):
    """The request was refused before it was sent."""


class APIError(MonGARSError, errors.APIError):
    """A call failed."""


class APIStatusError(APIError, errors.APIStatusError):
    """The server answered with a status other than 2xx."""


class BadRequestError(APIStatusError, errors.BadRequestError):
    """400: the request is wrong."""


class AuthenticationError(APIStatusError):
    """401 or 403: wrong login, no token or an expired one; or a token that is valid, but not for this.

    ``status_code`` tells them apart. A 401 is an UnauthorizedError, a 403 a PermissionDeniedError.
    """

    status_code = 401


class UnauthorizedError(AuthenticationError, errors.AuthenticationError):
    """401: wrong login, no token or an expired one."""


class InsufficientCreditsError(APIStatusError, errors.InsufficientCreditsError):
    """402: the account has too few credits."""


class PermissionDeniedError(AuthenticationError, errors.PermissionDeniedError):
    """403: the token is valid, but not for this."""

    status_code = 403


class NotFoundError(APIStatusError, errors.NotFoundError):
    """404: the resource or the endpoint does not exist."""


class ConflictError(APIStatusError, errors.ConflictError):
    """409: the request conflicts with the current state."""


class UnprocessableEntityError(APIStatusError, errors.UnprocessableEntityError):
    """422: a field is missing or invalid."""


class RateLimitError(APIStatusError, errors.RateLimitError):
    """429: too many requests."""


class InternalServerError(APIStatusError, errors.InternalServerError):
    """5xx: the server failed."""


class APIConnectionError(APIError, errors.APIConnectionError):
    """The server could not be reached, or the connection broke."""


class APITimeoutError(APIConnectionError, errors.APITimeoutError):
    """The server did not answer in time."""


class APIResponseError(APIError, errors.APIResponseError):
    """A successful response that cannot be read."""


class StreamError(APIError, errors.StreamError):
    """An event of a stream is an error, or cannot be read."""


class StreamInterruptedError(StreamError, errors.StreamInterruptedError):
    """A stream ended before it was complete."""


SDKError = MonGARSError

OWN_CLASSES = {**errors.own_classes(MonGARSError, globals()), errors.AuthenticationError: UnauthorizedError}
