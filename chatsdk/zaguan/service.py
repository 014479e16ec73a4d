"""Zaguan CoreX: one OpenAI-compatible API in front of many providers, paid with credits."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any, Dict, Iterator, List, Mapping, Optional, Tuple, Type, Union

from .. import errors
from .._core.chat import ChatReader, Messages, complete_tool_calls, messages_to_send
from .._core.failures import Failure
from .._core.model import build, reader, to_send
from .._core.options import ServiceSpec
from .._core.paging import walk
from .._core.records import Records
from .._core.service import ServiceClient
from .._core.stream import Stream
from .errors import OWN_CLASSES, BandAccessDeniedError, RateLimitError
from .models import (
    ChatChunk,
    ChatRequest,
    ChatResponse,
    CreditsBalance,
    CreditsHistory,
    CreditsHistoryEntry,
    CreditsStats,
    HealthStatus,
    ModelCapabilities,
    ModelInfo,
)

ChatStream = Stream[ChatChunk, ChatResponse]


class Zaguan(ServiceClient):
    """The endpoints of Zaguan CoreX.

    Each call carries an ``X-Request-Id``: one UUID for all its attempts, by which the gateway charges it
    once. Give ``request_id`` to choose it; it must be a UUID for some servers. Errors carry it too.

    All methods raise ZaguanError, which is always one of the library's errors as well: AuthenticationError,
    InsufficientCreditsError, BandAccessDeniedError, RateLimitError, ...
    """

    _spec = ServiceSpec("zaguan", "ZAGUAN", OWN_CLASSES, timeout=60.0, max_retries=2)

    def chat(
        self,
        request: Union[ChatRequest, Mapping[str, Any], None] = None,
        request_id: Optional[str] = None,
        *,
        model: Optional[str] = None,
        messages: Optional[Messages] = None,
        temperature: Optional[float] = None,
        max_tokens: Optional[int] = None,
        top_p: Optional[float] = None,
        stream: Optional[bool] = None,
        tools: Optional[List[Dict[str, Any]]] = None,
        tool_choice: Union[str, Dict[str, Any], None] = None,
        response_format: Optional[Dict[str, Any]] = None,
        provider_specific_params: Optional[Dict[str, Any]] = None,
        extra_body: Optional[Dict[str, Any]] = None,
        n: Optional[int] = None,
        seed: Optional[int] = None,
        stop: Union[str, List[str], None] = None,
        presence_penalty: Optional[float] = None,
        frequency_penalty: Optional[float] = None,
        logit_bias: Optional[Dict[str, float]] = None,
        logprobs: Optional[bool] = None,
        top_logprobs: Optional[int] = None,
        stream_options: Optional[Dict[str, Any]] = None,
        max_completion_tokens: Optional[int] = None,
        parallel_tool_calls: Optional[bool] = None,
        user: Optional[str] = None,
        safety_identifier: Optional[str] = None,
        prompt_cache_key: Optional[str] = None,
        prompt_cache_options: Optional[Dict[str, Any]] = None,
        prompt_cache_retention: Optional[str] = None,
        metadata: Optional[Dict[str, Any]] = None,
        store: Optional[bool] = None,
        verbosity: Optional[str] = None,
        modalities: Optional[List[str]] = None,
        audio: Optional[Dict[str, Any]] = None,
        reasoning_effort: Optional[str] = None,
        thinking: Union[bool, Dict[str, Any], None] = None,
        virtual_model_id: Optional[str] = None,
        service_tier: Optional[str] = None,
        prediction: Optional[Dict[str, Any]] = None,
        web_search_options: Optional[Dict[str, Any]] = None,
        functions: Optional[List[Dict[str, Any]]] = None,
        function_call: Union[str, Dict[str, Any], None] = None,
        moderation: Optional[Dict[str, Any]] = None,
    ) -> ChatResponse:
        """Ask for a completion and wait for the whole of it.

        Args:
            request: a ChatRequest or a dict; or give its fields as keywords.
            request_id: the id of this call; a new UUID where none is given.

        Returns:
            The completion; ``.text`` is the text of its first choice.

        Raises:
            InsufficientCreditsError, BandAccessDeniedError, RateLimitError: it is too much for the account.
            APITimeoutError: no answer in time; it is not asked again, since it may be charged already.
            ZaguanError: all else.

        POST /v1/chat/completions
        """
        body = _chat_body(build(ChatRequest, request, locals()), stream=False)
        return self._request("POST", "/v1/chat/completions", json=body, headers=_id(request_id)).model(
            ChatResponse, complete_tool_calls, _chunk_reader(body)
        )

    def chat_stream(
        self,
        request: Union[ChatRequest, Mapping[str, Any], None] = None,
        request_id: Optional[str] = None,
        *,
        model: Optional[str] = None,
        messages: Optional[Messages] = None,
        temperature: Optional[float] = None,
        max_tokens: Optional[int] = None,
        top_p: Optional[float] = None,
        stream: Optional[bool] = None,
        tools: Optional[List[Dict[str, Any]]] = None,
        tool_choice: Union[str, Dict[str, Any], None] = None,
        response_format: Optional[Dict[str, Any]] = None,
        provider_specific_params: Optional[Dict[str, Any]] = None,
        extra_body: Optional[Dict[str, Any]] = None,
        n: Optional[int] = None,
        seed: Optional[int] = None,
        stop: Union[str, List[str], None] = None,
        presence_penalty: Optional[float] = None,
        frequency_penalty: Optional[float] = None,
        logit_bias: Optional[Dict[str, float]] = None,
        logprobs: Optional[bool] = None,
        top_logprobs: Optional[int] = None,
        stream_options: Optional[Dict[str, Any]] = None,
        max_completion_tokens: Optional[int] = None,
        parallel_tool_calls: Optional[bool] = None,
        user: Optional[str] = None,
        safety_identifier: Optional[str] = None,
        prompt_cache_key: Optional[str] = None,
        prompt_cache_options: Optional[Dict[str, Any]] = None,
        prompt_cache_retention: Optional[str] = None,
        metadata: Optional[Dict[str, Any]] = None,
        store: Optional[bool] = None,
        verbosity: Optional[str] = None,
        modalities: Optional[List[str]] = None,
        audio: Optional[Dict[str, Any]] = None,
        reasoning_effort: Optional[str] = None,
        thinking: Union[bool, Dict[str, Any], None] = None,
        virtual_model_id: Optional[str] = None,
        service_tier: Optional[str] = None,
        prediction: Optional[Dict[str, Any]] = None,
        web_search_options: Optional[Dict[str, Any]] = None,
        functions: Optional[List[Dict[str, Any]]] = None,
        function_call: Union[str, Dict[str, Any], None] = None,
        moderation: Optional[Dict[str, Any]] = None,
    ) -> ChatStream:
        """Ask for a completion and get it in chunks, as they come.

        Args:
            request: a ChatRequest or a dict; or give its fields as keywords.
            request_id: the id of this call; a new UUID where none is given.

        Returns:
            A Stream of ChatChunk; ``.text`` of a chunk is what it adds, ``.final()`` of the stream the whole
            ChatResponse with merged tool calls and usage (``stream_options={"include_usage": True}``).

        Raises:
            ZaguanError: as ``chat`` does; StreamError and StreamInterruptedError while iterating.

        POST /v1/chat/completions
        """
        body = _chat_body(build(ChatRequest, request, locals()), stream=True)
        return self._request("POST", "/v1/chat/completions", json=body, headers=_id(request_id)).stream(
            _chunk_reader(body)
        )

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

    def list_models(self, request_id: Optional[str] = None) -> Records[ModelInfo]:
        """Return all models that the gateway offers.

        Args:
            request_id: the id of this call; a new UUID where none is given.

        Returns:
            A list of ModelInfo, with ``to_rows()`` for tables.

        GET /v1/models
        """
        return self._request("GET", "/v1/models", headers=_id(request_id)).records(ModelInfo, "data")

    def get_capabilities(self, request_id: Optional[str] = None) -> Records[ModelCapabilities]:
        """Return what the models can do.

        Args:
            request_id: the id of this call; a new UUID where none is given.

        Returns:
            A list of ModelCapabilities, with ``to_rows()`` for tables.

        Raises:
            NotFoundError: the server does not offer this.

        GET /v1/capabilities
        """
        return self._request("GET", "/v1/capabilities", headers=_id(request_id)).records(
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
        return self._request("GET", "/v1/credits/balance", headers=_id(request_id)).model(CreditsBalance)

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
        return self._request("GET", "/v1/credits/history", params=params, headers=_id(request_id)).model(
            CreditsHistory
        )

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

        def page(cursor: str) -> Tuple[List[CreditsHistoryEntry], Optional[str]]:
            found = self.get_credits_history(
                limit,
                cursor or None,
                start_date=start_date,
                end_date=end_date,
                model=model,
                provider=provider,
                band=band,
                status=status,
            )
            following = found.next_cursor
            return found.entries, following if isinstance(following, str) and following else None

        return walk(page, "", key=lambda entry: entry.id or None)

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
        return self._request("GET", "/v1/credits/stats", params=params, headers=_id(request_id)).model(
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
        return self._request("GET", "/health", headers=_id(request_id)).model(HealthStatus)

    def _tidy(self, base_url: str) -> str:
        # Other programs of the same family want the address with /v1 at its end.
        return base_url[:-3] if base_url.endswith("/v1") else base_url

    def _call_headers(self) -> Dict[str, str]:
        return {"X-Request-Id": str(uuid.uuid4())}

    @classmethod
    def _status_kind(cls, status: int, failure: Failure) -> Type[errors.APIStatusError]:
        common = super()._status_kind(status, failure)
        # Gateways change the type of an error but keep its status, or the other way round.
        if common is not errors.InsufficientCreditsError:
            if "rate_limit_exceeded" in failure.words:
                return RateLimitError
            if "band_access_denied" in failure.words:
                return BandAccessDeniedError
        return common


def _id(request_id: Optional[str]) -> Optional[Dict[str, str]]:
    """Return the header for an id that the caller chose."""
    return {"X-Request-Id": str(request_id)} if request_id else None


def _chunk_reader(body: Dict[str, Any]) -> ChatReader[ChatChunk, ChatResponse]:
    return ChatReader(reader(ChatChunk), ChatResponse.from_dict, body.get("n"))


def _chat_body(request: ChatRequest, stream: bool) -> Dict[str, Any]:
    body = to_send(request)
    extra_body = body.pop("extra_body", None)
    if extra_body:
        body["provider_specific_params"] = {**body.get("provider_specific_params", {}), **extra_body}
    body["messages"] = messages_to_send(request.messages)
    body["stream"] = stream
    return body


def _capabilities(body: Any) -> Any:
    """Return the list in any of the three shapes in which gateways send it."""
    if not isinstance(body, dict):
        return body
    by_model = body.get("capabilities")
    if isinstance(by_model, dict):
        return [{"model_id": name, **item} for name, item in by_model.items() if isinstance(item, dict)]
    return body.get("models") if by_model is None else by_model
