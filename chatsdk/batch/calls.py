"""One call of a batch: the method as it travels to workers, and what an error says about sending it again."""

from __future__ import annotations

import functools
import pickle
import signal
import threading
from typing import Any, Callable, Dict, Optional, Tuple

from .._core.error_body import parse_error_body
from .._core.service import ServiceClient
from .._core.stream import Stream
from ..errors import APIConnectionError, APIError, APIResponseError, APIStatusError, StreamInterruptedError

_MAX_RETRY_WAIT = 600.0  # seconds; a batch does not wait for the quota of the next day
_UNSENT_RETRIES = 2
_UNSENT_BACKOFF = 0.5  # seconds, doubled from retry to retry


class MethodCall:
    """The method of a batch, to be run in a thread or in the worker process of an executor."""

    def __init__(self, method: Callable[..., Any], in_worker: bool = False) -> None:
        self._method = method
        self._in_worker = in_worker
        self._pickled: Optional[bytes] = None

    def __reduce__(self) -> Tuple[Any, ...]:
        try:
            self._pickled = self._pickled or pickle.dumps(self._method)
        except Exception:  # cloudpickle, which some executors use, can pickle more
            return MethodCall, (self._method, True)
        return _load_method_call, (self._pickled,)

    def __call__(
        self, key: object, args: Tuple[Any, ...], kwargs: Dict[str, Any]
    ) -> Tuple[Any, Optional[Exception]]:
        """Return the result of the method, or its error; *key* makes calls with equal arguments differ."""
        # A terminal sends Ctrl-C to the worker processes, too; the calls in flight shall finish.
        ignore_interrupts = self._in_worker and threading.current_thread() is threading.main_thread()
        handler = signal.signal(signal.SIGINT, signal.SIG_IGN) if ignore_interrupts else None
        try:
            result = self._method(*args, **kwargs)
            return result.final() if isinstance(result, Stream) else result, None
        except Exception as error:
            return None, error
        finally:
            if ignore_interrupts:
                signal.signal(signal.SIGINT, handler)


@functools.lru_cache(maxsize=8)
def _load_method_call(pickled: bytes) -> MethodCall:
    """Unpickle a method once in each worker, so that its connections are kept."""
    return MethodCall(pickle.loads(pickled), in_worker=True)


def without_retries(method: Callable[..., Any]) -> Callable[..., Any]:
    """Return *method* without the retries of its service: after a 429 the batch paces all calls together."""
    if isinstance(method, functools.partial):
        return functools.partial(without_retries(method.func), *method.args, **method.keywords)
    service = getattr(method, "__self__", None)
    if not isinstance(service, ServiceClient):
        return method
    changed: Callable[..., Any] = getattr(service.with_options(max_retries=0), method.__name__)
    return changed


def retry_wait(error: Optional[BaseException], attempt: int) -> Optional[float]:
    """Return the seconds to wait before a call is sent again, 0 for a default; None if it must not be sent.

    Only calls that the server refused or has not seen are sent again: a 429 unless a quota is used up, a 503
    that names the time to wait, and connections that could not be made.
    """
    if isinstance(error, APIConnectionError):
        return _UNSENT_BACKOFF * 2**attempt if error.unsent and attempt < _UNSENT_RETRIES else None
    if not isinstance(error, APIStatusError) or error.status_code not in (429, 503):
        return None
    if error.status_code == 503 and error.retry_after is None:
        return None
    wait = error.retry_after or 0.0
    return None if wait > _MAX_RETRY_WAIT or parse_error_body(error.body).is_exhausted else wait


def may_have_acted(error: Optional[BaseException]) -> bool:
    """Return whether the server may have acted on a call that failed."""
    if not isinstance(error, APIError) or error.method in ("GET", "HEAD", "OPTIONS"):
        return False
    if isinstance(error, APIConnectionError):
        return not error.unsent
    return isinstance(error, (APIResponseError, StreamInterruptedError))
