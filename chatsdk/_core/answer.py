"""The base of all responses of chat services: their text, and that text as an object."""

from __future__ import annotations

import sys
from typing import Any, Dict, Generic, Optional, Tuple, Type, TypeVar

from ..errors import APIResponseError
from .model import Model

T = TypeVar("T")
A = TypeVar("A", bound="Answer")

_PROBLEMS: Dict[Optional[str], str] = {
    "refusal": "the model refused to answer",
    "length": "the answer was cut off at the limit of tokens",
}


class Answer(Model):
    """Base of the responses of chat services."""

    @property
    def text(self) -> str:
        """The text of the response."""
        raise NotImplementedError

    def parse(self, cls: Type[T]) -> T:
        """Return the text, which is JSON, as an object; a code fence around it is removed.

        Args:
            cls: a dataclass, such as the one that was passed as ``response_format``.

        Raises:
            APIResponseError: the text does not fit. Its ``code`` is ``"refusal"`` if the model refused,
                ``"length"`` if the answer was cut off at the limit of tokens, else ``"invalid"``; ``body`` is
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
        raise response_error(self, message, code or "invalid", text)

    def _explain_misfit(self) -> Tuple[Optional[str], str]:
        """Return code and body of the error for a text that does not fit; None is ``"invalid"``."""
        return None, self.text

    def _repr_markdown_(self) -> Optional[str]:
        return self.text or None  # None: repr() is shown, with the tool calls

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        printer.text(self.text or repr(self))


class ChatService(Generic[A]):
    """Marks a service whose chats return an *A*."""


def response_error(source: Model, message: str, code: str, body: str) -> APIResponseError:
    """Return the error for a part of a response that does not fit.

    Its class is that of the service that sent the response; of a model made by hand, that of its package.
    """
    package = sys.modules.get(type(source).__module__.rpartition(".")[0])
    own_class = getattr(package, "APIResponseError", APIResponseError)
    error: APIResponseError = getattr(source, "_error_class", own_class)(message)
    error.code, error.body, error.partial = code, body, source
    return error


def _remove_fence(text: str) -> str:
    text = text.strip()
    if text.startswith("```") and text.endswith("```") and "\n" in text:
        return text[text.index("\n") : -3]
    return text
