"""The errors of monGARS beside the common ones."""

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


class AuthenticationError(MonGARSError, errors.APIStatusError):
    """401 or 403: wrong login, no token or an expired one; or a token that is valid, but not for this.

    ``status_code`` tells them apart. A 401 is a ``chatsdk.AuthenticationError`` too, a 403 a
    ``chatsdk.PermissionDeniedError``.
    """
