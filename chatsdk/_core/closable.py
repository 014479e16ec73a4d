"""What is used in a with block."""

from __future__ import annotations

from types import TracebackType
from typing import Optional, Type, TypeVar

C = TypeVar("C", bound="CloseMixin")


class CloseMixin:
    """Base of what a ``with`` block closes."""

    def close(self) -> None:
        """Give back what is held; may be called again."""

    def __enter__(self: C) -> C:
        return self

    def __exit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        self.close()
