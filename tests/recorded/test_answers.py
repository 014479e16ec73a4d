"""Every recorded success, through the public method that asks for it: decoded without loss."""

import requests

from chatsdk._core.model import Model
from tests.support.cases import for_each
from tests.support.recordings import FILES, FOLDER

from .calls import KEY, call, service_at
from .compare import extras_in, losses, misplaced_in
from .playback import play
from .player import play_on_socket
from .recordings import ALL, chosen
from .services import SERVICES

OFFERED = chosen(lambda recording: recording.offered and recording.is_success and not recording.is_stream)
DOWNLOADS = [r for r in OFFERED if r.is_download]
EMPTY = [r for r in OFFERED if r not in DOWNLOADS and not r.body]
PLAIN = [r for r in OFFERED if r not in DOWNLOADS and r not in EMPTY]
ELSEWHERE = chosen(lambda r: not r.offered and r.is_success and not r.is_stream)


def kept(result):
    if isinstance(result, list):
        return [kept(item) for item in result]
    return result.to_dict() if isinstance(result, Model) else result


def listed(recording):
    return SERVICES[recording.service].listed(recording)


def extras_of(service):
    """The keys without a field in all plain answers of a service."""
    plain = [recording for recording in PLAIN if recording.service == service]
    return {key for recording in plain for key in extras_in(play(recording)[0])}


@for_each(PLAIN)
def test_nothing_is_lost(recording):
    result, _ = play(recording)
    assert losses(listed(recording), kept(result)) == []


@for_each(PLAIN)
def test_what_has_a_field_is_in_it(recording):
    result, _ = play(recording)
    assert misplaced_in(result) == []
    assert extras_in(result) <= SERVICES[recording.service].KNOWN_EXTRAS


@for_each(PLAIN)
def test_every_object_is_typed(recording):
    result, _ = play(recording)
    sent = listed(recording)
    pairs = zip(result, sent) if isinstance(result, list) else [(result, sent)]
    assert [item for item, own in pairs if isinstance(own, dict) and not isinstance(item, Model)] == []


@for_each(EMPTY)
def test_an_empty_answer(recording):
    assert play(recording)[0] is None


@for_each(DOWNLOADS)
def test_a_download_is_the_body_as_it_came(recording):
    result, _ = play(recording)
    assert result.content == recording.body
    assert result.headers["Content-Type"] == recording.headers["content-type"]


COMPLETIONS = [r for r in PLAIN if r.is_openai and "choices" in r.decoded]


@for_each(COMPLETIONS)
def test_text_of_a_completion(recording):
    result, _ = play(recording)
    first = recording.decoded["choices"][0]
    assert result.text == (first["message"]["content"] or "")
    assert result.choices[0].finish_reason == first["finish_reason"]
    assert result.usage.total_tokens == recording.decoded["usage"]["total_tokens"]


@for_each([r for r in PLAIN if "http_chunk_sizes" in r.response])
def test_in_the_chunks_in_which_it_came(recording):
    with play_on_socket(recording) as server:
        result = call(service_at(recording, server.url), recording)
    assert losses(listed(recording), kept(result)) == []


@for_each(ELSEWHERE)
def test_endpoints_without_a_method(recording):
    result, sent = play(recording)
    assert isinstance(result, requests.Response)
    assert result.status_code == recording.status
    assert result.content == recording.body
    assert KEY in str(sent.headers)
    assert KEY not in str(result.request.headers)  # the key is not kept with the answer


@for_each(SERVICES)
def test_known_extras_are_seen(service):
    assert extras_of(service) == SERVICES[service].KNOWN_EXTRAS


def test_no_recording_of_an_offered_endpoint_is_left_out():
    """Each is a success, a stream, a failure, or an answer that never came."""
    from .test_failures import FAILURES, NO_ANSWER

    streams = chosen(lambda recording: recording.offered and recording.is_stream)
    groups = [PLAIN, EMPTY, DOWNLOADS, streams, FAILURES, NO_ANSWER]
    replayed = [recording for group in groups for recording in group]
    assert len(replayed) == len(set(map(id, replayed)))
    assert {id(r) for r in ALL if r.offered} <= set(map(id, replayed))


@for_each(SERVICES)
def test_every_endpoint_is_known(service):
    recorded = {recording.endpoint for recording in ALL if recording.service == service}
    assert recorded - SERVICES[service].OFFERED == SERVICES[service].WITHOUT_METHOD


def test_every_file_of_recordings_has_its_service():
    named = {name for service in SERVICES for name in FILES.get(service, (service,))}
    assert {path.stem for path in FOLDER.glob("*.json")} == named
