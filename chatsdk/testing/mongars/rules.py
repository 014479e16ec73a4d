"""Rules for values that several endpoints share."""

from typing import Any, Callable, Dict, List, Optional

from ..validation import Rule, array, custom, string, text


def filled(name: str, min_length: int = 1, max_length: Optional[int] = None) -> Rule:
    """A string that is more than white space. Its ends are stripped after it was counted."""

    def stripped(value: str) -> str:
        if not value.strip():
            raise ValueError(f"{name} cannot be empty")
        return value.strip()

    return custom(text(min_length, max_length), stripped)


def names(name: str, same: Callable[[str], str] = str, if_none: str = "") -> Rule:
    """A list of strings that are more than white space, each one once.

    Args:
        name: The field's name.
        same: What makes two of them the same.
        if_none: What is wrong with an empty list, if anything.
    """

    def distinct(values: List[str]) -> Any:
        found: Dict[str, str] = {}
        for value in map(str.strip, values):
            if not value:
                raise ValueError(f"{name} cannot contain empty values")
            found.setdefault(same(value), value)
        if not found and if_none:
            raise ValueError(f"{name} {if_none}")
        return list(found.values())

    return custom(array(string), distinct)
