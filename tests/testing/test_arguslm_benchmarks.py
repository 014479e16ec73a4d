import csv
import io
import json
import re

import pytest

from .arguslm import UNKNOWN, argus_server

ZEROS = {f"{name}_p{percent}": 0.0 for name in ("ttft", "tps") for percent in (50, 95, 99)}


@pytest.fixture
def arguslm(session):
    """ArgusLM with models that answer at once."""
    with argus_server(session, 0) as arguslm:
        yield arguslm


@pytest.fixture
def slow(session):
    """ArgusLM with models that never answer."""
    with argus_server(session, 1000) as arguslm:
        yield arguslm


def test_there_are_none_at_the_start(arguslm):
    assert arguslm.read("/benchmarks") == {"runs": [], "total": 0, "page": 1, "per_page": 20}


def test_start(slow):
    ids = [model["id"] for model in slow.models().values()]
    answer = slow.post("/benchmarks", json={"model_ids": ids, "prompt_pack": "reasoning", "name": "Öne"})
    assert answer.status_code == 202
    run_id = answer.json()["id"]
    assert answer.json() == {"id": run_id, "status": "pending", "message": "Benchmark run started"}
    run = slow.read("/benchmarks")["runs"][0]
    assert (run["id"], run["name"], run["model_ids"]) == (run_id, "Öne", ids)
    assert (run["prompt_pack"], run["triggered_by"]) == ("reasoning", "user")
    assert run["started_at"][:19] == run["created_at"] == run["updated_at"]


@pytest.mark.parametrize("name", [None, ""])
def test_a_run_without_a_name_gets_one(arguslm, name):
    run = arguslm.read(f"/benchmarks/{arguslm.start(name=name)}")
    assert re.fullmatch(r"Benchmark \d{4}-\d\d-\d\d \d\d:\d\d", run["name"])
    assert run["name"][10:] == run["started_at"][:16].replace("T", " ")


def test_nothing_shows_while_it_runs(slow):
    run_id = slow.start()
    run = slow.poll(f"/benchmarks/{run_id}", lambda run: run["status"] == "running")
    assert (run["completed_at"], run["result_count"], run["results"]) == (None, 0, [])
    assert run["statistics"] == ZEROS
    assert slow.read(f"/benchmarks/{run_id}/results") == {"results": [], "total": 0}
    export = slow.read(f"/benchmarks/{run_id}/export")
    assert (export["completed_at"], export["results"]) == (None, [])
    text = slow.get(f"/benchmarks/{run_id}/export?format=csv").text
    assert text.count("\r\n") == 1


def test_everything_shows_at_its_end(session):
    with argus_server(session, 0.1) as arguslm:
        run_id = arguslm.start("gpt-4o", "gpt-4-broken")
        seen = set()

        def is_over(run):
            seen.add((run["status"], run["result_count"], len(run["results"])))
            return run["completed_at"] is not None

        run = arguslm.poll(f"/benchmarks/{run_id}", is_over)
    assert ("completed", 2, 2) in seen
    assert seen <= {("pending", 0, 0), ("running", 0, 0), ("completed", 2, 2)}
    assert run["started_at"] < run["completed_at"]
    assert run["updated_at"] == run["completed_at"][:19]


def test_results(arguslm):
    run_id = arguslm.start(num_runs=2)
    run = arguslm.read(f"/benchmarks/{run_id}")
    results = run["results"]
    assert arguslm.read(f"/benchmarks/{run_id}/results") == {"results": results, "total": 6}
    assert (run["status"], run["result_count"]) == ("completed", 6)
    names = [result["model_name"] for result in results]
    assert names == ["Primary GPT-4", "gpt-4o-mini", "gpt-4-broken"] * 2
    assert len({result["id"] for result in results}) == 6
    for result in results:
        assert (result["input_tokens"], result["estimated_cost"]) == (0, None)
        if result["model_name"] == "gpt-4-broken":
            assert "The server had an error" in result["error"]
            numbers = ("ttft_ms", "tps", "tps_excluding_ttft", "total_latency_ms", "output_tokens")
            assert [result[name] for name in numbers] == [0] * 5
        else:
            latency, ttft = result["total_latency_ms"], result["ttft_ms"]
            assert result["error"] is None
            assert latency > ttft > 0
            assert result["tps"] == pytest.approx(1000 * result["output_tokens"] / latency)
            rate = pytest.approx(1000 * result["output_tokens"] / (latency - ttft))
            assert result["tps_excluding_ttft"] == rate


def test_numbers_are_those_of_the_model(arguslm):
    numbers = []
    for _ in range(2):
        results = arguslm.read(f"/benchmarks/{arguslm.start(num_runs=3)}")["results"]
        numbers.append([(result["ttft_ms"], result["tps"]) for result in results])
    assert numbers[0] == numbers[1]
    assert len(set(numbers[0])) == 7  # three of each model that works, and one of the broken one


def test_max_tokens(arguslm):
    for max_tokens, expected in ((7, 7), (4096, 150)):
        run = arguslm.read(f"/benchmarks/{arguslm.start('gpt-4o', max_tokens=max_tokens)}")
        assert run["results"][0]["output_tokens"] == expected


def test_statistics(arguslm):
    run = arguslm.read(f"/benchmarks/{arguslm.start('gpt-4o', 'gpt-4-broken', num_runs=3)}")
    good = [result for result in run["results"] if result["error"] is None]
    for series, field in (("ttft", "ttft_ms"), ("tps", "tps")):
        low, middle, high = sorted(result[field] for result in good)
        assert low < middle < high
        assert run["statistics"][f"{series}_p50"] == middle
        assert run["statistics"][f"{series}_p95"] == pytest.approx(middle + 0.9 * (high - middle))
        assert run["statistics"][f"{series}_p99"] == pytest.approx(middle + 0.98 * (high - middle))


def test_statistics_of_one_and_of_none(arguslm):
    run = arguslm.read(f"/benchmarks/{arguslm.start('gpt-4o')}")
    assert {run["statistics"][f"tps_p{percent}"] for percent in (50, 95, 99)} == {run["results"][0]["tps"]}
    assert arguslm.read(f"/benchmarks/{arguslm.start('gpt-4-broken')}")["statistics"] == ZEROS


def test_an_unknown_prompt_pack(arguslm):
    run = arguslm.read(f"/benchmarks/{arguslm.start(prompt_pack='nope')}")
    assert run["status"] == "completed"
    errors = {result["error"] for result in run["results"]}
    assert len(errors) == 1
    assert errors.pop().startswith("Unknown prompt pack: nope. Valid options: code_generation, ")


def test_names_follow_the_model(arguslm):
    run_id = arguslm.start("gpt-4o")
    model = arguslm.models()["gpt-4o"]
    arguslm.patch(f"/models/{model['id']}", json={"custom_name": None})
    assert arguslm.read(f"/benchmarks/{run_id}/results")["results"][0]["model_name"] == "gpt-4o"


def test_a_provider_that_goes_meanwhile(session):
    with argus_server(session, 0.2) as arguslm:
        provider = arguslm.read("/providers")["providers"][0]
        run_id = arguslm.start()
        assert arguslm.delete(f"/providers/{provider['id']}").status_code == 204
        run = arguslm.finish(run_id)
        assert {result["model_name"] for result in run["results"]} == {None}
        exported = arguslm.read(f"/benchmarks/{run_id}/export")["results"]
    assert {(result["model_name"], result["provider"]) for result in exported} == {("Unknown", "Unknown")}


class TestList:
    def test_pages(self, arguslm):
        ids = [arguslm.start("gpt-4o") for _ in range(3)]
        everything = arguslm.read("/benchmarks")
        assert everything["total"] == 3
        pages = [arguslm.read("/benchmarks", page=page, per_page=2) for page in (1, 2, 3)]
        assert [len(page["runs"]) for page in pages] == [2, 1, 0]
        assert [(page["page"], page["per_page"], page["total"]) for page in pages] == [
            (1, 2, 3),
            (2, 2, 3),
            (3, 2, 3),
        ]
        assert sorted(run["id"] for page in pages for run in page["runs"]) == sorted(ids)
        assert "results" not in everything["runs"][0]

    def test_status(self, arguslm):
        run_id = arguslm.start("gpt-4o")
        for status, found in (("completed", [run_id]), ("running", []), ("nope", []), ("", [run_id])):
            runs = arguslm.read("/benchmarks", status=status)
            assert [run["id"] for run in runs["runs"]] == found
            assert runs["total"] == len(found)

    @pytest.mark.parametrize("query", ["page=0", "per_page=0", "per_page=101", "page=x"])
    def test_bad_queries(self, arguslm, query):
        assert arguslm.get(f"/benchmarks?{query}").status_code == 422


class TestExport:
    def test_json(self, arguslm):
        run_id = arguslm.start(name="Ä\u2028🏁")
        answer = arguslm.get(f"/benchmarks/{run_id}/export")
        run = arguslm.read(f"/benchmarks/{run_id}")
        assert answer.headers["content-type"] == "application/json"
        disposition = f'attachment; filename="benchmark_{run_id}.json"'
        assert answer.headers["content-disposition"] == disposition
        assert answer.text == json.dumps(answer.json(), indent=2)
        assert answer.json() == {
            "run_id": run_id,
            "run_name": "Ä\u2028🏁",
            "prompt_pack": "shakespeare",
            "started_at": run["started_at"],
            "completed_at": run["completed_at"],
            "results": [exported(result, run) for result in run["results"]],
        }

    def test_csv(self, arguslm):
        run_id = arguslm.start()
        answer = arguslm.get(f"/benchmarks/{run_id}/export?format=csv")
        run = arguslm.read(f"/benchmarks/{run_id}")
        assert answer.headers["content-type"] == "text/csv; charset=utf-8"
        disposition = f'attachment; filename="benchmark_{run_id}.csv"'
        assert answer.headers["content-disposition"] == disposition
        expected = [exported(result, run) for result in run["results"]]
        lines = answer.content.decode("utf-8").split("\r\n")
        assert lines[0] == ",".join(expected[0])
        assert lines[-1] == ""
        rows = list(csv.DictReader(io.StringIO(answer.text, newline="")))
        assert rows == [
            {name: "" if value is None else str(value) for name, value in row.items()} for row in expected
        ]

    def test_unknown_format(self, arguslm):
        answer = arguslm.get(f"/benchmarks/{arguslm.start('gpt-4o')}/export?format=xlsx")
        assert answer.status_code == 422
        assert answer.json()["detail"][0]["type"] == "string_pattern_mismatch"


def exported(result, run):
    row = dict(result, provider="openai", timestamp=run["updated_at"])
    columns = "model_name provider ttft_ms tps tps_excluding_ttft total_latency_ms input_tokens output_tokens"
    return {name: row[name] for name in [*columns.split(), "error", "timestamp"]}


class TestRefusals:
    def test_unknown_and_repeated_models(self, arguslm):
        known = arguslm.models()["gpt-4o"]["id"]
        other = UNKNOWN.replace("dead", "feed")
        for ids, named in (([UNKNOWN, known, other], f"{UNKNOWN}, {other}"), ([known, known], "")):
            answer = arguslm.post("/benchmarks", json={"model_ids": ids, "prompt_pack": "reasoning"})
            assert answer.status_code == 400
            assert answer.json() == {"detail": f"Model IDs not found: {named}"}
        assert arguslm.read("/benchmarks")["total"] == 0

    @pytest.mark.parametrize(
        ("fields", "kind"),
        [
            ({"model_ids": []}, "too_short"),
            ({"model_ids": ["x"]}, "uuid_parsing"),
            ({"model_ids": UNKNOWN}, "list_type"),
            ({"num_runs": 11}, "less_than_equal"),
            ({"num_runs": None}, "int_type"),
            ({"max_tokens": 0}, "greater_than_equal"),
            ({"max_tokens": None}, "int_type"),
            ({"prompt_pack": None}, "string_type"),
        ],
    )
    def test_bad_fields(self, arguslm, fields, kind):
        body = {"model_ids": [UNKNOWN], "prompt_pack": "reasoning", **fields}
        answer = arguslm.post("/benchmarks", json=body)
        assert answer.status_code == 422
        assert answer.json()["detail"][0]["type"] == kind

    def test_no_models_in_the_server_s_words(self, arguslm):
        answer = arguslm.post("/benchmarks", json={"model_ids": [], "prompt_pack": "reasoning"})
        assert answer.json()["detail"] == [
            {
                "type": "too_short",
                "loc": ["body", "model_ids"],
                "msg": "List should have at least 1 item after validation, not 0",
                "input": [],
                "ctx": {"field_type": "List", "min_length": 1, "actual_length": 0},
            }
        ]

    @pytest.mark.parametrize("path", ["", "/results", "/export"])
    def test_unknown_ids(self, arguslm, path):
        answer = arguslm.get(f"/benchmarks/{UNKNOWN}{path}")
        assert answer.status_code == 404
        assert answer.json() == {"detail": f"Benchmark run {UNKNOWN} not found"}
        assert arguslm.get(f"/benchmarks/nope{path}").status_code == 422
