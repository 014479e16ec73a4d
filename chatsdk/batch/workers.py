"""Where the calls of a batch run: the method as it travels to workers, and threads."""

from __future__ import annotations

import functools
import pickle
import queue
import signal
import threading
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from typing import Any, Callable, Dict, Iterator, List, Optional, Tuple, TypeVar

from .._core.service import ServiceClient
from .._core.stream import Stream

T = TypeVar("T")


class MethodCall:
    """The method as it runs in a worker; its pickle holds the method as bytes, which a worker loads once."""

    def __init__(self, method: Callable[..., Any], in_worker: bool = False) -> None:
        self._method = method
        self._in_worker = in_worker
        self._pickled: Optional[bytes] = None

    def __reduce__(self) -> Tuple[Any, ...]:
        try:
            self._pickled = self._pickled or pickle.dumps(self._method)
        except Exception:  # executors that use cloudpickle can do more
            return MethodCall, (self._method, True)
        return _load_call, (self._pickled,)

    def __call__(
        self, key: object, args: Tuple[Any, ...], kwargs: Dict[str, Any]
    ) -> Tuple[Any, Optional[Exception]]:
        """Return the result of the method, or its error."""
        if self._in_worker and threading.current_thread() is threading.main_thread():
            # The terminal sends Ctrl-C to all processes of a batch; the calls in flight are to end.
            before = signal.signal(signal.SIGINT, signal.SIG_IGN)
            try:
                return self._run(args, kwargs)
            finally:
                signal.signal(signal.SIGINT, before)
        return self._run(args, kwargs)

    def _run(self, args: Tuple[Any, ...], kwargs: Dict[str, Any]) -> Tuple[Any, Optional[Exception]]:
        try:
            result = self._method(*args, **kwargs)
            return result.final() if isinstance(result, Stream) else result, None
        except Exception as error:
            return None, error


@functools.lru_cache(maxsize=8)
def _load_call(pickled: bytes) -> MethodCall:
    return MethodCall(pickle.loads(pickled), in_worker=True)


def without_retries(method: Callable[..., Any]) -> Callable[..., Any]:
    """Return *method* without the retries of its service: one clock says when all calls go on after a 429."""
    if isinstance(method, functools.partial):
        return functools.partial(without_retries(method.func), *method.args, **method.keywords)
    service = getattr(method, "__self__", None)
    if not isinstance(service, ServiceClient):
        return method
    changed: Callable[..., Any] = getattr(service.with_options(max_retries=0), method.__name__)
    return changed


@contextmanager
def interrupts_deferred() -> Iterator[None]:
    """Let Ctrl-C interrupt the main thread after a ``with`` block, not in it."""
    in_main_thread = threading.current_thread() is threading.main_thread()
    if not in_main_thread or signal.getsignal(signal.SIGINT) is None:  # or its handler is not of Python
        yield
        return
    came: List[int] = []
    before = signal.signal(signal.SIGINT, lambda number, frame: came.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
        if came:
            signal.raise_signal(signal.SIGINT)


class DaemonThreads(Executor):
    """Threads that do not keep the process from ending, as those of ThreadPoolExecutor do."""

    def __init__(self, max_workers: int) -> None:
        self._max_workers = max_workers
        self._threads = 0
        self._calls: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        """Run a call in one of the threads."""
        future: Future[T] = Future()
        self._calls.put((future, fn, args, kwargs))
        if self._threads < self._max_workers:
            self._threads += 1
            threading.Thread(target=self._work, name=f"batch-{self._threads}", daemon=True).start()
        return future

    def shutdown(self, wait: bool = True, **_: Any) -> None:
        """End the threads after the calls that they run."""
        for _number in range(self._threads):
            self._calls.put(None)

    def _work(self) -> None:
        while True:
            call = self._calls.get()
            if call is None:
                return
            future, fn, args, kwargs = call
            try:
                future.set_result(fn(*args, **kwargs))
            except BaseException as error:
                future.set_exception(error)
            del call, future, fn, args, kwargs  # not kept until the next call comes
