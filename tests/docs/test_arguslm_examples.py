"""The examples of ArgusLM's own client document: only imports, construction and made-up ids are changed.

Its asynchronous examples are here without ``async`` and ``await``.
"""

import asyncio
import csv
import io
import json
from typing import Iterator, List

import pytest

from chatsdk import Client, Service
from chatsdk._core import websocket
from chatsdk.arguslm import (
    AlertRuleCreate,
    APIConnectionError,
    APIError,
    APIStatusError,
    APITimeoutError,
    ArgusLM,
    ArgusLMError,
    AuthenticationError,
    BadRequestError,
    BenchmarkCreate,
    ConflictError,
    InternalServerError,
    ModelUpdate,
    MonitoringConfigUpdate,
    NotFoundError,
    PermissionDeniedError,
    ProviderCreate,
    RateLimitError,
    UnprocessableEntityError,
)
from chatsdk.testing import LocalServer


@pytest.fixture
def server() -> Iterator[LocalServer]:
    with LocalServer(call_seconds=0.01) as server:
        yield server
        assert server.errors == []


@pytest.fixture
def client(server: LocalServer) -> Iterator[ArgusLM]:
    with Client(arguslm=server.url("arguslm")).arguslm as client:
        yield client


@pytest.fixture
def provider_id(client: ArgusLM) -> str:
    return client.list_providers().providers[0].id


@pytest.fixture
def model_ids(client: ArgusLM) -> List[str]:
    """Two models that work."""
    return [model.id for model in client.list_models().items][:2]


@pytest.fixture
def run_id(client: ArgusLM, model_ids: List[str]) -> str:
    started = client.start_benchmark(
        BenchmarkCreate(model_ids=model_ids, prompt_pack="shakespeare", num_runs=1)
    )
    client.wait_for_benchmark(started.id, poll_interval=0.01)
    return started.id


class TestQuickStart:
    def test_synchronous(self, server: LocalServer, capsys: pytest.CaptureFixture) -> None:
        with Client(arguslm=Service(base_url=server.url("arguslm"))).arguslm as client:
            # Get uptime history
            uptime = client.get_uptime_history(limit=5)
            for check in uptime.items:
                print(f"{check.model_name}: {check.status} ({check.ttft_ms}ms TTFT)")

        lines = capsys.readouterr().out.splitlines()
        assert len(lines) == 5
        assert any(line.startswith("Primary GPT-4: up (") for line in lines)
        assert any(line == "gpt-4-broken: down (Nonems TTFT)" for line in lines)

    def test_providers(self, client: ArgusLM, capsys: pytest.CaptureFixture) -> None:
        providers = client.list_providers()
        for provider in providers.providers:
            print(f"Provider: {provider.name} ({provider.provider_type})")
        assert capsys.readouterr().out == "Provider: OpenAI (openai)\n"

    def test_from_asynchronous_code(self, client: ArgusLM) -> None:
        async def main() -> int:
            loop = asyncio.get_running_loop()
            providers = await loop.run_in_executor(None, client.list_providers)
            return len(providers.providers)

        assert asyncio.run(main()) == 1


def test_configuration(server: LocalServer, monkeypatch: pytest.MonkeyPatch) -> None:
    client = Client(arguslm=Service(base_url=server.url("arguslm"), timeout=60.0, max_retries=3)).arguslm
    assert client.list_providers().total == 1
    client.close()
    monkeypatch.setenv("ARGUSLM_BASE_URL", server.url("arguslm"))
    with Client().arguslm as client:
        assert client.list_providers().total == 1
    with pytest.raises(ArgusLMError):
        client.list_providers()


class TestProviders:
    def test_list(self, client: ArgusLM, capsys: pytest.CaptureFixture) -> None:
        response = client.list_providers()
        for provider in response.providers:
            print(f"{provider.display_name} ({provider.provider_type}) - Enabled: {provider.enabled}")
        assert capsys.readouterr().out == "OpenAI (openai) - Enabled: True\n"

    def test_create(self, client: ArgusLM, server: LocalServer) -> None:
        new_provider = client.create_provider(
            ProviderCreate(
                display_name="OpenAI Production",
                provider_type="openai",
                credentials={"api_key": "sk-..."},
            )
        )
        assert client.get_provider(new_provider.id) == new_provider
        assert new_provider.display_name == "OpenAI Production"
        assert server.requests[0].json["credentials"] == {"api_key": "sk-..."}

    def test_test_connection(self, client: ArgusLM, provider_id: str, capsys: pytest.CaptureFixture) -> None:
        # Test new configuration
        test_result = client.test_provider_connection(
            ProviderCreate(display_name="x", provider_type="openai", credentials={"api_key": "sk-right"})
        )
        if test_result.success:
            print("Connection successful!")
        assert capsys.readouterr().out == "Connection successful!\n"

        # Test existing provider
        test_result = client.test_existing_provider(provider_id)
        assert test_result.success

        credentials = {"api_key": "sk-wrong"}
        failed = client.test_provider_connection(
            display_name="x", provider_type="openai", credentials=credentials
        )
        assert not failed.success

    def test_refresh_models(self, client: ArgusLM, provider_id: str, capsys: pytest.CaptureFixture) -> None:
        refresh_info = client.refresh_provider_models(provider_id)
        print(f"Discovered {refresh_info.models_discovered} models")
        assert refresh_info.models_discovered > 0
        assert capsys.readouterr().out == f"Discovered {refresh_info.models_discovered} models\n"


class TestModels:
    def test_list(self, client: ArgusLM, provider_id: str) -> None:
        models = client.list_models(provider_id=provider_id, enabled_for_monitoring=True, limit=20)
        assert [model.model_id for model in models] == ["gpt-4o", "gpt-4o-mini", "gpt-4-broken"]
        other = client.create_provider(display_name="other", provider_type="openai")
        assert client.list_models(provider_id=other.id).items == []

    def test_get(self, client: ArgusLM, model_ids: List[str], capsys: pytest.CaptureFixture) -> None:
        model = client.get_model(model_ids[0])
        print(f"{model.model_id} \u2014 monitoring: {model.enabled_for_monitoring}")
        assert capsys.readouterr().out == "gpt-4o \u2014 monitoring: True\n"

    def test_update(self, client: ArgusLM, model_ids: List[str]) -> None:
        model_id = model_ids[1]
        client.update_model(
            model_id,
            ModelUpdate(custom_name="Primary GPT-4", enabled_for_monitoring=True, enabled_for_benchmark=True),
        )
        assert client.get_model(model_id).custom_name == "Primary GPT-4"
        client.update_model(model_id, enabled_for_monitoring=False)
        assert client.get_model(model_id).custom_name == "Primary GPT-4"
        client.update_model(model_id, custom_name="")
        assert client.get_model(model_id).custom_name is None


class TestMonitoring:
    def test_configuration(self, client: ArgusLM, capsys: pytest.CaptureFixture) -> None:
        config = client.get_monitoring_config()
        print(f"Monitoring every {config.interval_minutes} minutes")
        assert capsys.readouterr().out == "Monitoring every 15 minutes\n"

        client.update_monitoring_config(MonitoringConfigUpdate(interval_minutes=15, enabled=True))
        client.update_monitoring_config(interval_minutes=5, enabled=False)
        config = client.get_monitoring_config()
        assert (config.interval_minutes, config.enabled) == (5, False)

    def test_run(self, client: ArgusLM, capsys: pytest.CaptureFixture) -> None:
        run_info = client.run_monitoring()
        print(f"Monitoring run {run_info.run_id} is {run_info.status}")
        assert capsys.readouterr().out == f"Monitoring run {run_info.run_id} is queued\n"

    def test_history(self, client: ArgusLM) -> None:
        broken = client.list_models(search="BROKEN").items[0]
        history = client.get_uptime_history(model_id=broken.id, status="down", limit=50)
        assert {check.model_name for check in history.items} == {"gpt-4-broken"}
        assert list(client.iter_uptime_history(model_id=broken.id, limit=2)) == history.items

    def test_export(self, client: ArgusLM, model_ids: List[str], tmp_path) -> None:
        resp = client.export_uptime_history(format="csv", model_id=model_ids[0])
        with open(tmp_path / "uptime.csv", "wb") as f:
            f.write(resp.content)
        with open(tmp_path / "uptime.csv", newline="", encoding="utf-8") as f:
            rows = list(csv.DictReader(f))
        assert {row["model_name"] for row in rows} == {"Primary GPT-4"}


class TestBenchmarks:
    def test_start(self, client: ArgusLM, model_ids: List[str]) -> None:
        benchmark = client.start_benchmark(
            BenchmarkCreate(
                model_ids=model_ids,
                prompt_pack="shakespeare",
                num_runs=5,
                max_tokens=200,
                name="Performance Comparison",
            )
        )
        detail = client.wait_for_benchmark(benchmark.id, poll_interval=0.01)
        assert (detail.name, len(detail.results)) == ("Performance Comparison", 10)

    def test_list(self, client: ArgusLM, run_id: str, capsys: pytest.CaptureFixture) -> None:
        benchmarks = client.list_benchmarks(page=1, per_page=10)
        for run in benchmarks.runs:
            print(f"Run: {run.name} - Status: {run.status}")
        (line,) = capsys.readouterr().out.splitlines()
        assert line.startswith("Run: Benchmark ")
        assert line.endswith(" - Status: completed")
        assert [run.id for run in client.iter_benchmarks()] == [run_id]

    def test_results(self, client: ArgusLM, run_id: str, capsys: pytest.CaptureFixture) -> None:
        results = client.get_benchmark_results(run_id)
        for res in results.results:
            print(f"Model: {res.model_name}")
            print(f"  TTFT: {res.ttft_ms}ms")
            print(f"  TPS: {res.tps}")
        lines = capsys.readouterr().out.splitlines()
        assert sorted(lines[::3]) == ["Model: Primary GPT-4", "Model: gpt-4o-mini"]
        assert all(float(line.split()[1]) > 0 for line in lines[2::3])

    def test_export(self, client: ArgusLM, run_id: str, tmp_path) -> None:
        resp = client.export_benchmark(run_id, format="csv")
        with open(tmp_path / "benchmark.csv", "wb") as f:
            f.write(resp.content)
        rows = list(csv.DictReader(io.StringIO((tmp_path / "benchmark.csv").read_text(encoding="utf-8"))))
        assert len(rows) == 2
        client.export_benchmark(run_id).save(tmp_path / "benchmark.json")
        assert json.loads((tmp_path / "benchmark.json").read_text(encoding="utf-8"))["run_id"] == run_id

    @pytest.mark.parametrize("way", ["websocket", "polling"])
    def test_stream(
        self,
        client: ArgusLM,
        server: LocalServer,
        model_ids: List[str],
        capsys: pytest.CaptureFixture,
        monkeypatch: pytest.MonkeyPatch,
        way: str,
    ) -> None:
        if way == "websocket":
            pytest.importorskip("websockets", reason="the package websockets is not installed")
        else:
            monkeypatch.setattr(websocket, "find_connect", lambda: None)
        benchmark = client.start_benchmark(
            BenchmarkCreate(model_ids=model_ids, prompt_pack="shakespeare", num_runs=1)
        )
        for msg in client.stream_benchmark(benchmark.id):
            if msg["type"] == "progress":
                print(f"Progress: {msg['completed']}/{msg['total']}")
            elif msg["type"] == "result":
                print(f"Result: {msg['data']['model_name']} \u2014 {msg['data']['ttft_ms']}ms")
            elif msg["type"] == "complete":
                print("Benchmark finished!")
        lines = capsys.readouterr().out.splitlines()
        progress = [line for line in lines if line.startswith("Progress: ")]
        assert progress[0] == lines[0]
        assert progress[-1] == "Progress: 2/2"
        results = [line for line in lines if line.startswith("Result: ")]
        assert sorted(line.partition(" \u2014 ")[0] for line in results) == [
            "Result: Primary GPT-4",
            "Result: gpt-4o-mini",
        ]
        assert lines[-1] == "Benchmark finished!"
        asked = any(request.path.endswith("/stream") for request in server.requests)
        assert asked is (way == "websocket")


class TestAlerts:
    def test_rules(self, client: ArgusLM, model_ids: List[str]) -> None:
        rules = client.list_alert_rules()
        assert [rule.rule_type for rule in rules] == ["any_model_down"]
        some_model_id = model_ids[0]
        rule = client.create_alert_rule(
            AlertRuleCreate(
                name="Critical Latency Alert",
                rule_type="performance_degradation",
                target_model_id=some_model_id,
                enabled=True,
            )
        )
        assert rule.target_model_id == some_model_id
        assert rule.rule_type == "performance_degradation"

    def test_view_and_acknowledge(self, client: ArgusLM, capsys: pytest.CaptureFixture) -> None:
        alerts = client.list_alerts(acknowledged=False)
        assert alerts.items
        for alert in alerts.items:
            print(f"Alert: {alert.message}")
            assert client.acknowledge_alert(alert.id).acknowledged
        assert capsys.readouterr().out.count("Alert: ") == len(alerts.items)

    def test_unread_count(self, client: ArgusLM, capsys: pytest.CaptureFixture) -> None:
        unread = client.get_unread_alert_count()
        print(f"{unread.count} unread alerts")
        assert capsys.readouterr().out == f"{len(list(client.iter_alerts()))} unread alerts\n"

    def test_recent(self, client: ArgusLM, capsys: pytest.CaptureFixture) -> None:
        recent = client.get_recent_alerts(limit=5)
        for alert in recent.items:
            print(f"{'🔴' if not alert.acknowledged else '⚪'} {alert.message}")
        print(f"Total unread: {recent.total_unread}")
        lines = capsys.readouterr().out.splitlines()
        assert lines[0].startswith("🔴 ")
        assert lines[-1] == f"Total unread: {len(recent.items)}"


class TestExport:
    def test_files(self, client: ArgusLM, run_id: str, tmp_path) -> None:
        # Export benchmark results as CSV
        resp = client.export_benchmark(run_id, format="csv")
        with open(tmp_path / "benchmark.csv", "wb") as f:
            f.write(resp.content)

        # Export uptime history as JSON
        resp = client.export_uptime_history(format="json", start_date="2025-01-01")
        with open(tmp_path / "uptime.json", "wb") as f:
            f.write(resp.content)
        assert (tmp_path / "benchmark.csv").read_bytes().startswith(b"model_name,")
        with open(tmp_path / "uptime.json", encoding="utf-8") as f:
            assert len(json.load(f)["checks"]) == client.get_uptime_history().total

    def test_serialisation(self, client: ArgusLM, run_id: str) -> None:
        results = client.get_benchmark_results(run_id)
        json_data = results.model_dump_json(indent=2)
        dict_data = results.model_dump()
        assert json.loads(json_data) == dict_data
        assert [row["model_name"] for row in dict_data["results"]] == [r.model_name for r in results.results]
        told = [{key: value for key, value in row.items() if value is not None} for row in results.to_rows()]
        assert told == dict_data["results"]


class TestErrors:
    def report(self, client: ArgusLM, provider_id: str) -> None:
        try:
            client.get_provider(provider_id)
        except NotFoundError:
            print("Provider not found")
        except RateLimitError:
            print("Rate limit exceeded")
        except ArgusLMError as e:
            print(f"An error occurred: {e}")

    def test_handling(self, client: ArgusLM, server: LocalServer, capsys: pytest.CaptureFixture) -> None:
        self.report(client, "deadbeef-dead-4bad-8bad-deadbeefcafe")
        self.report(client, "invalid-id")
        server.fail("arguslm", 429, times=3)
        self.report(client.with_options(max_retries=0), "deadbeef-dead-4bad-8bad-deadbeefcafe")
        first, second, third = capsys.readouterr().out.splitlines()
        assert first == "Provider not found"
        assert second.startswith(
            "An error occurred: HTTP 422: path.provider_id: Input should be a valid UUID"
        )
        assert third == "Rate limit exceeded"

    def test_hierarchy(self, client: ArgusLM, server: LocalServer) -> None:
        by_status = {
            400: BadRequestError,
            401: AuthenticationError,
            403: PermissionDeniedError,
            404: NotFoundError,
            409: ConflictError,
            422: UnprocessableEntityError,
            429: RateLimitError,
            500: InternalServerError,
        }
        hasty = client.with_options(max_retries=0)
        for status, kind in by_status.items():
            server.fail("arguslm", status)
            with pytest.raises(kind) as caught:
                hasty.list_providers()
            for base in (ArgusLMError, APIError, APIStatusError):
                assert isinstance(caught.value, base)
        assert issubclass(APITimeoutError, APIConnectionError)
        assert issubclass(APIConnectionError, APIError)
