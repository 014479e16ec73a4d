"""What a token says about itself."""

from __future__ import annotations

import base64
from typing import Optional

from .._core import codec


def subject(token: Optional[str]) -> Optional[str]:
    """Return the name of the user whose *token* it is; None where it is no JWT, or does not say.

    The signature is not checked: only the server can, and it does.
    """
    parts = (token or "").split(".")
    if len(parts) != 3:
        return None
    claims = parts[1]
    try:
        found = codec.decode(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))
    except (ValueError, RecursionError):
        return None
    name = found.get("sub") if isinstance(found, dict) else None
    return name if isinstance(name, str) and name.strip() else None
