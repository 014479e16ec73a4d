"""Who is asking: keys that stay with their service, its origin and this process."""

from __future__ import annotations

import os
import re
import sys
import warnings
from typing import Any, Dict, Iterator, Mapping, Optional, Union

import requests
from requests.auth import AuthBase

from ..errors import ConfigurationError, InsecureTransportWarning
from .address import get_origin, is_secure_transport

_INVALID_HEADER_CHARS = r"[^\x20-\x7e\xa0-\xff]"
_HEADER_NAME = r"[A-Za-z0-9!#$%&'*+.^_`|~-]+"
_SECRET_HEADERS = r"auth|cookie|key|token|secret|password"
_FRAMING_HEADERS = ("content-length", "transfer-encoding")


class Credentials:
    """Who is asking one service: shared by all copies of the service, and never pickled."""

    def __init__(self, service: str, prefix: str, key: Optional[str] = None) -> None:
        self.service = service
        self._variable = prefix + "_API_KEY"
        self._insecure_warned = False
        self.set_key(validate_api_key(key) or self._from_environment())

    def set_key(self, key: Optional[str], user: Optional[str] = None) -> None:
        """Use another key, that of *user*. Whoever gets one is somebody else: the cookies are forgotten."""
        cookies: Dict[str, str] = {}  # by origin
        # In one step: no call of another thread goes out with this key and the cookie of somebody else.
        self._auth_state = validate_api_key(key), user, cookies
        self._lacks_key = False

    @property
    def key(self) -> Optional[str]:
        """The key, or None."""
        return self._auth_state[0]

    @property
    def user(self) -> Optional[str]:
        """Whose key it is, where the key came from a login."""
        return self._auth_state[1]

    def _from_environment(self) -> Optional[str]:
        return validate_api_key(os.environ.get(self._variable))

    def __getstate__(self) -> Dict[str, Any]:
        has_key = self.key is not None or self._lacks_key
        return {"service": self.service, "_variable": self._variable, "_lacks_key": has_key}

    def __setstate__(self, state: Dict[str, Any]) -> None:
        self.service = state["service"]
        self._variable = state["_variable"]
        self._insecure_warned = False
        self.set_key(self._from_environment())
        self._lacks_key = state["_lacks_key"] and self.key is None

    def auth(
        self,
        base_url: str,
        key_header: str = "Authorization",
        cookie_name: Optional[str] = None,
        has_secret: bool = False,
    ) -> OriginAuth:
        """Return what signs requests to *base_url*; warn once where others can read the key on its way.

        The key goes into *key_header*; the cookie *cookie_name*, if there is such a name, is kept and sent.
        A secret in the body is as good a reason to warn.
        """
        if self._lacks_key and not has_secret:  # a login brings its own
            found = self._from_environment()
            if found is None:
                raise ConfigurationError(
                    f"the key of {self.service} does not travel to other processes: "
                    f"set {self._variable} there, or pass a Service with its api_key"
                )
            self.set_key(found)
        key, _, cookies = self._auth_state
        if (has_secret or key is not None) and not self._insecure_warned:
            self._insecure_warned = True
            if not is_secure_transport(base_url):
                what = "the API key" if key is not None else "a password or key"
                warnings.warn(
                    f"{what} of {self.service} goes over plain http to another machine: use https",
                    InsecureTransportWarning,
                    stacklevel=_caller_level(),
                )
        return OriginAuth(get_origin(base_url), key, key_header, cookies, cookie_name)


class OriginAuth(AuthBase):
    """Key and identity cookie for one origin, or nothing where there is neither.

    With an auth object of our own in place nothing is looked up in ~/.netrc.
    """

    def __init__(
        self,
        origin: str,
        key: Optional[str],
        key_header: str = "Authorization",
        cookies: Optional[Dict[str, str]] = None,
        cookie_name: Optional[str] = None,
    ) -> None:
        self.origin = origin
        self.key = key
        self._cookies = {} if cookies is None else cookies
        self.cookie_name = cookie_name
        self._identity = self._cookies.get(origin)
        self.secrets = [secret for secret in (key, self._identity) if secret]
        self._headers: Dict[str, str] = {}
        if key is not None:
            self._headers[key_header] = "Bearer " + key if key_header == "Authorization" else key

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if self.secrets and (request.url or "").startswith(self.origin):
            request.headers.update(self._headers)
            if self._identity is not None:
                given = request.headers.get("Cookie", "")
                text = given.decode("latin-1") if isinstance(given, bytes) else given
                pairs = [pair for pair in map(str.strip, text.split(";")) if pair]
                others = [pair for pair in pairs if not pair.startswith(f"{self.cookie_name}=")]
                request.headers["Cookie"] = "; ".join([*others, f"{self.cookie_name}={self._identity}"])
        return request

    def store_identity_cookie(self, response: requests.Response) -> None:
        """Keep the identity that the server gives to who has none, until the server deletes it."""
        if self.cookie_name is None:
            return
        value = next((cookie.value for cookie in response.cookies if cookie.name == self.cookie_name), None)
        if value:
            self._cookies[self.origin] = value
        elif re.search(rf"(^|,)\s*{self.cookie_name}=", response.headers.get("Set-Cookie", "")):
            self._cookies.pop(self.origin, None)  # what is empty or has expired is no cookie of the response


def _caller_level() -> int:
    """Return the ``stacklevel`` with which the caller of this function names the line that called chatsdk."""
    package = __name__.partition(".")[0]
    frame, level = sys._getframe(1), 1
    while frame.f_back is not None and frame.f_globals.get("__name__", "").partition(".")[0] == package:
        frame, level = frame.f_back, level + 1
    return level


def is_key(value: object) -> bool:
    """Return whether *value*, out of an answer, can be used as a key."""
    try:
        return isinstance(value, str) and validate_api_key(value) is not None
    except ConfigurationError:
        return False


def validate_api_key(key: Optional[str]) -> Optional[str]:
    """Return *key* stripped, None if nothing is left; refuse what no header can hold."""
    if key is None:
        return None
    if not isinstance(key, str):
        raise ConfigurationError(f"an API key must be a string, not {type(key).__name__}")
    key = key.strip()
    if re.search(_INVALID_HEADER_CHARS, key):
        raise ConfigurationError(
            "the API key holds a control character or one outside latin-1; was it pasted whole?"
        )
    return key or None


def validate_headers(headers: Optional[Mapping[str, str]]) -> Dict[str, str]:
    """Return *headers* without framing; refuse names and values that would break out of their line."""
    checked = {}
    for name, value in (headers or {}).items():
        if not isinstance(name, str) or not re.fullmatch(_HEADER_NAME, name):
            raise ConfigurationError("a header has a name that HTTP does not allow")
        if not isinstance(value, str) or re.search(_INVALID_HEADER_CHARS, value):
            raise ConfigurationError(f"header {name} must be text of latin-1 without control characters")
        checked[name] = value.strip()
    return without_framing(checked)


def without_framing(headers: Mapping[str, str]) -> Dict[str, str]:
    """Return *headers* without those that say how long the body is: only the value that fits it can work."""
    return {name: value for name, value in headers.items() if name.lower() not in _FRAMING_HEADERS}


def header_secrets(headers: Mapping[str, Union[str, bytes]]) -> Iterator[str]:
    """Yield the values of headers whose name says that they hold a secret, and the secret parts of them."""
    for name, value in headers.items():
        if re.search(_SECRET_HEADERS, name, re.IGNORECASE):
            value = value.decode("latin-1") if isinstance(value, bytes) else value
            yield value
            yield value.partition(" ")[2]  # "Bearer KEY"
            if name.lower() == "cookie":
                yield from re.findall(r"=([^;]*)", value)


def drop_sensitive_headers(headers: Mapping[str, str]) -> Dict[str, str]:
    """Return *headers* without those whose name says that they hold a secret."""
    return {
        name: value for name, value in headers.items() if not re.search(_SECRET_HEADERS, name, re.IGNORECASE)
    }
