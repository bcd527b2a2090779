"""Tell an error of an iterator from an error of its consumer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeVar

T = TypeVar("T")


class Faults:
    """A record of whether an iterator itself raised: `broken`."""

    def __init__(self) -> None:
        self.broken = False

    def watched(self, items: Iterator[T]) -> Iterator[T]:
        """Yield the items."""
        while True:
            try:
                item = next(items)
            except StopIteration:
                return
            except Exception:
                self.broken = True
                raise
            yield item
