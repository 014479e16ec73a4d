"""The Infinity Assistant dialect against what the real server sent to the same requests."""

import json
import re
from urllib.parse import urlencode

import pytest

from .infinity import named_events
from .shapes import differences, recordings
from .wire import KEY, exchange

RECORDED = recordings("infinity")
ROOT = "/api"  # of the recorded paths
OTHER_TEXT = re.compile("_429|malformed_json|unknown_route|_404$")  # times, parsers' words, pages
FOUND_LESS = {"search_ok_filters", "research_ok_null_mode"}  # another knowledge base, other hits
NOT_COVERED = re.compile(
    # endpoints that the client does not have
    "analytics|export|auth_email_(?!get)|memory_local|v2_|search_agent"
    "|knowledge_(connect|context|gap|needs|options)"
    # back ends that are down, see below
    "|chat_err_(4(08|99)|50(0_|3|4))|error_event|(history|stats|preferences_post|usage)_err_500"
    "|health_(critical|degraded)"
)
COVERED = [name for name in RECORDED if not NOT_COVERED.search(name)]


def prepare(guest, infinity, name):
    """The state that the recording started from."""
    if name in ("chat_history_ok", "memory_get_after_chat"):
        for message in ("What is the capital of France?", "And its river?"):
            guest.chat(message, conversationId="conv_1234567890", userId="user_rec_1")
    if name in ("chat_history_cookie_identity", "user_usage_after_chat"):
        guest.chat(conversationId="conv_cookie", userId="anon_rec_cookie")
    if name in ("memory_get_ok", "memory_delete_all", "memory_delete_err_no_entry"):
        guest.post("/memory", json={"conversationId": "conv_mem_x", "content": "☕"})
    if name.endswith("_429"):
        for _ in range(50):
            assert guest.chat(userId="user_limited").status_code == 200
    if name.startswith("api_keys_list"):
        keys = [
            infinity.post("/api-keys", json={"name": text}).json()["apiKey"] for text in ("My App", "Café")
        ]
        guest.post("/chat", json={"message": "hi"}, headers={"X-API-Key": keys[0]["key"]})
        if name.endswith("after_delete"):
            infinity.send("DELETE", "/api-keys?id=" + keys[0]["id"])
    if name == "api_keys_create_err_500":
        infinity.post("/api-keys", json={"name": "Other"})


def replay(guest, infinity, name):
    request = RECORDED[name]["request"]
    headers, body = dict(request["headers"]), b""
    if "stubbed" in RECORDED[name]:
        headers["X-API-Key"] = KEY  # there the server thought that somebody was signed in
    if name == "chat_ok_api_key":
        headers["X-API-Key"] = KEY
    if name == "chat_ok_bearer":
        headers["Authorization"] = f"Bearer {KEY}"
    if request.get("raw_body") is not None:
        body = request["raw_body"].encode("utf-8")
    elif request["json"] is not None:
        body = json.dumps(request["json"]).encode("utf-8")
    query = dict(request["query"])
    if name == "webhooks_delete_ok":
        hook = {"url": "https://your-app.example/webhooks", "events": ["chat.message"]}
        query["id"] = infinity.post("/webhooks", json=hook).json()["webhook"]["id"]
    path = request["path"][len(ROOT) :]
    if query:
        path += "?" + urlencode(query)
    return exchange(guest.base_url, request["method"], path, body, headers)


@pytest.mark.parametrize("name", COVERED)
def test_same_request_same_answer(guest, infinity, name):
    prepare(guest, infinity, name)
    expected = RECORDED[name]["response"]
    answer = replay(guest, infinity, name)
    assert answer.status == expected["status"]
    assert answer.complete
    for field in ("content-type", "allow", "cache-control", "retry-after"):
        if answer.status != 404:
            assert answer.headers.get(field) == expected["headers"].get(field)
    compare_cookies(expected["headers"].get("set-cookie"), answer.headers.get("set-cookie"))
    if expected["headers"].get("content-type") == "text/event-stream":
        compare_streams(RECORDED[name]["request"]["json"], expected["body"], answer.body.decode("utf-8"))
    elif expected["status"] < 300 and expected["body"]:
        compare_bodies(name, json.loads(expected["body"]), answer.json())
    elif expected["status"] == 308:
        assert answer.body.decode() == expected["body"].replace(ROOT, "/infinity", 1)
        for field in ("location", "refresh"):
            assert answer.headers[field] == expected["headers"][field].replace(ROOT, "/infinity", 1)
    elif not OTHER_TEXT.search(name):
        assert answer.body.decode("utf-8") == expected["body"]
    elif "html" not in expected["headers"]["content-type"]:
        assert differences(json.loads(expected["body"]), answer.json()) == []


def compare_cookies(recorded, local):
    assert (recorded is None) == (local is None)
    if recorded is not None:
        shape = "(.*=(user|anon)_)[^;]*(; Path=/; Expires=)[^;]*(; .*)"
        kinds = [re.fullmatch(shape, cookie).groups() for cookie in (recorded, local)]
        assert kinds[0] == kinds[1]


def compare_bodies(name, recorded, local):
    found = differences(recorded, local)
    if isinstance(recorded.get("metadata"), dict):
        found += differences(recorded["metadata"], local["metadata"], "metadata")
    if name in FOUND_LESS:
        found = [text for text in found if not text.endswith("nothing to compare")]
    assert found == []


def compare_streams(request, recorded, local):
    events, known = named_events(local), named_events(recorded)
    if "sessionId" not in request:
        # The real server tells new voices by their words, too.
        known = [event for event in known if event[0] != "speaker"]
    names = [
        re.sub("(chunk ?)+", "chunk ", " ".join(name for name, _ in stream)) for stream in (events, known)
    ]
    assert names[0] == names[1]
    shapes = dict(known)
    for name, data in events:
        assert differences(shapes[name], data) == []
        if name == "done":
            assert differences(shapes[name]["metadata"], data["metadata"]) == []
        # The same two lines, the same JSON.
        text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
        assert f"event: {name}\ndata: {text}\n\n" in local


@pytest.mark.parametrize(
    "name",
    [
        "chat_err_408_timeout",
        "chat_err_429",
        "chat_err_499_slow_backend",
        "chat_history_err_500",
        "chat_err_503_network",
        "chat_err_504_slow_backend",
        "api_keys_list_401",
        "knowledge_get_403",
        "chat_err_blank_message",
    ],
)
def test_planned_failures(guest, server, name):
    recorded = RECORDED[name]["response"]
    server.fail("infinity", recorded["status"])
    answer = guest.chat()
    assert answer.status_code == recorded["status"]
    assert answer.headers["content-type"] == recorded["headers"]["content-type"]
    body = json.loads(recorded["body"])
    assert differences(body, answer.json()) == []
    if recorded["status"] != 429:
        assert answer.json() == body


@pytest.mark.parametrize("name", ["unknown_route_404", "chat_method_not_allowed"])
def test_planned_failures_without_json(guest, server, name):
    recorded = RECORDED[name]["response"]
    server.fail("infinity", recorded["status"])
    answer = guest.chat()
    assert answer.status_code == recorded["status"]
    assert answer.headers.get("content-type") == recorded["headers"].get("content-type")
    assert bool(answer.content) == bool(recorded["body"])


def test_health(guest):
    known = [
        json.loads(RECORDED[f"health_{state}"]["response"]["body"])
        for state in ("critical", "degraded_no_db")
    ]
    local = guest.get("/health").json()
    checks = local.pop("checks")
    states = [one.pop("checks") for one in known]
    assert differences(known[0], local) == []
    assert set(checks) == set(states[0])
    for name, check in checks.items():
        # What a check tells depends on how it went.
        assert [] in [differences(state[name], check) for state in states], name


def test_findings(guest):
    recorded = json.loads(RECORDED["research_ok_null_mode"]["response"]["body"])["result"]["findings"]
    local = guest.post("/research", json={"topic": "python"}).json()["result"]["findings"]
    for finding in local:
        finding.pop("domain")  # optional
    assert local
    assert differences(recorded, local) == []


def test_enough_is_covered():
    assert len(COVERED) > 90
