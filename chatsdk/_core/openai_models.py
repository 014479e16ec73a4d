"""The requests and responses of OpenAI-compatible services; keys without a field are in ``extra``."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Callable, Dict, List, Mapping, Optional, Sequence, Type, TypeVar, Union, overload

from .answer import ChatAnswer, first_choice_part, first_choice_text, response_error
from .chat import Messages
from .model import Model, is_filled_list_of_objects, required_field

T = TypeVar("T")
Content = Union[str, List[Dict[str, Any]]]
Tools = Sequence[Union[Mapping[str, Any], Callable[..., Any]]]
ResponseFormat = Union[Mapping[str, Any], type]


@dataclass
class FunctionCall(Model):
    """A function call by the model; ``arguments`` is JSON text, in a stream a fragment of it."""

    name: Optional[str] = None
    arguments: Optional[str] = None


@dataclass
class CustomToolCall(Model):
    """A call of a custom tool, whose ``input`` is free text."""

    name: Optional[str] = None
    input: Optional[str] = None


@dataclass
class ToolCall(Model):
    """A tool call by the model; ``index`` is set only in the chunks of a stream."""

    id: Optional[str] = None
    type: Optional[str] = None
    function: Optional[FunctionCall] = None
    custom: Optional[CustomToolCall] = None
    index: Optional[int] = None

    @overload
    def parse(self, target: None = None) -> Dict[str, Any]: ...
    @overload
    def parse(self, target: Type[T]) -> T: ...  # type: ignore[overload-overlap]  # a class is a Callable too
    @overload
    def parse(self, target: Callable[..., Any]) -> Dict[str, Any]: ...

    def parse(self, target: Union[Callable[..., Any], None] = None) -> Any:
        """Return the arguments of the call.

        Args:
            target: a function or Tool, for a dict of its arguments, checked and converted to its types; a
                dataclass, for an instance of it; None for a dict as the model wrote it.

        Raises:
            APIResponseError: the arguments are not a JSON object or do not fit; ``body`` is their text.
            TypeError: the target cannot be a tool.
        """
        from .json_schema import is_dataclass_type, make_converter  # few programs need it
        from .tools import decode_arguments, make_tool

        text = (self.function.arguments if self.function else None) or ""
        try:
            arguments = decode_arguments(text)
            if target is None:
                return arguments
            if is_dataclass_type(target):
                return make_converter(target).read(arguments, "")
            return make_tool(target).parse(arguments)
        except ValueError as error:
            problem = f"the arguments of the tool call do not fit: {error}"
        raise response_error(self, problem, "invalid", text)  # outside of "except", so that it is not chained


@dataclass
class UrlCitation(Model):
    """A web page that a part of the text cites."""

    start_index: Optional[int] = None
    end_index: Optional[int] = None
    title: Optional[str] = None
    url: Optional[str] = None


@dataclass
class Annotation(Model):
    """An annotation of a part of the text."""

    type: Optional[str] = None
    url_citation: Optional[UrlCitation] = None


@dataclass
class Audio(Model):
    """An audio answer: ``data`` is base64, ``expires_at`` a Unix time in seconds."""

    id: Optional[str] = None
    data: Optional[str] = None
    expires_at: Optional[int] = None
    transcript: Optional[str] = None


@dataclass
class Message(Model):
    """A message of a conversation.

    ``role`` is ``system``, ``developer``, ``user``, ``assistant``, ``tool`` or any other string. ``content``
    is a string or a list of parts, or None in answers that only call tools. The message of an answer may be
    sent back as it is: fields that only answers have are left out, such as annotations, ``extra`` and, unless
    the message calls tools, reasoning. A dict is sent unchanged.
    """

    role: str = "user"
    content: Optional[Content] = None
    name: Optional[str] = None
    tool_calls: Optional[List[ToolCall]] = None
    tool_call_id: Optional[str] = None
    function_call: Optional[FunctionCall] = None
    refusal: Optional[str] = None
    audio: Optional[Audio] = None
    annotations: Optional[List[Annotation]] = None
    reasoning_content: Optional[str] = None
    reasoning: Optional[str] = None
    citations: Optional[List[Any]] = None


@dataclass
class ChatRequest(Model):
    """A request for a chat completion; fields that are None are not sent.

    Args:
        model: ``provider/model``, or a bare model name.
        messages: a string, or a list of Message objects, dicts and strings (messages of the user).
        temperature: 0 to 2.
        max_tokens: at least 1.
        top_p: 0 to 1.
        stream: set by ``chat`` and ``chat_stream``.
        tools: functions with type hints, Tool objects or dicts.
        response_format: a dict, or a dataclass, which is sent as a strict JSON schema; ``response.parse()``
            returns an instance of it.
        provider_specific_params: passed to the provider; Zaguan merges ``extra_body`` into it.
    """

    model: str
    messages: Messages
    temperature: Optional[float] = None
    max_tokens: Optional[int] = None
    top_p: Optional[float] = None
    stream: Optional[bool] = False
    tools: Optional[Tools] = None
    tool_choice: Union[str, Dict[str, Any], None] = None
    response_format: Optional[ResponseFormat] = None
    provider_specific_params: Optional[Dict[str, Any]] = None
    extra_body: Optional[Dict[str, Any]] = None
    n: Optional[int] = None
    seed: Optional[int] = None
    stop: Union[str, List[str], None] = None
    presence_penalty: Optional[float] = None
    frequency_penalty: Optional[float] = None
    logit_bias: Optional[Dict[str, float]] = None
    logprobs: Optional[bool] = None
    top_logprobs: Optional[int] = None
    stream_options: Optional[Dict[str, Any]] = None
    max_completion_tokens: Optional[int] = None
    parallel_tool_calls: Optional[bool] = None
    user: Optional[str] = None
    safety_identifier: Optional[str] = None
    prompt_cache_key: Optional[str] = None
    prompt_cache_options: Optional[Dict[str, Any]] = None
    prompt_cache_retention: Optional[str] = None
    metadata: Optional[Dict[str, Any]] = None
    store: Optional[bool] = None
    verbosity: Optional[str] = None
    modalities: Optional[List[str]] = None
    audio: Optional[Dict[str, Any]] = None
    reasoning_effort: Optional[str] = None
    thinking: Union[bool, Dict[str, Any], None] = None
    virtual_model_id: Optional[str] = None
    service_tier: Optional[str] = None
    prediction: Optional[Dict[str, Any]] = None
    web_search_options: Optional[Dict[str, Any]] = None
    functions: Optional[List[Dict[str, Any]]] = None
    function_call: Union[str, Dict[str, Any], None] = None
    moderation: Optional[Dict[str, Any]] = None


@dataclass
class TokenDetails(Model):
    """The tokens of a prompt or of a completion, by kind."""

    reasoning_tokens: Optional[int] = None
    cached_tokens: Optional[int] = None
    audio_tokens: Optional[int] = None
    accepted_prediction_tokens: Optional[int] = None
    rejected_prediction_tokens: Optional[int] = None
    cache_write_tokens: Optional[int] = None
    image_tokens: Optional[int] = None
    text_tokens: Optional[int] = None


@dataclass
class Usage(Model):
    """Tokens used; some gateways send the cost too, which is in ``extra``."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    total_tokens: int = 0
    prompt_tokens_details: Optional[TokenDetails] = None
    completion_tokens_details: Optional[TokenDetails] = None


@dataclass
class TopLogprob(Model):
    """An alternative token and its log probability; -9999.0 means very unlikely."""

    token: str = ""
    logprob: float = 0.0
    bytes: Optional[List[int]] = None


@dataclass
class TokenLogprob(Model):
    """A token and its log probability."""

    token: str = ""
    logprob: float = 0.0
    bytes: Optional[List[int]] = None
    top_logprobs: Optional[List[TopLogprob]] = None


@dataclass
class ChoiceLogprobs(Model):
    """The log probabilities of the tokens of a choice."""

    content: Optional[List[TokenLogprob]] = None
    refusal: Optional[List[TokenLogprob]] = None


@dataclass
class Choice(Model):
    """One answer; ``finish_reason`` is ``stop``, ``length``, ``tool_calls``, ``content_filter``, ..."""

    index: int = 0
    message: Optional[Message] = None
    finish_reason: Optional[str] = None
    logprobs: Optional[ChoiceLogprobs] = None


@dataclass
class ChatResponse(ChatAnswer):
    """A chat completion; ``text`` is the text of its first choice, ``usage`` is None if none was sent."""

    id: str = ""
    object: str = "chat.completion"
    created: Optional[int] = None
    model: str = ""
    choices: List[Choice] = required_field(is_filled_list_of_objects, default_factory=list)
    usage: Union[Usage, Any] = None  # not Optional: scripts that read it unchecked pass type checkers
    system_fingerprint: Optional[str] = None
    service_tier: Optional[str] = None
    metadata: Optional[Dict[str, Any]] = None
    moderation: Optional[Dict[str, Any]] = None
    promptshield: Optional[Dict[str, Any]] = None
    citations: Optional[List[Any]] = None
    provider: Optional[str] = None

    @property
    def message(self) -> Message:
        """The message of the first choice, to append to ``messages``; an empty one if there is none."""
        found = first_choice_part(self, "message")
        return found if isinstance(found, Message) else Message("assistant")


@dataclass
class ChoiceDelta(Model):
    """The part of a message that a chunk adds."""

    role: Optional[str] = None
    content: Optional[str] = None
    tool_calls: Optional[List[ToolCall]] = None
    function_call: Optional[FunctionCall] = None
    refusal: Optional[str] = None
    audio: Optional[Audio] = None
    reasoning_content: Optional[str] = None
    reasoning: Optional[str] = None


@dataclass
class ChunkChoice(Model):
    """The part of a choice that a chunk adds."""

    index: int = 0
    delta: ChoiceDelta = field(default_factory=ChoiceDelta)
    finish_reason: Optional[str] = None
    logprobs: Optional[ChoiceLogprobs] = None


@dataclass
class ChatChunk(Model):
    """A chunk of a streamed completion; ``usage`` is set in one of the last chunks, if it is sent."""

    id: str = ""
    object: str = "chat.completion.chunk"
    created: Optional[int] = None
    model: str = ""
    choices: List[ChunkChoice] = field(default_factory=list)
    usage: Optional[Usage] = None
    system_fingerprint: Optional[str] = None
    service_tier: Optional[str] = None
    moderation: Optional[Dict[str, Any]] = None
    obfuscation: Optional[str] = None

    @property
    def text(self) -> str:
        """The text that this chunk adds to the first choice; "" if it adds none."""
        return first_choice_text(self, "delta")


@dataclass
class ModelInfo(Model):
    """A model of the server."""

    id: str = ""
    object: str = "model"
    created: Optional[int] = None
    owned_by: Optional[str] = None
    description: Optional[str] = None
    metadata: Optional[Dict[str, Any]] = None
