"""Play a recording to the call that asks for it."""

import re
from contextlib import contextmanager
from functools import lru_cache

import responses

from .calls import call, service_at

HOST = "https://service.example"
_HOP_BY_HOP = {"connection", "content-length", "transfer-encoding", "content-type"}


@contextmanager
def answering(recording):
    """Answer every request to HOST with the recorded answer; gives the calls that were made."""
    headers = {name: value for name, value in recording.headers.items() if name not in _HOP_BY_HOP}
    with responses.RequestsMock(assert_all_requests_are_fired=True) as mock:
        mock.add(
            recording.request["method"],
            re.compile(re.escape(HOST) + "/.*"),
            body=recording.body,
            status=recording.status,
            headers=headers,
            content_type=recording.headers.get("content-type"),
        )
        yield mock.calls


@lru_cache(maxsize=None)
def play(recording):
    """The result of the public call whose answer was recorded, and the request that it sent."""
    with answering(recording) as calls:
        result = call(service_at(recording, HOST), recording)
        return result, calls[0].request


@lru_cache(maxsize=None)
def play_failure(recording):
    """The error that the public call raises, and the request that it sent."""
    with answering(recording) as calls:
        try:
            result = call(service_at(recording, HOST), recording)
        except Exception as error:
            return error, calls[0].request
    raise AssertionError(f"no error, but {result!r}")
