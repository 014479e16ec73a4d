"""The settings of a service."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import Any, ClassVar, Mapping, NamedTuple, Optional, Tuple, Union

from urllib3.util import Retry

from ..errors import ConfigurationError, ErrorClasses
from .auth import validate_headers
from .retry import retry_policy

Timeout = Union[float, Tuple[float, float]]

CONNECT_TIMEOUT = 5.0
STREAM_TIMEOUT = 120.0
MAX_RESPONSE_BYTES = 100 * 1024 * 1024


@dataclass(frozen=True)
class Service:
    """Base URL, API key and settings of a service; missing ones come from the environment or a default.

    Args:
        base_url: an http or https URL, with a path prefix if there is one.
        api_key: never shown, logged, pickled with a Client or sent to another host.
        timeout: seconds to wait for each read (and at most 5 to connect), or ``(connect, read)``.
            By default 30 or 60, depending on the service, and 120 for streams.
        max_retries: number of retries of safe requests, by default 2 or 3; or a ``urllib3.util.Retry``.
        headers: additional headers for each request.
        total_timeout: seconds for a whole call, including retries and a slow body; None for no limit.
        max_response_bytes: maximum size of a response in memory, after decompression; by default 100 MiB.
    """

    base_url: Optional[str] = None
    api_key: Optional[str] = field(default=None, repr=False)
    timeout: Optional[Timeout] = None
    max_retries: Union[int, Retry, None] = None
    headers: Optional[Mapping[str, str]] = field(default=None, repr=False)
    total_timeout: Optional[float] = None
    max_response_bytes: int = MAX_RESPONSE_BYTES
    use_proxies: ClassVar[bool] = True  # False in subclasses for servers on this machine


class ServiceSpec(NamedTuple):
    """The constants of a service: its name, its errors and the defaults of its settings."""

    name: str  # of the Client's attribute
    env_prefix: str
    errors: ErrorClasses
    timeout: float  # seconds
    max_retries: int
    base_url: Optional[str] = None
    key_header: str = "Authorization"  # holds "Bearer KEY"; any other header holds the key alone
    identity_cookie: Optional[str] = None  # the only cookie that is stored, and sent to this service only
    reuse_after_stream: bool = True  # whether another request may use the connection of a stream


class Options:
    """The validated settings of one service object; not a dataclass, whose repr would show the headers."""

    def __init__(self, service: Service, default_timeout: float, default_retries: int) -> None:
        timeout = default_timeout if service.timeout is None else service.timeout
        self.connect_timeout, self.read_timeout = split_timeout(timeout)
        self.timeout_given = service.timeout is not None
        self.stream_timeout = self.read_timeout if self.timeout_given else STREAM_TIMEOUT
        total = service.total_timeout
        self.total_timeout = None if total is None else _seconds(total, "total_timeout")
        self.retry = retry_policy(default_retries if service.max_retries is None else service.max_retries)
        self.headers = validate_headers(service.headers)
        self.max_response_bytes = service.max_response_bytes
        if not isinstance(self.max_response_bytes, int) or self.max_response_bytes < 1:
            raise ConfigurationError("max_response_bytes must be a positive integer")


def split_timeout(timeout: Timeout) -> Tuple[float, float]:
    """Return the connect and the read timeout in seconds."""
    name = "timeout, or each part of (connect, read),"
    if isinstance(timeout, tuple) and len(timeout) == 2:
        return _seconds(timeout[0], name), _seconds(timeout[1], name)
    read = _seconds(timeout, name)
    return min(CONNECT_TIMEOUT, read), read


def is_valid_timeout(value: Any) -> bool:
    """Return whether *value* is a number of seconds to wait."""
    return (
        isinstance(value, (int, float))
        and not isinstance(value, bool)
        and 0 < value <= threading.TIMEOUT_MAX  # neither NaN nor infinity is
    )


def _seconds(value: Any, name: str) -> float:
    if not is_valid_timeout(value):
        raise ConfigurationError(f"{name} must be a finite number of seconds above 0")
    return float(value)
