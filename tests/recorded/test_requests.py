"""What the library sends for a recorded call is what was sent when it was recorded."""

import json
import re
import uuid
from contextlib import suppress
from email import message_from_bytes
from functools import lru_cache
from urllib.parse import parse_qsl, unquote, urlsplit

from chatsdk.errors import ChatSDKError
from tests.support.cases import for_each

from .calls import KEY, call, service_at
from .compare import losses
from .playback import HOST, answering
from .player import play_on_socket
from .recordings import chosen
from .services import SERVICES


def body_of(recording):
    """The names and values of a recorded body, whether a form or JSON; else nothing."""
    body = recording.json or recording.request.get("form")
    return body if isinstance(body, dict) else {}


OFFERED = chosen(lambda recording: recording.offered and recording.status is not None)
CHATS = [r for r in OFFERED if r.is_openai and r.endpoint.endswith("/chat/completions")]
BODIES = [r for r in OFFERED if r not in CHATS and r.is_success and body_of(r)]


def unsendable(recording):
    return SERVICES[recording.service].NOT_SENDABLE.get(recording.name, set())


def added_by_default(recording):
    return SERVICES[recording.service].DEFAULTS.get(recording.endpoint, set())


@lru_cache(maxsize=None)
def sent_for(recording):
    with answering(recording) as calls:
        with suppress(ChatSDKError):  # what it says is checked elsewhere
            call(service_at(recording, HOST), recording)
        return calls[0].request


@for_each([r for r in CHATS if r.json])
def test_body_of_a_completion(recording):
    request = sent_for(recording)
    sent = json.loads(request.body.decode("utf-8"))
    skipped = unsendable(recording)
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


@for_each(CHATS)
def test_no_null_is_sent(recording):
    sent = json.loads(sent_for(recording).body.decode("utf-8"))
    assert None not in sent.values()
    assert not [message for message in sent["messages"] if None in message.values()]


def sent_by_name(recording):
    """What is sent in JSON, in a form, or in an upload, its file aside."""
    request = sent_for(recording)
    body = request.body.read() if hasattr(request.body, "read") else request.body
    if recording.request.get("files"):
        head = f"Content-Type: {request.headers['Content-Type']}\r\n\r\n".encode()
        parts = [part for part in message_from_bytes(head + body).get_payload() if not part.get_filename()]
        return {
            part.get_param("name", header="Content-Disposition"): part.get_payload(decode=True).decode()
            for part in parts
        }
    text = body.decode("utf-8") if isinstance(body, bytes) else body
    return json.loads(text) if recording.json else dict(parse_qsl(text, keep_blank_values=True))


@for_each(BODIES)
def test_body_of_what_succeeded(recording):
    sent = sent_by_name(recording)
    recorded = {key: value for key, value in body_of(recording).items() if key not in unsendable(recording)}
    assert losses(recorded, sent) == []
    assert set(sent) - set(recorded) <= added_by_default(recording)


def as_sent(value):
    """A value of a recorded query as text."""
    return str(value).lower() if isinstance(value, bool) else str(value)


@for_each(OFFERED)
def test_address(recording):
    request = sent_for(recording)
    url = urlsplit(request.url)
    endpoint = SERVICES[recording.service].SENT_TO.get(recording.endpoint, recording.endpoint)
    method, path = endpoint.split(" ")
    assert request.method == method
    # What is put into a path is quoted, so that it cannot become more than one part of it.
    pattern = re.sub(r"\\{\w+\\}", "([A-Za-z0-9._~%-]+)", re.escape(path))
    match = re.fullmatch(pattern, url.path)
    assert match, url.path
    assert [unquote(part) for part in match.groups()] == (recording.ids if "{" in path else [])
    sent = dict(parse_qsl(url.query, keep_blank_values=True))
    query = recording.request["query"].items()
    recorded = {key: as_sent(value) for key, value in query if key not in unsendable(recording)}
    # The same moment may be spelled otherwise.
    assert losses(recorded, {key: sent.get(key) for key in recorded}) == []
    assert set(sent) - set(recorded) <= added_by_default(recording)


@for_each(OFFERED)
def test_headers(recording):
    request = sent_for(recording)
    assert request.headers["User-Agent"].startswith("chatsdk/")
    form = recording.request.get("form") or {}
    is_text = form.get("response_format") in ("text", "srt", "vtt")
    expects = "*/*" if recording.is_download or is_text else "application/json"
    assert request.headers["Accept"] == ("text/event-stream" if recording.asks_for_stream else expects)
    if recording.request.get("files"):
        assert request.headers["Content-Type"].startswith("multipart/form-data; boundary=")
    elif request.body:
        kind = "application/x-www-form-urlencoded" if form else "application/json"
        assert request.headers["Content-Type"] == kind
        assert request.headers["Content-Length"] == str(len(request.body))
    SERVICES[recording.service].check_headers(recording, request.headers)


@for_each([r for r in CHATS if r.is_stream])
def test_on_the_wire(recording):
    """The same, as a server reads it from the socket."""
    with play_on_socket(recording) as server:
        stream = call(service_at(recording, server.url), recording)
        stream.close()
    (request,) = server.requests
    assert losses(recording.json, request.json()) == []
    assert (request.method, request.target) == ("POST", "/v1/chat/completions")
    assert [value for name, value in request.pairs if name.lower() == "authorization"] == [f"Bearer {KEY}"]
