"""URLs: checks base URLs, quotes path segments and query values."""

from __future__ import annotations

import ipaddress
import re
from datetime import datetime
from math import isfinite
from typing import Any, Mapping, Optional
from urllib.parse import quote, unquote, urlencode, urljoin, urlsplit

import requests

from ..errors import ConfigurationError, InvalidRequestError
from .dates import format_utc


def check_base_url(url: object, service: str) -> str:
    """Return *url* normalized, without a trailing slash; raises ConfigurationError if it is invalid.

    The error does not show the URL, which may hold a password.
    """
    if not isinstance(url, str):
        raise ConfigurationError(f"base_url of {service} must be a string, not {type(url).__name__}")
    text = url.strip()
    try:
        problem = _find_problem(text)
        prepared = "" if problem else requests.Request("GET", text).prepare().url or ""
    except (requests.RequestException, ValueError):
        problem = "is not a URL that can be called: check host and port"
    if problem:  # after the except block: the errors of requests show the URL
        raise ConfigurationError(f"base_url of {service} {problem}")
    return prepared.rstrip("/")


def _find_problem(url: str) -> Optional[str]:
    """Return what is wrong with a base URL, or None; raises ValueError if it has no valid host or port."""
    parts = urlsplit(url)
    has_odd_characters = not url.isprintable() or re.search(r"[ \\]", url)
    problems = {
        "contains a space, a backslash or a control character": has_odd_characters,
        "must begin with http:// or https://": parts.scheme not in ("http", "https"),
        "must not contain a user or password: pass api_key instead": "@" in parts.netloc,
        "must not have a query or a fragment": re.search("[?#]", url),
        "has no valid host or port": not parts.hostname or parts.port == 0,
        "must not contain . or .. as parts of its path": {".", ".."} & {*unquote(parts.path).split("/")},
    }
    return next((problem for problem, found in problems.items() if found), None)


def get_origin(url: str) -> str:
    """Return scheme, host and port of a validated *url*, with a trailing slash."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}/"


def redirect_target(url: str, location: str) -> str:
    """Return the target of a redirect without user, password and query; "" if it is invalid."""
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
    """Return *params* as a query string that begins with "?", or with "&" to continue a query (*more*).

    None is left out; each item of a list becomes a parameter.
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
    if isinstance(value, float) and not isfinite(value):
        raise InvalidRequestError("a query value is NaN or infinity")
    return str(value)
