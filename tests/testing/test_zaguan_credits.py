import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest

from chatsdk.testing import LocalServer

from .wire import KEY, Api


def balance(zaguan):
    return zaguan.get("/v1/credits/balance").json()


def history(zaguan, **query):
    answer = zaguan.get("/v1/credits/history", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.fixture
def poor(session):
    with LocalServer(credits=7) as server:
        yield Api(session, server.url("zaguan"), {"Authorization": f"Bearer {KEY}"})


def test_calls_are_debited_by_band(zaguan):
    before = balance(zaguan)
    zaguan.chat(model="openai/gpt-4o-mini")
    zaguan.chat(model="openai/gpt-4o")
    zaguan.stream(model="deepseek/deepseek-reasoner")
    zaguan.chat(model="somebody/else")
    after = balance(zaguan)
    assert before["credits_remaining"] - after["credits_remaining"] == 1 + 5 + 10 + 1
    assert before["credits_total"] == after["credits_total"]
    assert after["credits_used"] + after["credits_remaining"] == after["credits_total"]
    assert after["credits_percent"] < 100


def test_calls_are_in_the_history(zaguan):
    known = history(zaguan)["total_entries"]
    sent = str(uuid.uuid4())
    zaguan.headers["X-Request-Id"] = sent
    answer = zaguan.chat().json()
    page = history(zaguan)
    assert page["total_entries"] == known + 1
    assert page["next_cursor"] is None
    entry = page["entries"][-1]
    assert entry["request_id"] == sent
    assert (entry["model"], entry["provider"], entry["band"]) == ("openai/gpt-4o", "openai", "B")
    assert entry["credits_debited"] == 5
    assert entry["total_tokens"] == answer["usage"]["total_tokens"]


def test_the_same_request_id_is_paid_once(zaguan):
    before = balance(zaguan)["credits_remaining"]
    zaguan.headers["X-Request-Id"] = str(uuid.uuid4())
    assert zaguan.chat().status_code == zaguan.chat().status_code == 200
    assert before - balance(zaguan)["credits_remaining"] == 5


def test_refused_calls_cost_nothing(zaguan):
    before = balance(zaguan)
    zaguan.chat(messages=[])
    zaguan.chat(model="platinum/o1-pro")
    assert balance(zaguan) == before


def test_pages(zaguan):
    everything = history(zaguan)["entries"]
    found, cursor = [], None
    for _ in range(len(everything)):
        query = {"limit": 2} if cursor is None else {"limit": 2, "cursor": cursor}
        page = history(zaguan, **query)
        assert page["total_entries"] == len(everything)
        found += page["entries"]
        cursor = page["next_cursor"]
        if cursor is None:
            break
        assert len(page["entries"]) == 2
    assert found == everything
    assert len(found) > 4


def test_a_page_that_ends_the_list_has_no_cursor(zaguan):
    assert history(zaguan, limit=5)["next_cursor"] is None
    assert history(zaguan, limit=4)["next_cursor"] is not None


def test_filters(zaguan):
    assert {entry["band"] for entry in history(zaguan, band="B")["entries"]} == {"B"}
    assert history(zaguan, provider="nobody")["entries"] == []
    assert history(zaguan, model="openai/gpt-4o", status="success")["total_entries"] == 2


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=x", "limit=", "limit=-1", "cursor=x", "cursor=cursor-x", "cursor="]
)
def test_bad_pages(zaguan, query):
    answer = zaguan.get("/v1/credits/history?" + query)
    assert answer.status_code == 400
    assert answer.json()["error"]["type"] == "invalid_request_error"


def test_stats(zaguan):
    used = {}
    for period in ("day", "week", "month", "all_time"):
        stats = zaguan.get("/v1/credits/stats", params={"period": period}).json()
        assert stats["period"] == period
        breakdown = stats["model_breakdown"]
        assert sum(row["credits_used"] for row in breakdown) == stats["total_credits_used"]
        used[period] = stats["total_credits_used"]
    assert 0 < used["day"] < used["week"] < used["month"] < used["all_time"]
    assert used["all_time"] == balance(zaguan)["credits_used"]
    assert zaguan.get("/v1/credits/stats").json()["period"] == "month"


def test_unknown_period(zaguan):
    assert zaguan.get("/v1/credits/stats?period=year").status_code == 400


@pytest.mark.parametrize("stream", [False, True])
def test_credits_run_out(poor, stream):
    assert poor.chat(stream=stream).status_code == 200
    answer = poor.chat(stream=stream)
    assert answer.status_code == 402
    error = answer.json()["error"]
    assert error["type"] == error["code"] == "insufficient_credits"
    assert (error["credits_required"], error["credits_remaining"]) == (5, 2)
    assert error["reset_date"].endswith("-01T00:00:00Z")
    assert poor.chat(model="openai/gpt-4o-mini").status_code == 200


def test_credits_run_out_in_many_threads(poor):
    def chat(_):
        return poor.chat(model="openai/gpt-4o-mini").status_code

    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(chat, range(16)))
    assert sorted(statuses) == [200] * 7 + [402] * 9
    assert balance(poor)["credits_remaining"] == 0


def test_band_that_is_too_high(zaguan):
    answer = zaguan.chat(model="platinum/anything")
    assert answer.status_code == 403
    error = answer.json()["error"]
    assert error["type"] == error["code"] == "band_access_denied"
    assert (error["band"], error["required_tier"], error["current_tier"]) == (
        "D",
        "platinum",
        "pro",
    )
