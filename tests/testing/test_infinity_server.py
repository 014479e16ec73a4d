"""What Next.js does before the service's own code, and what stands beside the chat."""

import pytest

from .wire import exchange

PATHS = ["/nope", "/memory/store", "/memory/retrieve?key=a", "/knowledge/search", "/chat/x", "/Chat"]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE", "OPTIONS"])
def test_an_unknown_path_is_a_page(guest, method, path):
    answer = guest.send(method, path)
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "<title>404: This page could not be found.</title>" in answer.text


@pytest.mark.parametrize(
    ("method", "path"),
    [("PUT", "/chat"), ("GET", "/chat/stream"), ("HEAD", "/chat/stream"), ("POST", "/knowledge")],
)
def test_another_method_is_refused_without_a_word(guest, method, path):
    answer = guest.send(method, path)
    assert (answer.status_code, answer.content) == (405, b"")
    assert not {"content-type", "allow"} & set(map(str.lower, answer.headers))


@pytest.mark.parametrize(
    ("path", "allow"),
    [
        ("/chat", "GET, HEAD, OPTIONS, POST"),
        ("/chat/stream", "OPTIONS, POST"),
        ("/memory", "DELETE, GET, HEAD, OPTIONS, POST"),
    ],
)
def test_options(guest, path, allow):
    answer = guest.send("OPTIONS", path)
    assert (answer.status_code, answer.content, answer.headers["allow"]) == (204, b"", allow)


@pytest.mark.parametrize(
    ("path", "location"),
    [
        ("/chat/", "/infinity/chat"),
        ("/memory/?conversationId=a%2Fb", "/infinity/memory?conversationId=a%2Fb"),
        ("/nope%20x//", "/infinity/nope%20x"),
        ("/", "/infinity"),
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_trailing_slash_moves(server, method, path, location):
    answer = exchange(server.url("infinity"), method, path, b"{}")
    assert (answer.status, answer.headers["location"]) == (308, location)
    assert answer.body == location.encode()
    assert "content-type" not in answer.headers


def test_moved_posts_arrive(guest):
    answer = guest.post("/chat/", json={"message": "hi"}, allow_redirects=True)
    assert answer.json()["response"] == "Hello! You said: hi"


def test_head_is_a_get_without_a_body(guest):
    answer = guest.send("HEAD", "/health")
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["content-type"] == "application/json"


def test_health(guest):
    body = guest.get("/health").json()
    assert (body["status"], body["version"], body["service"]) == ("healthy", "1.0.0", "infinityassistant")
    assert body["timestamp"].endswith("Z")


class TestFail:
    @pytest.mark.parametrize("status", [400, 401, 403, 409, 422, 429, 499, 502, 504, 529])
    def test_most_errors_are_strings(self, guest, server, status):
        server.fail("infinity", status)
        answer = guest.get("/health")
        assert answer.status_code == status
        assert isinstance(answer.json()["error"], str)

    @pytest.mark.parametrize(
        ("status", "code"), [(408, "REQUEST_TIMEOUT"), (500, "INTERNAL_ERROR"), (503, "NETWORK_ERROR")]
    )
    def test_some_are_objects(self, guest, server, status, code):
        server.fail("infinity", status)
        answer = guest.get("/health")
        assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)

    def test_some_are_no_json(self, guest, server):
        server.fail("infinity", 404)
        server.fail("infinity", 405)
        assert guest.get("/health").headers["content-type"] == "text/html; charset=utf-8"
        assert guest.get("/health").content == b""

    def test_429_is_the_quota(self, guest, server):
        server.fail("infinity", 429, headers={"Retry-After": "7"})
        answer = guest.chat()
        assert answer.headers["retry-after"] == "7"
        limit = answer.json()["rateLimit"]
        assert (limit["allowed"], limit["limit"]) == (False, 50)


class TestAccount:
    def test_preferences(self, guest):
        assert guest.get("/user/preferences").json() == {"preferences": {}}
        refused = guest.post("/user/preferences", json={"preferences": {"a": 1}})
        assert (refused.status_code, refused.json()) == (400, {"error": "User identification required"})
        guest.chat()
        unwrapped = guest.post("/user/preferences", json={"a": 1})
        assert (unwrapped.status_code, unwrapped.json()) == (400, {"error": "Invalid preferences"})
        assert guest.post("/user/preferences", json={"preferences": {"a": 1}}).json() == {"success": True}
        assert guest.get("/user/preferences").json() == {"preferences": {"a": 1}}
        guest.session.cookies.clear()
        assert guest.get("/user/preferences").json() == {"preferences": {}}

    def test_usage(self, guest):
        tokens = guest.chat().json()["metadata"]["tokensUsed"]
        tokens += guest.stream()[-1][1]["metadata"]["tokensUsed"]
        body = guest.get("/user/usage").json()
        assert body["usage"] == {"today": 2, "thisMonth": 2, "tokensUsed": tokens}
        assert body["limits"] == {"daily": 10, "monthly": 100}
        assert body["remaining"] == {"daily": 8, "monthly": 98}
        guest.session.cookies.clear()
        assert guest.get("/user/usage").json()["usage"]["today"] == 0

    def test_feedback(self, guest):
        assert guest.post("/feedback", json={"message": "x"}).json() == {"success": True}
        answer = guest.post("/feedback", json={"type": "bug"})
        assert (answer.status_code, answer.json()) == (400, {"error": "Message is required"})
