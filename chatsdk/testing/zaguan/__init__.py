"""The stand-in of Zaguan CoreX."""

from chatsdk.testing.zaguan.dialect import Zaguan

__all__ = ["Zaguan"]
