"""ArgusLM's alerts: their rules, and what the rules make of uptime checks."""

from dataclasses import asdict, dataclass, field
from typing import Any, Dict, Iterator, List, Mapping, Optional, Sequence, Tuple

from ..datetimes import datetime_rule
from ..exchange import Reply, Request
from ..uuids import uuid_rule
from ..validation import Field, boolean, integer, nullable, parameters, string, text
from .bodies import body
from .checks import Check
from .errors import NO_CONTENT, refusal
from .registry import new_id, timestamp
from .times import in_query

_RULE_ID = {"rule_id": Field(uuid_rule)}
_ALERT_ID = {"alert_id": Field(uuid_rule)}
_NAME = text(min_length=1, max_length=255)
_NEW_RULE = {
    "name": Field(_NAME),
    "rule_type": Field(string),
    "target_model_id": Field(nullable(uuid_rule), None),
    "target_model_name": Field(nullable(string), None),
    "enabled": Field(boolean, True),
    "notify_in_app": Field(boolean, True),
}
_CHANGES = {
    "name": Field(nullable(_NAME), None),
    "enabled": Field(nullable(boolean), None),
    "notify_in_app": Field(nullable(boolean), None),
}
_FILTERS = {
    "rule_id": Field(uuid_rule, None),
    "acknowledged": Field(boolean, None),
    "since": Field(datetime_rule, None),
    "limit": Field(integer(ge=1, le=500), 50),
    "offset": Field(integer(ge=0), 0),
}
_RECENT = {"limit": Field(integer(ge=1, le=50), 10)}

_ANY_DOWN = "any_model_down"
_ONE_DOWN = "specific_model_down"
_NOWHERE = "model_unavailable_everywhere"
# What a rule of this type cannot do without.
_TARGETS = {_ONE_DOWN: "target_model_id", _NOWHERE: "target_model_name"}


@dataclass
class Rule:
    """When to raise an alert."""

    name: str
    rule_type: str = _ANY_DOWN
    target_model_id: Optional[str] = None
    target_model_name: Optional[str] = None
    enabled: bool = True
    notify_in_app: bool = True
    notify_email: bool = False
    notify_webhook: bool = False
    threshold_config: Optional[Dict[str, Any]] = None
    webhook_url: Optional[str] = None
    id: str = field(default_factory=new_id)
    created_at: str = field(default_factory=timestamp)

    def findings(self, checks: Sequence[Check]) -> Iterator[Tuple[Optional[str], str]]:
        """The models to raise an alert for, with its message; None is the model of many providers."""
        down = [check for check in checks if check.status == "down"]
        if self.rule_type == _ANY_DOWN:
            for check in down:
                yield check.model.id, f"Model is down: {check.call.error}"
        elif self.rule_type == _ONE_DOWN:
            for check in down:
                if check.model.id == self.target_model_id:
                    yield check.model.id, f"Monitored model is down: {check.call.error}"
        elif self.rule_type == _NOWHERE:
            target = self.target_model_name or ""
            same = [check for check in checks if target.lower() in check.model.model_id.lower()]
            if same and all(check in down for check in same):
                yield None, f"Model '{target}' is unavailable across all {len(same)} provider(s)"


@dataclass
class Alert:
    """Something that a rule found."""

    rule_id: str
    model_id: Optional[str]
    message: str
    created_at: str
    acknowledged: bool = False
    id: str = field(default_factory=new_id)


class Alerts:
    """The endpoints under /alerts."""

    def __init__(self) -> None:
        self._rules: Dict[str, Rule] = {}
        self._alerts: Dict[str, Alert] = {}

    def add_rule(self, rule: Rule) -> Rule:
        """Keep a rule."""
        self._rules[rule.id] = rule
        return rule

    def evaluate(self, checks: Sequence[Check], created_at: str) -> None:
        """Raise the alerts of a monitoring run, but none that is still there unacknowledged."""
        for rule in self._rules.values():
            for model_id, message in rule.findings(checks) if rule.enabled else ():
                if not self._is_raised(rule.id, model_id):
                    alert = Alert(rule.id, model_id, message, created_at)
                    self._alerts[alert.id] = alert

    def _is_raised(self, rule_id: str, model_id: Optional[str]) -> bool:
        return any(
            (alert.rule_id, alert.model_id, alert.acknowledged) == (rule_id, model_id, False)
            for alert in self._alerts.values()
        )

    def list_rules(self, request: Request) -> Reply:
        """GET /alerts/rules: newest first, as a bare list."""
        rules = [asdict(rule) for rule in self._rules.values()]
        return Reply.json(_newest_first(rules))

    def create_rule(self, request: Request) -> Reply:
        """POST /alerts/rules: any type is taken, and the target need not exist."""
        asked = body(request, _NEW_RULE)
        kind = asked["rule_type"]
        if kind in _TARGETS and not asked[_TARGETS[kind]]:
            raise refusal(400, f"{kind} rule requires {_TARGETS[kind]}")
        return Reply.json(asdict(self.add_rule(Rule(**asked))), 201)

    def update_rule(self, request: Request) -> Reply:
        """PATCH /alerts/rules/{rule_id}: null changes nothing."""
        rule, asked = self._find_rule(request), body(request, _CHANGES)
        for name, value in asked.items():
            if value is not None:
                setattr(rule, name, value)
        return Reply.json(asdict(rule))

    def delete_rule(self, request: Request) -> Reply:
        """DELETE /alerts/rules/{rule_id}: with its alerts."""
        rule = self._find_rule(request)
        del self._rules[rule.id]
        self._alerts = {key: alert for key, alert in self._alerts.items() if alert.rule_id != rule.id}
        return NO_CONTENT

    def list_page(self, request: Request) -> Reply:
        """GET /alerts: newest first; the count is that of all alerts."""
        asked = parameters(request, {}, _FILTERS)
        limit, offset = asked["limit"], asked["offset"]
        alerts = [asdict(alert) for alert in self._alerts.values() if _matches(alert, asked)]
        return Reply.json(
            {
                "items": _newest_first(alerts)[offset : offset + limit],
                "unacknowledged_count": self._count_unread(),
                "limit": limit,
                "offset": offset,
            }
        )

    def count_unread(self, request: Request) -> Reply:
        """GET /alerts/unread-count."""
        return Reply.json({"count": self._count_unread()})

    def list_recent(self, request: Request) -> Reply:
        """GET /alerts/recent."""
        limit = parameters(request, {}, _RECENT)["limit"]
        alerts = _newest_first([asdict(alert) for alert in self._alerts.values()])
        return Reply.json({"items": alerts[:limit], "total_unread": self._count_unread()})

    def acknowledge(self, request: Request) -> Reply:
        """PATCH /alerts/{alert_id}/acknowledge: again and again, if you like."""
        alert = self._alerts.get(parameters(request, _ALERT_ID, {})["alert_id"])
        if alert is None:
            raise refusal(404, "Alert not found")
        alert.acknowledged = True
        return Reply.json(asdict(alert))

    def _count_unread(self) -> int:
        return sum(not alert.acknowledged for alert in self._alerts.values())

    def _find_rule(self, request: Request) -> Rule:
        rule = self._rules.get(parameters(request, _RULE_ID, {})["rule_id"])
        if rule is None:
            raise refusal(404, "Alert rule not found")
        return rule


def _newest_first(rows: List[Dict[str, Any]]) -> List[Dict[str, Any]]:
    """In the order of the service: those of the same second stay as they came."""
    return sorted(rows, key=lambda row: str(row["created_at"]), reverse=True)


def _matches(alert: Alert, asked: Mapping[str, Any]) -> bool:
    since = asked["since"]
    return (
        asked["rule_id"] in (None, alert.rule_id)
        and asked["acknowledged"] in (None, alert.acknowledged)
        and (since is None or alert.created_at >= in_query(since))
    )
