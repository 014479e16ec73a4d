import csv
import io
import json
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pytest

from .arguslm import UNKNOWN, argus_server

PACKS = (
    "code_generation, health_check, reasoning, shakespeare, synthetic_long, synthetic_medium, synthetic_short"
)


@pytest.fixture
def quick(session):
    """ArgusLM with models that answer at once."""
    with argus_server(session, 0) as arguslm:
        yield arguslm


def test_config(arguslm):
    config = arguslm.read("/monitoring/config")
    assert (config["interval_minutes"], config["prompt_pack"], config["enabled"]) == (
        15,
        "health_check",
        True,
    )
    changes = {"interval_minutes": 5, "prompt_pack": "reasoning", "enabled": False}
    changed = arguslm.patch("/monitoring/config", json=changes).json()
    assert changed == {**config, **changes} == arguslm.read("/monitoring/config")
    nothing = dict.fromkeys(changes)
    assert arguslm.patch("/monitoring/config", json=nothing).json() == changed


def test_bad_configs(arguslm):
    before = arguslm.read("/monitoring/config")
    answer = arguslm.patch("/monitoring/config", json={"interval_minutes": 5, "prompt_pack": "nope"})
    assert answer.status_code == 400
    assert answer.json() == {"detail": f"prompt_pack must be one of: {PACKS}"}
    assert arguslm.patch("/monitoring/config", json={"interval_minutes": 0}).status_code == 422
    assert arguslm.read("/monitoring/config") == before


def test_an_absurd_interval_is_stored_all_the_same(arguslm):
    answer = arguslm.patch("/monitoring/config", json={"interval_minutes": 10**12})
    assert (answer.status_code, answer.text) == (500, "Internal Server Error")
    assert arguslm.read("/monitoring/config")["interval_minutes"] == 10**12
    assert arguslm.patch("/monitoring/config", json={"enabled": False}).status_code == 200


def test_prompt_packs(arguslm):
    packs = arguslm.read("/monitoring/prompt-packs")
    assert sorted(pack["id"] for pack in packs) == PACKS.split(", ")
    for pack in packs:
        assert arguslm.patch("/monitoring/config", json={"prompt_pack": pack["id"]}).status_code == 200


class TestHistory:
    def test_at_the_start(self, arguslm):
        history = arguslm.read("/monitoring/uptime")
        checks = history["items"]
        assert (len(checks), history["total"], history["limit"], history["offset"]) == (9, 9, 100, 0)
        times = [datetime.fromisoformat(check["created_at"]) for check in checks]
        assert times == sorted(times, reverse=True)
        assert timedelta(minutes=29) < times[0] - times[-1] < timedelta(hours=1)
        last_run_at = arguslm.read("/monitoring/config")["last_run_at"]
        assert last_run_at[:19] == checks[0]["created_at"]
        for check in checks[:2]:
            assert check["status"] == "up"
            assert check["latency_ms"] > check["ttft_ms"] > 0
            generation = (check["latency_ms"] - check["ttft_ms"]) / 1000
            assert check["tps"] == pytest.approx(check["output_tokens"] / generation)
        assert checks[0]["model_name"] == "Primary GPT-4"
        down = checks[2]
        assert (down["status"], down["model_name"]) == ("down", "gpt-4-broken")
        assert "The server had an error" in down["error"]
        for name in ("latency_ms", "ttft_ms", "tps", "output_tokens"):
            assert down[name] is None

    def test_filters(self, arguslm):
        models = arguslm.models()
        only = arguslm.read("/monitoring/uptime", model_id=models["gpt-4o"]["id"])
        assert (only["total"], {check["model_name"] for check in only["items"]}) == (3, {"Primary GPT-4"})
        assert arguslm.read("/monitoring/uptime", status="down")["total"] == 3
        assert arguslm.read("/monitoring/uptime", status="degraded")["total"] == 0
        assert arguslm.read("/monitoring/uptime", status="")["total"] == 0
        assert arguslm.read("/monitoring/uptime", model_id=UNKNOWN)["total"] == 0
        arguslm.patch(f"/models/{models['gpt-4o']['id']}", json={"enabled_for_monitoring": False})
        assert arguslm.read("/monitoring/uptime", enabled_only="true")["total"] == 6
        assert arguslm.read("/monitoring/uptime")["total"] == 9

    def test_pages(self, arguslm):
        everything = arguslm.read("/monitoring/uptime")["items"]
        pages = [arguslm.read("/monitoring/uptime", limit=4, offset=offset) for offset in (0, 4, 8, 12)]
        assert [check for page in pages for check in page["items"]] == everything
        assert [page["total"] for page in pages] == [9] * 4

    def test_since(self, arguslm):
        newest = arguslm.read("/monitoring/uptime")["items"][0]["created_at"]
        second = timedelta(seconds=1)
        before = (datetime.fromisoformat(newest) - second).isoformat()
        assert arguslm.read("/monitoring/uptime", since=before)["total"] == 3
        assert arguslm.read("/monitoring/uptime", since=before + "Z")["total"] == 3
        assert arguslm.read("/monitoring/uptime", since=newest)["total"] == 0
        assert arguslm.read("/monitoring/uptime", since="2025-01-01")["total"] == 9
        # The offset is dropped, not heeded.
        assert arguslm.read("/monitoring/uptime", since=before + "-12:00")["total"] == 3

    def test_names_follow_the_model(self, arguslm):
        model = arguslm.models()["gpt-4o"]
        arguslm.patch(f"/models/{model['id']}", json={"custom_name": "Renamed"})
        assert arguslm.read("/monitoring/uptime")["items"][0]["model_name"] == "Renamed"


class TestExport:
    def test_json(self, arguslm):
        model = arguslm.models()["gpt-4o"]
        arguslm.patch(f"/models/{model['id']}", json={"custom_name": "Ä\u2028🚀"})
        answer = arguslm.get("/monitoring/uptime/export")
        assert answer.headers["content-type"] == "application/json"
        assert answer.headers["content-disposition"] == 'attachment; filename="uptime_history.json"'
        assert answer.headers["content-length"] == str(len(answer.content))
        assert answer.text == json.dumps(answer.json(), indent=2)
        checks = arguslm.read("/monitoring/uptime")["items"]
        assert answer.json()["checks"] == [
            {
                "model_name": check["model_name"],
                "provider": "openai",
                "status": check["status"],
                "latency_ms": check["latency_ms"],
                "error": check["error"],
                "timestamp": check["created_at"],
            }
            for check in checks
        ]

    def test_csv(self, arguslm):
        model = arguslm.models()["gpt-4o"]
        name = 'a,b\u2028"c"\nd'
        arguslm.patch(f"/models/{model['id']}", json={"custom_name": name})
        answer = arguslm.get("/monitoring/uptime/export?format=csv")
        assert answer.headers["content-type"] == "text/csv; charset=utf-8"
        assert answer.headers["content-disposition"] == 'attachment; filename="uptime_history.csv"'
        text = answer.content.decode("utf-8")
        assert text.startswith("model_name,provider,status,latency_ms,error,timestamp\r\n")
        assert '"a,b\u2028""c""\nd",openai,up,' in text
        rows = list(csv.DictReader(io.StringIO(text, newline="")))
        exported = arguslm.read("/monitoring/uptime/export")["checks"]
        assert rows == [
            {name: "" if value is None else str(value) for name, value in check.items()} for check in exported
        ]

    def test_filters(self, arguslm):
        times = sorted({check["created_at"] for check in arguslm.read("/monitoring/uptime")["items"]})

        def count(**query):
            return len(arguslm.read("/monitoring/uptime/export", **query)["checks"])

        assert count(model_id=arguslm.models()["gpt-4o"]["id"]) == 3
        assert count(end_date=times[0]) == 3
        assert count(start_date=times[0]) == 6
        assert count(start_date="2025-01-01", end_date="2025-01-02") == 0

    def test_nothing(self, arguslm):
        answer = arguslm.get(f"/monitoring/uptime/export?format=csv&model_id={UNKNOWN}")
        assert answer.text == "model_name,provider,status,latency_ms,error,timestamp\r\n"


class TestRun:
    def test_everything_appears_at_its_end(self, arguslm):
        before = arguslm.read("/monitoring/config")["last_run_at"]
        answer = arguslm.post("/monitoring/run")
        assert answer.status_code == 200
        assert (answer.json()["status"], len(answer.json()["run_id"])) == ("queued", 36)
        config = arguslm.poll("/monitoring/config", lambda config: config["last_run_at"] != before)
        history = arguslm.read("/monitoring/uptime")
        assert history["total"] == 12
        assert [check["status"] for check in history["items"][:3]] == ["up", "up", "down"]
        assert {check["created_at"] for check in history["items"][:3]} == {config["last_run_at"][:19]}

    def test_not_before(self, session):
        with argus_server(session, 1000) as arguslm:
            before = arguslm.read("/monitoring/config")
            arguslm.post("/monitoring/run")
            assert arguslm.read("/monitoring/config") == before
            assert arguslm.read("/monitoring/uptime")["total"] == 9

    def test_of_what_is_enabled(self, quick):
        models = quick.models()
        for name in ("gpt-4o", "gpt-4-broken"):
            quick.patch(f"/models/{models[name]['id']}", json={"enabled_for_monitoring": False})
        quick.patch("/monitoring/config", json={"enabled": False})
        quick.post("/monitoring/run", json={"ignored": True})
        history = quick.read("/monitoring/uptime")
        assert history["total"] == 10
        assert history["items"][0]["model_name"] == "gpt-4o-mini"

    def test_of_nothing(self, quick):
        before = quick.read("/monitoring/config")["last_run_at"]
        quick.delete(f"/providers/{quick.read('/providers')['providers'][0]['id']}")
        quick.post("/monitoring/run")
        assert quick.read("/monitoring/uptime")["total"] == 0
        assert quick.read("/monitoring/config")["last_run_at"] > before

    def test_of_models_whose_key_is_wrong(self, quick):
        provider = quick.read("/providers")["providers"][0]
        quick.patch(f"/providers/{provider['id']}", json={"credentials": {"api_key": "wrong"}})
        quick.post("/monitoring/run")
        errors = [check["error"] for check in quick.read("/monitoring/uptime", limit=2)["items"]]
        assert all("Incorrect API key" in error for error in errors)

    def test_many_at_once(self, quick):
        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda _: quick.post("/monitoring/run").json(), range(16)))
        assert len({answer["run_id"] for answer in answers}) == 16
        assert quick.read("/monitoring/uptime")["total"] == 9 + 16 * 3

    def test_of_a_provider_that_goes_meanwhile(self, session):
        with argus_server(session, 0.2) as arguslm:
            provider = arguslm.read("/providers")["providers"][0]
            arguslm.post("/monitoring/run")
            arguslm.delete(f"/providers/{provider['id']}")
            history = arguslm.poll("/monitoring/uptime", lambda history: history["total"])
            exported = arguslm.read("/monitoring/uptime/export")["checks"]
        assert {check["model_name"] for check in history["items"]} == {"Unknown"}
        assert {check["provider_type"] for check in history["items"]} == {None}
        assert {check["provider"] for check in exported} == {"Unknown"}
