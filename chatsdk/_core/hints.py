"""Hints in the error messages of wrong calls."""

from __future__ import annotations

import functools
import inspect
from traceback import clear_frames
from typing import Any, Callable, Iterable, TypeVar, cast

from ..errors import ChatSDKError

F = TypeVar("F", bound=Callable[..., Any])

_SERVICE = "each service has its own address and key: Client(zaguan=Service(base_url, api_key=...))"
_HINTS = {
    "base_url": _SERVICE,
    "api_key": _SERVICE,
    "chat": "services have the methods: client.zaguan.chat(...), client.chatserver.create_completion(...)",
}


def hint(name: str, known: Iterable[str]) -> str:
    """Return a hint for an unknown *name*, to be appended to an error message; "" if there is none."""
    if name in _HINTS:
        return f"; {_HINTS[name]}"
    from difflib import get_close_matches  # takes milliseconds to import

    close = get_close_matches(name, [word for word in known if not word.startswith("_")], 1)
    return f"; did you mean {close[0]!r}?" if close else ""


def explain_calls(function: F) -> F:
    """Return *function* with hints in the TypeError of a call with wrong arguments."""

    @functools.wraps(function)
    def explained(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except ValueError as error:  # refused before sending: the variables may hold a password
            if isinstance(error, ChatSDKError) and error.__traceback__ is not None:
                clear_frames(error.__traceback__)
            raise
        except TypeError as error:
            if error.__traceback__ is None or error.__traceback__.tb_next is not None:
                raise  # raised inside the function
            known = inspect.signature(function).parameters
            unknown = [name for name in kwargs if name not in known]
            streaming = f"{function.__name__}_stream"
            if "stream" in unknown and args and hasattr(args[0], streaming):
                hints = [f"; use {streaming}()"]
            elif unknown:
                hints = [hint(name, known) for name in unknown]
            else:
                named = [name for name, found in known.items() if found.kind is found.KEYWORD_ONLY]
                hints = [f"; pass by name: {', '.join(named)}"] if named and len(args) > 1 else []
            text = str(error).partition(". Did you mean")[0]  # Python 3.13 has a hint of its own
        finally:
            del args, kwargs  # some tools show the variables of each frame of a traceback
        raise TypeError(text + "".join(dict.fromkeys(hints)))

    return cast(F, explained)
