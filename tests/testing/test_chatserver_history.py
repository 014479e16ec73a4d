import re
import socket
import threading
from urllib.parse import urlsplit

import pytest
import requests

from .wire import TIMEOUT, events

USER = "00000000-0000-0000-0000-000000000001"
OTHER_USER = "00000000-0000-0000-0000-000000000002"
SESSION = "12345678-1234-4123-8123-1234567890ab"
ORGANIZATION = "11111111-1111-4111-8111-111111111111"


def number(position):
    return f"aaaaaaaa-0000-4000-8000-{position:012}"


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


def test_a_turn_is_stored(chatserver):
    variables = {"project": "Größe"}
    answer = say(
        chatserver,
        "First line \nsecond",
        organization_id=ORGANIZATION.upper(),
        workflow="requirements",
        variables=variables,
        agent_type="claude",
    ).json()
    body = detail(chatserver).json()
    session = body["session"]
    assert session["id"] == SESSION
    assert session["title"] == "First line "
    assert session["organization_id"] == ORGANIZATION
    assert session["metadata"] == {"workflow": "requirements", "variables": variables}
    assert session["agent_type"] == "claude"
    assert session["message_count"] == 2
    assert session["tokens_total"] == answer["usage"]["total_tokens"]
    assert session["last_message_at"] == session["updated_at"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{6})?Z", session["created_at"])
    question, reply = body["messages"]
    assert question["tokens"] is None
    assert reply["tokens"] == answer["usage"]["total_tokens"]
    assert reply["content"] == answer["choices"][0]["message"]["content"]


def test_full_transcript(chatserver):
    first = say(chatserver, "First").json()["choices"][0]["message"]["content"]
    say(chatserver, "First", first, "Second")
    assert stored(chatserver) == [
        (0, "user", "First"),
        (1, "assistant", first),
        (2, "user", "Second"),
        (3, "assistant", "Hello! You said: Second"),
    ]
    assert detail(chatserver).json()["session"]["message_count"] == 4


def test_one_new_message_spoils_the_count(chatserver):
    say(chatserver, "First")
    say(chatserver, "Second")
    assert [index for index, _, _ in stored(chatserver)] == [0, 1, 1]
    assert detail(chatserver).json()["session"]["message_count"] == 2


@pytest.mark.parametrize("metadata", [None, {}, {"session_id": SESSION}])
def test_nothing_is_stored_without_a_user(chatserver, metadata):
    assert chatserver.chat(user=USER, metadata=metadata).status_code == 200
    assert sessions(chatserver).json()["total"] == 0


@pytest.mark.parametrize("session_id", [None, "atoms_session_1", "x"])
@pytest.mark.parametrize("stream", [False, True])
def test_session_ids_have_to_be_uuids(chatserver, session_id, stream):
    answer = say(chatserver, "Hi", session_id=session_id, stream=stream)
    assert (answer.status_code, answer.text) == (500, "Internal Server Error")
    assert sessions(chatserver).json()["total"] == 0


def test_session_of_another_user(chatserver):
    say(chatserver, "Hi")
    assert say(chatserver, "Hi", user_id=OTHER_USER).status_code == 500
    assert detail(chatserver, user_id=OTHER_USER).status_code == 404
    assert sessions(chatserver, OTHER_USER).json()["total"] == 0


def test_content_in_parts(chatserver):
    parts = [{"type": "text", "text": "one"}, "two"]
    metadata = {"session_id": SESSION, "user_id": USER}
    messages = [{"role": "user", "content": parts}]
    assert chatserver.chat(messages=messages, metadata=metadata).status_code == 500
    assert sessions(chatserver).json()["total"] == 0
    say(chatserver, "Hi")
    messages = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "x"}, *messages]
    assert chatserver.chat(messages=messages, metadata=metadata).status_code == 200
    assert stored(chatserver)[2] == (2, "user", "one\ntwo")


def test_session_without_a_question_has_no_title(chatserver):
    metadata = {"session_id": SESSION, "user_id": USER}
    chatserver.chat(messages=[{"role": "system", "content": "Be short."}], metadata=metadata)
    assert detail(chatserver).json()["session"]["title"] is None


def test_ids_in_any_form(chatserver):
    say(chatserver, "Hi", session_id=SESSION.upper().replace("-", ""), user_id=USER)
    answer = detail(chatserver, SESSION.upper(), USER.replace("-", ""))
    assert answer.json()["session"]["id"] == SESSION


class TestStream:
    def test_read_to_the_end_is_stored(self, chatserver):
        assert events(say(chatserver, "Hi", stream=True))[-1] == "[DONE]"
        assert [role for _, role, _ in stored(chatserver)] == ["user", "assistant"]

    @pytest.mark.parametrize("after", [1, 100])
    def test_that_breaks_is_not_stored(self, chatserver, server, after):
        server.cut("chatserver", after=after)
        with pytest.raises(requests.exceptions.ChunkedEncodingError):
            say(chatserver, "Hi", stream=True)
        assert stored(chatserver) == [(0, "user", "Hi")]
        assert sessions(chatserver).json()["sessions"][0]["last_message_at"] is None

    def test_left_after_the_end_marker_is_not_stored(self, chatserver, server):
        body = (
            '{"model": "m", "stream": true, "messages": [{"role": "user", "content": "Hi"}],'
            f'"metadata": {{"user_id": "{USER}", "session_id": "{SESSION}"}}}}'
        ).encode()
        address = urlsplit(server.url("chatserver"))
        with socket.create_connection((address.hostname, address.port), TIMEOUT) as sock:
            sock.sendall(b"POST /chatserver/v1/chat/completions HTTP/1.1\r\n")
            sock.sendall(b"Content-Length: %d\r\n\r\n%b" % (len(body), body))
            received = b""
            while b"[DONE]" not in received:
                received += sock.recv(65536)
        for thread in threading.enumerate():
            if thread.name == "chatsdk-local-server-connection":
                thread.join(TIMEOUT)
        assert stored(chatserver) == [(0, "user", "Hi")]


def test_list(chatserver):
    for position in range(5):
        say(chatserver, f"Title {position}", session_id=number(position))
    say(chatserver, "Mine", session_id=number(9), user_id=OTHER_USER)
    body = sessions(chatserver).json()
    assert [one["title"] for one in body["sessions"]] == [f"Title {n}" for n in (4, 3, 2, 1, 0)]
    assert (body["total"], body["page"], body["page_size"], body["has_more"]) == (5, 1, 20, False)
    say(chatserver, "Title 0", "x", "again", session_id=number(0))
    assert sessions(chatserver).json()["sessions"][0]["id"] == number(0)


def test_pages(chatserver):
    for position in range(4):
        say(chatserver, "Hi", session_id=number(position))
    found = []
    for page, has_more in ((1, True), (2, False), (3, False)):
        body = sessions(chatserver, page=page, page_size=2).json()
        assert (body["total"], body["has_more"]) == (4, has_more)
        found += [one["id"] for one in body["sessions"]]
    assert found == [number(position) for position in (3, 2, 1, 0)]
    beyond = sessions(chatserver, page=4, page_size=2)
    assert (beyond.status_code, beyond.text) == (500, "Internal Server Error")


def test_unknown_user(chatserver):
    body = sessions(chatserver).json()
    assert body == {"sessions": [], "total": 0, "page": 1, "page_size": 20, "has_more": False}


def test_problems_in_path_and_query_come_together(chatserver):
    answer = chatserver.get("/atoms/chat/sessions/nope")
    assert answer.status_code == 422
    places = [one["loc"] for one in answer.json()["detail"]]
    assert places == [["path", "session_id"], ["query", "user_id"]]


@pytest.mark.parametrize("query", ["page=x", "page_size=1.5", "page=", "page_size=101"])
def test_bad_paging(chatserver, query):
    assert chatserver.get(f"/atoms/chat/sessions?user_id={USER}&{query}").status_code == 422
