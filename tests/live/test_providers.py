"""Providers: create, look up, change, test, discover, delete."""

import pytest

from chatsdk import BadRequestError, ConflictError, NotFoundError
from chatsdk.arguslm import ProviderCreate, ProviderUpdate

from .conftest import KIND
from .waiting import measure

# What the server asks for when it tests a provider of a type that names no model of its own.
TEST_MODEL = "gpt-3.5-turbo"


def test_create_and_get(api, stub, add_provider):
    created = add_provider(display_name="Größe 😀\u2028")
    assert created.provider_type == KIND
    assert created.display_name == "Größe 😀\u2028"
    assert created.enabled is True
    assert created.base_url == stub.url
    assert created.region is None
    assert created.created_at.tzinfo is not None
    assert api.get_provider(created.id) == created


def test_create_from_a_request_object(api, stub):
    provider = api.create_provider(
        ProviderCreate(display_name="Object", provider_type=KIND, credentials=stub.credentials)
    )
    assert api.get_provider(provider.id).display_name == "Object"
    api.delete_provider(provider.id)


def test_the_key_does_not_come_back(api, stub, add_provider):
    created = add_provider()
    assert stub.credentials["api_key"] not in repr(created) + api.list_providers().to_json()


def test_list(api, add_provider):
    mine = [add_provider(display_name=name).id for name in ("First", "Second")]
    listed = api.list_providers()
    assert listed.total == len(listed.providers)
    assert [provider.id for provider in listed.providers if provider.id in mine] == mine


def test_update(api, add_provider):
    provider = add_provider(display_name="Old")
    assert api.update_provider(provider.id, display_name="New").display_name == "New"
    assert api.update_provider(provider.id, ProviderUpdate(enabled=False)).enabled is False
    found = api.get_provider(provider.id)
    assert (found.display_name, found.enabled, found.base_url) == ("New", False, provider.base_url)


def test_update_credentials(api, stub, add_provider):
    stub.add(TEST_MODEL)
    provider = add_provider(credentials={**stub.credentials, "api_key": "sk-wrong"})
    assert api.test_existing_provider(provider.id).success is False
    api.update_provider(provider.id, credentials=stub.credentials)
    assert api.test_existing_provider(provider.id).success is True


def test_delete_takes_the_models_along(api, stub, find_models):
    stub.add("quick")
    model = find_models()["quick"]
    assert api.delete_provider(model.provider_account_id) is None
    with pytest.raises(
        NotFoundError, match=rf"^HTTP \d+: Provider account {model.provider_account_id} not found \("
    ):
        api.get_provider(model.provider_account_id)
    with pytest.raises(NotFoundError, match=r"^HTTP \d+: Model not found \("):
        api.get_model(model.id)


def test_delete_with_benchmarks_is_a_conflict(api, stub, find_models):
    stub.add("quick")
    model = find_models()["quick"]
    measure(api, model_ids=[model.id])
    with pytest.raises(ConflictError, match="benchmark history") as caught:
        api.delete_provider(model.provider_account_id)
    assert caught.value.status_code == 409
    assert api.get_provider(model.provider_account_id).id == model.provider_account_id


def test_catalog(api):
    catalog = api.get_provider_catalog()
    assert catalog.total == len(catalog.providers) > catalog.tested_count > 0
    spec = catalog.providers[KIND]
    assert (spec.id, spec.requires_base_url) == (KIND, True)
    regions = catalog.providers["aws_bedrock"].region_options
    assert all(isinstance(code, str) and isinstance(label, str) for code, label in regions)
    assert regions


def test_connection_before_it_is_saved(api, stub):
    stub.add(TEST_MODEL)
    result = api.test_provider_connection(
        display_name="Trial", provider_type=KIND, credentials=stub.credentials
    )
    assert result.success is True
    assert result.details["model_tested"] == TEST_MODEL
    assert len(stub.models[TEST_MODEL].calls) == 1


def test_a_failed_connection_is_an_answer(api, stub):
    wrong = ProviderCreate(
        display_name="Trial", provider_type=KIND, credentials={**stub.credentials, "api_key": "sk-wrong"}
    )
    result = api.test_provider_connection(wrong)
    assert result.success is False
    assert "wrong key" in result.message
    assert result.details["error_type"]


def test_connection_of_a_saved_provider(api, stub, add_provider):
    stub.add(TEST_MODEL)
    assert api.test_existing_provider(add_provider().id).success is True


def test_connection_of_a_local_provider(api, stub, add_provider):
    """Such a server is asked for its models; the key is not sent."""
    result = api.test_existing_provider(add_provider(provider_type="lm_studio").id)
    assert (result.success, result.details) == (False, {"status_code": 401})


def test_refresh_discovers_each_model_once(api, stub, add_provider):
    stub.add("first")
    provider = add_provider()
    refreshed = api.refresh_provider_models(provider.id)
    assert (refreshed.success, refreshed.models_discovered) == (True, 1)
    stub.add("second")
    assert api.refresh_provider_models(provider.id).models_discovered == 2
    assert sorted(model.model_id for model in api.iter_models(provider_id=provider.id)) == ["first", "second"]


def test_refresh_hides_a_refusal(api, stub, add_provider):
    provider = add_provider(credentials={**stub.credentials, "api_key": "sk-wrong"})
    refreshed = api.refresh_provider_models(provider.id)
    assert (refreshed.success, refreshed.models_discovered) == (True, 0)


def test_refresh_of_an_unknown_type(api, add_provider):
    provider = add_provider(provider_type="home-made")
    with pytest.raises(BadRequestError, match=r"^HTTP \d+: Model discovery not supported .*: home-made \("):
        api.refresh_provider_models(provider.id)
