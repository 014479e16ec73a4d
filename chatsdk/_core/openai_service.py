"""The endpoints of all OpenAI-compatible services."""

from __future__ import annotations

from typing import Any, Dict, List, Mapping, Optional, Union

from ..errors import APIResponseError, InvalidRequestError
from .answer import ChatService
from .chat import CompletionAccumulator, Messages, complete_tool_calls, serialize_messages
from .model import build_request, get_reader, request_fields
from .openai_models import ChatChunk, ChatRequest, ChatResponse, ModelInfo, ResponseFormat, Tools
from .result_list import ResultList
from .service import ServiceClient
from .stream import Stream

ChatStream = Stream[ChatChunk, ChatResponse]


class OpenAIService(ServiceClient, ChatService[ChatResponse]):
    """An OpenAI-compatible service.

    A method that takes a request, such as a ChatRequest, also takes a dict, or the fields as keywords.
    ``request_id`` sets the ``X-Request-Id`` of a call.
    """

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
        tools: Optional[Tools] = None,
        tool_choice: Union[str, Dict[str, Any], None] = None,
        response_format: Optional[ResponseFormat] = None,
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
        """Create a chat completion (see ChatRequest); ``.text`` is the text of its first choice.

        Raises:
            InsufficientCreditsError, PermissionDeniedError, RateLimitError: the account does not allow it.
            APITimeoutError: no answer in time; not retried, since the server may have charged the request.

        POST /v1/chat/completions
        """
        if stream:
            with self._service_errors():
                raise InvalidRequestError("chat() returns the whole completion: use chat_stream()")
        body = self._chat_body(build_request(ChatRequest, request, locals()), stream=False)
        return self._request("POST", "/v1/chat/completions", json=body, request_id=request_id).model(
            ChatResponse, complete_tool_calls, self._chunk_reader(body)
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
        tools: Optional[Tools] = None,
        tool_choice: Union[str, Dict[str, Any], None] = None,
        response_format: Optional[ResponseFormat] = None,
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
        """Create a chat completion (see ChatRequest) and stream it.

        Returns:
            A Stream of ChatChunk. ``chunk.text`` is the text that a chunk adds; ``stream.final()`` returns
            the whole ChatResponse, with tool calls merged, and with usage if the server sends it (many only
            do so with ``stream_options={"include_usage": True}``).

        Raises:
            The errors of ``chat``; StreamError and StreamInterruptedError while iterating.

        POST /v1/chat/completions
        """
        body = self._chat_body(build_request(ChatRequest, request, locals()), stream=True)
        return self._request("POST", "/v1/chat/completions", json=body, request_id=request_id).stream(
            self._chunk_reader(body)
        )

    def list_models(self, request_id: Optional[str] = None) -> ResultList[ModelInfo]:
        """Return the models of the server.

        GET /v1/models
        """
        return self._request("GET", "/v1/models", request_id=request_id).records(ModelInfo, "data")

    def _normalize_base_url(self, base_url: str) -> str:
        # The base URLs of other clients end with /v1, which is part of the paths here.
        return base_url[:-3] if base_url.endswith("/v1") else base_url

    def _chat_body(self, request: ChatRequest, stream: bool) -> Dict[str, Any]:
        body = {**request_fields(request), "messages": serialize_messages(request.messages), "stream": stream}
        tools = list(body.get("tools", ()))
        if any(map(callable, tools)):
            from .tools import serialize_tools  # few programs need it, and it takes milliseconds to import

            body["tools"] = serialize_tools(tools)
        if not isinstance(body.get("response_format", ""), (Mapping, str)):
            from .json_schema import make_response_format

            body["response_format"] = make_response_format(body["response_format"])
        return body

    def _chunk_reader(self, body: Dict[str, Any]) -> CompletionAccumulator[ChatChunk, ChatResponse]:
        make_result = get_reader(ChatResponse, error_class=self._spec.errors.get(APIResponseError))
        return CompletionAccumulator(get_reader(ChatChunk), make_result, body.get("n"))
