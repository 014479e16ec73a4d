"""The OpenAI dialect, which several services speak: messages out, completions and their chunks in."""

from __future__ import annotations

import io
from typing import Any, Callable, Dict, Generic, List, Mapping, Optional, Sequence, TypeVar, Union

from .model import Model, to_send

T = TypeVar("T")
R = TypeVar("R")

MessageLike = Union[Model, Mapping[str, Any], str]
Messages = Union[MessageLike, Sequence[MessageLike]]

# What servers know in a message that is sent to them; strict ones refuse the rest of what they answered with.
_SENDABLE = ("role", "content", "name", "tool_calls", "tool_call_id", "function_call", "refusal")

# Texts that come in fragments; all others (ids, names, roles) come whole, and some servers repeat them.
_FRAGMENTS = frozenset(
    ["content", "refusal", "reasoning_content", "reasoning", "arguments", "input", "data", "transcript"]
)


def messages_to_send(messages: Messages) -> List[Dict[str, Any]]:
    """Return *messages* as the server wants them: a text is a user's message, None is left out.

    Of a message object only what a request may hold is sent, so that an answer can go back into the next
    request; a dict is sent as it is.
    """
    if isinstance(messages, (str, Model, Mapping)):
        messages = [messages]
    if messages is None or isinstance(messages, (bytes, int, float)):
        raise TypeError(f"messages must be a text or a list, not {type(messages).__name__}")
    return [_message_to_send(message, number) for number, message in enumerate(messages)]


def _message_to_send(message: MessageLike, number: int) -> Dict[str, Any]:
    if isinstance(message, str):
        return {"role": "user", "content": message}
    if isinstance(message, Model):
        given = to_send(message)
        sent = {name: given[name] for name in _SENDABLE if name in given}
        audio = given.get("audio")
        if isinstance(audio, (Model, Mapping)) and audio.get("id") is not None:
            sent["audio"] = {"id": audio["id"]}
    elif isinstance(message, Mapping):
        sent = {name: value for name, value in message.items() if value is not None}
    else:
        raise TypeError(
            f"messages[{number}] must be a Message, a dict or a string, not {type(message).__name__}"
        )
    # llama.cpp and ChatServer refuse a message whose content is null or missing.
    sent.setdefault("content", "")
    return sent


def content_text(content: object) -> str:
    """Return the text of a message's content, which may be text, a list of parts, or nothing."""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return ""
    texts = [part.get("text") if isinstance(part, dict) else part for part in content]
    return "".join(text for text in texts if isinstance(text, str))


class ChatReader(Generic[T, R]):
    """Reads the chunks of one completion: makes an item of each, and one response of all."""

    ended = False  # usage may follow the finish reason: only the end marker is the end

    def __init__(
        self, make_item: Callable[[Dict[str, Any]], Optional[T]], make_result: Callable[[Dict[str, Any]], R]
    ) -> None:
        self._make_item = make_item
        self._make_result = make_result
        self._top: Dict[str, Any] = {}
        self._choices: Dict[int, _Choice] = {}
        self.finished = False

    def read(self, name: bytes, data: Dict[str, Any]) -> Optional[T]:
        """Return the item for one chunk."""
        self._add(data)
        return self._make_item(data)

    def read_whole(self, body: Dict[str, Any]) -> Optional[T]:
        """Return the one item for a completion that came whole."""
        chunk = dict(body)
        choices = body.get("choices")
        if not isinstance(choices, list):
            return None
        chunk["choices"] = [_as_delta(choice) for choice in choices if isinstance(choice, dict)]
        return self.read(b"", chunk)

    def last(self) -> Sequence[T]:
        """Return nothing: the end of a completion is no chunk."""
        return ()

    def metadata(self) -> Dict[str, Any]:
        """Return what stands beside the choices, and how the first choice finished."""
        found = dict(self._top)
        if 0 in self._choices and "finish_reason" in self._choices[0].top:
            found["finish_reason"] = self._choices[0].top["finish_reason"]
        return found

    def result(self) -> R:
        """Return the whole response, as far as it came."""
        whole = {**self._top, "object": "chat.completion"}
        whole["choices"] = [self._choices[index].whole(index) for index in sorted(self._choices)]
        return self._make_result(whole)

    def _add(self, chunk: Dict[str, Any]) -> None:
        told = chunk
        if None in chunk.values():  # a later null does not undo what was told before
            told = {key: value for key, value in chunk.items() if value is not None}
        self._top.update(told)
        choices = self._top.pop("choices", None)
        if not isinstance(choices, list):
            return
        for choice in choices:
            if isinstance(choice, dict):
                index = choice.get("index")
                if not isinstance(index, int):
                    index = 0
                if index not in self._choices:
                    self._choices[index] = _Choice()
                if self._choices[index].add(choice):
                    self.finished = True


class _Choice:
    """One answer out of its fragments. Of all that a stream brings only the answer itself is kept."""

    def __init__(self) -> None:
        self.top: Dict[str, Any] = {}
        self._message: Dict[str, Any] = {}
        self._calls: List[Dict[str, Any]] = []
        self._call_of: Dict[object, Dict[str, Any]] = {}

    def add(self, choice: Dict[str, Any]) -> bool:
        """Take in one chunk's part of this choice; return whether it says that the answer is complete."""
        delta = choice.get("delta")
        if isinstance(delta, dict):
            text = delta.get("content")
            known = self._message.get("content")
            if len(delta) == 1 and isinstance(text, str) and isinstance(known, io.StringIO):
                known.write(text)  # nearly all chunks of a stream bring this and nothing else
                delta = {}
            calls = delta.get("tool_calls")
            if isinstance(calls, list):
                self._add_calls([call for call in calls if isinstance(call, dict)])
                delta = {name: value for name, value in delta.items() if name != "tool_calls"}
            if delta:
                _merge(self._message, delta)
        for key, value in choice.items():
            if value is None or key == "delta" or key == "index":
                continue
            if key == "logprobs" and isinstance(value, dict):
                _merge(self.top.setdefault("logprobs", {}), value)
            else:
                self.top[key] = value
        return choice.get("finish_reason") is not None

    def whole(self, index: int) -> Dict[str, Any]:
        """Return the choice as it would stand in a plain response."""
        message = {"role": "assistant", **_joined(self._message)}
        if self._calls:
            message["tool_calls"] = _joined(self._calls)
        return {"index": index, "message": message, **_joined(self.top)}

    def _add_calls(self, fragments: List[Dict[str, Any]]) -> None:
        for position, fragment in enumerate(fragments):
            call = self._find_call(fragment, position - len(fragments))
            for mark in (fragment.get("index"), fragment.get("id")):
                if isinstance(mark, (int, str)) and mark != "":
                    self._call_of[mark] = call
            _merge(call, {key: value for key, value in fragment.items() if key != "index"})

    def _find_call(self, fragment: Dict[str, Any], place_from_end: int) -> Dict[str, Any]:
        """Return the call that a fragment belongs to: by its index, else by its id, else by its place."""
        index, call_id = fragment.get("index"), fragment.get("id")
        if isinstance(index, int):
            known = self._call_of.get(index)
            # Some servers give every call the index 0: another id is another call.
            if known is not None and (not call_id or known.get("id") in (None, "", call_id)):
                return known
        if isinstance(call_id, str) and call_id in self._call_of:
            return self._call_of[call_id]
        if not isinstance(index, int) and -place_from_end <= len(self._calls):
            # The mark may come late, or never: only the first fragment of a call has its name.
            known = self._calls[place_from_end]
            if not _name(fragment) and not (call_id and known.get("id")):
                return known
        self._calls.append({})
        return self._calls[-1]


def _name(call: Dict[str, Any]) -> Any:
    inner = call.get("function") or call.get("custom")
    return inner.get("name") if isinstance(inner, dict) else None


def _merge(target: Dict[str, Any], part: Mapping[str, Any]) -> None:
    """Merge a fragment of an object: texts and lists grow, of all else the first value stays."""
    for key, value in part.items():
        if value is None:
            continue
        known = target.get(key)
        if key in _FRAGMENTS and isinstance(value, str):
            if not isinstance(known, io.StringIO):
                # A buffer takes a tenth of the memory of a list of pieces; newline="" keeps every CRLF.
                known = target[key] = io.StringIO(newline="")
            known.write(value)
        elif isinstance(value, dict):
            if not isinstance(known, dict):
                known = target[key] = {}
            _merge(known, value)
        elif isinstance(value, list):
            if not isinstance(known, list):
                known = target[key] = []
            known.extend(value)
        elif not known:
            target[key] = value


def _joined(value: Any) -> Any:
    """Return a merged value with its texts as strings."""
    if isinstance(value, io.StringIO):
        return value.getvalue()
    if isinstance(value, dict):
        return {key: _joined(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_joined(item) for item in value]
    return value


def _as_delta(choice: Dict[str, Any]) -> Dict[str, Any]:
    """Return a whole choice in the form in which a stream brings it."""
    return {"delta" if key == "message" else key: value for key, value in choice.items()}


class ChatAnswer(Model):
    """Base of the completions: their text, and how notebooks show it."""

    @property
    def text(self) -> str:
        """The text of the first choice; "" where it has none."""
        return first_choice_text(self.__dict__["choices"], "message")

    def _repr_markdown_(self) -> str:
        return self.text


def first_choice_text(choices: Any, part: str) -> str:
    """Return the text in *part* (message or delta) of the choice with index 0."""
    for choice in choices if isinstance(choices, list) else ():
        holder = getattr(choice, part, None)
        if isinstance(holder, Model) and choice.index == 0:
            return content_text(holder.get("content"))
    return ""


def delta_text(chunk: Dict[str, Any]) -> str:
    """Return the text that a decoded chunk adds to the choice with index 0."""
    choices = chunk.get("choices")
    for choice in choices if isinstance(choices, list) else ():
        if isinstance(choice, dict) and choice.get("index") in (None, 0):
            delta = choice.get("delta")
            return content_text(delta.get("content")) if isinstance(delta, dict) else ""
    return ""
