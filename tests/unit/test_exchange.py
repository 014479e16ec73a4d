"""Answers that cannot be read, failures, broken connections: each an error of the library."""

import gzip
import json
import zlib

import pytest
import requests

from chatsdk import Client, Service, errors
from chatsdk.chatserver import ChatServerError
from chatsdk.errors import APIResponseError, APIStatusError
from chatsdk.zaguan import ZaguanError

from .helpers import CHATSERVER, COMPLETION, ZAGUAN, make_client

CHAT = ZAGUAN + "/v1/chat/completions"
BODY = {"model": "m", "messages": "hi"}
GZIP = {"Content-Encoding": "gzip"}


class TestAnswersThatCannotBeRead:
    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"hello",
            b"<html>hello</html>",
            b"null",
            b"[]",
            b'"text"',
            b"5",
            b"{",
            b'{"choices": [NaN]}',
            b'{"choices": [1e999]}',
            b'"\xff"',
            b"[" * 100_000,
            b"{}",
            b'{"choices": null}',
        ],
        ids=lambda body: repr(body[:20]),
    )
    def test_no_completion(self, http, client, body):
        http.add("POST", CHAT, body=body, content_type="text/weird; charset=x")
        with pytest.raises(APIResponseError) as caught:
            client.zaguan.chat(**BODY)
        error = caught.value
        assert isinstance(error, ZaguanError)
        assert not isinstance(error, APIStatusError)
        assert (error.status_code, error.content_type) == (200, "text/weird; charset=x")
        assert body.decode("utf-8", "replace").startswith(error.body)
        assert len(error.body) <= 5000
        assert error.request_id == http.calls[0].request.headers["X-Request-Id"]

    def test_a_failure_that_came_as_a_success(self, http, client):
        http.add("POST", CHAT, json={"error": {"message": "The upstream is down", "type": "x"}})
        with pytest.raises(APIResponseError, match=r"^The upstream is down$"):
            client.zaguan.chat(**BODY)

    @pytest.mark.parametrize("body", [{}, {"data": None}, {"data": 5}, {"data": "x"}, {"data": {"a": 1}}, 5])
    def test_no_list(self, http, client, body):
        http.add("GET", ZAGUAN + "/v1/models", json=body)
        http.add("GET", CHATSERVER + "/v1/models", json=body)
        for list_models, base in (
            (client.zaguan.list_models, ZaguanError),
            (client.chatserver.list_models, ChatServerError),
        ):
            with pytest.raises(APIResponseError) as caught:
                list_models()
            assert isinstance(caught.value, base)

    def test_too_large(self, http):
        http.add("GET", ZAGUAN + "/v1/models", body=b"[" + b" " * 3000 + b"]")
        http.add("GET", ZAGUAN + "/health", body=gzip.compress(b"x" * 10**6), headers=GZIP)
        with make_client(max_response_bytes=1000) as client:
            for method in (client.zaguan.list_models, client.zaguan.health_check):
                with pytest.raises(APIResponseError, match="1000"):
                    method()


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (json.dumps(COMPLETION).encode(), {}),
        (b"\xef\xbb\xbf" + json.dumps(COMPLETION).encode(), {}),
        (gzip.compress(json.dumps(COMPLETION).encode()), GZIP),
        (zlib.compress(json.dumps(COMPLETION).encode()), {"Content-Encoding": "deflate"}),
        (zlib.compress(json.dumps(COMPLETION).encode())[2:-4], {"Content-Encoding": "deflate"}),
    ],
    ids=["plain", "bom", "gzip", "deflate", "bare deflate"],
)
def test_encodings(http, client, body, headers):
    http.add("POST", CHAT, body=body, headers=headers, content_type="text/plain; charset=latin-1")
    assert client.zaguan.chat(**BODY).text == "Hello"


@pytest.mark.parametrize(
    ("body", "encoding"),
    [(gzip.compress(b"{}" * 99)[:-9], "gzip"), (b"no gzip", "gzip"), (b"\0{}", "br")],
    ids=["cut", "none", "unknown"],
)
def test_broken_encodings(http, client, body, encoding):
    http.add("GET", ZAGUAN + "/health", body=body, headers={"Content-Encoding": encoding})
    with pytest.raises((errors.APIConnectionError, APIResponseError)) as caught:
        client.zaguan.health_check()
    assert isinstance(caught.value, ZaguanError)


class TestFailures:
    @pytest.mark.parametrize(
        ("status", "body", "text"),
        [
            (500, b"", "500"),
            (529, b"", "529"),
            (400, b"[1]", "400"),
            (404, b"null", "404"),
            (502, b"\xff", None),
        ],
    )
    def test_without_a_sentence(self, http, client, status, body, text):
        http.add("POST", CHAT, body=body, status=status)
        with pytest.raises(errors.status_error(status)) as caught:
            client.zaguan.chat(**BODY)
        assert (text or "") in str(caught.value)
        assert str(caught.value)
        assert caught.value.status_code == status

    @pytest.mark.parametrize("depth", [500, 3000, 50_000])
    def test_a_deeply_nested_body(self, http, client, depth):
        http.add("POST", CHAT, body='{"error":' * depth + '"x"' + "}" * depth, status=500)
        kind = None
        try:
            client.zaguan.chat(**BODY)
        except Exception as error:
            kind = type(error)  # the error itself may hold a trace of thousands of lines
        assert issubclass(kind, errors.InternalServerError)
        assert issubclass(kind, ZaguanError)

    def test_the_key_is_not_repeated(self, http, client):
        http.add("POST", CHAT, json={"error": {"message": "Bad key: sk-zaguan-1!"}}, status=401)
        with pytest.raises(errors.AuthenticationError) as caught:
            client.zaguan.chat(**BODY)
        assert "sk-zaguan-1" not in str(caught.value)
        assert "Bad key" in str(caught.value)

    def test_a_refusal_without_a_key_says_how_to_give_one(self, http):
        http.add("GET", "https://infinity.example/user", status=401, json={"error": "Who?"})
        plain = Client(infinity="https://infinity.example").infinity
        own = plain.with_options(headers={"Authorization": "Basic x"})
        keyed = Client(infinity=Service("https://infinity.example", api_key="sk-infinity-1")).infinity
        texts = []
        for service in (plain, own, keyed):
            with pytest.raises(errors.AuthenticationError) as caught:
                service.request("GET", "/user")
            assert caught.value.message == "Who?"
            texts.append(str(caught.value))
        refusal = "HTTP 401: Who? (GET https://infinity.example/user)"
        hint = (
            "no API key is set: "
            "give Client(infinity=Service(..., api_key=...)) or set INFINITY_ASSISTANT_API_KEY"
        )
        assert texts == [f"{refusal}; {hint}", refusal, refusal]

    @pytest.mark.parametrize("status", [301, 302, 307, 308])
    def test_a_redirect_is_not_followed(self, http, client, status):
        http.add("POST", CHAT, status=status, headers={"Location": "https://u:p@other.example/x?key=1"})
        with pytest.raises(APIStatusError) as caught:
            client.zaguan.chat(**BODY)
        assert "https://other.example/x;" in str(caught.value)
        assert "base_url" in str(caught.value)
        assert len(http.calls) == 1

    @pytest.mark.parametrize("retry_after", ["soon", "", "-5"])
    def test_garbage_in_retry_after(self, http, client, retry_after):
        http.add("POST", CHAT, status=429, headers={"Retry-After": retry_after})
        with pytest.raises(errors.RateLimitError) as caught:
            client.zaguan.chat(**BODY)
        assert caught.value.retry_after is None

    @pytest.mark.parametrize(
        "error",
        [
            requests.ConnectionError("https://zaguan.example the prompt sk-zaguan-1"),
            requests.exceptions.ChunkedEncodingError("the prompt"),
            requests.exceptions.InvalidURL("the prompt"),
            requests.exceptions.ContentDecodingError("the prompt"),
            OSError("the prompt"),
            ValueError("the prompt"),
        ],
        ids=lambda error: type(error).__name__,
    )
    def test_what_breaks_is_an_error_of_the_service(self, http, client, error):
        http.add("POST", CHAT, body=error)
        with pytest.raises(errors.APIConnectionError) as caught:
            client.zaguan.chat(model="m", messages="the prompt")
        assert isinstance(caught.value, ZaguanError)
        assert not isinstance(caught.value, errors.APITimeoutError)
        assert "the prompt" not in str(caught.value)
        assert "sk-zaguan-1" not in str(caught.value.__cause__)
        assert (caught.value.method, caught.value.url) == ("POST", CHAT)

    @pytest.mark.parametrize(
        "error", [requests.ReadTimeout("x"), requests.ConnectTimeout("x"), TimeoutError()]
    )
    def test_timeouts(self, http, client, error):
        http.add("POST", CHAT, body=error)
        with pytest.raises(errors.APITimeoutError, match="zaguan"):
            client.zaguan.chat(**BODY)
