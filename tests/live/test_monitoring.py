"""Monitoring: settings, runs, uptime, its export."""

import csv
import io
import json
from datetime import datetime, timedelta, timezone

import pytest

from chatsdk import BadRequestError
from chatsdk.arguslm import MonitoringConfigUpdate

from .waiting import monitor

PROMPT_PACKS = {
    "health_check",
    "shakespeare",
    "synthetic_short",
    "synthetic_medium",
    "synthetic_long",
    "code_generation",
    "reasoning",
}


@pytest.fixture
def kept_config(api):
    """Give the settings back as they were."""
    config = api.get_monitoring_config()
    yield config
    api.update_monitoring_config(
        interval_minutes=config.interval_minutes, prompt_pack=config.prompt_pack, enabled=config.enabled
    )


@pytest.fixture
def checked(api, stub, find_models):
    """Two models after one run: one is up, the other is down."""
    stub.add("up", token_seconds=0.01)
    stub.add("down", refuses='too "busy",\nsay\u2028 later')
    models = find_models()
    for model in models.values():
        api.update_model(model.id, enabled_for_monitoring=True)
    monitor(api)
    return models


def test_config(api, kept_config):
    assert kept_config.interval_minutes >= 1
    assert kept_config.prompt_pack in PROMPT_PACKS
    updated = api.update_monitoring_config(interval_minutes=7, enabled=False)
    assert (updated.interval_minutes, updated.enabled) == (7, False)
    updated = api.update_monitoring_config(MonitoringConfigUpdate(prompt_pack="reasoning"))
    assert (updated.interval_minutes, updated.prompt_pack) == (7, "reasoning")
    found = api.get_monitoring_config()
    assert (found.interval_minutes, found.prompt_pack, found.enabled) == (7, "reasoning", False)


def test_config_refuses_an_unknown_prompt_pack(api):
    with pytest.raises(BadRequestError, match=r"^HTTP \d+: prompt_pack must be one of: "):
        api.update_monitoring_config(prompt_pack="poetry")


def test_prompt_packs(api):
    packs = api.list_prompt_packs()
    assert {pack.id for pack in packs} >= PROMPT_PACKS
    assert all(pack.name and pack.prompt and pack.expected_tokens > 0 for pack in packs)


def test_run_says_that_it_is_queued(api):
    before = api.get_monitoring_config().last_run_at
    run = monitor(api)  # to its end, or it would check the models of the next test too
    assert run.run_id
    assert run.status == "queued"
    assert run.message
    assert before is None or before.tzinfo is not None


def test_run_writes_a_check_for_each_model(api, checked):
    up = api.get_uptime_history(model_id=checked["up"].id)
    assert (up.total, up.limit, up.offset) == (1, 100, 0)
    (check,) = up.items
    assert (check.status, check.model_name, check.error) == ("up", "up", None)
    assert check.provider_type == "custom_openai_compatible"
    assert check.output_tokens == 3
    assert 0 < check.ttft_ms < check.latency_ms
    assert check.tps > 0
    assert abs(datetime.now(timezone.utc) - check.created_at) < timedelta(minutes=5)

    (check,) = api.get_uptime_history(model_id=checked["down"].id).items
    assert check.status == "down"
    assert 'too "busy",\nsay\u2028 later' in check.error
    assert (check.latency_ms, check.ttft_ms, check.tps, check.output_tokens) == (None, None, None, None)


def test_uptime_filters(api, checked):
    up, down = checked["up"].id, checked["down"].id
    assert {check.status for check in api.iter_uptime_history(status="down")} == {"down"}
    assert [check.model_id for check in api.get_uptime_history(model_id=up, status="up").items] == [up]
    assert api.get_uptime_history(model_id=up, status="down").items == []

    now = datetime.now(timezone.utc)
    for since, expected in [(now - timedelta(hours=1), [up]), (now + timedelta(hours=1), [])]:
        for spelling in (since, since.isoformat(), since.astimezone(timezone(timedelta(hours=9)))):
            found = api.get_uptime_history(model_id=up, since=spelling)
            assert [check.model_id for check in found.items] == expected

    api.update_model(down, enabled_for_monitoring=False)
    assert api.get_uptime_history(model_id=down, enabled_only=True).items == []
    assert [check.model_id for check in api.iter_uptime_history(model_id=up, enabled_only=True)] == [up]


def test_uptime_pages(api, checked):
    monitor(api)
    monitor(api)
    up = checked["up"].id
    page = api.get_uptime_history(model_id=up, limit=2, offset=1)
    assert (len(page.items), page.total, page.limit, page.offset) == (2, 3, 2, 1)
    found = [check.id for check in api.iter_uptime_history(model_id=up, limit=2)]
    assert len(set(found)) == len(found)
    # Checks of the same second come in any order, on each page anew.
    assert set(found) <= {check.id for check in api.get_uptime_history(model_id=up).items}


def test_export_json(api, checked, tmp_path):
    download = api.export_uptime_history(model_id=checked["down"].id)
    assert download.filename == "uptime_history.json"
    download.save(tmp_path / download.filename)
    (check,) = json.loads((tmp_path / "uptime_history.json").read_bytes())["checks"]
    assert (check["model_name"], check["status"], check["latency_ms"]) == ("down", "down", None)
    assert list(tmp_path.iterdir()) == [tmp_path / "uptime_history.json"]


def test_export_csv(api, checked, tmp_path):
    seen = []
    download = api.export_uptime_history(format="csv", model_id=checked["down"].id)
    assert download.filename == "uptime_history.csv"
    assert download.headers["Content-Type"] == "text/csv; charset=utf-8"
    target = tmp_path / "uptime.csv"
    download.save(target, progress=lambda done, total: seen.append((done, total)))
    size = target.stat().st_size
    assert seen[-1] == (size, size)

    (row,) = csv.DictReader(io.StringIO(target.read_text("utf-8"), newline=""))
    assert (row["model_name"], row["status"], row["latency_ms"]) == ("down", "down", "")
    assert 'too "busy",\nsay\u2028 later' in row["error"]


def test_export_between_dates(api, checked):
    now = datetime.now(timezone.utc)
    hour = timedelta(hours=1)
    for start, end, expected in [
        (now - hour, now + hour, 1),
        (now - 2 * hour, now - hour, 0),
        (now + hour, None, 0),
        (None, now - hour, 0),
    ]:
        download = api.export_uptime_history(model_id=checked["up"].id, start_date=start, end_date=end)
        assert len(json.loads(download.content)["checks"]) == expected
