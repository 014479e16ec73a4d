"""The errors of ArgusLM beside the common ones."""

from __future__ import annotations

from .. import errors


class ArgusLMError(errors.ChatSDKError):
    """Base of everything that ``client.arguslm`` raises."""
