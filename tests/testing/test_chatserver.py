"""Fake ChatServer: chats, sessions, administration, compared with recorded answers."""

import json
import re
from urllib.parse import urlencode

import pytest
import requests

from chatsdk.testing import LocalServer

from .shapes import differences, recordings
from .wire import Api, data_of, events, exchange, text_of

RECORDED = recordings("chatserver")
USER = "00000000-0000-0000-0000-000000000001"
OTHER_USER = "00000000-0000-0000-0000-000000000002"
SESSION = "12345678-1234-4123-8123-1234567890ab"
ORGANIZATION = "11111111-1111-4111-8111-111111111111"
LISTED = [f"aaaaaaaa-0000-4000-8000-00000000000{number}" for number in range(5)]
ADMINS, AUDIT = "/api/v1/platform/admins", "/api/v1/platform/audit"
NO_USAGE = {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}
NOT_COVERED = re.compile(
    "mcp_|redirect"  # endpoints and paths that no method of the client calls
    "|supabase|vertex|db_error|write_fails|stream_crash"  # a backend that is down
    "|stream_error_mid|stream_empty|no_usage"  # what its model was told to do
    "|history_3|bad_org"  # a database without unique positions; an organization without a user
    "|derived_|naive|text_plain"
)
COVERED = [name for name in RECORDED if not NOT_COVERED.search(name)]


def say(chatserver, *texts, session_id=SESSION, user_id=USER, stream=False, **metadata):
    """Send a transcript: user and assistant take turns."""
    roles = ["user", "assistant"] * len(texts)
    messages = [{"role": role, "content": text} for role, text in zip(roles, texts)]
    metadata.update(session_id=session_id, user_id=user_id)
    return chatserver.chat(messages=messages, metadata=metadata, stream=stream)


def detail(chatserver, session_id=SESSION, user_id=USER):
    return chatserver.get(f"/atoms/chat/sessions/{session_id}", params={"user_id": user_id})


def sessions(chatserver, user_id=USER, **query):
    return chatserver.get("/atoms/chat/sessions", params={"user_id": user_id, **query})


def stored(chatserver):
    messages = detail(chatserver).json()["messages"]
    return [(one["message_index"], one["role"], one["content"]) for one in messages]


def add(chatserver, email, **fields):
    return chatserver.post(ADMINS, json={"workos_id": "user_1", "email": email, **fields})


def entries(chatserver, **query):
    body = chatserver.get(AUDIT, params=query).json()
    assert body["count"] == len(body["entries"])
    return [(entry["action"], entry["metadata"].get("email")) for entry in body["entries"]]


def prepare(chatserver, server, name):
    """The state that the recording started from."""
    if name in ("stream_error_before_first_chunk", "upstream_runtimeerror_503"):
        server.model_down("chatserver")
    if name.startswith(("sessions", "session_")):
        for session_id in LISTED:
            assert say(chatserver, "Draft", session_id=session_id, workflow="w", variables={"n": 3}).ok
    if name == "history_other_users_session_500":
        say(chatserver, "Hi", session_id="aaaaaaaa-0000-4000-8000-000000000005", user_id=OTHER_USER)
    if name in ("history_2_detail", "history_7_detail_after_full_transcript"):
        say(chatserver, "Hi", variables={"project": "x"})
    if "admins_list" in name or "audit" in name:
        add(chatserver, "root@example.com", name="Ä")
        add(chatserver, "ops+night@example.com")
    if "duplicate" in name:
        add(chatserver, "new@example.com")


def replay(base_url, request):
    headers, body = dict(request["headers"]), (request.get("raw_body") or "").encode("utf-8")
    if request["json"] is not None:
        body = json.dumps(request["json"]).encode("utf-8")
    query = urlencode(request["query"])
    return exchange(base_url, request["method"], f"{request['path']}?{query}", body, headers)


class TestRecordings:
    def test_same_request_same_answer(self, session):
        assert len(COVERED) > 55
        for name in COVERED:
            with LocalServer() as server:
                chatserver = Api(session, server.url("chatserver"), {})
                prepare(chatserver, server, name)
                expected = RECORDED[name]["response"]
                answer = replay(chatserver.base_url, RECORDED[name]["request"])
                assert answer.status == expected["status"], (name, answer.body)
                for field in ("content-type", "allow"):
                    assert answer.headers.get(field) == expected["headers"].get(field), name
                if "http_chunks" in expected:
                    self.compare_streams(expected["http_chunks"], [chunk.decode() for chunk in answer.chunks])
                elif answer.status == 422:
                    problems = answer.json()["detail"]
                    places = [one["loc"] for one in problems]
                    recorded = [one["loc"] for one in json.loads(expected["body"])["detail"]]
                    # Pydantic names each type of the content: the fake server does not.
                    assert places == ([recorded[0][:4]] if name == "v422_null_content" else recorded), name
                elif answer.status >= 400 and "runtimeerror" not in name:
                    assert answer.body.decode("utf-8") == expected["body"], name
                else:
                    assert differences(json.loads(expected["body"]), answer.json()) == [], name
                assert server.errors == []

    def compare_streams(self, recorded, local):
        assert local[-1] == recorded[-1] == "data: [DONE]\n\n"
        chunks = [data_of(chunk[:-2]) for chunk in local[:-1]]
        known = [data_of(chunk[:-2]) for chunk in recorded[:-1]]
        assert differences(known[0], chunks[0]) == []
        assert differences(known[-1], chunks[-1]) == []
        for chunk in chunks[1:-1]:
            assert differences(known[1], chunk) == []
        # One event per chunk; ASCII, with the spaces of json.dumps.
        for text, chunk in zip(local, chunks):
            assert text == f"data: {json.dumps(chunk)}\n\n"

    def test_injected_failures(self, chatserver, server):
        for name in ("derived_401_detail", "completion_history_write_fails_500", "route_not_found"):
            recorded = RECORDED[name]["response"]
            server.fail("chatserver", recorded["status"])
            answer = chatserver.get("/v1/models")
            assert answer.status_code == recorded["status"]
            assert answer.headers["content-type"] == recorded["headers"]["content-type"]
            assert re.sub(r'": "', '":"', recorded["body"]) == answer.text


class TestChat:
    def test_plain(self, chatserver):
        answer = chatserver.chat("Grüße a\u2028b 😀")
        body = answer.json()
        assert re.fullmatch("chatcmpl-[0-9a-f]{32}", body["id"])
        assert re.fullmatch("atoms_session_[0-9a-f]{32}", body["system_fingerprint"])
        message = {"role": "assistant", "content": "Hello! You said: Grüße a\u2028b 😀", "name": None}
        assert body["choices"] == [{"index": 0, "message": message, "finish_reason": "stop"}]
        assert body["usage"] == NO_USAGE
        assert "a\u2028b 😀".encode() in answer.content

    def test_stream(self, chatserver):
        answer = chatserver.chat("a\u2028b 😀", stream=True)
        assert answer.content.isascii()
        *chunks, end = events(answer)
        assert end == "[DONE]"
        assert text_of([*chunks, end]) == "Hello! You said: a\u2028b 😀"
        assert len({(chunk["id"], chunk["system_fingerprint"]) for chunk in chunks}) == 1
        roles = ["role" in chunk["choices"][0]["delta"] for chunk in chunks]
        assert roles == [True] + [False] * (len(chunks) - 1)
        assert chunks[-1]["choices"][0] == {"index": 0, "delta": {}, "finish_reason": "stop"}
        assert [chunk.get("usage") for chunk in chunks] == [None] * (len(chunks) - 1) + [NO_USAGE]

    def test_planned_answers(self, chatserver, server):
        server.respond("chatserver", "cut", finish_reason="length", usage={"total_tokens": 7}, times=2)
        body = chatserver.chat().json()
        assert body["choices"][0]["finish_reason"] == "length"
        assert body["usage"] == {**NO_USAGE, "total_tokens": 7}
        assert chatserver.stream()[-2]["usage"] == {**NO_USAGE, "total_tokens": 7}
        server.respond("chatserver", "")
        finish, end = chatserver.stream()
        assert (finish["choices"][0]["delta"], end) == ({}, "[DONE]")
        with pytest.raises(ValueError, match="no tool calls"):
            server.respond("chatserver", tool_calls=[("f", {})])

    def test_reply_gets_the_messages_as_they_were_sent(self, session):
        seen = []
        with LocalServer(reply=lambda messages, info: seen.append((messages, info)) or "ok") as server:
            messages = [
                {"role": "system", "content": "Be short."},
                {"role": "user", "content": [{"type": "text", "text": "Hi"}, "you"]},
            ]
            Api(session, server.url("chatserver"), {}).chat(messages=messages, model="m")
        ((got, info),) = seen
        assert (got, info.service, info.model) == (messages, "chatserver", "m")

    def test_model_down(self, chatserver, server):
        server.model_down("chatserver")
        answer = chatserver.chat()
        assert (answer.status_code, answer.json()) == (503, {"detail": "The model is not available"})
        error, end = chatserver.stream()
        assert error == {"error": {"message": "The model is not available", "type": "server_error"}}
        assert end == "[DONE]"

    def test_a_reply_that_fails(self, session):
        with LocalServer(reply=lambda messages: 1 / 0) as server:
            chatserver = Api(session, server.url("chatserver"), {})
            answer = chatserver.chat()
            assert answer.status_code == 500
            assert "division by zero" in answer.json()["detail"]
            assert "division by zero" in chatserver.stream()[0]["error"]["message"]

    def test_bad_requests(self, chatserver):
        for fields, places in [
            ({"model": None}, ["model"]),
            ({"messages": "hi"}, ["messages"]),
            ({"messages": ["hi"]}, ["messages.0"]),
            ({"messages": [{}]}, ["messages.0.role", "messages.0.content"]),
            ({"messages": [{"role": "user", "content": [{"type": "image", "text": "x"}]}]},
             ["messages.0.content.0.type"]),
            ({"messages": [{"role": "user", "content": [3]}]}, ["messages.0.content.0"]),
            ({"temperature": None}, ["temperature"]),
            ({"temperature": "hot"}, ["temperature"]),
            ({"temperature": 2.1, "top_p": -1, "max_tokens": 4001}, ["temperature", "max_tokens", "top_p"]),
            ({"stream": None}, ["stream"]),
            ({"user": 1, "system_prompt": 1, "metadata": []}, ["user", "system_prompt", "metadata"]),
        ]:  # fmt: skip
            for stream in (False, True):
                answer = chatserver.chat(**{"stream": stream, **fields})
                assert answer.status_code == 422, fields
                found = [".".join(map(str, one["loc"][1:])) for one in answer.json()["detail"]]
                assert found == places
        assert chatserver.chat(temperature="1.5", max_tokens=5.0, top_p=0).status_code == 200


class TestSessions:
    def test_a_turn_is_stored(self, chatserver):
        variables = {"project": "Größe"}
        say(
            chatserver,
            "First line \nsecond",
            organization_id=ORGANIZATION.upper(),
            workflow="requirements",
            variables=variables,
            agent_type="claude",
        )
        session = detail(chatserver, SESSION.upper(), USER.replace("-", "")).json()["session"]
        assert session["id"] == SESSION
        assert session["title"] == "First line "
        assert session["organization_id"] == ORGANIZATION
        assert session["metadata"] == {"workflow": "requirements", "variables": variables}
        assert (session["agent_type"], session["message_count"]) == ("claude", 2)
        assert session["last_message_at"] == session["updated_at"]
        assert stored(chatserver) == [
            (0, "user", "First line \nsecond"),
            (1, "assistant", "Hello! You said: First line \nsecond"),
        ]
        assert detail(chatserver, user_id=OTHER_USER).status_code == 404

    @pytest.mark.parametrize("stream", [False, True])
    def test_full_transcript(self, chatserver, server, stream):
        server.respond("chatserver", "one", usage={"prompt_tokens": 3, "total_tokens": 5}, times=2)
        say(chatserver, "First", stream=stream)
        say(chatserver, "First", "one", "Second", stream=stream)
        assert [text for _, _, text in stored(chatserver)] == ["First", "one", "Second", "one"]
        session = detail(chatserver).json()["session"]
        assert (session["message_count"], session["tokens_in"], session["tokens_total"]) == (4, 6, 10)

    @pytest.mark.parametrize("stream", [False, True])
    def test_one_new_message_to_a_stored_session_is_a_500(self, chatserver, stream):
        say(chatserver, "First")
        before = stored(chatserver)
        answer = say(chatserver, "Second", stream=stream)
        assert (answer.status_code, answer.text) == (500, "Internal Server Error")
        assert stored(chatserver) == before

    @pytest.mark.parametrize("stream", [False, True])
    def test_what_the_service_does_not_expect(self, chatserver, stream):
        say(chatserver, "Hi", session_id=LISTED[0], user_id=OTHER_USER)
        parts = [{"role": "user", "content": ["Hi"]}]
        for metadata in (
            {"session_id": 7},
            {"user_id": USER},
            {"user_id": "alice", "session_id": SESSION},
            {"user_id": 7, "session_id": SESSION},
            {"user_id": USER, "session_id": "x"},
            {"user_id": USER, "session_id": SESSION, "organization_id": "acme"},
            {"user_id": USER, "session_id": LISTED[0]},
        ):
            assert chatserver.chat(metadata=metadata, stream=stream).status_code == 500, metadata
        metadata = {"user_id": USER, "session_id": SESSION}
        assert chatserver.chat(messages=parts, metadata=metadata, stream=stream).status_code == 500
        assert sessions(chatserver).json()["total"] == 0

    def test_nothing_is_stored_without_a_user(self, chatserver):
        for metadata in (None, {}, {"session_id": SESSION}):
            assert chatserver.chat(user=USER, metadata=metadata).status_code == 200
        assert sessions(chatserver).json()["total"] == 0

    def test_a_stream_that_breaks_is_not_stored_and_can_be_sent_again(self, chatserver, server):
        for after in (1, 100):
            server.cut("chatserver", after=after)
            with pytest.raises(requests.exceptions.ChunkedEncodingError):
                say(chatserver, "Hi", stream=True)
            assert stored(chatserver) == [(0, "user", "Hi")]
            assert sessions(chatserver).json()["sessions"][0]["last_message_at"] is None
        say(chatserver, "Hi", stream=True)
        assert [role for _, role, _ in stored(chatserver)] == ["user", "assistant"]

    def test_pages(self, chatserver):
        for session_id in LISTED[:4]:
            say(chatserver, "Hi", session_id=session_id)
        say(chatserver, "Mine", session_id=LISTED[4], user_id=OTHER_USER)
        say(chatserver, "Hi", "x", "again", session_id=LISTED[0])
        found = []
        for page, has_more in ((1, True), (2, False), (3, False)):
            body = sessions(chatserver, page=page, page_size=2).json()
            assert (body["total"], body["has_more"]) == (4, has_more)
            found += [one["id"] for one in body["sessions"]]
        assert found == [LISTED[number] for number in (0, 3, 2, 1)]
        assert sessions(chatserver, page=4, page_size=2).status_code == 500


class TestPlatform:
    def test_admins(self, chatserver):
        answer = add(chatserver, "a@example.com", name="Ä")
        assert answer.json() == {"status": "success", "email": "a@example.com"}
        add(chatserver, "b@example.com")
        body = chatserver.get(ADMINS).json()
        assert body["count"] == 2
        assert [(one["email"], one["name"], one["created_by"]) for one in body["admins"]] == [
            ("b@example.com", None, "user_1"),
            ("a@example.com", "Ä", "user_1"),
        ]
        for fields, status in (({}, 500), ({"workos_id": ""}, 400), ({"email": ""}, 400)):
            assert add(chatserver, **{"email": "a@example.com", **fields}).status_code == status

    def test_the_removed_admin_is_the_one_in_the_path(self, chatserver):
        for path, email in [
            ("a+b@example.com", "a+b@example.com"),
            ("a%2Bb%40example.com", "a+b@example.com"),
            ("a%20b%3F%23%25@example.com", "a b?#%@example.com"),
            ("j%C3%B6rg@example.com", "jörg@example.com"),
        ]:
            add(chatserver, email)
            answer = chatserver.send("DELETE", f"{ADMINS}/{path}")
            assert answer.json() == {"status": "success", "email": email}
            assert chatserver.get(ADMINS).json()["count"] == 0
        assert chatserver.send("DELETE", f"{ADMINS}/nobody").status_code == 200

    def test_audit_log(self, chatserver):
        add(chatserver, "a@example.com")
        chatserver.send("DELETE", f"{ADMINS}/a@example.com")
        say(chatserver, "Hi")
        everything = [("chat", None), ("deleted", "a@example.com"), ("created", "a@example.com")]
        assert entries(chatserver) == everything
        pages = [entries(chatserver, limit=2, offset=offset) for offset in (0, 2, 4)]
        assert pages == [everything[:2], everything[2:], []]
        chat = chatserver.get(AUDIT).json()["entries"][0]
        assert (chat["user_id"], chat["resource_id"]) == (USER, SESSION)

    def test_stats_count_users(self, chatserver):
        say(chatserver, "Hi")
        say(chatserver, "Hi", session_id=LISTED[1], user_id=OTHER_USER, organization_id=ORGANIZATION)
        stats = chatserver.get("/api/v1/platform/stats").json()
        assert (stats["total_users"], stats["total_organizations"], stats["total_requests"]) == (2, 1, 0)
