"""Routes, with the habits of Starlette: its 404, 405 and its redirect of trailing slashes.

What stands in for a service that is made of something else overrides them.
"""

import re
from dataclasses import dataclass, replace
from typing import Callable, Dict, List, Pattern, Tuple

from .exchange import Answer, Reply, Request

Handler = Callable[[Request], Answer]


@dataclass(frozen=True)
class Route:
    """One method on one path."""

    method: str
    pattern: Pattern[str]
    handler: Handler


class Routes:
    """The endpoints of one service."""

    def __init__(self) -> None:
        self._routes: List[Route] = []

    def add(self, method: str, path: str, handler: Handler) -> None:
        """Serve a path; `{name}` in it matches one non-empty part, kept in `request.params`."""
        self._routes.append(Route(method, _pattern(path), handler))

    def answer(self, request: Request) -> Answer:
        """Let the right handler answer."""
        found = self._find(request.path)
        for route, params in found:
            if route.method == request.method:
                return route.handler(replace(request, params=params))
        if found:
            return self.other_method(request, [route.method for route, _ in found])
        if request.path.endswith("/") and self._find(request.path.rstrip("/")):
            return _redirect(request)
        return self.unknown_path(request)

    def other_method(self, request: Request, methods: List[str]) -> Answer:
        """The answer on a path that has only these methods."""
        # Starlette names the method of the first matching route only.
        return Reply.json({"detail": "Method Not Allowed"}, 405, {"allow": methods[0]})

    def unknown_path(self, request: Request) -> Answer:
        """The answer on a path that there is not."""
        return Reply.json({"detail": "Not Found"}, 404)

    def _find(self, path: str) -> List[Tuple[Route, Dict[str, str]]]:
        matches = ((route, route.pattern.fullmatch(path)) for route in self._routes)
        return [(route, match.groupdict()) for route, match in matches if match]


def _pattern(path: str) -> Pattern[str]:
    parts = re.split(r"\{(\w+)\}", path)
    for position, part in enumerate(parts):
        parts[position] = f"(?P<{part}>[^/]+)" if position % 2 else re.escape(part)
    return re.compile("".join(parts), re.DOTALL)


def _redirect(request: Request) -> Reply:
    location = request.base_url + request.raw_path.rstrip("/")
    if request.raw_query:
        location += "?" + request.raw_query
    return Reply(307, headers={"location": location})
