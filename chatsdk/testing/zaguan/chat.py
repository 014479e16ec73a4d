"""Zaguan's chat completions, whole and streamed."""

import json
import uuid
from dataclasses import dataclass
from typing import Any, Dict, Iterator, List, Mapping, Optional

from ..chat import MakeReply, chunk_head, completion_head, pieces, usage
from ..exchange import Answer, EventStream, Refusal, Reply, Request, event
from .catalogue import TOP_BAND, band_of
from .credits import Account
from .errors import bad_request, no_access

_MOST_CHOICES = 128
_NO_ARGUMENTS = ("{", "}")  # the empty object, in the fragments of a stream


@dataclass(frozen=True)
class Completion:
    """One answer, text or a tool call, ready to be sent in one piece or in many."""

    head: Mapping[str, Any]
    count: int
    text: Optional[str]
    tool: Optional[str]
    usage: Mapping[str, Any]

    @property
    def finish_reason(self) -> str:
        """Why it ends."""
        return "stop" if self.tool is None else "tool_calls"

    def whole(self) -> Dict[str, Any]:
        """The answer as one object."""
        choices = [
            {"index": index, "message": self._message(), "finish_reason": self.finish_reason}
            for index in range(self.count)
        ]
        return {**self.head, "choices": choices, "usage": self.usage}

    def events(self, include_usage: bool) -> Iterator[str]:
        """The answer as a stream; the choices take turns."""
        for deltas in zip(*(self._deltas() for _ in range(self.count))):
            for index, delta in enumerate(deltas):
                yield self._chunk([_choice(index, delta)])
        for index in range(self.count):
            yield self._chunk([_choice(index, {}, self.finish_reason)])
        if include_usage:
            yield self._chunk([], usage=self.usage)
        yield event("[DONE]")

    def _chunk(self, choices: List[Dict[str, Any]], **more: Any) -> str:
        chunk = {**chunk_head(self.head), "choices": choices, **more}
        return event(json.dumps(chunk, ensure_ascii=False, separators=(",", ":")))

    def _message(self) -> Dict[str, Any]:
        message: Dict[str, Any] = {"role": "assistant", "content": self.text}
        if self.tool is not None:
            function = {"name": self.tool, "arguments": "".join(_NO_ARGUMENTS)}
            message["tool_calls"] = [{"id": _call_id(), "type": "function", "function": function}]
        return message

    def _deltas(self) -> Iterator[Dict[str, Any]]:
        if self.tool is None:
            first, *others = pieces(self.text or "") or [""]
            yield {"role": "assistant", "content": first}
            for piece in others:
                yield {"content": piece}
            return
        yield {"role": "assistant", "content": None}
        start = {"name": self.tool, "arguments": ""}
        yield {
            "tool_calls": [
                {"index": 0, "id": _call_id(), "type": "function", "function": start},
            ]
        }
        for fragment in _NO_ARGUMENTS:
            yield {"tool_calls": [{"index": 0, "function": {"arguments": fragment}}]}


class ChatCompletions:
    """POST /v1/chat/completions."""

    def __init__(self, make_reply: MakeReply, account: Account) -> None:
        self._make_reply = make_reply
        self._account = account

    def create(self, request: Request, request_id: str) -> Answer:
        """Answer a chat request, and debit it."""
        asked = _read(request)
        if band_of(asked["model"]) == TOP_BAND:
            raise Refusal(no_access())
        completion = self._complete(asked)
        self._account.charge(request_id, asked["model"], completion.usage)
        if not asked.get("stream"):
            return Reply.json(completion.whole())
        options = asked.get("stream_options")
        include_usage = isinstance(options, dict) and bool(options.get("include_usage"))
        return EventStream(completion.events(include_usage))

    def _complete(self, asked: Mapping[str, Any]) -> Completion:
        messages = asked["messages"]
        tool = _tool_to_call(asked)
        text = self._make_reply(messages) if tool is None else None
        tokens: Dict[str, Any] = dict(usage(messages, f"{tool}{{}}" if text is None else text))
        tokens["prompt_tokens_details"] = {"cached_tokens": 0}
        tokens["completion_tokens_details"] = {"reasoning_tokens": 0}
        head = completion_head(asked["model"])
        return Completion(head, asked.get("n") or 1, text, tool, tokens)


def _read(request: Request) -> Dict[str, Any]:
    try:
        asked = request.json()
    except ValueError as problem:
        raise Refusal(bad_request(f"Malformed JSON: {problem}", "invalid_json")) from None
    if not isinstance(asked, dict):
        raise Refusal(bad_request("The request body must be a JSON object"))
    wrong = _problem(asked)
    if wrong is not None:
        raise Refusal(bad_request(wrong))
    return asked


def _problem(asked: Mapping[str, Any]) -> Optional[str]:
    if not (isinstance(asked.get("model"), str) and asked["model"]):
        return "model is required and must be a non-empty string"
    messages = asked.get("messages")
    if not (isinstance(messages, list) and messages):
        return "messages is required and must be a non-empty array"
    if not all(isinstance(message, dict) and "role" in message for message in messages):
        return "each message must be an object with a role"
    count = asked.get("n")
    if count is not None and (type(count) is not int or not 1 <= count <= _MOST_CHOICES):
        return f"n must be an integer from 1 to {_MOST_CHOICES}"
    return None


def _tool_to_call(asked: Mapping[str, Any]) -> Optional[str]:
    """The name of the tool that the assistant calls instead of answering, if any."""
    tools = asked.get("tools")
    choice = asked.get("tool_choice")
    if not tools or choice == "none" or asked["messages"][-1]["role"] != "user":
        return None
    first = choice if isinstance(choice, dict) else tools[0] if isinstance(tools, list) else None
    function = first.get("function") if isinstance(first, dict) else None
    name = function.get("name") if isinstance(function, dict) else None
    if not isinstance(name, str):
        raise Refusal(bad_request("tools must be functions with a name"))
    return name


def _choice(index: int, delta: Mapping[str, Any], finish_reason: Optional[str] = None) -> Dict[str, Any]:
    return {"index": index, "delta": delta, "finish_reason": finish_reason}


def _call_id() -> str:
    return f"call_{uuid.uuid4().hex[:24]}"
