"""The stand-in of Zaguan CoreX."""

from .dialect import Zaguan

__all__ = ["Zaguan"]
