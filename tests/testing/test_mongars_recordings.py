"""The monGARS dialect against what the real server sent to the same requests."""

import json
import re
from urllib.parse import urlencode

import pytest

from chatsdk.testing.mongars import peer_payload, sign

from .mongars import Clock, as_user, say, token_of
from .shapes import differences, recordings
from .wire import exchange

RECORDED = recordings("mongars")
NOT_COVERED = re.compile(
    "ws_|llm_chat|metrics|root_"  # endpoints that the client does not have
    "|database_error"  # a backend that is down
    "|chat_backend|chat_prompt|chat_timeout|chat_unhandled|rag_disabled"  # see test_planned_failures
)
COVERED = [name for name in RECORDED if not NOT_COVERED.search(name)]
TOKENS = {
    "auth_bad_signature_401": token_of("alice")[:-4] + "AAAA",
    "auth_expired_token_401": token_of("alice", seconds=-60),
    "auth_no_exp_500": sign({"sub": "alice"}),
    "auth_subject_not_in_database_ok": token_of("deleted-user"),
    "change_password_unknown_user_404": token_of("deleted-user"),
}
# The real server's are encrypted.
PAYLOADS = {
    name: peer_payload(json.loads(RECORDED[name]["response"]["body"])["data"])
    for name in ("peer_message_ok", "peer_message_ok_scalar_data")
}


@pytest.fixture
def clock(monkeypatch):
    return Clock(monkeypatch)


def prepare(mongars, name, clock):
    """The state that the recording started from."""
    if name.startswith(("change_password", "register_conflict", "user_list")):
        for user in ("bob_42", "bob_42-x"):
            registration = {"username": user, "password": "long-enough-pw"}
            assert mongars.post("/api/v1/user/register", json=registration).status_code == 200
    if name == "change_password_wrong_old_403":
        replay(mongars.base_url, "change_password_ok")
    if name == "chat_429_after_422":
        replay(mongars.base_url, "chat_blank_message_422")
    if name.startswith(("history_ok", "history_limit_1")):
        user = RECORDED[name]["request"]["query"]["user_id"]
        count = len(json.loads(RECORDED[name]["response"]["body"]))
        say(as_user(mongars, user), *["Hello"] * count, clock=clock)
    if name == "peer_telemetry_get_with_local":
        say(mongars, "Hello")
    if name.startswith(("peer_register_already", "peer_register_normalised")):
        peer = {"url": "https://peer-b.example:8443/api/v1/peer/message"}
        mongars.post("/api/v1/peer/register", json=peer)
    if name == "peer_unregister_ok":
        for url in ("http://peer-a.example", "http://b.example", "http://c.example"):
            mongars.post("/api/v1/peer/register", json={"url": url})
    if name == "provision_ok_empty_roles_means_all":
        replay(mongars.base_url, "provision_ok_all_roles_force")


def authorization(name, recorded):
    known = re.fullmatch("Bearer <access_token of (.+)>", recorded)
    if known:
        return f"Bearer {token_of(known[1], admin=known[1] == 'u1')}"
    return f"Bearer {TOKENS[name]}" if recorded.startswith("Bearer ") else recorded


def replay(base_url, name):
    request = RECORDED[name]["request"]
    headers, body = dict(request["headers"]), b""
    if "Authorization" in headers:
        headers["Authorization"] = authorization(name, headers["Authorization"])
    if request.get("raw") is not None:
        body = request["raw"].encode("utf-8")
        headers.setdefault("Content-Type", "application/json")
    elif request.get("form") is not None:
        body = urlencode(request["form"]).encode("ascii")
    elif request["json"] is not None:
        sent = {"payload": PAYLOADS[name]} if name in PAYLOADS else request["json"]
        body = json.dumps(sent).encode("utf-8")
    path = request["path"]
    if request["query"]:
        path += "?" + urlencode(request["query"])
    return exchange(base_url, request["method"], path, body, headers)


@pytest.mark.parametrize("name", COVERED)
def test_same_request_same_answer(mongars, name, clock):
    prepare(mongars, name, clock)
    expected = RECORDED[name]["response"]
    answer = replay(mongars.base_url, name)
    assert answer.status == expected["status"], answer.body
    for field in ("content-type", "allow", "www-authenticate"):
        assert answer.headers.get(field) == expected["headers"].get(field)
    assert answer.complete
    if expected["status"] >= 300:
        assert answer.body.decode("utf-8") == expected["body"]
    else:
        assert differences(json.loads(expected["body"]), answer.json()) == []
    if expected["status"] == 307:
        local = answer.headers["location"].replace(mongars.base_url, "", 1)
        assert expected["headers"]["location"].endswith(local)
        assert local.startswith("/")


EXACT = [
    name
    for name in COVERED
    if name.startswith(("peer_message_ok", "suggestions_ok", "peer_register_", "peer_unregister_ok"))
    or name in ("peer_load_default", "peer_list_empty", "llm_health_ok", "rag_ok_empty")
]


@pytest.mark.parametrize("name", EXACT)
def test_same_values_too(mongars, name, clock):
    prepare(mongars, name, clock)
    answer = replay(mongars.base_url, name).json()
    assert answer == json.loads(RECORDED[name]["response"]["body"])


@pytest.mark.parametrize(
    "name",
    [
        "chat_backend_error_502",
        "chat_prompt_too_large_413",
        "chat_timeout_504",
        "chat_unhandled_500",
        "rag_disabled_503",
        "token_database_error_500",
        "chat_429_after_422",
        "register_conflict_409",
        "peer_message_wrong_key_400",
        "peer_list_403",
        "auth_expired_token_401",
        "not_found_404",
    ],
)
def test_planned_failures(mongars, server, name):
    recorded = RECORDED[name]["response"]
    server.fail("mongars", recorded["status"])
    answer = mongars.get("/healthz")
    assert answer.status_code == recorded["status"]
    assert answer.text == recorded["body"]
    for field in ("content-type", "www-authenticate", "retry-after"):
        assert answer.headers.get(field) == recorded["headers"].get(field)


def test_enough_is_covered():
    assert len(COVERED) > 100
