"""URLs: base URLs are checked, path segments and query values are quoted here."""

from __future__ import annotations

import ipaddress
import re
from datetime import datetime
from typing import Any, Mapping
from urllib.parse import quote, unquote, urlencode, urljoin, urlsplit

import requests

from ..errors import ConfigurationError, InvalidRequestError
from .dates import format_utc
from .redaction import raise_alone


def check_base_url(url: object, service: str) -> str:
    """Return *url* normalized, without a trailing slash; raises ConfigurationError if it cannot be used.

    The error does not show the URL, which may hold a password.
    """
    problem = f"base_url of {service} "
    if not isinstance(url, str):
        raise ConfigurationError(problem + f"must be a string, not {type(url).__name__}")
    text = url.strip()
    if any(char.isspace() or not char.isprintable() or char == "\\" for char in text):
        raise ConfigurationError(problem + "holds a space, a backslash or a control character")
    try:
        parts = urlsplit(text)
        has_host, port, user = bool(parts.hostname), parts.port, parts.username
        scheme, query = parts.scheme.lower(), parts.query or parts.fragment
    except ValueError:
        raise_alone(ConfigurationError(problem + "is not a URL: check host and port"))
    if scheme not in ("http", "https"):
        raise ConfigurationError(problem + "must begin with http:// or https://")
    if user is not None or "@" in parts.netloc:
        raise ConfigurationError(problem + "must not hold a user or password; give api_key")
    if query or text.endswith(("?", "#")):
        raise ConfigurationError(problem + "must not have a query or a fragment")
    if not has_host or port == 0:
        raise ConfigurationError(problem + "names no host to connect to")
    if any(unquote(part) in (".", "..") for part in parts.path.split("/")):
        raise ConfigurationError(problem + "must not hold . or .. as parts of its path")
    # requests would quote the path twice because of a zone, whose percent sign is no valid escape.
    zone = "".join(re.findall(r"%[^\]]*(?=\])", parts.netloc))
    try:
        prepared = requests.Request("GET", text.replace(zone, "", 1)).prepare().url or ""
    except (requests.RequestException, ValueError):
        # Not chained: the errors of requests show the URL.
        raise_alone(ConfigurationError(problem + "is not a URL that can be called"))
    return prepared.replace("]", re.sub("^%(25)?", "%25", zone) + "]", 1).rstrip("/")


def get_origin(url: str) -> str:
    """Return scheme, host and port of a checked *url*, with a slash at the end."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}/"


def redirect_target(url: str, location: str) -> str:
    """Return the target of a redirect without user, password and query; "" if it is no URL."""
    try:
        parts = urlsplit(urljoin(url, location.encode("latin-1").decode("utf-8", "replace")))
        host = parts.netloc.rpartition("@")[2]
    except ValueError:
        return ""
    return "".join(char for char in f"{parts.scheme}://{host}{parts.path}" if char.isprintable())


def is_secure_transport(url: str) -> bool:
    """Return whether *url* is https or on this machine."""
    parts = urlsplit(url)
    host = (parts.hostname or "").rstrip(".")
    if parts.scheme == "https" or host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def quote_path_segment(value: object, name: str) -> str:
    """Return *value* quoted as one segment of a path.

    Raises InvalidRequestError for "", "." and "..", which would reach another endpoint.
    """
    text = str(value)
    if value is None or not text.strip() or text in (".", ".."):
        raise InvalidRequestError(f"{name} must not be empty, '.' or '..'")
    try:
        return quote(text, safe="")
    except UnicodeEncodeError:
        raise InvalidRequestError(f"{name} is not valid Unicode text") from None


def encode_query(params: Mapping[str, Any], more: bool = False) -> str:
    """Return *params* as a query that begins with "?", or with "&" if there is one already (*more*).

    None is left out; the items of a list repeat the name.
    """
    lists = {name: value if isinstance(value, (list, tuple)) else [value] for name, value in params.items()}
    pairs = [(name, _query_text(item)) for name, items in lists.items() for item in items if item is not None]
    if not pairs:
        return ""
    try:
        return ("&" if more else "?") + urlencode(pairs)
    except UnicodeEncodeError:
        raise InvalidRequestError("a query value is not valid Unicode text") from None


def _query_text(value: Any) -> str:
    if value is True or value is False:
        return "true" if value else "false"
    if isinstance(value, datetime):
        return format_utc(value)
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        raise InvalidRequestError("a query value is NaN or infinity")
    return str(value)
