"""One small, synchronous client for chat and LLM services, built on requests.

from chatsdk import Client

client = Client(zaguan="https://api.zaguanai.com")
print(client.zaguan.chat(model="openai/gpt-4o", messages="Hello").text)
"""

from typing import TYPE_CHECKING

from ._core.options import Service as Service
from ._core.stream import Stream as Stream
from ._version import __version__ as __version__
from .client import Client as Client
from .errors import (
    APIConnectionError as APIConnectionError,
    APIError as APIError,
    APIResponseError as APIResponseError,
    APIStatusError as APIStatusError,
    APITimeoutError as APITimeoutError,
    AuthenticationError as AuthenticationError,
    BadRequestError as BadRequestError,
    ChatSDKError as ChatSDKError,
    ConfigurationError as ConfigurationError,
    ConflictError as ConflictError,
    InsecureTransportWarning as InsecureTransportWarning,
    InsufficientCreditsError as InsufficientCreditsError,
    InternalServerError as InternalServerError,
    InvalidRequestError as InvalidRequestError,
    NotFoundError as NotFoundError,
    PermissionDeniedError as PermissionDeniedError,
    RateLimitError as RateLimitError,
    StreamError as StreamError,
    StreamInterruptedError as StreamInterruptedError,
    UnprocessableEntityError as UnprocessableEntityError,
)

if TYPE_CHECKING:
    from ._core.tools import Tool as Tool
    from .batch import Batch as Batch
    from .conversation import Conversation as Conversation
else:
    from importlib import import_module as _import_module

    # Imported on first use: few programs need them.
    _LAZY = {"Batch": "batch", "Conversation": "conversation", "Tool": "_core.tools"}

    def __getattr__(name):
        if name not in _LAZY:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(_import_module(f"{__name__}.{_LAZY[name]}"), name)

    def __dir__():
        return sorted({*globals(), *_LAZY})
