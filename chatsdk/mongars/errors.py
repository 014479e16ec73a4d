"""The errors of monGARS: a subclass of each common error."""

from __future__ import annotations

from typing import Any

from .. import errors


class MonGARSError(errors.ChatSDKError):
    """Base of all errors that ``client.mongars`` raises."""

    @property
    def detail(self) -> Any:
        """The ``detail`` of the body (a string, a list or an object), or else the message."""
        body = self.payload
        detail = body.get("detail") if isinstance(body, dict) else None
        return self.message if detail is None else detail

    @property
    def payload(self) -> Any:
        """The decoded body of the response, or its text; None without a response."""
        return getattr(self, "body", None)


# map_classes() gives each class the docstring of its common class.
# fmt: off
class ConfigurationError(errors.ConfigurationError, MonGARSError): ...
class InvalidRequestError(errors.InvalidRequestError, MonGARSError): ...
class APIError(errors.APIError, MonGARSError): ...
class APIStatusError(errors.APIStatusError, APIError): ...
class BadRequestError(errors.BadRequestError, APIStatusError): ...
class InsufficientCreditsError(errors.InsufficientCreditsError, APIStatusError): ...
class NotFoundError(errors.NotFoundError, APIStatusError): ...
class ConflictError(errors.ConflictError, APIStatusError): ...
class UnprocessableEntityError(errors.UnprocessableEntityError, APIStatusError): ...
class RateLimitError(errors.RateLimitError, APIStatusError): ...
class InternalServerError(errors.InternalServerError, APIStatusError): ...
class APIConnectionError(errors.APIConnectionError, APIError): ...
class APITimeoutError(errors.APITimeoutError, APIConnectionError): ...
class APIResponseError(errors.APIResponseError, APIError): ...
class StreamError(errors.StreamError, APIError): ...
class StreamInterruptedError(errors.StreamInterruptedError, StreamError): ...
# fmt: on


class AuthenticationError(APIStatusError):
    """401 or 403, as ``status_code`` says: an UnauthorizedError or a PermissionDeniedError."""

    status_code = 401


class UnauthorizedError(errors.AuthenticationError, AuthenticationError):
    """401: a wrong login, no token or an expired one."""


class PermissionDeniedError(errors.PermissionDeniedError, AuthenticationError): ...


SDKError = MonGARSError

ERROR_CLASSES = {**errors.map_classes(MonGARSError, globals()), errors.AuthenticationError: UnauthorizedError}
