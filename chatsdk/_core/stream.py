"""Stream: an answer that arrives piece by piece."""

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
from .error_body import is_keep_alive, parse_error_body
from .exchange import TRANSPORT_ERRORS, Exchange
from .redaction import raise_alone
from .sse import SSEDecoder, detect_format

T = TypeVar("T")
R = TypeVar("R")
T_co = TypeVar("T_co", covariant=True)
R_co = TypeVar("R_co", covariant=True)

_DONE_MARKER = re.compile(rb"""(?i)["'\s]*(\[\s*done\s*\]|done["'\s]*$)""").match
_BRACE = ord("{")  # nearly all events begin with it
_DRAIN_TIMEOUT = 1.0  # seconds
_PATIENCE_AFTER_FINISH = 5.0  # seconds in all for the usage and the end marker
_CLOSED = "the stream was closed before its end"


class StreamReader(Protocol[T_co, R_co]):
    """How a dialect makes items out of events and, in the end, one response out of all of them."""

    @property
    def names(self) -> FrozenSet[bytes]:
        """The names of the events whose data must be an object; of others it may be anything."""
        ...

    @property
    def answered(self) -> bool:
        """Whether any part of an answer has come."""
        ...

    @property
    def finished(self) -> bool:
        """Whether the answer itself has said that it is complete."""
        ...

    @property
    def ended(self) -> bool:
        """Whether the answer has said that nothing more of it comes, without an end marker."""
        ...

    def is_failure(self, data: Dict[str, Any]) -> bool:
        """Return whether an event, or an answer that came as plain JSON, reports an error."""
        ...

    def read(self, name: bytes, data: Dict[str, Any]) -> Optional[T_co]:
        """Return the item that an event brings, or None where it brings none."""
        ...

    def read_response(self, body: Dict[str, Any]) -> Optional[T_co]:
        """Return the one item of an answer that came as plain JSON instead of a stream."""
        ...

    def final_items(self) -> Iterable[T_co]:
        """Return the items that stand for the end of a whole answer, where the dialect has such."""
        ...

    def metadata(self) -> Dict[str, Any]:
        """Return what the events so far told beside their text."""
        ...

    def result(self) -> R_co:
        """Return the response object of all events so far."""
        ...


class _State:
    """How a stream ended."""

    complete = False
    dropped = False  # by leaving a loop over the stream
    error: Optional[APIError] = None


class Stream(CloseMixin, Generic[T, R]):
    """The items of an answer as they arrive: iterate once, then ask for ``final()`` if you like.

    Leaving the loop early, leaving a ``with`` block, ``close()`` and dropping the stream free the connection
    at once. Raises while iterating: StreamError for an error event or one that cannot be read,
    StreamInterruptedError where the stream ended before its end, APITimeoutError after too long a silence;
    what had arrived is in ``partial`` of the error.

    Attributes:
        response: the ``requests.Response`` behind the stream.
    """

    def __init__(
        self,
        response: requests.Response,
        body: ResponseBody,
        reader: StreamReader[T, R],
        items: Generator[T, None, None],
        state: _State,
        exchange: Exchange,
    ) -> None:
        self.response = response
        self._body = body
        self._reader = reader
        self._items = items
        self._state = state
        self._exchange = exchange

    def __repr__(self) -> str:
        if self._state.error is not None:
            state = "failed"
        elif self._state.complete:
            state = "complete"
        else:
            state = "closed" if getgeneratorstate(self._items) == GEN_CLOSED else "open"
        return f"<Stream {state}, {self._exchange.address}>"

    @property
    def metadata(self) -> Dict[str, Any]:
        """What the answer told so far beside its text: id, model, usage, finish_reason, ..."""
        return self._reader.metadata()

    def __iter__(self) -> Iterator[T]:
        # A generator of its own for each loop: leaving the loop drops it, and with it closes the items.
        self._raise_if_dropped()
        try:
            yield from self._items
        except GeneratorExit:
            self._state.dropped = not self._state.complete
            raise

    def __next__(self) -> T:
        self._raise_if_dropped()
        return next(self._items)

    def _raise_if_dropped(self) -> None:
        if self._state.dropped:
            raise self._closed_early(f"{_CLOSED}: a loop over it was left (next(stream) reads a single item)")

    def _closed_early(self, message: str) -> StreamInterruptedError:
        error = self._exchange.error(StreamInterruptedError, message)
        error.partial = self._reader.result()
        return error

    def close(self) -> None:
        """Free the connection; a thread that waits for the next item is woken by an error."""
        self._body.close()
        with suppress(ValueError):  # another thread is inside; it ends by the closed body
            self._items.close()

    def final(self) -> R:
        """Read what is left and return the whole response: text joined, tool calls merged, usage.

        Raises what iterating raises; StreamInterruptedError if the stream was closed before its end.
        """
        for _ in self:
            pass
        if self._state.error is not None:
            raise self._state.error
        if not self._state.complete:
            raise self._closed_early(_CLOSED)
        return self._reader.result()


def stream_of(exchange: Exchange, response: requests.Response, reader: StreamReader[T, R]) -> Stream[T, R]:
    """Return a success as a stream, whether it is an event stream or plain JSON.

    The first bytes decide. Of an answer labelled as event stream they are not waited for here.
    """
    body = exchange.body(response)
    state = _State()
    label = response.headers.get("Content-Type", "text/event-stream").lower()
    if "text/event-stream" in label or body.peek(detect_format) == "events":
        items = _from_body(exchange, response, body, reader, state)
    else:
        items = _from_one(_read_whole(exchange, response, body, reader), reader, state)
    return Stream(response, body, reader, items, state, exchange)


def _read_whole(
    exchange: Exchange, response: requests.Response, body: ResponseBody, reader: StreamReader[T, R]
) -> T:
    exchange.read_body(response, body)
    whole = exchange.object(response)
    if reader.is_failure(whole):
        raise _failure(exchange, response.content)
    item = reader.read_response(whole)
    if item is None:
        raise exchange.invalid_response_error(response, "JSON that is no answer")
    return item


def _from_one(item: T, reader: StreamReader[T, R], state: _State) -> Generator[T, None, None]:
    state.complete = True
    yield item
    yield from reader.final_items()


def _from_body(
    exchange: Exchange,
    response: requests.Response,
    body: ResponseBody,
    reader: StreamReader[T, R],
    state: _State,
) -> Generator[T, None, None]:
    """Yield the items of an answer; no Stream is held here, so that a dropped one is freed at once."""
    try:
        if body.peek(detect_format) == "json":
            yield from _from_one(_read_whole(exchange, response, body, reader), reader, state)
            return
        pieces = iter(body)
        events = SSEDecoder(pieces, exchange.limit)
        ended = finished = False
        for name, data in events:
            if not data:
                continue
            ended = data[0] != _BRACE and _DONE_MARKER(data) is not None
            if not ended:
                value = _decode(exchange, reader, name, data, events.truncated)
                if value is not None:
                    item = reader.read(name, value)
                    if item is not None:
                        yield item
                    ended = reader.ended
            if ended:
                _drain(body, pieces)
                break
            if reader.finished and not finished:
                finished = True
                body.limit_remaining_time(_PATIENCE_AFTER_FINISH)
        if not ended and not reader.finished:
            raise exchange.error(StreamInterruptedError, "the stream ended before its end")
        if not reader.answered:
            raise exchange.error(StreamInterruptedError, "the stream ended without an answer")
        state.complete = True
        yield from reader.final_items()
    except APIError as error:
        _attach_partial(error, reader, state)
        raise
    except (BodyError, *TRANSPORT_ERRORS) as error:
        if not reader.finished:
            raise_alone(
                _attach_partial(_broken(exchange, body, error), reader, state), exchange.safe_cause(error)
            )
        state.complete = True  # what breaks after the finish reason takes nothing from the answer
        yield from reader.final_items()
    finally:
        body.close()


def _broken(exchange: Exchange, body: ResponseBody, error: Exception) -> APIError:
    if body.closed:
        return exchange.error(StreamInterruptedError, _CLOSED)
    if isinstance(error, BodyError):
        return exchange.error(StreamError, f"the stream brought {error}")
    return exchange.connection_error(error, cut=StreamInterruptedError)


def _attach_partial(error: APIError, reader: StreamReader[T, R], state: _State) -> APIError:
    """Return *error* with what had arrived before it."""
    error.partial = reader.result()
    state.error = error
    return error


def _decode(
    exchange: Exchange, reader: StreamReader[T, R], name: bytes, data: bytes, truncated: bool
) -> Optional[Dict[str, Any]]:
    """Return the object that an event brings; None if it only keeps the connection open."""
    if name:
        if name.lower() == b"error":
            raise _failure(exchange, data)
        if is_keep_alive(name.decode("utf-8", "replace")):
            return None
    try:
        value = json_codec.loads(data, "replace")
    except (ValueError, RecursionError) as error:
        if truncated:  # half an event: the sender died, it did not send nonsense
            if reader.finished:
                return None
            raise_alone(exchange.error(StreamInterruptedError, "the stream ended inside an event"))
        if name not in reader.names and data.lstrip()[:1] not in (b"{", b"["):
            return None
        body = exchange.decode_error(data)
        problem = exchange.error(StreamError, "an event of the stream is no readable JSON", body=body)
        raise_alone(problem, exchange.safe_cause(error))
    if not isinstance(value, dict):
        if name not in reader.names:
            return None
        body = exchange.decode_error(data)
        raise exchange.error(StreamError, "an event of the stream is no JSON object", body=body)
    if reader.is_failure(value):
        raise _failure(exchange, data)
    return value


def _failure(exchange: Exchange, data: bytes) -> StreamError:
    body = exchange.decode_error(data)
    failure = parse_error_body(body)
    message = failure.message or "the server reports an error in the stream"
    return exchange.error(
        StreamError, message, code=failure.code, type=failure.type, param=failure.param, body=body
    )


def _drain(body: ResponseBody, pieces: Iterator[bytes]) -> None:
    """Read what follows the end marker.

    ChatServer saves an answer only if the client still listens then, and only an answer read to its last
    byte gives its connection back.
    """
    body.limit_remaining_time(_DRAIN_TIMEOUT)
    try:
        for _ in pieces:
            pass
    except TRANSPORT_ERRORS:
        body.close()  # the answer is complete; what breaks after it concerns nobody
