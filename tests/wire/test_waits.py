"""How long the library waits before it sends again."""

import time
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime

import pytest

from chatsdk import APIStatusError, RateLimitError

from .answers import ASK, CHAT, MODELS, framed, json_reply, reply
from .server import RESET

GARBAGE = [
    "soon",
    "-5",
    "1e3",
    "nan",
    "inf",
    "0x10",
    "Mon, 99 Foo 2024 99:99:99 GMT",
    "1,5",
    "9" * 40,
    "\u0665",
]


def refusal(value, status=503):
    return reply(b"", status, f"Retry-After: {value}".encode().decode("latin-1"))


def test_the_waits_double_with_jitter_and_have_a_bound(serve, connect, waits):
    server = serve(reply(b"", 503))
    with pytest.raises(APIStatusError):
        connect(server, max_retries=7).zaguan.list_models()
    longest = [0.5, 1.0, 2.0, 4.0, 8.0, 8.0, 8.0]
    assert len(waits) == len(longest)
    assert all(bound / 2 <= wait <= bound for wait, bound in zip(waits, longest))
    # Clients that failed together must not come back together.
    assert len({wait / bound for wait, bound in zip(waits, longest)}) > 1


def test_waits_after_broken_connections_and_bodies_double_too(serve, connect, waits):
    cut = framed("length", [b"{"], kind="application/json", cut=True)
    server = serve(RESET, cut, RESET, MODELS)
    connect(server, max_retries=3).zaguan.list_models()
    assert all(bound / 2 <= wait <= bound for wait, bound in zip(waits, [0.5, 1.0, 2.0]))


@pytest.mark.parametrize(("value", "wait"), [("3", 3.0), ("2.5", 2.5), (" 4 ", 4.0), ("60", 60.0)])
@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_retry_after_in_seconds(serve, connect, waits, value, wait, status):
    connect(serve(refusal(value, status), MODELS)).zaguan.list_models()
    assert waits == [wait]


@pytest.mark.parametrize("zone", [timezone.utc, timezone(timedelta(hours=5))])
def test_retry_after_as_a_date(serve, connect, waits, zone):
    moment = datetime.now(zone) + timedelta(seconds=30)
    connect(serve(refusal(format_datetime(moment), 429), CHAT)).zaguan.chat(**ASK)
    assert len(waits) == 1
    assert 25 < waits[0] <= 30


@pytest.mark.parametrize("zone", [timezone.utc, timezone(timedelta(hours=5))])
@pytest.mark.parametrize("place", [(), ("error",), ("rateLimit",)])
@pytest.mark.parametrize(("status", "call"), [(429, "chat"), (503, "chat"), (429, "chat_stream")])
def test_a_moment_in_the_body(serve, connect, waits, zone, place, status, call):
    """As Infinity tells when its quota begins anew."""
    body = {"reset_at": (datetime.now(zone) + timedelta(seconds=30)).isoformat()}
    for name in place:
        body = {name: body}
    getattr(connect(serve(json_reply({"message": "No", **body}, status), CHAT)).zaguan, call)(**ASK)
    assert len(waits) == 1
    assert 25 < waits[0] <= 30


def test_a_late_moment_in_the_body(serve, connect, waits):
    moment = datetime.now(timezone.utc) + timedelta(hours=1)
    body = {"error": "x", "message": "No", "rateLimit": {"reset_at": moment.isoformat()}}
    server = serve(json_reply(body, 429))
    with pytest.raises(RateLimitError) as caught:
        connect(server).zaguan.chat(**ASK)
    assert caught.value.retry_after == pytest.approx(3600, abs=10)
    assert len(server.requests) == 1


@pytest.mark.parametrize("value", ["soon", "2020-01-01T00:00:00Z", 5, None, ["x"]])
def test_a_moment_that_says_nothing(serve, connect, waits, value):
    connect(serve(json_reply({"message": "No", "reset_at": value}, 429), CHAT)).zaguan.chat(**ASK)
    assert len(waits) == 1
    assert 0 < waits[0] <= 0.5


def test_seconds_in_the_body(serve, connect, waits):
    connect(serve(json_reply({"error": {"message": "No", "retry_after": 7}}, 503), CHAT)).zaguan.chat(**ASK)
    assert waits == [7.0]


@pytest.mark.parametrize(
    ("lines", "wait"),
    [
        (["retry-after-ms: 1500"], 1.5),
        (["retry-after-ms: 250", "Retry-After: 1"], 0.25),
        (["retry-after-ms: soon", "Retry-After: 3"], 3.0),
    ],
)
@pytest.mark.parametrize("status", [429, 503])
def test_milliseconds(serve, connect, waits, lines, wait, status):
    connect(serve(reply(b"", status, *lines), CHAT)).zaguan.chat(**ASK)
    assert waits == [wait]


@pytest.mark.parametrize("value", ["0", "Mon, 01 Jan 2001 00:00:00 GMT"])
def test_retry_after_of_now_waits_a_moment(serve, connect, waits, value):
    """A server that says "at once" to all its clients is not overrun by them."""
    connect(serve(refusal(value), CHAT)).zaguan.chat(**ASK)
    assert len(waits) == 1
    assert 0 < waits[0] <= 0.5


@pytest.mark.parametrize("value", GARBAGE)
def test_garbage_counts_as_none(serve, connect, waits, value):
    """urllib3 raises an error for it."""
    connect(serve(refusal(value), MODELS)).zaguan.list_models()
    assert len(waits) == 1
    assert waits[0] <= 0.5
    server = serve(refusal(value), CHAT)
    with pytest.raises(APIStatusError) as caught:
        connect(server).zaguan.chat(**ASK)
    assert caught.value.status_code == 503
    assert caught.value.retry_after is None
    assert len(server.requests) == 1


@pytest.mark.parametrize("call", ["get", "post"])
@pytest.mark.parametrize("in_seconds", [True, False])
def test_a_longer_wait_is_the_callers_decision(serve, connect, waits, call, in_seconds):
    moment = datetime.now(timezone.utc) + timedelta(hours=1)
    value = "3600" if in_seconds else format_datetime(moment, usegmt=True)
    server = serve(refusal(value, 429), MODELS)
    zaguan = connect(server).zaguan
    with pytest.raises(RateLimitError) as caught:
        zaguan.list_models() if call == "get" else zaguan.chat(**ASK)
    assert caught.value.retry_after == pytest.approx(3600, abs=10)
    assert waits == []
    assert len(server.requests) == 1


def test_retry_after_reaches_the_error_after_the_last_attempt(serve, connect, waits):
    server = serve(refusal("1"), refusal("2"))
    with pytest.raises(APIStatusError) as caught:
        connect(server, max_retries=1).zaguan.list_models()
    assert waits == [1.0]
    assert caught.value.retry_after == 2.0


def test_retry_after_may_stand_in_the_body(serve, connect, waits):
    server = serve(json_reply({"error": {"message": "slow down", "retry_after": 90}}, 429))
    with pytest.raises(RateLimitError) as caught:
        connect(server, max_retries=0).zaguan.chat(**ASK)
    assert caught.value.retry_after == 90


def test_no_wait_goes_beyond_the_time_of_the_call(serve, connect, waits):
    """It would only end in a timeout: the answer at hand says more."""
    server = serve(refusal("30"), MODELS)
    started = time.monotonic()
    with pytest.raises(APIStatusError) as caught:
        connect(server, total_timeout=5).zaguan.list_models()
    assert caught.value.status_code == 503
    assert waits == []
    assert time.monotonic() - started < 5
