"""WebSockets, if the optional package ``websockets`` is installed."""

from __future__ import annotations

import logging
import os
import socket
import ssl
from contextlib import ExitStack, suppress
from typing import Any, Callable, ContextManager, Mapping, Optional, Protocol, Union
from urllib.parse import urlsplit

from requests.utils import DEFAULT_CA_BUNDLE_PATH, select_proxy
from urllib3.util import Timeout

from .call import logger
from .closable import CloseMixin
from .exchange import Exchange
from .transport import ServiceRequest

_MIN_VERSION = 13  # older ones have a thread that keeps programs from ending
_CLOSE_TIMEOUT = 0.25  # seconds
_PORTS = {"http": 80, "https": 443}
_HANDSHAKE = ("host", "connection", "upgrade")  # headers that websockets itself sends

# websockets logs the headers of its handshake, and with them the key.
_null_logger = logging.Logger("websockets")
_null_logger.disabled = True


class Connection(Protocol):
    """The used part of ``websockets.sync.client.ClientConnection``."""

    def recv(self, timeout: Optional[float] = None) -> Union[str, bytes]:
        """Return the next message; raises TimeoutError after *timeout* seconds."""
        ...


Connect = Callable[..., ContextManager[Connection]]


class WebSocketError(Exception):
    """A WebSocket cannot be opened, or is closed."""


class WebSocket(CloseMixin):
    """An open WebSocket."""

    def __init__(self, connection: ContextManager[Connection]) -> None:
        self._stack = ExitStack()
        self._connection = self._stack.enter_context(connection)  # websockets warns if it is used without

    def receive(self, seconds: float) -> Optional[bytes]:
        """Return the next message, None after *seconds* without one; raises WebSocketError when closed."""
        try:
            message = self._connection.recv(timeout=seconds)
        except TimeoutError:
            return None
        except Exception as error:
            raise WebSocketError(type(error).__name__) from None
        return message.encode("utf-8", "surrogatepass") if isinstance(message, str) else message

    def close(self) -> None:
        """Close the connection."""
        with suppress(Exception):
            self._stack.close()


def find_connect() -> Optional[Connect]:
    """Return ``websockets.sync.client.connect``, or None without a usable version of the package."""
    try:
        from websockets.sync.client import connect
        from websockets.version import version
    except ImportError:
        return None
    return connect if int(version.split(".")[0]) >= _MIN_VERSION else None


def open_websocket(exchange: Exchange) -> Optional[WebSocket]:
    """Return the WebSocket at the address of *exchange*, or None: then the caller is to poll."""
    connect = find_connect()
    if connect is None:
        logger.info("websockets %d or newer (the extra ws) is not installed: polling instead", _MIN_VERSION)
        return None

    def upgrade(request: ServiceRequest, settings: Mapping[str, Any], timeout: Timeout) -> WebSocket:
        return _open(connect, request, settings, timeout, exchange.limit)

    try:
        return exchange.connect(upgrade)
    except Exception:  # polling raises what is wrong with the address, the certificate or the key
        return None


def _open(
    connect: Connect, request: ServiceRequest, settings: Mapping[str, Any], timeout: Timeout, limit: int
) -> WebSocket:
    url = request.url or ""
    if select_proxy(url, settings["proxies"]):
        raise WebSocketError("behind a proxy")  # few proxies support WebSockets
    parts = urlsplit(url)
    context = _ssl_context(settings["verify"], settings["cert"]) if parts.scheme == "https" else None
    headers = {
        name: value if isinstance(value, str) else value.decode("latin-1")
        for name, value in request.headers.items()
        if name.lower() not in _HANDSHAKE
    }
    timeout.start_connect()
    connect_timeout: Any = timeout.connect_timeout
    # Given a socket, websockets follows no redirects, which would send the key to another host.
    sock = socket.create_connection((parts.hostname, parts.port or _PORTS[parts.scheme]), connect_timeout)
    try:
        read_timeout: Any = timeout.read_timeout
        return WebSocket(
            connect(
                "ws" + url[len("http") :],
                sock=sock,
                ssl=context,
                compression=None,
                additional_headers=headers,
                user_agent_header=None,
                open_timeout=min(connect_timeout, read_timeout / 2),  # polling needs time too
                close_timeout=_CLOSE_TIMEOUT,
                max_size=limit,
                logger=_null_logger,
            )
        )
    except BaseException:
        sock.close()
        raise


def _ssl_context(verify: Union[bool, str], cert: Any) -> ssl.SSLContext:
    """Return the TLS settings that requests would use."""
    if verify is False:
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    else:
        trusted = verify if isinstance(verify, str) else DEFAULT_CA_BUNDLE_PATH
        cafile, capath = (None, trusted) if os.path.isdir(trusted) else (trusted, None)
        context = ssl.create_default_context(cafile=cafile, capath=capath)
    if cert:
        context.load_cert_chain(*([cert] if isinstance(cert, str) else cert))
    return context
