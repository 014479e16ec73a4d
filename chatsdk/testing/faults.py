"""Faults that a test has ordered: planned replies, and streams that break."""

import threading
from collections import defaultdict, deque
from itertools import repeat
from typing import Deque, Dict, Optional

from .exchange import Reply


class Faults:
    """Thread-safe queues of what should go wrong next, per service."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._replies: Dict[str, Deque[Reply]] = defaultdict(deque)
        self._cuts: Dict[str, Deque[int]] = defaultdict(deque)

    def plan_reply(self, service: str, reply: Reply, times: int) -> None:
        """Give the next requests to the service this reply."""
        with self._lock:
            self._replies[service].extend(repeat(reply, times))

    def plan_cut(self, service: str, after: int, times: int) -> None:
        """Drop the connection of the next streams of the service after this many events."""
        with self._lock:
            self._cuts[service].extend(repeat(after, times))

    def next_reply(self, service: str) -> Optional[Reply]:
        """Take the planned reply for a request, if there is one."""
        with self._lock:
            planned = self._replies[service]
            return planned.popleft() if planned else None

    def next_cut(self, service: str) -> Optional[int]:
        """Take the planned cut for a stream, if there is one."""
        with self._lock:
            planned = self._cuts[service]
            return planned.popleft() if planned else None
