"""How a conversation calls each of the chat services."""

from __future__ import annotations

import uuid
from abc import abstractmethod
from typing import Any, Callable, Dict, Generator, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from ..errors import InvalidRequestError
from .answer import A
from .chat import objects, serialize_messages
from .model import to_json_value
from .openai_models import Usage
from .service import ServiceClient
from .stream import Stream
from .tools import Tool

Message = Dict[str, Any]
Texts = Generator[str, None, A]  # yields the texts of an answer, and returns it


class ChatCall(NamedTuple):
    """One call of a chat method; *streamed* asks for a stream, if the service can stream this call."""

    streamed: bool
    model: Optional[str]
    messages: List[Message]
    tools: List[Tool]
    options: Mapping[str, Any]


class ChatAdapter:
    """Base of the adapters; ``id`` is the id of the conversation on the service."""

    supported: Sequence[str] = ()  # the settings of a Conversation that the service supports
    stores_history = False  # otherwise each call sends the transcript

    def __init__(self, api: Any, user: Optional[str]) -> None:
        self.api, self.user = api, user
        self.name: str = api._spec.name
        self.id: Optional[str] = None
        self.open_stream: Any = None

    @abstractmethod
    def send(self, call: ChatCall) -> Any:
        """Return the answer or the Stream of a call."""

    def read(self, answer: Any) -> Tuple[Message, object]:
        """Return the message of an answer, as the next call sends it, and its usage."""
        return {"role": "assistant", "content": answer.text}, answer.get("usage")

    def ask(self, call: ChatCall) -> Texts[Any]:
        """Yield "" once the request is sent, then the texts of the answer; return the answer."""
        answer = self.send(call)
        if isinstance(answer, Stream):
            with answer as self.open_stream:
                yield ""
                for item in answer:
                    yield item if isinstance(item, str) else item.text
                return answer.final()
        yield ""
        yield answer.text
        return answer

    def check_supported(self, setting: str) -> None:
        """Raise InvalidRequestError if the service does not support a setting."""
        if setting not in self.supported:
            raise InvalidRequestError(f"{self.name} does not support {setting} in a conversation")

    def restart(self) -> None:
        """Use a new id from the next call on, unless the service stores the history."""
        if not self.stores_history:
            self.id = None


class _Zaguan(ChatAdapter):
    supported = ("model", "system", "tools", "user", "trim", "parts")

    def send(self, call: ChatCall) -> Any:
        method, options = self.api.chat, call.options
        if call.streamed:
            method, options = self.api.chat_stream, {"stream_options": {"include_usage": True}, **options}
        tools = call.tools or None
        return method(model=call.model, messages=call.messages, tools=tools, user=self.user, **options)

    def read(self, answer: Any) -> Tuple[Message, object]:
        message: Message = to_json_value(serialize_messages([answer.message])[0])
        if "tool_calls" in message:
            calls = message["tool_calls"] = objects(message["tool_calls"])
            known = {"", None}
            for call in calls:  # their results must name them; some servers repeat an id
                if call.get("id") in known:
                    call["id"] = f"call_{uuid.uuid4().hex}"
                known.add(call["id"])
        return message, answer.usage


class _ChatServer(ChatAdapter):
    supported = ("model", "system", "user", "trim")

    def send(self, call: ChatCall) -> Any:
        # If the first call of a session is a stream, the second hangs on some servers.
        stream = call.streamed and self.id is not None
        self.id = self.id or str(uuid.uuid4())
        request = {"model": call.model, "messages": call.messages, "user": self.user, "session_id": self.id}
        return self.api.create_completion(**request, stream=stream, **call.options)


class _Infinity(ChatAdapter):
    supported = ("system", "user")
    stores_history = True

    def send(self, call: ChatCall) -> Any:
        # Only responses that are not streamed set the cookie that identifies an anonymous user.
        method = self.api.chat_stream if call.streamed and (self.id or self.user) else self.api.chat
        first, last = call.messages[0], call.messages[-1]
        system = first["content"] if first["role"] == "system" else None
        request = {"message": last["content"], "user_context": system, "user_id": self.user}
        return method(**request, conversation_id=self.id, **call.options)

    def read(self, answer: Any) -> Tuple[Message, object]:
        self.id = answer.conversation_id or self.id
        metadata = answer.metadata if isinstance(answer.metadata, dict) else {}
        return super().read(answer)[0], Usage(total_tokens=metadata.get("tokensUsed", 0))


class _MonGARS(ChatAdapter):
    stores_history = True

    def send(self, call: ChatCall) -> Any:
        self.id = self.id or str(uuid.uuid4())
        return self.api.chat(message=call.messages[-1]["content"], session_id=self.id, **call.options)


_ADAPTERS: Dict[str, Callable[[ServiceClient, Optional[str]], ChatAdapter]] = {
    "zaguan": _Zaguan,
    "chatserver": _ChatServer,
    "infinity": _Infinity,
    "mongars": _MonGARS,
}


def make_adapter(service: object, user: Optional[str] = None) -> ChatAdapter:
    """Return an adapter of a chat service; TypeError for anything else."""
    if isinstance(service, ServiceClient) and service._spec.name in _ADAPTERS:
        return _ADAPTERS[service._spec.name](service, user)
    raise TypeError(f"a Conversation needs a service such as client.{' or client.'.join(_ADAPTERS)}")
