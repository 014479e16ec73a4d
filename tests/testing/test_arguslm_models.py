import pytest

from .arguslm import UNKNOWN


@pytest.fixture
def provider(arguslm):
    return arguslm.read("/providers")["providers"][0]


def names(page):
    return [model["model_id"] for model in page["items"]]


def test_at_the_start(arguslm):
    page = arguslm.read("/models")
    assert names(page) == ["gpt-4o", "gpt-4o-mini", "gpt-4-broken"]
    assert [model["custom_name"] for model in page["items"]] == ["Primary GPT-4", None, None]
    assert {model["provider_name"] for model in page["items"]} == {"OpenAI"}
    assert all(model["enabled_for_monitoring"] for model in page["items"])


def test_pages(arguslm):
    page = arguslm.read("/models", limit=2)
    assert (len(page["items"]), page["total"], page["has_more"]) == (2, 3, True)
    page = arguslm.read("/models", limit=2, offset=2)
    assert (names(page), page["has_more"]) == (["gpt-4-broken"], False)
    page = arguslm.read("/models", offset=10)
    assert (page["items"], page["total"], page["limit"], page["offset"]) == ([], 3, 50, 10)


def test_filters(arguslm, provider):
    model = arguslm.models()["gpt-4o"]
    changes = {"enabled_for_monitoring": False, "enabled_for_benchmark": False}
    arguslm.patch(f"/models/{model['id']}", json=changes)
    assert names(arguslm.read("/models", enabled_for_monitoring="true")) == ["gpt-4o-mini", "gpt-4-broken"]
    assert names(arguslm.read("/models", enabled_for_benchmark="False")) == ["gpt-4o"]
    assert names(arguslm.read("/models", search="PRIMARY")) == ["gpt-4o"]
    assert names(arguslm.read("/models", search="-MINI")) == ["gpt-4o-mini"]
    assert names(arguslm.read("/models", search="mini", limit=1)) == ["gpt-4o-mini"]
    assert arguslm.read("/models", provider_id=provider["id"])["total"] == 3
    assert arguslm.read("/models", provider_id=UNKNOWN)["total"] == 0
    assert arguslm.read("/models", provider_account_id=UNKNOWN)["total"] == 3


@pytest.mark.parametrize(
    "query",
    ["limit=0", "limit=501", "offset=-1", "provider_id=", "enabled_for_monitoring=None", "limit=x"],
)
def test_bad_queries(arguslm, query):
    answer = arguslm.get(f"/models?{query}")
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"] == ["query", query.partition("=")[0]]


def test_names_are_set_kept_and_cleared(arguslm):
    model = arguslm.models()["gpt-4o-mini"]
    path = f"/models/{model['id']}"
    for change, name in (
        ({"custom_name": "Mini"}, "Mini"),
        ({}, "Mini"),
        ({"enabled_for_monitoring": None, "enabled_for_benchmark": None}, "Mini"),
        ({"custom_name": ""}, None),
        ({"custom_name": "a"}, "a"),
        ({"custom_name": "  "}, None),
        ({"custom_name": "b"}, "b"),
        ({"custom_name": None}, None),
    ):
        changed = arguslm.patch(path, json=change).json()
        assert changed == {**model, "custom_name": name, "provider_name": None}
    assert arguslm.read(path) == model


def test_manual_models(arguslm, provider):
    fields = {"provider_account_id": provider["id"], "model_id": "my_model-1", "custom_name": "Mine"}
    model = arguslm.create("/models", **fields, metadata={"a": [1]})
    assert model["provider_name"] is None
    assert (model["source"], model["model_metadata"]) == ("manual", {"a": [1]})
    assert (model["enabled_for_monitoring"], model["enabled_for_benchmark"]) == (False, True)
    assert arguslm.read(f"/models/{model['id']}") == {**model, "provider_name": "OpenAI"}
    again = arguslm.create("/models", **fields, metadata=None)
    assert again["id"] != model["id"]
    assert again["model_metadata"] == {}


def test_a_model_without_a_provider(arguslm):
    model = arguslm.create("/models", provider_account_id=UNKNOWN, model_id="orphan")
    assert arguslm.read(f"/models/{model['id']}")["provider_name"] is None
    detail = arguslm.finish(arguslm.start("orphan"))
    assert detail["results"][0]["error"] is None
    export = arguslm.read(f"/benchmarks/{detail['id']}/export")
    assert export["results"][0]["provider"] == "Unknown"


@pytest.mark.parametrize("model_id", ["a/b", "a b", "ä", "a:b", "a\n"])
def test_bad_model_ids(arguslm, provider, model_id):
    fields = {"provider_account_id": provider["id"], "model_id": model_id}
    answer = arguslm.post("/models", json=fields)
    assert answer.status_code == 400
    assert answer.json()["detail"].startswith("Invalid model_id format.")


def test_unknown_ids(arguslm):
    for answer in (arguslm.get(f"/models/{UNKNOWN}"), arguslm.patch(f"/models/{UNKNOWN}", json={})):
        assert answer.status_code == 404
        assert answer.json() == {"detail": "Model not found"}
    assert arguslm.delete(f"/models/{UNKNOWN}").status_code == 405
