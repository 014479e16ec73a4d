"""The base of ChatServer's errors."""

from __future__ import annotations

from .. import errors


class ChatServerError(errors.ChatSDKError):
    """Base of everything that ``client.chatserver`` raises."""
