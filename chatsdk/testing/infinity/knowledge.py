"""A small knowledge base: wisdom, patterns and gotchas, and how they are found."""

import re
from dataclasses import dataclass
from typing import Any, Dict, List, Optional, Sequence, Tuple

GROUPS = ("wisdom", "patterns", "gotchas")

_SOURCE = "knowledge-base"
_COMMON_WORDS = {"a", "an", "and", "are", "for", "how", "in", "is", "of", "the", "to", "what", "with"}


@dataclass(frozen=True)
class Item:
    """One thing to know."""

    id: str
    group: str
    title: str
    content: str
    domain: str
    tags: Tuple[str, ...]
    scored: bool = True  # the service does not always tell how well an item fits

    @property
    def kind(self) -> str:
        """The name of the group, of one item."""
        return self.group if self.group == "wisdom" else self.group[:-1]

    def score(self, words: Sequence[str]) -> float:
        """Which part of the words it has."""
        text = " ".join((self.title, self.content, self.domain, *self.tags)).lower()
        own = re.findall(r"\w+", text)
        found = sum(any(mine.startswith(word) for mine in own) for word in words)
        return round(found / len(words), 2) if words else 0.0

    def found(self, score: float) -> Dict[str, Any]:
        """The item as a search shows it: patterns have other names for the same things."""
        given = {"score": score} if self.scored else {}
        if self.group == "patterns":
            return {
                "id": self.id,
                "name": self.title,
                "description": self.content,
                **given,
                "domain": self.domain,
            }
        return {"id": self.id, "title": self.title, "content": self.content, **given, "source": _SOURCE}

    def suggestion(self) -> Dict[str, Any]:
        """The item as a suggestion."""
        metadata = {f"{self.kind}_id": self.id}
        if self.group == "patterns":
            metadata["domain"] = self.domain
        return {"text": self.title, "type": self.kind, "metadata": metadata}


_ITEMS = (
    Item(
        "W.PY.001",
        "wisdom",
        "Readable code wins",
        "Python code is read far more often than it is written: prefer the plain way — clever is expensive.",
        "python",
        ("python", "style"),
    ),
    Item(
        "W.TEST.001",
        "wisdom",
        "Test behaviour",
        "Tests that prove what users see survive every rewrite; tests of internals break with each one.",
        "testing",
        ("testing", "python"),
    ),
    Item(
        "W.HTTP.001",
        "wisdom",
        "Every call can fail",
        "A network call without a timeout is a bug that waits for its day.",
        "http",
        ("http", "timeout"),
    ),
    Item(
        "P.PY.01",
        "patterns",
        "Context manager",
        "In Python, tie what must be released to a with block.",
        "python",
        ("python", "resources"),
    ),
    Item(
        "P.TEST.01",
        "patterns",
        "Stand-in server",
        "Run a small server on the loopback address, and test the client against real sockets.",
        "testing",
        ("testing", "http"),
    ),
    Item(
        "P.PY.02",
        "patterns",
        "Injected clock",
        "Hand the clock to the code that needs it; Python tests then choose the time.",
        "general",
        ("python", "testing"),
        scored=False,
    ),
    Item(
        "G.PY.01",
        "gotchas",
        "Mutable defaults",
        "A default argument in Python is made once, and shared by all calls.",
        "python",
        ("python", "functions"),
    ),
    Item(
        "G.HTTP.01",
        "gotchas",
        "Repeated requests",
        "A POST that timed out may have been carried out: send it again only if that is safe_cause.",
        "http",
        ("http", "retry"),
    ),
)


def find(
    query: str,
    groups: Sequence[str] = GROUPS,
    domains: Optional[Sequence[Any]] = None,
    tags: Optional[Sequence[Any]] = None,
) -> List[Tuple[Item, float]]:
    """The items that have some of the words of a query, with their scores, best first.

    Args:
        query: A word finds those that begin with it, too.
        groups: Only of these groups.
        domains: Only of these domains.
        tags: Only those with one of these tags.
    """
    words = [word for word in re.findall(r"\w+", query.lower()) if word not in _COMMON_WORDS]
    scored = [(item, item.score(words)) for item in _ITEMS if item.group in groups]
    hits = [
        (item, score)
        for item, score in scored
        if score and (not domains or item.domain in domains) and (not tags or set(item.tags) & set(tags))
    ]
    return sorted(hits, key=lambda hit: -hit[1])
