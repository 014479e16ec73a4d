"""Stream: a response that is read in pieces."""

from __future__ import annotations

import re
from contextlib import suppress
from inspect import GEN_CLOSED, getgeneratorstate
from typing import Any, Dict, FrozenSet, Generator, Generic, Iterable, Iterator, Optional, Protocol, TypeVar

import requests

from ..errors import APIError, StreamError, StreamInterruptedError
from . import json_codec
from .body import BodyError, ResponseBody
from .closable import CloseMixin
from .display import show_text
from .error_body import is_keep_alive, parse_error_body
from .exchange import TRANSPORT_ERRORS, Exchange
from .redaction import raise_alone
from .sse import SSEDecoder, detect_format

T = TypeVar("T")
R = TypeVar("R")
T_co = TypeVar("T_co", covariant=True)
R_co = TypeVar("R_co", covariant=True)

_DONE_MARKER = re.compile(rb"""(?i)["'\s]*(\[\s*done\s*\]|done["'\s]*$)""").match
_DRAIN_TIMEOUT = 1.0  # seconds
_FINISH_TIMEOUT = 5.0  # seconds in total for the usage and the end marker
_NO_LIMIT = 1e6  # seconds
_CLOSED = "the stream was closed before its end"
_LEFT = f"{_CLOSED}: a loop over it ended early (next(stream) reads a single item)"


class StreamReader(Protocol[T_co, R_co]):
    """Converts each event of a stream to an item, and all of them to one response.

    Attributes:
        object_events: the names of the events whose data must be an object.
        answered: whether any part of an answer was read.
        finished: 0 until the answer is complete, then a number that changes whenever more text follows.
        ended: whether the stream has ended without an end marker.
    """

    object_events: FrozenSet[bytes]
    answered: bool
    finished: int
    ended: bool

    def is_failure(self, body: Dict[str, Any]) -> bool:
        """Return whether an event or a plain JSON answer reports an error."""

    def read(self, name: bytes, data: Dict[str, Any]) -> Optional[T_co]:
        """Return the item for an event, or None."""

    def read_response(self, body: Dict[str, Any]) -> Optional[T_co]:
        """Return the one item for an answer that is plain JSON; None if it is not an answer."""

    def final_items(self) -> Iterable[T_co]:
        """Return the items that follow the last event of a complete answer."""

    def metadata(self) -> Dict[str, Any]:
        """Return the fields of the events so far, except the text."""

    def result(self) -> R_co:
        """Return the response object of all events so far."""


class Stream(CloseMixin, Generic[T, R]):
    """The items of an answer as they arrive: iterate once, then call ``final()`` for the whole response.

    Leaving the loop, leaving a ``with`` block, ``close()`` and deleting the stream close the connection.

    Raises, while iterating (``partial`` of the error has the response so far):
        StreamError: the server reported an error, or an event is invalid.
        StreamInterruptedError: the stream ended before the answer was complete.
        APITimeoutError: nothing was received for the read timeout.

    Attributes:
        response: the ``requests.Response`` behind the stream.
    """

    def __init__(self, exchange: Exchange, body: ResponseBody, reader: StreamReader[T, R]) -> None:
        self.response: requests.Response = body.response
        self._source = _Source(exchange, body, reader)
        self._items = self._source.open()

    def __repr__(self) -> str:
        if self._source.error is not None:
            state = "failed"
        elif self._source.complete:
            state = "complete"
        else:
            state = "closed" if getgeneratorstate(self._items) == GEN_CLOSED else "open"
        return f"<Stream {state}, {self._source.exchange.address}>"

    @property
    def metadata(self) -> Dict[str, Any]:
        """The fields received so far, except the text: id, model, usage, finish_reason, ..."""
        return self._source.reader.metadata()

    def __iter__(self) -> Iterator[T]:
        # A new generator for each loop: leaving the loop closes it, and with it the items.
        self._raise_if_left()
        try:
            yield from self._items
        except GeneratorExit:
            self._source.left = not self._source.complete
            raise

    def __next__(self) -> T:
        self._raise_if_left()
        return next(self._items)

    def _raise_if_left(self) -> None:
        if self._source.left:
            raise self._source.interrupted(_LEFT)

    def close(self) -> None:
        """Close the connection; a thread that waits for the next item gets a StreamInterruptedError."""
        self._source.body.close()
        with suppress(ValueError):  # another thread runs the generator; the closed body ends it
            self._items.close()

    def final(self) -> R:
        """Read the rest and return the whole response: text joined, tool calls merged, usage.

        Raises what iterating raises; StreamInterruptedError if the stream was closed before its end.
        """
        for _ in self:
            pass
        if self._source.error is not None:
            raise self._source.error
        if not self._source.complete:
            raise self._source.interrupted(_CLOSED)
        return self._source.reader.result()

    def display(self) -> R:
        """Show the text as it grows, as Markdown in a notebook, else on stdout; return the whole response.

        A KeyboardInterrupt closes the connection and is raised; the text stays where it was shown, and
        ``final()`` raises StreamInterruptedError, whose ``partial`` has the response so far.
        """
        with self:
            show_text(str(getattr(item, "text", item)) for item in self)
            return self.final()


class _Source(Generic[T, R]):
    """The body and state of a stream; has no reference to the Stream, so that deleting that closes it."""

    def __init__(self, exchange: Exchange, body: ResponseBody, reader: StreamReader[T, R]) -> None:
        self.exchange = exchange
        self.body = body
        self.reader = reader
        self.complete = False
        self.left = False  # whether a loop over the stream ended early
        self.error: Optional[APIError] = None

    def open(self) -> Generator[T, None, None]:
        """Return the items of an event stream or of plain JSON; the first bytes tell which.

        If the Content-Type says that it is an event stream, this does not wait for them.
        """
        label = self.body.response.headers.get("Content-Type", "text/event-stream").lower()
        if "text/event-stream" in label or self.body.peek(detect_format) == "events":
            return self._read_events()
        return self._single(self._read_response())

    def interrupted(self, message: str) -> APIError:
        """Return the error for a stream that ended early."""
        return self._add_partial(self.exchange.error(StreamInterruptedError, message))

    def _add_partial(self, error: APIError) -> APIError:
        error.partial = self.reader.result()
        return error

    def _read_response(self) -> T:
        response = self.body.response
        self.exchange.read_body(response, self.body)
        body = self.exchange.object(response)
        if self.reader.is_failure(body):
            raise self._failure(response.content)
        item = self.reader.read_response(body)
        if item is None:
            message = parse_error_body(body).message
            raise self.exchange.invalid_response_error(response, "JSON that is not an answer", message)
        return item

    def _single(self, item: T) -> Generator[T, None, None]:
        self.complete = True
        yield item
        yield from self.reader.final_items()

    def _read_events(self) -> Generator[T, None, None]:
        reader = self.reader
        try:
            if self.body.peek(detect_format) == "json":
                yield from self._single(self._read_response())
                return
            pieces = iter(self.body)
            events = SSEDecoder(pieces, self.exchange.limit)
            ended, finished = False, 0
            for name, data in events:
                ended = data[:1] != b"{" and _DONE_MARKER(data) is not None
                if (data or name.lower() == b"error") and not ended:
                    value = self._decode(name, data, events.truncated)
                    item = None if value is None else reader.read(name, value)
                    if item is not None:
                        yield item
                    ended = reader.ended
                if ended:
                    self._drain(pieces)
                    break
                if reader.finished != finished:
                    finished = reader.finished
                    self.body.limit_remaining_time(_FINISH_TIMEOUT if finished else _NO_LIMIT)
            if not ended and not reader.finished:
                raise self.interrupted("the stream ended before its end")
            if not reader.answered:
                raise self.interrupted("the stream ended without an answer")
        except APIError as error:
            self.error = self._add_partial(error)
            raise
        except (BodyError, *TRANSPORT_ERRORS) as error:
            if not reader.finished:
                self.error = self._add_partial(self._connection_error(error))
                raise_alone(self.error, self.exchange.safe_cause(error))
        finally:
            self.body.close()
        self.complete = True
        yield from reader.final_items()

    def _decode(self, name: bytes, data: bytes, truncated: bool) -> Optional[Dict[str, Any]]:
        """Return the object in an event; None if the event only keeps the connection open."""
        if name:
            if name.lower() == b"error":
                raise self._failure(data)
            if is_keep_alive(name.decode("utf-8", "replace")):
                return None
        try:
            value = json_codec.loads(data, "replace")
        except (ValueError, RecursionError) as error:
            if truncated:  # the stream has ended inside this event
                return None
            if name not in self.reader.object_events and data.lstrip()[:1] not in (b"{", b"["):
                return None
            unreadable = self._failure(data, "an event of the stream is not valid JSON")
            raise_alone(unreadable, self.exchange.safe_cause(error))
        if not isinstance(value, dict):
            if name not in self.reader.object_events:
                return None
            raise self._failure(data, "an event of the stream is not a JSON object")
        if not value.get("choices") and is_keep_alive(value.get("type", value.get("object"))):
            return None
        if self.reader.is_failure(value):
            raise self._failure(data)
        return value

    def _failure(self, data: bytes, problem: Optional[str] = None) -> StreamError:
        """Return the error for an event that reports one, or that has a *problem* itself."""
        body = self.exchange.decode_error(data)
        found = parse_error_body(body)
        message = problem or found.message or "the server reports an error in the stream"
        return self.exchange.error(
            StreamError, message, code=found.code, type=found.type, param=found.param, body=body
        )

    def _connection_error(self, error: Exception) -> APIError:
        if self.body.closed:
            return self.exchange.error(StreamInterruptedError, _CLOSED)
        if isinstance(error, BodyError):
            return self.exchange.error(StreamError, f"the stream contains {error}")
        return self.exchange.connection_error(error, StreamInterruptedError)

    def _drain(self, pieces: Iterator[bytes]) -> None:
        """Read the bytes after the end marker.

        ChatServer saves an answer only if the client is still reading, and a connection can only be reused
        after the last byte.
        """
        self.body.limit_remaining_time(_DRAIN_TIMEOUT)
        try:
            for _ in pieces:
                pass
        except TRANSPORT_ERRORS:
            self.body.close()  # ignored: the answer is complete
