import pytest

from chatsdk.testing.urls import url_rule
from chatsdk.testing.validation import Invalid


@pytest.mark.parametrize(
    ("text", "usual"),
    [
        ("HTTP://Peer-A.Example:80", "http://peer-a.example/"),
        ("https://h:443/a//b///", "https://h/a//b///"),
        ("https://h:8443", "https://h:8443/"),
        ("http://h:", "http://h/"),
        ("http://h:0080/", "http://h/"),
        (" http:\\\\x\\y\n", "http://x/y"),
        ("http:x", "http://x/"),
        ("http://ex\tample", "http://example/"),
        ("https://u:p@H/", "https://u:p@h/"),
        ("http://bücher.example/ä?ö=ü#ß", "http://xn--bcher-kva.example/%C3%A4?%C3%B6=%C3%BC#%C3%9F"),
        ("http://h/a b%2F%zz", "http://h/a%20b%2F%zz"),
        ("http://h/../a/./b/..", "http://h/a/"),
        ("http://h?x'", "http://h/?x%27"),
        ("http://127.1/", "http://127.0.0.1/"),
        ("http://[2001:DB8:0::1]:99/", "http://[2001:db8::1]:99/"),
    ],
)
def test_usual_form(text, usual):
    assert url_rule(text, ()) == usual


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("", "input is empty"),
        ("x", "relative URL without a base"),
        ("//x", "relative URL without a base"),
        ("http://", "empty host"),
        ("http://user@", "empty host"),
        ("http://h:99999", "invalid port number"),
        ("http://h:ab", "invalid port number"),
        ("http://[::1", "invalid IPv6 address"),
        ("http://[x]", "invalid IPv6 address"),
        ("http://256.1.1.1", "invalid IPv4 address"),
        ("http://a b", "invalid international domain name"),
        ("http://a%20b", "invalid international domain name"),
    ],
)
def test_what_is_wrong(text, error):
    with pytest.raises(Invalid) as caught:
        url_rule(text, ("body", "url"))
    (problem,) = caught.value.problems
    assert problem["type"] == "url_parsing"
    assert problem["msg"] == f"Input should be a valid URL, {error}"
    assert problem["ctx"] == {"error": error}
    assert (problem["loc"], problem["input"]) == (["body", "url"], text)


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ("ftp://x", "url_scheme"),
        ("localhost:8000", "url_scheme"),
        ("http://x/" + "a" * 2083, "url_too_long"),
        (7, "url_type"),
        (None, "url_type"),
    ],
)
def test_what_is_no_http_url(value, kind):
    with pytest.raises(Invalid) as caught:
        url_rule(value, ())
    assert caught.value.problems[0]["type"] == kind
