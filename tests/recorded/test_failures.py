"""Every recorded failure: the right class, the server's own sentence, nothing of the request."""

import pickle
import re
from html import unescape

import pytest

from chatsdk import errors
from tests.support.cases import for_each

from .calls import KEY, call, service_at
from .playback import play_failure
from .player import play_on_socket
from .recordings import chosen
from .services import SERVICES

FAILURES = chosen(lambda recording: recording.status is not None and not recording.is_success)
NO_ANSWER = chosen(lambda recording: recording.status is None)

BY_STATUS = {
    400: errors.BadRequestError,
    401: errors.AuthenticationError,
    402: errors.InsufficientCreditsError,
    403: errors.PermissionDeniedError,
    404: errors.NotFoundError,
    422: errors.UnprocessableEntityError,
    405: errors.APIStatusError,
    408: errors.APIStatusError,
    409: errors.ConflictError,
    413: errors.APIStatusError,
    429: errors.RateLimitError,
    499: errors.APIStatusError,
    500: errors.InternalServerError,
    502: errors.InternalServerError,
    503: errors.InternalServerError,
    504: errors.InternalServerError,
    529: errors.InternalServerError,
}


def json_or_text(recording):
    try:
        return recording.decoded
    except ValueError:
        return recording.body.decode("utf-8")


def drop_sensitive_headers(value, secrets):
    """What an error shows of a body that repeats passwords; of short ones only where they stand alone."""
    if isinstance(value, dict):
        return {key: drop_sensitive_headers(item, secrets) for key, item in value.items()}
    if isinstance(value, list):
        return [drop_sensitive_headers(item, secrets) for item in value]
    if isinstance(value, str):
        for secret in secrets:
            value = "***" if value == secret else value
            value = value.replace(secret, "***") if len(secret) > 5 else value
    return value


def shown(recording):
    return drop_sensitive_headers(json_or_text(recording), recording.secrets)


def detail_sentence(detail):
    if isinstance(detail, str):
        return detail
    if isinstance(detail, dict):
        return detail["message"]
    return "; ".join(".".join(map(str, item["loc"])) + ": " + item["msg"] for item in detail)


def page_sentence(text):
    """The heading of a page, else all that was said in plain text."""
    heading = re.search(r"<(title|h1)\b[^>]*>(.*?)</\1>", text)
    return " ".join(unescape(heading.group(2)).split()) if heading else text


def own_sentence(body):
    """The server's own words, by the shape of its body; None where it says nothing."""
    if isinstance(body, str):
        return page_sentence(body).strip() or None
    return (said_in(body).strip() or None) if isinstance(body, dict) else None


def said_in(body):
    if isinstance(body.get("error"), dict):
        return body["error"]["message"]
    if "error" in body:
        return body.get("message") or body["error"]  # beside a sentence the error is a label
    if "detail" in body:
        return detail_sentence(body["detail"])
    return body.get("message") or ""


def error_object(body):
    """What tells code and wait: the object that is the error, else all of the body."""
    if not isinstance(body, dict):
        return {}
    parts = [body.get("error"), body.get("detail")]
    return next((part for part in parts if isinstance(part, dict)), body)


def own_code(body):
    """Its code; a word rather than a number."""
    error = error_object(body)
    label = error.get("error")
    if "message" not in error or not isinstance(label, str) or " " in label:
        label = None  # a sentence, no word for one
    said = [str(word) for word in (error.get("code"), label) if word is not None]
    return next((word for word in said if not word.isdigit()), said[0] if said else None)


def own_word(body, key):
    word = error_object(body).get(key)
    return None if word == "None" else word


def own_wait(recording, body):
    error = error_object(body)
    if "retry_after" in error:
        return error["retry_after"]
    return float(recording.headers["retry-after"]) if "retry-after" in recording.headers else None


@for_each(FAILURES)
def test_class(recording):
    error, _ = play_failure(recording)
    common = BY_STATUS.get(recording.status, errors.APIStatusError)
    service = SERVICES[recording.service]
    body = json_or_text(recording)
    told = (recording.status, own_code(body), own_word(body, "type"))
    if "budget_exceeded" not in told:  # which comes with a status of another class
        assert isinstance(error, common)
    assert isinstance(error, service.BASE)
    expected = {kind for key, kind in service.OWN_ERRORS.items() if key in told}
    for kind in set(service.OWN_ERRORS.values()):
        assert isinstance(error, kind) is (kind in expected), kind
    if not expected:
        others = set(BY_STATUS.values()) - {common, errors.APIStatusError}
        assert not isinstance(error, tuple(others))


@for_each(FAILURES)
def test_message(recording):
    error, _ = play_failure(recording)
    if 300 <= recording.status < 400:
        assert recording.headers["location"].partition("?")[0] in str(error)
        assert "base_url" in str(error)
    else:
        sentence = own_sentence(shown(recording))
        if sentence is None:
            assert str(recording.status) in str(error)
        else:
            assert error.message == sentence
            assert str(error).startswith(
                f"HTTP {recording.status}: {' '.join(sentence.split())} ({error.method} "
            )


@for_each(FAILURES)
def test_nothing_of_the_request_is_repeated(recording):
    error, _ = play_failure(recording)
    for text in [*recording.prompts, KEY]:
        assert text not in str(error).replace(error.request_id or "-", "")
        assert text not in repr(error)


@for_each(FAILURES)
def test_details(recording):
    error, sent = play_failure(recording)
    body = shown(recording)
    assert error.status_code == recording.status
    assert error.body == body
    assert error.code == own_code(body)
    assert (error.type, error.param) == (own_word(body, "type"), own_word(body, "param"))
    assert error.retry_after == own_wait(recording, body)
    assert error.service == recording.service
    assert error.method == recording.request["method"]
    assert error.response.status_code == recording.status
    sent_id = sent.headers.get("X-Request-Id")
    assert error.request_id == recording.headers.get("x-request-id", sent_id)


@for_each(FAILURES)
def test_pickles(recording):
    error, _ = play_failure(recording)
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is type(error)
    assert str(copy) == str(error)
    for name in (
        "status_code",
        "code",
        "type",
        "body",
        "retry_after",
        "request_id",
        "service",
        "method",
        "url",
    ):
        assert getattr(copy, name) == getattr(error, name)
    assert copy.response is None


@for_each([r for r in FAILURES if "http_chunk_sizes" in r.response])
def test_in_the_chunks_in_which_it_came(recording):
    with play_on_socket(recording) as server, pytest.raises(SERVICES[recording.service].BASE) as caught:
        call(service_at(recording, server.url), recording)
    assert caught.value.status_code == recording.status
    assert caught.value.message == own_sentence(shown(recording))


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
    recording = next(r for r in FAILURES if r.name == name)
    error, _ = play_failure(recording)
    assert {key: getattr(error, key) for key in attributes} == attributes


@for_each(NO_ANSWER)
def test_a_connection_closed_without_an_answer(recording):
    with play_on_socket(recording) as server, pytest.raises(errors.APIConnectionError) as caught:
        call(service_at(recording, server.url), recording)
    assert isinstance(caught.value, SERVICES[recording.service].BASE)
    assert not isinstance(caught.value, errors.APITimeoutError)
    assert caught.value.status_code is None
    for text in recording.prompts:
        assert text not in str(caught.value)
