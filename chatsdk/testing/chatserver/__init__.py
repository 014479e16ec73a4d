"""The stand-in of ChatServer."""

from chatsdk.testing.chatserver.dialect import ChatServer

__all__ = ["ChatServer"]
