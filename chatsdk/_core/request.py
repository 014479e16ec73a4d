"""A request of a service, with one method for each kind of result."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable, List, Optional, Type, TypeVar, Union

import requests

from ..errors import APIResponseError
from .answer import Answer
from .error_body import parse_error_body
from .exchange import Exchange
from .model import Model, get_reader, is_list_of_objects, missing_required_field
from .result_list import ResultList
from .sse import detect_format
from .stream import Stream, StreamReader

if TYPE_CHECKING:
    from .download import Download

M = TypeVar("M", bound=Model)
T = TypeVar("T")
R = TypeVar("R")

# Where the result is in a response: a key, or a function that extracts it; None for the whole body.
Place = Union[str, Callable[[Any], Any], None]


class Request(Exchange):
    """A request ready to be sent; each method sends it and returns a result of its kind."""

    def model(self, cls: Type[M], place: Place = None, reader: Optional[StreamReader[Any, M]] = None) -> M:
        """Return the response as a *cls*.

        The *reader* of a chat merges a response that is an event stream, and detects failures.
        """
        self.answer_class = cls
        if reader is None:
            response = self.send()
        else:
            self._accept("application/json")
            response = self.run(read_body=False)
            content = self.body(response)
            if content.peek(detect_format) == "events":
                return Stream(self, content, reader).final()
            self.read_body(response, content)
        body = self.object(response)
        if reader is not None and reader.is_failure(body):
            raise self.invalid_response_error(response, "an error", parse_error_body(body).message)
        found = _extract(body, place)
        if not isinstance(found, dict):
            found = {}
        missing = missing_required_field(cls, found)
        if missing is not None:
            message = parse_error_body(body).message
            raise self.invalid_response_error(response, f"an answer without {missing!r}", message)
        # Services share the models of the OpenAI format: parse() raises the errors of the one that answered.
        error_class = self._spec.errors.get(APIResponseError) if issubclass(cls, Answer) else None
        return get_reader(cls, owned=True, error_class=error_class)(found)

    def records(self, cls: Type[M], place: Place = None) -> ResultList[M]:
        """Return the list in the response, with a *cls* for each object."""
        self.answer_class = cls
        return ResultList(map(get_reader(cls, owned=True), self.list(is_list_of_objects, place)))

    def list(self, validator: Callable[[Any], bool], place: Place = None) -> List[Any]:
        """Return the list in the response, for which *validator* must return True."""
        response = self.send()
        found: List[Any] = _extract(self.json(response), place)
        if not validator(found):
            raise self.invalid_response_error(response, "JSON without the expected list")
        return found

    def stream(self, reader: StreamReader[T, R]) -> Stream[T, R]:
        """Return the response as a stream."""
        self.read_timeout = self.options.stream_timeout
        self._accept("text/event-stream", "identity")
        if not self._spec.reuse_after_stream:
            self.headers["Connection"] = "close"
        return Stream(self, self.body(self.run(read_body=False)), reader)

    def download(self) -> Download:
        """Return the response as a file whose body is not read yet."""
        from .download import Download  # rarely needed

        self._accept("*/*", "identity")  # the length of a compressed file is not known before its end
        return Download(self)

    def send(self) -> requests.Response:
        """Return the response, which should be JSON, with its body read."""
        self._accept("application/json")
        return self.run()

    def response(self, stream: bool) -> requests.Response:
        """Return the response; with *stream* its body is not read yet."""
        self._accept("*/*")
        return self.run(read_body=not stream)

    def _accept(self, kind: str, encoding: str = "gzip, deflate") -> None:
        """Set the headers of content negotiation, unless the user did."""
        self.headers.setdefault("Accept", kind)
        self.headers.setdefault("Accept-Encoding", encoding)


def _extract(body: Any, place: Place) -> Any:
    if isinstance(place, str):
        return body.get(place) if isinstance(body, dict) else None
    return body if place is None else place(body)
