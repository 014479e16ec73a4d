import pytest

from .arguslm import UNKNOWN

KEY = {"api_key": "sk-secret"}
NO_KEY = "litellm.InternalServerError: InternalServerError: OpenAIException - Missing credentials."


def create(arguslm, provider_type="openai", **credentials):
    fields = {"provider_type": provider_type, "display_name": "New", "credentials": credentials}
    return arguslm.create("/providers", **fields)


def test_there_is_one_at_the_start(arguslm):
    listed = arguslm.read("/providers")
    (provider,) = listed["providers"]
    assert listed["total"] == 1
    assert (provider["display_name"], provider["enabled"]) == ("OpenAI", True)
    assert {model["provider_account_id"] for model in arguslm.models().values()} == {provider["id"]}


def test_a_provider_s_life(arguslm):
    provider = create(arguslm, base_url="http://localhost:1/v1", region="eu", **KEY)
    path = f"/providers/{provider['id']}"
    assert (provider["base_url"], provider["region"]) == ("http://localhost:1/v1", "eu")
    assert arguslm.read(path) == provider
    assert arguslm.read("/providers")["providers"][1] == provider
    changed = arguslm.patch(path, json={"display_name": "Ünïcode 🚀", "enabled": False}).json()
    assert changed == {**provider, "display_name": "Ünïcode 🚀", "enabled": False}
    assert arguslm.patch(path, json={"display_name": None, "enabled": None}).json() == changed
    answer = arguslm.delete(path)
    assert (answer.status_code, answer.content) == (204, b"")
    assert answer.headers["content-type"] == "application/json"
    assert arguslm.get(path).json() == {"detail": f"Provider account {provider['id']} not found"}
    assert arguslm.delete(path).status_code == 404


def test_credentials_are_never_shown(arguslm, server):
    provider = create(arguslm, base_url=None, **KEY)
    path = f"/providers/{provider['id']}"
    answers = [arguslm.get(path), arguslm.get("/providers"), arguslm.patch(path, json={"credentials": KEY})]
    answers += [arguslm.post(f"{path}/test"), arguslm.post(f"{path}/refresh-models")]
    assert not any("sk-secret" in answer.text for answer in answers)
    assert "sk-secret" not in repr(server.requests)


def test_credentials_are_replaced_as_a_whole(arguslm):
    provider = create(arguslm, base_url="http://localhost:1", **KEY)
    path = f"/providers/{provider['id']}"
    assert arguslm.patch(path, json={"credentials": {}}).json()["base_url"] is None
    assert arguslm.post(f"{path}/test").json()["success"] is False


def test_the_same_id_in_other_forms(arguslm):
    provider = create(arguslm)
    plain = provider["id"].replace("-", "")
    assert arguslm.read(f"/providers/{plain.upper()}") == provider


@pytest.mark.parametrize(
    "fields",
    [
        {"provider_type": "openai"},
        {"provider_type": "openai", "display_name": "x", "credentials": None},
        {"provider_type": 1, "display_name": "x"},
    ],
)
@pytest.mark.parametrize("path", ["/providers", "/providers/test-connection"])
def test_bad_fields(arguslm, path, fields):
    answer = arguslm.post(path, json=fields)
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"][0] == "body"


@pytest.mark.parametrize("text", ['{"a": "\\ud800"}', '{"a": NaN}'])
def test_what_the_database_does_not_take(arguslm, text):
    body = f'{{"provider_type": "openai", "display_name": "x", "credentials": {text}}}'
    answer = arguslm.post("/providers", data=body, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.text) == (500, "Internal Server Error")
    assert arguslm.read("/providers")["total"] == 1


def test_an_address_that_is_no_text(arguslm):
    fields = {"provider_type": "openai", "display_name": "x", "credentials": {"base_url": 1}}
    assert arguslm.post("/providers", json=fields).status_code == 500
    assert arguslm.read("/providers")["total"] == 1


class TestConnection:
    @pytest.mark.parametrize(
        ("kind", "credentials", "message", "details"),
        [
            ("openai", KEY, "Successfully connected to openai", {"model_tested", "response_id"}),
            ("made-up", KEY, "Successfully connected to made-up", {"model_tested", "response_id"}),
            (
                "ollama",
                {"base_url": "http://localhost:11434"},
                "Server reachable, 2 model(s) available (3ms)",
                {"models_found", "latency_ms"},
            ),
        ],
    )
    def test_that_works(self, arguslm, kind, credentials, message, details):
        fields = {"provider_type": kind, "display_name": "x", "credentials": credentials}
        before = arguslm.post("/providers/test-connection", json=fields).json()
        path = f"/providers/{create(arguslm, kind, **credentials)['id']}/test"
        for result in (before, arguslm.post(path).json()):
            assert result["success"] is True
            assert result["message"] == message
            assert set(result["details"]) == details

    @pytest.mark.parametrize(
        ("kind", "credentials", "message", "details"),
        [
            ("openai", {}, f"Connection test failed: {NO_KEY}", {"error_type": "InternalServerError"}),
            ("ollama", KEY, "Base URL is required for local providers", {}),
        ],
    )
    def test_that_fails_is_a_200(self, arguslm, kind, credentials, message, details):
        fields = {"provider_type": kind, "display_name": "x", "credentials": credentials}
        answer = arguslm.post("/providers/test-connection", json=fields)
        assert answer.status_code == 200
        assert answer.json() == {"success": False, "message": message, "details": details}

    def test_with_a_wrong_key(self, arguslm):
        provider = create(arguslm, api_key="sk-wrong")
        result = arguslm.post(f"/providers/{provider['id']}/test").json()
        assert result["details"] == {"error_type": "AuthenticationError"}
        assert "Incorrect API key" in result["message"]


class TestDiscovery:
    def test_adds_what_is_new(self, arguslm):
        provider = create(arguslm, **KEY)
        path = f"/providers/{provider['id']}/refresh-models"
        for added in (4, 0):
            answer = arguslm.post(path).json()
            message = f"Discovered 4 models, added {added} new models"
            assert answer == {"success": True, "models_discovered": 4, "message": message}
        found = arguslm.read("/models", provider_id=provider["id"])["items"]
        assert {model["source"] for model in found} == {"discovered"}
        assert "gpt-4o" in {model["model_id"] for model in found}
        switches = {(model["enabled_for_monitoring"], model["enabled_for_benchmark"]) for model in found}
        assert switches == {(False, True)}

    def test_of_the_first_provider_adds_to_its_models(self, arguslm):
        provider = arguslm.read("/providers")["providers"][0]
        arguslm.post(f"/providers/{provider['id']}/refresh-models")
        assert set(arguslm.models()) == {"gpt-4o", "gpt-4o-mini", "gpt-4-broken", "gpt-4.1", "o3-mini"}

    @pytest.mark.parametrize("credentials", [{}, {"api_key": "sk-wrong"}])
    def test_that_fails_finds_nothing(self, arguslm, credentials):
        provider = create(arguslm, **credentials)
        answer = arguslm.post(f"/providers/{provider['id']}/refresh-models")
        assert (answer.status_code, answer.json()["success"]) == (200, True)
        assert answer.json()["models_discovered"] == 0

    def test_of_a_local_provider_needs_no_key(self, arguslm):
        provider = create(arguslm, "ollama", base_url="http://localhost:11434")
        assert arguslm.post(f"/providers/{provider['id']}/refresh-models").json()["models_discovered"] == 2

    def test_that_fails_at_bedrock(self, arguslm):
        provider = create(arguslm, "aws_bedrock", region="us-east-1")
        answer = arguslm.post(f"/providers/{provider['id']}/refresh-models")
        assert answer.status_code == 500
        assert answer.json() == {"detail": "AWS Bedrock discovery failed: Unable to locate credentials"}

    def test_that_is_not_supported(self, arguslm):
        provider = create(arguslm, "cohere", **KEY)
        answer = arguslm.post(f"/providers/{provider['id']}/refresh-models")
        assert answer.status_code == 400
        assert answer.json() == {"detail": "Model discovery not supported for provider type: cohere"}


class TestDelete:
    def test_takes_models_and_checks_along(self, arguslm):
        provider = arguslm.read("/providers")["providers"][0]
        assert arguslm.delete(f"/providers/{provider['id']}").status_code == 204
        assert arguslm.models() == {}
        assert arguslm.read("/monitoring/uptime")["total"] == 0
        assert len(arguslm.read("/alerts")["items"]) == 1

    def test_not_with_benchmark_history(self, arguslm):
        provider = arguslm.read("/providers")["providers"][0]
        arguslm.finish(arguslm.start("gpt-4o"))
        answer = arguslm.delete(f"/providers/{provider['id']}")
        assert answer.status_code == 409
        detail = "Cannot delete provider with models that have benchmark history"
        assert answer.json() == {"detail": detail}
        assert len(arguslm.models()) == 3


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", ""), ("PATCH", ""), ("DELETE", ""), ("POST", "/test"), ("POST", "/refresh-models")],
)
def test_unknown_ids(arguslm, method, path):
    json = {} if method == "PATCH" else None
    answer = arguslm.send(method, f"/providers/{UNKNOWN}{path}", json=json)
    assert answer.status_code == 404
    assert answer.json() == {"detail": f"Provider account {UNKNOWN} not found"}
    answer = arguslm.send(method, f"/providers/nope{path}", json=json)
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"] == ["path", "provider_id"]


def test_catalogue(arguslm):
    catalogue = arguslm.read("/providers/catalog")
    specs = catalogue["providers"]
    assert catalogue["total"] == len(specs) > 3
    assert catalogue["tested_count"] == sum(spec["tested"] for spec in specs.values()) < len(specs)
    assert all(name == spec["id"] for name, spec in specs.items())
    assert specs["aws_bedrock"]["region_options"][0] == ["us-east-1", "US East (N. Virginia)"]
