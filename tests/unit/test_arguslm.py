import json
import pickle
import re
from datetime import date, datetime, timedelta, timezone
from urllib.parse import parse_qsl, urlsplit

import pytest
import responses

from chatsdk import Client, Service, arguslm, errors
from chatsdk._core.result_list import ResultList
from chatsdk.arguslm import ArgusLMError, ModelUpdate, ProviderCreate

from .helpers import sent_json

ARGUS = "https://argus.example"
API = ARGUS + "/api/v1"
ID = "0b9f6a52-6a3e-4a8e-8a43-6f2f6b7d1c10"
KEY = "sk-argus-1"


def service(**settings):
    return Client(arguslm=Service(ARGUS, **{"api_key": KEY, "max_retries": 0, **settings})).arguslm


@pytest.fixture
def api():
    with service() as api:
        yield api


def query_of(call):
    return parse_qsl(urlsplit(call.request.url).query, keep_blank_values=True)


PAGE = [("limit", "100"), ("offset", "0")]
CREDENTIALS = {"api_key": "sk-provider-1"}

# Method, its arguments, what is sent (method, path, query, JSON), what comes back, and as what.
CALLS = [
    ("list_providers", [], {}, "GET /providers", [], None, {"providers": []}, "ProviderList"),
    (
        "create_provider",
        [ProviderCreate("n", "openai", CREDENTIALS)],
        {},
        "POST /providers",
        [],
        {"display_name": "n", "provider_type": "openai", "credentials": CREDENTIALS},
        {"id": ID},
        "Provider",
    ),
    ("get_provider", [ID], {}, f"GET /providers/{ID}", [], None, {"id": ID}, "Provider"),
    (
        "update_provider",
        [ID],
        {"enabled": False},
        f"PATCH /providers/{ID}",
        [],
        {"enabled": False},
        {"id": ID},
        "Provider",
    ),
    ("delete_provider", [ID], {}, f"DELETE /providers/{ID}", [], None, None, None),
    (
        "get_provider_catalog",
        [],
        {},
        "GET /providers/catalog",
        [],
        None,
        {"providers": {}},
        "ProviderCatalog",
    ),
    (
        "test_provider_connection",
        [],
        {"display_name": "n", "provider_type": "ollama"},
        "POST /providers/test-connection",
        [],
        {"display_name": "n", "provider_type": "ollama"},
        {"success": False},
        "ProviderTestResult",
    ),
    (
        "test_existing_provider",
        [ID],
        {},
        f"POST /providers/{ID}/test",
        [],
        None,
        {"success": True},
        "ProviderTestResult",
    ),
    (
        "refresh_provider_models",
        [ID],
        {},
        f"POST /providers/{ID}/refresh-models",
        [],
        None,
        {"success": True},
        "ModelRefresh",
    ),
    ("list_models", [], {}, "GET /models", PAGE, None, {"items": []}, "ModelList"),
    (
        "list_models",
        [],
        {
            "provider_id": ID,
            "enabled_for_monitoring": True,
            "enabled_for_benchmark": False,
            "search": "gpt 4",
            "limit": 20,
            "offset": 40,
        },
        "GET /models",
        [
            ("provider_id", ID),
            ("enabled_for_monitoring", "true"),
            ("enabled_for_benchmark", "false"),
            ("search", "gpt 4"),
            ("limit", "20"),
            ("offset", "40"),
        ],
        None,
        {"items": []},
        "ModelList",
    ),
    ("get_model", [ID], {}, f"GET /models/{ID}", [], None, {"id": ID}, "ModelInfo"),
    (
        "create_model",
        [],
        {"provider_account_id": ID, "model_id": "gpt-4", "custom_name": "G", "metadata": {"a": None}},
        "POST /models",
        [],
        {"provider_account_id": ID, "model_id": "gpt-4", "custom_name": "G", "metadata": {"a": None}},
        {"id": ID},
        "ModelInfo",
    ),
    (
        "update_model",
        [ID, ModelUpdate("P", True, False)],
        {},
        f"PATCH /models/{ID}",
        [],
        {"custom_name": "P", "enabled_for_monitoring": True, "enabled_for_benchmark": False},
        {"id": ID},
        "ModelInfo",
    ),
    (
        "get_monitoring_config",
        [],
        {},
        "GET /monitoring/config",
        [],
        None,
        {"interval_minutes": 15},
        "MonitoringConfig",
    ),
    (
        "update_monitoring_config",
        [],
        {"interval_minutes": 5, "prompt_pack": "shakespeare", "enabled": False},
        "PATCH /monitoring/config",
        [],
        {"interval_minutes": 5, "prompt_pack": "shakespeare", "enabled": False},
        {"interval_minutes": 5},
        "MonitoringConfig",
    ),
    ("run_monitoring", [], {}, "POST /monitoring/run", [], None, {"run_id": ID}, "MonitoringRun"),
    ("get_uptime_history", [], {}, "GET /monitoring/uptime", PAGE, None, {"items": []}, "UptimeHistory"),
    (
        "get_uptime_history",
        [],
        {
            "model_id": ID,
            "status": "down",
            "since": "2025-01-01",
            "enabled_only": True,
            "limit": 5,
            "offset": 9,
        },
        "GET /monitoring/uptime",
        [
            ("model_id", ID),
            ("status", "down"),
            ("since", "2025-01-01T00:00:00Z"),
            ("enabled_only", "true"),
            ("limit", "5"),
            ("offset", "9"),
        ],
        None,
        {"items": []},
        "UptimeHistory",
    ),
    ("list_prompt_packs", [], {}, "GET /monitoring/prompt-packs", [], None, [{"id": "p"}], "ResultList"),
    (
        "start_benchmark",
        [],
        {"model_ids": [ID], "prompt_pack": "shakespeare", "name": "n", "max_tokens": 20, "num_runs": 1},
        "POST /benchmarks",
        [],
        {"model_ids": [ID], "prompt_pack": "shakespeare", "name": "n", "max_tokens": 20, "num_runs": 1},
        {"id": ID},
        "BenchmarkStart",
    ),
    (
        "list_benchmarks",
        [],
        {},
        "GET /benchmarks",
        [("page", "1"), ("per_page", "20")],
        None,
        {"runs": []},
        "BenchmarkList",
    ),
    (
        "list_benchmarks",
        [],
        {"page": 2, "per_page": 10, "status": "failed"},
        "GET /benchmarks",
        [("page", "2"), ("per_page", "10"), ("status", "failed")],
        None,
        {"runs": []},
        "BenchmarkList",
    ),
    (
        "get_benchmark",
        [ID],
        {},
        f"GET /benchmarks/{ID}",
        [],
        None,
        {"id": ID, "results": []},
        "BenchmarkDetail",
    ),
    (
        "get_benchmark_results",
        [ID],
        {},
        f"GET /benchmarks/{ID}/results",
        [],
        None,
        {"results": []},
        "BenchmarkResults",
    ),
    ("list_alert_rules", [], {}, "GET /alerts/rules", [], None, [{"id": ID}], "ResultList"),
    (
        "create_alert_rule",
        [],
        {
            "name": "n",
            "rule_type": "specific_model_down",
            "target_model_id": ID,
            "target_model_name": "m",
            "enabled": True,
            "notify_in_app": False,
        },
        "POST /alerts/rules",
        [],
        {
            "name": "n",
            "rule_type": "specific_model_down",
            "target_model_id": ID,
            "target_model_name": "m",
            "enabled": True,
            "notify_in_app": False,
        },
        {"id": ID},
        "AlertRule",
    ),
    (
        "update_alert_rule",
        [ID],
        {"name": "x", "enabled": False, "notify_in_app": True},
        f"PATCH /alerts/rules/{ID}",
        [],
        {"name": "x", "enabled": False, "notify_in_app": True},
        {"id": ID},
        "AlertRule",
    ),
    ("delete_alert_rule", [ID], {}, f"DELETE /alerts/rules/{ID}", [], None, None, None),
    (
        "list_alerts",
        [],
        {},
        "GET /alerts",
        [("limit", "50"), ("offset", "0")],
        None,
        {"items": []},
        "AlertList",
    ),
    (
        "list_alerts",
        [],
        {"acknowledged": False, "rule_id": ID, "since": datetime(2025, 1, 1), "limit": 5, "offset": 5},
        "GET /alerts",
        [
            ("acknowledged", "false"),
            ("rule_id", ID),
            ("since", "2025-01-01T00:00:00Z"),
            ("limit", "5"),
            ("offset", "5"),
        ],
        None,
        {"items": []},
        "AlertList",
    ),
    ("acknowledge_alert", [ID], {}, f"PATCH /alerts/{ID}/acknowledge", [], None, {"id": ID}, "Alert"),
    ("get_unread_alert_count", [], {}, "GET /alerts/unread-count", [], None, {"count": 3}, "UnreadCount"),
    (
        "get_recent_alerts",
        [],
        {},
        "GET /alerts/recent",
        [("limit", "10")],
        None,
        {"items": []},
        "RecentAlerts",
    ),
    (
        "get_recent_alerts",
        [],
        {"limit": 5},
        "GET /alerts/recent",
        [("limit", "5")],
        None,
        {"items": []},
        "RecentAlerts",
    ),
]


@pytest.mark.parametrize(
    ("method", "args", "fields", "request_line", "query", "body", "answer", "kind"),
    [pytest.param(*call, id=f"{call[0]}-{number}") for number, call in enumerate(CALLS)],
)
def test_what_a_method_sends_and_returns(
    http, api, method, args, fields, request_line, query, body, answer, kind
):
    verb, path = request_line.split(" ")
    if answer is None:
        http.add(verb, API + path, status=204, content_type="application/json")
    else:
        http.add(verb, API + path, json=answer, status={"POST": 201}.get(verb, 200))
    result = getattr(api, method)(*args, **fields)
    assert type(result).__name__ == (kind or "NoneType")
    (call,) = http.calls
    assert query_of(call) == query
    assert call.request.headers["Accept"] == "application/json"
    if body is None:
        assert not call.request.body
    else:
        assert sent_json(http) == body
        assert call.request.headers["Content-Type"] == "application/json"


def test_every_method_is_in_the_table():
    public = {
        name
        for part in arguslm.ArgusLM.__mro__
        if part.__module__.startswith("chatsdk.arguslm.")
        for name in vars(part)
        if not name.startswith("_") and callable(getattr(part, name))
    }
    elsewhere = {
        "iter_models",
        "iter_uptime_history",
        "iter_benchmarks",
        "iter_alerts",
        "export_uptime_history",
        "export_benchmark",
        "stream_benchmark",
        "wait_for_benchmark",
    }
    in_table = {call[0] for call in CALLS}
    assert public == in_table | elsewhere
    for name in public:
        words = getattr(arguslm.ArgusLM, name).__doc__.split()
        assert {"GET", "POST", "PATCH", "DELETE", "WebSocket"} & set(words), name


@pytest.mark.parametrize(
    ("args", "fields"),
    [
        ([ProviderCreate("n", "openai", CREDENTIALS)], {}),
        ([ProviderCreate("other", "openai", CREDENTIALS)], {"display_name": "n"}),
        ([{"display_name": "n", "provider_type": "openai", "credentials": CREDENTIALS}], {}),
        ([], {"display_name": "n", "provider_type": "openai", "credentials": CREDENTIALS}),
    ],
)
def test_one_call_in_all_its_forms(http, api, args, fields):
    http.add("POST", API + "/providers", json={"id": ID})
    api.create_provider(*args, **fields)
    assert sent_json(http) == {"display_name": "n", "provider_type": "openai", "credentials": CREDENTIALS}


@pytest.mark.parametrize(
    ("method", "args", "fields", "word"),
    [
        ("create_provider", [], {"display_name": "n"}, "provider_type"),
        ("create_provider", [], {"name": "n", "provider_type": "x", "display_name": "n"}, "name"),
        ("create_provider", [ModelUpdate()], {}, "ModelUpdate"),
        ("update_provider", [ID, "x"], {}, "str"),
        ("update_model", [ID], {"name": "x"}, "name"),
        ("start_benchmark", [], {}, "model_ids, prompt_pack"),
        ("create_alert_rule", [], {"name": "x"}, "rule_type"),
        ("get_uptime_history", [], {"since": 5}, "int"),
        ("list_models", [ID], {}, "positional"),
    ],
)
def test_what_is_a_mistake_of_the_caller(api, method, args, fields, word):
    with pytest.raises(TypeError, match=word):
        getattr(api, method)(*args, **fields)


@pytest.mark.parametrize(
    ("method", "args"),
    [
        ("get_provider", [""]),
        ("get_provider", [".."]),
        ("update_provider", [None]),
        ("delete_provider", [" "]),
        ("test_existing_provider", ["."]),
        ("refresh_provider_models", [""]),
        ("get_model", [""]),
        ("update_model", [""]),
        ("get_benchmark", [""]),
        ("get_benchmark_results", [""]),
        ("export_benchmark", [""]),
        ("stream_benchmark", [""]),
        ("wait_for_benchmark", [""]),
        ("update_alert_rule", [""]),
        ("delete_alert_rule", [""]),
        ("acknowledge_alert", [".."]),
    ],
)
def test_an_id_that_would_reach_another_endpoint(api, method, args):
    with pytest.raises(errors.InvalidRequestError) as caught:
        getattr(api, method)(*args)
    assert isinstance(caught.value, ArgusLMError)


def test_ids_are_quoted(http, api):
    http.add("GET", API + "/models/..%2Fproviders%3Fa%3D1", status=404, json={"detail": "Not Found"})
    with pytest.raises(errors.NotFoundError, match=r"^HTTP \d+: Not Found \("):
        api.get_model("../providers?a=1")


class TestUpdates:
    """What is not given is left alone, what is empty or false goes out."""

    @pytest.mark.parametrize(
        ("fields", "sent"),
        [
            ({}, {}),
            ({"custom_name": None, "enabled_for_benchmark": False}, {"enabled_for_benchmark": False}),
            ({"custom_name": ""}, {"custom_name": ""}),
            ({"custom_name": "  "}, {"custom_name": "  "}),
        ],
    )
    def test_of_a_model(self, http, api, fields, sent):
        http.add("PATCH", f"{API}/models/{ID}", json={"id": ID})
        api.update_model(ID, **fields)
        api.update_model(ID, ModelUpdate(**fields))
        assert [sent_json(http, 0), sent_json(http, 1)] == [sent, sent]

    def test_null_in_a_dict_is_not_sent(self, http, api):
        http.add("POST", API + "/benchmarks", json={"id": ID})
        api.start_benchmark({"model_ids": [ID], "prompt_pack": "p", "num_runs": None, "brand_new": None})
        assert sent_json(http) == {"model_ids": [ID], "prompt_pack": "p"}


class TestMoments:
    @pytest.mark.parametrize(
        ("given", "sent"),
        [
            (datetime(2025, 1, 1, 12, 30), "2025-01-01T12:30:00Z"),
            (datetime(2025, 1, 1, 2, tzinfo=timezone(timedelta(hours=2))), "2025-01-01T00:00:00Z"),
            (datetime(2025, 1, 1, 0, 0, 0, 5, timezone.utc), "2025-01-01T00:00:00.000005Z"),
            (date(2025, 1, 31), "2025-01-31T00:00:00Z"),
            ("2025-01-01", "2025-01-01T00:00:00Z"),
            ("2025-01-01T00:00:00", "2025-01-01T00:00:00Z"),
            ("2025-01-01 05:00:00+05:00", "2025-01-01T00:00:00Z"),
            ("2025-01-01T00:00:00Z", "2025-01-01T00:00:00Z"),
            ("yesterday", "yesterday"),
            ("", ""),
        ],
    )
    def test_always_in_utc(self, http, api, given, sent):
        http.add("GET", API + "/monitoring/uptime", json={"items": []})
        http.add("GET", API + "/monitoring/uptime/export", json={"checks": []})
        http.add("GET", API + "/alerts", json={"items": []})
        api.get_uptime_history(since=given)
        list(api.iter_uptime_history(since=given))
        api.list_alerts(since=given)
        list(api.iter_alerts(since=given))
        api.export_uptime_history(start_date=given, end_date=given).close()
        queries = [dict(query_of(call)) for call in http.calls]
        assert [query.get("since") for query in queries] == [sent] * 4 + [None]
        assert (queries[4]["start_date"], queries[4]["end_date"]) == (sent, sent)

    @pytest.mark.parametrize(
        "written",
        [
            "2026-11-20T09:41:03",
            "2026-11-20T09:41:03.000000",
            "2026-11-20T09:41:03Z",
            "2026-11-20T09:41:03.000000+00:00",
        ],
    )
    def test_of_answers_are_aware(self, http, api, written):
        http.add("GET", f"{API}/models/{ID}", json={"id": ID, "created_at": written})
        assert api.get_model(ID).created_at == datetime(2026, 11, 20, 9, 41, 3, tzinfo=timezone.utc)


class TestAnswers:
    def test_name_of_a_provider(self, http, api):
        body = {"providers": [{"id": ID, "display_name": "OpenAI Production"}], "total": 1}
        http.add("GET", API + "/providers", json=body)
        (provider,) = api.list_providers()
        assert provider.name == provider.display_name == "OpenAI Production"
        assert "name" not in provider.to_dict()

    def test_catalog(self, http, api):
        specs = {
            "openai": {"id": "openai", "tested": True, "region_options": []},
            "bedrock": {"id": "bedrock", "region_options": [["us-east-1", "US East"]]},
        }
        http.add("GET", API + "/providers/catalog", json={"providers": specs, "total": 2, "tested_count": 1})
        catalog = api.get_provider_catalog()
        assert catalog.providers["openai"].tested is True
        assert catalog["providers"]["bedrock"]["region_options"] == [["us-east-1", "US East"]]
        assert catalog.to_dict()["providers"]["bedrock"]["region_options"] == [["us-east-1", "US East"]]

    @pytest.mark.parametrize("body", [{}, {"providers": None}, {"providers": []}])
    def test_a_catalog_without_providers(self, http, api, body):
        http.add("GET", API + "/providers/catalog", json=body)
        with pytest.raises(errors.APIResponseError):
            api.get_provider_catalog()

    def test_a_check_of_a_model_that_is_down(self, http, api):
        item = {
            "id": "c",
            "status": "down",
            "ttft_ms": None,
            "tps": None,
            "latency_ms": None,
            "error": "x\u2028y",
        }
        http.add("GET", API + "/monitoring/uptime", json={"items": [item], "total": 1})
        (check,) = api.get_uptime_history().items
        assert (check.ttft_ms, check.tps, check.latency_ms, check.output_tokens) == (None, None, None, None)
        assert (check.status, check.error) == ("down", "x\u2028y")

    def test_new_words(self, http, api):
        item = {"id": "c", "status": "degraded"}
        http.add("GET", API + "/monitoring/uptime", json={"items": [item]})
        assert api.get_uptime_history().items[0].status == "degraded"

    def test_bare_lists_are_records(self, http, api):
        http.add("GET", API + "/alerts/rules", json=[{"id": "1", "name": "a"}, {"id": "2", "name": "b"}])
        rules = api.list_alert_rules()
        assert isinstance(rules, ResultList)
        assert [row["name"] for row in rules.to_rows()] == ["a", "b"]

    @pytest.mark.parametrize(
        ("method", "path", "body"),
        [
            ("list_models", "/models", {"total": 3}),
            ("list_models", "/models", [{"id": ID}]),
            ("get_provider", f"/providers/{ID}", {}),
            ("get_benchmark", f"/benchmarks/{ID}", {"id": ID}),
            ("list_alert_rules", "/alerts/rules", {"items": []}),
            ("get_unread_alert_count", "/alerts/unread-count", {"unread": 1}),
        ],
    )
    def test_an_answer_without_what_was_asked_for(self, http, api, method, path, body):
        http.add("GET", API + path, json=body)
        with pytest.raises(errors.APIResponseError) as caught:
            getattr(api, method)(*([ID] if ID in path else []))
        assert isinstance(caught.value, ArgusLMError)


class TestFailures:
    @pytest.mark.parametrize(
        ("status", "body", "kind", "text"),
        [
            (400, {"detail": "Model IDs not found: "}, errors.BadRequestError, "Model IDs not found:"),
            (401, "<html><title>Who?</title>", errors.AuthenticationError, "Who?"),
            (403, {"detail": "No"}, errors.PermissionDeniedError, "No"),
            (404, {"detail": "Model not found"}, errors.NotFoundError, "Model not found"),
            (409, {"detail": "In use"}, errors.ConflictError, "In use"),
            (
                422,
                {
                    "detail": [
                        {"type": "t", "loc": ["path", "id"], "msg": "bad uuid", "input": "secret-input"}
                    ]
                },
                errors.UnprocessableEntityError,
                "path.id: bad uuid",
            ),
            (429, "slow down", errors.RateLimitError, "slow down"),
            (500, "Internal Server Error", errors.InternalServerError, "Internal Server Error"),
            (500, {"detail": "discovery failed"}, errors.InternalServerError, "discovery failed"),
        ],
    )
    def test_class_and_text(self, http, api, status, body, kind, text):
        given = {"body": body} if isinstance(body, str) else {"json": body}
        http.add("DELETE", f"{API}/providers/{ID}", status=status, **given)
        with pytest.raises(kind) as caught:
            api.delete_provider(ID)
        assert caught.value.message == text
        assert isinstance(caught.value, ArgusLMError)
        assert (caught.value.service, caught.value.status_code) == ("arguslm", status)

    def test_an_invalid_id_is_no_unknown_one(self, http, api):
        body = {"detail": [{"type": "uuid_parsing", "loc": ["path", "provider_id"], "msg": "no UUID"}]}
        http.add("GET", API + "/providers/invalid-id", status=422, json=body)
        with pytest.raises(arguslm.UnprocessableEntityError) as caught:
            api.get_provider("invalid-id")
        assert not isinstance(caught.value, arguslm.NotFoundError)

    def test_a_redirect_is_not_followed(self, http, api):
        http.add("GET", f"{API}/models/{ID}", status=307, headers={"Location": API + "/models"})
        with pytest.raises(errors.APIStatusError, match="fix base_url"):
            api.get_model(ID)


class TestCredentials:
    """What a provider's credentials hold is never shown."""

    SECRETS = ("sk-provider-1", "AKIA-nested", "in-a-list", "päss")

    @pytest.fixture
    def given(self):
        nested = {"access": "AKIA-nested", "more": ["in-a-list", {"x": "päss"}], "port": 1, "none": None}
        return {"api_key": "sk-provider-1", "aws": nested}

    def echo(self, given):
        item = {"type": "missing", "loc": ["body", "display_name"], "msg": "Field required", "input": given}
        return {"detail": [item, {"msg": "bad key sk-provider-1", "loc": ["body"], "input": given}]}

    def failing_call(self, http, api, method, given):
        verb, path = {
            "create_provider": ("POST", "/providers"),
            "test_provider_connection": ("POST", "/providers/test-connection"),
            "update_provider": ("PATCH", f"/providers/{ID}"),
        }[method]
        http.add(verb, API + path, status=422, json=self.echo(given))
        args = [ID] if method == "update_provider" else []
        with pytest.raises(errors.UnprocessableEntityError) as caught:
            getattr(api, method)(*args, {"display_name": "n", "provider_type": "t", "credentials": given})
        return caught.value

    @pytest.mark.parametrize("method", ["create_provider", "test_provider_connection", "update_provider"])
    def test_not_in_errors(self, http, api, method, given):
        error = self.failing_call(http, api, method, given)
        again = pickle.loads(pickle.dumps(error))
        for shown in (str(error), repr(error), json.dumps(error.body), repr(again), str(vars(again))):
            for secret in self.SECRETS:
                assert secret not in shown
                assert json.dumps(secret)[1:-1] not in shown
        assert "Field required" in str(error)
        assert pickle.dumps(error).count(b"sk-provider") == 0

    def test_not_where_a_text_was_given_instead(self, http, api):
        error = self.failing_call(http, api, "create_provider", "sk-just-the-key")
        assert "sk-just-the-key" not in json.dumps(error.body)

    def test_not_in_an_answer_that_cannot_be_read(self, http, api, given):
        http.add("POST", API + "/providers", body="sk-provider-1 is no JSON")
        with pytest.raises(errors.APIResponseError) as caught:
            api.create_provider(display_name="n", provider_type="t", credentials=given)
        assert caught.value.body == "*** is no JSON"

    def test_not_in_repr(self, given):
        for request in (ProviderCreate("n", "t", given), arguslm.ProviderUpdate(credentials=given)):
            assert "sk-provider-1" not in f"{request} {[request]!r}"
            assert request.to_dict()["credentials"] == given

    def test_that_hold_themselves(self, api):
        circle = {"api_key": "k"}
        circle["again"] = [circle]
        with pytest.raises(errors.InvalidRequestError, match="itself"):
            api.create_provider(display_name="n", provider_type="t", credentials=circle)


class TestPatience:
    """The default timeout of slow calls is a minute."""

    CALLS = (
        ("test_provider_connection", [{"display_name": "n", "provider_type": "t"}]),
        ("test_existing_provider", [ID]),
        ("refresh_provider_models", [ID]),
    )

    def read_timeout(self, http, api, method, args):
        http.add("POST", re.compile(API + "/providers/.*"), json={"success": True})
        getattr(api, method)(*args)
        return http.calls[-1].request.req_kwargs["timeout"].read_timeout

    @pytest.mark.parametrize(("method", "args"), CALLS)
    @pytest.mark.parametrize(
        ("settings", "seconds"), [({}, 60), ({"timeout": 7}, 7), ({"timeout": (1, 90)}, 90)]
    )
    def test_from_settings(self, http, method, args, settings, seconds):
        assert self.read_timeout(http, service(**settings), method, args) == seconds

    @pytest.mark.parametrize(("method", "args"), CALLS)
    def test_from_options(self, http, api, method, args):
        assert self.read_timeout(http, api.with_options(timeout=20), method, args) == 20
        assert self.read_timeout(http, api.with_options(headers={"X-A": "b"}), method, args) == 60

    def test_other_calls_keep_theirs(self, http, api):
        http.add("GET", f"{API}/providers/{ID}", json={"id": ID})
        self.read_timeout(http, api, "test_existing_provider", [ID])
        api.get_provider(ID)
        assert http.calls[-1].request.req_kwargs["timeout"].read_timeout == 30


class TestDownloads:
    def test_uptime(self, http, api):
        headers = {"Content-Disposition": 'attachment; filename="uptime_history.csv"'}
        http.add("GET", API + "/monitoring/uptime/export", body=b"a,b\r\n", headers=headers)
        download = api.export_uptime_history(format="csv", model_id=ID)
        assert (download.content, download.filename) == (b"a,b\r\n", "uptime_history.csv")
        assert query_of(http.calls[0]) == [("format", "csv"), ("model_id", ID)]

    def test_benchmark(self, http, api):
        http.add("GET", f"{API}/benchmarks/{ID}/export", json={"run_id": ID})
        assert json.loads(api.export_benchmark(ID).text) == {"run_id": ID}
        assert api.export_benchmark(ID, "csv").content
        assert [query_of(call) for call in http.calls] == [[("format", "json")], [("format", "csv")]]

    def test_the_server_judges_the_format(self, http, api):
        http.add("GET", API + "/monitoring/uptime/export", status=422, json={"detail": [{"msg": "no xml"}]})
        with pytest.raises(errors.UnprocessableEntityError, match="no xml"):
            api.export_uptime_history(format="xml")


class TestTotals:
    """The number of calls of a run is remembered, since no endpoint returns it."""

    @pytest.mark.parametrize(
        ("fields", "total"),
        [
            ({"model_ids": ["a", "b"], "num_runs": 5}, 10),
            ({"model_ids": ["a", "b"]}, 6),
            ({"model_ids": ("a",), "num_runs": 1}, 1),
            ({"model_ids": ["a", "b"], "num_runs": "5"}, 0),
        ],
    )
    def test_of_a_start(self, http, api, fields, total):
        http.add("POST", API + "/benchmarks", json={"id": ID})
        api.with_options(timeout=5).start_benchmark({"prompt_pack": "p", **fields})
        assert api._expected_calls[ID] == total

    def test_only_the_last_are_kept(self, http, api):
        api._expected_calls.update({str(number): number for number in range(1000)})
        http.add("POST", API + "/benchmarks", json={"id": ID})
        api.start_benchmark(model_ids=["a"], prompt_pack="p")
        assert [*api._expected_calls] == [*map(str, range(1, 1000)), ID]

    def test_it_is_pickled(self, api):
        api._expected_calls[ID] = 4
        assert pickle.loads(pickle.dumps(api)).with_options(timeout=3)._expected_calls == {ID: 4}


def test_the_environment_and_the_default_address(monkeypatch):
    with responses.RequestsMock() as http:
        http.add("GET", "http://localhost:8000/api/v1/alerts/unread-count", json={"count": 1})
        http.add("GET", "http://argus.test/base/api/v1/alerts/unread-count", json={"count": 2})
        assert Client().arguslm.get_unread_alert_count().count == 1
        monkeypatch.setenv("ARGUSLM_BASE_URL", "http://argus.test/base/")
        assert Client().arguslm.get_unread_alert_count().count == 2
        assert "Authorization" not in http.calls[0].request.headers


def test_a_download_tells_its_state_and_address(http, api):
    http.add("GET", f"{ARGUS}/api/v1/monitoring/uptime/export", body=b"{}")
    download = api.export_uptime_history(format="csv")
    where = f"GET {ARGUS}/api/v1/monitoring/uptime/export?format=...>"
    assert repr(download) == f"<Download open, {where}"
    assert download.content == b"{}"
    assert repr(download) == f"<Download in memory, {where}"
    download = api.export_uptime_history()
    download.close()
    assert repr(download) == f"<Download closed, {where}"
