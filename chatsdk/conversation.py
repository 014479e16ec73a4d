"""Conversation: a talk over several turns, with tools, on any of the four chat services."""

from __future__ import annotations

import copy
import json
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import (
    Any,
    Callable,
    Generator,
    Generic,
    Iterable,
    Iterator,
    List,
    Literal,
    Mapping,
    Optional,
    Sequence,
    Union,
)

from ._core.answer import A, ChatService
from ._core.chat import content_text
from ._core.chat_adapters import ADAPTERS, ChatAdapter, Message
from ._core.closable import CloseMixin
from ._core.json_codec import join_surrogates
from ._core.openai_models import Usage
from ._core.service import ServiceClient
from ._core.tools import Tool
from .errors import ChatSDKError, InvalidRequestError

Content = Union[str, Sequence[Union[str, Mapping[str, Any]]]]
Path = Union[str, "os.PathLike[str]"]

_FORMAT = {"format": "chatsdk.Conversation", "version": 1}
_RUNNING = "a turn is still running: read its stream to the end, or close() it"


class ConversationError(ChatSDKError):
    """A turn is not possible or does not end, or a saved conversation cannot be read.

    Attributes:
        messages: of a turn with too many rounds of tool calls: the transcript and all messages of the turn.
    """

    def __init__(self, message: str, messages: Sequence[Message] = ()) -> None:
        super().__init__(message)
        self.messages = list(messages)


class Conversation(Generic[A]):
    """A talk with one chat service: it keeps the transcript, runs tools and sums up the usage.

    Args:
        service: ``client.zaguan``, ``client.chatserver``, ``client.infinity`` or ``client.mongars``.
        model: The model, on Zaguan and ChatServer.
        system: How the model is to answer; not on monGARS. Infinity appends it to its own prompt.
        tools: Functions with type hints or Tools, on Zaguan.
        user: Whose talk it is, not on monGARS; on ChatServer a UUID, which switches its history on.
        trim: How many of the earlier messages are sent at most, in whole turns; on Zaguan and ChatServer.
        max_rounds: How often the model may call tools in a turn.
        parallel: How many threads run the calls of one answer; 1 runs them one after the other.
        on_tool_error: ``"send"`` tells the model of exceptions and bad arguments, ``"raise"`` raises them.
        options: Arguments for each call of the service, such as ``temperature=0``.

    Attributes:
        tools: The Tools by name.
        last: The last answer, or None.
        usage: The tokens of all answers so far; ChatServer and monGARS do not count them.

    A turn that fails or is left early leaves the transcript as it was; what a stream had brought is in
    ``partial`` of the error. ``say()`` without a text asks again; tools that have run do not run again.

    Infinity and monGARS keep the talk themselves, and may remember a turn that failed here. The first turn on
    ChatServer, the first on Infinity without ``user``, and all on monGARS are asked plainly: a stream brings
    their text in one piece. On ChatServer a new session, with the whole transcript, begins after a turn that
    failed, with another model and when ``trim`` leaves messages out.

    Raises:
        InvalidRequestError: the service cannot do what is asked for.
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
        adapter = ADAPTERS.get(service._spec.name) if isinstance(service, ServiceClient) else None
        if adapter is None:
            raise TypeError(f"a Conversation needs a service such as client.{' or client.'.join(ADAPTERS)}")
        settings = {"model": model, "system": system, "tools": tools, "user": user, "trim": trim}
        for name, value in settings.items():
            if value and name not in adapter.takes:
                raise InvalidRequestError(f"{adapter.name} takes no {name} in a conversation")
        if not model and "model" in adapter.takes:
            raise InvalidRequestError(f"a conversation with {adapter.name} needs a model")
        if min(max_rounds, parallel, 1 if trim is None else trim) < 1:
            raise ValueError("max_rounds, parallel and trim must be at least 1")
        made = [tool if isinstance(tool, Tool) else Tool(tool) for tool in tools]
        self.tools = {tool.name: tool for tool in made}
        if len(self.tools) < len(made):
            raise TypeError("two tools have the same name")
        self._adapter = adapter(service, user)
        self._model = model
        self._trim, self._max_rounds, self._parallel = trim, max_rounds, parallel
        self._on_tool_error, self._options = on_tool_error, options
        self._system: List[Message] = [{"role": "system", "content": system}] if system else []
        self._lock = threading.Lock()  # held while a turn is running
        self.reset()

    def reset(self) -> None:
        """Begin a new talk with the same settings."""
        if self._lock.locked():
            raise ConversationError(_RUNNING)
        self._messages: List[Message] = []
        self._failed: List[Message] = []  # the messages of the last turn, if it failed
        self._start = 0  # the first message that is sent
        self._adapter.id = None
        self.last: Optional[A] = None
        self.usage = Usage()

    @property
    def messages(self) -> List[Message]:
        """The transcript: dicts with role, content, tool_calls, tool_call_id."""
        return [*self._system, *self._messages]

    @property
    def model(self) -> Optional[str]:
        """The model; another one may be set between two turns."""
        return self._model

    @model.setter
    def model(self, model: str) -> None:
        if "model" not in self._adapter.takes:
            raise InvalidRequestError(f"{self._adapter.name} takes no model in a conversation")
        self._model = model
        self._adapter.restart()  # a session of ChatServer keeps the model of its first call

    @property
    def id(self) -> Optional[str]:
        """The id of the talk on the service; None before its first answer, and on Zaguan."""
        return self._adapter.id

    def say(self, content: Optional[Content] = None, **options: Any) -> A:
        """Send a message and return the answer, after all rounds of tool calls.

        Args:
            content: A text, or a list of texts and parts (pictures on Zaguan only). None asks the turn that
                failed again.
            options: Arguments for the calls of the service in this turn.

        Raises:
            ConversationError: a turn is still running, no turn has failed, or too many rounds of tool calls.
            InvalidRequestError: the service cannot be sent this.
            ChatSDKError: as the chat methods of the service do.
        """
        turn = self._take_turn(self._start_turn(content), options, streamed=False)
        return ConversationStream(turn, self._adapter).final()

    def stream(self, content: Optional[Content] = None, **options: Any) -> ConversationStream[A]:
        """Send a message and return an iterator of the texts of the answer, of all rounds of tool calls.

        Arguments and errors are those of ``say``; what fails later is raised while iterating.
        """
        turn = self._take_turn(self._start_turn(content), options, streamed=True)
        return ConversationStream(turn, self._adapter)

    def fork(self) -> Conversation[A]:
        """Return a second conversation that goes on from here; its usage starts at 0.

        Raises:
            InvalidRequestError: on Infinity and monGARS, which keep the talk themselves.
        """
        if self._adapter.stores:
            raise InvalidRequestError(f"{self._adapter.name} keeps the talk itself: it cannot be forked")
        fork = copy.copy(self)
        fork._adapter = type(self._adapter)(self._adapter.api, self._adapter.user)
        fork._lock, fork.usage = threading.Lock(), Usage()
        fork._messages, fork._failed = [*self._messages], []
        return fork

    def save(self, path: Path) -> None:
        """Write the transcript, usage, model, user and id as JSON; a failure leaves the file as it was."""
        saved = {**_FORMAT, "service": self._adapter.name, "model": self.model, "user": self._adapter.user}
        saved.update(id=self.id, usage=self.usage.to_dict(), messages=self.messages)
        data = json.dumps(saved, ensure_ascii=False, indent=1).encode("utf-8")
        target = os.path.realpath(path)
        part = f"{target}.{os.urandom(8).hex()}.part"
        try:
            with open(part, "xb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.replace(part, target)
        except BaseException:
            with suppress(OSError):
                os.remove(part)
            raise

    @classmethod
    def load(cls, path: Path, service: ChatService[A], **settings: Any) -> Conversation[A]:
        """Return a saved conversation.

        On Infinity and monGARS it goes on as far as the service remembers it, on ChatServer in a new session.

        Args:
            path: What ``save`` wrote.
            service: The same service.
            settings: Those of ``Conversation`` that are not saved (tools, options), or others instead.

        Raises:
            ConversationError: the file is cut off, or of another program, version or service.
        """
        name = os.fspath(path)
        try:
            with open(name, "rb") as file:
                saved = json.loads(file.read().decode("utf-8"))
            found = {key: saved[key] for key in _FORMAT}
            messages = [{**item, "role": str(item["role"])} for item in saved["messages"]]
            usage = Usage.from_dict({**saved["usage"]})
        except (ValueError, KeyError, TypeError, RecursionError):
            raise ConversationError(f"{name} is not a saved conversation, or not a whole one") from None
        if found != _FORMAT:
            raise ConversationError(f"{name} has the format {found}; this chatsdk reads {_FORMAT}")
        if messages and messages[0]["role"] == "system":
            settings.setdefault("system", messages.pop(0)["content"])
        talk = cls(service, **{"model": saved.get("model"), "user": saved.get("user"), **settings})
        if saved.get("service") != talk._adapter.name:
            raise ConversationError(f"{name} is a conversation with {saved.get('service')}")
        talk._messages, talk.usage = messages, usage
        if talk._adapter.stores:
            talk._adapter.id = saved.get("id")
        return talk

    def _take_turn(
        self, new: List[Message], options: Mapping[str, Any], streamed: bool
    ) -> Generator[str, None, A]:
        """Yield "" once the request was sent, then the texts of a turn with *new*; return the answer."""
        if not self._lock.acquire(blocking=False):
            raise ConversationError(_RUNNING)
        self._failed = new
        try:
            self._move_start()
            for _ in range(self._max_rounds + 1):
                self._run_tools(new)
                messages = [*self._system, *self._messages[self._start :], *new]
                request = self._adapter.make_request(self._model, list(self.tools.values()), messages)
                answer: A = yield from self._adapter.ask(request, {**self._options, **options}, streamed)
                new.append(self._adapter.serialize(answer))
                _add_usage(self.usage, self._adapter.get_usage(answer))
                if not (self.tools and _open_calls(new)):
                    break
            else:
                problem = f"the model called tools in more than {self._max_rounds} rounds"
                raise ConversationError(problem, [*self.messages, *new])
        except BaseException:
            self._adapter.restart()
            raise
        else:
            self._messages += new
            self._failed, self.last = [], answer
            return answer
        finally:
            self._lock.release()

    def _start_turn(self, content: Optional[Content]) -> List[Message]:
        """Return the first messages of a turn, or all of the one that failed."""
        if content is None:
            if not self._failed:
                raise ConversationError("there is no turn that failed")
            return self._failed
        if not isinstance(content, str):
            parts = [
                {"type": "text", "text": part} if isinstance(part, str) else dict(part) for part in content
            ]
            if "parts" in self._adapter.takes:
                content = parts
            elif all(part.get("type") == "text" for part in parts):
                content = content_text(parts)
            else:
                raise InvalidRequestError(f"{self._adapter.name} takes text only, no pictures or other parts")
        return [{"role": "user", "content": content}]

    def _move_start(self) -> None:
        """Leave out the earliest turns, as far as `trim` wants it."""
        if self._trim is not None and len(self._messages) - self._start > self._trim:
            self._start = len(self._messages) - self._trim
            while self._start < len(self._messages) and self._messages[self._start]["role"] != "user":
                self._start += 1
            self._adapter.restart()

    def _run_tools(self, new: List[Message]) -> None:
        """Run the tools that the last answer calls, in order, and add their results."""
        calls = _open_calls(new)
        if self._parallel > 1 < len(calls):
            with ThreadPoolExecutor(self._parallel) as pool:
                results: Iterable[Union[str, Exception]] = list(pool.map(self._run_tool, calls))
        else:
            results = map(self._run_tool, calls)  # as they are asked for: none after one that failed
        failed = None
        for call, result in zip(calls, results):
            if isinstance(result, str):
                content = join_surrogates(result)  # such as those in names of files
                new.append({"role": "tool", "tool_call_id": call["id"], "content": content})
            elif isinstance(results, list):
                failed = failed or result  # the others have run: their results are kept
            else:
                raise result
        if failed is not None:
            raise failed

    def _run_tool(self, call: Message) -> Union[str, Exception]:
        """Return the result of a call, or the exception that is to be raised."""
        function = call.get("function") or {}
        try:
            tool = self.tools.get(str(function.get("name")))
            if tool is None:
                raise ValueError(f"there is no such tool; there are {', '.join(self.tools)}")
            return tool.run(function.get("arguments"))
        except Exception as error:
            return error if self._on_tool_error == "raise" else f"{type(error).__name__}: {error}"


class ConversationStream(CloseMixin, Generic[A]):
    """The texts of a turn as they arrive; leaving the loop or ``close()`` breaks the turn off."""

    def __init__(self, turn: Generator[str, None, A], adapter: ChatAdapter) -> None:
        self._turn, self._adapter = turn, adapter
        self._answer: Optional[A] = None
        self._error: Exception = ConversationError("the stream was closed before its end")
        next(turn)  # sends the request: what is wrong with it is raised here

    def __iter__(self) -> Iterator[str]:
        try:
            yield from iter(self.__next__, None)
        finally:
            self.close()

    def __next__(self) -> str:
        try:
            text = ""
            while not text:
                text = next(self._turn)
            return text
        except StopIteration as end:
            self._answer = end.value or self._answer
            raise
        except Exception as error:
            self._error = error
            raise

    def close(self) -> None:
        """Break the turn off, unless it was at its end; a thread that reads it is woken by an error."""
        try:
            self._turn.close()
        except ValueError:  # another thread is inside
            if self._adapter.open_stream is not None:
                self._adapter.open_stream.close()

    def final(self) -> A:
        """Read what is left and return the answer, as ``say`` does."""
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
        count = getattr(usage, name, None)
        setattr(total, name, getattr(total, name) + (count if isinstance(count, int) else 0))
