"""ArgusLM."""

import re

from chatsdk.arguslm import ArgusLMError

BASE = ArgusLMError

OFFERED = {
    "GET /api/v1/providers",
    "POST /api/v1/providers",
    "GET /api/v1/providers/catalog",
    "POST /api/v1/providers/test-connection",
    "GET /api/v1/providers/{id}",
    "PATCH /api/v1/providers/{id}",
    "DELETE /api/v1/providers/{id}",
    "POST /api/v1/providers/{id}/test",
    "POST /api/v1/providers/{id}/refresh-models",
    "GET /api/v1/models",
    "POST /api/v1/models",
    "GET /api/v1/models/{id}",
    "PATCH /api/v1/models/{id}",
    "GET /api/v1/monitoring/config",
    "PATCH /api/v1/monitoring/config",
    "POST /api/v1/monitoring/run",
    "GET /api/v1/monitoring/uptime",
    "GET /api/v1/monitoring/uptime/export",
    "GET /api/v1/monitoring/prompt-packs",
    "GET /api/v1/benchmarks",
    "POST /api/v1/benchmarks",
    "GET /api/v1/benchmarks/{id}",
    "GET /api/v1/benchmarks/{id}/results",
    "GET /api/v1/benchmarks/{id}/export",
    "GET /api/v1/alerts/rules",
    "POST /api/v1/alerts/rules",
    "PATCH /api/v1/alerts/rules/{id}",
    "DELETE /api/v1/alerts/rules/{id}",
    "GET /api/v1/alerts",
    "GET /api/v1/alerts/recent",
    "GET /api/v1/alerts/unread-count",
    "PATCH /api/v1/alerts/{id}/acknowledge",
}
WITHOUT_METHOD = {
    # Its own health, a route that does not exist, the address of a WebSocket.
    "GET /",
    "GET /health",
    "GET /api/v1/nope",
    "GET /api/v1/benchmarks/{id}/stream",
    # The wrong method.
    "PUT /api/v1/providers",
    "HEAD /api/v1/providers",
    "DELETE /api/v1/models/{id}",
    "DELETE /api/v1/benchmarks/{id}",
    "GET /api/v1/alerts/rules/{id}",
    "POST /api/v1/alerts/{id}/acknowledge",
}
DOWNLOADS = {"GET /api/v1/monitoring/uptime/export", "GET /api/v1/benchmarks/{id}/export"}
_WITH_ID = re.compile(
    r"^(/api/v1/(?:providers|models|benchmarks|alerts/rules|alerts))"
    r"/(?!(?:catalog|test-connection|rules|recent|unread-count)(?:/|$))(.+?)"
    r"(/(?:test|refresh-models|results|export|stream|acknowledge))?$"
)

KNOWN_EXTRAS = set()

DEFAULTS = {
    "GET /api/v1/models": {"limit", "offset"},
    "GET /api/v1/monitoring/uptime": {"limit", "offset"},
    "GET /api/v1/benchmarks": {"page", "per_page"},
    "GET /api/v1/alerts": {"limit", "offset"},
    "GET /api/v1/alerts/recent": {"limit"},
}
NOT_SENDABLE = {
    "models_list_by_provider_account_id_ignored": {"provider_account_id"},  # which the server ignores
    "uptime_export_json_start_date": {"start_date"},  # goes out as the first moment of that day
}

# What the methods need, and some refused requests lack.
_NEEDED = {
    "POST /api/v1/providers": {"display_name": "a name", "provider_type": "a type"},
    "POST /api/v1/providers/test-connection": {"display_name": "a name", "provider_type": "a type"},
    "POST /api/v1/models": {"provider_account_id": "an id", "model_id": "a model"},
    "POST /api/v1/benchmarks": {"model_ids": [], "prompt_pack": "a pack"},
    "POST /api/v1/alerts/rules": {"name": "a name", "rule_type": "a type"},
}


def endpoint(recording):
    return recording.method + " " + _WITH_ID.sub(r"\1/{id}\3", recording.path.partition("?")[0])


def secrets(recording):
    body = recording.json if isinstance(recording.json, dict) else {}
    return list((body.get("credentials") or {}).values())


def call(service, recording):
    skipped = NOT_SENDABLE.get(recording.name, ())
    query = {name: value for name, value in recording.request["query"].items() if name not in skipped}
    body = recording.json if isinstance(recording.json, dict) else {}
    body = {**_NEEDED.get(recording.endpoint, {}), **body}
    ids = recording.ids
    calls = {
        "GET /api/v1/providers": service.list_providers,
        "POST /api/v1/providers": lambda: service.create_provider(body),
        "GET /api/v1/providers/catalog": service.get_provider_catalog,
        "POST /api/v1/providers/test-connection": lambda: service.test_provider_connection(body),
        "GET /api/v1/providers/{id}": lambda: service.get_provider(*ids),
        "PATCH /api/v1/providers/{id}": lambda: service.update_provider(*ids, body),
        "DELETE /api/v1/providers/{id}": lambda: service.delete_provider(*ids),
        "POST /api/v1/providers/{id}/test": lambda: service.test_existing_provider(*ids),
        "POST /api/v1/providers/{id}/refresh-models": lambda: service.refresh_provider_models(*ids),
        "GET /api/v1/models": lambda: service.list_models(**query),
        "POST /api/v1/models": lambda: service.create_model(body),
        "GET /api/v1/models/{id}": lambda: service.get_model(*ids),
        "PATCH /api/v1/models/{id}": lambda: service.update_model(*ids, body),
        "GET /api/v1/monitoring/config": service.get_monitoring_config,
        "PATCH /api/v1/monitoring/config": lambda: service.update_monitoring_config(body),
        "POST /api/v1/monitoring/run": service.run_monitoring,
        "GET /api/v1/monitoring/uptime": lambda: service.get_uptime_history(**query),
        "GET /api/v1/monitoring/uptime/export": lambda: service.export_uptime_history(**query),
        "GET /api/v1/monitoring/prompt-packs": service.list_prompt_packs,
        "GET /api/v1/benchmarks": lambda: service.list_benchmarks(**query),
        "POST /api/v1/benchmarks": lambda: service.start_benchmark(body),
        "GET /api/v1/benchmarks/{id}": lambda: service.get_benchmark(*ids),
        "GET /api/v1/benchmarks/{id}/results": lambda: service.get_benchmark_results(*ids),
        "GET /api/v1/benchmarks/{id}/export": lambda: service.export_benchmark(*ids, **query),
        "GET /api/v1/alerts/rules": service.list_alert_rules,
        "POST /api/v1/alerts/rules": lambda: service.create_alert_rule(body),
        "PATCH /api/v1/alerts/rules/{id}": lambda: service.update_alert_rule(*ids, body),
        "DELETE /api/v1/alerts/rules/{id}": lambda: service.delete_alert_rule(*ids),
        "GET /api/v1/alerts": lambda: service.list_alerts(**query),
        "GET /api/v1/alerts/recent": lambda: service.get_recent_alerts(**query),
        "GET /api/v1/alerts/unread-count": service.get_unread_alert_count,
        "PATCH /api/v1/alerts/{id}/acknowledge": lambda: service.acknowledge_alert(*ids),
    }
    return calls[recording.endpoint]()


def listed(recording):
    return recording.decoded
