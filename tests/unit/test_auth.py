import pickle
import sys
import warnings
from base64 import b64encode

import pytest
import requests

from chatsdk import ConfigurationError, InsecureTransportWarning
from chatsdk._core.auth import (
    Credentials,
    OriginAuth,
    drop_sensitive_headers,
    header_secrets,
    is_key,
    validate_api_key,
    validate_headers,
)


@pytest.mark.parametrize(
    ("given", "used"),
    [
        (None, None),
        ("", None),
        ("  \n", None),
        ("sk-1", "sk-1"),
        (" sk-1\r\n", "sk-1"),
        ("\tsk 1 ", "sk 1"),
        ("clé", "clé"),
        ("Bearer sk-1", "sk-1"),
    ],
)
def test_valid_key(given, used):
    assert validate_api_key(given) == used


@pytest.mark.parametrize(
    "given", ["sk-\n1", "sk-\r\nX-Evil: 1", "sk-\x00", "sk-\x7f", "sk-\x85x", "sk-“1”", "sk-😀", "sk-\ud800"]
)
def test_a_key_that_no_header_can_hold(given):
    with pytest.raises(ConfigurationError) as caught:
        validate_api_key(given)
    assert "sk-" not in str(caught.value)


@pytest.mark.parametrize("given", [5, b"sk-1", ["sk-1"]])
def test_a_key_that_is_no_text(given):
    with pytest.raises(ConfigurationError, match=type(given).__name__):
        validate_api_key(given)


def test_valid_headers():
    given = {"X-Team": " blue ", "X-Nom": "é"}
    assert validate_headers(given) == {"X-Team": "blue", "X-Nom": "é"}
    assert validate_headers(None) == {}


@pytest.mark.parametrize(
    "headers",
    [
        {"": "x"},
        {"a b": "hunter2"},
        {"a:": "hunter2"},
        {"é": "hunter2"},
        {5: "hunter2"},
        {"X-A": "hunter2\r\nX-Evil: 1"},
        {"X-A": "hunter2 😀"},
        {"X-A": 5},
        {"X-A": None},
    ],
)
def test_headers_that_would_break_out(headers):
    with pytest.raises(ConfigurationError) as caught:
        validate_headers(headers)
    assert "hunter2" not in str(caught.value)


def test_secrets_of_headers():
    basic = "Basic " + b64encode("ada:pass:wörd".encode()).decode()
    assert {basic, basic[6:], "pass:wörd"} <= set(header_secrets({"Proxy-Authorization": basic}))
    assert "sk-1" in header_secrets({"authorization": b"Bearer sk-1"})
    assert "Basic x" in header_secrets({"Authorization": "Basic x"})
    assert not list(header_secrets({"X-Team": "basic"}))


def test_sensitive_headers_are_dropped():
    secret = ["Authorization", "X-API-Key", "cookie", "X-Auth", "X-Token", "My-Secret", "X-PASSWORD"]
    secret += ["X-Credential", "X-Signature", "x-passwd", "X-Pwd"]
    headers = dict.fromkeys([*secret, "X-Team", "Accept-Language"], "v")
    assert drop_sensitive_headers(headers) == {"X-Team": "v", "Accept-Language": "v"}


@pytest.mark.parametrize(
    ("url", "signed"),
    [
        ("https://api.example/v1/models", True),
        ("https://api.example.evil/v1", False),
        ("https://api.example:8443/v1", False),
        ("http://api.example/v1", False),
        (None, False),
    ],
)
def test_the_key_stays_with_its_origin(url, signed):
    request = requests.PreparedRequest()
    request.url, request.headers = url, {}
    auth = OriginAuth("https://api.example/", "sk-1")
    assert auth(request) is request
    assert request.headers == ({"Authorization": "Bearer sk-1"} if signed else {})


def test_no_key_is_no_header():
    request = requests.PreparedRequest()
    request.url, request.headers = "https://api.example/v1", {"Authorization": "Basic own"}
    auth = OriginAuth("https://api.example/", None)
    auth(request)
    assert request.headers == {"Authorization": "Basic own"}


@pytest.mark.parametrize(
    ("value", "right"),
    [("abc", True), (" abc\n", True), ("", False), (" ", False), ("a\nb", False), ("€", False)]
    + [(value, False) for value in (None, 5, True, ["abc"], {})],
)
def test_is_key(value, right):
    assert is_key(value) is right


class TestCredentials:
    def test_argument_before_environment(self, monkeypatch):
        monkeypatch.setenv("ZAGUAN_API_KEY", " sk-env\n")
        assert Credentials("zaguan", "ZAGUAN", "sk-own").key == "sk-own"
        assert Credentials("zaguan", "ZAGUAN").key == "sk-env"
        assert Credentials("zaguan", "ZAGUAN", " ").key == "sk-env"

    def test_setting_the_key(self):
        credentials = Credentials("zaguan", "ZAGUAN", "sk-own")
        credentials.set_key(" sk-new ")
        assert credentials.key == "sk-new"
        credentials.set_key(None)
        assert credentials.key is None

    def test_the_key_is_not_pickled(self, monkeypatch):
        data = pickle.dumps(Credentials("zaguan", "ZAGUAN", "sk-own"))
        assert b"sk-own" not in data
        assert pickle.loads(data).key is None
        monkeypatch.setenv("ZAGUAN_API_KEY", "sk-there")
        assert pickle.loads(data).key == "sk-there"

    def test_the_key_is_not_shown(self):
        assert "sk-own" not in repr(Credentials("zaguan", "ZAGUAN", "sk-own"))

    def test_plain_http_to_another_machine_warns_once(self):
        credentials = Credentials("zaguan", "ZAGUAN", "sk-own")
        with pytest.warns(InsecureTransportWarning, match="zaguan") as caught:
            credentials.auth("http://api.example")
        assert "sk-own" not in str(caught[0].message)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            credentials.auth("http://api.example")

    @pytest.mark.parametrize("url", ["https://api.example", "http://127.0.0.1:1", "http://localhost"])
    def test_no_warning_on_a_private_line(self, url):
        assert Credentials("zaguan", "ZAGUAN", "sk-own").auth(url).key == "sk-own"

    def test_a_password_warns_too(self):
        credentials = Credentials("mongars", "MONGARS")
        with pytest.warns(UserWarning, match="password"):
            credentials.auth("http://api.example", has_secret=True)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            credentials.set_key("the-token")
            credentials.auth("http://api.example")
            Credentials("mongars", "MONGARS").auth("http://127.0.0.1:1", has_secret=True)

    def test_no_warning_without_a_key(self):
        assert Credentials("zaguan", "ZAGUAN").auth("http://api.example").key is None


@pytest.mark.parametrize(
    ("url", "signed"),
    [
        ("https://a.example/v1/models", True),
        ("https://a.example:8443/v1/models", False),
        ("https://a.example.evil.example/v1/models", False),
        ("https://a.example@evil.example/", False),
        ("http://a.example/v1/models", False),
        ("https://b.example/v1/models", False),
        (None, False),
    ],
)
def test_a_key_is_for_one_origin(url, signed):
    request = requests.PreparedRequest()
    request.url = url
    request.headers = requests.structures.CaseInsensitiveDict()
    OriginAuth("https://a.example/", "sk-secret")(request)
    assert ("Authorization" in request.headers) is signed


class TestHeaders:
    URL = "http://api.example/x"

    def signed(self, auth, url=URL, **headers):
        request = requests.Request("GET", url, headers=headers).prepare()
        auth(request)
        return {name: value for name, value in request.headers.items() if name not in headers}

    def test_bearer(self):
        assert self.signed(OriginAuth("http://api.example/", "k")) == {"Authorization": "Bearer k"}

    def test_bare_key(self):
        assert self.signed(OriginAuth("http://api.example/", "k", "X-API-Key")) == {"X-API-Key": "k"}

    def test_no_key(self):
        assert self.signed(OriginAuth("http://api.example/", None, "X-API-Key")) == {}

    def test_another_origin(self):
        auth = OriginAuth("http://api.example/", "k", "X-API-Key", {"http://api.example/": "me"}, "who")
        assert self.signed(auth) == {"X-API-Key": "k", "Cookie": "who=me"}
        for url in ("http://api.example:81/x", "https://api.example/x", "http://api.example.evil/x"):
            assert self.signed(auth, url) == {}


class TestIdentity:
    BASE = "https://api.example"

    def answer(self, name="who", value="me"):
        response = requests.Response()
        response.cookies.set(name, value)
        return response

    def sent(self, credentials, base_url=BASE, cookie_name="who"):
        request = requests.Request("GET", base_url + "/x").prepare()
        credentials.auth(base_url, "X-API-Key", cookie_name)(request)
        return request.headers.get("Cookie")

    @pytest.fixture
    def credentials(self):
        credentials = Credentials("infinity", "INFINITY_ASSISTANT", "k")
        credentials.auth(self.BASE, "X-API-Key", "who").store_identity_cookie(self.answer())
        return credentials

    def test_is_kept_for_its_origin(self, credentials):
        assert self.sent(credentials) == "who=me"
        assert self.sent(credentials, "https://api.example:8443") is None
        assert self.sent(credentials, "https://other.example") is None

    def test_other_cookies_are_not(self, credentials):
        credentials.auth(self.BASE, "X-API-Key", "who").store_identity_cookie(
            self.answer("session", "secret")
        )
        assert self.sent(credentials) == "who=me"

    def test_services_without_one_keep_none(self):
        credentials = Credentials("zaguan", "ZAGUAN", "k")
        credentials.auth(self.BASE).store_identity_cookie(self.answer())
        assert self.sent(credentials) is None

    def test_an_answer_without_it_takes_nothing_away(self, credentials):
        credentials.auth(self.BASE, "X-API-Key", "who").store_identity_cookie(requests.Response())
        assert self.sent(credentials) == "who=me"

    def test_another_key_is_somebody_else(self, credentials):
        credentials.set_key("k1", "ada")
        assert credentials.user == "ada"
        late = credentials.auth(self.BASE, "X-API-Key", "who")
        late.store_identity_cookie(self.answer())
        assert self.sent(credentials) == "who=me"
        credentials.set_key("k2")
        assert credentials.user is None
        assert self.sent(credentials) is None
        late.store_identity_cookie(self.answer())  # an answer to the one before
        assert self.sent(credentials) is None

    def test_no_other_thread_sees_half_of_a_change(self, credentials):
        seen = []

        def look(*_):  # between any two lines, as another thread could
            seen.append(tuple(credentials.auth(self.BASE, "X-API-Key", "who").secrets))
            return look

        before = sys.gettrace()
        sys.settrace(look)
        try:
            credentials.set_key("k2")
        finally:
            sys.settrace(before)
        assert set(seen) == {("k", "me"), ("k2",)}

    def test_does_not_travel(self, credentials):
        credentials.set_key("k", "ada")
        credentials.auth(self.BASE, "X-API-Key", "who").store_identity_cookie(self.answer())
        copy = pickle.loads(pickle.dumps(credentials))
        assert (copy.key, copy.user) == (None, None)
        copy.set_key("k3")
        assert self.sent(copy) is None
