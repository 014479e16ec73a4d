"""The OpenAI chat format, which several services share: messages to send, completions in one or in chunks."""

from __future__ import annotations

import io
import json
from contextlib import suppress
from typing import Any, Callable, Dict, Generic, List, Mapping, Optional, Sequence, TypeVar, Union

from .error_body import is_chat_failure
from .json_codec import join_surrogates, split_surrogate
from .model import Model, request_fields, to_json_value

T = TypeVar("T")
R = TypeVar("R")

MessageLike = Union[Model, Mapping[str, Any], str]
Messages = Union[MessageLike, Sequence[MessageLike]]

# Strict servers refuse any other field of a message, even the fields of their own responses.
_REQUEST_FIELDS = ("role", "content", "name", "tool_calls", "tool_call_id", "function_call", "refusal")

# Sent with tool calls: several servers answer 400 to calls without the reasoning before them.
_REASONING_FIELDS = ("reasoning_content", "reasoning", "reasoning_details")

# Strings that are sent in fragments; others (ids, names, roles) are sent whole, by some servers repeatedly.
_CONCATENATED_FIELDS = frozenset(
    ["content", "refusal", "reasoning_content", "reasoning", "arguments", "input", "data", "transcript"]
)

_MERGED_DEPTH = 10  # levels of a delta that are merged; fragments are never deeper


def serialize_messages(messages: Messages) -> List[Dict[str, Any]]:
    """Return *messages* as a list of JSON objects without None; a string becomes a message of the user.

    A Message is reduced to the fields of requests, so that the message of a response can be sent back; a
    dict is sent with all its fields.
    """
    if isinstance(messages, (str, Model, Mapping)):
        messages = [messages]
    if messages is None or isinstance(messages, (bytes, int, float)):
        raise TypeError(f"messages must be a string or a list, not {type(messages).__name__}")
    return [_serialize_message(message, number) for number, message in enumerate(messages)]


def _serialize_message(message: MessageLike, number: int) -> Dict[str, Any]:
    if isinstance(message, str):
        return {"role": "user", "content": message}
    if isinstance(message, Model) and message.get("role") is not None:  # a whole answer has none
        given = request_fields(message)
        names = (*_REQUEST_FIELDS, *_REASONING_FIELDS) if given.get("tool_calls") else _REQUEST_FIELDS
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
    if calls == []:  # other servers refuse an empty list
        del sent["tool_calls"]
    elif isinstance(calls, list):
        sent["tool_calls"] = [_serialize_call(call) for call in calls]
    return sent


def _serialize_call(call: object) -> object:
    """Return a tool call with its type, and with JSON arguments if it has none; servers refuse it without."""
    given = to_json_value(call)
    if not isinstance(given, Mapping):
        return call
    function = given.get("function")
    if isinstance(function, Mapping) and function.get("arguments") in (None, ""):
        given = {**given, "function": {**function, "arguments": "{}"}}
    return {**given, "type": _call_type(given)}


def _call_type(call: Mapping[str, Any]) -> str:
    return call.get("type") or ("custom" if call.get("custom") and not call.get("function") else "function")


def complete_tool_calls(completion: Dict[str, Any]) -> Dict[str, Any]:
    """Return a decoded completion after giving messages a role, tool calls a type and JSON arguments."""
    for choice in objects(completion.get("choices")):
        message = choice.get("message")
        if isinstance(message, dict):
            message["role"] = message.get("role") or "assistant"
            _write_arguments(message.get("function_call"))
            for call in objects(message.get("tool_calls")):
                call["type"] = _call_type(call)
                _write_arguments(call.get("function"))
    return completion


def objects(value: object) -> List[Dict[str, Any]]:
    """Return the objects in a list; none of anything else."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _write_arguments(function: object) -> None:
    """Replace arguments that a server sent as an object, or after an empty object, with JSON text."""
    if not isinstance(function, dict):
        return
    arguments = function.get("arguments")
    if isinstance(arguments, (dict, list)):
        with suppress(RecursionError):
            function["arguments"] = json.dumps(arguments, ensure_ascii=False)
    elif isinstance(arguments, str) and arguments.startswith("{}{"):
        function["arguments"] = arguments[2:]


class CompletionAccumulator(Generic[T, R]):
    """Converts each chunk of a completion with *count* choices to an item, and all of them to a response."""

    object_events = frozenset([b"", b"message"])  # an event without a name is called "message"
    finished = 0
    ended = False  # usage may follow the finish reason: only the end marker ends the stream
    is_failure = staticmethod(is_chat_failure)

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
        self.answered = False

    def read(self, name: bytes, data: Dict[str, Any]) -> Optional[T]:
        """Return the item for a chunk; None for anything else."""
        is_chunk = "choices" in data or "usage" in data
        if not is_chunk and (name not in self.object_events or "type" in data or "id" not in data):
            return None
        top = dict(data)
        choices = top.pop("choices", None)
        if top != self._last_top:  # nearly all chunks repeat the fields of the one before
            self._last_top = top
            for key, value in top.items():
                _update(self._top, key, value)
        for fragment in choices if isinstance(choices, list) else ():
            if isinstance(fragment, dict):
                index = fragment.get("index")
                if not isinstance(index, int):
                    index = fragment["index"] = _index(fragment) or 0
                choice = self._choices.get(index)
                if choice is None:
                    choice = self._choices[index] = _Choice()
                    self.answered, self.finished = True, 0
                if choice.merge(fragment):
                    begun = self._choices.values()
                    complete = len(begun) >= self._count and all(each.finished for each in begun)
                    self.finished = self.finished + 1 if complete else 0
        return self._make_item(data)

    def read_response(self, body: Dict[str, Any]) -> Optional[T]:
        """Return the one item for a completion that is plain JSON; None if it has no choices."""
        return self.read(b"", body) if objects(body.get("choices")) else None

    def final_items(self) -> List[T]:
        """Return the items for characters of which only the first half was received."""
        deltas = {index: dict.fromkeys(choice.held, "\ufffd") for index, choice in self._choices.items()}
        chunks = [{"choices": [{"index": index, "delta": delta}]} for index, delta in deltas.items() if delta]
        return [item for item in map(self._make_item, chunks) if item is not None]

    def metadata(self) -> Dict[str, Any]:
        """Return the fields other than the choices, and the finish reason of the first choice."""
        found = dict(self._top)
        if 0 in self._choices and "finish_reason" in self._choices[0].top:
            found["finish_reason"] = self._choices[0].top["finish_reason"]
        return found

    def result(self) -> R:
        """Return the response of all chunks so far."""
        choices = [choice.build(index) for index, choice in sorted(self._choices.items())]
        body = {**self._top, "object": "chat.completion", "choices": choices}
        return self._make_result(complete_tool_calls(body))


class _Choice:
    """Merges the fragments of one choice."""

    def __init__(self) -> None:
        self.finished = False
        self.top: Dict[str, Any] = {}
        self._message: Dict[str, Any] = {}
        self._calls: List[Dict[str, Any]] = []
        self._call_by_key: Dict[object, Dict[str, Any]] = {}  # keys are indexes and ids
        self.held: Dict[str, str] = {}  # first halves of surrogate pairs, by field
        self._uses_messages = False

    def merge(self, fragment: Dict[str, Any]) -> bool:
        """Merge a fragment and return whether the choice is now complete, or continues after its end.

        Its texts are changed to whole characters: the first half of a surrogate pair is held back.
        """
        if "message" in fragment:
            self._use_message(fragment)
        # Some servers send a finish reason with the reasoning, or with each fragment.
        was_finished = self.finished
        goes_on = was_finished and _has_text(fragment.get("delta"))
        self.finished = was_finished and not goes_on
        for key, value in fragment.items():
            if value is None or key == "index":
                continue
            if key == "delta":
                if isinstance(value, dict):
                    self._merge_delta(value)
            elif key == "finish_reason":
                if isinstance(value, str) and value.strip().lower() not in ("", "null", "none"):
                    self.finished = True
                    self.top[key] = value
            elif key == "logprobs" and isinstance(value, dict):
                _merge(self.top, key, value)
            else:
                _update(self.top, key, value)
        return goes_on or self.finished != was_finished

    def build(self, index: int) -> Dict[str, Any]:
        """Return the choice in the form of a plain response."""
        message = {"role": "assistant", **_joined(self._message)}
        if self._calls:
            message["tool_calls"] = [_joined(call) for call in self._calls]
        return {"index": index, "message": message, **_joined(self.top)}

    def _use_message(self, fragment: Dict[str, Any]) -> None:
        """Read a whole message as the delta, unless there was more than a role in the deltas."""
        message = fragment.pop("message")
        if not isinstance(message, dict) or _has_content(fragment.get("delta")):
            return
        if self._uses_messages or not (self._calls or _has_content(_joined(self._message))):
            self._uses_messages = True
            fragment["delta"] = message

    def _merge_delta(self, delta: Dict[str, Any]) -> None:
        for name, value in delta.items():
            if isinstance(value, str) and name in _CONCATENATED_FIELDS:
                buffer = self._message.get(name)
                if isinstance(buffer, io.StringIO):
                    buffer.write(value)  # the fast path of nearly all chunks
                else:
                    _merge(self._message, name, value)
                if self.held or not value.isascii():
                    delta[name], held = split_surrogate(self.held.pop(name, "") + value)
                    if held:
                        self.held[name] = held
            elif name == "tool_calls":
                self._merge_calls(objects(value))
            else:
                if name == "function_call":
                    _write_arguments(value)
                _merge(self._message, name, value)

    def _merge_calls(self, fragments: List[Dict[str, Any]]) -> None:
        for position, fragment in enumerate(fragments):
            _write_arguments(fragment.get("function"))
            call = self._find_call(fragment, position - len(fragments))
            for key, kind in ((_index(fragment), int), (fragment.get("id"), str)):
                if isinstance(key, kind) and key != "":
                    self._call_by_key[key] = call
            for name, value in fragment.items():
                if name != "index":
                    _merge(call, name, value)

    def _find_call(self, fragment: Dict[str, Any], place_from_end: int) -> Dict[str, Any]:
        """Return the call that a fragment belongs to: by its index, else by its id, else by its position."""
        index, call_id, name = _index(fragment), fragment.get("id"), _called(fragment).get("name")
        by_index = self._call_by_key.get(index)
        by_id = self._call_by_key.get(call_id) if isinstance(call_id, str) else None
        if name and index is not None and by_index is None:
            by_id = None  # another call: some servers give the same id to all calls
        known = by_index
        if by_index is None or (call_id and by_index.get("id") not in (None, "", call_id)):
            # Some servers give every call the index 0: another id with a name is another call. Others change
            # the id with every fragment: without a name it is the same call.
            known = by_id if by_id is not None or name else by_index
        if known is not None:
            same_id = known is by_index and call_id and known.get("id") == call_id
            known_name = _called(known).get("name")
            if same_id or not name or not known_name:
                return known
            if known_name == name and not _begins_again(known, fragment):
                return known
        elif index is None and -place_from_end <= len(self._calls) and not name:
            # The id may come late, or never: only the first fragment of a call has its name.
            return self._calls[place_from_end]
        self._calls.append({})
        return self._calls[-1]


def _has_content(delta: object) -> bool:
    return isinstance(delta, dict) and any(value for name, value in delta.items() if name != "role")


def _has_text(delta: object) -> bool:
    fields = delta.items() if isinstance(delta, dict) else ()
    return any(value and (name in _CONCATENATED_FIELDS or name == "tool_calls") for name, value in fields)


def _begins_again(call: Dict[str, Any], fragment: Dict[str, Any]) -> bool:
    """Return whether a fragment with the name of *call* is another call: its arguments are complete."""
    begun, more = (_called(each).get("arguments") for each in (call, fragment))
    if isinstance(begun, io.StringIO) and isinstance(more, str) and more.lstrip()[:1] == "{":
        with suppress(ValueError, RecursionError):
            return isinstance(json.loads(begun.getvalue()), dict)
    return False


def _index(fragment: Mapping[str, Any]) -> Optional[int]:
    """Return the index of a fragment, which some servers write as text."""
    index = fragment.get("index")
    if isinstance(index, str) and index.isdecimal():
        return int(index)
    return index if isinstance(index, int) else None


def _called(call: Dict[str, Any]) -> Dict[str, Any]:
    """Return the function or the custom tool that is called."""
    called = call.get("function") or call.get("custom")
    return called if isinstance(called, dict) else {}


def _update(target: Dict[str, Any], key: str, value: Any) -> None:
    """Set a field, unless that would replace a value by "", 0, {} or null."""
    known = target.get(key)
    if isinstance(value, dict) and isinstance(known, dict):
        value = {**known, **{name: item for name, item in value.items() if item}}
    if value is not None and (known is None or value):
        target[key] = value


def _merge(target: Dict[str, Any], key: str, value: Any, depth: int = _MERGED_DEPTH) -> None:
    """Merge a fragment of a field: strings and lists grow, any other field keeps its first value."""
    known = target.get(key)
    if key == "content" and isinstance(value, dict):  # a single part
        value = [value]
    if isinstance(value, str) and key in _CONCATENATED_FIELDS:
        if isinstance(known, list):
            known.extend([{"type": "text", "text": value}] if value else [])
            return
        if not isinstance(known, io.StringIO):
            # A buffer takes a tenth of the memory of a list of pieces; newline="" keeps every CRLF.
            known = target[key] = io.StringIO(newline="")
        known.write(value)
    elif isinstance(value, dict) and depth:
        if not isinstance(known, dict):
            known = target[key] = {}
        for name, item in value.items():
            _merge(known, name, item, depth - 1)
    elif isinstance(value, list):
        if isinstance(known, io.StringIO):
            text = known.getvalue()
            known = target[key] = [{"type": "text", "text": text}] if text else []
        elif not isinstance(known, list):
            known = target[key] = []
        known.extend(value)
    elif value is not None and not known:
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
