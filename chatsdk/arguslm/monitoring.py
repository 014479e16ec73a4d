"""ArgusLM: monitoring, and what it has found."""

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
    """The endpoints about monitoring."""

    def get_monitoring_config(self) -> MonitoringConfig:
        """Return how models are monitored, and when they last were.

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
        """Change how models are monitored; what is not given stays as it is.

        Args:
            request: a MonitoringConfigUpdate or a dict; or give its fields as keywords.

        Returns:
            The settings as they are now.

        Raises:
            BadRequestError: there is no such prompt pack.
            UnprocessableEntityError: a field is wrong, such as an interval below 1 minute.

        PATCH /api/v1/monitoring/config
        """
        body = build_request(MonitoringConfigUpdate, request, locals())
        return self._request("PATCH", "/api/v1/monitoring/config", json=body).model(MonitoringConfig)

    def run_monitoring(self) -> MonitoringRun:
        """Check all models that are enabled for monitoring, now, in the background.

        Checks and alerts of the run appear all at once, at its end; then ``last_run_at`` of
        ``get_monitoring_config`` changes. That is the way to wait for it: no call takes the ``run_id``. If
        another run is under way, its end changes ``last_run_at`` too: wait for new checks of the models.

        Returns:
            The run, which is queued.

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
        """Return one page of checks, newest first; ``iter_uptime_history`` goes through all of them.

        Args:
            model_id: only those of this model.
            status: only those with this status, ``up`` or ``down``; an unknown one finds nothing.
            since: only those after this date-time (a naive one is UTC), date or ISO 8601 text. Some servers
                leave out what is of that very moment.
            enabled_only: only those of models that are enabled for monitoring.
            limit: checks on the page, 1 to 10000.
            offset: checks to skip, from 0.

        Returns:
            The page: ``items`` and ``total`` of all pages. ``ttft_ms``, ``tps`` and the like are None of
            checks that found a model down.

        Raises:
            UnprocessableEntityError: a number outside its limits, an id that is no UUID, no date.

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
    ) -> Iterator[UptimeCheck]:
        """Yield all checks that ``get_uptime_history`` would give page by page, each once.

        If the loop enables or disables models and ``enabled_only`` is given, iterate over a ``list`` of them:
        the checks that still match move to pages that were fetched already, and would be skipped.

        Args:
            model_id, status, since, enabled_only: as for ``get_uptime_history``.
            limit: checks in each request, 1 to 10000.

        GET /api/v1/monitoring/uptime, as often as there are pages
        """
        return iter_pages(
            self.get_uptime_history,
            "offset",
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
        """Return all checks as a file; there is no limit to its size, so ``save`` a large one.

        Args:
            format: ``json`` or ``csv``. Read the CSV with a parser: fields may hold newlines.
            model_id: only those of this model.
            start_date, end_date: only those from the one to the other, both included: date-times (a naive one
                is UTC), dates (their first moment) or ISO 8601 text.

        Returns:
            A Download: ``content``, ``text``, ``save(path)``. It has latencies, but neither ``ttft_ms`` nor
            ``tps``.

        Raises:
            UnprocessableEntityError: another format, an id that is no UUID, text that is no date.

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
        """Return the prompts that models can be measured with.

        Returns:
            A list of PromptPack, with ``to_rows()`` for tables.

        GET /api/v1/monitoring/prompt-packs
        """
        return self._request("GET", "/api/v1/monitoring/prompt-packs").records(PromptPack)
