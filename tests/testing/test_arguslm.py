"""Fake ArgusLM: its state, its benchmarks over polling and WebSockets, and its answers
beside the recorded ones."""

import csv
import io
import json
import re
import socket
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import pytest
import requests

from chatsdk import Client
from tests.support.cases import for_each

from .arguslm import UNKNOWN, ArgusApi, WebSocketClient, argus_server
from .shapes import differences, recordings
from .websocket_peer import TEXT

RECORDED = recordings("arguslm")
NOT_KEPT = re.compile(
    "^ws_|provider_catalog$|^health$|^root$|traversal|^head_|redirect|error_500|connection_local|refresh_500|without_content_type|overflow"
)
ACCOUNTS = {  # of providers that are not like the one at the start
    "provider_refresh_400_unsupported": {"provider_type": "not-a-real-type"},
    "provider_refresh_discovery_failed_but_success_true": {"credentials": {"api_key": "sk-wrong"}},
    "provider_test_existing_failure": {"credentials": {}},
}
KINDS = {"target_model_id": "models", "provider_account_id": "providers", "provider_id": "providers"}
KINDS.update(model_id="models", rule_id="rules")
UUID = re.compile("[0-9a-f-]{32,36}")
END = {"type": "complete", "status": "completed"}


@pytest.fixture
def quick(session):
    """ArgusLM with models that answer at once."""
    with argus_server(session, 0) as (_, arguslm):
        yield arguslm


@pytest.fixture
def slow(session):
    """ArgusLM with models that never answer."""
    with argus_server(session, 1000) as (_, arguslm):
        yield arguslm


@pytest.fixture
def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def provider_of(arguslm, **fields):
    account = {"provider_type": "openai", "display_name": "New", "credentials": {"api_key": "sk-secret"}}
    return arguslm.create("/providers", **{**account, **fields})


class Replay:
    """Sends recorded requests, with local ids instead of the recorded ones.

    Some need what others do not; *name* is that of the first one.
    """

    def __init__(self, arguslm, name):
        provider = provider_of(arguslm, **ACCOUNTS.get(name, {}))["id"]
        names = {"model_id": "model", "custom_name": "Slow"}
        model = arguslm.create("/models", provider_account_id=provider, **names)["id"]
        rule = arguslm.create("/alerts/rules", name="x", rule_type="any_model_down")["id"]
        arguslm.post("/monitoring/run")
        self.models = [one["id"] for one in arguslm.models().values()]
        ids = [model] if name == "provider_delete_409" else self.models
        for _ in range(3):
            run = arguslm.create("/benchmarks", model_ids=ids, prompt_pack="reasoning")["id"]
        if name == "alert_rule_delete_404":
            arguslm.delete(f"/alerts/rules/{rule}")
        alert = arguslm.read("/alerts")["items"][0]["id"]
        self.ids = {"providers": provider, "models": model, "rules": rule, "alerts": alert, "benchmarks": run}
        if name in ("provider_delete_204", "provider_delete_422"):
            self.ids["providers"] = provider_of(arguslm)["id"]

    def local(self, kind, recorded):
        if recorded == UNKNOWN or not UUID.fullmatch(recorded):
            return recorded
        return self.ids[kind] if "-" in recorded else self.ids[kind].replace("-", "")

    def fields(self, recorded):
        found = dict(recorded)
        for name, kind in KINDS.items():
            if name in recorded:
                found[name] = self.local(kind, recorded[name])
        numbers = {}  # so that the same model stays the same
        for recorded_id in recorded.get("model_ids", ()):
            numbers.setdefault(recorded_id, len(numbers))
        if all(map(UUID.fullmatch, numbers)) and numbers:
            found["model_ids"] = [self.models[numbers[one]] for one in recorded["model_ids"]]
        return found

    def send(self, api, name):
        request = RECORDED[name]["request"]
        path = re.sub(
            "(providers|models|benchmarks|rules|alerts)/([0-9a-f-]{32,36})(?=/|$)",
            lambda match: f"{match[1]}/{self.local(match[1], match[2])}",
            request["path"],
        )
        body, sent = request["json"], request.get("body")
        if sent is None and body is not None:
            sent = json.dumps(self.fields(body) if isinstance(body, dict) else body)
        if sent is not None:
            sent = sent.replace("127.0.0.1:18100", urlsplit(api.base_url).netloc)
        query = self.fields(request["query"])
        return api.send(request["method"], path, params=query, data=sent)


class TestRecordings:
    def test_same_requests_same_answers(self, session):
        names = [name for name in RECORDED if not NOT_KEPT.search(name)]
        reads = [name for name in names if RECORDED[name]["request"]["method"] == "GET"]
        with argus_server(session, 0) as (server, arguslm):
            replay = Replay(arguslm, reads[0])
            for name in [*reads, *(name for name in names if name not in reads)]:
                if name not in reads:
                    server.reset()
                    replay = Replay(arguslm, name)
                recorded = RECORDED[name]["response"]
                answer = replay.send(ArgusApi(session, server.url("arguslm"), {}), name)
                assert answer.status_code == recorded["status"], (name, answer.text)
                text = recorded["body"]
                if recorded["status"] == 204:
                    assert answer.content == b""
                elif "csv" in recorded["headers"]["content-type"]:
                    assert answer.text.split("\r\n")[0] == text.split("\r\n")[0]
                elif recorded["status"] == 422:
                    assert problems(answer.json()) == problems(json.loads(text)), name
                elif recorded["status"] >= 400 and "refresh" not in name:
                    assert answer.text == text, name
                else:
                    assert differences(json.loads(text), answer.json()) == [], name
        assert len(names) > 130

    def test_catalog(self, arguslm):
        recorded = json.loads(RECORDED["provider_catalog"]["response"]["body"])
        local = arguslm.read("/providers/catalog")
        known = recorded.pop("providers")
        for name, entry in local.pop("providers").items():
            assert differences(known[name], entry) == []
            for member in (
                "id",
                "requires_api_key",
                "requires_base_url",
                "requires_region",
                "show_org_fields",
            ):
                assert entry[member] == known[name][member]
        assert differences(recorded, local) == []


def problems(body):
    return [(problem["type"], problem["loc"]) for problem in body["detail"]]


def by_kind(text):
    """One message, by what tells it from others."""
    message = json.loads(text)
    return {(message["type"], *sorted(message)): message}


class TestProviders:
    def test_life(self, arguslm, server):
        provider = provider_of(arguslm, credentials={"api_key": "sk-secret", "region": "eu"})
        path = f"/providers/{provider['id']}"
        assert (provider["base_url"], provider["region"]) == (None, "eu")
        assert arguslm.read(path) == provider == arguslm.read("/providers")["providers"][1]
        changed = arguslm.patch(path, json={"display_name": "Ü 🚀", "enabled": False}).json()
        assert (changed["display_name"], changed["enabled"]) == ("Ü 🚀", False)
        assert "sk-secret" not in arguslm.get("/providers").text + repr(server.requests)
        assert arguslm.patch(path, json={"credentials": {}}).json()["region"] is None
        assert arguslm.delete(path).status_code == 204
        assert arguslm.get(path).json() == {"detail": f"Provider account {provider['id']} not found"}

    def test_connections(self, arguslm, server, free_port):
        key = {"api_key": "sk"}
        for kind, credentials, error in [
            ("openai", key, None),
            ("openai", {**key, "base_url": "https://api.openai.com/v1"}, None),
            ("custom_openai_compatible", {**key, "base_url": server.url("zaguan")}, None),
            ("ollama", {"base_url": server.url("zaguan")}, None),
            ("openai", {}, "AuthenticationError"),
            ("openai", {"api_key": "sk-wrong"}, "AuthenticationError"),
            ("ollama", {}, "APIConnectionError"),
            ("ollama", {"base_url": f"http://localhost:{free_port}"}, "APIConnectionError"),
            ("openai", {**key, "base_url": f"http://127.0.0.1:{free_port}/v1"}, "APIConnectionError"),
            ("openai", {**key, "base_url": "http://10.255.255.1/v1"}, "APIConnectionError"),
            ("openai", {**key, "base_url": "http://nowhere.invalid"}, "APIConnectionError"),
            ("openai", {**key, "base_url": "http://localhost:x"}, "APIConnectionError"),
            ("openai", {**key, "base_url": "nonsense"}, "APIConnectionError"),
        ]:
            account = {"provider_type": kind, "display_name": "x", "credentials": credentials}
            tested = arguslm.post("/providers/test-connection", json=account)
            stored = provider_of(arguslm, **account)
            for answer in (tested, arguslm.post(f"/providers/{stored['id']}/test")):
                assert answer.status_code == 200
                assert answer.json()["success"] is (error is None), credentials
                assert answer.json()["details"].get("error_type") == error
            found = arguslm.post(f"/providers/{stored['id']}/refresh-models").json()
            assert found["success"] is True
            assert (found["models_discovered"] > 0) is (error is None)

    def test_discovery_adds_what_is_new(self, arguslm):
        provider = arguslm.read("/providers")["providers"][0]
        for added in (2, 0):
            answer = arguslm.post(f"/providers/{provider['id']}/refresh-models").json()
            assert answer["message"] == f"Discovered 4 models, added {added} new models"
        assert set(arguslm.models()) == {"gpt-4o", "gpt-4o-mini", "gpt-4-broken", "gpt-4.1", "o3-mini"}

    def test_delete(self, quick):
        provider = quick.read("/providers")["providers"][0]
        assert quick.delete(f"/providers/{provider['id']}").status_code == 204
        assert quick.models() == {}
        assert quick.read("/monitoring/uptime")["total"] == 0
        other = provider_of(quick)["id"]
        quick.create("/models", provider_account_id=other, model_id="used")
        quick.start("used")
        assert quick.delete(f"/providers/{other}").status_code == 409
        assert len(quick.models()) == 1


class TestModels:
    def test_pages_and_filters(self, arguslm):
        models = arguslm.models()
        arguslm.patch(f"/models/{models['gpt-4o']['id']}", json={"enabled_for_benchmark": False})
        provider = models["gpt-4o"]["provider_account_id"]
        for query, names, more in [
            ({}, ["gpt-4o", "gpt-4o-mini", "gpt-4-broken"], False),
            ({"limit": 2}, ["gpt-4o", "gpt-4o-mini"], True),
            ({"limit": 2, "offset": 2}, ["gpt-4-broken"], False),
            ({"search": "PRIMARY"}, ["gpt-4o"], False),
            ({"search": "-mini", "provider_id": provider}, ["gpt-4o-mini"], False),
            ({"provider_id": UNKNOWN}, [], False),
            ({"enabled_for_benchmark": "False"}, ["gpt-4o"], False),
            ({"enabled_for_monitoring": "true"}, ["gpt-4o", "gpt-4o-mini", "gpt-4-broken"], False),
        ]:
            page = arguslm.read("/models", **query)
            assert [model["model_id"] for model in page["items"]] == names
            assert page["has_more"] is more
        assert {model["provider_name"] for model in models.values()} == {"OpenAI"}

    def test_names(self, arguslm):
        model = arguslm.models()["gpt-4o-mini"]
        path = f"/models/{model['id']}"
        for change, name in [
            ({"custom_name": "Mini"}, "Mini"),
            ({"enabled_for_monitoring": None}, "Mini"),
            ({"custom_name": "  "}, None),
            ({"custom_name": "b"}, "b"),
            ({"custom_name": None}, None),
        ]:
            changed = arguslm.patch(path, json=change).json()
            assert changed == {**model, "custom_name": name, "provider_name": None}
        assert arguslm.read(path) == model


class TestMonitoring:
    def test_config(self, arguslm):
        config = arguslm.read("/monitoring/config")
        changes = {"interval_minutes": 5, "prompt_pack": "reasoning", "enabled": False}
        assert arguslm.patch("/monitoring/config", json=changes).json() == {**config, **changes}
        assert arguslm.patch("/monitoring/config", json=dict.fromkeys(changes)).json() == {
            **config,
            **changes,
        }
        for pack in arguslm.read("/monitoring/prompt-packs"):
            assert arguslm.patch("/monitoring/config", json={"prompt_pack": pack["id"]}).status_code == 200

    def test_history(self, arguslm):
        checks = arguslm.read("/monitoring/uptime")["items"]
        assert [check["status"] for check in checks] == ["up", "up", "down"] * 3
        assert sorted({check["created_at"] for check in checks}, reverse=True)[0] == checks[0]["created_at"]
        assert arguslm.read("/monitoring/config")["last_run_at"] == checks[0]["created_at"]
        up, _, down = checks[:3]
        seconds = (up["latency_ms"] - up["ttft_ms"]) / 1000
        assert up["tps"] == pytest.approx(up["output_tokens"] / seconds)
        assert [down[name] for name in ("latency_ms", "ttft_ms", "tps", "output_tokens")] == [None] * 4
        model = arguslm.models()["gpt-4o"]["id"]
        for query, total in [
            ({"model_id": model}, 3),
            ({"status": "down"}, 3),
            ({"status": "degraded"}, 0),
            ({"model_id": UNKNOWN}, 0),
            ({"since": up["created_at"]}, 3),
            ({"since": "2025-01-01"}, 9),
            ({"since": "2999-01-01T00:00:00+02:00"}, 0),
        ]:
            assert arguslm.read("/monitoring/uptime", **query)["total"] == total, query
        page = arguslm.read("/monitoring/uptime", limit=4, offset=4)
        assert (page["items"], page["total"]) == (checks[4:8], 9)
        arguslm.patch(f"/models/{model}", json={"enabled_for_monitoring": False})
        assert arguslm.read("/monitoring/uptime", enabled_only="true")["total"] == 6

    def test_run_appears_at_its_end(self, session, slow):
        with argus_server(session, 0.02) as (_, arguslm):
            for api in (arguslm, slow):
                before = api.read("/monitoring/config")["last_run_at"]
                answer = api.post("/monitoring/run").json()
                assert (answer["status"], len(answer["run_id"])) == ("queued", 36)
            assert slow.read("/monitoring/config")["last_run_at"] == before
            assert slow.read("/monitoring/uptime")["total"] == 9
            assert len(slow.read("/monitoring/uptime/export", end_date="2999-01-01")["checks"]) == 9
            arguslm.poll("/monitoring/uptime", lambda history: history["total"] == 12)
            newest = arguslm.read("/monitoring/uptime", limit=1)["items"][0]
            assert arguslm.read("/monitoring/config")["last_run_at"] == newest["created_at"]

    def test_models_that_are_down(self, session):
        with argus_server(session, 0) as (server, arguslm):
            server.model_down("arguslm")
            arguslm.post("/monitoring/run")
            assert arguslm.read("/monitoring/uptime", limit=3, status="down")["total"] == 3 + 3
            assert arguslm.read("/alerts/unread-count") == {"count": 3}
            results = arguslm.read(f"/benchmarks/{arguslm.start()}/results")["results"]
            assert all(result["error"] for result in results)
            server.model_down("arguslm", False)
            results = arguslm.read(f"/benchmarks/{arguslm.start('gpt-4o')}/results")["results"]
            assert [result["error"] for result in results] == [None]

    def test_export(self, quick):
        model = quick.models()["gpt-4o"]
        quick.patch(f"/models/{model['id']}", json={"custom_name": 'a,b\u2028"c"\nd'})
        quick.post("/monitoring/run")
        checks = quick.read("/monitoring/uptime")["items"]
        exported = quick.read("/monitoring/uptime/export")["checks"]
        for check, row in zip(checks, exported):
            expected = {name: check[name] for name in ("model_name", "status", "latency_ms", "error")}
            assert row == {**expected, "provider": "openai", "timestamp": check["created_at"]}
        answer = quick.get("/monitoring/uptime/export?format=csv")
        assert answer.headers["content-disposition"] == 'attachment; filename="uptime_history.csv"'
        assert rows_of(answer) == as_text(exported)
        times = sorted({check["created_at"] for check in checks})
        for query, count in [
            ({"end_date": times[0]}, 3),
            ({"start_date": times[0]}, 12),
            ({"start_date": times[1], "end_date": times[2], "model_id": model["id"]}, 2),
        ]:
            assert len(quick.read("/monitoring/uptime/export", **query)["checks"]) == count


class TestAlerts:
    def test_rules(self, quick):
        models = quick.models()
        broken, good = models["gpt-4-broken"]["id"], models["gpt-4o"]["id"]
        for kind, target, raised in [
            ("any_model_down", {}, [broken]),
            ("specific_model_down", {"target_model_id": broken}, [broken]),
            ("specific_model_down", {"target_model_id": good}, []),
            ("model_unavailable_everywhere", {"target_model_name": "BROKEN"}, [None]),
            ("model_unavailable_everywhere", {"target_model_name": "gpt-4"}, []),
            ("model_unavailable_everywhere", {"target_model_name": "claude"}, []),
            ("performance_degradation", {"target_model_id": broken}, []),
            ("any_model_down", {"enabled": False}, []),
        ]:
            rule = quick.create("/alerts/rules", name="Rule", rule_type=kind, **target)
            assert quick.read("/alerts/rules")[0] == rule
            quick.post("/monitoring/run")
            alerts = quick.read("/alerts", rule_id=rule["id"])["items"]
            assert [alert["model_id"] for alert in alerts] == raised, (kind, target)
            path = f"/alerts/rules/{rule['id']}"
            assert quick.patch(path, json={"enabled": False}).json() == {**rule, "enabled": False}
            assert quick.delete(path).status_code == 204
            assert quick.read("/alerts", rule_id=rule["id"])["items"] == []

    def test_acknowledge(self, quick):
        (alert,) = quick.read("/alerts")["items"]
        assert quick.read("/alerts/recent") == {"items": [alert], "total_unread": 1}
        quick.post("/monitoring/run")  # it is still there unread: no second one
        assert quick.read("/alerts/unread-count") == {"count": 1}
        for _ in range(2):
            answer = quick.patch(f"/alerts/{alert['id']}/acknowledge")
            assert answer.json() == {**alert, "acknowledged": True}
        quick.post("/monitoring/run")
        page = quick.read("/alerts", acknowledged="false", since=alert["created_at"])
        assert ([one["acknowledged"] for one in page["items"]], page["unacknowledged_count"]) == ([False], 1)
        assert len(quick.read("/alerts")["items"]) == 2
        assert quick.read("/alerts/recent", limit=1)["items"] == page["items"]

    def test_not_before_the_end_of_the_run(self, slow):
        (alert,) = slow.read("/alerts")["items"]
        slow.patch(f"/alerts/{alert['id']}/acknowledge")
        slow.post("/monitoring/run")
        assert slow.read("/alerts/unread-count") == {"count": 0}
        assert slow.read("/alerts")["items"] == slow.read("/alerts/recent")["items"]
        assert len(slow.read("/alerts")["items"]) == 1


class TestPolling:
    def test_results_appear_at_the_end(self, session, slow):
        run_id = slow.start()
        run = slow.poll(f"/benchmarks/{run_id}", lambda run: run["status"] == "running")
        assert (run["completed_at"], run["result_count"], run["results"]) == (None, 0, [])
        assert set(run["statistics"].values()) == {0.0}
        assert slow.read(f"/benchmarks/{run_id}/results") == {"results": [], "total": 0}
        assert slow.read(f"/benchmarks/{run_id}/export")["results"] == []
        seen = set()
        with argus_server(session, 0.05) as (_, arguslm):

            def is_over(run):
                seen.add((run["status"], run["result_count"], len(run["results"])))
                return run["completed_at"] is not None

            arguslm.poll(f"/benchmarks/{arguslm.start('gpt-4o', 'gpt-4-broken')}", is_over)
        assert ("completed", 2, 2) in seen
        assert seen <= {("pending", 0, 0), ("running", 0, 0), ("completed", 2, 2)}

    def test_results(self, quick):
        run = quick.read(f"/benchmarks/{quick.start(num_runs=2, max_tokens=7)}")
        assert quick.read(f"/benchmarks/{run['id']}/results") == {"results": run["results"], "total": 6}
        assert re.fullmatch(r"Benchmark \d{4}-\d\d-\d\d \d\d:\d\d", run["name"])
        names = [result["model_name"] for result in run["results"]]
        assert names == ["Primary GPT-4", "gpt-4o-mini", "gpt-4-broken"] * 2
        good = [result for result in run["results"] if result["error"] is None]
        for result in good:
            latency, ttft = result["total_latency_ms"], result["ttft_ms"]
            assert (result["output_tokens"], result["estimated_cost"]) == (7, None)
            assert result["tps"] == pytest.approx(7000 / latency)
            assert result["tps_excluding_ttft"] == pytest.approx(7000 / (latency - ttft))
        ordered = sorted(result["ttft_ms"] for result in good)
        assert ordered[0] < run["statistics"]["ttft_p50"] < run["statistics"]["ttft_p95"] <= ordered[-1]
        again = quick.read(f"/benchmarks/{quick.start(num_runs=2, max_tokens=7)}")
        assert again["statistics"] == run["statistics"]

    def test_unknown_models_and_packs(self, quick):
        known = quick.models()["gpt-4o"]["id"]
        for ids, named in (([UNKNOWN, known], UNKNOWN), ([known, known], "")):
            answer = quick.post("/benchmarks", json={"model_ids": ids, "prompt_pack": "reasoning"})
            assert (answer.status_code, answer.json()["detail"]) == (400, f"Model IDs not found: {named}")
        run = quick.read(f"/benchmarks/{quick.start(prompt_pack='nope')}")
        assert run["status"] == "completed"
        assert all(result["error"].startswith("Unknown prompt pack: nope.") for result in run["results"])

    def test_list(self, quick):
        ids = [quick.start("gpt-4o", name=f"Run {number}") for number in range(3)][::-1]
        pages = [quick.read("/benchmarks", page=page, per_page=2) for page in (1, 2, 3)]
        assert [[run["id"] for run in page["runs"]] for page in pages] == [ids[:2], ids[2:], []]
        assert {page["total"] for page in pages} == {3}
        for status, total in (("completed", 3), ("running", 0), ("nope", 0), ("", 3)):
            assert quick.read("/benchmarks", status=status)["total"] == total

    def test_export(self, quick):
        run_id = quick.start(name="Ä\u2028🏁")
        run = quick.read(f"/benchmarks/{run_id}")
        exported = quick.read(f"/benchmarks/{run['id']}/export")
        assert (exported["run_id"], exported["run_name"]) == (run["id"], "Ä\u2028🏁")
        for result, row in zip(run["results"], exported["results"]):
            assert (row["provider"], row["timestamp"]) == ("openai", run["completed_at"])
            assert row["tps"] == result["tps"]
        answer = quick.get(f"/benchmarks/{run['id']}/export?format=csv")
        disposition = f'attachment; filename="benchmark_{run["id"]}.csv"'
        assert answer.headers["content-disposition"] == disposition
        assert rows_of(answer) == as_text(exported["results"])


def rows_of(answer):
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    return list(csv.DictReader(io.StringIO(answer.content.decode("utf-8"), newline="")))


def as_text(rows):
    return [{name: "" if value is None else str(value) for name, value in row.items()} for row in rows]


def to_the_end(_, arguslm):
    run_id = arguslm.start("gpt-4o", "gpt-4-broken", num_runs=2)
    with arguslm.watch(run_id.upper()) as client:
        messages = client.messages()
        run = arguslm.read(f"/benchmarks/{run_id}")  # over HTTP everything is there now
        client.send(TEXT, b"ping")
        assert client.text() == "pong"  # the connection stays open
    types = [message["type"] for message in messages]
    assert types == ["progress", *["progress", "result"] * 4, "complete"]
    assert messages[0] == {"type": "progress", "status": "running"}
    assert messages[-1] == END
    assert run["status"] == "completed"
    assert [message["data"] for message in messages if message["type"] == "result"] == live(run)
    assert [message["completed"] for message in messages[1:-1:2]] == [1, 2, 3, 4]


def many_watchers(_, arguslm):
    run_id = arguslm.start(num_runs=2)

    def watch(_):
        with arguslm.watch(run_id) as client:
            return client.messages()

    with ThreadPoolExecutor(12) as pool:
        seen = list(pool.map(watch, range(12)))
    results = live(arguslm.read(f"/benchmarks/{run_id}"))
    for messages in seen:
        data = [message["data"] for message in messages if message["type"] == "result"]
        # One that connected later gets a snapshot, and what comes after it.
        assert data == results[messages[0].get("completed", 0) :]
        assert messages[-1] == END


def cut(server, arguslm):
    run_id = arguslm.start("gpt-4o", num_runs=3)
    server.cut("arguslm", after=3)
    with arguslm.watch(run_id) as first, arguslm.watch(run_id) as second:
        assert [json.loads(payload)["type"] for _, payload in first.rest()] == [
            "progress",
            "progress",
            "result",
        ]
        assert second.messages()[-1] == END


def texts_as_recorded(_, arguslm):
    expected = {}
    for exchange in RECORDED.values():
        for frame in exchange.get("ws_frames") or ():
            if (frame["opcode"], frame["dir"]) == ("text", "in") and frame["text"] != "pong":
                expected.update(by_kind(frame["text"]))
    del expected["ping", "type"]
    run_id = arguslm.start("gpt-4o", num_runs=2)
    with arguslm.watch(run_id) as first, arguslm.watch(run_id) as second:
        texts = [first.text() for _ in range(3)]
        with arguslm.watch(run_id) as late:
            texts.append(late.text())
        snapshot = json.loads(texts[-1])
        assert (snapshot["completed"], snapshot["total"], snapshot["current_model"]) == (1, 2, None)
        while '"complete"' not in texts[-1]:
            texts.append(second.text())
    local = {}
    for text in texts:
        local.update(by_kind(text))
        assert text == json.dumps(json.loads(text), ensure_ascii=False, separators=(",", ":"))
    assert set(local) == set(expected)
    for kind, message in local.items():
        assert differences(expected[kind], message) == []


LIVE = [(to_the_end, 0.1), (many_watchers, 0.1), (cut, 0.1), (texts_as_recorded, 0.3)]


@for_each(LIVE, at_once=True)
def test_websockets(check, call_seconds):
    with requests.Session() as session, argus_server(session, call_seconds) as (server, arguslm):
        session.trust_env = False
        check(server, arguslm)


class TestWebSockets:
    def test_runs_that_are_over_or_unknown_are_silent(self, quick):
        for run_id in (quick.start(), UNKNOWN):
            with quick.watch(run_id) as client:
                client.send(TEXT, b"ping")
                assert client.text() == "pong"

    def test_refused(self, arguslm):
        for path in ("/benchmarks/nope/stream", f"/benchmarks/{UNKNOWN}/stream/", "/models", "/nope"):
            with WebSocketClient(arguslm.base_url, path) as client:
                assert client.status == 403
        assert arguslm.get(f"/benchmarks/{UNKNOWN}/stream").status_code == 404


def live(run):
    """The results of a run as a WebSocket sends them."""
    names = ("model_id", "model_name", "ttft_ms", "error")
    return [
        {**{name: result[name] for name in names}, "tps": result["tps_excluding_ttft"]}
        for result in run["results"]
    ]


def test_the_client_goes_on_after_a_cut(server, monkeypatch):
    pytest.importorskip("websockets", reason="the package websockets is not installed")
    monkeypatch.setattr("chatsdk.arguslm.runs.POLL_SECONDS", 0.01)
    server.cut("arguslm", after=3)
    with Client(arguslm=server.services()["arguslm"]) as client:
        ids = [model.id for model in client.arguslm.list_models(search="gpt-4o").items]
        run = client.arguslm.start_benchmark(model_ids=ids, prompt_pack="shakespeare", num_runs=2)
        events = list(client.arguslm.stream_benchmark(run.id, timeout=10))
        results = client.arguslm.get_benchmark_results(run.id).results
    assert [event.type for event in events] == ["progress", *["progress", "result"] * 4, "complete"]
    told = [(event.data.model_id, event.data.ttft_ms) for event in events if event.type == "result"]
    assert told == [(result.model_id, result.ttft_ms) for result in results]
    paths = [request.path.rpartition("/")[2] for request in server.requests]
    assert paths.count("stream") == 1
    assert run.id in paths[paths.index("stream") :]  # it polled
