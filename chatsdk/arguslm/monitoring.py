"""ArgusLM: monitoring, and the history of its checks."""

from __future__ import annotations

from typing import Any, Iterator, Mapping, Optional, Union

from .._core.download import Download
from .._core.model import build_request
from .._core.paging import iter_pages
from .._core.result_list import ResultList
from .._core.service import ServiceClient
from .models import MonitoringConfig, MonitoringRun, PromptPack, UptimeCheck, UptimeHistory
from .requests import DateTimeLike, MonitoringConfigUpdate, format_datetime_param


class Monitoring(ServiceClient):
    """The endpoints for monitoring."""

    def get_monitoring_config(self) -> MonitoringConfig:
        """Return the settings of monitoring, and the time of the last run.

        GET /api/v1/monitoring/config
        """
        return self._request("GET", "/api/v1/monitoring/config").model(MonitoringConfig)

    def update_monitoring_config(
        self,
        request: Union[MonitoringConfigUpdate, Mapping[str, Any], None] = None,
        *,
        interval_minutes: Optional[int] = None,
        prompt_pack: Optional[str] = None,
        enabled: Optional[bool] = None,
    ) -> MonitoringConfig:
        """Change the given settings of monitoring (see MonitoringConfigUpdate) and return all of them.

        Raises:
            BadRequestError: there is no such prompt pack.

        PATCH /api/v1/monitoring/config
        """
        body = build_request(MonitoringConfigUpdate, request, locals())
        return self._request("PATCH", "/api/v1/monitoring/config", json=body).model(MonitoringConfig)

    def run_monitoring(self) -> MonitoringRun:
        """Queue a check of all models that are enabled for monitoring; it runs in the background.

        Its checks and alerts appear together at its end, when ``last_run_at`` of ``get_monitoring_config``
        changes; the end of an earlier run changes that too.

        POST /api/v1/monitoring/run
        """
        return self._request("POST", "/api/v1/monitoring/run").model(MonitoringRun)

    def get_uptime_history(
        self,
        *,
        model_id: Optional[str] = None,
        status: Optional[str] = None,
        since: Optional[DateTimeLike] = None,
        enabled_only: Optional[bool] = None,
        limit: int = 100,
        offset: int = 0,
    ) -> UptimeHistory:
        """Return a page of checks in ``items``, newest first; ``iter_uptime_history`` yields all checks.

        Args:
            model_id: only checks of this model.
            status: only checks with this status, ``up`` or ``down``; others match nothing.
            since: only checks after this date-time (UTC if it is naive), date or ISO 8601 text. Some servers
                exclude checks of exactly that time.
            enabled_only: only checks of models that are enabled for monitoring.
            limit: checks on the page, 1 to 10000.
            offset: checks to skip, from 0.

        GET /api/v1/monitoring/uptime
        """
        params = {
            "model_id": model_id,
            "status": status,
            "since": format_datetime_param(since),
            "enabled_only": enabled_only,
            "limit": limit,
            "offset": offset,
        }
        return self._request("GET", "/api/v1/monitoring/uptime", params=params).model(UptimeHistory)

    def iter_uptime_history(
        self,
        *,
        model_id: Optional[str] = None,
        status: Optional[str] = None,
        since: Optional[DateTimeLike] = None,
        enabled_only: Optional[bool] = None,
        limit: int = 100,
        progress: bool = False,
    ) -> Iterator[UptimeCheck]:
        """Yield the checks of all pages of ``get_uptime_history``, each once.

        If the loop enables or disables models, iterate over ``list(...)``: otherwise checks may be skipped.

        Args:
            model_id, status, since, enabled_only: as for ``get_uptime_history``.
            limit: checks per request, 1 to 10000.
            progress: show a progress bar (tqdm if it is installed).

        GET /api/v1/monitoring/uptime, once per page
        """
        return iter_pages(
            self.get_uptime_history,
            "offset",
            progress,
            model_id=model_id,
            status=status,
            since=since,
            enabled_only=enabled_only,
            limit=limit,
        )

    def export_uptime_history(
        self,
        *,
        format: str = "json",
        model_id: Optional[str] = None,
        start_date: Optional[DateTimeLike] = None,
        end_date: Optional[DateTimeLike] = None,
    ) -> Download:
        """Return all checks, without ``ttft_ms`` and ``tps``, as a file: ``content``, ``save(path)``.

        Args:
            format: ``json`` or ``csv``. CSV fields may contain newlines: use a CSV parser.
            model_id: only checks of this model.
            start_date, end_date: the first and the last time, both inclusive: date-times (UTC if they are
                naive), dates (their midnight) or ISO 8601 text.

        GET /api/v1/monitoring/uptime/export
        """
        params = {
            "format": format,
            "model_id": model_id,
            "start_date": format_datetime_param(start_date),
            "end_date": format_datetime_param(end_date),
        }
        return self._request("GET", "/api/v1/monitoring/uptime/export", params=params).download()

    def list_prompt_packs(self) -> ResultList[PromptPack]:
        """Return the prompts for checks and benchmarks.

        GET /api/v1/monitoring/prompt-packs
        """
        return self._request("GET", "/api/v1/monitoring/prompt-packs").records(PromptPack)
