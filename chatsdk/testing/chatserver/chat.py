"""ChatServer's chat completions, whole and streamed."""

import functools
import json
import uuid
from dataclasses import dataclass
from typing import Any, Callable, Dict, Iterator, List, Mapping, Optional

from ..chat import MakeReply, chunk_head, completion_head, pieces, usage
from ..exchange import Answer, EventStream, Reply, Request, event
from ..uuids import is_uuid
from ..validation import (
    Field,
    Invalid,
    Place,
    Rule,
    array,
    body,
    boolean,
    integer,
    mapping,
    nullable,
    number,
    one_of,
    record,
    string,
)
from .errors import crash, refusal
from .history import History
from .platform import AuditLog

_TEXT_PART = record({"type": Field(one_of("text")), "text": Field(string)})


def _part(value: Any, place: Place) -> Any:
    if not isinstance(value, str):
        wrong = _problems(_TEXT_PART, value, (*place, "MessageContentText"))
        if wrong:
            raise Invalid(wrong + _problems(string, value, (*place, "str")))
    return value


def _content(value: Any, place: Place) -> Any:
    if not isinstance(value, str):
        wrong = _problems(_PARTS, value, (*place, "list[union[MessageContentText,str]]"))
        if wrong:
            raise Invalid(_problems(string, value, (*place, "str")) + wrong)
    return value


def _problems(rule: Rule, value: Any, place: Place) -> List[Dict[str, Any]]:
    try:
        rule(value, place)
    except Invalid as error:
        return error.problems
    return []


_PARTS = array(_part)
_MESSAGE = record(
    {
        "role": Field(one_of("system", "user", "assistant", "tool")),
        "content": Field(_content),
        "name": Field(nullable(string), None),
    }
)
_COMPLETION = {
    "model": Field(string),
    "messages": Field(array(_MESSAGE)),
    "temperature": Field(number(ge=0.0, le=2.0), 0.7),
    "max_tokens": Field(integer(ge=1, le=4000), 4000),
    "top_p": Field(number(ge=0.0, le=1.0), 1.0),
    "stream": Field(boolean, False),
    "user": Field(nullable(string), None),
    "system_prompt": Field(nullable(string), None),
    "metadata": Field(nullable(mapping), None),
}


@dataclass(frozen=True)
class Completion:
    """One answer, ready to be sent in one piece or in many."""

    head: Mapping[str, Any]
    session_id: str
    text: str
    usage: Mapping[str, int]

    def whole(self) -> Dict[str, Any]:
        """The answer as one object."""
        message = {"role": "assistant", "content": self.text, "name": None}
        return {
            **self.head,
            "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
            "usage": self.usage,
            "system_fingerprint": self.session_id,
        }

    def events(self) -> Iterator[str]:
        """The answer as a stream."""
        for position, piece in enumerate(pieces(self.text)):
            delta = {"content": piece}
            if position == 0:
                delta["role"] = "assistant"
            yield self._chunk(delta)
        yield self._chunk({}, "stop", usage=self.usage)
        yield event("[DONE]")

    def _chunk(self, delta: Mapping[str, str], finish_reason: Optional[str] = None, **more: Any) -> str:
        chunk = {
            **chunk_head(self.head),
            "choices": [{"index": 0, "delta": delta, "finish_reason": finish_reason}],
            "system_fingerprint": self.session_id,
            **more,
        }
        return event(json.dumps(chunk))


class ChatCompletions:
    """POST /v1/chat/completions."""

    def __init__(self, make_reply: MakeReply, history: History, audit: AuditLog) -> None:
        self._make_reply = make_reply
        self._history = history
        self._audit = audit

    def create(self, request: Request) -> Answer:
        """Answer a chat request; keep it where the metadata names a user."""
        asked = body(request, _COMPLETION)
        messages, model = asked["messages"], asked["model"]
        if not messages:
            raise refusal(400, "messages array must include at least one message")
        if not model:
            detail = "model field is required - fetch available models from /v1/models endpoint"
            raise refusal(400, detail)
        metadata: Mapping[str, Any] = asked["metadata"] or {}
        session_id = metadata.get("session_id") or f"atoms_session_{uuid.uuid4().hex}"
        _check(session_id, metadata, asked["system_prompt"])
        save: Optional[Callable[[str, Mapping[str, int]], None]] = None
        if metadata.get("user_id"):
            save = self._history.begin(session_id, model, messages, metadata)
        # The checked messages have defaults filled in: the user's function gets the real ones.
        text = self._make_reply(request.json()["messages"])
        completion = Completion(completion_head(model), session_id, text, usage(messages, text))
        self._note(completion, metadata)
        finish = save and functools.partial(save, text, completion.usage)
        if asked["stream"]:
            content_type = "text/event-stream; charset=utf-8"
            return EventStream(completion.events(), content_type, on_delivered=finish)
        if finish is not None:
            finish()
        return Reply.json(completion.whole())

    def _note(self, completion: Completion, metadata: Mapping[str, Any]) -> None:
        self._audit.add(
            "chat",
            "chat_session",
            completion.session_id,
            {"model": completion.head["model"], "total_tokens": completion.usage["total_tokens"]},
            metadata.get("user_id") or None,
            metadata.get("organization_id") or None,
        )


def _check(session_id: Any, metadata: Mapping[str, Any], system_prompt: Optional[str]) -> None:
    """Crash where the service does: it uses these values without looking at them."""
    user_id, organization_id = metadata.get("user_id"), metadata.get("organization_id")
    if not isinstance(session_id, str) or (user_id and not is_uuid(user_id)):
        raise crash()
    uses_organization = not system_prompt or user_id
    if organization_id and uses_organization and not is_uuid(organization_id):
        raise crash()
    if isinstance(metadata.get("workflow"), (list, dict)):
        raise crash()
