"""API keys and how they are attached to requests."""

from __future__ import annotations

import os
import re
import sys
import warnings
from base64 import b64decode
from contextlib import suppress
from typing import Any, Dict, Iterator, Mapping, Optional, Tuple, Union

import requests
from requests.auth import AuthBase

from ..errors import ConfigurationError, InsecureTransportWarning
from .address import get_origin, is_secure_transport

_INVALID_HEADER_CHARS = r"[^\x20-\x7e\xa0-\xff]"
_HEADER_NAME = r"[A-Za-z0-9!#$%&'*+.^_`|~-]+"
_SENSITIVE_HEADER = r"(?i)auth|cookie|key|token|secret|passw|pwd|credential|signature"
_FRAMING_HEADERS = ("content-length", "transfer-encoding")


class Credentials:
    """The API key of one service, shared by all copies of the service; a pickle does not contain it."""

    def __init__(self, service: str, prefix: str, key: Optional[str] = None) -> None:
        self.service = service
        self._prefix = prefix
        self._insecure_warned = False
        self.set_key(validate_api_key(key) or self._from_environment())

    def set_key(self, key: Optional[str], user: Optional[str] = None) -> None:
        """Replace the key and the name of its *user*, and clear the identity cookies."""
        cookies: Dict[str, str] = {}  # by origin
        # In one assignment: no other thread must send the new key with the old cookie.
        self._auth_state = validate_api_key(key), user, cookies
        self._requires_key = False

    @property
    def key(self) -> Optional[str]:
        """The key, or None."""
        return self._auth_state[0]

    @property
    def user(self) -> Optional[str]:
        """The user name, if the key is the token of a login."""
        return self._auth_state[1]

    def _from_environment(self) -> Optional[str]:
        return validate_api_key(os.environ.get(self._prefix + "_API_KEY"))

    def __reduce__(self) -> Tuple[Any, ...]:
        had_key = self.key is not None or self._requires_key
        return Credentials, (self.service, self._prefix), {"_requires_key": had_key}

    def auth(
        self,
        base_url: str,
        key_header: str = "Authorization",
        cookie_name: Optional[str] = None,
        has_secret: bool = False,
    ) -> OriginAuth:
        """Return the auth of requests to *base_url*; warn once if a key or password is sent over plain http.

        Args:
            base_url: a validated URL.
            key_header: the header for the key.
            cookie_name: the cookie that identifies a user without a key; it is stored and sent.
            has_secret: whether the body contains a password or a key.
        """
        if self._requires_key and self.key is None and not has_secret:  # a login needs no key
            found = self._from_environment()
            if found is None:
                raise ConfigurationError(
                    f"a pickle does not contain the API key of {self.service}: "
                    f"set {self._prefix}_API_KEY in the process that loads it, or call set_api_key() there"
                )
            self.set_key(found)
        key, _, cookies = self._auth_state
        if (has_secret or key is not None) and not self._insecure_warned:
            self._insecure_warned = True
            if not is_secure_transport(base_url):
                what = "the API key" if key is not None else "a password or key"
                warnings.warn(
                    f"{what} of {self.service} is sent over plain http to another machine: use https",
                    InsecureTransportWarning,
                    stacklevel=_caller_level(),
                )
        return OriginAuth(get_origin(base_url), key, key_header, cookies, cookie_name)


class OriginAuth(AuthBase):
    """Adds the key and the identity cookie, if any, to requests to one origin.

    Without an auth object, requests would send the login for this host in ~/.netrc.
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
            cookies = header_text(request.headers.get("Cookie", ""))
            if self._identity is not None and f"{self.cookie_name}=" not in cookies:
                pair = f"{self.cookie_name}={self._identity}"
                request.headers["Cookie"] = f"{cookies}; {pair}" if cookies else pair
        return request

    def store_identity_cookie(self, response: requests.Response) -> None:
        """Store the anonymous-identity cookie, or remove it if the server deletes it."""
        if self.cookie_name is None:
            return
        value = next((cookie.value for cookie in response.cookies if cookie.name == self.cookie_name), None)
        if value:
            self._cookies[self.origin] = value
        elif re.search(rf"(^|,)\s*{self.cookie_name}=", response.headers.get("Set-Cookie", "")):
            self._cookies.pop(self.origin, None)  # empty and expired ones are not in response.cookies


def _caller_level() -> int:
    """Return the ``stacklevel`` for the caller of this function, so that a warning names the user's line."""
    package = __name__.partition(".")[0]
    frame, level = sys._getframe(1), 1
    while frame.f_back is not None and frame.f_globals.get("__name__", "").partition(".")[0] == package:
        frame, level = frame.f_back, level + 1
    return level


def is_key(value: object) -> bool:
    """Return whether *value*, from a response, is a valid key."""
    try:
        return isinstance(value, str) and validate_api_key(value) is not None
    except ConfigurationError:
        return False


def validate_api_key(key: Optional[str]) -> Optional[str]:
    """Return *key* stripped, None if it is empty; raises ConfigurationError if a header cannot hold it."""
    if key is None:
        return None
    if not isinstance(key, str):
        raise ConfigurationError(f"an API key must be a string, not {type(key).__name__}")
    key = re.sub("(?i)^bearer +", "", key.strip())  # which is added to each request
    if re.search(_INVALID_HEADER_CHARS, key):
        raise ConfigurationError(
            "the API key contains a character that is not allowed in a header: check how it was copied"
        )
    return key or None


def validate_headers(headers: Optional[Mapping[str, str]]) -> Dict[str, str]:
    """Return *headers* stripped and without framing; raises ConfigurationError if they are not valid."""
    checked = {}
    for name, value in (headers or {}).items():
        if not isinstance(name, str) or not re.fullmatch(_HEADER_NAME, name):
            raise ConfigurationError("the name of a header contains a character that HTTP does not allow")
        if not isinstance(value, str) or re.search(_INVALID_HEADER_CHARS, value):
            raise ConfigurationError(f"header {name} must be Latin-1 text without control characters")
        checked[name] = value.strip()
    return without_framing(checked)


def without_framing(headers: Mapping[str, str]) -> Dict[str, str]:
    """Return *headers* without those for the length of the body, which is set with the body."""
    return {name: value for name, value in headers.items() if name.lower() not in _FRAMING_HEADERS}


def header_secrets(headers: Mapping[str, Union[str, bytes]]) -> Iterator[str]:
    """Yield the values of sensitive headers, and their secret parts."""
    for name, value in headers.items():
        if re.search(_SENSITIVE_HEADER, name):
            text = header_text(value)
            scheme, _, secret = text.partition(" ")  # "Bearer KEY"
            yield from (text, secret)
            if scheme.lower() == "basic":
                with suppress(ValueError):
                    yield b64decode(secret).decode("utf-8").partition(":")[2]
            if name.lower() == "cookie":
                yield from re.findall(r"=([^;]*)", text)


def header_text(value: Union[str, bytes]) -> str:
    """Return the value of a header as text."""
    return value.decode("latin-1") if isinstance(value, bytes) else value


def drop_sensitive_headers(headers: Mapping[str, str]) -> Dict[str, str]:
    """Return *headers* without those whose name suggests a secret."""
    return {name: value for name, value in headers.items() if not re.search(_SENSITIVE_HEADER, name)}
