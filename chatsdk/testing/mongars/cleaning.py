"""What monGARS does to the HTML in a message before it uses it."""

import re
from html import escape
from html.entities import html5
from html.parser import HTMLParser
from typing import List, Mapping, Match, Optional, Sequence, Tuple

# The tags that stay, with the attributes that stay.
_ALLOWED: Mapping[str, Sequence[str]] = {
    **dict.fromkeys(("b", "blockquote", "code", "em", "i", "li", "ol", "strong", "ul"), ()),
    "a": ("href", "title"),
    "abbr": ("title",),
    "acronym": ("title",),
}
_AMPERSAND = re.compile(r"&(?:(#\d+|#[xX][0-9a-fA-F]+|\w+);)?")


def clean(text: str) -> str:
    """The text without other tags and without comments, and with the rest escaped."""
    cleaner = _Cleaner()
    cleaner.feed(_AMPERSAND.sub(_reference, re.sub("\r\n?", "\n", text)))
    cleaner.close()
    return cleaner.result()


def _reference(match: Match[str]) -> str:
    name = match[1]
    if name and (name.startswith("#") or f"{name};" in html5):
        return match[0]
    return "&amp;" + match[0][1:]


class _Cleaner(HTMLParser):
    """Collects what stays."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=False)
        self._parts: List[str] = []
        self._open: List[str] = []

    def result(self) -> str:
        """What stays, with the ends of tags that have none."""
        return "".join([*self._parts, *(f"</{tag}>" for tag in reversed(self._open))])

    def handle_starttag(self, tag: str, attrs: Sequence[Tuple[str, Optional[str]]]) -> None:
        if tag in _ALLOWED:
            kept = [f' {name}="{escape(value or "")}"' for name, value in attrs if name in _ALLOWED[tag]]
            self._parts.append(f"<{tag}{''.join(kept)}>")
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        while tag in self._open:
            inner = self._open.pop()
            self._parts.append(f"</{inner}>")
            if inner == tag:
                break

    def handle_data(self, data: str) -> None:
        self._parts.append(escape(data, quote=False))

    def handle_entityref(self, name: str) -> None:
        self._parts.append(f"&{name};")

    def handle_charref(self, name: str) -> None:
        self._parts.append(f"&#{name};")
