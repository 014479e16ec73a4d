"""One call and its attempts, with a line in the log for each."""

from __future__ import annotations

import logging
import re
import time
from typing import Optional, Union

logger = logging.getLogger("chatsdk")


def redact_query(url: str) -> str:
    """Return *url* without the values in its query, which may be private."""
    return re.sub(r"=[^&]*", "=...", url) if "?" in url else url


class CallContext:
    """One call: method, redacted URL, attempts and deadline."""

    def __init__(self, method: str, url: str, deadline: Optional[float] = None) -> None:
        self.method = method
        self.url = redact_query(url)
        self.deadline = deadline  # in the time of time.monotonic()
        self.attempt = 0
        self.can_repeat = True  # whether the body can be sent again
        self.keep_alive = True  # whether another request may use the connection
        self.start_attempt()

    def start_attempt(self) -> None:
        self.attempt += 1
        self._started = time.monotonic()

    def log(self, outcome: Union[int, str]) -> None:
        """Log the end of the attempt: a status, or the name of an error."""
        if logger.isEnabledFor(logging.DEBUG):
            elapsed = (time.monotonic() - self._started) * 1000
            args = self.method, self.url, outcome, elapsed, self.attempt
            logger.debug("%s %s %s %.0f ms attempt %d", *args)
