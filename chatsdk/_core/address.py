"""Addresses: base URLs checked once, path parts and query values quoted in one place."""

from __future__ import annotations

import ipaddress
import re
from datetime import datetime
from typing import Any, List, Mapping, Tuple
from urllib.parse import quote, unquote, urlencode, urljoin, urlsplit

import requests

from ..errors import ConfigurationError, InvalidRequestError
from .dates import format_utc
from .redaction import raise_alone


def check_base_url(url: object, service: str) -> str:
    """Return *url* normalised, without a trailing slash; a ConfigurationError says what is wrong with it.

    The error never shows the address: it may hold a password.
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
    # requests quotes the path twice if there is a zone: the percent sign before it is no valid escape.
    zone = "".join(re.findall(r"%[^\]]*(?=\])", parts.netloc))
    try:
        prepared = requests.Request("GET", text.replace(zone, "", 1)).prepare().url or ""
    except (requests.RequestException, ValueError):
        # Not chained: the texts of requests repeat the address.
        raise_alone(ConfigurationError(problem + "is not a URL that can be called"))
    return prepared.replace("]", re.sub("^%(25)?", "%25", zone) + "]", 1).rstrip("/")


def get_origin(url: str) -> str:
    """Return scheme, host and port of a checked *url* as they stand in it, ending with a slash."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}/"


def redirect_target(url: str, location: str) -> str:
    """Return where a redirect points, without user, password and query; "" where that is no address."""
    try:
        parts = urlsplit(urljoin(url, location.encode("latin-1").decode("utf-8", "replace")))
        host = parts.netloc.rpartition("@")[2]
    except ValueError:
        return ""
    return "".join(char for char in f"{parts.scheme}://{host}{parts.path}" if char.isprintable())


def is_secure_transport(url: str) -> bool:
    """Return whether nobody can read along on the way to *url*: https, or this machine itself."""
    parts = urlsplit(url)
    host = (parts.hostname or "").rstrip(".")
    if parts.scheme == "https" or host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def quote_path_segment(value: object, name: str) -> str:
    """Return *value* quoted as one part of a path; empty, ``.`` and ``..`` would reach another endpoint."""
    text = str(value)
    if value is None or not text.strip() or text in (".", ".."):
        raise InvalidRequestError(f"{name} must not be empty, '.' or '..'")
    try:
        return quote(text, safe="")
    except UnicodeEncodeError:
        raise InvalidRequestError(f"{name} is not valid Unicode text") from None


def encode_query(params: Mapping[str, Any], more: bool = False) -> str:
    """Return *params* as a query with its question mark, or with & as *more* of one.

    None is left out, lists repeat their name.
    """
    pairs: List[Tuple[str, str]] = []
    for name, value in params.items():
        for item in value if isinstance(value, (list, tuple)) else [value]:
            if item is not None:
                pairs.append((name, _query_text(item)))
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
