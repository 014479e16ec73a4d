"""Routes with the habits of Next.js: what it does before the service's own code runs."""

from dataclasses import replace
from typing import List
from urllib.parse import urlsplit

from ..exchange import Answer, Reply, Request
from ..routing import Routes
from .errors import no_page, nothing


class NextRoutes(Routes):
    """The endpoints of a service that is made with Next.js."""

    def answer(self, request: Request) -> Answer:
        """Let the right handler answer; no path ends with a slash, and HEAD is a GET without a body."""
        if request.path.endswith("/"):
            return _redirect(request)
        if request.method == "HEAD":
            request = replace(request, method="GET")
        return super().answer(request)

    def other_method(self, request: Request, methods: List[str]) -> Answer:
        """204 for OPTIONS, or an empty 405, which does not say what is allowed."""
        if request.method != "OPTIONS":
            return nothing(405)
        allowed = {*methods, "OPTIONS"}
        if "GET" in allowed:
            allowed.add("HEAD")
        return Reply(204, headers={"allow": ", ".join(sorted(allowed))})

    def unknown_path(self, request: Request) -> Answer:
        """404, a page."""
        return no_page()


def _redirect(request: Request) -> Reply:
    location = urlsplit(request.base_url).path + request.raw_path.rstrip("/")
    if request.raw_query:
        location += "?" + request.raw_query
    return Reply(308, location.encode("ascii"), {"location": location, "refresh": f"0;url={location}"})
