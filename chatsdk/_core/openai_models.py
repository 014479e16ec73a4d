"""The models of the OpenAI dialect, for all services that speak it.

Fields that a server may leave out are Optional; what it sends beyond these fields is in ``extra``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import (
    TYPE_CHECKING,
    Any,
    Callable,
    Dict,
    List,
    Mapping,
    Optional,
    Sequence,
    Type,
    TypeVar,
    Union,
    overload,
)

from .answer import response_error
from .chat import ChatAnswer, Messages, first_choice_part, first_choice_text
from .model import Model, required_field

T = TypeVar("T")
Content = Union[str, List[Dict[str, Any]]]
Tools = Sequence[Union[Mapping[str, Any], Callable[..., Any]]]
ResponseFormat = Union[Mapping[str, Any], type]


@dataclass
class FunctionCall(Model):
    """The function that a model wants called; ``arguments`` is JSON text, of a stream a fragment of it."""

    name: Optional[str] = None
    arguments: Optional[str] = None


@dataclass
class CustomToolCall(Model):
    """A custom tool that a model wants called with free text."""

    name: Optional[str] = None
    input: Optional[str] = None


@dataclass
class ToolCall(Model):
    """One call that a model asks for; ``index`` is there only in fragments of a stream."""

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
            target: A function or Tool, for a dict of its arguments, checked and converted to its types; a
                dataclass, for an instance of it. Without it the dict is as the model wrote it.

        Raises:
            APIResponseError: the arguments are not a JSON object or do not fit; ``body`` is their text.
            TypeError: the target is no tool.
        """
        from .json_schema import is_dataclass_type, make_converter  # few programs need it
        from .tools import Tool, decode_arguments

        text = (self.function.arguments if self.function else None) or ""
        if is_dataclass_type(target):
            read = make_converter(target).read
        elif target is not None:
            tool = target if isinstance(target, Tool) else Tool(target)
            read = lambda value, place: tool.parse(value)  # noqa: E731
        try:
            arguments = decode_arguments(text)
            return arguments if target is None else read(arguments, "")
        except ValueError as error:
            problem = f"the arguments of the tool call do not fit: {error}"
        raise response_error(self, problem, "invalid", text)


@dataclass
class UrlCitation(Model):
    """A web page that a part of the text comes from."""

    start_index: Optional[int] = None
    end_index: Optional[int] = None
    title: Optional[str] = None
    url: Optional[str] = None


@dataclass
class Annotation(Model):
    """A remark on a part of the text."""

    type: Optional[str] = None
    url_citation: Optional[UrlCitation] = None


@dataclass
class Audio(Model):
    """A spoken answer: ``data`` in base64, ``expires_at`` in seconds of Unix time."""

    id: Optional[str] = None
    data: Optional[str] = None
    expires_at: Optional[int] = None
    transcript: Optional[str] = None


@dataclass
class Message(Model):
    """A message of a conversation.

    ``role`` is ``system``, ``developer``, ``user``, ``assistant`` or ``tool``; other words pass. ``content``
    is text or a list of parts, and None in answers that only call tools. A message of an answer may go back
    into the next request as it is; ``extra`` and what only answers have (annotations) stay behind, reasoning
    too unless the message calls tools. A dict is sent whole.
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
    """A request for a chat completion. What is None is not sent.

    Args:
        model: ``provider/model``, or a bare model name.
        messages: a text, or a list that mixes Message objects, dicts and texts.
        temperature: 0 to 2.
        max_tokens: at least 1.
        top_p: 0 to 1.
        stream: set by ``chat`` and ``chat_stream``.
        tools: what the model may call: functions with type hints, Tools or dicts.
        response_format: a dict, or a dataclass, which is sent as a strict JSON schema; ``parse()`` of
            the answer reads it.
        provider_specific_params: passed on to the provider; ``extra_body`` is merged into it and wins.
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
    """Where the tokens of a prompt or of a completion went."""

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
    """Tokens used; some gateways add the cost to ``extra``."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    total_tokens: int = 0
    prompt_tokens_details: Optional[TokenDetails] = None
    completion_tokens_details: Optional[TokenDetails] = None


# It may be None, but scripts that read it unchecked pass type checkers, as with re.Match.group in typeshed.
if TYPE_CHECKING:
    _OptionalUsage = Union[Usage, Any]
else:
    _OptionalUsage = Optional[Usage]


@dataclass
class TopLogprob(Model):
    """A token that might have come instead; a logprob of -9999.0 means very unlikely."""

    token: str = ""
    logprob: float = 0.0
    bytes: Optional[List[int]] = None


@dataclass
class TokenLogprob(Model):
    """A token and how likely it was."""

    token: str = ""
    logprob: float = 0.0
    bytes: Optional[List[int]] = None
    top_logprobs: Optional[List[TopLogprob]] = None


@dataclass
class ChoiceLogprobs(Model):
    """The log probabilities of one choice's tokens."""

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
    """A chat completion; ``text`` is the text of its first choice. ``usage`` is None if none came."""

    id: str = ""
    object: str = "chat.completion"
    created: Optional[int] = None
    model: str = ""
    choices: List[Choice] = required_field(default_factory=list)
    usage: _OptionalUsage = None
    system_fingerprint: Optional[str] = None
    service_tier: Optional[str] = None
    metadata: Optional[Dict[str, Any]] = None
    moderation: Optional[Dict[str, Any]] = None
    promptshield: Optional[Dict[str, Any]] = None
    citations: Optional[List[Any]] = None
    provider: Optional[str] = None

    @property
    def message(self) -> Message:
        """The message of the first choice, to send back in the next request; an empty one if none came."""
        found = first_choice_part(self, "message")
        return found if isinstance(found, Message) else Message("assistant")


@dataclass
class ChoiceDelta(Model):
    """What one chunk adds to a message."""

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
    """One choice's part of a chunk."""

    index: int = 0
    delta: ChoiceDelta = field(default_factory=ChoiceDelta)
    finish_reason: Optional[str] = None
    logprobs: Optional[ChoiceLogprobs] = None


@dataclass
class ChatChunk(Model):
    """One piece of a streamed completion; ``usage`` comes with one of the last, if at all."""

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
        """The text that this chunk adds to the first choice; "" where it adds none."""
        return first_choice_text(self, "delta")


@dataclass
class ModelInfo(Model):
    """A model that the server offers."""

    id: str = ""
    object: str = "model"
    created: Optional[int] = None
    owned_by: Optional[str] = None
    description: Optional[str] = None
    metadata: Optional[Dict[str, Any]] = None
