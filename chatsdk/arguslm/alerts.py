"""ArgusLM: alerts, and the rules that raise them."""

from __future__ import annotations

from typing import Any, Iterator, Mapping, Optional, Union

from .._core.model import build_request
from .._core.paging import iter_pages
from .._core.result_list import ResultList
from .._core.service import ServiceClient
from .models import Alert, AlertList, AlertRule, RecentAlerts, UnreadCount
from .requests import AlertRuleCreate, AlertRuleUpdate, DateTimeLike, format_datetime_param


class Alerts(ServiceClient):
    """The endpoints for alerts.

    The server stores changes of rules and alerts a few milliseconds after it responds: a list that is fetched
    immediately may still show the old state.
    """

    def list_alert_rules(self) -> ResultList[AlertRule]:
        """Return all alert rules, newest first.

        GET /api/v1/alerts/rules
        """
        return self._request("GET", "/api/v1/alerts/rules").records(AlertRule)

    def create_alert_rule(
        self,
        request: Union[AlertRuleCreate, Mapping[str, Any], None] = None,
        *,
        name: Optional[str] = None,
        rule_type: Optional[str] = None,
        target_model_id: Optional[str] = None,
        target_model_name: Optional[str] = None,
        enabled: Optional[bool] = None,
        notify_in_app: Optional[bool] = None,
    ) -> AlertRule:
        """Create an alert rule (see AlertRuleCreate) and return it.

        Raises:
            BadRequestError: the rule type needs a ``target_model_id`` or a ``target_model_name``.

        POST /api/v1/alerts/rules
        """
        body = build_request(AlertRuleCreate, request, locals())
        return self._request("POST", "/api/v1/alerts/rules", json=body).model(AlertRule)

    def update_alert_rule(
        self,
        rule_id: str,
        request: Union[AlertRuleUpdate, Mapping[str, Any], None] = None,
        *,
        name: Optional[str] = None,
        enabled: Optional[bool] = None,
        notify_in_app: Optional[bool] = None,
    ) -> AlertRule:
        """Change the given fields of an alert rule (see AlertRuleUpdate) and return it.

        Raises:
            NotFoundError: there is no such rule, or it was created milliseconds ago.

        PATCH /api/v1/alerts/rules/{rule_id}
        """
        path = self._path("/api/v1/alerts/rules/{rule_id}", rule_id=rule_id)
        body = build_request(AlertRuleUpdate, request, locals())
        return self._request("PATCH", path, json=body).model(AlertRule)

    def delete_alert_rule(self, rule_id: str) -> None:
        """Delete an alert rule with its alerts.

        DELETE /api/v1/alerts/rules/{rule_id}
        """
        self._request("DELETE", self._path("/api/v1/alerts/rules/{rule_id}", rule_id=rule_id)).send()

    def list_alerts(
        self,
        *,
        acknowledged: Optional[bool] = None,
        rule_id: Optional[str] = None,
        since: Optional[DateTimeLike] = None,
        limit: int = 50,
        offset: int = 0,
    ) -> AlertList:
        """Return a page of alerts in ``items``, newest first; ``iter_alerts`` yields all alerts.

        Args:
            acknowledged: only alerts that are acknowledged (True) or not (False).
            rule_id: only alerts of this rule.
            since: only alerts after this date-time (UTC if it is naive), date or ISO 8601 text. Some servers
                exclude alerts of exactly that time.
            limit: alerts on the page, 1 to 500.
            offset: alerts to skip, from 0.

        GET /api/v1/alerts
        """
        params = {
            "acknowledged": acknowledged,
            "rule_id": rule_id,
            "since": format_datetime_param(since),
            "limit": limit,
            "offset": offset,
        }
        return self._request("GET", "/api/v1/alerts", params=params).model(AlertList)

    def iter_alerts(
        self,
        *,
        acknowledged: Optional[bool] = None,
        rule_id: Optional[str] = None,
        since: Optional[DateTimeLike] = None,
        limit: int = 50,
        progress: bool = False,
    ) -> Iterator[Alert]:
        """Yield the alerts of all pages of ``list_alerts``, each once.

        If the loop acknowledges alerts, iterate over ``list(...)``: otherwise alerts may be skipped.

        Args:
            acknowledged, rule_id, since: as for ``list_alerts``.
            limit: alerts per request, 1 to 500.
            progress: show a progress bar (tqdm if it is installed).

        GET /api/v1/alerts, once per page
        """
        filters = {"acknowledged": acknowledged, "rule_id": rule_id, "since": since}
        return iter_pages(self.list_alerts, "offset", progress, limit=limit, **filters)

    def acknowledge_alert(self, alert_id: str) -> Alert:
        """Acknowledge an alert and return it; if it is acknowledged already, nothing changes.

        PATCH /api/v1/alerts/{alert_id}/acknowledge
        """
        path = self._path("/api/v1/alerts/{alert_id}/acknowledge", alert_id=alert_id)
        return self._request("PATCH", path).model(Alert)

    def get_unread_alert_count(self) -> UnreadCount:
        """Return the number of alerts that are not acknowledged, in ``count``.

        GET /api/v1/alerts/unread-count
        """
        return self._request("GET", "/api/v1/alerts/unread-count").model(UnreadCount)

    def get_recent_alerts(self, *, limit: int = 10) -> RecentAlerts:
        """Return the newest alerts, 1 to 50, in ``items``; ``total_unread`` counts all unacknowledged ones.

        GET /api/v1/alerts/recent
        """
        return self._request("GET", "/api/v1/alerts/recent", params={"limit": limit}).model(RecentAlerts)
