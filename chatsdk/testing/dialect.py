"""What every dialect is made of."""

from abc import ABC, abstractmethod
from typing import Mapping

from .exchange import Answer, Headers, Refusal, Reply, Request
from .routing import Routes

API_KEY = "local-key"


class Dialect(ABC):
    """The stand-in of one service: its endpoints, its state, its way to say no."""

    name: str
    key = API_KEY  # what the local server hands out for this service

    def __init__(self) -> None:
        self.routes = Routes()

    def answer(self, request: Request) -> Answer:
        """Answer a request."""
        try:
            return self.routes.answer(request)
        except Refusal as refusal:
            return refusal.reply

    def stamp(self, request: Request) -> Mapping[str, str]:
        """The headers that every answer of this service carries, planned failures too."""
        return {}

    @abstractmethod
    def failure(self, status: int, headers: Headers) -> Reply:
        """The answer of this service with this status; `headers` will be added to it."""
