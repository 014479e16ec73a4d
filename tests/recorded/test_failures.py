"""Every recorded failure: the right class, the server's own sentence, nothing of the request."""

import pickle
import re

import pytest

from chatsdk import errors, zaguan
from chatsdk.chatserver import ChatServerError

from .calls import call, service_at
from .playback import play_failure
from .player import Player
from .recordings import chosen

FAILURES = chosen(lambda recording: recording.status is not None and not recording.is_success)
NO_ANSWER = chosen(lambda recording: recording.status is None)

BY_STATUS = {
    400: errors.BadRequestError,
    401: errors.AuthenticationError,
    402: errors.InsufficientCreditsError,
    403: errors.PermissionDeniedError,
    404: errors.NotFoundError,
    422: errors.UnprocessableEntityError,
    429: errors.RateLimitError,
    500: errors.InternalServerError,
    502: errors.InternalServerError,
    503: errors.InternalServerError,
    529: errors.InternalServerError,
}
ZAGUANS_OWN = {402: zaguan.InsufficientCreditsError, 429: zaguan.RateLimitError}
BASES = {"zaguan": zaguan.ZaguanError, "chatserver": ChatServerError}


def json_or_text(recording):
    try:
        return recording.decoded
    except ValueError:
        return recording.body.decode("utf-8")


def detail_sentence(detail):
    if isinstance(detail, str):
        return detail
    return "; ".join(".".join(map(str, item["loc"])) + ": " + item["msg"] for item in detail)


def own_sentence(body):
    """The server's own words, by the shape of its body; None where it says nothing."""
    if isinstance(body, str):
        heading = re.search(r"<(title|h1)>(.*?)</\1>", body)
        return heading.group(2) if heading else body or None
    if isinstance(body.get("error"), dict):
        return body["error"]["message"]
    if isinstance(body.get("error"), str):
        return body["error"]
    return detail_sentence(body["detail"])


def own_code(body):
    """A word if the server has one, else the number."""
    error = body.get("error") if isinstance(body, dict) else None
    if not isinstance(error, dict):
        return None
    said = [str(word) for word in (error.get("code"), error.get("type")) if word is not None]
    return next((word for word in said if not word.isdigit()), said[0] if said else None)


def own_wait(recording, body):
    error = body.get("error") if isinstance(body, dict) else None
    if isinstance(error, dict) and "retry_after" in error:
        return error["retry_after"]
    return float(recording.headers["retry-after"]) if "retry-after" in recording.headers else None


@pytest.mark.parametrize("recording", FAILURES)
def test_class(recording):
    error, _ = play_failure(recording)
    common = BY_STATUS.get(recording.status, errors.APIStatusError)
    assert isinstance(error, common)
    assert isinstance(error, BASES[recording.service])
    if recording.status not in BY_STATUS:
        assert not isinstance(error, tuple(BY_STATUS.values()))
    if recording.service == "zaguan":
        assert isinstance(error, ZAGUANS_OWN.get(recording.status, common))
        denied = own_code(json_or_text(recording)) == "band_access_denied"
        assert isinstance(error, zaguan.BandAccessDeniedError) is denied


@pytest.mark.parametrize("recording", FAILURES)
def test_message(recording):
    error, _ = play_failure(recording)
    if 300 <= recording.status < 400:
        assert recording.headers["location"].partition("?")[0] in str(error)
        assert "base_url" in str(error)
    else:
        sentence = own_sentence(json_or_text(recording))
        if sentence is None:
            assert str(recording.status) in str(error)
        else:
            assert str(error) == error.message == sentence


@pytest.mark.parametrize("recording", FAILURES)
def test_nothing_of_the_request_is_repeated(recording):
    error, _ = play_failure(recording)
    for text in [*recording.prompts, "sk-recorded"]:
        assert text not in str(error)
        assert text not in repr(error)


@pytest.mark.parametrize("recording", FAILURES)
def test_details(recording):
    error, sent = play_failure(recording)
    body = json_or_text(recording)
    assert error.status_code == recording.status
    assert error.body == body
    assert error.code == own_code(body)
    assert error.retry_after == own_wait(recording, body)
    assert error.service == recording.service
    assert error.method == recording.request["method"]
    assert error.response.status_code == recording.status
    sent_id = sent.headers.get("X-Request-Id")
    assert error.request_id == recording.headers.get("x-request-id", sent_id)


@pytest.mark.parametrize("recording", FAILURES)
def test_pickles(recording):
    error, _ = play_failure(recording)
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is type(error)
    assert str(copy) == str(error)
    for name in ("status_code", "code", "body", "retry_after", "request_id", "service", "method", "url"):
        assert getattr(copy, name) == getattr(error, name)
    assert copy.response is None


@pytest.mark.parametrize("recording", [p for p in FAILURES if "http_chunk_sizes" in p.values[0].response])
def test_in_the_chunks_in_which_it_came(recording):
    with Player(recording) as player, pytest.raises(BASES[recording.service]) as caught:
        call(service_at(recording, player.base_url), recording)
    assert caught.value.status_code == recording.status
    assert str(caught.value) == own_sentence(json_or_text(recording))


@pytest.mark.parametrize(
    ("name", "attributes"),
    [
        (
            "corex_derived__err_402_credits",
            {"credits_required": 5, "credits_remaining": 3, "reset_date": "2025-01-01T00:00:00Z"},
        ),
        (
            "corex_derived__err_402_credits_no_type",
            {"credits_required": 100, "credits_remaining": 50, "reset_date": "2024-01-01"},
        ),
        ("aimock__chat_err402", {"credits_required": None, "credits_remaining": None, "reset_date": None}),
        (
            "corex_derived__err_403_band",
            {"band": "D", "required_tier": "platinum", "current_tier": "pro"},
        ),
        ("aimock__chat_err403", {"band": None, "required_tier": None, "current_tier": None}),
    ],
)
def test_what_zaguan_says_beside_the_message(name, attributes):
    recording = next(p.values[0] for p in FAILURES if p.values[0].name == name)
    error, _ = play_failure(recording)
    assert {key: getattr(error, key) for key in attributes} == attributes


@pytest.mark.parametrize("recording", NO_ANSWER)
def test_a_connection_closed_without_an_answer(recording):
    with Player(recording) as player, pytest.raises(errors.APIConnectionError) as caught:
        call(service_at(recording, player.base_url), recording)
    assert isinstance(caught.value, BASES[recording.service])
    assert not isinstance(caught.value, errors.APITimeoutError)
    assert caught.value.status_code is None
    for text in recording.prompts:
        assert text not in str(caught.value)
