"""How the chat services are asked, turn by turn, in a conversation."""

from __future__ import annotations

import uuid
from typing import Any, Dict, Generator, List, Mapping, Optional, Sequence, Type

from ..errors import InvalidRequestError
from .chat import serialize_messages
from .model import to_json_value
from .openai_models import Usage
from .tools import Tool

Message = Dict[str, Any]
Request = Dict[str, Any]  # the arguments of a chat method

_MONGARS_LIMIT = 1000  # characters of a message


class ChatAdapter:
    """How one service is asked, and how it knows a talk again: by `id`, None before the first answer."""

    name = "zaguan"
    takes: Sequence[str] = ("model", "system", "tools", "user", "trim", "parts")
    stores = False  # whether the service keeps the talk itself, instead of being sent the transcript

    def __init__(self, api: Any, user: Optional[str]) -> None:
        self.api, self.user = api, user
        self.id: Optional[str] = None
        self.open_stream: Any = None

    def ask(self, request: Request, options: Mapping[str, Any], streamed: bool) -> Generator[str, None, Any]:
        """Yield "" once the request was sent, then the texts of the answer; return it."""
        if streamed and self.can_stream():
            with self.chat_stream(**request, **options) as stream:
                self.open_stream = stream
                yield ""
                for item in stream:
                    yield item if isinstance(item, str) else item.text
                answer = stream.final()
        else:
            answer = self.chat(**request, **options)
            yield ""
            yield answer.text
        self.id = request.get("session_id") or getattr(answer, "conversation_id", None) or self.id
        return answer

    def make_request(self, model: Optional[str], tools: List[Tool], messages: List[Message]) -> Request:
        """Return the arguments of the next call."""
        return {"model": model, "messages": messages, "tools": tools or None, "user": self.user}

    def can_stream(self) -> bool:
        """Return whether the next call may be a stream."""
        return True

    def chat(self, **request: Any) -> Any:
        """Ask for the whole answer."""
        return self.api.chat(**request)

    def chat_stream(self, **request: Any) -> Any:
        """Ask for a stream."""
        return self.api.chat_stream(**request)

    def serialize(self, answer: Any) -> Message:
        """Return the message of an answer as it is sent back."""
        return {"role": "assistant", "content": answer.text}

    def get_usage(self, answer: Any) -> object:
        """Return the usage of an answer, if it has any."""
        return answer.get("usage")

    def restart(self) -> None:
        """Go on under a new id, if the transcript is sent anyway."""
        if not self.stores:
            self.id = None


class _Zaguan(ChatAdapter):
    def chat_stream(self, **request: Any) -> Any:
        return self.api.chat_stream(**{"stream_options": {"include_usage": True}, **request})

    def serialize(self, answer: Any) -> Message:
        message: Message = to_json_value(serialize_messages([answer.message])[0])
        for call in message.get("tool_calls") or ():
            call["id"] = call.get("id") or f"call_{uuid.uuid4().hex}"  # by which its result names it
        return message


class _ChatServer(ChatAdapter):
    name = "chatserver"
    takes = ("model", "system", "user", "trim")

    def make_request(self, model: Optional[str], tools: List[Tool], messages: List[Message]) -> Request:
        session_id = self.id or str(uuid.uuid4())
        return {"model": model, "messages": messages, "user": self.user, "session_id": session_id}

    def can_stream(self) -> bool:
        return self.id is not None  # a session whose first call was a stream may hang on the second

    def chat(self, **request: Any) -> Any:
        return self.api.create_completion(**request)

    def chat_stream(self, **request: Any) -> Any:
        return self.api.create_completion(**request, stream=True)


class _Infinity(ChatAdapter):
    name = "infinity"
    takes = ("system", "user")
    stores = True

    def make_request(self, model: Optional[str], tools: List[Tool], messages: List[Message]) -> Request:
        system = messages[0]["content"] if messages[0]["role"] == "system" else None
        request = {"message": messages[-1]["content"], "user_context": system}
        return {**request, "conversation_id": self.id, "user_id": self.user}

    def can_stream(self) -> bool:
        # Streams neither read a key nor give an identity: the first plain answer does, in a cookie.
        return self.id is not None or self.user is not None

    def get_usage(self, answer: Any) -> object:
        told = answer.metadata if isinstance(answer.metadata, dict) else {}
        return Usage.from_dict({"total_tokens": told.get("tokensUsed")})


class _MonGARS(ChatAdapter):
    name = "mongars"
    takes = ()
    stores = True

    def make_request(self, model: Optional[str], tools: List[Tool], messages: List[Message]) -> Request:
        text = messages[-1]["content"].strip()
        if len(text) > _MONGARS_LIMIT:
            raise InvalidRequestError(f"mongars takes messages of {_MONGARS_LIMIT} characters at most")
        return {"message": text, "session_id": self.id or str(uuid.uuid4())}

    def can_stream(self) -> bool:
        return False


ADAPTERS: Dict[str, Type[ChatAdapter]] = {
    adapter.name: adapter for adapter in (_Zaguan, _ChatServer, _Infinity, _MonGARS)
}
