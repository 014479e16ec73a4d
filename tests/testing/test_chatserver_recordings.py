"""The ChatServer dialect against what the real server sent to the same requests."""

import json
import re
from urllib.parse import urlencode

import pytest

from .shapes import differences, recordings
from .wire import data_of, exchange

RECORDED = recordings("chatserver")
USER = "00000000-0000-0000-0000-000000000001"
OTHER_USER = "00000000-0000-0000-0000-000000000002"
SESSIONS = [
    "aaaaaaaa-0000-4000-8000-000000000001",
    "aaaaaaaa-0000-4000-8000-000000000002",
    "aaaaaaaa-0000-4000-8000-000000000003",
    "aaaaaaaa-0000-4000-8000-000000000000",
]
NOT_COVERED = re.compile(
    "mcp_|v422_mcp"  # endpoints that the client does not have
    "|supabase|vertex|db_error|write_fails|runtimeerror"  # a backend that is down
    "|stream_crash|stream_error|stream_empty|no_usage"  # what its stubs were told to do
    "|derived_"  # gateways, see test_planned_failures
    "|naive"  # another kind of database
)
COVERED = [name for name in RECORDED if not NOT_COVERED.search(name)]


def chat(chatserver, session_id, user_id=USER, **metadata):
    metadata.update(session_id=session_id, user_id=user_id)
    answer = chatserver.chat("Draft an email", metadata=metadata)
    assert answer.status_code == 200


def add_admins(chatserver, *emails):
    for email in emails:
        admin = {"workos_id": "user_1", "email": email, "name": "Ädmin"}
        assert chatserver.post("/api/v1/platform/admins", json=admin).status_code == 201


def prepare(chatserver, name):
    """The state that the recording started from."""
    if name.startswith(("sessions", "session_")):
        for session_id in SESSIONS:
            chat(chatserver, session_id, workflow="requirements", variables={"n": 3})
    if name == "history_other_users_session_500":
        chat(chatserver, "aaaaaaaa-0000-4000-8000-000000000005", OTHER_USER)
    if name in ("history_2_detail", "history_3_resume_stream_one_message"):
        chat(chatserver, "12345678-1234-4123-8123-1234567890ab")
    if name == "history_7_detail_after_full_transcript":
        replay(chatserver.base_url, RECORDED["history_6_resume_full_transcript"])
    if "admins_list" in name or "audit" in name:
        add_admins(chatserver, "root@example.com", "ops+night@example.com")
    if "duplicate" in name:
        add_admins(chatserver, "new@example.com")


def replay(base_url, recorded):
    request = recorded["request"]
    headers, body = dict(request["headers"]), b""
    if request.get("raw_body") is not None:
        body = request["raw_body"].encode("utf-8")
    elif request["json"] is not None:
        body = json.dumps(request["json"]).encode("utf-8")
        headers["Content-Type"] = "application/json"
    path = request["path"]
    if request["query"]:
        path += "?" + urlencode(request["query"])
    return exchange(base_url, request["method"], path, body, headers)


@pytest.mark.parametrize("name", COVERED)
def test_same_request_same_answer(chatserver, name):
    prepare(chatserver, name)
    expected = RECORDED[name]["response"]
    answer = replay(chatserver.base_url, RECORDED[name])
    assert answer.status == expected["status"]
    for field in ("content-type", "allow", "www-authenticate"):
        assert answer.headers.get(field) == expected["headers"].get(field)
    assert answer.complete
    if "http_chunks" in expected:
        compare_streams(expected["http_chunks"], [chunk.decode() for chunk in answer.chunks])
    elif expected["status"] >= 300:
        assert answer.body.decode("utf-8") == expected["body"]
    else:
        assert differences(json.loads(expected["body"]), answer.json()) == []
    if expected["status"] == 307:
        local = answer.headers["location"].replace(chatserver.base_url, "", 1)
        assert expected["headers"]["location"].endswith(local)
        assert local.startswith("/")


def compare_streams(recorded, local):
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


@pytest.mark.parametrize("name", ["derived_401_detail", "derived_403_error_object", "derived_429_gateway"])
def test_planned_failures(chatserver, server, name):
    recorded = RECORDED[name]["response"]
    server.fail("chatserver", recorded["status"])
    answer = chatserver.get("/v1/models")
    assert answer.status_code == recorded["status"]
    assert answer.json() == json.loads(recorded["body"])
    for field in ("www-authenticate", "retry-after", "content-type"):
        assert answer.headers.get(field) == recorded["headers"].get(field)


def test_a_failure_of_the_gateway_is_html(chatserver, server):
    server.fail("chatserver", 502)
    answer = chatserver.get("/v1/models")
    recorded = RECORDED["derived_502_html_gateway"]["response"]
    assert answer.text == recorded["body"]
    assert answer.headers["content-type"] == recorded["headers"]["content-type"]


def test_enough_is_covered():
    assert len(COVERED) > 60
