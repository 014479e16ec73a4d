"""Functions as tools that models may call: ``Tool``."""

from ._core.tools import Tool as Tool
