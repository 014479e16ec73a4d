"""The input of a batch: ids and requests, and how a request becomes arguments of a method."""

from __future__ import annotations

import inspect
import json
import os
from collections.abc import Mapping, Sequence, Sized  # those of typing are slow in isinstance()
from hashlib import sha256
from typing import Any, Callable, Dict, Iterable, Iterator, Optional, Tuple, Union

from .._core import json_codec
from .._core.model import json_default
from ..errors import InvalidRequestError
from .id_set import IdSet, id_digest
from .result_file import FilePath

Requests = Union[FilePath, Iterable[Any]]


class Arguments:
    """How a request becomes the arguments of the method."""

    def __init__(self, method: Callable[..., Any]) -> None:
        try:
            parameters = dict(inspect.signature(method).parameters)
        except (TypeError, ValueError):  # of a builtin or a mock
            parameters = {}
        takes_any = any(item.kind is item.VAR_KEYWORD for item in parameters.values())
        self._names = None if takes_any or not parameters else frozenset(parameters)
        self._takes_request = next(iter(parameters), "") in ("request", "payload")
        self._text_name = next((name for name in ("messages", "message") if name in parameters), None)
        self.takes_request_id = "request_id" in parameters

    def bind(self, request: Any, request_id: Optional[str]) -> Tuple[Tuple[Any, ...], Dict[str, Any]]:
        """Return positional and keyword arguments for one request."""
        args: Tuple[Any, ...] = ()
        kwargs: Dict[str, Any] = {}
        if self._text_name and isinstance(request, (str, list)):
            kwargs[self._text_name] = request
        elif isinstance(request, Mapping):
            kwargs = dict(request)
            if self._names is not None and self._takes_request:
                # What only the server knows goes there as it is.
                rest = {name: kwargs.pop(name) for name in request if name not in self._names}
                args = (rest,) if rest else ()
        else:
            args = (request,)
        if request_id is not None:
            kwargs.setdefault("request_id", request_id)
        return args, kwargs


def iter_input(requests: Requests) -> Iterator[Tuple[Optional[str], Any]]:
    """Yield the given id, or None, and the request of each item of the input."""
    for position, value in enumerate(_iter_values(requests)):
        custom_id, request = None, value
        if isinstance(value, str):
            pass
        elif isinstance(value, tuple) and len(value) == 2:
            custom_id, request = value
        elif isinstance(value, Mapping) and "body" in value:
            custom_id, request = value.get("custom_id"), value["body"]
        if isinstance(custom_id, int):
            custom_id = str(custom_id)
        if custom_id is not None and (not isinstance(custom_id, str) or not custom_id):
            raise InvalidRequestError(f"request {position}: custom_id must be a text that is not empty")
        yield custom_id, request


def _iter_values(requests: Requests) -> Iterator[Any]:
    if not isinstance(requests, (str, os.PathLike)):
        yield from requests
        return
    with open(requests, "rb") as lines:
        for number, line in enumerate(lines, 1):
            if line.strip():
                try:
                    yield json_codec.loads(line)
                except (ValueError, RecursionError):
                    name = os.fspath(requests)
                    raise InvalidRequestError(f"{name}, line {number}: no readable JSON") from None


def check_ids(requests: Requests) -> None:
    """Find ids that come twice, if the input can be read twice."""
    if isinstance(requests, (str, os.PathLike, Sequence)):
        seen = IdSet()
        for custom_id, _ in iter_input(requests):
            if custom_id is not None and not seen.add(id_digest(custom_id)):
                raise InvalidRequestError(f"two requests have the id {custom_id!r}")


def count_requests(requests: Requests) -> Optional[int]:
    """Return how many requests there are, if that can be known in advance."""
    if isinstance(requests, (str, os.PathLike)):
        with open(requests, "rb") as lines:
            return sum(1 for line in lines if line.strip())
    return len(requests) if isinstance(requests, Sized) else None


def content(value: Any) -> str:
    """Return a request as JSON text, the same for the same content."""
    try:
        return json.dumps(value, sort_keys=True, default=json_default)
    except (TypeError, ValueError, RecursionError):
        raise InvalidRequestError(f"a request cannot be sent as JSON: {type(value).__name__}") from None


def content_hash(request: Any) -> str:
    """Return what the id of a request without one is made of."""
    return sha256(content(request).encode()).hexdigest()[:16]
