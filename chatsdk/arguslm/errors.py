"""The errors of ArgusLM: a class of its own for each of the common ones."""

from __future__ import annotations

from .. import errors


class ArgusLMError(errors.ChatSDKError):
    """Base of everything that ``client.arguslm`` raises."""


class ConfigurationError(ArgusLMError, errors.ConfigurationError):
    """There is no usable address, key or option."""


class InvalidRequestError(ArgusLMError, errors.InvalidRequestError):
    """The request was refused before it was sent."""


class APIError(ArgusLMError, errors.APIError):
    """A call failed."""


class APIStatusError(APIError, errors.APIStatusError):
    """The server answered with a status other than 2xx."""


class BadRequestError(APIStatusError, errors.BadRequestError):
    """400: the request is wrong."""


class AuthenticationError(APIStatusError, errors.AuthenticationError):
    """401: no API key, or a wrong one."""


class InsufficientCreditsError(APIStatusError, errors.InsufficientCreditsError):
    """402: the account has too few credits."""


class PermissionDeniedError(APIStatusError, errors.PermissionDeniedError):
    """403: the API key does not allow this."""


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


OWN_CLASSES = errors.own_classes(ArgusLMError, globals())
