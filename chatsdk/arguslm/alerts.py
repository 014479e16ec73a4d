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
    """The endpoints about alerts.

    What changes rules and alerts is answered some milliseconds before it is stored: a list that is fetched at
    once may still show what was.
    """

    def list_alert_rules(self) -> ResultList[AlertRule]:
        """Return all alert rules, newest first.

        Returns:
            A list of AlertRule, with ``to_rows()`` for tables.

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
        """Create an alert rule. It may take some milliseconds to appear in lists.

        Args:
            request: an AlertRuleCreate or a dict; or give its fields as keywords.

        Returns:
            The rule.

        Raises:
            BadRequestError: the rule type needs a ``target_model_id`` or a ``target_model_name``.
            UnprocessableEntityError: a field is missing or wrong.

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
        """Change an alert rule; what is not given stays as it is.

        Args:
            rule_id: its id, a UUID.
            request: an AlertRuleUpdate or a dict; or give its fields as keywords.

        Returns:
            The rule as it is now.

        Raises:
            NotFoundError: there is no such rule, or it was created this moment.
            UnprocessableEntityError: a field is wrong, or the id is no UUID.

        PATCH /api/v1/alerts/rules/{rule_id}
        """
        path = self._path("/api/v1/alerts/rules/{rule_id}", rule_id=rule_id)
        return self._request("PATCH", path, json=build_request(AlertRuleUpdate, request, locals())).model(
            AlertRule
        )

    def delete_alert_rule(self, rule_id: str) -> None:
        """Delete an alert rule, and its alerts with it. It may stay in lists for some milliseconds.

        Args:
            rule_id: its id, a UUID.

        Raises:
            NotFoundError: there is no such rule.
            UnprocessableEntityError: the id is no UUID.

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
        """Return one page of alerts, newest first; ``iter_alerts`` goes through all of them.

        Args:
            acknowledged: only those that are, or that are not.
            rule_id: only those of this rule.
            since: only those after this date-time (a naive one is UTC), date or ISO 8601 text. Some servers
                leave out what is of that very moment.
            limit: alerts on the page, 1 to 500.
            offset: alerts to skip, from 0.

        Returns:
            The page: ``items``; ``unacknowledged_count`` counts all there are, whatever the filter.

        Raises:
            UnprocessableEntityError: a number outside its limits, an id that is no UUID, no date.

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
    ) -> Iterator[Alert]:
        """Yield all alerts that ``list_alerts`` would give page by page, each once.

        If the loop acknowledges them, iterate over a ``list`` of them: the alerts that still match move to
        pages that were fetched already, and would be skipped.

        Args:
            acknowledged, rule_id, since: as for ``list_alerts``.
            limit: alerts in each request, 1 to 500.

        GET /api/v1/alerts, as often as there are pages
        """
        return iter_pages(
            self.list_alerts, "offset", acknowledged=acknowledged, rule_id=rule_id, since=since, limit=limit
        )

    def acknowledge_alert(self, alert_id: str) -> Alert:
        """Mark an alert as seen; to do so again is no error.

        Args:
            alert_id: its id, a UUID.

        Returns:
            The alert as it is now.

        Raises:
            NotFoundError: there is no such alert.
            UnprocessableEntityError: the id is no UUID.

        PATCH /api/v1/alerts/{alert_id}/acknowledge
        """
        path = self._path("/api/v1/alerts/{alert_id}/acknowledge", alert_id=alert_id)
        return self._request("PATCH", path).model(Alert)

    def get_unread_alert_count(self) -> UnreadCount:
        """Return how many alerts are not acknowledged, in ``count``.

        GET /api/v1/alerts/unread-count
        """
        return self._request("GET", "/api/v1/alerts/unread-count").model(UnreadCount)

    def get_recent_alerts(self, *, limit: int = 10) -> RecentAlerts:
        """Return the newest alerts.

        Args:
            limit: how many, 1 to 50.

        Returns:
            The alerts in ``items``, and how many are not acknowledged in ``total_unread``.

        Raises:
            UnprocessableEntityError: a limit outside its limits.

        GET /api/v1/alerts/recent
        """
        return self._request("GET", "/api/v1/alerts/recent", params={"limit": limit}).model(RecentAlerts)
