import time
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from itertools import product

import pytest
from requests.structures import CaseInsensitiveDict
from urllib3.exceptions import (
    ConnectTimeoutError,
    MaxRetryError,
    NewConnectionError,
    ProtocolError,
    ReadTimeoutError,
)
from urllib3.response import HTTPResponse
from urllib3.util import Retry

from chatsdk import ConfigurationError
from chatsdk._core import retry
from chatsdk._core.call import CallContext
from chatsdk._core.error_body import parse_error_body
from chatsdk._core.retry import CallTimeout, DefaultRetry, retry_after, retry_policy
from tests.support.cases import for_each

SAFE = ["GET", "HEAD", "OPTIONS"]
UNSAFE = ["POST", "PUT", "PATCH", "DELETE"]


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0.0),
        ("1", 1.0),
        (" 7 ", 7.0),
        ("1.5", 1.5),
        ("999999999", 999999999.0),
        ("", None),
        ("-1", None),
        ("soon", None),
        ("1,5", None),
        ("1e3", None),
        ("٣", None),
        ("nan", None),
        ("inf", None),
        ("5 seconds", None),
        ("Mon", None),
        ("32 Foo 2020", None),
        ("Fri, 99 Jan 2026 00:00:00 GMT", None),
        ("Fri, 01 Jan 2027 00:00:00 +9999", None),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0.0),
        ("Sun, 06 Nov 1994 08:49:37", 0.0),
        (",", None),
        ("\x00", None),
        ("1" * 5000, None),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_retry_after(value, seconds):
    assert retry_after({"Retry-After": value}) == seconds


def test_retry_after_without_the_header():
    assert retry_after({}) is None


@pytest.mark.parametrize("seconds", [90, 86400 * 400])
def test_retry_after_as_a_date(seconds):
    moment = datetime.now(timezone.utc) + timedelta(seconds=seconds)
    wait = retry_after({"Retry-After": format_datetime(moment, usegmt=True)})
    assert seconds - 5 < wait <= seconds


def answer(status, **headers):
    return HTTPResponse(status=status, headers={k.replace("_", "-"): v for k, v in headers.items()})


def after(status, method="POST", retries=2, body=None, **headers):
    policy = retry.bind_to_call(retry_policy(retries), CallContext(method, "https://api.example/"))
    headers = CaseInsensitiveDict({name.replace("_", "-"): value for name, value in headers.items()})
    return policy.after_status(status, headers, parse_error_body(body))


@pytest.mark.parametrize("method", SAFE)
@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_safe_methods_repeat_after(method, status):
    assert after(status, method).total == 1


@for_each(product(SAFE + UNSAFE, [301, 400, 401, 403, 404, 408, 409, 422, 500, 501, 529]))
def test_nobody_repeats_after(method, status):
    assert after(status, method, Retry_After="1") is None


@pytest.mark.parametrize(
    ("status", "headers", "again"),
    [
        (429, {}, True),
        (429, {"Retry_After": "1"}, True),
        (429, {"Retry_After": "soon"}, True),
        (503, {"Retry_After": "1"}, True),
        (503, {}, False),
        (503, {"Retry_After": "soon"}, False),
        (502, {"Retry_After": "1"}, False),
        (504, {"Retry_After": "1"}, False),
    ],
)
def test_other_methods_repeat_after_a_refusal(status, headers, again):
    found = [after(status, method, **headers) for method in UNSAFE]
    assert [policy and policy.total for policy in found] == [1 if again else None] * len(UNSAFE)


def test_without_retries_nothing_is_repeated():
    assert after(503, "GET", retries=0) is None


def test_a_body_that_is_used_up_is_not_sent_again():
    policy = retry.bind_to_call(retry_policy(2), CallContext("POST", "https://api.example/"))
    policy.call.can_repeat = False
    assert policy.after_status(429, {}, parse_error_body(None)) is None


def test_urllib3_leaves_statuses_to_us():
    assert not retry_policy(2).is_retry("GET", 503, True)


def test_a_wait_is_what_the_server_asks_for():
    assert after(429, Retry_After="7").wait == 7.0
    assert after(429, body={"retry_after": 8}).wait == 8.0


def test_garbage_is_the_usual_wait():
    assert 0 < after(429, Retry_After="soon").wait <= 0.5


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_too_long_a_wait_is_left_to_the_caller(method):
    assert after(429, method, Retry_After="60").wait == 60.0
    assert after(429, method, Retry_After="61") is None


def test_waits_double_up_to_a_limit_with_jitter():
    policy = retry.bind_to_call(retry_policy(12), CallContext("POST", "https://api.example/"))
    for longest in [0.5, 1.0, 2.0, 4.0, 8.0, 8.0, 8.0]:
        policy = policy.after_status(429, {}, parse_error_body(None))
        assert longest / 2 <= policy.wait <= longest


def test_attempts_are_counted():
    policy = retry_policy(2)
    for _ in range(2):
        policy = policy.increment("GET", "/", error=ProtocolError("reset"))
    with pytest.raises(MaxRetryError):
        policy.increment("GET", "/", error=ProtocolError("reset"))
    assert policy.after_status(429, {}, parse_error_body(None)) is None


NEVER_CONNECTED = [
    ConnectTimeoutError("connect"),
    NewConnectionError(None, "refused"),
]
MAY_HAVE_ACTED = [ProtocolError("reset"), ReadTimeoutError(None, "/", "read")]


@pytest.mark.parametrize("error", NEVER_CONNECTED, ids=repr)
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_a_connection_that_could_not_be_made(method, error):
    assert retry_policy(2).increment(method, "/", error=error).total == 1


@pytest.mark.parametrize("error", MAY_HAVE_ACTED, ids=repr)
def test_a_connection_that_broke(error):
    assert retry_policy(2).increment("GET", "/", error=error).total == 1
    with pytest.raises(type(error)):
        retry_policy(2).increment("POST", "/", error=error)


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_other_errors_are_not_repeated(method):
    with pytest.raises(OSError, match="disk"):
        retry_policy(2).increment(method, "/", error=OSError("disk"))


def test_no_attempt_begins_after_the_deadline():
    call = CallContext("GET", "https://api.example/", deadline=time.monotonic() + 5)
    policy = retry.bind_to_call(retry_policy(2), call)
    assert policy.after_status(503, {"Retry-After": "1"}, parse_error_body(None)).call is call
    assert policy.after_status(503, {"Retry-After": "6"}, parse_error_body(None)) is None


def test_sleeping(monkeypatch):
    slept = []
    monkeypatch.setattr(retry.time, "sleep", slept.append)
    call = CallContext("GET", "https://api.example/")
    policy = retry.bind_to_call(retry_policy(2), call)
    policy.after_status(503, {"Retry-After": "3"}, parse_error_body(None)).sleep()
    assert slept == [3.0]
    assert call.attempt == 2


def test_a_policy_is_not_changed_by_its_use():
    policy = retry_policy(2)
    retry.bind_to_call(policy, CallContext("GET", "https://api.example/")).increment("GET", "/", answer(503))
    assert (policy.total, policy.call, policy.wait) == (2, None, 0.0)


@pytest.mark.parametrize("given", [-1, 1.5, "2", None, [1]])
def test_numbers_that_cannot_work(given):
    with pytest.raises(ConfigurationError, match="max_retries"):
        retry_policy(given)


def test_kinds_of_policies():
    assert isinstance(retry_policy(1), DefaultRetry)
    own = retry_policy(Retry(1))
    assert isinstance(own, Retry)
    assert not isinstance(own, DefaultRetry)


def test_timeouts_of_an_attempt():
    whole = CallTimeout(5.0, 30.0, None).clone()
    assert (whole.connect_timeout, whole.read_timeout) == (5.0, 30.0)
    late = CallTimeout(5.0, 30.0, time.monotonic() + 2).clone()
    assert 1 < late.connect_timeout <= 2
    over = CallTimeout(5.0, 30.0, time.monotonic() - 2).clone()
    assert 0 < over.connect_timeout < 0.1
