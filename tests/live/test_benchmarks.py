"""Benchmarks: start, wait, look up, export."""

import csv
import io
import json

import pytest

from chatsdk import APITimeoutError, BadRequestError
from chatsdk.arguslm import BenchmarkCreate

from .waiting import eventually, measure

COLUMNS = [
    "model_name",
    "provider",
    "ttft_ms",
    "tps",
    "tps_excluding_ttft",
    "total_latency_ms",
    "input_tokens",
    "output_tokens",
    "error",
    "timestamp",
]


@pytest.fixture
def ids(stub, find_models):
    """A model that answers, and one that refuses, by name."""
    stub.add("steady", tokens=("a", "b", "c", "d"), token_seconds=0.01)
    stub.add("refusing", refuses="not today")
    return {name: model.id for name, model in find_models().items()}


def test_start_and_wait(api, ids, stub):
    started = api.start_benchmark(
        BenchmarkCreate(
            model_ids=[ids["steady"]], prompt_pack="health_check", name="Mine", num_runs=2, max_tokens=9
        )
    )
    assert started.status == "pending"
    assert started.message
    detail = api.wait_for_benchmark(started.id, timeout=20, poll_interval=0.05)
    assert (detail.id, detail.name, detail.status) == (started.id, "Mine", "completed")
    assert (detail.model_ids, detail.prompt_pack) == ([ids["steady"]], "health_check")
    assert detail.started_at <= detail.completed_at
    assert detail.result_count == len(detail.results) == 2
    assert [call["max_tokens"] for call in stub.models["steady"].calls] == [9, 9, 9]  # one is a warm-up
    for result in detail.results:
        assert (result.model_id, result.model_name, result.error) == (ids["steady"], "steady", None)
        assert 0 < result.ttft_ms < result.total_latency_ms
        assert 0 < result.tps < result.tps_excluding_ttft
        assert result.output_tokens >= 4  # the server counts pieces, also the empty last one
    assert detail.statistics.ttft_p50 > 0
    assert detail.statistics.tps_p99 >= detail.statistics.tps_p50 > 0
    assert api.wait_for_benchmark(started.id) == detail


def test_failed_calls_are_results(api, ids):
    detail = measure(api, model_ids=[ids["refusing"]])
    assert detail.status == "completed"
    (result,) = detail.results
    assert "not today" in result.error
    assert (result.ttft_ms, result.tps, result.total_latency_ms, result.output_tokens) == (0, 0, 0, 0)
    assert detail.statistics.ttft_p50 == 0


def test_an_unknown_prompt_pack_fails_in_each_result(api, ids):
    detail = measure(api, model_ids=[ids["steady"]], prompt_pack="poetry")
    assert [bool(result.error) for result in detail.results] == [True]


def test_results(api, ids):
    detail = measure(api, model_ids=list(ids.values()), num_runs=2)
    results = api.get_benchmark_results(detail.id)
    assert results.total == len(results.results) == 4
    assert {result.id for result in results.results} == {result.id for result in detail.results}
    assert api.get_benchmark(detail.id) == detail
    assert json.loads(results.model_dump_json(indent=2)) == results.model_dump()
    rows = results.to_rows()
    assert sorted(row["model_name"] for row in rows) == ["refusing", "refusing", "steady", "steady"]


def test_server_makes_a_name(api, ids):
    assert measure(api, model_ids=[ids["refusing"]]).name.startswith("Benchmark 20")


def test_list(api, ids):
    mine = [measure(api, model_ids=[ids["refusing"]], name=f"Run {n}").id for n in range(3)]
    page = api.list_benchmarks(page=1, per_page=2)
    assert (len(page.runs), page.page, page.per_page) == (2, 1, 2)
    assert page.total >= 3
    assert api.list_benchmarks(page=page.total + 1, per_page=2).runs == []
    listed = {run.id: run for run in api.list_benchmarks(per_page=100).runs}
    assert set(mine) <= set(listed)
    assert (listed[mine[0]].name, listed[mine[0]].result_count) == ("Run 0", 1)
    found = [run.id for run in api.iter_benchmarks(per_page=100)]
    assert len(set(found)) == len(found)
    assert set(mine) <= set(found)


def test_list_by_status(api, stub, find_models):
    held = stub.add_held("held")
    stub.add("quick")
    models = find_models()
    held_id = api.start_benchmark(model_ids=[models["held"].id], prompt_pack="health_check", num_runs=1).id
    done_id = measure(api, model_ids=[models["quick"].id]).id
    eventually(lambda: held_id in {run.id for run in api.list_benchmarks(status="running").runs})
    completed = {run.id for run in api.iter_benchmarks(status="completed")}
    running = {run.id for run in api.iter_benchmarks(status="running")}
    assert done_id in completed - running
    assert held_id in running - completed
    held.gate.set()
    api.wait_for_benchmark(held_id, timeout=20, poll_interval=0.05)


def test_wait_has_a_deadline(api, stub, find_models):
    held = stub.add_held("held")
    started = api.start_benchmark(
        model_ids=[find_models()["held"].id], prompt_pack="health_check", num_runs=1
    )
    with pytest.raises(APITimeoutError):
        api.wait_for_benchmark(started.id, timeout=0.3, poll_interval=0.05)
    assert api.get_benchmark(started.id).completed_at is None
    held.gate.set()
    assert api.wait_for_benchmark(started.id, timeout=20, poll_interval=0.05).status == "completed"


def test_a_model_twice_is_refused(api, ids):
    with pytest.raises(BadRequestError, match=r"^HTTP \d+: Model IDs not found:"):
        api.start_benchmark(model_ids=[ids["steady"], ids["steady"]], prompt_pack="health_check")


def test_export_json(api, ids, tmp_path):
    detail = measure(api, model_ids=list(ids.values()), name="Größe")
    download = api.export_benchmark(detail.id)
    assert download.filename == f"benchmark_{detail.id}.json"
    download.save(tmp_path / "export.json")
    export = json.loads((tmp_path / "export.json").read_bytes())
    assert (export["run_id"], export["run_name"]) == (detail.id, "Größe")
    assert sorted(result["model_name"] for result in export["results"]) == ["refusing", "steady"]
    assert set(export["results"][0]) == set(COLUMNS)


def test_export_csv(api, ids, tmp_path):
    seen = []
    detail = measure(api, model_ids=list(ids.values()))
    with api.export_benchmark(detail.id, format="csv") as download:
        assert download.filename == f"benchmark_{detail.id}.csv"
        download.save(tmp_path / "export.csv", progress=lambda done, total: seen.append((done, total)))
    size = (tmp_path / "export.csv").stat().st_size
    assert seen[-1] == (size, size)
    rows = list(csv.DictReader(io.StringIO((tmp_path / "export.csv").read_text("utf-8"), newline="")))
    assert list(rows[0]) == COLUMNS
    errors = {row["model_name"]: row["error"] for row in rows}
    assert errors["steady"] == ""
    assert "not today" in errors["refusing"]
