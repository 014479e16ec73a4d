"""Every recorded success, through the public method that asks for it: decoded without loss."""

import pytest
import requests

from chatsdk._core.model import Model

from .calls import call, service_at
from .compare import extras_in, losses, misplaced_in
from .playback import play
from .player import Player
from .recordings import ALL, chosen

PLAIN = chosen(lambda recording: recording.offered and recording.is_success and not recording.is_stream)
ELSEWHERE = chosen(lambda r: not r.offered and r.is_success and not r.is_stream)

# What servers send beyond the fields that the services promise; all else has a field of its own.
KNOWN_EXTRAS = {
    "zaguan": {
        "Choice.provider_specific_fields",
        "Choice.native_finish_reason",
        "Message.provider_specific_fields",
        "ModelInfo.max_input_tokens",
        "ModelInfo.max_output_tokens",
        "ModelInfo.mode",
        "Usage.cost",
        "Usage.cost_details",
    },
    "chatserver": set(),
}


def kept(result):
    return [item.to_dict() for item in result] if isinstance(result, list) else result.to_dict()


def listed(recording):
    """The recorded body in the form that the method returns: some return the list inside."""
    body = recording.decoded
    if recording.service == "zaguan" and recording.endpoint == "GET /v1/models":
        return body["data"]
    if recording.endpoint == "GET /v1/capabilities" and isinstance(body, dict):
        return body["models"]
    return body


@pytest.mark.parametrize("recording", PLAIN)
def test_nothing_is_lost(recording):
    result, _ = play(recording)
    assert losses(listed(recording), kept(result)) == []


@pytest.mark.parametrize("recording", PLAIN)
def test_what_has_a_field_is_in_it(recording):
    result, _ = play(recording)
    assert misplaced_in(result) == []
    assert extras_in(result) <= KNOWN_EXTRAS[recording.service]


@pytest.mark.parametrize("recording", PLAIN)
def test_every_object_is_typed(recording):
    result, _ = play(recording)
    assert all(isinstance(item, Model) for item in (result if isinstance(result, list) else [result]))


@pytest.mark.parametrize("recording", [p for p in PLAIN if "choices" in p.values[0].decoded])
def test_text_of_a_completion(recording):
    result, _ = play(recording)
    first = recording.decoded["choices"][0]
    assert result.text == (first["message"]["content"] or "")
    assert result.choices[0].finish_reason == first["finish_reason"]
    assert result.usage.total_tokens == recording.decoded["usage"]["total_tokens"]


@pytest.mark.parametrize("recording", [p for p in PLAIN if "http_chunk_sizes" in p.values[0].response])
def test_in_the_chunks_in_which_it_came(recording):
    with Player(recording) as player:
        result = call(service_at(recording, player.base_url), recording)
    assert losses(listed(recording), kept(result)) == []


@pytest.mark.parametrize("recording", ELSEWHERE)
def test_endpoints_without_a_method(recording):
    result, sent = play(recording)
    assert isinstance(result, requests.Response)
    assert result.status_code == recording.status
    assert result.content == recording.body
    assert "Authorization" not in sent.headers  # the key is not kept with the answer


def test_known_extras_are_seen():
    plain = [parameter.values[0] for parameter in PLAIN]
    seen = {key for recording in plain for key in extras_in(play(recording)[0])}
    assert seen == KNOWN_EXTRAS["zaguan"] | KNOWN_EXTRAS["chatserver"]


def test_no_recording_of_an_offered_endpoint_is_left_out():
    """Each is a plain success, a stream, a failure, or an answer that never came."""
    from .test_failures import FAILURES, NO_ANSWER
    from .test_streams import STREAMS

    replayed = [parameter.values[0] for parameter in PLAIN + STREAMS + FAILURES + NO_ANSWER]
    assert len(replayed) == len(set(map(id, replayed)))
    assert {r.name for r in ALL if r.offered} <= {r.name for r in replayed}
    assert {recording.endpoint for recording in ALL if not recording.offered} == {
        # Zaguan CoreX: named by its documents, without a method in this library.
        "POST /v1/embeddings",
        "POST /v1/messages",
        "POST /v1/messages/count_tokens",
        "POST /v1/moderations",
        "POST /v1/audio/speech",
        "POST /v1/audio/transcriptions",
        "POST /v1/images/generations",
        "GET /v1/models/{id}",
        "GET /health/liveliness",
        "GET /health/readiness",
        # ChatServer: its tool servers, its own health, routes that do not exist.
        "GET /atoms/mcp",
        "POST /atoms/mcp",
        "PUT /atoms/mcp/{id}",
        "DELETE /atoms/mcp/{id}",
        "GET /health",
        "GET /v1/nope",
        # The wrong method, the address left out.
        "GET /v1/chat/completions",
        "DELETE /api/v1/platform/admins",
    }
