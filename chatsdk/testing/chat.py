"""What chat dialects share: the assistant's text, its pieces, its tokens."""

import re
import time
import uuid
from typing import Any, Callable, Dict, Iterable, List, Mapping, Sequence

MakeReply = Callable[[Sequence[Mapping[str, Any]]], str]

# Words with the space before them, long ones in several pieces; what is left is space at the end.
_CHUNK_SIZE = re.compile(r"\s*\S{1,12}|\s+\Z")
_TOKEN = re.compile(r"\w+|[^\w\s]")


def default_reply(messages: Sequence[Mapping[str, Any]]) -> str:
    """A short answer that mentions the last user message."""
    for message in reversed(messages):
        if message.get("role") == "user":
            return f"Hello! You said: {content_text(message.get('content'))}"
    return "Hello! How can I help you?"


def content_text(content: Any) -> str:
    """The text of a message's content: a string, or a list of strings and parts."""
    if isinstance(content, str):
        return content
    return "\n".join(_part_texts(content)) if isinstance(content, list) else ""


def _part_texts(parts: List[Any]) -> Iterable[str]:
    for part in parts:
        text = part.get("text") if isinstance(part, dict) else part
        if isinstance(text, str):
            yield text


def pieces(text: str) -> List[str]:
    """The text in the pieces in which a stream sends it."""
    return _CHUNK_SIZE.findall(text)


def count_tokens(text: str) -> int:
    """About what a tokenizer would count: words and signs."""
    return len(_TOKEN.findall(text))


def usage(messages: Iterable[Mapping[str, Any]], answer: str) -> Dict[str, int]:
    """The tokens of an exchange."""
    prompt = sum(count_tokens(content_text(message.get("content"))) for message in messages)
    completion = count_tokens(answer)
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
    }


def completion_head(model: str) -> Dict[str, Any]:
    """The fields with which a completion begins, and each chunk of its stream."""
    return {
        "id": f"chatcmpl-{uuid.uuid4().hex}",
        "object": "chat.completion",
        "created": int(time.time()),
        "model": model,
    }


def chunk_head(head: Mapping[str, Any]) -> Dict[str, Any]:
    """The same fields, for a chunk."""
    return {**head, "object": "chat.completion.chunk"}
