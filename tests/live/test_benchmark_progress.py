"""``stream_benchmark``: live over a WebSocket, and by asking again and again where there is none."""

import uuid

import pytest

from chatsdk import (
    APIConnectionError,
    APITimeoutError,
    Client,
    NotFoundError,
    StreamError,
    UnprocessableEntityError,
)

from .conftest import KIND
from .waiting import BOUND, measure


@pytest.fixture
def live(with_websockets):
    """The test follows runs over a WebSocket."""


@pytest.fixture
def polling(without_websockets):
    """The test follows runs over plain HTTP."""


@pytest.fixture(params=["live", "polling"])
def either_way(request):
    return request.getfixturevalue(request.param)


@pytest.fixture
def runs(api, stub, find_models):
    """Start a benchmark of one call to each of the named models of the stub."""

    def start(*names, num_runs=1):
        models = find_models()
        ids = [models[name].id for name in names]
        return api.start_benchmark(model_ids=ids, prompt_pack="health_check", num_runs=num_runs).id

    return start


def check_whole(events, api, run_id, total):
    """Check what holds for each way: grammar, counts, and that the results are those of the run."""
    types = [event.type for event in events]
    assert types[0] == "progress"
    assert types[-1] == "complete"
    assert set(types[:-1]) == {"progress", "result"}
    progress = [event for event in events if event.type == "progress"]
    assert all(isinstance(event.completed, int) and isinstance(event.total, int) for event in progress)
    counts = [event.completed for event in progress]
    assert counts == sorted(counts)
    assert (progress[-1].completed, progress[-1].total) == (total, total)
    streamed = [event.data for event in events if event.type == "result"]
    stored = api.get_benchmark_results(run_id).results
    assert len(streamed) == len(stored) == total
    assert sorted((data["model_name"], data["ttft_ms"], data["tps"]) for data in streamed) == sorted(
        (result.model_name, result.ttft_ms, result.tps_excluding_ttft) for result in stored
    )


def test_live_results_come_before_the_run_ends(api, stub, runs, live):
    """Each call waits for the event of the one before: with late events the run would never end."""
    first, second = stub.add_held("first"), stub.add_held("second")
    run_id = runs("first", "second")
    events = []
    for event in api.stream_benchmark(run_id, timeout=BOUND):
        if not events:
            first.gate.set()
        events.append(event)
        if event.type == "result" and not second.gate.is_set():
            assert event.data["model_name"] == "first"
            assert api.get_benchmark(run_id).status == "running"
            second.gate.set()
    results = [event.data["model_name"] for event in events if event.type == "result"]
    assert results == ["first", "second"]
    check_whole(events, api, run_id, total=2)


def test_a_second_watcher_gets_the_early_results_too(api, stub, runs, live):
    early, late = stub.add_held("early"), stub.add_held("late")
    run_id = runs("early", "late")
    first = api.stream_benchmark(run_id, timeout=BOUND)
    next(first)
    early.gate.set()
    while next(first).type != "result":
        pass
    second = api.stream_benchmark(run_id, timeout=BOUND)
    events = [next(second)]
    assert (events[0].completed, events[0].total) == (1, 2)
    late.gate.set()
    events += second
    check_whole(events, api, run_id, total=2)
    assert [event.type for event in first] == ["progress", "result", "complete"]


def test_polling_gives_the_same_types_and_the_results_at_the_end(api, stub, runs, polling):
    held = stub.add_held("held")
    stub.add("quick")
    run_id = runs("held", "quick", num_runs=2)
    events, statuses = [], []
    for event in api.stream_benchmark(run_id, timeout=BOUND):
        events.append(event)
        held.gate.set()
        if event.type == "result":
            statuses.append(api.get_benchmark(run_id).status)
    assert statuses == ["completed"] * 4
    check_whole(events, api, run_id, total=4)


def test_an_event_reads_like_a_dict(api, stub, runs, either_way):
    stub.add("quick")
    for event in api.stream_benchmark(runs("quick"), timeout=BOUND):
        assert event["type"] == event.type
        if event["type"] == "progress":
            assert 0 <= event["completed"] <= event["total"]
        elif event["type"] == "result":
            assert event["data"]["model_name"] == "quick"
            assert event["data"]["ttft_ms"] > 0


def test_a_failed_call_is_a_result(api, stub, runs, either_way):
    stub.add("refusing", refuses="not today")
    events = list(api.stream_benchmark(runs("refusing"), timeout=BOUND))
    (result,) = [event for event in events if event.type == "result"]
    assert "not today" in result.data["error"]
    assert events[-1].type == "complete"


def test_a_finished_run_ends_at_once(api, stub, find_models, either_way):
    stub.add("quick")
    detail = measure(api, model_ids=[find_models()["quick"].id], num_runs=2)
    check_whole(list(api.stream_benchmark(detail.id, timeout=5)), api, detail.id, total=2)


def test_an_unknown_run(api, either_way):
    with pytest.raises(NotFoundError, match="not found"):
        list(api.stream_benchmark(str(uuid.uuid4()), timeout=5))


def test_text_that_is_no_id(api, either_way):
    with pytest.raises(UnprocessableEntityError, match="valid UUID"):
        list(api.stream_benchmark("not an id", timeout=5))


def test_the_deadline_of_a_run_that_goes_on(api, stub, runs, either_way):
    held = stub.add_held("held")
    run_id = runs("held")
    with pytest.raises(APITimeoutError):
        list(api.stream_benchmark(run_id, timeout=0.5))
    held.gate.set()
    assert api.wait_for_benchmark(run_id, timeout=BOUND, poll_interval=0.05).status == "completed"


def test_a_run_that_never_ends(api, stub, runs, either_way):
    """The server cannot store such an error; the run stays "running"."""
    stub.add("garbled", refuses="half a character: \ud800")
    run_id = runs("garbled")
    with pytest.raises((APITimeoutError, StreamError)):
        list(api.stream_benchmark(run_id, timeout=1))
    with pytest.raises(APITimeoutError):
        api.wait_for_benchmark(run_id, timeout=0.3, poll_interval=0.05)
    assert api.get_benchmark(run_id).status == "running"


def test_a_server_that_dies(start_server, stub, either_way):
    server = start_server()
    held = stub.add_held("held")
    with Client(arguslm=server.url, max_retries=0) as client:
        api = client.arguslm
        provider = api.create_provider(display_name="Stub", provider_type=KIND, credentials=stub.credentials)
        api.refresh_provider_models(provider.id)
        ids = [model.id for model in api.iter_models()]
        run_id = api.start_benchmark(model_ids=ids, prompt_pack="health_check").id
        events = api.stream_benchmark(run_id, timeout=BOUND)
        assert next(events).type == "progress"
        server.kill()
        with pytest.raises(APIConnectionError) as caught:
            list(events)
    assert not isinstance(caught.value, APITimeoutError)
    held.gate.set()


def test_leaving_the_loop_leaves_the_run_alone(api, stub, runs, either_way):
    held = stub.add_held("held")
    run_id = runs("held")
    for _ in api.stream_benchmark(run_id, timeout=BOUND):
        break
    held.gate.set()
    assert api.wait_for_benchmark(run_id, timeout=BOUND, poll_interval=0.05).status == "completed"
