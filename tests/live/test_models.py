"""Models: create, look up, filter, name and unname."""

import pytest

from chatsdk import BadRequestError
from chatsdk.arguslm import ModelCreate, ModelUpdate


@pytest.fixture
def provider(add_provider):
    return add_provider(display_name="Home")


def names(models):
    return sorted(model.model_id for model in models)


def test_discovered(api, stub, find_models):
    stub.add("maker/name:7b 😀")
    model = find_models()["maker/name:7b 😀"]
    assert model.source == "discovered"
    assert (model.enabled_for_monitoring, model.enabled_for_benchmark) == (False, True)
    assert model.custom_name is None
    assert model.provider_name == "Stub"
    assert model.created_at.tzinfo is not None
    assert api.get_model(model.id) == model


def test_create(api, provider):
    created = api.create_model(
        provider_account_id=provider.id, model_id="by-hand", custom_name="By hand", metadata={"size": 7}
    )
    assert (created.source, created.custom_name) == ("manual", "By hand")
    assert created.model_metadata == {"size": 7}
    assert created.provider_name is None
    assert api.get_model(created.id).provider_name == "Home"


def test_create_refuses_odd_names(api, provider):
    with pytest.raises(BadRequestError, match=r"^HTTP \d+: Invalid model_id format"):
        api.create_model(ModelCreate(provider_account_id=provider.id, model_id="with space"))


def test_update_leaves_what_is_not_given(api, provider):
    model = api.create_model(provider_account_id=provider.id, model_id="plain", custom_name="Name")
    updated = api.update_model(model.id, enabled_for_benchmark=False)
    assert (updated.custom_name, updated.enabled_for_benchmark) == ("Name", False)
    updated = api.update_model(model.id, ModelUpdate(custom_name="Other"))
    assert (updated.custom_name, updated.enabled_for_benchmark) == ("Other", False)
    found = api.get_model(model.id)
    assert (found.custom_name, found.enabled_for_benchmark) == ("Other", False)


def test_clear_the_name(api, provider):
    model = api.create_model(provider_account_id=provider.id, model_id="plain", custom_name="Name")
    assert not api.update_model(model.id, custom_name="").custom_name
    assert not api.get_model(model.id).custom_name


def test_filter_by_provider(api, add_provider):
    first, second = add_provider(), add_provider()
    api.create_model(provider_account_id=first.id, model_id="of-first")
    api.create_model(provider_account_id=second.id, model_id="of-second")
    assert names(api.list_models(provider_id=first.id).items) == ["of-first"]
    assert names(api.iter_models(provider_id=second.id)) == ["of-second"]


def test_filter_by_use(api, provider):
    watched = api.create_model(provider_account_id=provider.id, model_id="watched")
    api.create_model(provider_account_id=provider.id, model_id="measured")
    api.update_model(watched.id, enabled_for_monitoring=True, enabled_for_benchmark=False)
    for filters, expected in [
        ({"enabled_for_monitoring": True}, ["watched"]),
        ({"enabled_for_monitoring": False}, ["measured"]),
        ({"enabled_for_benchmark": True}, ["measured"]),
        ({"enabled_for_benchmark": False}, ["watched"]),
    ]:
        assert names(api.list_models(provider_id=provider.id, **filters).items) == expected
        assert names(api.iter_models(provider_id=provider.id, **filters)) == expected


def test_search(api, provider):
    api.create_model(provider_account_id=provider.id, model_id="alpha-one")
    api.create_model(provider_account_id=provider.id, model_id="two", custom_name="The ALPHA & omega")
    api.create_model(provider_account_id=provider.id, model_id="three")
    found = api.list_models(provider_id=provider.id, search="Alpha")
    assert (names(found.items), found.total) == (["alpha-one", "two"], 2)
    assert names(api.iter_models(provider_id=provider.id, search="& omega")) == ["two"]


def test_pages(api, provider):
    made = [api.create_model(provider_account_id=provider.id, model_id=f"model-{n}").id for n in range(5)]
    page = api.list_models(provider_id=provider.id, limit=2, offset=1)
    assert (len(page.items), page.total, page.has_more, page.limit, page.offset) == (2, 5, True, 2, 1)
    last = api.list_models(provider_id=provider.id, limit=2, offset=4)
    assert (len(last.items), last.has_more) == (1, False)
    found = [model.id for model in api.iter_models(provider_id=provider.id, limit=2)]
    assert sorted(found) == sorted(made)
