"""Conversation: a chat of several turns, with tools, on each of the four chat services."""

from __future__ import annotations

import copy
import json
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Callable, Generic, Iterator, List, Literal, Mapping, Optional, Sequence, Union

from ._core.answer import A, ChatService, content_text
from ._core.chat_adapters import ChatAdapter, ChatCall, Message, Texts, make_adapter
from ._core.closable import CloseMixin
from ._core.display import show_text
from ._core.json_codec import join_surrogates
from ._core.model import Model, int_or_zero, json_default
from ._core.openai_models import Usage
from ._core.replace_file import replace_file
from ._core.tools import make_tool
from .errors import ChatSDKError, InvalidRequestError

Content = Union[str, Sequence[Union[str, Mapping[str, Any]]]]
Path = Union[str, "os.PathLike[str]"]

_FORMAT = {"format": "chatsdk.Conversation", "version": 1}
_RUNNING = "a turn is still running: read its stream to the end, or close() it"


class ConversationError(ChatSDKError):
    """A turn is not possible or does not end, or a saved conversation cannot be read.

    Attributes:
        messages: after too many rounds of tool calls, the transcript and the messages of the turn.
    """

    def __init__(self, message: str, messages: Sequence[Message] = ()) -> None:
        super().__init__(message)
        self.messages = list(messages)


class Conversation(Generic[A]):
    """A conversation with one chat service: keeps the transcript, runs tools, sums up the usage.

    Args:
        service: ``client.zaguan``, ``client.chatserver``, ``client.infinity`` or ``client.mongars``.
        model: the model; required on Zaguan and ChatServer, not supported elsewhere.
        system: the system message; not on monGARS. Infinity appends it to its own prompt.
        tools: functions with type hints, or Tools; on Zaguan only.
        user: the id of the user; not on monGARS. On ChatServer a UUID, with which it stores the history.
        trim: the most earlier messages to send, in whole turns; on Zaguan and ChatServer only.
        max_rounds: the most rounds of tool calls in a turn.
        parallel: the number of threads that run the tool calls of one answer.
        on_tool_error: ``"send"`` sends exceptions and bad arguments to the model, ``"raise"`` raises them.
        options: arguments for each call of the service, such as ``temperature=0``.

    Attributes:
        tools: the Tools by name.
        last: the last answer, or None.
        usage: the tokens of all answers so far; ChatServer and monGARS do not count them.

    A turn that fails or is left early does not change the transcript; ``partial`` of a stream's error has the
    response so far. ``say()`` without a text repeats the turn, without the tools that have run.

    Infinity and monGARS store the conversation, and may remember a turn that failed here. A stream is one
    piece of text in the first turn on ChatServer, in the first on Infinity without ``user``, and on monGARS.
    On ChatServer a new session, with the whole transcript, begins after a turn that failed, with another
    model and if ``trim`` leaves messages out.

    Raises:
        InvalidRequestError: the service does not support a setting.
        TypeError: the service has no chat, or a function cannot be a tool.
    """

    def __init__(
        self,
        service: ChatService[A],
        *,
        model: Optional[str] = None,
        system: Optional[str] = None,
        tools: Sequence[Callable[..., Any]] = (),
        user: Optional[str] = None,
        trim: Optional[int] = None,
        max_rounds: int = 8,
        parallel: int = 1,
        on_tool_error: Literal["send", "raise"] = "send",
        **options: Any,
    ) -> None:
        self._adapter = make_adapter(service, user)
        settings = {"model": model, "system": system, "tools": tools, "user": user, "trim": trim}
        for name, value in settings.items():
            if value:
                self._adapter.check_supported(name)
        if not model and "model" in self._adapter.supported:
            raise InvalidRequestError(f"a conversation with {self._adapter.name} needs a model")
        self.tools = {tool.name: tool for tool in map(make_tool, tools)}
        if len(self.tools) < len(tools):
            raise TypeError("two tools have the same name")
        self._model, self._trim, self._max_rounds, self._parallel = model, trim, max_rounds, parallel
        self._on_tool_error, self._options = on_tool_error, options
        self._system: List[Message] = [{"role": "system", "content": system}] if system else []
        self._lock = threading.Lock()  # held while a turn is running
        self.reset()

    def reset(self) -> None:
        """Begin a new conversation with the same settings."""
        if self._lock.locked():
            raise ConversationError(_RUNNING)
        self._messages: List[Message] = []
        self._failed: List[Message] = []  # the messages of the last turn, if it failed
        self._adapter.id = None
        self.last: Optional[A] = None
        self.usage = Usage()

    @property
    def messages(self) -> List[Message]:
        """The transcript: dicts with role, content, tool_calls, tool_call_id."""
        return [*self._system, *self._messages]

    @property
    def id(self) -> Optional[str]:
        """The id of the conversation on the service; None before its first turn, and on Zaguan."""
        return self._adapter.id

    @property
    def model(self) -> Optional[str]:
        """The model; another one may be set between two turns."""
        return self._model

    @model.setter
    def model(self, model: str) -> None:
        self._adapter.check_supported("model")
        self._model = model
        self._adapter.restart()  # a session of ChatServer keeps the model of its first call

    def say(self, content: Optional[Content] = None, **options: Any) -> A:
        """Send a message and return the answer, after all rounds of tool calls.

        Args:
            content: a text, or a list of texts and parts (pictures on Zaguan only). None repeats the turn
                that failed.
            options: arguments for the calls of the service in this turn.

        Raises:
            ConversationError: a turn is still running, no turn has failed, or too many rounds of tool calls.
            InvalidRequestError: the service does not support the parts.
            TypeError: the content is a message.
            ChatSDKError: as the chat methods of the service do.
        """
        return ConversationStream(self._run_turn(content, options, streamed=False), self._adapter).final()

    def stream(self, content: Optional[Content] = None, **options: Any) -> ConversationStream[A]:
        """Send a message and return an iterator of the texts of the answer, of all rounds of tool calls.

        Arguments and errors are those of ``say``; later failures are raised while iterating.
        """
        return ConversationStream(self._run_turn(content, options, streamed=True), self._adapter)

    def fork(self) -> Conversation[A]:
        """Return a second conversation with the same transcript; its usage starts at 0.

        Raises:
            InvalidRequestError: on Infinity and monGARS, which store the conversation.
        """
        if self._adapter.stores_history:
            raise InvalidRequestError(f"{self._adapter.name} stores the conversation: it cannot be forked")
        fork = copy.copy(self)
        fork._adapter = make_adapter(self._adapter.api, self._adapter.user)
        fork._lock, fork.usage = threading.Lock(), Usage()
        fork._messages, fork._failed = [*self._messages], []
        return fork

    def save(self, path: Path) -> None:
        """Write the transcript, usage, model, user and id as JSON; after a failure the file is unchanged."""
        saved = {**_FORMAT, "service": self._adapter.name, "model": self.model, "user": self._adapter.user}
        saved.update(id=self.id, usage=self.usage.to_dict(), messages=self.messages)
        data = json.dumps(saved, ensure_ascii=False, indent=1, default=json_default).encode("utf-8")
        with replace_file(os.fspath(path)) as file:
            file.write(data)

    @classmethod
    def load(cls, path: Path, service: ChatService[A], **settings: Any) -> Conversation[A]:
        """Return a saved conversation.

        On Infinity and monGARS it continues with the messages that the service still stores, on ChatServer
        in a new session.

        Args:
            path: the file that ``save`` wrote.
            service: the same service.
            settings: arguments of ``Conversation`` that are not saved (tools, options) or replace saved ones.

        Raises:
            ConversationError: the file is cut off, or belongs to another program, version or service.
        """
        name, readable = os.fspath(path), {**_FORMAT, "service": make_adapter(service).name}
        try:
            with open(name, encoding="utf-8") as file:
                saved = json.load(file)
            found = {key: saved[key] for key in readable}
            if found != readable:
                raise ConversationError(f"{name} has {found}; expected {readable}")
            messages = [{**item, "role": str(item["role"])} for item in saved["messages"]]
            usage = Usage.from_dict({**saved["usage"]})
            if messages and messages[0]["role"] == "system":
                settings.setdefault("system", messages.pop(0)["content"])
        except (ValueError, KeyError, TypeError, RecursionError):
            raise ConversationError(f"{name} is not a saved conversation, or is cut off") from None
        conversation = cls(service, **{"model": saved.get("model"), "user": saved.get("user"), **settings})
        conversation._messages, conversation.usage = messages, usage
        conversation._adapter.id = saved.get("id")
        conversation._adapter.restart()
        return conversation

    def _run_turn(self, content: Optional[Content], options: Mapping[str, Any], streamed: bool) -> Texts[A]:
        """Yield "" once the request is sent, then the texts of a turn; return the answer."""
        new = self._make_turn(content)
        if not self._lock.acquire(blocking=False):
            raise ConversationError(_RUNNING)
        self._failed = new
        try:
            before = [*self._system, *self._trim_messages()]
            options, tools = {**self._options, **options}, list(self.tools.values())
            for _ in range(self._max_rounds + 1):
                self._run_tools(new)
                call = ChatCall(streamed, self._model, [*before, *new], tools, options)
                answer: A = yield from self._adapter.ask(call)
                message, usage = self._adapter.read(answer)
                # Answers may have lone surrogates, which can neither be sent nor saved.
                new.append(json.loads(join_surrogates(json.dumps(message, ensure_ascii=False))))
                _add_usage(self.usage, usage)
                if not (tools and _open_calls(new)):
                    self._messages += new
                    self._failed, self.last = [], answer
                    return answer
            problem = f"the model called tools in more than {self._max_rounds} rounds"
            raise ConversationError(problem, [*self.messages, *new])
        except BaseException:
            self._adapter.restart()
            raise
        finally:
            self._lock.release()

    def _make_turn(self, content: Optional[Content]) -> List[Message]:
        """Return the first message of a turn, or all messages of the one that failed."""
        if content is None:
            if not self._failed:
                raise ConversationError("there is no failed turn to repeat")
            return self._failed
        if isinstance(content, (Mapping, Model)):  # a message, or a part without its list
            raise TypeError(f"content must be a text or a list, not a {type(content).__name__}")
        if not isinstance(content, str):
            parts = [
                {"type": "text", "text": part} if isinstance(part, str) else dict(part) for part in content
            ]
            if "parts" in self._adapter.supported:
                return [{"role": "user", "content": parts}]
            if any(part.get("type") != "text" for part in parts):
                raise InvalidRequestError(f"{self._adapter.name} supports text only, no other parts")
            content = content_text(parts)
        return [{"role": "user", "content": content}]

    def _trim_messages(self) -> List[Message]:
        """Return the messages of the earlier turns that are sent."""
        messages = self._messages
        start = 0 if self._trim is None else max(0, len(messages) - self._trim)
        if start:
            while start < len(messages) and messages[start]["role"] != "user":
                start += 1
            self._adapter.restart()
        return messages[start:]

    def _run_tools(self, new: List[Message]) -> None:
        """Run the tools that the last answer calls, and append their results in the order of the calls."""
        calls = _open_calls(new)
        results: List[Optional[Message]] = [None] * len(calls)

        def run(number: int) -> None:
            content = join_surrogates(self._run_tool(calls[number]))  # file names may contain lone ones
            results[number] = {"role": "tool", "tool_call_id": calls[number]["id"], "content": content}

        try:
            if self._parallel > 1:
                with ThreadPoolExecutor(self._parallel) as pool:
                    list(pool.map(run, range(len(calls))))
            else:
                for number in range(len(calls)):  # not map(): a StopIteration of a tool would end it
                    run(number)
        finally:  # even after an error or Ctrl-C: tools that have run do not run again
            new += filter(None, results)

    def _run_tool(self, call: Message) -> str:
        function = call.get("function") or {}
        try:
            tool = self.tools.get(str(function.get("name")))
            if tool is None:
                raise ValueError(f"there is no such tool; there are {', '.join(self.tools)}")
            return tool.run(function.get("arguments"))
        except Exception as error:
            if self._on_tool_error == "raise":
                raise
            return f"{type(error).__name__}: {error}"


class ConversationStream(CloseMixin, Generic[A]):
    """The texts of a turn as they arrive; leaving the loop or ``close()`` ends the turn early."""

    def __init__(self, turn: Texts[A], adapter: ChatAdapter) -> None:
        self._turn, self._adapter = turn, adapter
        self._answer: Optional[A] = None
        self._error: Exception = ConversationError("the stream was closed before its end")
        next(turn)  # sends the request: its errors are raised here

    def __iter__(self) -> Iterator[str]:
        try:
            yield from iter(self.__next__, None)
        finally:
            self.close()

    def __next__(self) -> str:
        try:
            return next(filter(None, self._turn))
        except StopIteration as end:
            self._answer = end.value or self._answer
            raise
        except Exception as error:
            self._error = error
            raise

    def close(self) -> None:
        """End the turn, unless it has ended; a thread that is reading it gets an error.

        It has no effect while another thread runs the tools of the turn.
        """
        try:
            self._turn.close()
        except ValueError:  # another thread is reading
            if self._adapter.open_stream is not None:
                self._adapter.open_stream.close()

    def display(self) -> A:
        """Show the text as ``Stream.display`` does, and return the answer; an interrupt ends the turn."""
        with self:
            show_text(self)
            return self.final()

    def final(self) -> A:
        """Read the rest and return the answer, as ``say`` does."""
        for _ in self:
            pass
        if self._answer is None:
            raise self._error
        return self._answer


def _open_calls(messages: List[Message]) -> List[Message]:
    """Return the calls of the last answer that have no result yet."""
    answered = set()
    for message in reversed(messages):
        if message["role"] != "tool":
            return [call for call in message.get("tool_calls") or () if call["id"] not in answered]
        answered.add(message["tool_call_id"])
    return []


def _add_usage(total: Usage, usage: object) -> None:
    for name in ("prompt_tokens", "completion_tokens", "total_tokens"):
        setattr(total, name, getattr(total, name) + int_or_zero(getattr(usage, name, None)))
