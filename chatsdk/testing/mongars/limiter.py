"""monGARS's limit on chats: one a second for each user."""

import threading
from typing import Dict

from . import clock
from .errors import refusal

_SECONDS = 1.0


class Limiter:
    """Remembers when each user was last let through. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last: Dict[str, float] = {}

    def admit(self, user: str) -> None:
        """Let a user through, or refuse; a refused attempt does not begin another second.

        Raises:
            Refusal: 429.
        """
        now = clock.now()
        with self._lock:
            if now - self._last.get(user, now - _SECONDS) < _SECONDS:
                raise refusal(429)
            self._last[user] = now
