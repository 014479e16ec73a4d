"""The settings of a service: what the user may say, and what follows from it."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Mapping, NamedTuple, Optional, Tuple, Union

from urllib3.util import Retry

from ..errors import ConfigurationError, OwnClasses
from .auth import validate_headers
from .retry import retry_policy

if TYPE_CHECKING:
    from typing_extensions import TypeGuard

Timeout = Union[float, Tuple[float, float]]

CONNECT_TIMEOUT = 5.0
STREAM_TIMEOUT = 120.0
MAX_RESPONSE_BYTES = 100 * 1024 * 1024


@dataclass(frozen=True)
class Service:
    """Where a service is and how to talk to it; what is left out comes from the environment or a default.

    Args:
        base_url: its address, http or https, with a path prefix if it has one.
        api_key: its key; never shown, logged, pickled with a Client or sent to another host.
        timeout: seconds to wait for each read (and 5 at most for a connection), or ``(connect, read)``.
            Streams wait up to 120 seconds between two reads unless this is given.
        max_retries: how often a safe request is sent again, or a ``urllib3.util.Retry`` of your own.
        headers: further headers for each request.
        total_timeout: seconds for a whole call, retries and a slow body included; None for no such limit.
        max_response_bytes: the most that is read into memory of one answer, decompressed.
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
    """What is fixed for one service: its name, its errors and the defaults of its settings."""

    name: str  # of the attribute of Client
    env_prefix: str
    errors: OwnClasses
    timeout: float  # seconds
    max_retries: int
    base_url: Optional[str] = None
    key_header: str = "Authorization"  # which holds "Bearer KEY"; any other holds the bare key
    identity_cookie: Optional[str] = None  # the one cookie that is kept, for this service alone
    reuse_after_stream: bool = True  # whether a connection that carried a stream carries another request


class Options:
    """The checked settings of one service object; their repr shows no headers, which may hold secrets."""

    connect_timeout: float
    read_timeout: float
    stream_timeout: float
    total_timeout: Optional[float]
    retry: Retry
    headers: Mapping[str, str]
    max_response_bytes: int
    timeout_given: bool

    def __init__(self, **settings: Any) -> None:
        self.__dict__.update(settings)


def make_options(service: Service, default_timeout: float, default_retries: int) -> Options:
    """Return the options that *service* asks for; a ConfigurationError names what is impossible."""
    timeout = default_timeout if service.timeout is None else service.timeout
    connect, read = split_timeout(timeout)
    retries = default_retries if service.max_retries is None else service.max_retries
    total = service.total_timeout
    return Options(
        connect_timeout=connect,
        read_timeout=read,
        stream_timeout=STREAM_TIMEOUT if service.timeout is None else read,
        total_timeout=None if total is None else _seconds(total, "total_timeout"),
        retry=retry_policy(retries),
        headers=validate_headers(service.headers),
        max_response_bytes=_byte_count(service.max_response_bytes),
        timeout_given=service.timeout is not None,
    )


def split_timeout(timeout: Timeout) -> Tuple[float, float]:
    """Return the connect and the read timeout in seconds."""
    if isinstance(timeout, tuple):
        if len(timeout) != 2:
            raise ConfigurationError("timeout must be a number of seconds, or (connect, read)")
        return _seconds(timeout[0], "timeout"), _seconds(timeout[1], "timeout")
    read = _seconds(timeout, "timeout")
    return min(CONNECT_TIMEOUT, read), read


def is_valid_timeout(value: object) -> TypeGuard[float]:
    """Return whether *value* is a number of seconds that one can wait."""
    return (
        isinstance(value, (int, float))
        and not isinstance(value, bool)
        and 0 < value <= threading.TIMEOUT_MAX  # neither NaN nor infinity is
    )


def _byte_count(value: object) -> int:
    if not isinstance(value, int) or value < 1:
        raise ConfigurationError("max_response_bytes must be a whole number above 0")
    return value


def _seconds(value: object, name: str) -> float:
    if not is_valid_timeout(value):
        raise ConfigurationError(f"{name} must be a finite number of seconds above 0")
    return float(value)
