import re

import pytest

from chatsdk.testing import LocalServer

from .wire import Api, events, text_of


def test_plain(chatserver):
    answer = chatserver.chat("Grüße a\u2028b 😀")
    body = answer.json()
    assert re.fullmatch("chatcmpl-[0-9a-f]{32}", body["id"])
    assert re.fullmatch("atoms_session_[0-9a-f]{32}", body["system_fingerprint"])
    message = {"role": "assistant", "content": "Hello! You said: Grüße a\u2028b 😀", "name": None}
    assert body["choices"] == [{"index": 0, "message": message, "finish_reason": "stop"}]
    assert "a\u2028b 😀".encode() in answer.content
    assert answer.headers["content-type"] == "application/json"


def test_stream(chatserver):
    answer = chatserver.chat("a\u2028b 😀", stream=True)
    assert answer.content.isascii()
    *chunks, end = events(answer)
    assert end == "[DONE]"
    assert text_of([*chunks, end]) == "Hello! You said: a\u2028b 😀"
    assert len({(chunk["id"], chunk["system_fingerprint"]) for chunk in chunks}) == 1
    roles = ["role" in chunk["choices"][0]["delta"] for chunk in chunks]
    assert roles == [True] + [False] * (len(chunks) - 1)
    assert chunks[-1]["choices"][0] == {"index": 0, "delta": {}, "finish_reason": "stop"}
    assert ["usage" in chunk for chunk in chunks] == [False] * (len(chunks) - 1) + [True]


def test_empty_answer(session):
    with LocalServer(reply=lambda messages: "") as server:
        api = Api(session, server.url("chatserver"), {})
        finish, end = api.stream()
        assert finish["choices"][0]["delta"] == {}
        assert end == "[DONE]"
        assert api.chat().json()["choices"][0]["message"]["content"] == ""


@pytest.mark.parametrize("key", [None, "Bearer x", "Basic x", "nonsense"])
def test_any_key_will_do(chatserver, key):
    headers = {"Authorization": key} if key else {}
    assert chatserver.get("/api/v1/platform/admins", headers=headers).status_code == 200


def test_session_id_comes_back_as_it_was(chatserver):
    for session_id in ("ABC", "not a uuid", "12345678-1234-4123-8123-1234567890AB"):
        answer = chatserver.chat(metadata={"session_id": session_id}).json()
        assert answer["system_fingerprint"] == session_id
    for nothing in ("", None, 0):
        answer = chatserver.chat(metadata={"session_id": nothing}).json()
        assert answer["system_fingerprint"].startswith("atoms_session_")


@pytest.mark.parametrize(
    "metadata",
    [
        {"session_id": 7},
        {"user_id": "alice"},
        {"user_id": 7},
        {"organization_id": "acme"},
        {"organization_id": 7},
        {"workflow": ["a"]},
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_metadata_that_crashes(chatserver, metadata, stream):
    answer = chatserver.chat(metadata=metadata, stream=stream)
    assert (answer.status_code, answer.text) == (500, "Internal Server Error")


def test_organization_is_not_used_with_a_system_prompt(chatserver):
    fields = {"metadata": {"organization_id": "acme"}, "system_prompt": "Be short."}
    assert chatserver.chat(**fields).status_code == 200


@pytest.mark.parametrize("fields", [{"messages": []}, {"messages": [], "model": ""}])
def test_messages_are_checked_first(chatserver, fields):
    answer = chatserver.chat(**fields)
    assert answer.status_code == 400
    assert answer.json()["detail"] == "messages array must include at least one message"


def problems(answer):
    assert answer.status_code == 422
    return [(one["type"], one["loc"]) for one in answer.json()["detail"]]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"model": None}, [("string_type", ["body", "model"])]),
        ({"messages": "hi"}, [("list_type", ["body", "messages"])]),
        ({"messages": ["hi"]}, [("model_attributes_type", ["body", "messages", 0])]),
        (
            {"messages": [{}]},
            [
                ("missing", ["body", "messages", 0, "role"]),
                ("missing", ["body", "messages", 0, "content"]),
            ],
        ),
        ({"temperature": None}, [("float_type", ["body", "temperature"])]),
        ({"temperature": "hot"}, [("float_parsing", ["body", "temperature"])]),
        ({"temperature": -0.1}, [("greater_than_equal", ["body", "temperature"])]),
        ({"max_tokens": 0}, [("greater_than_equal", ["body", "max_tokens"])]),
        ({"max_tokens": 1.5}, [("int_from_float", ["body", "max_tokens"])]),
        ({"max_tokens": "many"}, [("int_parsing", ["body", "max_tokens"])]),
        ({"max_tokens": None}, [("int_type", ["body", "max_tokens"])]),
        ({"top_p": []}, [("float_type", ["body", "top_p"])]),
        ({"stream": None}, [("bool_type", ["body", "stream"])]),
        ({"stream": "maybe"}, [("bool_parsing", ["body", "stream"])]),
        ({"stream": 2}, [("bool_parsing", ["body", "stream"])]),
        ({"user": 1}, [("string_type", ["body", "user"])]),
        ({"system_prompt": 1}, [("string_type", ["body", "system_prompt"])]),
        ({"metadata": "x"}, [("dict_type", ["body", "metadata"])]),
    ],
)
def test_invalid_fields(chatserver, fields, expected):
    assert problems(chatserver.chat(**fields)) == expected


@pytest.mark.parametrize(
    "fields",
    [
        {"temperature": 0, "max_tokens": 4000, "top_p": 1},
        {"temperature": "1.5", "max_tokens": "12", "top_p": True},
        {"max_tokens": 5.0, "stream": "false"},
        {"stream": 0},
    ],
)
def test_what_pydantic_converts(chatserver, fields):
    answer = chatserver.chat(**fields)
    assert answer.json()["object"] == "chat.completion"


def test_invalid_parts(chatserver):
    place = ["body", "messages", 0, "content"]
    parts = "list[union[MessageContentText,str]]"
    content = ["fine", {"type": "image", "text": "x"}, 3]
    assert problems(chatserver.chat(messages=[{"role": "user", "content": content}])) == [
        ("string_type", [*place, "str"]),
        ("literal_error", [*place, parts, 1, "MessageContentText", "type"]),
        ("string_type", [*place, parts, 1, "str"]),
        ("model_attributes_type", [*place, parts, 2, "MessageContentText"]),
        ("string_type", [*place, parts, 2, "str"]),
    ]


@pytest.mark.parametrize(
    ("body", "content_type", "expected"),
    [
        (b"", "application/json", [("missing", ["body"])]),
        (b"[]", "application/json", [("model_attributes_type", ["body"])]),
        (b"{}", "text/plain", [("model_attributes_type", ["body"])]),
        (b"{x", "application/json", [("json_invalid", ["body", 1])]),
    ],
)
def test_invalid_bodies(chatserver, body, content_type, expected):
    answer = chatserver.post("/v1/chat/completions", data=body, headers={"Content-Type": content_type})
    assert problems(answer) == expected


def test_other_types_of_json(chatserver):
    headers = {"Content-Type": "application/vnd.x+json; charset=utf-8"}
    answer = chatserver.post("/v1/chat/completions", data=b"{}", headers=headers)
    assert [place for _, place in problems(answer)] == [["body", "model"], ["body", "messages"]]


def test_body_without_a_type_is_json(chatserver):
    answer = chatserver.post("/v1/chat/completions", data=b"{}")
    assert [kind for kind, _ in problems(answer)] == ["missing", "missing"]


def test_body_that_cannot_be_decoded(chatserver):
    headers = {"Content-Type": "application/json"}
    answer = chatserver.post("/v1/chat/completions", data=b'{"a": "\xff"}', headers=headers)
    assert answer.status_code == 400
    assert answer.json() == {"detail": "There was an error parsing the body"}
