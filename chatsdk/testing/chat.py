"""The model of the chat services: creates the answers of the assistant, in OpenAI's format."""

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
from typing import Any, Callable, Deque, Dict, Iterator, List, Mapping, Optional, Sequence, Set, Tuple, Union

from .exchange import HTTPError
from .json_schema import example

Messages = Sequence[Mapping[str, Any]]
ToolCall = Union[Tuple[str, Mapping[str, Any]], Mapping[str, Any]]
ReplyValue = Union[str, List[ToolCall], Mapping[str, Any], None]
ReplyFunction = Union[Callable[[Messages], ReplyValue], Callable[[Messages, "ChatInfo"], ReplyValue]]

# A word with the space before it, at most 12 characters; or the space at the end.
_CHUNK = re.compile(r"\s*\S{1,12}|\s+\Z")
_TOKEN = re.compile(r"\w+|[^\w\s]")


@dataclass(frozen=True)
class ChatInfo:
    """The parts of a chat request other than its messages; the second argument of `reply`."""

    service: str
    model: str = ""
    tools: Sequence[Mapping[str, Any]] = ()
    tool_choice: Any = None
    response_format: Optional[Mapping[str, Any]] = None


@dataclass(frozen=True)
class ModelAnswer:
    """One answer of the model.

    `message` has role, content and, if there are any, tool_calls, in OpenAI's format. `usage` is
    counted, except for `given_usage`, the fields that were set with `respond`.
    """

    message: Mapping[str, Any]
    finish_reason: str
    usage: Mapping[str, Any]
    given_usage: Mapping[str, Any] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """The text of the message, or ""."""
        return content_text(self.message.get("content"))


class ModelError(HTTPError):
    """The model is down (503), or `reply` raised an exception (500)."""


@dataclass(frozen=True)
class QueuedAnswer:
    """An answer that was set with `respond`; the fields in `usage` override the counted ones."""

    value: ReplyValue
    finish_reason: Optional[str] = None
    usage: Mapping[str, Any] = field(default_factory=dict)


class ChatModel:
    """Answers chats with queued answers, or else with `reply`, or else with an echo. Thread-safe.

    An exception in `reply` is passed to `record_error`.
    """

    def __init__(
        self,
        reply: Optional[ReplyFunction] = None,
        record_error: Callable[[BaseException], None] = lambda error: None,
    ) -> None:
        self._reply = reply
        self._record_error = record_error
        self._lock = threading.Lock()
        self._queues: Dict[str, Deque[QueuedAnswer]] = defaultdict(deque)
        self.down: Set[str] = set()  # the services whose model is down

    def enqueue(self, service: str, answer: QueuedAnswer, times: int) -> None:
        """Set the answer of the next chats of a service."""
        with self._lock:
            self._queues[service].extend(repeat(answer, times))

    def answer(self, messages: Messages, info: ChatInfo) -> ModelAnswer:
        """Return the answer to a conversation, or raise ModelError."""
        if info.service in self.down:
            raise ModelError(503, "The model is not available")
        with self._lock:
            queue = self._queues[info.service]
            answer = queue.popleft() if queue else None
        if answer is None:
            answer = QueuedAnswer(self._call_reply(messages, info))
        value = _default_reply(messages, info) if answer.value is None else answer.value
        message = _to_message(value)
        prompt = sum(_count_tokens(content_text(message.get("content"))) for message in messages)
        completion = _count_tokens(_answer_text(message))
        total = prompt + completion
        usage = {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": total}
        reason = answer.finish_reason or ("tool_calls" if message.get("tool_calls") else "stop")
        return ModelAnswer(message, reason, {**usage, **answer.usage}, answer.usage)

    def _call_reply(self, messages: Messages, info: ChatInfo) -> ReplyValue:
        if self._reply is None:
            return None
        reply: Callable[..., ReplyValue] = self._reply
        try:
            value = reply(messages, info) if _takes_info(reply) else reply(messages)
            _to_message(value or "")
        except Exception as error:
            self._record_error(error)
            raise ModelError(500, f"reply raised {type(error).__name__}: {error}") from error
        return value


class Completion:
    """An answer in OpenAI's format, as one object or in chunks, with *count* identical choices.

    *fields* are added to the object and to each chunk.
    """

    def __init__(self, answer: ModelAnswer, model: str, count: int = 1, **fields: Any) -> None:
        self._answer = answer
        self._count = count
        self._head = {"id": f"chatcmpl-{uuid.uuid4().hex}", "created": int(time.time()), "model": model}
        self._head.update(fields)

    def body(self, **message_fields: Any) -> Dict[str, Any]:
        """Return the whole completion; *message_fields* are added to its messages."""
        message = {**self._answer.message, **message_fields}
        choice = {"message": message, "finish_reason": self._answer.finish_reason}
        choices = [{"index": index, **choice} for index in range(self._count)]
        return {**self._head, "object": "chat.completion", "choices": choices, "usage": self._answer.usage}

    def chunks(self) -> Iterator[Dict[str, Any]]:
        """Yield the chunks of a stream; the choices take turns, and each ends with its finish_reason."""
        for delta in self._deltas():
            for index in range(self._count):
                yield self.chunk([{"index": index, "delta": delta, "finish_reason": None}])
        for index in range(self._count):
            reason = self._answer.finish_reason
            yield self.chunk([{"index": index, "delta": {}, "finish_reason": reason}])

    def chunk(self, choices: List[Dict[str, Any]], **fields: Any) -> Dict[str, Any]:
        """Return one chunk of the stream."""
        return {**self._head, "object": "chat.completion.chunk", "choices": choices, **fields}

    def _deltas(self) -> Iterator[Dict[str, Any]]:
        message = dict(self._answer.message)
        calls = message.pop("tool_calls", None) or []
        content = message.pop("content", None)
        first, *others = split_text(content) if isinstance(content, str) and content else [content]
        yield {**message, "content": first}
        for text in others:
            yield {"content": text}
        for index, call in enumerate(calls):
            arguments = call["function"]["arguments"]
            start = {**call, "index": index, "function": {**call["function"], "arguments": ""}}
            yield {"tool_calls": [start]}
            half = (len(arguments) + 1) // 2
            for fragment in filter(None, (arguments[:half], arguments[half:])):
                yield {"tool_calls": [{"index": index, "function": {"arguments": fragment}}]}


def content_text(content: Any) -> str:
    """Return the text of a message's content, which is a string or a list of strings and parts."""
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    texts = [part.get("text") if isinstance(part, dict) else part for part in parts]
    return "\n".join(text for text in texts if isinstance(text, str))


def split_text(text: str) -> List[str]:
    """Split a text into the pieces that a stream sends."""
    return _CHUNK.findall(text)


def _default_reply(messages: Messages, info: ChatInfo) -> ReplyValue:
    """Return a call of the requested tool, JSON that matches the response_format, or an echo."""
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
    """Return an assistant message in OpenAI's format; raises TypeError for a value of another type."""
    if isinstance(value, str):
        return {"role": "assistant", "content": value}
    if isinstance(value, Mapping):
        message = {"role": "assistant", "content": None, **value}
    elif isinstance(value, list):
        message = {"role": "assistant", "content": None, "tool_calls": value}
    else:
        raise TypeError(f"an answer must be a string, a list of tool calls or a message, not {value!r}")
    if message.get("tool_calls"):
        message["tool_calls"] = [_to_tool_call(call) for call in message["tool_calls"]]
    return message


def _to_tool_call(call: ToolCall) -> Dict[str, Any]:
    if not isinstance(call, Mapping):
        call = {"function": {"name": call[0], "arguments": call[1]}}
    result: Dict[str, Any] = {"id": f"call_{uuid.uuid4().hex[:24]}", "type": "function", **call}
    arguments = result["function"].get("arguments", {})
    if not isinstance(arguments, str):
        arguments = json.dumps(arguments, ensure_ascii=False)
    result["function"] = {**result["function"], "arguments": arguments}
    return result


def _answer_text(message: Mapping[str, Any]) -> str:
    calls = [call["function"] for call in message.get("tool_calls") or []]
    return " ".join([content_text(message.get("content")), *(f"{f['name']}{f['arguments']}" for f in calls)])


def _count_tokens(text: str) -> int:
    """Estimate the number of tokens: words and punctuation characters."""
    return len(_TOKEN.findall(text))


def _takes_info(reply: Callable[..., object]) -> bool:
    """Return whether a function has a required second argument."""
    try:
        parameters = inspect.signature(reply).parameters.values()
    except (TypeError, ValueError):  # some callables written in C
        return False
    positional = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    return len(positional) > 1 and positional[1].default is inspect.Parameter.empty
