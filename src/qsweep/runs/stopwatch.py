"""The time that an iterator takes, apart from what is done with its items."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TypeVar

T = TypeVar("T")


class Stopwatch:
    """Adds up the time spent in an iterator, without what is done with its items, as a share of several.

    broken: whether the iterator itself raised.
    """

    def __init__(self, shares: int) -> None:
        self._shares = shares
        self._total = 0.0
        self.broken = False

    @property
    def seconds(self) -> float:
        """One share."""
        return self._total / self._shares

    def timed(self, items: Iterator[T]) -> Iterator[T]:
        """The items."""
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
