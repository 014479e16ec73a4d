"""Characters cut in two: JSON may bring the halves of a surrogate pair in two fragments of a text."""

from __future__ import annotations


def has_surrogates(text: str) -> bool:
    """Return whether *text* holds surrogates, which no UTF-8 can hold."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return True
    return False


def join_surrogates(text: str) -> str:
    """Return *text* with pairs of surrogates joined; a lone one becomes U+FFFD."""
    if has_surrogates(text):
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


class SurrogateJoiner:
    """Joins the fragments of one text."""

    def __init__(self) -> None:
        self.held = ""  # the first half of a pair, until the next fragment

    def add(self, fragment: str) -> str:
        """Return what *fragment* adds to the text by now."""
        text = self.held + fragment
        self.held = text[-1:] if "\ud800" <= text[-1:] <= "\udbff" else ""
        return join_surrogates(text[:-1] if self.held else text)
