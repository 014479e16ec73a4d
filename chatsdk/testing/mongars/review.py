"""monGARS's code references for a review: a few that are built in."""

import re
from typing import Any, Dict, List, NamedTuple, Optional, Set, Tuple

from ..exchange import Reply, Request
from ..validation import Field, body, integer, nullable
from .rules import filled, names
from .tokens import User

_MOST_RESULTS = 8
_ASKED = {
    "query": Field(filled("query", max_length=4000)),
    "repositories": Field(nullable(names("repositories", same=str.lower)), None),
    "max_results": Field(nullable(integer(ge=1, le=50)), None),
}
_WORD = re.compile(r"[^\W_]{3,}")
_UNKNOWN = "unknown"  # the repository where the source names none


class Source(NamedTuple):
    """A file, and what to look at in a review where the file is of use."""

    repository: str
    file_path: str
    summary: str
    focus: str
    url: Optional[str] = None


_BUILT_IN = (
    Source(
        "acme/backend",
        "api/routes.py",
        "Validation of request bodies: answers invalid payloads with 422",
        "Validate request bodies",
        "https://git.example/acme/backend/blob/main/api/routes.py",
    ),
    Source(
        "acme/backend",
        "api/security.py",
        "Login, password hashes and tokens that expire after an hour",
        "Check what happens when a token expires",
        "https://git.example/acme/backend/blob/main/api/security.py",
    ),
    Source(
        "acme/web",
        "src/chat/panel.ts",
        "Renders the chat panel and its message history",
        "Escape messages before they are rendered",
    ),
    Source(
        "acme/web",
        "src/api/retry.ts",
        "Repeats a failed request after an error or timeout",
        "Send nothing twice that is not safe to repeat",
    ),
    Source(_UNKNOWN, "README.md", "README.md", "Keep the readme up to date"),
)


def rag_context(request: Request, user: User) -> Reply:
    """POST /api/v1/review/rag-context: what shares words with the query, the best first."""
    asked = body(request, _ASKED)
    wanted = {name.lower() for name in asked["repositories"] or ["all"]}
    found = _ranked(_words(asked["query"]), wanted)
    del found[min(asked["max_results"] or _MOST_RESULTS, _MOST_RESULTS) :]
    return Reply.json(
        {
            "enabled": True,
            "focus_areas": [source.focus for _, source in found],
            "references": [_reference(score, source) for score, source in found],
        }
    )


def _ranked(words: Set[str], wanted: Set[str]) -> List[Tuple[float, Source]]:
    found: List[Tuple[float, Source]] = []
    for source in _BUILT_IN:
        shared = words & _words(f"{source.repository} {source.file_path} {source.summary}")
        if shared and wanted & {"all", source.repository}:
            found.append((round(len(shared) / len(words), 4), source))
    return sorted(found, key=lambda item: -item[0])


def _reference(score: float, source: Source) -> Dict[str, Any]:
    return {
        "repository": source.repository,
        "file_path": source.file_path,
        "summary": source.summary,
        "score": None if source.repository == _UNKNOWN else score,
        "url": source.url,
    }


def _words(text: str) -> Set[str]:
    return set(_WORD.findall(text.lower()))
