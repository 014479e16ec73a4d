"""A Retry of the user's own: his rules, within the limits of the call."""

import time

import pytest
from urllib3.util import Retry

from chatsdk import InternalServerError

from .answers import MODELS, reply

BUSY = b'{"error": {"message": "busy"}}'


def own(**options):
    return Retry(2, status_forcelist=[503], **options)


def test_a_wait_beyond_the_deadline_is_not_begun(serve, connect):
    server = serve(reply(BUSY, 503, "Retry-After: 30"))
    started = time.monotonic()
    with pytest.raises(InternalServerError, match=r"^HTTP \d+: busy \("):
        connect(server, max_retries=own(), total_timeout=2).zaguan.list_models()
    assert time.monotonic() - started < 2


def test_a_wait_of_hours_is_the_callers_to_decide(serve, connect, waits):
    server = serve(reply(BUSY, 503, "Retry-After: 7200"))
    with pytest.raises(InternalServerError) as caught:
        connect(server, max_retries=own()).zaguan.list_models()
    assert caught.value.retry_after == 7200
    assert waits == []


def test_garbage_counts_as_none(serve, connect, waits):
    """urllib3 raises on it, and the answer would be lost."""
    server = serve(reply(BUSY, 503, "Retry-After: soon"), MODELS)
    connect(server, max_retries=own()).zaguan.list_models()
    assert len(server.requests) == 2
