"""Alerts: rules, what they raise, acknowledging.

The server answers before it has stored a rule or an acknowledgement, so what was written is looked up until
it is there.
"""

from datetime import datetime, timedelta, timezone

import pytest

from chatsdk import BadRequestError, NotFoundError
from chatsdk.arguslm import AlertRuleCreate, AlertRuleUpdate

from .waiting import eventually, monitor


@pytest.fixture
def down(api, stub, find_models):
    """A monitored model that is down."""
    stub.add("down", refuses="closed for good")
    return api.update_model(find_models()["down"].id, enabled_for_monitoring=True)


def rule_of(api, rule_id):
    return next((rule for rule in api.list_alert_rules() if rule.id == rule_id), None)


def test_create_rule(api, add_rule):
    rule = add_rule(name="Größe", rule_type="any_model_down", enabled=False, notify_in_app=False)
    assert (rule.name, rule.rule_type, rule.enabled, rule.notify_in_app) == (
        "Größe",
        "any_model_down",
        False,
        False,
    )
    assert (rule.target_model_id, rule.target_model_name) == (None, None)
    assert rule.created_at.tzinfo is not None
    assert eventually(lambda: rule_of(api, rule.id)) == rule


def test_create_rule_from_a_request_object(api, down):
    rule = api.create_alert_rule(
        AlertRuleCreate(
            name="Slow", rule_type="performance_degradation", target_model_id=down.id, enabled=False
        )
    )
    assert eventually(lambda: rule_of(api, rule.id)).target_model_id == down.id
    api.delete_alert_rule(rule.id)


def test_rules_without_their_target_are_refused(api):
    for rule_type, target in [
        ("specific_model_down", "target_model_id"),
        ("model_unavailable_everywhere", "target_model_name"),
    ]:
        with pytest.raises(BadRequestError, match=rf"^HTTP \d+: {rule_type} rule requires {target} \("):
            api.create_alert_rule(name="Rule", rule_type=rule_type)


def test_update_rule(api, add_rule):
    rule = add_rule(name="Old", rule_type="any_model_down", enabled=False)
    eventually(lambda: rule_of(api, rule.id))
    updated = api.update_alert_rule(rule.id, name="New")
    assert (updated.name, updated.enabled) == ("New", False)
    eventually(lambda: rule_of(api, rule.id).name == "New")
    assert api.update_alert_rule(rule.id, AlertRuleUpdate(notify_in_app=False)).name == "New"
    found = eventually(lambda: [it for it in [rule_of(api, rule.id)] if not it.notify_in_app])[0]
    assert (found.name, found.enabled) == ("New", False)


def test_delete_rule(api, add_rule):
    rule = add_rule(name="Rule", rule_type="any_model_down", enabled=False)
    eventually(lambda: rule_of(api, rule.id))
    assert api.delete_alert_rule(rule.id) is None
    eventually(lambda: rule_of(api, rule.id) is None)
    with pytest.raises(NotFoundError, match=r"^HTTP \d+: Alert rule not found \("):
        api.update_alert_rule(rule.id, name="Gone")


def test_a_model_that_is_down_raises_an_alert(api, add_rule, down):
    rule = add_rule(name="Down", rule_type="specific_model_down", target_model_id=down.id)
    eventually(lambda: rule_of(api, rule.id))
    monitor(api)
    alerts = api.list_alerts(rule_id=rule.id)
    (alert,) = alerts.items
    assert (alert.rule_id, alert.model_id, alert.acknowledged) == (rule.id, down.id, False)
    assert "closed for good" in alert.message
    assert alert.created_at.tzinfo is not None
    assert alerts.unacknowledged_count >= 1


def test_an_alert_of_no_single_model(api, add_rule, down):
    rule = add_rule(name="All", rule_type="model_unavailable_everywhere", target_model_name="down")
    eventually(lambda: rule_of(api, rule.id))
    monitor(api)
    (alert,) = api.list_alerts(rule_id=rule.id).items
    assert alert.model_id is None


def test_acknowledge(api, add_rule, down):
    rule = add_rule(name="Down", rule_type="specific_model_down", target_model_id=down.id)
    eventually(lambda: rule_of(api, rule.id))
    monitor(api)
    (alert,) = api.list_alerts(rule_id=rule.id, acknowledged=False).items
    unread = api.get_unread_alert_count().count
    assert unread == api.get_recent_alerts().total_unread >= 1

    acknowledged = api.acknowledge_alert(alert.id)
    assert (acknowledged.id, acknowledged.acknowledged) == (alert.id, True)
    eventually(lambda: api.list_alerts(rule_id=rule.id, acknowledged=False).items == [])
    assert [it.id for it in api.list_alerts(rule_id=rule.id, acknowledged=True).items] == [alert.id]
    assert api.get_unread_alert_count().count == unread - 1
    assert api.acknowledge_alert(alert.id).acknowledged is True


def test_recent(api, add_rule, down):
    rules = [
        add_rule(name=name, rule_type="specific_model_down", target_model_id=down.id) for name in ("A", "B")
    ]
    eventually(lambda: all(rule_of(api, rule.id) for rule in rules))
    monitor(api)
    assert len(api.get_recent_alerts(limit=1).items) == 1
    recent = {alert.rule_id for alert in api.get_recent_alerts(limit=50).items}
    assert recent >= {rule.id for rule in rules}


def test_alert_filters_and_pages(api, add_rule, down):
    rule = add_rule(name="Down", rule_type="specific_model_down", target_model_id=down.id)
    eventually(lambda: rule_of(api, rule.id))
    for _ in range(3):  # there is no second alert before the first is acknowledged
        monitor(api)
        for alert in api.list_alerts(rule_id=rule.id, acknowledged=False).items:
            api.acknowledge_alert(alert.id)
        eventually(lambda: api.list_alerts(rule_id=rule.id, acknowledged=False).items == [])

    everything = {alert.id for alert in api.list_alerts(rule_id=rule.id).items}
    assert len(everything) == 3
    page = api.list_alerts(rule_id=rule.id, limit=2, offset=2)
    assert (len(page.items), page.limit, page.offset) == (1, 2, 2)
    found = [alert.id for alert in api.iter_alerts(rule_id=rule.id, limit=2)]
    assert len(set(found)) == len(found)
    assert set(found) <= everything  # those of the same second come in any order, on each page anew

    now = datetime.now(timezone.utc)
    hour = timedelta(hours=1)
    assert len(api.list_alerts(rule_id=rule.id, since=now - hour).items) == 3
    assert list(api.iter_alerts(rule_id=rule.id, since=now + hour)) == []
