import dataclasses

import pytest

from chatsdk import Client, ConfigurationError, Service
from chatsdk._core.options import Options, split_timeout


def options(**settings):
    return Options(Service(**settings), default_timeout=30.0, default_retries=2)


@pytest.mark.parametrize(
    ("timeout", "parts"),
    [(10, (5.0, 10.0)), (2, (2.0, 2.0)), (0.5, (0.5, 0.5)), ((1, 20), (1.0, 20.0)), ((30, 2), (30.0, 2.0))],
)
def test_split_timeout(timeout, parts):
    assert split_timeout(timeout) == parts


@pytest.mark.parametrize(
    "timeout",
    [
        *(0, -1, float("nan"), float("inf"), 1e300, 10**400, True, "5", None),
        *([1, 2], (1,), (1, 2, 3), (1, None), (0, 5)),
    ],
)
def test_a_timeout_that_cannot_work(timeout):
    with pytest.raises(ConfigurationError, match="timeout"):
        split_timeout(timeout)


def test_defaults():
    made = options()
    assert (made.connect_timeout, made.read_timeout, made.stream_timeout) == (5.0, 30.0, 120.0)
    assert made.total_timeout is None
    assert made.retry.total == 2
    assert made.headers == {}
    assert made.max_response_bytes == 100 * 1024 * 1024


def test_a_given_timeout_counts_for_streams_too():
    made = options(timeout=(1, 7))
    assert (made.connect_timeout, made.read_timeout, made.stream_timeout) == (1.0, 7.0, 7.0)


def test_no_retries():
    assert options(max_retries=0).retry.total == 0


@pytest.mark.parametrize(
    ("settings", "word"),
    [
        ({"timeout": 0}, "timeout"),
        ({"total_timeout": -1}, "total_timeout"),
        ({"total_timeout": float("inf")}, "total_timeout"),
        ({"max_retries": -1}, "max_retries"),
        ({"max_retries": 1.5}, "max_retries"),
        ({"max_retries": "3"}, "max_retries"),
        ({"max_response_bytes": 0}, "max_response_bytes"),
        ({"max_response_bytes": 1.5}, "max_response_bytes"),
        ({"headers": {"a b": "x"}}, "header"),
    ],
)
def test_settings_that_cannot_work(settings, word):
    with pytest.raises(ConfigurationError, match=word):
        options(**settings)


def test_changes():
    before = Client(zaguan=Service(timeout=3, headers={"X-A": "1", "X-B": "1"})).zaguan
    after = before.with_options(
        timeout=(1, 9), max_retries=5, headers={"X-B": "2"}, total_timeout=60
    )._options
    assert (after.connect_timeout, after.read_timeout, after.stream_timeout) == (1.0, 9.0, 9.0)
    assert after.retry.total == 5
    assert after.headers == {"X-A": "1", "X-B": "2"}
    assert after.total_timeout == 60.0
    assert before._options.read_timeout == 3.0
    assert before._options.headers == {"X-A": "1", "X-B": "1"}


def test_no_changes():
    before = Client(zaguan=Service(timeout=3)).zaguan
    after = before.with_options()
    assert (after._options.read_timeout, after._options.total_timeout) == (3.0, None)
    assert after._options.retry.total == before._options.retry.total


class TestService:
    def test_secrets_are_not_shown(self):
        shown = repr(Service("https://api.example", api_key="sk-1", headers={"X-Key": "sk-2"}, timeout=5))
        assert "sk-" not in shown
        assert "https://api.example" in shown
        assert "timeout=5" in shown

    def test_options_do_not_show_headers(self):
        assert "sk-2" not in repr(options(headers={"X-Key": "sk-2"}))

    def test_frozen(self):
        with pytest.raises(dataclasses.FrozenInstanceError):
            Service().base_url = "https://api.example"

    def test_order_of_arguments(self):
        service = Service("https://api.example", "sk-1", 5, 3, {"X-A": "1"})
        assert (service.api_key, service.timeout, service.max_retries) == ("sk-1", 5, 3)
        assert service.headers == {"X-A": "1"}
