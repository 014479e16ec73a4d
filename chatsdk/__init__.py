"""One small, synchronous client for chat and LLM services, built on requests.

from chatsdk import Client

client = Client(zaguan="https://api.zaguanai.com")
print(client.zaguan.chat(model="openai/gpt-4o", messages="Hello").text)
"""

from ._core.options import Service
from ._core.stream import Stream
from ._version import __version__
from .client import Client
from .errors import (
    APIConnectionError,
    APIError,
    APIResponseError,
    APIStatusError,
    APITimeoutError,
    AuthenticationError,
    BadRequestError,
    ChatSDKError,
    ConfigurationError,
    ConflictError,
    InsufficientCreditsError,
    InternalServerError,
    InvalidRequestError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitError,
    StreamError,
    StreamInterruptedError,
    UnprocessableEntityError,
)

__all__ = [
    "APIConnectionError",
    "APIError",
    "APIResponseError",
    "APIStatusError",
    "APITimeoutError",
    "AuthenticationError",
    "BadRequestError",
    "ChatSDKError",
    "Client",
    "ConfigurationError",
    "ConflictError",
    "InsufficientCreditsError",
    "InternalServerError",
    "InvalidRequestError",
    "NotFoundError",
    "PermissionDeniedError",
    "RateLimitError",
    "Service",
    "Stream",
    "StreamError",
    "StreamInterruptedError",
    "UnprocessableEntityError",
    "__version__",
]
