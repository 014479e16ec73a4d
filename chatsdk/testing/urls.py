"""HTTP URLs as Pydantic reads and writes them, with its words for what is wrong."""

import ipaddress
import re
import socket
import unicodedata
from typing import Any, List
from urllib.parse import quote, unquote

from .validation import Place, invalid

_LONGEST = 2083
_DEFAULT_PORTS = {"http": 80, "https": 443}
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")
_HOST = re.compile(r"(\[.*\]|[^:]*)(?::([0-9]*))?", re.DOTALL)
_NOT_IN_HOSTS = re.compile(r"[\0-\x20\"#%/:<>?@\[\\\]^`{|}\x7f]")
_NUMBER_AT_END = re.compile(r"(?:.*\.)?(?:\d+|0[xX][0-9a-fA-F]*)")
# What is kept as it is: all else is percent-encoded.
_SAFE_IN_PATH = "!$%&'()*+,-./:;=@[\\]^_|~"
_SAFE_IN_QUERY = "!$%&()*+,-./:;=?@[\\]^_`{|}~"
_SAFE_IN_FRAGMENT = "!#$%&'()*+,-./:;=?@[\\]^_{|}~"


def url_rule(value: Any, place: Place) -> Any:
    """A rule: the text of an http or https URL. Gives its usual form."""
    if not isinstance(value, str):
        raise invalid("url_type", place, "URL input should be a string or URL", value)
    if len(value) > _LONGEST:
        message = f"URL should have at most {_LONGEST} characters"
        raise invalid("url_too_long", place, message, value, max_length=_LONGEST)
    text = re.sub(r"[\t\r\n]", "", value.strip("".join(map(chr, range(33)))))
    scheme = _SCHEME.match(text)
    try:
        if not text:
            raise ValueError("input is empty")
        if scheme is None:
            raise ValueError("relative URL without a base")
        if scheme[1].lower() in _DEFAULT_PORTS:
            return _usual_form(scheme[1].lower(), text[scheme.end() :])
    except ValueError as error:
        message = f"Input should be a valid URL, {error}"
        raise invalid("url_parsing", place, message, value, error=str(error)) from None
    expected = "'http' or 'https'"
    raise invalid("url_scheme", place, f"URL scheme should be {expected}", value, expected_schemes=expected)


def _usual_form(scheme: str, rest: str) -> str:
    rest, hash_sign, fragment = rest.partition("#")
    rest, question_mark, query = rest.partition("?")
    authority, _, path = rest.replace("\\", "/").lstrip("/").partition("/")
    user, at, address = authority.rpartition("@")
    return "".join(
        [
            f"{scheme}://{user}{at}{_address(scheme, address)}/",
            quote("/".join(_without_dots(path.split("/"))), _SAFE_IN_PATH),
            question_mark + quote(query, _SAFE_IN_QUERY),
            hash_sign + quote(fragment, _SAFE_IN_FRAGMENT),
        ]
    )


def _address(scheme: str, address: str) -> str:
    if address.startswith("[") and "]" not in address:
        raise ValueError("invalid IPv6 address")
    match = _HOST.fullmatch(address)
    if match is None:
        raise ValueError("invalid port number")
    host, port = _host(match[1]), int(match[2] or _DEFAULT_PORTS[scheme])
    if port > 65535:
        raise ValueError("invalid port number")
    return host if port == _DEFAULT_PORTS[scheme] else f"{host}:{port}"


def _host(host: str) -> str:
    if not host:
        raise ValueError("empty host")
    if host.startswith("["):
        try:
            return f"[{ipaddress.IPv6Address(host[1:-1]).compressed}]"
        except ValueError:
            raise ValueError("invalid IPv6 address") from None
    host = unicodedata.normalize("NFKC", unquote(host).lower())
    if _NOT_IN_HOSTS.search(host):
        raise ValueError("invalid international domain name")
    host = ".".join(map(_label, host.split(".")))
    if not _NUMBER_AT_END.fullmatch(host):
        return host
    try:
        return socket.inet_ntoa(socket.inet_aton(host))
    except OSError:
        raise ValueError("invalid IPv4 address") from None


def _label(label: str) -> str:
    return label if label.isascii() else "xn--" + label.encode("punycode").decode("ascii")


def _without_dots(parts: List[str]) -> List[str]:
    kept: List[str] = []
    for position, part in enumerate(parts):
        if part == "..":
            del kept[-1:]
        elif part != ".":
            kept.append(part)
            continue
        if position == len(parts) - 1:
            kept.append("")
    return kept
