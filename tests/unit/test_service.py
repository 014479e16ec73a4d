"""The escape hatch that all services share: requests to endpoints without a method."""

import pytest
import requests

from chatsdk import errors
from chatsdk.zaguan import ZaguanError

from .helpers import CHATSERVER, ZAGUAN


class TestRequest:
    def test_what_is_sent(self, http, client):
        http.add("PUT", ZAGUAN + "/v1/new/thing", json={"x": 1}, status=201)
        answer = client.zaguan.request(
            "put",
            "/v1/new/thing",
            params={"a": 1, "b": None},
            json={"ü": [None]},
            headers={"X-Team": "blue"},
        )
        assert isinstance(answer, requests.Response)
        assert (answer.status_code, answer.json()) == (201, {"x": 1})
        request = http.calls[0].request
        assert request.url == ZAGUAN + "/v1/new/thing?a=1"
        assert request.body == '{"ü":[null]}'.encode()
        assert request.headers["X-Team"] == "blue"
        assert request.headers["Content-Type"] == "application/json"

    @pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "DELETE", "PATCH", "POST"])
    def test_without_a_body(self, http, client, method):
        http.add(method, CHATSERVER + "/x", body=b"")
        assert client.chatserver.request(method, "/x", timeout=3).content == b""
        assert not http.calls[0].request.body

    def test_a_query_in_the_path_and_one_beside_it(self, http, client):
        http.add("GET", ZAGUAN + "/v1/models", json={})
        client.zaguan.request("GET", "/v1/models?a=1", params={"b": 2})
        assert http.calls[0].request.url == ZAGUAN + "/v1/models?a=1&b=2"

    def test_a_form(self, http, client):
        http.add("POST", ZAGUAN + "/v1/form", json={})
        client.zaguan.request("POST", "/v1/form", data={"a": "é"})
        request = http.calls[0].request
        assert request.headers["Content-Type"] == "application/x-www-form-urlencoded"
        assert request.body in ("a=%C3%A9", b"a=%C3%A9")

    def test_an_upload(self, http, client):
        http.add("POST", ZAGUAN + "/v1/files", json={})
        client.zaguan.request("POST", "/v1/files", data={"a": "1"}, files={"file": ("a.wav", b"RIFF")})
        request = http.calls[0].request
        assert request.headers["Content-Type"].startswith("multipart/form-data; boundary=")
        assert b"RIFF" in request.body
        assert b'filename="a.wav"' in request.body

    def test_a_body_left_unread(self, http, client):
        http.add("GET", ZAGUAN + "/v1/big", body=b"x" * 100)
        answer = client.zaguan.request("GET", "/v1/big", stream=True)
        assert b"".join(answer.iter_content(7)) == b"x" * 100

    def test_a_failure(self, http, client):
        http.add("GET", ZAGUAN + "/v1/nope", json={"detail": "Not Found"}, status=404)
        for stream in (False, True):
            with pytest.raises(errors.NotFoundError, match=r"^HTTP \d+: Not Found \(") as caught:
                client.zaguan.request("GET", "/v1/nope", stream=stream)
            assert isinstance(caught.value, ZaguanError)

    @pytest.mark.parametrize(
        "arguments",
        [
            ("GET", "v1/models"),
            ("GET", ""),
            ("GET", "https://evil.example/"),
            ("GET", "/\ud800"),
        ],
    )
    def test_a_path_that_is_refused(self, http, client, arguments):
        with pytest.raises(errors.InvalidRequestError) as caught:
            client.zaguan.request(*arguments)
        assert isinstance(caught.value, ZaguanError)

    @pytest.mark.parametrize(
        "arguments",
        [
            {"json": float("nan")},
            {"json": {"x": "\ud800"}},
            {"params": {"x": "\ud800"}},
            {"params": {"x": float("inf")}},
            {"headers": {"X-A": "a\r\nb"}},
            {"headers": {"X A": "a"}},
            {"timeout": -1},
        ],
    )
    def test_arguments_that_are_refused(self, http, client, arguments):
        with pytest.raises((errors.InvalidRequestError, errors.ConfigurationError)):
            client.zaguan.request("POST", "/v1/x", **arguments)
