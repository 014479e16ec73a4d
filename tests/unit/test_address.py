from datetime import datetime, timezone

import pytest

from chatsdk import ConfigurationError
from chatsdk._core.address import (
    check_base_url,
    encode_query,
    get_origin,
    is_secure_transport,
    quote_path_segment,
    redirect_target,
)
from chatsdk.errors import InvalidRequestError


@pytest.mark.parametrize(
    ("given", "used"),
    [
        ("https://api.example", "https://api.example"),
        ("https://api.example/", "https://api.example"),
        ("https://api.example//", "https://api.example"),
        ("  https://api.example\n", "https://api.example"),
        ("HTTPS://API.example", "https://api.example"),
        ("https://api.example:8443/a/b/", "https://api.example:8443/a/b"),
        ("http://localhost:3284", "http://localhost:3284"),
        ("http://127.0.0.1:1", "http://127.0.0.1:1"),
        ("http://[::1]:8000/x", "http://[::1]:8000/x"),
        ("http://[2001:db8::1]", "http://[2001:db8::1]"),
        ("https://bücher.example", "https://xn--bcher-kva.example"),
        ("https://api.example/ü", "https://api.example/%C3%BC"),
        ("https://api.example/a%20b", "https://api.example/a%20b"),
        ("http://[::1]/ü", "http://[::1]/%C3%BC"),
        ("http://[fe80::1%25eth0]:80/a", "http://[fe80::1%25eth0]:80/a"),
        ("http://[fe80::1%eth0]/a/", "http://[fe80::1%25eth0]/a"),
        ("https://under_score.example", "https://under_score.example"),
    ],
)
def test_good_addresses(given, used):
    assert check_base_url(given, "zaguan") == used
    assert check_base_url(used, "zaguan") == used


@pytest.mark.parametrize(
    ("given", "word"),
    [
        ("", "http"),
        ("api.example", "http"),
        ("localhost:8000", "http"),
        ("//api.example", "http"),
        ("ftp://api.example", "http"),
        ("file:///etc/passwd", "http"),
        ("http://", "host"),
        ("http:///path", "host"),
        ("http://:8000", "host"),
        ("http://api.example:0", "host"),
        ("http://api.example:99999", "port"),
        ("http://api.example:http", "port"),
        ("http://[::1", "host"),
        ("http://[zz]", "URL"),
        ("https://user:hunter2@api.example", "api_key"),
        ("https://hunter2@api.example", "api_key"),
        ("https://@api.example", "api_key"),
        ("https://api.example?key=hunter2", "query"),
        ("https://api.example/#hunter2", "query"),
        ("https://api.example?", "query"),
        ("https://api.example#", "query"),
        ("https://api.example/../x", ".."),
        ("https://api.example/./x", "."),
        ("http://localhost/a/%2e%2e/b", ".."),
        ("http://localhost/a/.%2E", ".."),
        ("http://localhost/%2e/b", "."),
        ("https://api .example", "space"),
        ("https://api.example/a b", "space"),
        ("https://api.example\\evil", "backslash"),
        ("https://api.exa\nmple", "control"),
        ("https://api.example/\x00", "control"),
        ("https://*.example", "URL"),
        (5, "int"),
        (b"https://api.example", "bytes"),
    ],
)
def test_bad_addresses(given, word):
    with pytest.raises(ConfigurationError) as caught:
        check_base_url(given, "zaguan")
    assert word in str(caught.value)
    assert "zaguan" in str(caught.value)


@pytest.mark.parametrize(
    "given",
    [
        "https://user:hunter2@api.example",
        "https://hunter2@api.example:bad",
        "ftp://user:hunter2@api.example",
        "https://user:hunter2@[::1",
        "user:hunter2@api.example",
        "https://user:hunter2@ api.example",
        "https://api.example?token=hunter2",
    ],
)
def test_a_password_is_never_shown(given):
    with pytest.raises(ConfigurationError) as caught:
        check_base_url(given, "zaguan")
    error = caught.value
    assert "hunter2" not in repr(error)
    assert error.__context__ is None


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://api.example/a/b", "https://api.example/"),
        ("https://api.example", "https://api.example/"),
        ("http://[::1]:8000/x", "http://[::1]:8000/"),
    ],
)
def test_origin(url, origin):
    assert get_origin(url) == origin


@pytest.mark.parametrize(
    ("url", "secure"),
    [
        ("https://api.example", True),
        ("http://localhost:8000", True),
        ("http://api.localhost", True),
        ("http://localhost.:8000", True),
        ("http://127.0.0.1", True),
        ("http://127.8.8.8", True),
        ("http://[::1]:8000", True),
        ("http://api.example", False),
        ("http://localhost.example", False),
        ("http://10.0.0.1", False),
        ("http://[2001:db8::1]", False),
        ("http://127.0.0.1.example", False),
    ],
)
def test_secure_transport(url, secure):
    assert is_secure_transport(url) is secure


@pytest.mark.parametrize(
    ("location", "target"),
    [
        ("/b", "https://api.example/b"),
        ("https://user:hunter2@other.example/x?token=hunter2#y", "https://other.example/x"),
        ("//other.example/x", "https://other.example/x"),
        ("https://other.example/\r\nx", "https://other.example/x"),
        ("http://[", ""),
        ("", "https://api.example/a"),
    ],
)
def test_redirect_target(location, target):
    assert redirect_target("https://api.example/a", location) == target


@pytest.mark.parametrize(
    ("value", "quoted"),
    [
        ("plain", "plain"),
        ("a+b@example.com", "a%2Bb%40example.com"),
        ("a?b#c%d", "a%3Fb%23c%25d"),
        ("a/b", "a%2Fb"),
        ("../x", "..%2Fx"),
        ("jörg 😀", "j%C3%B6rg%20%F0%9F%98%80"),
        ("...", "..."),
        ("%2e%2e", "%252e%252e"),
        (7, "7"),
    ],
)
def test_path_segment(value, quoted):
    assert quote_path_segment(value, "email") == quoted


@pytest.mark.parametrize("value", ["", " ", "\t\n", ".", "..", None, "\ud800"])
def test_path_segment_refused(value):
    with pytest.raises(InvalidRequestError, match=r"^email ") as caught:
        quote_path_segment(value, "email")
    assert isinstance(caught.value, ValueError)


@pytest.mark.parametrize(
    ("params", "query"),
    [
        ({}, ""),
        ({"a": None}, ""),
        ({"a": 1, "b": None, "c": "x y&z"}, "?a=1&c=x+y%26z"),
        ({"a": True, "b": False}, "?a=true&b=false"),
        ({"a": ["x", 1, None], "b": ()}, "?a=x&a=1"),
        ({"a": datetime(2025, 11, 1, 8, tzinfo=timezone.utc)}, "?a=2025-11-01T08%3A00%3A00Z"),
        ({"a": ""}, "?a="),
        ({"a": 0, "b": 1.5}, "?a=0&b=1.5"),
        ({"ü": "é"}, "?%C3%BC=%C3%A9"),
    ],
)
def test_query_string(params, query):
    assert encode_query(params) == query


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf"), "\ud800", ["\ud800"]])
def test_query_value_refused(value):
    with pytest.raises(InvalidRequestError):
        encode_query({"a": value})
