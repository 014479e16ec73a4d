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

    def __getattr__(name):
        """Import on first use what few programs need."""
        if name == "Batch":
            from .batch import Batch as found
        elif name == "Conversation":
            from .conversation import Conversation as found
        elif name == "Tool":
            from ._core.tools import Tool as found
        else:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return found
