from __future__ import annotations

from collections.abc import Iterator

import pytest

from qsweep.runs.faults import Faults


def items(fails: bool = False) -> Iterator[int]:
    """Yield three items, or raise instead of the third."""
    for number in range(3):
        if fails and number == 2:
            raise ValueError("broken")
        yield number


def test_an_error_of_the_iterator_is_told_from_others() -> None:
    """Only an error of the iterator itself sets `broken`."""
    whole, own, other = Faults(), Faults(), Faults()
    assert list(whole.watched(items())) == [0, 1, 2]
    assert not whole.broken
    with pytest.raises(ValueError, match="broken"):
        list(own.watched(items(fails=True)))
    assert own.broken

    def stumble() -> None:
        for _ in other.watched(items()):
            raise KeyError

    with pytest.raises(KeyError):
        stumble()
    assert not other.broken
