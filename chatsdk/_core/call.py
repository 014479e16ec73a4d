"""One logical call and its line in the log, without keys, bodies or query values."""

from __future__ import annotations

import logging
import re
import time
from typing import Optional, Union

logger = logging.getLogger("chatsdk")


def redact_query(url: str) -> str:
    """Return *url* without the values in its query, which may be anybody's data."""
    return re.sub(r"=[^&]*", "=...", url) if "?" in url else url


class CallContext:
    """One logical call: what is asked, the attempts so far, and when all must be over."""

    def __init__(self, method: str, url: str, deadline: Optional[float] = None) -> None:
        self.method = method
        self.url = redact_query(url)
        self.deadline = deadline  # in the time of time.monotonic()
        self.attempt = 1
        self.can_repeat = True  # the body can be sent again
        self.keep_alive = True  # the connection may carry another request
        self._started = time.monotonic()

    def start_attempt(self) -> None:
        """Note that another attempt begins now."""
        self.attempt += 1
        self._started = time.monotonic()

    def log(self, outcome: Union[int, str]) -> None:
        """Log the end of the present attempt: a status, or the name of an error."""
        if logger.isEnabledFor(logging.DEBUG):
            milliseconds = (time.monotonic() - self._started) * 1000
            logger.debug(
                "%s %s %s %.0f ms attempt %d",
                self.method,
                self.url,
                outcome,
                milliseconds,
                self.attempt,
            )
