"""Causes of connection errors, without the texts of the exceptions, which may repeat the request."""

from __future__ import annotations

import re
import socket
import ssl
from typing import Iterable, Iterator, Optional, Sequence

import requests
from urllib3.exceptions import (
    ConnectTimeoutError,
    NewConnectionError,
    ProxyError,
    TimeoutError as URLLib3TimeoutError,
)

PROXY_AUTH = "the proxy requires a password (407): give its address as http://USER:PASSWORD@HOST:PORT"

# Patterns for the name and the message of the innermost exception, and descriptions of the failure.
_REASONS = (
    (r"^RemoteDisconnected", "the server closed it without an answer"),
    (r"^IncompleteRead", "the answer was cut short"),
    (r"^ResponseError: (.*)", "{}"),  # from the user's own adapter
    (r"Tunnel connection failed: 407|SOCKS5? ?[Aa]uth", PROXY_AUTH),
    (r"Tunnel connection failed: (\d+)", "the proxy refused it with status {}"),
    (r"Missing dependencies for SOCKS", "a SOCKS proxy needs PySocks: pip install requests[socks]"),
    (r"^(ProxyConnectionError|GeneralProxyError|SOCKS)", "the SOCKS proxy cannot be used"),
    (r"Unable to determine SOCKS version", "write the proxy's address with socks5h:// or socks4://"),
    (r"InvalidProxyURL|ProxySchemeUnknown|LocationParseError", "the address of the proxy is invalid"),
    (
        r"TLS CA certificate bundle.*invalid path: (.*)",
        "no file with CA certificates at {}: see REQUESTS_CA_BUNDLE, CURL_CA_BUNDLE and session.verify",
    ),
    (r"TLS (certificate|key) file.*invalid path: (.*)", "no {} file at {}: see session.cert"),
    (r"NO_CERTIFICATE_OR_CRL_FOUND", "the file with CA certificates contains none"),
    (r"Hostname mismatch|hostname .* doesn't match", "the certificate is for another host name"),
    (
        r"CERTIFICATE_VERIFY_FAILED\] certificate verify failed: (.*?)( \(_ssl|$)",
        "the certificate is not trusted ({}): set REQUESTS_CA_BUNDLE to a file with its CA",
    ),
    (
        r"WRONG_VERSION_NUMBER|UNKNOWN_PROTOCOL|RECORD_LAYER_FAILURE",
        "the server does not use TLS on this port: is its address http:// instead of https://?",
    ),
    (r"^BadStatusLine: \x15\x03", "the server expects TLS: use https://"),  # begins with a TLS alert
    (r"^(BadStatusLine|UnknownProtocol)", "the server does not speak HTTP"),
    (r"got more than (\d+) headers", "the answer has more than {} headers"),
    (r"^LineTooLong.* (\d+) bytes", "the answer has a header line of more than {} bytes"),
    (r"^(error: Error|DecodeError)", "the body is damaged, or its Content-Encoding is wrong"),
    (r"^OSError: (a file changed its size while it was sent)", "{}"),
    (r"^gaierror", "the host name is unknown"),
)


def iter_causes(error: BaseException) -> Iterator[BaseException]:
    """Yield *error* and what it wraps: requests keeps it in args, urllib3 in reason or as the cause."""
    current: Optional[BaseException] = error
    for _ in range(10):
        if current is None:
            return
        yield current
        inner = getattr(current, "reason", None) or getattr(current, "original_error", None)
        if not isinstance(inner, BaseException):
            inner = next((item for item in current.args if isinstance(item, BaseException)), None)
        inner = inner or current.__cause__
        if inner is None and isinstance(current, NewConnectionError):
            # urllib3 1.26 raises it without "from". The context of others may be an error of the caller.
            inner = current.__context__
        current = inner


def is_timeout(causes: Sequence[BaseException]) -> bool:
    """Return whether one of *causes* is a timeout."""
    kinds = (requests.Timeout, URLLib3TimeoutError, socket.timeout, TimeoutError)
    # urllib3 counts a refused connection as a timeout.
    return any(isinstance(cause, kinds) and not isinstance(cause, NewConnectionError) for cause in causes)


def is_unsent(causes: Iterable[BaseException]) -> bool:
    """Return whether no connection could be made, so that nothing was sent."""
    kinds = (ConnectTimeoutError, ssl.SSLCertVerificationError, requests.exceptions.InvalidSchema)
    return any(isinstance(cause, kinds) for cause in causes)  # the first also for a refused connection


def describe(causes: Sequence[BaseException]) -> str:
    """Return why the connection failed; *causes* end with the innermost exception."""
    error = causes[-1]
    text = f"{type(error).__name__}: {error}"
    for pattern, description in _REASONS:
        match = re.search(pattern, text)
        if match is not None:
            return description.format(*match.groups())
    message = getattr(error, "strerror", None)
    reason = message if isinstance(message, str) else type(error).__name__
    is_proxy = any(isinstance(cause, (requests.exceptions.ProxyError, ProxyError)) for cause in causes)
    return f"the proxy cannot be used: {reason}" if is_proxy else reason
