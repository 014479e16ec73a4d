"""The input of a batch: ids and requests, and how a request becomes the arguments of a method."""

from __future__ import annotations

import inspect
import json
import os
from collections.abc import Collection, Mapping  # those of typing are slow in isinstance()
from hashlib import sha256
from typing import Any, Callable, Dict, Iterable, Iterator, Optional, Tuple, Union

from .._core import json_codec
from .._core.model import json_default
from .._core.multipart import Path
from ..errors import InvalidRequestError
from .id_map import IdMap, id_digest

Requests = Union[Path, Iterable[Any]]


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
                # Keys that only the server knows are sent as they are.
                rest = {name: kwargs.pop(name) for name in request if name not in self._names}
                args = (rest,) if rest else ()
        else:
            args = (request,)
        if request_id is not None:
            kwargs.setdefault("request_id", request_id)
        return args, kwargs


def iter_input(requests: Requests) -> Iterator[Tuple[str, Any]]:
    """Yield the id and the request of each item of the input; an id is made of position and content."""
    for position, request in enumerate(_iter_items(requests)):
        custom_id = None
        if isinstance(request, tuple) and len(request) == 2:
            custom_id, request = request
        elif isinstance(request, Mapping) and "body" in request:
            custom_id, request = request.get("custom_id"), request["body"]
        if custom_id is None:
            custom_id = f"{position}-{sha256(json_text(request).encode()).hexdigest()[:16]}"
        elif isinstance(custom_id, int):
            custom_id = str(custom_id)
        if not isinstance(custom_id, str) or not custom_id:
            raise InvalidRequestError(f"request {position}: custom_id must be a non-empty string")
        yield custom_id, request


def _iter_items(requests: Requests) -> Iterator[Any]:
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
                    raise InvalidRequestError(f"{name}, line {number} is not valid JSON") from None


def check_input(requests: Requests) -> Optional[int]:
    """Check an input that can be read twice, and return its length; None for an iterator."""
    if not isinstance(requests, (str, os.PathLike, Collection)):
        return None
    seen = IdMap()
    count = 0
    for count, (custom_id, _) in enumerate(iter_input(requests), 1):
        digest = id_digest(custom_id)
        if seen.get(digest):
            raise InvalidRequestError(f"two requests have the id {custom_id!r}")
        seen.set(digest, count)
    return count


def json_text(request: Any) -> str:
    """Return a request as JSON, the same text for the same content."""
    try:
        return json.dumps(request, sort_keys=True, default=json_default)
    except (TypeError, ValueError, RecursionError):
        raise InvalidRequestError(f"a request cannot be sent as JSON: {type(request).__name__}") from None
