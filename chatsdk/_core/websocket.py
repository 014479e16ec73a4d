"""WebSockets, if the optional package ``websockets`` is installed."""

from __future__ import annotations

import logging
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, Callable, Mapping, Optional

from requests.adapters import HTTPAdapter
from requests.utils import select_proxy
from urllib3.connectionpool import connection_from_url
from urllib3.util import Timeout

from .auth import header_text
from .call import logger
from .closable import CloseMixin
from .exchange import Exchange
from .transport import ServiceRequest

if TYPE_CHECKING:
    from websockets.sync.client import ClientConnection

_MIN_VERSION = 13  # a thread of older ones keeps programs from exiting
_CLOSE_TIMEOUT = 0.25  # seconds
_HANDSHAKE = ("host", "connection", "upgrade")  # headers that websockets itself sends

# websockets logs the headers of its handshake, and with them the key.
_null_logger = logging.Logger("websockets")
_null_logger.disabled = True


class WebSocketError(Exception):
    """A WebSocket cannot be opened, or is closed."""


class WebSocket(CloseMixin):
    """An open WebSocket."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection.__enter__()  # websockets warns otherwise

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
            self._connection.close()


def find_connect() -> Optional[Callable[..., ClientConnection]]:
    """Return ``websockets.sync.client.connect``, or None without a usable version of the package."""
    try:
        from websockets.sync.client import connect
        from websockets.version import version
    except ImportError:
        return None
    return connect if int(version.split(".")[0]) >= _MIN_VERSION else None


def open_websocket(exchange: Exchange) -> Optional[WebSocket]:
    """Return the WebSocket at the address of *exchange*, or None if the caller must poll instead."""
    connect = find_connect()
    if connect is None:
        logger.info("websockets %d or newer (the extra ws) is not installed: polling instead", _MIN_VERSION)
        return None
    try:
        return exchange.connect(partial(_open, partial(connect, max_size=exchange.limit)))
    except Exception:  # polling then raises the error if address, certificate or key are wrong
        return None


def _open(
    connect: Callable[..., ClientConnection],
    request: ServiceRequest,
    settings: Mapping[str, Any],
    timeout: Timeout,
) -> WebSocket:
    url = request.url or ""
    if select_proxy(url, settings["proxies"]):
        raise WebSocketError("behind a proxy")  # few proxies support WebSockets
    pool = connection_from_url(url, timeout=timeout)
    HTTPAdapter().cert_verify(pool, url, settings["verify"], settings["cert"])
    connection: Any = pool._new_conn()
    timeout.start_connect()
    connection.connect()
    connection.sock.settimeout(None)  # websockets has its own timeouts
    headers = {
        name: header_text(value) for name, value in request.headers.items() if name.lower() not in _HANDSHAKE
    }
    read_timeout: Any = timeout.read_timeout
    try:
        return WebSocket(
            connect(
                "ws" + url[url.index(":") :],  # even for https: the socket is already encrypted
                # Given a socket, websockets follows no redirects, which would send the key to another host.
                sock=connection.sock,
                compression=None,
                additional_headers=headers,
                user_agent_header=None,
                open_timeout=min(connection.timeout, read_timeout / 2),  # polling needs time too
                close_timeout=_CLOSE_TIMEOUT,
                logger=_null_logger,
            )
        )
    except BaseException:
        connection.close()
        raise
