"""The stand-in of ArgusLM."""

from .dialect import ArgusLM

__all__ = ["ArgusLM"]
