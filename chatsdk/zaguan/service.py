"""The client of Zaguan CoreX."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any, Dict, Iterator, Optional, Type, Union

from .. import errors
from .._core.error_body import ErrorBody
from .._core.model import collect_arguments
from .._core.openai_models import ChatRequest, ChatResponse
from .._core.openai_service import OpenAIService
from .._core.options import ServiceSpec
from .._core.paging import iter_pages
from .._core.result_list import ResultList
from .audio import Audio
from .embeddings import Embeddings
from .errors import ERROR_CLASSES, BandAccessDeniedError, RateLimitError
from .images import Images
from .models import (
    CreditsBalance,
    CreditsHistory,
    CreditsHistoryEntry,
    CreditsStats,
    HealthStatus,
    ModelCapabilities,
)
from .moderations import Moderations


class Zaguan(OpenAIService, Embeddings, Audio, Images, Moderations):
    """Zaguan CoreX: an OpenAI-compatible gateway to many providers, paid with credits.

    A method that takes a request, such as a ChatRequest, also takes a dict, or the fields as keywords.

    Each call sends an ``X-Request-Id``, the same for all its retries, so that the gateway charges it once. By
    default it is a new UUID; ``request_id`` sets it (some servers accept only UUIDs). Errors have it too.

    All errors are both a ZaguanError and a common error, such as ``chatsdk.RateLimitError``. The methods for
    credits raise NotFoundError if credits are not enabled on the server.
    """

    _spec = ServiceSpec("zaguan", "ZAGUAN", ERROR_CLASSES, timeout=60.0, max_retries=2)

    def chat_simple(self, message: str, model: str = "openai/gpt-4o-mini") -> ChatResponse:
        """Send one user message and return the completion, as ``chat`` does.

        POST /v1/chat/completions
        """
        return self.chat(model=model, messages=message)

    def chat_with_system(
        self, system_prompt: str, user_message: str, model: str = "openai/gpt-4o-mini"
    ) -> ChatResponse:
        """Send a system prompt and one user message and return the completion, as ``chat`` does.

        POST /v1/chat/completions
        """
        return self.chat(model=model, messages=[{"role": "system", "content": system_prompt}, user_message])

    def get_capabilities(self, request_id: Optional[str] = None) -> ResultList[ModelCapabilities]:
        """Return the capabilities of the models.

        Raises:
            NotFoundError: the server has no such endpoint.

        GET /v1/capabilities
        """
        return self._request("GET", "/v1/capabilities", request_id=request_id).records(
            ModelCapabilities, _capabilities
        )

    def get_credits_balance(self, request_id: Optional[str] = None) -> CreditsBalance:
        """Return the credits left, the tier of the account and its bands.

        GET /v1/credits/balance
        """
        return self._request("GET", "/v1/credits/balance", request_id=request_id).model(CreditsBalance)

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
        """Return a page of the charged requests in ``entries``; ``iter_credits_history`` yields all of them.

        Args:
            limit: entries per page; by default the server's, about 100.
            cursor: the ``next_cursor`` of the previous page, which is None on the last page.
            start_date, end_date: a datetime (a naive one is UTC) or ISO 8601 text.
            model, provider, band, status: return only entries with this value.

        GET /v1/credits/history
        """
        return self._request(
            "GET", "/v1/credits/history", params=collect_arguments(locals()), request_id=request_id
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
        progress: bool = False,
    ) -> Iterator[CreditsHistoryEntry]:
        """Yield all charged requests, each once.

        Args:
            limit: entries per request.
            start_date, end_date: a datetime (a naive one is UTC) or ISO 8601 text.
            model, provider, band, status: return only entries with this value.
            progress: show a progress bar (tqdm if it is installed).

        GET /v1/credits/history, once per page
        """
        query = collect_arguments(locals(), "progress")
        return iter_pages(self.get_credits_history, "cursor", progress, **query)

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
        """Return totals of the charged credits (see CreditsStats).

        Args:
            period: ``day``, ``week``, ``month`` or ``all_time``.
            start_date, end_date: a datetime (a naive one is UTC) or ISO 8601 text.
            group_by: such as ``model``, ``provider``, ``band``, ``day``; servers differ in what they accept.
            model, provider, band: count only requests with this value.

        GET /v1/credits/stats
        """
        return self._request(
            "GET", "/v1/credits/stats", params=collect_arguments(locals()), request_id=request_id
        ).model(CreditsStats)

    def health_check(self, request_id: Optional[str] = None) -> HealthStatus:
        """Return the health of the server. On a LiteLLM gateway this calls every model, which may cost money.

        GET /health
        """
        return self._request("GET", "/health", request_id=request_id).model(HealthStatus)

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
        # Gateways may change the status of an error: its codes still tell the class.
        if common is not errors.InsufficientCreditsError:
            if "rate_limit_exceeded" in failure.codes:
                return RateLimitError
            if "band_access_denied" in failure.codes:
                return BandAccessDeniedError
        return common


def _capabilities(body: Any) -> Any:
    """Return the list of capabilities from any of the three shapes that gateways send."""
    if not isinstance(body, dict):
        return body
    by_model = body.get("capabilities")
    if isinstance(by_model, dict):
        return [{"model_id": name, **item} for name, item in by_model.items() if isinstance(item, dict)]
    return body.get("models") if by_model is None else by_model
