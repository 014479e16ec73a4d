"""The model behind the chat services: what the assistant answers, and its OpenAI form."""

from __future__ import annotations

import inspect
import json
import re
import threading
import time
import uuid
from collections import defaultdict, deque
from dataclasses import dataclass, field
from itertools import repeat
from typing import Any, Callable, Deque, Dict, Iterator, List, Mapping, Optional, Sequence, Tuple, Union

from .exchange import HTTPError
from .json_schema import example

Messages = Sequence[Mapping[str, Any]]
ToolCall = Union[Tuple[str, Mapping[str, Any]], Mapping[str, Any]]
ReplyValue = Union[str, List[ToolCall], Mapping[str, Any], None]
ReplyFunction = Union[Callable[[Messages], ReplyValue], Callable[[Messages, "ChatInfo"], ReplyValue]]

# Words with the space before them, long ones in several pieces; what is left is space at the end.
_CHUNK_SIZE = re.compile(r"\s*\S{1,12}|\s+\Z")
_TOKEN = re.compile(r"\w+|[^\w\s]")


@dataclass(frozen=True)
class ChatInfo:
    """What a chat request asks for besides its messages; the second argument of `reply`."""

    service: str
    model: str = ""
    tools: Sequence[Mapping[str, Any]] = ()
    tool_choice: Any = None
    response_format: Optional[Mapping[str, Any]] = None


@dataclass(frozen=True)
class ModelAnswer:
    """One answer of the model.

    `message` has role, content and, if there are any, tool_calls, in OpenAI's form. `usage` is
    counted, except for `given_usage`, the members that were set with `respond`.
    """

    message: Mapping[str, Any]
    finish_reason: str
    usage: Mapping[str, Any]
    given_usage: Mapping[str, Any] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """The text, "" if there is none."""
        return content_text(self.message.get("content"))


class ModelError(HTTPError):
    """The model gives no answer: it is down (503), or `reply` raised an exception (500)."""


@dataclass(frozen=True)
class PlannedAnswer:
    """An answer that was set with `respond`, with the members of its usage that are not counted."""

    value: ReplyValue
    finish_reason: Optional[str] = None
    usage: Mapping[str, Any] = field(default_factory=dict)


class ChatModel:
    """Answers chats: with planned answers first, then with `reply`, then with an echo. Thread-safe.

    An exception in `reply` is given to `report`.
    """

    def __init__(
        self,
        reply: Optional[ReplyFunction] = None,
        report: Callable[[BaseException], None] = lambda error: None,
    ) -> None:
        self._reply = reply
        self._report = report
        self._lock = threading.Lock()
        self._planned: Dict[str, Deque[PlannedAnswer]] = defaultdict(deque)
        self._down: Dict[str, bool] = {}

    def plan(self, service: str, answer: PlannedAnswer, times: int) -> None:
        """Give the next chats of a service this answer."""
        with self._lock:
            self._planned[service].extend(repeat(answer, times))

    def set_down(self, service: str, down: bool) -> None:
        """Let the model of a service be down, or up again."""
        with self._lock:
            self._down[service] = down

    def is_down(self, service: str) -> bool:
        """Whether the model of a service is down."""
        with self._lock:
            return self._down.get(service, False)

    def answer(self, messages: Messages, info: ChatInfo) -> ModelAnswer:
        """Return the answer to a conversation; raises ModelError."""
        if self.is_down(info.service):
            raise ModelError(503, "The model is not available")
        with self._lock:
            planned = self._planned[info.service]
            answer = planned.popleft() if planned else None
        if answer is None:
            answer = PlannedAnswer(self._call_reply(messages, info))
        value = _default_reply(messages, info) if answer.value is None else answer.value
        message = _to_message(value)
        prompt = sum(_count_tokens(content_text(message.get("content"))) for message in messages)
        completion = _count_tokens(_answer_text(message))
        counted = {"prompt_tokens": prompt, "completion_tokens": completion}
        usage = {**counted, "total_tokens": prompt + completion, **answer.usage}
        reason = answer.finish_reason or ("tool_calls" if message.get("tool_calls") else "stop")
        return ModelAnswer(message, reason, usage, answer.usage)

    def _call_reply(self, messages: Messages, info: ChatInfo) -> ReplyValue:
        if self._reply is None:
            return None
        reply: Callable[..., ReplyValue] = self._reply
        try:
            value = reply(messages, info) if _takes_info(reply) else reply(messages)
            _to_message(value or "")
        except Exception as error:
            self._report(error)
            raise ModelError(500, f"reply raised {type(error).__name__}: {error}") from error
        return value


class Completion:
    """An answer in OpenAI's form, as one object or in chunks, with *count* choices that are all the same.

    *members* are more members of the object and of each chunk.
    """

    def __init__(self, answer: ModelAnswer, model: str, count: int = 1, **members: Any) -> None:
        self._answer = answer
        self._count = count
        self._head = {"id": f"chatcmpl-{uuid.uuid4().hex}", "created": int(time.time()), "model": model}
        self._head.update(members)

    def body(self, **message: Any) -> Dict[str, Any]:
        """The whole completion; *message* are more members of its messages."""
        choices = [
            {
                "index": index,
                "message": {**self._answer.message, **message},
                "finish_reason": self._answer.finish_reason,
            }
            for index in range(self._count)
        ]
        usage = dict(self._answer.usage)
        return {**self._head, "object": "chat.completion", "choices": choices, "usage": usage}

    def chunks(self) -> Iterator[Dict[str, Any]]:
        """The chunks of a stream: the choices take turns, each ends with its finish_reason."""
        for delta in self._deltas():
            for index in range(self._count):
                yield self.chunk([{"index": index, "delta": delta, "finish_reason": None}])
        for index in range(self._count):
            reason = self._answer.finish_reason
            yield self.chunk([{"index": index, "delta": {}, "finish_reason": reason}])

    def chunk(self, choices: List[Dict[str, Any]], **members: Any) -> Dict[str, Any]:
        """One chunk of the stream."""
        return {**self._head, "object": "chat.completion.chunk", "choices": choices, **members}

    def _deltas(self) -> Iterator[Dict[str, Any]]:
        message = dict(self._answer.message)
        calls = message.pop("tool_calls", None) or []
        content = message.pop("content", None)
        first, *others = pieces(content) if isinstance(content, str) and content else [content]
        yield {**message, "content": first}
        for piece in others:
            yield {"content": piece}
        for index, call in enumerate(calls):
            arguments = call["function"]["arguments"]
            start = {**call, "index": index, "function": {**call["function"], "arguments": ""}}
            yield {"tool_calls": [start]}
            half = (len(arguments) + 1) // 2
            for fragment in filter(None, (arguments[:half], arguments[half:])):
                yield {"tool_calls": [{"index": index, "function": {"arguments": fragment}}]}


def content_text(content: Any) -> str:
    """The text of a message's content: a text, or a list of texts and parts."""
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    texts = [part.get("text") if isinstance(part, dict) else part for part in parts]
    return "\n".join(text for text in texts if isinstance(text, str))


def pieces(text: str) -> List[str]:
    """The text in the pieces in which a stream sends it."""
    return _CHUNK_SIZE.findall(text)


def _default_reply(messages: Messages, info: ChatInfo) -> ReplyValue:
    """A call of the tool that is asked for, JSON that fits the response_format, or an echo."""
    tool = _tool_to_call(messages, info)
    if tool is not None:
        return [(tool["name"], example({"type": "object", **tool.get("parameters", {})}))]
    texts = [content_text(message.get("content")) for message in messages if message.get("role") == "user"]
    echo = f"Hello! You said: {texts[-1]}" if texts else "Hello! How can I help you?"
    response_format = info.response_format or {}
    if response_format.get("type") == "json_schema":
        schema = response_format.get("json_schema", {}).get("schema")
        return json.dumps(example(schema, echo), ensure_ascii=False)
    if response_format.get("type") == "json_object":
        return json.dumps({"text": echo}, ensure_ascii=False)
    return echo


def _tool_to_call(messages: Messages, info: ChatInfo) -> Optional[Mapping[str, Any]]:
    if not info.tools or info.tool_choice == "none" or messages[-1].get("role") != "user":
        return None
    functions: List[Mapping[str, Any]] = [tool.get("function", {}) for tool in info.tools]
    if isinstance(info.tool_choice, dict):
        name = info.tool_choice.get("function", {}).get("name")
        functions = [function for function in functions if function.get("name") == name]
    return next(iter(functions), None)


def _to_message(value: ReplyValue) -> Dict[str, Any]:
    """Return an assistant message in OpenAI's form; raises TypeError for what is no answer."""
    if isinstance(value, str):
        return {"role": "assistant", "content": value}
    if isinstance(value, Mapping):
        message = {"role": "assistant", "content": None, **value}
    elif isinstance(value, list):
        message = {"role": "assistant", "content": None, "tool_calls": value}
    else:
        raise TypeError(f"an answer is a text, a list of tool calls or a message, not {value!r}")
    if message.get("tool_calls"):
        message["tool_calls"] = [_to_tool_call(call) for call in message["tool_calls"]]
    return message


def _to_tool_call(call: ToolCall) -> Dict[str, Any]:
    if not isinstance(call, Mapping):
        call = {"function": {"name": call[0], "arguments": call[1]}}
    whole: Dict[str, Any] = {"id": f"call_{uuid.uuid4().hex[:24]}", "type": "function", **call}
    arguments = whole["function"].get("arguments", {})
    if not isinstance(arguments, str):
        arguments = json.dumps(arguments, ensure_ascii=False)
    whole["function"] = {**whole["function"], "arguments": arguments}
    return whole


def _answer_text(message: Mapping[str, Any]) -> str:
    calls = [call["function"] for call in message.get("tool_calls") or []]
    return " ".join([content_text(message.get("content")), *(f"{f['name']}{f['arguments']}" for f in calls)])


def _count_tokens(text: str) -> int:
    """About what a tokenizer would count: words and signs."""
    return len(_TOKEN.findall(text))


def _takes_info(reply: Callable[..., object]) -> bool:
    """Whether a function has a required second argument."""
    try:
        parameters = inspect.signature(reply).parameters.values()
    except (TypeError, ValueError):  # some callables written in C
        return False
    positional = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    return len(positional) > 1 and positional[1].default is inspect.Parameter.empty
