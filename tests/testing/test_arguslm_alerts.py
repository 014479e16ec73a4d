import pytest

from .arguslm import UNKNOWN, argus_server


@pytest.fixture
def arguslm(session):
    """ArgusLM with models that answer at once."""
    with argus_server(session, 0) as arguslm:
        yield arguslm


def rule(arguslm, rule_type="any_model_down", **fields):
    return arguslm.create("/alerts/rules", name="Rule", rule_type=rule_type, **fields)


def raised(arguslm, rule):
    """What a monitoring run makes of a rule."""
    arguslm.post("/monitoring/run")
    alerts = arguslm.read("/alerts", rule_id=rule["id"])["items"]
    return [(alert["model_id"], alert["message"]) for alert in alerts]


def acknowledge(arguslm, alert):
    return arguslm.patch(f"/alerts/{alert['id']}/acknowledge").json()


def test_at_the_start(arguslm):
    (alert,) = arguslm.read("/alerts")["items"]
    (rule,) = arguslm.read("/alerts/rules")
    assert (alert["rule_id"], alert["acknowledged"]) == (rule["id"], False)
    assert alert["model_id"] == arguslm.models()["gpt-4-broken"]["id"]
    assert alert["message"].startswith("Model is down: litellm.")
    assert arguslm.read("/alerts/unread-count") == {"count": 1}
    assert arguslm.read("/alerts/recent") == {"items": [alert], "total_unread": 1}


class TestRules:
    def test_a_rule_s_life(self, arguslm):
        new = rule(arguslm, "made_up", target_model_id=UNKNOWN.upper(), enabled=False)
        path = f"/alerts/rules/{new['id']}"
        assert (new["target_model_id"], new["enabled"], new["notify_in_app"]) == (UNKNOWN, False, True)
        assert new in arguslm.read("/alerts/rules")
        changes = {"name": "x" * 255, "enabled": True, "notify_in_app": False}
        changed = arguslm.patch(path, json=changes).json()
        assert changed == {**new, **changes}
        assert arguslm.patch(path, json=dict.fromkeys(changes)).json() == changed
        assert arguslm.delete(path).status_code == 204
        assert len(arguslm.read("/alerts/rules")) == 1
        for answer in (arguslm.delete(path), arguslm.patch(path, json={})):
            assert (answer.status_code, answer.json()) == (404, {"detail": "Alert rule not found"})

    def test_newest_first(self, arguslm):
        newest = rule(arguslm)
        assert arguslm.read("/alerts/rules")[0] == newest

    @pytest.mark.parametrize(
        ("kind", "target"),
        [
            ("specific_model_down", "target_model_id"),
            ("model_unavailable_everywhere", "target_model_name"),
        ],
    )
    def test_that_need_a_target(self, arguslm, kind, target):
        answer = arguslm.post("/alerts/rules", json={"name": "x", "rule_type": kind})
        assert answer.status_code == 400
        assert answer.json() == {"detail": f"{kind} rule requires {target}"}

    @pytest.mark.parametrize(
        "fields", [{"name": ""}, {"name": "x" * 256}, {"enabled": None}, {"target_model_id": "x"}]
    )
    def test_bad_fields(self, arguslm, fields):
        answer = arguslm.post("/alerts/rules", json={"name": "x", "rule_type": "any_model_down", **fields})
        assert answer.status_code == 422
        assert answer.json()["detail"][0]["loc"] == ["body", next(iter(fields))]

    def test_take_their_alerts_along(self, arguslm):
        (first,) = arguslm.read("/alerts/rules")
        arguslm.delete(f"/alerts/rules/{first['id']}")
        assert arguslm.read("/alerts")["items"] == []
        assert arguslm.read("/alerts/unread-count") == {"count": 0}


class TestWhatRaisesAlerts:
    def test_any_model_that_is_down(self, arguslm):
        broken = arguslm.models()["gpt-4-broken"]["id"]
        ((model_id, message),) = raised(arguslm, rule(arguslm))
        assert model_id == broken
        assert message.startswith("Model is down: litellm.")

    def test_one_model_that_is_down(self, arguslm):
        models = arguslm.models()
        kind = "specific_model_down"
        down = rule(arguslm, kind, target_model_id=models["gpt-4-broken"]["id"])
        up = rule(arguslm, kind, target_model_id=models["gpt-4o"]["id"])
        ((model_id, message),) = raised(arguslm, down)
        assert model_id == models["gpt-4-broken"]["id"]
        assert message.startswith("Monitored model is down: litellm.")
        assert raised(arguslm, up) == []

    def test_a_model_that_is_down_everywhere(self, arguslm):
        kind = "model_unavailable_everywhere"
        down = rule(arguslm, kind, target_model_name="TRANSPORT_ERRORS")
        some = rule(arguslm, kind, target_model_name="gpt-4")
        none = rule(arguslm, kind, target_model_name="llama")
        message = "Model 'TRANSPORT_ERRORS' is unavailable across all 1 provider(s)"
        assert raised(arguslm, down) == [(None, message)]
        assert raised(arguslm, some) == raised(arguslm, none) == []
        assert len(raised(arguslm, down)) == 1

    def test_nothing_else(self, arguslm):
        assert raised(arguslm, rule(arguslm, enabled=False)) == []
        model_id = arguslm.models()["gpt-4-broken"]["id"]
        assert raised(arguslm, rule(arguslm, "performance_degradation", target_model_id=model_id)) == []

    def test_again_once_it_is_acknowledged(self, arguslm):
        new = rule(arguslm)
        assert len(raised(arguslm, new)) == len(raised(arguslm, new)) == 1
        (alert,) = arguslm.read("/alerts", rule_id=new["id"])["items"]
        acknowledge(arguslm, alert)
        assert len(raised(arguslm, new)) == 2


class TestAlerts:
    def test_acknowledge(self, arguslm):
        (alert,) = arguslm.read("/alerts")["items"]
        for _ in range(2):
            assert acknowledge(arguslm, alert) == {**alert, "acknowledged": True}
        assert arguslm.read("/alerts/unread-count") == {"count": 0}
        assert arguslm.read("/alerts/recent")["items"] == [{**alert, "acknowledged": True}]
        answer = arguslm.patch(f"/alerts/{UNKNOWN}/acknowledge")
        assert (answer.status_code, answer.json()) == (404, {"detail": "Alert not found"})

    def test_filters_and_pages(self, arguslm):
        (first,) = arguslm.read("/alerts")["items"]
        acknowledge(arguslm, first)
        arguslm.post("/monitoring/run")
        assert arguslm.read("/alerts", acknowledged="true")["items"][0]["id"] == first["id"]
        unread = arguslm.read("/alerts", acknowledged="false")
        assert [alert["acknowledged"] for alert in unread["items"]] == [False]
        newest, oldest = arguslm.read("/alerts")["items"]
        assert newest["created_at"] > oldest["created_at"]
        assert arguslm.read("/alerts", limit=1)["items"] == [newest]
        page = arguslm.read("/alerts", limit=1, offset=1)
        assert page == {"items": [oldest], "unacknowledged_count": 1, "limit": 1, "offset": 1}
        assert arguslm.read("/alerts", since=oldest["created_at"])["items"] == [newest]
        assert arguslm.read("/alerts", rule_id=UNKNOWN)["items"] == []
        assert arguslm.read("/alerts", rule_id=UNKNOWN)["unacknowledged_count"] == 1
        assert arguslm.read("/alerts/recent", limit=1)["items"] == [newest]

    @pytest.mark.parametrize("path", ["?limit=501", "?since=x", "?acknowledged=", "/recent?limit=51"])
    def test_bad_queries(self, arguslm, path):
        assert arguslm.get(f"/alerts{path}").status_code == 422
