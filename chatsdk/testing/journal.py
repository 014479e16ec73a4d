"""What the local server remembers for tests: the requests it got, the errors it ran into."""

import threading
from dataclasses import dataclass, field
from typing import Any, List, Mapping

from .exchange import Headers, Request


@dataclass(frozen=True)
class RecordedRequest:
    """One request that a `LocalServer` got.

    `path` is the decoded path without the service's prefix, `query` has all values of each
    parameter, `headers` finds names in any case, and `json` is the decoded body (None where there
    was none, or no JSON). The repr shows neither headers nor body: they may hold secrets.
    """

    service: str
    method: str
    path: str
    query: Mapping[str, List[str]]
    headers: Headers = field(repr=False)
    json: Any = field(repr=False)


class Journal:
    """A thread-safe record of requests and of unexpected exceptions."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._requests: List[RecordedRequest] = []
        self._errors: List[BaseException] = []

    def record(self, service: str, request: Request) -> None:
        """Remember a request."""
        try:
            body = request.json()
        except (ValueError, RecursionError):
            body = None
        record = RecordedRequest(service, request.method, request.path, request.query, request.headers, body)
        with self._lock:
            self._requests.append(record)

    def report(self, error: BaseException) -> None:
        """Remember an exception that should not have happened."""
        with self._lock:
            self._errors.append(error)

    @property
    def requests(self) -> List[RecordedRequest]:
        """The requests so far, oldest first."""
        with self._lock:
            return list(self._requests)

    @property
    def errors(self) -> List[BaseException]:
        """The exceptions so far, oldest first."""
        with self._lock:
            return list(self._errors)
