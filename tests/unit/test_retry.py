import time
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from itertools import product

import pytest
import requests
from urllib3.exceptions import (
    ConnectTimeoutError,
    LocationParseError,
    MaxRetryError,
    NewConnectionError,
    ProtocolError,
    ReadTimeoutError,
)
from urllib3.util import Retry

from chatsdk import ConfigurationError
from chatsdk._core import retry
from chatsdk._core.call import CallContext
from chatsdk._core.error_body import parse_error_body
from chatsdk._core.retry import Attempts, DefaultRetry, retry_after, retry_policy
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


@pytest.fixture(autouse=True)
def slept(monkeypatch):
    """The waits between attempts, none of which takes place."""
    waits = []
    monkeypatch.setattr(retry.time, "sleep", waits.append)
    return waits


def attempts_of(method, retries=2, **context):
    return Attempts(CallContext(method, "https://api.example/", **context), retry_policy(retries))


def after(status, method="POST", retries=2, body=None, attempts=None, **headers):
    """Whether there is another attempt."""
    response = requests.Response()
    response.status_code = status
    response.headers.update({name.replace("_", "-"): value for name, value in headers.items()})
    attempts = attempts or attempts_of(method, retries)
    return attempts.after_status(response, parse_error_body(body))


@pytest.mark.parametrize("method", SAFE)
@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_safe_methods_repeat_after(method, status):
    attempts = attempts_of(method)
    assert after(status, attempts=attempts)
    assert attempts.policy.total == 1


@for_each(product(SAFE + UNSAFE, [301, 400, 401, 403, 404, 408, 409, 422, 500, 501, 529]))
def test_nobody_repeats_after(method, status):
    assert not after(status, method, Retry_After="1")


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
    assert [after(status, method, **headers) for method in UNSAFE] == [again] * len(UNSAFE)


def test_without_retries_nothing_is_repeated():
    assert not after(503, "GET", retries=0)


def test_a_body_that_is_used_up_is_not_sent_again():
    attempts = attempts_of("POST")
    attempts._call.can_repeat = False
    assert not after(429, attempts=attempts)
    assert not attempts.after_error(ProtocolError("reset"))
    assert attempts.after_error(ConnectTimeoutError("connect"))


def test_a_wait_is_what_the_server_asks_for(slept):
    assert after(429, Retry_After="7")
    assert after(429, body={"retry_after": 8})
    assert slept == [7.0, 8.0]


def test_garbage_is_the_usual_wait(slept):
    assert after(429, Retry_After="soon")
    assert 0 < slept[0] <= 0.5


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_too_long_a_wait_is_left_to_the_caller(method):
    assert after(429, method, Retry_After="60")
    assert not after(429, method, Retry_After="61")


def test_waits_double_up_to_a_limit_with_jitter(slept):
    attempts = attempts_of("POST", 12)
    for longest in [0.5, 1.0, 2.0, 4.0, 8.0, 8.0, 8.0]:
        assert after(429, attempts=attempts)
        assert longest / 2 <= slept[-1] <= longest


def test_attempts_are_counted():
    attempts = attempts_of("GET")
    assert [attempts.after_error(ProtocolError("reset")) for _ in range(3)] == [True, True, False]
    assert not after(429, attempts=attempts)


NEVER_CONNECTED = [
    ConnectTimeoutError("connect"),
    NewConnectionError(None, "refused"),
]
MAY_HAVE_ACTED = [ProtocolError("reset"), ReadTimeoutError(None, "/", "read")]


@pytest.mark.parametrize("error", NEVER_CONNECTED, ids=repr)
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_a_connection_that_could_not_be_made(method, error):
    assert attempts_of(method).after_error(requests.ConnectionError(MaxRetryError(None, "/", error)))


@pytest.mark.parametrize("error", MAY_HAVE_ACTED, ids=repr)
def test_a_connection_that_broke(error):
    assert attempts_of("GET").after_error(requests.ConnectionError(error))
    assert not attempts_of("POST").after_error(requests.ConnectionError(error))


@pytest.mark.parametrize("error", [OSError("disk"), LocationParseError("x"), requests.ConnectionError()])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_other_errors_are_not_repeated(method, error):
    assert not attempts_of(method).after_error(error)


def test_no_attempt_begins_after_the_deadline():
    deadline = time.monotonic() + 5
    assert after(503, attempts=attempts_of("GET", deadline=deadline), Retry_After="1")
    assert not after(503, attempts=attempts_of("GET", deadline=deadline), Retry_After="6")


def test_attempts_are_numbered():
    attempts = attempts_of("GET")
    assert after(503, attempts=attempts)
    assert attempts._call.attempt == 2


def test_a_policy_is_not_changed_by_its_use():
    policy = retry_policy(2)
    attempts = Attempts(CallContext("GET", "https://api.example/"), policy)
    assert after(503, attempts=attempts)
    assert (policy.total, attempts.policy.total) == (2, 1)


@pytest.mark.parametrize("given", [-1, 1.5, "2", None, [1]])
def test_numbers_that_cannot_work(given):
    with pytest.raises(ConfigurationError, match="max_retries"):
        retry_policy(given)


def test_kinds_of_policies():
    assert isinstance(retry_policy(1), DefaultRetry)
    own = Retry(1)
    assert retry_policy(own) is own
