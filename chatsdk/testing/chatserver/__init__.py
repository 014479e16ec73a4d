"""The stand-in of ChatServer."""

from .dialect import ChatServer

__all__ = ["ChatServer"]
