import uuid
from contextlib import suppress
from datetime import datetime, timezone

import pytest

from chatsdk import InvalidRequestError, Stream, chatserver, errors
from chatsdk.chatserver import ChatCompletionResponse, ChatServerError, Message, MessageRole

from .helpers import CHATSERVER, COMPLETION, sent_json, sse

CHAT = CHATSERVER + "/v1/chat/completions"
SESSIONS = CHATSERVER + "/atoms/chat/sessions"
AUDIT = CHATSERVER + "/api/v1/platform/audit"
ADMINS = CHATSERVER + "/api/v1/platform/admins"
HI = [{"role": "user", "content": "hi"}]
USER = "00000000-0000-0000-0000-000000000001"
SESSION = "12345678-1234-4123-8123-1234567890ab"


@pytest.fixture
def complete(http, client):
    """Create a completion and return the JSON that was sent."""
    http.add("POST", CHAT, json=COMPLETION)

    def call(*args, **kwargs):
        client.chatserver.create_completion(*args, **kwargs)
        return sent_json(http)

    return call


def test_defaults(complete):
    assert complete("m", "hi") == {
        "model": "m",
        "messages": HI,
        "temperature": 0.7,
        "max_tokens": 4000,
        "top_p": 1.0,
        "stream": False,
    }


def test_order_of_arguments(complete):
    sent = complete("m", "hi", 0.1, 5, 0.9, False, USER, "be kind", session_id=SESSION)
    assert [sent[name] for name in ("temperature", "max_tokens", "top_p", "user", "system_prompt")] == [
        0.1,
        5,
        0.9,
        USER,
        "be kind",
    ]


def test_none_is_never_sent(complete):
    nothing = dict.fromkeys(["temperature", "max_tokens", "top_p", "user", "system_prompt", "metadata"])
    assert complete("m", "hi", **nothing) == {"model": "m", "messages": HI, "stream": False}


def test_messages_in_all_forms(complete):
    messages = [Message(MessageRole.SYSTEM, "be kind"), "hi", {"role": "tool", "content": "x", "name": None}]
    assert complete("m", messages)["messages"] == [
        {"role": "system", "content": "be kind"},
        *HI,
        {"role": "tool", "content": "x"},
    ]


FIELDS = {
    "organization_id": "11111111-1111-4111-8111-111111111111",
    "workflow": "w",
    "variables": {"x": None},
    "allowed_tools": ["Read"],
    "setting_sources": ["project"],
    "mcp_servers": {},
}


@pytest.mark.parametrize(
    ("arguments", "metadata"),
    [
        ({}, None),
        ({"metadata": {}}, None),
        ({"metadata": {"agent_type": "x"}}, {"agent_type": "x"}),
        ({"session_id": SESSION}, {"session_id": SESSION}),
        (FIELDS, FIELDS),
        ({"user": USER, "session_id": SESSION}, {"user_id": USER, "session_id": SESSION}),
        (
            {"user": USER, "metadata": {"session_id": SESSION, "user_id": "other"}},
            {"user_id": "other", "session_id": SESSION},
        ),
        (
            {"session_id": "other", "workflow": "v", "metadata": {"session_id": SESSION, "workflow": "w"}},
            {"session_id": SESSION, "workflow": "w"},
        ),
    ],
)
def test_metadata(complete, arguments, metadata):
    assert complete("m", "hi", **arguments).get("metadata") == metadata


@pytest.mark.parametrize(
    "arguments",
    [
        {"user": USER},
        {"user": USER, "session_id": ""},
        {"metadata": {"user_id": USER}},
        {"user": USER, "metadata": {"session_id": None}},
        {"user": USER, "metadata": {"session_id": ""}},
    ],
)
def test_a_user_without_a_session_gets_a_new_one(complete, arguments):
    first, second = (complete("m", "hi", **arguments)["metadata"] for _ in range(2))
    assert first["user_id"] == second["user_id"] == USER
    assert str(uuid.UUID(first["session_id"])) == first["session_id"] != second["session_id"]


def test_the_metadata_of_the_caller_is_not_changed(complete):
    metadata = {"x": 1}
    complete("m", "hi", user=USER, metadata=metadata)
    assert metadata == {"x": 1}


@pytest.mark.parametrize("stream", [False, True])
def test_plain_or_stream(http, client, stream):
    event = {"system_fingerprint": SESSION, "choices": [{"delta": {"content": "Hello"}}]}
    body = sse(event, {"choices": [{"delta": {}, "finish_reason": "stop"}]})
    if stream:
        http.add("POST", CHAT, body=body, content_type="text/event-stream")
    else:
        http.add("POST", CHAT, json=COMPLETION)
    answer = client.chatserver.create_completion("m", "hi", stream=stream)
    assert sent_json(http)["stream"] is stream
    if stream:
        assert isinstance(answer, Stream)
        assert list(answer) == ["Hello"]
        assert answer.metadata["system_fingerprint"] == SESSION
        answer = answer.final()
        assert answer.system_fingerprint == SESSION
    assert isinstance(answer, ChatCompletionResponse)
    assert answer.text == "Hello"
    assert isinstance(answer.choices[0].message, Message)


def test_an_answer_goes_back_as_a_message(http, client, complete):
    answer = client.chatserver.create_completion("m", "hi")
    sent = complete("m", ["hi", answer.choices[0].message])
    assert sent["messages"] == [*HI, {"role": "assistant", "content": "Hello"}]


class TestSessions:
    DETAIL_URL = f"{SESSIONS}/{SESSION}"

    def test_detail(self, http, client):
        created = "2025-11-01T08:00:00.5"
        body = {
            "session": {"id": SESSION, "created_at": created},
            "messages": [
                {"id": "1", "created_at": created},
                {"id": "2", "session_id": "other"},
                {"id": "3", "session_id": ""},
            ],
        }
        http.add("GET", self.DETAIL_URL, json=body)
        detail = client.chatserver.get_session(SESSION, user_id=USER)
        assert http.calls[0].request.url == f"{self.DETAIL_URL}?user_id={USER}"
        assert [message.session_id for message in detail.messages] == [SESSION, "other", SESSION]
        created_at = datetime(2025, 11, 1, 8, 0, 0, 500000, tzinfo=timezone.utc)
        assert detail.session.created_at == detail.messages[0].created_at == created_at

    @pytest.mark.parametrize(
        "body",
        [
            {"session": "x", "messages": []},
            {"session": 5, "messages": [{"id": "1"}]},
            {"session": {}, "messages": [None, 5, "x"]},
            {"session": {}, "messages": "abc"},
            {"session": {}, "messages": {"a": 1}},
        ],
    )
    def test_a_detail_in_a_wrong_shape_is_no_crash(self, http, client, body):
        """It raises APIResponseError, or the values are kept as they are."""
        http.add("GET", self.DETAIL_URL, json=body)
        found = None
        with suppress(errors.APIResponseError):
            found = client.chatserver.get_session(SESSION, user_id=USER)
        assert found is None or found.to_dict()["messages"] == body["messages"]

    def test_an_empty_session(self, http, client):
        http.add("GET", self.DETAIL_URL, json={"session": {}, "messages": [{}]})
        detail = client.chatserver.get_session(SESSION, user_id=USER)
        assert detail.session == chatserver.ChatSessionSummary()
        assert [message.content for message in detail.messages] == [""]

    @pytest.mark.parametrize("session_id", ["", " ", ".", "..", None])
    def test_an_id_that_would_reach_another_endpoint(self, http, client, session_id):
        with pytest.raises(ValueError, match="session_id") as caught:
            client.chatserver.get_session(session_id, user_id=USER)
        assert isinstance(caught.value, ChatServerError)

    @pytest.mark.parametrize("arguments", [(USER, 3, 7), (USER, 3)])
    def test_a_page(self, http, client, arguments):
        http.add("GET", SESSIONS, json={"sessions": [], "total": 0})
        client.chatserver.list_sessions(*arguments)
        size = arguments[2] if len(arguments) > 2 else 20
        assert http.calls[0].request.url == f"{SESSIONS}?user_id={USER}&page=3&page_size={size}"

    def pages(self, http, *pages):
        for ids, has_more in pages:
            sessions = [{"id": session_id} for session_id in ids]
            http.add("GET", SESSIONS, json={"sessions": sessions, "has_more": has_more})

    def test_all(self, http, client):
        self.pages(http, ("ab", True), ("bc", True), ("d", False))
        found = client.chatserver.iter_sessions(USER, page_size=2)
        assert [session.id for session in found] == ["a", "b", "c", "d"]
        urls = [call.request.url for call in http.calls]
        assert urls == [f"{SESSIONS}?user_id={USER}&page={page}&page_size=2" for page in (1, 2, 3)]

    def test_an_empty_page_is_the_last(self, http, client):
        """Even with has_more: the server fails on the page after it."""
        self.pages(http, ("ab", True), ("", True))
        assert [session.id for session in client.chatserver.iter_sessions(USER)] == ["a", "b"]
        assert len(http.calls) == 2


class TestPlatform:
    def audit(self, http, *pages):
        for ids in pages:
            http.add("GET", AUDIT, json={"entries": [{"id": entry} for entry in ids], "count": len(ids)})

    def test_all_of_the_audit_log(self, http, client):
        self.audit(http, "abc", "cde", "f")
        assert [entry.id for entry in client.chatserver.iter_audit_log(limit=3)] == list("abcdef")
        offsets = [call.request.url.partition("offset=")[2] for call in http.calls]
        assert offsets == ["0", "3", "6"]

    @pytest.mark.parametrize(("pages", "calls"), [([""], 1), (["ab"], 1), (["abc", ""], 2)])
    def test_a_short_page_is_the_last(self, http, client, pages, calls):
        self.audit(http, *pages)
        assert len(list(client.chatserver.iter_audit_log(limit=3))) == len("".join(pages))
        assert len(http.calls) == calls

    def test_a_limit_of_zero_ends(self, http, client):
        self.audit(http, "")
        assert list(client.chatserver.iter_audit_log(limit=0)) == []

    @pytest.mark.parametrize(("name", "sent"), [("Ann", {"name": "Ann"}), ("", {}), (None, {})])
    def test_add_admin(self, http, client, name, sent):
        http.add("POST", ADMINS, json={"status": "success", "email": "a@x.example"}, status=201)
        assert client.chatserver.add_admin("user_1", "a@x.example", name).status == "success"
        assert sent_json(http) == {"workos_id": "user_1", "email": "a@x.example", **sent}

    @pytest.mark.parametrize(
        ("email", "quoted"),
        [
            ("ann@x.example", "ann%40x.example"),
            ("a+b@x.example", "a%2Bb%40x.example"),
            ("a?b#c%d@x.example", "a%3Fb%23c%25d%40x.example"),
            ("a b@x.example", "a%20b%40x.example"),
            ("jörg@x.example", "j%C3%B6rg%40x.example"),
            ("a/b@x.example", "a%2Fb%40x.example"),
        ],
    )
    def test_remove_admin(self, http, client, email, quoted):
        http.add("DELETE", f"{ADMINS}/{quoted}", json={"status": "success", "email": email})
        assert client.chatserver.remove_admin(email).email == email
        assert http.calls[0].request.url == f"{ADMINS}/{quoted}"

    @pytest.mark.parametrize("email", ["", "  ", "..", None])
    def test_an_address_that_would_reach_another_endpoint(self, http, client, email):
        with pytest.raises(errors.InvalidRequestError, match="email"):
            client.chatserver.remove_admin(email)

    def test_admins_read_like_a_dict(self, http, client):
        http.add("GET", ADMINS, json={"admins": [{"id": "1", "email": "a@x.example"}], "count": 1})
        admins = client.chatserver.list_admins()
        assert admins["count"] == 1
        assert [admin["email"] for admin in admins["admins"]] == ["a@x.example"]

    def test_stats(self, http, client):
        body = {"total_users": 1, "system_health": {"status": "ok", "active_agents": ["a"]}}
        http.add("GET", CHATSERVER + "/api/v1/platform/stats", json=body)
        stats = client.chatserver.get_platform_stats()
        assert (stats.total_users, stats.total_requests) == (1, 0)
        assert stats.system_health.active_agents == ["a"]


@pytest.mark.parametrize(
    ("status", "name"),
    [(401, "UnauthorizedError"), (403, "ForbiddenError"), (400, "BadRequestError"), (404, "NotFoundError")],
)
def test_names_of_the_seed(http, client, status, name):
    http.add("GET", CHATSERVER + "/v1/models", json={"detail": "No"}, status=status)
    with pytest.raises(getattr(chatserver, name)) as caught:
        client.chatserver.list_models()
    assert isinstance(caught.value, ChatServerError)
    assert (caught.value.message, caught.value.status_code) == ("No", status)


@pytest.mark.parametrize("name", ["user", "organization_id", "session_id"])
@pytest.mark.parametrize("stream", [False, True])
def test_an_id_that_is_no_uuid_is_refused(http, client, name, stream):
    """The server answers 500 "Internal Server Error" to them, without a reason."""
    for bad in ("bob", "atoms_session_48c48ab35ffc42b482af486dc5a18d13", USER + "0", f"urn:uuid:{USER}", 5):
        with pytest.raises(ChatServerError, match=f"^{name} must be a UUID") as caught:
            client.chatserver.create_completion("m", "hi", stream=stream, **{"user": USER, name: bad})
        assert isinstance(caught.value, InvalidRequestError)


@pytest.mark.parametrize("form", [str, str.upper, lambda text: text.replace("-", ""), uuid.UUID])
def test_each_form_of_a_uuid_is_sent_as_it_is(complete, form):
    sent = complete("m", "hi", user=form(USER), session_id=form(SESSION))
    assert sent["user"] == sent["metadata"]["user_id"] == str(form(USER))
    assert sent["metadata"]["session_id"] == str(form(SESSION))


def test_without_a_user_a_session_may_have_any_name(complete):
    assert complete("m", "hi", session_id="any")["metadata"] == {"session_id": "any"}
