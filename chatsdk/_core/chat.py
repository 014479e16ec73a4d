"""The OpenAI dialect, which several services speak: messages out, completions and their chunks in."""

from __future__ import annotations

import io
import json
from contextlib import suppress
from typing import Any, Callable, Dict, Generic, List, Mapping, Optional, Sequence, Tuple, TypeVar, Union

from .answer import Answer
from .error_body import has_chat_failure
from .model import Model, to_send
from .surrogates import SurrogateJoiner, has_surrogates, join_surrogates

T = TypeVar("T")
R = TypeVar("R")

MessageLike = Union[Model, Mapping[str, Any], str]
Messages = Union[MessageLike, Sequence[MessageLike]]

# What servers know in a message that is sent to them; strict ones refuse the rest of what they answered with.
_REQUEST_FIELDS = ("role", "content", "name", "tool_calls", "tool_call_id", "function_call", "refusal")

# What goes along with tool calls: several servers answer 400 to calls without the reasoning before them.
_REASONING = ("reasoning_content", "reasoning", "reasoning_details")

# Texts that come in fragments; all others (ids, names, roles) come whole, and some servers repeat them.
_CONCATENATED_FIELDS = frozenset(
    ["content", "refusal", "reasoning_content", "reasoning", "arguments", "input", "data", "transcript"]
)

# An event without choices is part of a completion if it has one of these; else it is a keep-alive.
_TOP = frozenset(
    ["id", "model", "created", "system_fingerprint", "service_tier", "metadata", "citations", "promptshield"]
)

_MERGED_DEPTH = 10  # levels of a delta that are merged; nothing that comes in fragments is deeper
_EMPTY: Tuple[Any, ...] = (None, "", 0, {}, [])


def serialize_messages(messages: Messages) -> List[Dict[str, Any]]:
    """Return *messages* as the server wants them: a text is a user's message, None is left out.

    Of a message object only what a request may hold is sent, so that an answer can go back into the next
    request; a dict is sent as it is.
    """
    if isinstance(messages, (str, Model, Mapping)):
        messages = [messages]
    if messages is None or isinstance(messages, (bytes, int, float)):
        raise TypeError(f"messages must be a text or a list, not {type(messages).__name__}")
    return [_serialize_message(message, number) for number, message in enumerate(messages)]


def _serialize_message(message: MessageLike, number: int) -> Dict[str, Any]:
    if isinstance(message, str):
        return {"role": "user", "content": message}
    if isinstance(message, Model):
        given = to_send(message)
        names = (*_REQUEST_FIELDS, *_REASONING) if given.get("tool_calls") else _REQUEST_FIELDS
        sent = {name: given[name] for name in names if name in given}
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
    calls = sent.get("tool_calls")
    if calls == []:  # others refuse an empty list
        del sent["tool_calls"]
    elif isinstance(calls, list):
        sent["tool_calls"] = [_call_to_send(call) for call in calls]
    return sent


def _call_to_send(call: object) -> object:
    """Return a tool call with its type, without which servers refuse it."""
    given = to_send(call) if isinstance(call, Model) else call
    if not isinstance(given, Mapping) or given.get("type"):
        return call
    return {**given, "type": _call_type(given)}


def _call_type(call: Mapping[str, Any]) -> str:
    return "custom" if call.get("custom") and not call.get("function") else "function"


def complete_tool_calls(completion: Dict[str, Any]) -> Dict[str, Any]:
    """Return a decoded completion whose tool calls have a type, and arguments that are JSON text."""
    choices = completion.get("choices")
    for choice in choices if isinstance(choices, list) else ():
        message = choice.get("message") if isinstance(choice, dict) else None
        if isinstance(message, dict):
            _write_arguments(message.get("function_call"))
            calls = message.get("tool_calls")
            for call in calls if isinstance(calls, list) else ():
                if isinstance(call, dict):
                    call["type"] = call.get("type") or _call_type(call)
                    _write_arguments(call.get("function"))
    return completion


def _write_arguments(function: object) -> None:
    """Make JSON text of arguments that a server sends as an object."""
    if isinstance(function, dict) and isinstance(function.get("arguments"), (dict, list)):
        with suppress(RecursionError):
            function["arguments"] = json.dumps(function["arguments"], ensure_ascii=False)


def content_text(content: object) -> str:
    """Return the text of a message's content, which may be text, a list of parts, or nothing."""
    if isinstance(content, str):
        return content
    if isinstance(content, dict):
        content = [content]
    if not isinstance(content, list):
        return ""
    texts = [part.get("text") if isinstance(part, dict) else part for part in content]
    return "".join(text for text in texts if isinstance(text, str))


class CompletionAccumulator(Generic[T, R]):
    """Reads the chunks of one completion of *count* choices: an item of each, and one response of all."""

    names = frozenset([b"", b"message"])  # an event without a name is called "message"
    ended = False  # usage may follow the finish reason: only the end marker is the end
    is_failure = staticmethod(has_chat_failure)

    def __init__(
        self,
        make_item: Callable[[Dict[str, Any]], Optional[T]],
        make_result: Callable[[Dict[str, Any]], R],
        count: Optional[int] = None,
    ) -> None:
        self._make_item = make_item
        self._make_result = make_result
        self._count = count or 1
        self._top: Dict[str, Any] = {}
        self._last_top: Dict[str, Any] = {}
        self._choices: Dict[int, _Choice] = {}
        self.finished = False

    @property
    def answered(self) -> bool:
        """Whether any choice has come."""
        return bool(self._choices)

    def read(self, name: bytes, data: Dict[str, Any]) -> Optional[T]:
        """Return the item for one chunk; None for a keep-alive."""
        if ("choices" not in data and "usage" not in data) and (
            name not in self.names or "type" in data or _TOP.isdisjoint(data)
        ):
            return None
        self._add(data)
        return self._make_item(data)

    def read_response(self, body: Dict[str, Any]) -> Optional[T]:
        """Return the one item for a completion that came whole."""
        choices = body.get("choices")
        if not isinstance(choices, list):
            return None
        copies = [dict(choice) for choice in choices if isinstance(choice, dict)]
        item = self.read(b"", {**body, "choices": copies})
        return item if self.answered else None

    def final_items(self) -> Sequence[T]:
        """Return the items for characters of which only the first half came."""
        rests = [(index, choice.take_held()) for index, choice in self._choices.items()]
        items = [self._make_item({"choices": [{"index": n, "delta": rest}]}) for n, rest in rests if rest]
        return [item for item in items if item is not None]

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
        return self._make_result(complete_tool_calls(whole))

    def _add(self, chunk: Dict[str, Any]) -> None:
        top = dict(chunk)
        choices = top.pop("choices", None)
        if top != self._last_top:  # nearly all chunks repeat what the one before has told
            self._last_top = top
            _update(self._top, top)
        for choice in choices if isinstance(choices, list) else ():
            if isinstance(choice, dict):
                index = choice.get("index")
                if not isinstance(index, int):
                    index = 0
                known = self._choices.get(index)
                if known is None:
                    known = self._choices[index] = _Choice()
                    self.finished = False
                if known.add(choice):
                    begun = self._choices.values()
                    self.finished = len(begun) >= self._count and all(each.finished for each in begun)


class _Choice:
    """One answer out of its fragments. Of all that a stream brings only the answer itself is kept."""

    def __init__(self) -> None:
        self.finished = False
        self.top: Dict[str, Any] = {}
        self._message: Dict[str, Any] = {}
        self._calls: List[Dict[str, Any]] = []
        self._call_of: Dict[object, Dict[str, Any]] = {}
        self._joiners: Dict[str, SurrogateJoiner] = {}
        self._by_message = False

    def add(self, choice: Dict[str, Any]) -> bool:
        """Take in one chunk's part of this choice; return whether it says that the choice is complete.

        Its texts become those that may be shown: half a character waits for its other half.
        """
        if "message" in choice:
            self._use_message(choice)
        delta = choice.get("delta")
        if isinstance(delta, dict):
            text = delta.get("content")
            known = self._message.get("content")
            if (
                len(delta) == 1
                and isinstance(text, str)
                and isinstance(known, io.StringIO)
                and not self._joiners
                and (text.isascii() or not has_surrogates(text))
            ):
                known.write(text)  # nearly all chunks of a stream bring this and nothing else
            elif delta:
                self._add_delta(delta)
        reason = choice.get("finish_reason")
        if isinstance(reason, str) and reason.strip().lower() not in ("", "null"):
            self.finished = True
            self.top["finish_reason"] = reason
        for key, value in choice.items():
            if value is None or key in ("delta", "index", "finish_reason"):
                continue
            if key == "logprobs" and isinstance(value, dict):
                _merge(self.top, {key: value})
            else:
                _update(self.top, {key: value})
        return self.finished

    def take_held(self) -> Dict[str, str]:
        """Return a delta of the characters of which the other half never came."""
        held = {name: join_surrogates(joiner.held) for name, joiner in self._joiners.items() if joiner.held}
        self._joiners.clear()
        return held

    def whole(self, index: int) -> Dict[str, Any]:
        """Return the choice as it would stand in a plain response."""
        message = {"role": "assistant", **_joined(self._message)}
        if self._calls:
            message["tool_calls"] = [_joined(call) for call in self._calls]
        return {"index": index, "message": message, **_joined(self.top)}

    def _use_message(self, choice: Dict[str, Any]) -> None:
        """Let a whole message stand for the delta if nothing but a role has come as a delta."""
        message = choice.pop("message")
        if not isinstance(message, dict) or _has_content(choice.get("delta")):
            return
        if self._by_message or not (self._calls or _has_content(_joined(self._message))):
            self._by_message = True
            choice["delta"] = message

    def _add_delta(self, delta: Dict[str, Any]) -> None:
        calls = delta.get("tool_calls")
        if isinstance(calls, list):
            self._add_calls([call for call in calls if isinstance(call, dict)])
        _write_arguments(delta.get("function_call"))
        _merge(self._message, {name: value for name, value in delta.items() if name != "tool_calls"})
        for name, value in delta.items():
            if name in _CONCATENATED_FIELDS and isinstance(value, str):
                joiner = self._joiners.pop(name, None) or SurrogateJoiner()
                delta[name] = joiner.add(value)
                if joiner.held:
                    self._joiners[name] = joiner

    def _add_calls(self, fragments: List[Dict[str, Any]]) -> None:
        for position, fragment in enumerate(fragments):
            _write_arguments(fragment.get("function"))
            call = self._find_call(fragment, position - len(fragments))
            for mark in (_index(fragment), fragment.get("id")):
                if isinstance(mark, (int, str)) and mark != "":
                    self._call_of[mark] = call
            _merge(call, {key: value for key, value in fragment.items() if key != "index"})

    def _find_call(self, fragment: Dict[str, Any], place_from_end: int) -> Dict[str, Any]:
        """Return the call that a fragment belongs to: by its index, else by its id, else by its place."""
        index, call_id, name = _index(fragment), fragment.get("id"), _name(fragment)
        by_index = None if index is None else self._call_of.get(index)
        by_id = self._call_of.get(call_id) if isinstance(call_id, str) else None
        known = by_id if by_index is None else by_index
        if by_index is not None and call_id and by_index.get("id") not in (None, "", call_id):
            # Some servers give every call the index 0: another id with a name is another call. Others change
            # the id with every fragment: without a name it is the same call.
            known = by_id if by_id is not None or name else by_index
        if known is not None:
            same_id = known is by_index and call_id and known.get("id") == call_id
            if same_id or not name or _name(known) in (None, "", name):
                return known
        elif index is None and -place_from_end <= len(self._calls) and not name:
            # The mark may come late, or never: only the first fragment of a call has its name.
            return self._calls[place_from_end]
        self._calls.append({})
        return self._calls[-1]


def _has_content(delta: object) -> bool:
    return isinstance(delta, dict) and any(value for name, value in delta.items() if name != "role")


def _index(fragment: Mapping[str, Any]) -> Optional[int]:
    """Return the index of a fragment, which some servers write as text."""
    index = fragment.get("index")
    if isinstance(index, str) and index.isdecimal():
        return int(index)
    return index if isinstance(index, int) else None


def _name(call: Dict[str, Any]) -> Any:
    inner = call.get("function") or call.get("custom")
    return inner.get("name") if isinstance(inner, dict) else None


def _update(target: Dict[str, Any], told: Mapping[str, Any]) -> None:
    """Update *target*; what was told once is not undone by a later "", 0, {} or null."""
    for key, value in told.items():
        known = target.get(key)
        if isinstance(value, dict) and isinstance(known, dict):
            value = {**known, **{name: item for name, item in value.items() if item not in _EMPTY}}
        if value is not None and (known is None or value not in _EMPTY):
            target[key] = value


def _merge(target: Dict[str, Any], part: Mapping[str, Any], depth: int = _MERGED_DEPTH) -> None:
    """Merge a fragment of an object: texts and lists grow, of all else the first value stays."""
    for key, value in part.items():
        if value is None:
            continue
        known = target.get(key)
        if key == "content" and isinstance(value, dict):  # a single part
            value = [value]
        if key in _CONCATENATED_FIELDS and isinstance(value, str):
            if isinstance(known, list):
                known.extend([{"type": "text", "text": value}] if value else [])
                continue
            if not isinstance(known, io.StringIO):
                # A buffer takes a tenth of the memory of a list of pieces; newline="" keeps every CRLF.
                known = target[key] = io.StringIO(newline="")
            known.write(value)
        elif isinstance(value, dict) and depth:
            if not isinstance(known, dict):
                known = target[key] = {}
            _merge(known, value, depth - 1)
        elif isinstance(value, list):
            if isinstance(known, io.StringIO):
                text = known.getvalue()
                known = target[key] = [{"type": "text", "text": text}] if text else []
            elif not isinstance(known, list):
                known = target[key] = []
            known.extend(value)
        elif not known:
            target[key] = value


def _joined(merged: Dict[str, Any], depth: int = _MERGED_DEPTH) -> Dict[str, Any]:
    """Return a merged object with its texts as strings."""
    joined = dict(merged)
    for key, value in merged.items():
        if isinstance(value, io.StringIO):
            joined[key] = join_surrogates(value.getvalue())
        elif isinstance(value, dict) and depth:
            joined[key] = _joined(value, depth - 1)
    return joined


class ChatAnswer(Answer):
    """Base of the completions."""

    @property
    def text(self) -> str:
        """The text of the first choice; "" where it has none."""
        return first_choice_text(self.__dict__["choices"], "message")

    def _explain_misfit(self) -> Tuple[Optional[str], str]:
        message = first_choice_part(self.__dict__["choices"], "message")
        refusal = message.get("refusal") if message is not None else None
        if isinstance(refusal, str) and refusal:
            return "refusal", refusal
        reasons = [choice.finish_reason for choice in self.__dict__["choices"] if choice.index == 0]
        code = {"content_filter": "refusal", "length": "length"}.get(str(*reasons[:1]))
        return code, self.text


def first_choice_part(choices: Any, part: str) -> Optional[Model]:
    """Return *part* (message or delta) of the choice with index 0."""
    for choice in choices if isinstance(choices, list) else ():
        holder = getattr(choice, part, None)
        if isinstance(holder, Model) and choice.index == 0:
            return holder
    return None


def first_choice_text(choices: Any, part: str) -> str:
    """Return the text in *part* (message or delta) of the choice with index 0."""
    holder = first_choice_part(choices, part)
    return "" if holder is None else content_text(holder.get("content"))


def delta_text(chunk: Dict[str, Any]) -> str:
    """Return the text that a decoded chunk adds to the choice with index 0."""
    choices = chunk.get("choices")
    for choice in choices if isinstance(choices, list) else ():
        if isinstance(choice, dict) and choice.get("index") in (None, 0):
            delta = choice.get("delta")
            return content_text(delta.get("content")) if isinstance(delta, dict) else ""
    return ""
