"""Zaguan CoreX: one OpenAI-compatible API in front of many providers, paid with credits."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any, Dict, Iterator, Optional, Type, Union

from .. import errors
from .._core.error_body import ErrorBody
from .._core.openai_models import ChatRequest, ChatResponse
from .._core.openai_service import OpenAIService, id_header
from .._core.options import ServiceSpec
from .._core.paging import iter_pages
from .._core.result_list import ResultList
from .errors import OWN_CLASSES, BandAccessDeniedError, RateLimitError
from .models import (
    CreditsBalance,
    CreditsHistory,
    CreditsHistoryEntry,
    CreditsStats,
    HealthStatus,
    ModelCapabilities,
)


class Zaguan(OpenAIService):
    """The endpoints of Zaguan CoreX.

    Each call carries an ``X-Request-Id``: one UUID for all its attempts, by which the gateway charges it
    once. Give ``request_id`` to choose it; it must be a UUID for some servers. Errors carry it too.

    All methods raise ZaguanError, which is always one of the library's errors as well: AuthenticationError,
    InsufficientCreditsError, BandAccessDeniedError, RateLimitError, ...
    """

    _spec = ServiceSpec("zaguan", "ZAGUAN", OWN_CLASSES, timeout=60.0, max_retries=2)

    def chat_simple(self, message: str, model: str = "openai/gpt-4o-mini") -> ChatResponse:
        """Ask one question.

        Args:
            message: the question.
            model: ``provider/model``, or a bare model name.

        Returns:
            The completion, as from ``chat``.

        POST /v1/chat/completions
        """
        return self.chat(model=model, messages=message)

    def chat_with_system(
        self, system_prompt: str, user_message: str, model: str = "openai/gpt-4o-mini"
    ) -> ChatResponse:
        """Ask one question under a system prompt.

        Args:
            system_prompt: how the model is to answer.
            user_message: the question.
            model: ``provider/model``, or a bare model name.

        Returns:
            The completion, as from ``chat``.

        POST /v1/chat/completions
        """
        return self.chat(model=model, messages=[{"role": "system", "content": system_prompt}, user_message])

    def get_capabilities(self, request_id: Optional[str] = None) -> ResultList[ModelCapabilities]:
        """Return what the models can do.

        Args:
            request_id: the id of this call; a new UUID where none is given.

        Returns:
            A list of ModelCapabilities, with ``to_rows()`` for tables.

        Raises:
            NotFoundError: the server does not offer this.

        GET /v1/capabilities
        """
        return self._request("GET", "/v1/capabilities", headers=id_header(request_id)).records(
            ModelCapabilities, _capabilities
        )

    def get_credits_balance(self, request_id: Optional[str] = None) -> CreditsBalance:
        """Return the account's credits.

        Args:
            request_id: the id of this call; a new UUID where none is given.

        Returns:
            What is left, the tier and its bands.

        Raises:
            NotFoundError: the server has no credits.

        GET /v1/credits/balance
        """
        return self._request("GET", "/v1/credits/balance", headers=id_header(request_id)).model(
            CreditsBalance
        )

    def get_credits_history(
        self,
        limit: Optional[int] = None,
        cursor: Optional[str] = None,
        request_id: Optional[str] = None,
        *,
        start_date: Union[datetime, str, None] = None,
        end_date: Union[datetime, str, None] = None,
        model: Optional[str] = None,
        provider: Optional[str] = None,
        band: Optional[str] = None,
        status: Optional[str] = None,
    ) -> CreditsHistory:
        """Return one page of what was charged; ``iter_credits_history`` goes through all of them.

        Args:
            limit: entries on a page; the server's default is about 100.
            cursor: ``next_cursor`` of the page before.
            request_id: the id of this call; a new UUID where none is given.
            start_date, end_date: a date-time (a naive one is UTC) or ISO 8601 text.
            model, provider, band, status: only entries with this value.

        Returns:
            The page: ``entries``, and ``next_cursor``, which is None on the last one.

        Raises:
            NotFoundError: the server has no credits.

        GET /v1/credits/history
        """
        params = {
            "limit": limit,
            "cursor": cursor,
            "start_date": start_date,
            "end_date": end_date,
            "model": model,
            "provider": provider,
            "band": band,
            "status": status,
        }
        return self._request(
            "GET", "/v1/credits/history", params=params, headers=id_header(request_id)
        ).model(CreditsHistory)

    def iter_credits_history(
        self,
        limit: Optional[int] = None,
        *,
        start_date: Union[datetime, str, None] = None,
        end_date: Union[datetime, str, None] = None,
        model: Optional[str] = None,
        provider: Optional[str] = None,
        band: Optional[str] = None,
        status: Optional[str] = None,
    ) -> Iterator[CreditsHistoryEntry]:
        """Yield all entries that ``get_credits_history`` would give page by page, each once.

        Args:
            limit: entries in each request.
            start_date, end_date: a date-time (a naive one is UTC) or ISO 8601 text.
            model, provider, band, status: only entries with this value.

        GET /v1/credits/history, as often as there are pages
        """
        return iter_pages(
            self.get_credits_history,
            "cursor",
            limit=limit,
            start_date=start_date,
            end_date=end_date,
            model=model,
            provider=provider,
            band=band,
            status=status,
        )

    def get_credits_stats(
        self,
        period: Optional[str] = None,
        request_id: Optional[str] = None,
        *,
        start_date: Union[datetime, str, None] = None,
        end_date: Union[datetime, str, None] = None,
        group_by: Optional[str] = None,
        model: Optional[str] = None,
        provider: Optional[str] = None,
        band: Optional[str] = None,
    ) -> CreditsStats:
        """Return sums of what was charged.

        Args:
            period: ``day``, ``week``, ``month`` or ``all_time``.
            request_id: the id of this call; a new UUID where none is given.
            start_date, end_date: a date-time (a naive one is UTC) or ISO 8601 text.
            group_by: what to sum by; servers differ in the words they know.
            model, provider, band: only what was charged for this.

        Returns:
            The sums. Servers differ in what they send; fields that one leaves out are None or empty.

        Raises:
            NotFoundError: the server has no credits.

        GET /v1/credits/stats
        """
        params = {
            "period": period,
            "start_date": start_date,
            "end_date": end_date,
            "group_by": group_by,
            "model": model,
            "provider": provider,
            "band": band,
        }
        return self._request("GET", "/v1/credits/stats", params=params, headers=id_header(request_id)).model(
            CreditsStats
        )

    def health_check(self, request_id: Optional[str] = None) -> HealthStatus:
        """Return what the server says of itself.

        Args:
            request_id: the id of this call; a new UUID where none is given.

        Returns:
            Its ``status``; all else that it sends is in ``extra``.

        GET /health
        """
        return self._request("GET", "/health", headers=id_header(request_id)).model(HealthStatus)

    def _chat_body(self, request: ChatRequest, stream: bool) -> Dict[str, Any]:
        body = super()._chat_body(request, stream)
        extra_body = body.pop("extra_body", None)
        if extra_body:
            body["provider_specific_params"] = {**body.get("provider_specific_params", {}), **extra_body}
        return body

    def _call_headers(self) -> Dict[str, str]:
        return {"X-Request-Id": str(uuid.uuid4())}

    @classmethod
    def _status_error_class(cls, status: int, failure: ErrorBody) -> Type[errors.APIStatusError]:
        common = super()._status_error_class(status, failure)
        # Gateways change the type of an error but keep its status, or the other way round.
        if common is not errors.InsufficientCreditsError:
            if "rate_limit_exceeded" in failure.codes:
                return RateLimitError
            if "band_access_denied" in failure.codes:
                return BandAccessDeniedError
        return common


def _capabilities(body: Any) -> Any:
    """Return the list in any of the three shapes in which gateways send it."""
    if not isinstance(body, dict):
        return body
    by_model = body.get("capabilities")
    if isinstance(by_model, dict):
        return [{"model_id": name, **item} for name, item in by_model.items() if isinstance(item, dict)]
    return body.get("models") if by_model is None else by_model
