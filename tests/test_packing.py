from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pytest

from qsweep.compiling import compiled
from qsweep.packing import Packed, Words, moved, pack, unpack


class Inner(NamedTuple):
    """A record within another."""

    counts: Any
    flag: bool


class Outer(NamedTuple):
    """Arrays and numbers of every kind that agents have."""

    table: Any
    inner: Inner
    number: int
    factor: float
    small: Any
    key: Any


def outer(shift: int, flag: bool = True) -> Outer:
    """A record whose arrays hold numbers from `shift` on."""
    table, counts = np.arange(6.0).reshape(2, 3) + shift, np.arange(4) + shift
    key = np.array([2**64 - 1 - shift], np.uint64)
    return Outer(table, Inner(counts, flag), -7, 0.25, np.arange(3, dtype=np.int32) + shift, key)


def read(words: Words, row: int, found: Any) -> int:
    """Write what a block's record holds to `found`, and move a value of its table."""
    record = moved(unpack(words), 8 * row * words.shape[1])
    record.table[1, 2] += 100.0
    found[0], found[1], found[2] = record.table[1, 2], record.inner.counts[3], record.inner.flag
    found[3], found[4], found[5] = record.number, record.factor, record.small[2]
    found[6] = record.key[0] == np.uint64(2**64 - 2)
    return len(record.inner.counts) * record.table.shape[1]


def reader(packed: Packed) -> Any:
    """`read`, compiled for records packed like these."""
    from numba import float64, int64

    return compiled(read, int64(int64[:, ::1], int64, float64[::1]), {"unpack": packed.packing})


ALL = ["table.0", "table.1", "inner.counts.0", "inner.flag", "number", "small.0", "key.0"]


@pytest.mark.parametrize("fixed", [(), ALL, ["table.1", "inner.counts.0"]])
def test_code_finds_what_was_packed(fixed: list[str]) -> None:
    """Whatever of a block's layout is fixed, compiled code reads and writes the record in each row."""
    packed = pack([outer(0), outer(1)], fixed)
    code, found = reader(packed), np.zeros(7)
    for row in (0, 1):
        assert code(packed.words, row, found) == 12
        assert found.tolist() == [105.0 + row, 3.0 + row, 1.0, -7.0, 0.25, 2.0 + row, row]
        assert packed.records[row].table[1, 2] == 105.0 + row
        assert packed.records[row].table.tolist()[0] == [row, row + 1.0, row + 2.0]


def test_records_are_copied() -> None:
    """What is packed stays as it was."""
    first = outer(0)
    packed = pack([first])
    packed.records[0].table[:] = 9.0
    assert first.table.max() == 5.0
    assert (packed.records[0].number, packed.records[0].inner.flag) == (-7, True)


def test_what_is_fixed_is_part_of_the_code() -> None:
    """Other values of fixed words are another code; of others they are not."""
    one, other = (pack([outer(0, flag)], ["inner.flag"]).packing for flag in (True, False))
    assert one != other
    assert repr(one) != repr(other)
    assert pack([outer(0, True)]).packing == pack([outer(0, False)]).packing
