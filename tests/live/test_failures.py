"""What the server refuses, and what the library makes of it."""

import uuid

import pytest

from chatsdk import (
    APIConnectionError,
    BadRequestError,
    Client,
    InternalServerError,
    InvalidRequestError,
    NotFoundError,
    UnprocessableEntityError,
)
from chatsdk.arguslm import ArgusLMError

from .stub import API_KEY

UNKNOWN = str(uuid.uuid4())

BY_ID = {
    "get_provider": lambda api, id: api.get_provider(id),
    "update_provider": lambda api, id: api.update_provider(id, display_name="New"),
    "delete_provider": lambda api, id: api.delete_provider(id),
    "test_existing_provider": lambda api, id: api.test_existing_provider(id),
    "refresh_provider_models": lambda api, id: api.refresh_provider_models(id),
    "get_model": lambda api, id: api.get_model(id),
    "update_model": lambda api, id: api.update_model(id, custom_name="New"),
    "get_benchmark": lambda api, id: api.get_benchmark(id),
    "get_benchmark_results": lambda api, id: api.get_benchmark_results(id),
    "export_benchmark": lambda api, id: api.export_benchmark(id),
    "wait_for_benchmark": lambda api, id: api.wait_for_benchmark(id, timeout=20),
    "update_alert_rule": lambda api, id: api.update_alert_rule(id, name="New"),
    "delete_alert_rule": lambda api, id: api.delete_alert_rule(id),
    "acknowledge_alert": lambda api, id: api.acknowledge_alert(id),
}


@pytest.mark.parametrize("method", BY_ID)
def test_an_unknown_id_is_not_found(api, method):
    with pytest.raises(NotFoundError, match="not found") as caught:
        BY_ID[method](api, UNKNOWN)
    assert isinstance(caught.value, ArgusLMError)
    assert (caught.value.service, caught.value.status_code) == ("arguslm", 404)


@pytest.mark.parametrize("method", BY_ID)
def test_text_that_is_no_id_is_unprocessable(api, method):
    with pytest.raises(UnprocessableEntityError, match="valid UUID") as caught:
        BY_ID[method](api, "not an id?#")
    assert isinstance(caught.value, ArgusLMError)


def test_an_id_cannot_lead_to_another_path(api):
    with pytest.raises(NotFoundError, match=r"^HTTP \d+: Not Found \("):
        api.get_model("../providers")


@pytest.mark.parametrize("method", BY_ID)
@pytest.mark.parametrize("id", ["", ".", ".."])
def test_an_id_that_leads_elsewhere_is_not_sent(api, method, id):
    with pytest.raises(InvalidRequestError):
        BY_ID[method](api, id)


def test_values_outside_their_limits(api):
    for call, named in [
        (lambda: api.list_models(limit=501), "query.limit"),
        (lambda: api.get_uptime_history(limit=0), "query.limit"),
        (lambda: api.list_benchmarks(per_page=101), "query.per_page"),
        (lambda: api.get_recent_alerts(limit=51), "query.limit"),
        (lambda: api.export_uptime_history(format="xml"), "query.format"),
        (lambda: api.update_monitoring_config(interval_minutes=0), "body.interval_minutes"),
        (lambda: api.start_benchmark(model_ids=[], prompt_pack="health_check"), "body.model_ids"),
        (lambda: api.create_alert_rule(name="", rule_type="any_model_down"), "body.name"),
    ]:
        with pytest.raises(UnprocessableEntityError, match=named):
            call()


def test_an_unknown_model_cannot_be_measured(api):
    with pytest.raises(BadRequestError, match=rf"^HTTP \d+: Model IDs not found: {UNKNOWN} \("):
        api.start_benchmark(model_ids=[UNKNOWN], prompt_pack="health_check")


def test_a_key_that_the_server_echoes_stays_hidden(api):
    with pytest.raises(UnprocessableEntityError) as caught:
        api.create_provider(display_name=[API_KEY], provider_type="openai", credentials={"api_key": API_KEY})
    assert API_KEY not in str(caught.value)


def test_an_unhandled_failure_is_plain_text(api):
    config = api.get_monitoring_config()
    with pytest.raises(InternalServerError, match="Internal Server Error") as caught:
        api.update_monitoring_config(interval_minutes=10**12)
    assert caught.value.status_code == 500
    # The server has closed that connection; the next call must not notice.
    api.update_monitoring_config(interval_minutes=config.interval_minutes, enabled=config.enabled)


def test_the_escape_hatch(api):
    assert api.request("GET", "/health").json() == {"status": "healthy"}
    with pytest.raises(NotFoundError, match=r"^HTTP \d+: Not Found \("):
        api.request("GET", "/api/v1/nowhere")


def test_an_address_with_a_slash_at_its_end(base_url):
    with Client(arguslm=base_url + "/") as client:
        assert client.arguslm.get_unread_alert_count().count >= 0


def test_a_refused_connection(stub):
    stub.close()
    with Client(arguslm=stub.url, max_retries=0) as client, pytest.raises(APIConnectionError):
        client.arguslm.list_providers()
