"""The time spent in an iterator, without the time its consumer takes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TypeVar

T = TypeVar("T")


class Stopwatch:
    """A timer of the time spent inside an iterator, divided by a number of shares.

    broken: whether the iterator itself raised.
    """

    def __init__(self, shares: int) -> None:
        self._shares = shares
        self._total = 0.0
        self.broken = False

    @property
    def seconds(self) -> float:
        """The time of one share."""
        return self._total / self._shares

    def timed(self, items: Iterator[T]) -> Iterator[T]:
        """Yield the items, timing each."""
        while True:
            started = time.perf_counter()
            try:
                item = next(items)
            except StopIteration:
                return
            except Exception:
                self.broken = True
                raise
            finally:
                self._total += time.perf_counter() - started
            yield item
