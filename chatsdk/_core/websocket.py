"""The messages of a WebSocket, where the optional package ``websockets`` is installed."""

from __future__ import annotations

import logging
import os
import socket
import ssl
from contextlib import ExitStack, suppress
from typing import Any, Callable, ContextManager, Dict, Mapping, Optional, Protocol, Union
from urllib.parse import urlsplit

from requests.utils import DEFAULT_CA_BUNDLE_PATH, select_proxy
from urllib3.util import Timeout

from .call import logger
from .closable import CloseMixin
from .exchange import Exchange
from .transport import ServiceRequest

_MIN_VERSION = 13  # before it, a thread of websockets keeps programs from ending
_CLOSE_SECONDS = 0.25  # to wait for the answer to our goodbye
_PORTS = {"http": 80, "https": 443}
_HANDSHAKE = ("host", "connection", "upgrade")  # headers that websockets itself sends

# websockets logs the headers of its handshake, and with them the key.
_null_logger = logging.Logger("websockets")
_null_logger.disabled = True


class Connection(Protocol):
    """What is used of a connection of ``websockets``."""

    def recv(self, timeout: Optional[float] = None) -> Union[str, bytes]:
        """Return the next message; a TimeoutError where none comes in time."""
        ...


Connect = Callable[..., ContextManager[Connection]]


class WebSocketError(Exception):
    """A WebSocket could not be opened, or is closed."""


class WebSocket(CloseMixin):
    """The messages that a server sends over a WebSocket."""

    def __init__(self, connection: ContextManager[Connection]) -> None:
        self._stack = ExitStack()
        self._messages = self._stack.enter_context(connection)

    def receive(self, seconds: float) -> Optional[bytes]:
        """Return the next message, None where none comes within *seconds*; WebSocketError after the last."""
        try:
            message = self._messages.recv(timeout=seconds)
        except TimeoutError:
            return None
        except Exception as error:
            raise WebSocketError(type(error).__name__) from None
        return message.encode("utf-8", "surrogatepass") if isinstance(message, str) else message

    def close(self) -> None:
        """End the connection."""
        with suppress(Exception):  # what breaks at the end concerns nobody
            self._stack.close()


def find_connect() -> Optional[Connect]:
    """Return what opens a WebSocket, None without a usable ``websockets``."""
    try:
        from websockets.sync.client import connect
        from websockets.version import version
    except ImportError:
        return None
    return connect if int(version.split(".")[0]) >= _MIN_VERSION else None


def open_websocket(exchange: Exchange) -> Optional[WebSocket]:
    """Return the WebSocket at the address of *exchange*, None where there is no way to it.

    That is no error: for whoever asks, plain HTTP is the other way, and says what is wrong.
    """
    connect = find_connect()
    if connect is None:
        logger.info("websockets %d or newer (the extra ws) is not installed: polling instead", _MIN_VERSION)
        return None

    def upgrade(request: ServiceRequest, settings: Mapping[str, Any], timeout: Timeout) -> WebSocket:
        return _open(connect, request, settings, timeout, exchange.limit)

    try:
        return exchange.connect(upgrade)
    except WebSocketError:
        return None


def _open(
    connect: Connect, request: ServiceRequest, settings: Mapping[str, Any], timeout: Timeout, limit: int
) -> WebSocket:
    url = request.url or ""
    if select_proxy(url, settings["proxies"]):
        raise WebSocketError("behind a proxy")  # few of them let it through
    parts = urlsplit(url)
    timeout.start_connect()
    try:
        secure = _ssl_context(settings["verify"], settings["cert"]) if parts.scheme == "https" else None
        place = (parts.hostname or "", parts.port or _PORTS[parts.scheme])
        wait: Any = timeout.connect_timeout
        # On a socket of our own, websockets follows no redirects, which would carry the key elsewhere.
        sock = socket.create_connection(place, wait)
        read_timeout: Any = timeout.read_timeout
    except (OSError, ValueError) as error:
        raise WebSocketError(type(error).__name__) from None
    try:
        return WebSocket(
            connect(
                "ws" + url[len("http") :],
                sock=sock,
                ssl=secure,
                compression=None,
                additional_headers=_headers(request),
                user_agent_header=None,
                open_timeout=min(wait, read_timeout / 2),  # plain HTTP needs time too
                close_timeout=_CLOSE_SECONDS,
                max_size=limit,
                logger=_null_logger,
            )
        )
    except BaseException as error:
        sock.close()
        if isinstance(error, Exception):
            raise WebSocketError(type(error).__name__) from None
        raise


def _headers(request: ServiceRequest) -> Dict[str, str]:
    return {
        name: value if isinstance(value, str) else value.decode("latin-1")
        for name, value in request.headers.items()
        if name.lower() not in _HANDSHAKE
    }


def _ssl_context(verify: Union[bool, str], cert: Any) -> ssl.SSLContext:
    """Return the TLS settings that requests would use."""
    if verify is False:
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    else:
        trusted = verify if isinstance(verify, str) else DEFAULT_CA_BUNDLE_PATH
        is_folder = os.path.isdir(trusted)
        context = ssl.create_default_context(
            cafile=None if is_folder else trusted, capath=trusted if is_folder else None
        )
    if cert:
        context.load_cert_chain(*([cert] if isinstance(cert, str) else cert))
    return context
