"""The keywords of ``chat`` and ``chat_stream``, for editors and type checkers."""

from __future__ import annotations

from typing import Any, Dict, List, Optional, TypedDict, Union

from .._core.chat import Messages


class ChatFields(TypedDict, total=False):
    """The fields of ChatRequest."""

    model: str
    messages: Messages
    temperature: Optional[float]
    max_tokens: Optional[int]
    top_p: Optional[float]
    stream: Optional[bool]
    tools: Optional[List[Dict[str, Any]]]
    tool_choice: Union[str, Dict[str, Any], None]
    response_format: Optional[Dict[str, Any]]
    provider_specific_params: Optional[Dict[str, Any]]
    extra_body: Optional[Dict[str, Any]]
    n: Optional[int]
    seed: Optional[int]
    stop: Union[str, List[str], None]
    presence_penalty: Optional[float]
    frequency_penalty: Optional[float]
    logit_bias: Optional[Dict[str, float]]
    logprobs: Optional[bool]
    top_logprobs: Optional[int]
    stream_options: Optional[Dict[str, Any]]
    max_completion_tokens: Optional[int]
    parallel_tool_calls: Optional[bool]
    user: Optional[str]
    safety_identifier: Optional[str]
    prompt_cache_key: Optional[str]
    prompt_cache_options: Optional[Dict[str, Any]]
    prompt_cache_retention: Optional[str]
    metadata: Optional[Dict[str, Any]]
    store: Optional[bool]
    verbosity: Optional[str]
    modalities: Optional[List[str]]
    audio: Optional[Dict[str, Any]]
    reasoning_effort: Optional[str]
    thinking: Union[bool, Dict[str, Any], None]
    virtual_model_id: Optional[str]
    service_tier: Optional[str]
    prediction: Optional[Dict[str, Any]]
    web_search_options: Optional[Dict[str, Any]]
    functions: Optional[List[Dict[str, Any]]]
    function_call: Union[str, Dict[str, Any], None]
    moderation: Optional[Dict[str, Any]]
