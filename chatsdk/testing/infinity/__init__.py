"""The stand-in of Infinity Assistant."""

from .dialect import Infinity

__all__ = ["Infinity"]
