"""The iterators over pages of ArgusLM: each item once, even if counts and positions are wrong."""

import json
from urllib.parse import parse_qsl, urlsplit

import pytest

from chatsdk import Client, Service

ARGUS = "https://argus.example"
API = ARGUS + "/api/v1"
ID = "0b9f6a52-6a3e-4a8e-8a43-6f2f6b7d1c10"


@pytest.fixture
def api():
    with Client(arguslm=Service(ARGUS, max_retries=0)).arguslm as api:
        yield api


# Iterator, its path, the key of its list, the parameters of a page, and filters that must go along.
ITERATORS = {
    "iter_models": (
        "/models",
        "items",
        {"provider_id": ID, "enabled_for_monitoring": True, "enabled_for_benchmark": True, "search": "x"},
    ),
    "iter_uptime_history": (
        "/monitoring/uptime",
        "items",
        {"model_id": ID, "status": "up", "since": "2025-01-01T00:00:00Z", "enabled_only": True},
    ),
    "iter_benchmarks": ("/benchmarks", "runs", {"status": "completed"}),
    "iter_alerts": (
        "/alerts",
        "items",
        {"acknowledged": True, "rule_id": ID, "since": "2025-01-01T00:00:00Z"},
    ),
}


class Paged:
    """A server with a list of ids; keywords replace fields of its answers."""

    def __init__(self, http, name, ids, cap=500, ignores_position=False, echo=True, **wrong):
        self.path, self.list_name, _ = ITERATORS[name]
        self.ids, self.cap, self.ignores_position, self.echo, self.wrong = (
            ids,
            cap,
            ignores_position,
            echo,
            wrong,
        )
        self.queries = []
        http.add_callback("GET", API + self.path, self.answer)

    def answer(self, request):
        query = dict(parse_qsl(urlsplit(request.url).query))
        self.queries.append(query)
        assert len(self.queries) < 20, "it never ends"
        size = min(int(query.get("limit") or query["per_page"]), self.cap)
        start = int(query["offset"]) if "offset" in query else (int(query["page"]) - 1) * size
        start = 0 if self.ignores_position else start
        page = self.ids[start : start + size]
        body = {self.list_name: [{"id": item} for item in page]}
        if self.path == "/models":
            body["has_more"] = start + size < len(self.ids)
        if self.path != "/alerts":
            body["total"] = len(self.ids)
        if self.echo:
            body.update({"per_page" if "page" in query else "limit": size})
        body.update({name: value for name, value in self.wrong.items() if name in body})
        return 200, {}, json.dumps(body)


def ids(number):
    return [f"id-{index}" for index in range(number)]


def collect(api, name, size, **filters):
    size_name = "per_page" if name == "iter_benchmarks" else "limit"
    return [item.id for item in getattr(api, name)(**{size_name: size}, **filters)]


@pytest.mark.parametrize("name", ITERATORS)
class TestIterators:
    @pytest.mark.parametrize(("number", "requests"), [(0, 1), (1, 1), (3, 2), (5, 3), (4, 3)])
    def test_all_items(self, http, api, name, number, requests):
        server = Paged(http, name, ids(number))
        assert collect(api, name, 2) == ids(number)
        assert len(server.queries) == requests

    def test_filters_go_along(self, http, api, name):
        server = Paged(http, name, ids(3))
        assert collect(api, name, 2, **ITERATORS[name][2]) == ids(3)
        sent = {key: "true" if value is True else value for key, value in ITERATORS[name][2].items()}
        for query in server.queries:
            assert {key: query[key] for key in sent} == sent

    def test_nothing_is_fetched_before_it_is_needed(self, http, api, name):
        server = Paged(http, name, ids(5))
        size = {"per_page": 2} if name == "iter_benchmarks" else {"limit": 2}
        items = getattr(api, name)(**size)
        assert server.queries == []
        assert [next(items).id, next(items).id] == ids(2)
        assert len(server.queries) == 1

    def test_a_server_that_gives_fewer_than_asked(self, http, api, name):
        Paged(http, name, ids(7), cap=3)
        assert collect(api, name, 100) == ids(7)

    @pytest.mark.parametrize("count", [0, 1, 10**9, None, "many"])
    def test_wrong_totals(self, http, api, name, count):
        Paged(http, name, ids(5), total=count)
        assert collect(api, name, 2) == ids(5)

    @pytest.mark.parametrize("count", [False, None, "", 0])
    def test_a_full_page_is_followed_even_if_it_is_the_last_one(self, http, api, name, count):
        Paged(http, name, ids(5), has_more=count, total=0)
        assert collect(api, name, 2) == ids(5)

    @pytest.mark.parametrize("size", [1, 5, 100])
    def test_a_server_that_ignores_the_position(self, http, api, name, size):
        Paged(http, name, ids(5), ignores_position=True, total=10**9, has_more=True, limit=1)
        assert collect(api, name, size) == ids(5)[:size]

    def test_a_server_that_always_promises_more(self, http, api, name):
        Paged(http, name, ids(3), total=10**9, has_more=True, limit=0)
        assert collect(api, name, 2) == ids(3)

    def test_what_moves_to_the_next_page_comes_once(self, http, api, name):
        server = Paged(http, name, ids(4))
        size = {"per_page": 2} if name == "iter_benchmarks" else {"limit": 2}
        items = getattr(api, name)(**size)
        found = [next(items).id, next(items).id]
        server.ids = ["new", *server.ids]
        assert found + [item.id for item in items] == ids(4)

    def test_what_shrinks_ends(self, http, api, name):
        server = Paged(http, name, ids(6))
        size = {"per_page": 2} if name == "iter_benchmarks" else {"limit": 2}
        items = getattr(api, name)(**size)
        found = [next(items).id, next(items).id]
        server.ids = ids(1)
        assert found + [item.id for item in items] == ids(2)
