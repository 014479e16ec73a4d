"""The ArgusLM dialect against what the real server sent to the same requests."""

import json
import re
from urllib.parse import urlencode

import pytest

from chatsdk.testing.arguslm import benchmarks

from .arguslm import PREFIX, WebSocketClient, argus_server
from .shapes import differences, recordings
from .wire import exchange

RECORDED = recordings("arguslm")
STREAMS = [name for name in RECORDED if name.startswith("ws_")]
NOT_COVERED = re.compile(
    "^ws_"  # see test_stream_texts
    "|provider_catalog$"  # see test_catalogue
    "|sigkill"  # a server that was killed
    "|connection_local_404"  # a provider that answers strangely
)
COVERED = [name for name in RECORDED if not NOT_COVERED.search(name)]
UUID = re.compile(r"[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}")
CUSTOM = "custom_openai_compatible"
PROVIDERS = {
    "03e6aa42-576a-4d30-be31-c95258accfc4": ("openai", {"api_key": "sk-wrong"}),
    "a4925ec0-af8b-4486-8cf1-3c66db53286c": ("not-a-real-type", {"api_key": "sk-stub"}),
    "c5674cd3-a4e7-4af6-a0f5-86733c743c22": ("aws_bedrock", {"region": "us-east-1"}),
    "ca19f7ae-b626-4d84-950e-d2f1f3bb9cf7": (CUSTOM, {"api_key": "sk-stub", "base_url": "http://x/v1"}),
    "d61c1c0d-bba5-4af2-a8c5-2a1e028a9389": ("ollama", {"base_url": "http://x"}),
    "f603956e-b5b7-4d07-917d-18943b799a67": ("openai", {"api_key": "sk-stub", "base_url": "http://x/v1"}),
}
WITH_HISTORY = "ca19f7ae-b626-4d84-950e-d2f1f3bb9cf7"
UNKNOWN = "deadbeef-dead-4bad-8bad-deadbeefcafe"


class Stage:
    """Makes what a recorded request is about, and knows it by the recorded ids."""

    def __init__(self, arguslm, name):
        self.arguslm = arguslm
        self.name = name
        self.ids = {UNKNOWN: UNKNOWN}

    def prepare(self):
        if self.name == "alerts_list_page":
            self.make_rule()
        if self.name.startswith("benchmarks_list"):
            for _ in range(4):
                self.arguslm.start("gpt-4o")
        if self.name == "models_list_search":
            model = self.arguslm.models()["gpt-4o"]
            self.arguslm.patch(f"/models/{model['id']}", json={"custom_name": "Slow"})

    def local(self, text):
        return UUID.sub(lambda match: self.id_of(match[0]), text)

    def recorded(self, text):
        for recorded, local in self.ids.items():
            text = text.replace(local, recorded)
        return text

    def id_of(self, recorded):
        if recorded not in self.ids:
            self.ids[recorded] = self.make(recorded)
        return self.ids[recorded]

    def make(self, recorded):
        if len(recorded) == 32:  # without its dashes
            return self.id_of("-".join(re.match("(.{8})(.{4})(.{4})(.{4})(.*)", recorded).groups()))
        if recorded in PROVIDERS:
            return self.make_provider(recorded)
        if "/benchmarks/" in RECORDED[self.name]["request"]["path"]:
            return self.arguslm.start(num_runs=2)
        if "rule" in self.name:
            return self.make_rule()
        if "alert" in self.name:
            return self.arguslm.read("/alerts")["items"][0]["id"]
        return self.make_model()

    def make_provider(self, recorded):
        kind, credentials = PROVIDERS[recorded]
        fields = {"provider_type": kind, "display_name": kind, "credentials": credentials}
        local = self.arguslm.create("/providers", **fields)["id"]
        if recorded == WITH_HISTORY:
            self.arguslm.create("/models", provider_account_id=local, model_id="used")
            self.arguslm.start("used")
        if "again" in self.name:
            self.arguslm.post(f"/providers/{local}/refresh-models")
        return local

    def make_model(self):
        provider = self.arguslm.read("/providers")["providers"][0]["id"]
        return self.arguslm.create("/models", provider_account_id=provider, model_id="model")["id"]

    def make_rule(self):
        if "create" in self.name:
            return self.make_model()  # it is the target
        rule = self.arguslm.create("/alerts/rules", name="x", rule_type="any_model_down")
        if self.name == "alert_rule_delete_404":
            self.arguslm.delete(f"/alerts/rules/{rule['id']}")
        self.arguslm.post("/monitoring/run")
        return rule["id"]

    def replay(self):
        request = RECORDED[self.name]["request"]
        headers, body = dict(request["headers"]), b""
        if request.get("body") is not None:
            body = request["body"].encode("utf-8")
        elif request["json"] is not None:
            body = self.local(json.dumps(request["json"])).encode("utf-8")
        path = self.local(request["path"])
        if request["query"]:
            path += "?" + self.local(urlencode(request["query"]))
        for name in ("Content-Length", "Host", "Accept-Encoding", "Connection"):
            headers.pop(name, None)
        return exchange(self.arguslm.base_url[: -len(PREFIX)], request["method"], path, body, headers)


@pytest.fixture
def quick(session):
    """ArgusLM with models that answer at once."""
    with argus_server(session, 0) as arguslm:
        yield arguslm


@pytest.mark.parametrize("name", COVERED)
def test_same_request_same_answer(quick, name):
    stage, expected = Stage(quick, name), RECORDED[name]["response"]
    stage.prepare()
    answer = stage.replay()
    assert answer.status == expected["status"], answer.body
    for field in ("content-type", "allow"):
        assert answer.headers.get(field) == expected["headers"].get(field)
    disposition = stage.recorded(answer.headers.get("content-disposition", ""))
    assert disposition == expected["headers"].get("content-disposition", "")
    assert answer.complete or name == "head_405"
    body = answer.body.decode("utf-8")
    if expected["status"] == 307:
        local = answer.headers["location"].replace(quick.base_url, "", 1)
        assert stage.local(expected["headers"]["location"]).endswith(local)
        assert local.startswith("/")
    elif "csv" in expected["headers"].get("content-type", ""):
        assert body.split("\r\n")[0] == expected["body"].split("\r\n")[0]
        assert body.endswith("\r\n")
    elif expected["status"] >= 300:
        assert without_uuid_errors(stage.recorded(body)) == without_uuid_errors(expected["body"])
    elif expected["body"]:
        compare(name, json.loads(expected["body"]), json.loads(body))


def compare(name, expected, local):
    if "provider_test" in name:
        assert local["success"] == expected["success"]
    assert differences(expected, local) == []


def without_uuid_errors(text):
    """What is wrong with an UUID is told in other words by each version of the server."""
    return re.sub(r"(a valid UUID, |\{\"error\":\")invalid [^\"]*", r"\1", text)


def test_catalogue(quick):
    recorded = json.loads(RECORDED["provider_catalog"]["response"]["body"])
    local = quick.read("/providers/catalog")
    known = recorded.pop("providers")
    for name, spec in local.pop("providers").items():
        assert differences(known[name], spec) == []
        for field, value in spec.items():
            if field not in ("region_options", "default_base_url"):
                assert value == known[name][field]
    assert differences(recorded, local) == []


def recorded_texts(name):
    frames = RECORDED[name]["ws_frames"]
    return [frame["text"] for frame in frames if frame["opcode"] == "text" and frame["dir"] == "in"]


def kinds(texts):
    """One message of each kind: they are told apart by type and keys."""
    messages = [json.loads(text) for text in texts if text != "pong"]
    return {(message["type"], *sorted(message)): message for message in messages}


def test_stream_texts(session, monkeypatch):
    monkeypatch.setattr(benchmarks, "_PENDING_SECONDS", 0.3)
    expected = kinds(text for name in STREAMS for text in recorded_texts(name))
    del expected["ping", "type"]  # said after 30 seconds
    with argus_server(session, 0.3) as arguslm:
        run_id = arguslm.start("gpt-4o", num_runs=2)
        with arguslm.watch(run_id) as first, arguslm.watch(run_id) as second:
            texts = [first.text() for _ in range(3)]
            with arguslm.watch(run_id) as late:
                texts.append(late.text())
            while '"complete"' not in texts[-1]:
                texts.append(second.text())
    local = kinds(texts)
    assert set(local) == set(expected)
    for kind, message in local.items():
        assert differences(expected[kind], message) == []
    # Compact, and not in ASCII only: each text is written as the server writes it.
    for text in texts + recorded_texts("ws_benchmark_full_run")[:-1]:
        assert text == json.dumps(json.loads(text), ensure_ascii=False, separators=(",", ":"))


@pytest.mark.parametrize("name", STREAMS)
def test_handshakes(quick, name):
    recorded = RECORDED[name]
    path = recorded["request"]["path"][len(PREFIX) :]
    expected = {key.lower(): value for key, value in recorded["response"]["headers"].items()}
    with WebSocketClient(quick.base_url, path) as client:
        assert client.status == recorded["response"]["status"]
        for field in ("upgrade", "connection", "content-type", "content-length"):
            assert client.headers.get(field) == expected.get(field)
        if client.status == 403:
            assert client.reader.read() == b""


def test_planned_failures(server, arguslm):
    for name in ("not_found_route", "provider_delete_409", "error_500_plain_text_lone_surrogate"):
        recorded = RECORDED[name]["response"]
        server.fail("arguslm", recorded["status"])
        answer = arguslm.get("/models")
        assert (answer.status_code, answer.text) == (recorded["status"], recorded["body"])
        assert answer.headers["content-type"] == recorded["headers"]["content-type"]
    server.fail("arguslm", 422)
    recorded = json.loads(RECORDED["benchmark_create_422_no_prompt_pack"]["response"]["body"])
    assert set(arguslm.get("/models").json()["detail"][0]) == set(recorded["detail"][0])


def test_a_failure_of_a_proxy_is_html(server, arguslm):
    server.fail("arguslm", 503)
    answer = arguslm.get("/models")
    assert (answer.status_code, answer.headers["content-type"]) == (503, "text/html")
    assert "503 Service Unavailable" in answer.text


def test_enough_is_covered():
    assert len(COVERED) > 140
