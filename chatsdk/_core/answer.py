"""The base of the responses of chat services: their text, and that text as an object."""

from __future__ import annotations

import re
import sys
from abc import abstractmethod
from typing import Any, Dict, Generic, Optional, Tuple, Type, TypeVar

from ..errors import APIResponseError
from .model import Model

T = TypeVar("T")
A = TypeVar("A", bound="Answer")

_PROBLEMS = {
    "refusal": "the model refused to answer",
    "length": "the answer was cut off at the token limit",
}


class Answer(Model):
    """Base of the responses of chat services."""

    @property
    @abstractmethod
    def text(self) -> str:
        """The text of the response."""

    def parse(self, cls: Type[T]) -> T:
        """Return the text, which is JSON, as an object; a code fence around it is removed.

        Args:
            cls: a dataclass, such as the one that was passed as ``response_format``.

        Raises:
            APIResponseError: the text does not fit. Its ``code`` is ``"refusal"`` if the model refused,
                ``"length"`` if the answer was cut off at the token limit, else ``"invalid"``; ``body`` is
                the text (of a refusal, the reason) and ``partial`` this answer.
            TypeError: *cls* has no JSON schema.
        """
        from .json_schema import make_converter, parse_json

        converter = make_converter(cls)
        try:
            value: T = converter.read(parse_json(_remove_fence(self.text)), "")
            return value
        except ValueError as error:
            code, text = self._explain_misfit()
            message = _PROBLEMS.get(code, f"the answer does not fit {getattr(cls, '__name__', cls)}: {error}")
        raise response_error(self, message, code, text)  # outside of "except", so that it is not chained

    def _explain_misfit(self) -> Tuple[str, str]:
        """Return the code and the body of the error for a text that does not fit."""
        return "invalid", self.text

    def _repr_markdown_(self) -> Optional[str]:
        return self.text or None  # None: repr() is shown, with the tool calls

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        printer.text(self.text or repr(self))


class ChatAnswer(Answer):
    """Base of the completions."""

    @property
    def text(self) -> str:
        """The text of the first choice, or ""."""
        return first_choice_text(self, "message")

    def _explain_misfit(self) -> Tuple[str, str]:
        refusal = _fields(first_choice_part(self, "message")).get("refusal")
        if isinstance(refusal, str) and refusal:
            return "refusal", refusal
        reason = str(first_choice_part(self, "finish_reason"))
        return {"content_filter": "refusal", "length": "length"}.get(reason, "invalid"), self.text


class ChatService(Generic[A]):
    """Marks a service whose chats return an *A*."""


def response_error(source: Model, message: str, code: str, body: str) -> APIResponseError:
    """Return the error for a part of a response that does not fit.

    Its class belongs to the service that sent the response; for a model made by hand, to its package.
    """
    package = sys.modules.get(type(source).__module__.rpartition(".")[0])
    own_class = getattr(package, "APIResponseError", APIResponseError)
    error: APIResponseError = getattr(source, "_error_class", own_class)(message)
    error.code, error.body, error.partial = code, body, source
    return error


def _remove_fence(text: str) -> str:
    text = text.strip()
    if text.startswith("```") and text.endswith("```"):
        return re.sub(r"\A(?:[^\n{\[]*\n|[ \t]*[A-Za-z]*)", "", text[3:-3])  # with the name of the language
    return text


def _fields(value: object) -> Dict[str, Any]:
    """Return the fields of an object, decoded or a model; none of any other value."""
    return value.__dict__ if isinstance(value, Model) else value if isinstance(value, dict) else {}


def first_choice_part(completion: object, part: str) -> Any:
    """Return *part*, such as the message or delta, of the choice with index 0, or None."""
    choices = _fields(completion).get("choices")
    for choice in map(_fields, choices if isinstance(choices, list) else ()):
        if choice and choice.get("index") in (None, 0):
            return choice.get(part)
    return None


def first_choice_text(completion: object, part: str) -> str:
    """Return the text in *part*, message or delta, of the choice with index 0."""
    return content_text(_fields(first_choice_part(completion, part)).get("content"))


def content_text(content: object) -> str:
    """Return the text of a message's content: text, a content part, or a list of parts."""
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else [content]
    texts = [part.get("text") if isinstance(part, dict) else part for part in parts]
    return "".join(text for text in texts if isinstance(text, str))
