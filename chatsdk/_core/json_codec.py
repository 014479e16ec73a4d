"""JSON on the wire, in UTF-8: requests must be valid; responses may contain NaN and infinities."""

from __future__ import annotations

import json
from typing import Any, Tuple

from ..errors import InvalidRequestError
from .model import json_default

_BOM = b"\xef\xbb\xbf"
_WHITE_SPACE = " \t\r\n"


def _finite(text: str) -> float:
    number = float(text)
    if abs(number) == float("inf"):
        raise ValueError("a number is too large")
    return number


# The two codecs are made once: json.dumps and json.loads build a new one on each call with options.
_encode = json.JSONEncoder(
    ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=json_default
).encode
_decode = json.JSONDecoder(parse_float=_finite).raw_decode


def dumps(value: object) -> bytes:
    """Return *value*, with the models and date-times in it, as JSON.

    Raises InvalidRequestError for NaN, infinity, lone surrogates, cycles and nesting that is too deep.
    """
    try:
        return _encode(value).encode("utf-8")
    except UnicodeEncodeError:
        problem = "contains a lone surrogate, which is not valid Unicode text"
    except (RecursionError, ValueError) as error:
        nested = isinstance(error, RecursionError) or "Circular" in str(error)
        problem = "is nested too deeply or contains itself" if nested else "contains NaN or infinity"
    # Not chained: the text of a UnicodeEncodeError holds the whole prompt.
    raise InvalidRequestError(f"the request {problem}")


def loads(data: bytes, errors: str = "strict") -> Any:
    """Return the value of a JSON text in UTF-8, with or without a byte order mark.

    *errors* is the handling of bytes that are not UTF-8, as in ``bytes.decode``. Raises ValueError, or
    RecursionError if the value is nested too deeply.
    """
    text = (data[3:] if data.startswith(_BOM) else data).decode("utf-8", errors).strip(_WHITE_SPACE)
    value, end = _decode(text)
    if end != len(text):
        raise ValueError("there is more than one JSON value")
    return value


def join_surrogates(text: str) -> str:
    """Return *text* with surrogate pairs joined; a lone surrogate becomes U+FFFD."""
    if text.isascii():
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def split_surrogate(text: str) -> Tuple[str, str]:
    """Return *text* with surrogate pairs joined, and the first half of a pair that may end it.

    Servers may split a pair between two fragments of a text.
    """
    held = text[-1:] if "\ud800" <= text[-1:] <= "\udbff" else ""
    return join_surrogates(text[:-1] if held else text), held
