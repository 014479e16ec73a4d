"""Stream: an answer that arrives piece by piece."""

from __future__ import annotations

from contextlib import suppress
from typing import Any, Dict, Generator, Generic, Iterable, Iterator, Optional, Protocol, TypeVar

import requests

from ..errors import APIError, StreamError, StreamInterruptedError
from . import codec
from .body import Body, BodyError
from .closable import Closable
from .events import EventReader
from .exchange import BROKEN, Exchange
from .failures import has_failure, read_failure

T = TypeVar("T")
R = TypeVar("R")
T_co = TypeVar("T_co", covariant=True)
R_co = TypeVar("R_co", covariant=True)

_END = b"[DONE]"
_PATIENCE_AFTER_END = 1.0  # seconds


class StreamReader(Protocol[T_co, R_co]):
    """How a dialect makes items out of events and, in the end, one response out of all of them."""

    @property
    def finished(self) -> bool:
        """Whether the answer itself has said that it is complete."""
        ...

    @property
    def ended(self) -> bool:
        """Whether the answer has said that nothing more of it comes, without an end marker."""
        ...

    def read(self, name: bytes, data: Dict[str, Any]) -> Optional[T_co]:
        """Return the item that an event brings, or None where it brings none."""
        ...

    def read_whole(self, body: Dict[str, Any]) -> Optional[T_co]:
        """Return the one item of an answer that came as plain JSON instead of a stream."""
        ...

    def last(self) -> Iterable[T_co]:
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
    error: Optional[APIError] = None


class Stream(Closable, Generic[T, R]):
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
        body: Body,
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

    @property
    def metadata(self) -> Dict[str, Any]:
        """What the answer told so far beside its text: id, model, usage, finish_reason, ..."""
        return self._reader.metadata()

    def __iter__(self) -> Iterator[T]:
        # A generator of its own for each loop: leaving the loop drops it, and with it closes the items.
        yield from self._items

    def __next__(self) -> T:
        return next(self._items)

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
            error = self._exchange.error(StreamInterruptedError, "the stream was closed before its end")
            error.partial = self._reader.result()
            raise error
        return self._reader.result()


def open_stream(exchange: Exchange, reader: StreamReader[T, R]) -> Stream[T, R]:
    """Send the request of *exchange* and return its answer as a stream; failures are raised here."""
    response = exchange.open()
    body = exchange.body(response)
    state = _State()
    if _is_event_stream(response):
        items = _from_events(exchange, body, reader, state)
    else:
        exchange.load(response)
        whole = exchange.object(response)
        if has_failure(whole):
            raise _failure(exchange, response.content)
        item = reader.read_whole(whole)
        if item is None:
            raise exchange.unreadable(response, "JSON that is no answer")
        items = _from_one(item, reader, state)
    return Stream(response, body, reader, items, state, exchange)


def _is_event_stream(response: requests.Response) -> bool:
    return "text/event-stream" in response.headers.get("Content-Type", "text/event-stream").lower()


def _from_one(item: T, reader: StreamReader[T, R], state: _State) -> Generator[T, None, None]:
    state.complete = True
    yield item
    yield from reader.last()


def _from_events(
    exchange: Exchange, body: Body, reader: StreamReader[T, R], state: _State
) -> Generator[T, None, None]:
    """Yield the items of an event stream; no Stream is held here, so that a dropped one is freed at once."""
    try:
        pieces = iter(body)
        events = EventReader(pieces, exchange.limit)
        ended = False
        for name, data in events:
            if not data:
                continue
            ended = data.startswith(_END)
            if not ended:
                item = reader.read(name, _decode(exchange, name, data, events.torn))
                if item is not None:
                    yield item
                ended = reader.ended
            if ended:
                _read_on(body, pieces)
                break
        if not ended and not reader.finished:
            raise exchange.error(StreamInterruptedError, "the stream ended before its end")
        state.complete = True
        yield from reader.last()
    except APIError as error:
        _ended(error, reader, state)
        raise
    except BodyError as error:
        raise _ended(exchange.error(StreamError, f"the stream brought {error}"), reader, state) from None
    except BROKEN as error:
        broken = exchange.broken(error, cut=StreamInterruptedError)
        raise _ended(broken, reader, state) from exchange.harmless(error)
    finally:
        body.close()


def _ended(error: APIError, reader: StreamReader[T, R], state: _State) -> APIError:
    """Return *error* with what had arrived before it."""
    error.partial = reader.result()
    state.error = error
    return error


def _decode(exchange: Exchange, name: bytes, data: bytes, torn: bool) -> Dict[str, Any]:
    if name == b"error":
        raise _failure(exchange, data)
    try:
        value = codec.decode(data)
    except (ValueError, RecursionError) as error:
        if torn:  # half an event: the sender died, it did not send nonsense
            raise exchange.error(StreamInterruptedError, "the stream ended inside an event") from None
        text = exchange.redact(data).decode("utf-8", "replace")
        problem = exchange.error(StreamError, "an event of the stream is no readable JSON", body=text)
        raise problem from exchange.harmless(error)
    if not isinstance(value, dict):
        value = codec.decode(exchange.redact(data))
        raise exchange.error(StreamError, "an event of the stream is no JSON object", body=value)
    if has_failure(value):
        raise _failure(exchange, data)
    return value


def _failure(exchange: Exchange, data: bytes) -> StreamError:
    data = exchange.redact(data)
    try:
        body = codec.decode(data)
    except (ValueError, RecursionError):
        body = data.decode("utf-8", "replace")
    failure = read_failure(body)
    message = failure.message or "the server reports an error in the stream"
    return exchange.error(
        StreamError, message, code=failure.code, type=failure.type, param=failure.param, body=body
    )


def _read_on(body: Body, pieces: Iterator[bytes]) -> None:
    """Read what follows the end marker.

    ChatServer saves an answer only if the client still listens then, and only an answer read to its last
    byte gives its connection back.
    """
    body.finish_within(_PATIENCE_AFTER_END)
    try:
        for _ in pieces:
            pass
    except BROKEN:
        body.close()  # the answer is complete; what breaks after it concerns nobody
