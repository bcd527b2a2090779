from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from qsweep.runs.stopwatch import Stopwatch


def slow(fails: bool = False) -> Iterator[int]:
    """Yield three items, each after a delay; or raise instead of the third."""
    for number in range(3):
        time.sleep(0.02)
        if fails and number == 2:
            raise ValueError("broken")
        yield number


def test_only_the_iterators_time_counts() -> None:
    """Time in the consumer does not count; two shares get half each."""
    watch = Stopwatch(2)
    for _ in watch.timed(slow()):
        time.sleep(0.2)
    assert 0.03 <= watch.seconds < 0.25
    assert not watch.broken


def test_an_error_of_the_iterator_is_told_from_others() -> None:
    """Only an error of the iterator itself sets `broken`."""
    watch, other = Stopwatch(1), Stopwatch(1)
    with pytest.raises(ValueError, match="broken"):
        list(watch.timed(slow(fails=True)))
    assert watch.broken

    def stumble() -> None:
        for _ in other.timed(slow()):
            raise KeyError

    with pytest.raises(KeyError):
        stumble()
    assert not other.broken
