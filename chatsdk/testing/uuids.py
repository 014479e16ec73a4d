"""UUIDs as Pydantic reads them, with its words for what is wrong."""

from typing import Any, Tuple
from uuid import UUID

from .validation import Place, invalid

_HEX = "0123456789abcdefABCDEF"
_GROUPS = (8, 4, 4, 4, 12)


def uuid_rule(value: Any, place: Place) -> Any:
    """A rule: the text of a UUID, in any of its forms. Gives its usual form."""
    if not isinstance(value, str):
        raise invalid("uuid_type", place, "UUID input should be a string or bytes", value)
    error = _error(value)
    if error:
        message = f"Input should be a valid UUID, {error}"
        raise invalid("uuid_parsing", place, message, value, error=error)
    return str(UUID(value))


def is_uuid(value: object) -> bool:
    """Whether a value is the text of a UUID."""
    try:
        return isinstance(value, str) and bool(UUID(value))
    except ValueError:
        return False


def _error(text: str) -> str:
    digits, offset = _unwrapped(text)
    for position, sign in enumerate(digits, start=offset + 1):
        if sign not in _HEX and sign != "-":
            wanted = "expected an optional prefix of `urn:uuid:` followed by [0-9a-fA-F-]"
            return f"invalid character: {wanted}, found `{sign}` at {position}"
    groups = digits.split("-")
    if len(groups) == 1:
        if len(digits) == 32:
            return ""
        return f"invalid length: expected length 32 for simple format, found {len(digits)}"
    if len(groups) != len(_GROUPS):
        return f"invalid group count: expected 5, found {len(groups)}"
    for position, (group, length) in enumerate(zip(groups, _GROUPS)):
        if len(group) != length:
            found = len(group)
            return f"invalid group length in group {position}: expected {length}, found {found}"
    return ""


def _unwrapped(text: str) -> Tuple[str, int]:
    if text.startswith("{") and text.endswith("}"):
        return text[1:-1], 1
    if text.startswith("urn:uuid:"):
        return text[9:], 9
    return text, 0
