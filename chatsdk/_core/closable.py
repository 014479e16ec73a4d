"""Context managers with a ``close()`` method."""

from __future__ import annotations

from typing import TypeVar

C = TypeVar("C", bound="CloseMixin")


class CloseMixin:
    """Base of objects that a ``with`` block closes."""

    def close(self) -> None:
        """Release all resources; may be called again."""

    def __enter__(self: C) -> C:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()
