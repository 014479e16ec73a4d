import logging

import pytest

from chatsdk._core.call import CallContext, redact_query

from .helpers import ZAGUAN, make_client


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://x.example/a", "https://x.example/a"),
        ("https://x.example/a=b", "https://x.example/a=b"),
        ("https://x.example/a?user_id=ann&x=1", "https://x.example/a?user_id=...&x=..."),
        ("https://x.example/a?x=", "https://x.example/a?x=..."),
    ],
)
def test_query_values_are_not_shown(url, shown):
    assert redact_query(url) == shown


def test_attempts_are_numbered(caplog):
    caplog.set_level(logging.DEBUG, logger="chatsdk")
    call = CallContext("GET", "https://x.example/a?q=secret")
    call.log(503)
    call.start_attempt()
    call.log("APITimeoutError")
    first, second = caplog.messages
    assert first.startswith("GET https://x.example/a?q=... 503 ")
    assert first.endswith(" ms attempt 1")
    assert "APITimeoutError" in second
    assert second.endswith("attempt 2")


def test_nothing_is_logged_unless_asked_for(caplog):
    caplog.set_level(logging.INFO, logger="chatsdk")
    CallContext("GET", "https://x.example/").log(200)
    assert caplog.messages == []


def test_one_line_for_an_exchange_without_its_secrets(http, caplog):
    http.add("GET", ZAGUAN + "/v1/credits/history", json={"entries": []})
    caplog.set_level(logging.DEBUG)
    with make_client() as client:
        client.zaguan.get_credits_history(model="secret-model")
    own = [record.getMessage() for record in caplog.records if record.name == "chatsdk"]
    assert len(own) == 1
    assert own[0].startswith(f"GET {ZAGUAN}/v1/credits/history?model=... 200 ")
    assert "sk-zaguan-1" not in caplog.text
