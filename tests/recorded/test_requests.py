"""What the library sends for a recorded call is what was sent when it was recorded."""

import json
import re
import uuid
from contextlib import suppress
from urllib.parse import parse_qsl, unquote, urlsplit

import pytest

from chatsdk.errors import ChatSDKError

from .calls import call, request_id, service_at
from .compare import losses
from .playback import HOST, answering
from .player import Player
from .recordings import chosen

OFFERED = chosen(lambda recording: recording.offered and recording.status is not None)
CHATS = [p for p in OFFERED if p.values[0].endpoint.endswith("/chat/completions")]

# Fields of requests that the methods do not have, or that no caller can get wrong.
NOT_SENDABLE = {
    "completion_extra_fields_ignored": {"n", "tools"},
    "v422_metadata_list": {"metadata"},
    "litellm__err_messages_wrong_type": {"messages"},
}

# What a method sends because of its own defaults.
DEFAULTS = {
    "GET /atoms/chat/sessions": {"user_id", "page", "page_size"},
    "GET /atoms/chat/sessions/{id}": {"user_id"},
    "GET /api/v1/platform/audit": {"limit", "offset"},
}


def sent_for(recording):
    with answering(recording) as calls:
        with suppress(ChatSDKError):  # what it says is checked elsewhere
            call(service_at(recording, HOST), recording)
        return calls[0].request


@pytest.mark.parametrize("recording", [p for p in CHATS if p.values[0].json])
def test_body_of_a_completion(recording):
    request = sent_for(recording)
    sent = json.loads(request.body.decode("utf-8"))
    skipped = NOT_SENDABLE.get(recording.name, set())
    recorded = {key: value for key, value in recording.json.items() if key not in skipped}
    if recording.name == "v422_null_content":
        assert sent["messages"] == [{"role": "assistant", "content": ""}]
        recorded["messages"] = sent["messages"]  # this server refuses a null
    assert losses(recorded, sent) == []
    placeholders = {"model", "messages"} - set(recording.json)  # the methods need both
    added = set(sent) - set(recorded) - skipped - placeholders
    if recording.service == "chatserver" and recorded.get("user"):
        # A user's history needs these two; what the caller gives wins.
        assert sent["metadata"]["user_id"] == recorded["user"]
        given = (recorded.get("metadata") or {}).get("session_id")
        assert sent["metadata"]["session_id"] == (given or str(uuid.UUID(sent["metadata"]["session_id"])))
        assert added <= {"stream", "metadata"}
    else:
        assert added <= {"stream"}
    assert sent["stream"] is recording.asks_for_stream


@pytest.mark.parametrize("recording", CHATS)
def test_no_null_is_sent(recording):
    sent = json.loads(sent_for(recording).body.decode("utf-8"))
    assert None not in sent.values()
    assert not [message for message in sent["messages"] if None in message.values()]


@pytest.mark.parametrize("recording", OFFERED)
def test_address(recording):
    request = sent_for(recording)
    url = urlsplit(request.url)
    method, path = recording.endpoint.split(" ")
    assert request.method == method
    if path.endswith("/{id}"):
        assert unquote(url.path) == unquote(path[: -len("{id}")]) + recording.last_part
        assert re.fullmatch(r"[A-Za-z0-9._~%-]+", url.path[len(path) - len("{id}") :])
    else:
        assert url.path == path.replace("/api/v1/chat", "/v1/chat")
    sent = dict(parse_qsl(url.query, keep_blank_values=True))
    recorded = {key: str(value) for key, value in recording.request["query"].items()}
    if recording.name == "corex_derived__credits_history_ts_shape":
        recorded = {}  # page numbers, which only one of the other clients sends
    assert {key: sent.get(key) for key in recorded} == recorded
    assert set(sent) - set(recorded) <= DEFAULTS.get(recording.endpoint, set())


@pytest.mark.parametrize("recording", OFFERED)
def test_headers(recording):
    request = sent_for(recording)
    assert request.headers["User-Agent"].startswith("chatsdk/")
    expects = "text/event-stream" if recording.asks_for_stream else "application/json"
    assert request.headers["Accept"] == expects
    if request.body:
        assert request.headers["Content-Type"] == "application/json"
        assert request.headers["Content-Length"] == str(len(request.body))
    if recording.service == "zaguan":
        used = request.headers["X-Request-Id"]
        assert used == (request_id(recording) or str(uuid.UUID(used)))


@pytest.mark.parametrize("recording", [p for p in CHATS if p.values[0].is_stream])
def test_on_the_wire(recording):
    """The same, as a server reads it from the socket."""
    with Player(recording) as player:
        stream = call(service_at(recording, player.base_url), recording)
        stream.close()
    assert losses(recording.json, json.loads(player.request_body.decode("utf-8"))) == []
    head = player.request_head.decode("latin-1").split("\r\n")
    assert head[0] == "POST /v1/chat/completions HTTP/1.1"
    assert "Authorization: Bearer sk-recorded" in head
    assert sum(line.lower().startswith("authorization:") for line in head) == 1
