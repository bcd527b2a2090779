from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pytest

from qsweep.learning.compiler.compilation import compiled
from qsweep.learning.compiler.intrinsics import codes, each, held, put_back, unpack
from qsweep.learning.compiler.packing import Packed, Words, pack


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


def look(record: Outer, row: int, found: Any) -> int:
    """Write what a record holds to a row of `found`, and move a value of its table."""
    record.table[1, 2] += 100.0
    found[row, 0], found[row, 1], found[row, 2] = (
        record.table[1, 2],
        record.inner.counts[3],
        record.inner.flag,
    )
    found[row, 3], found[row, 4], found[row, 5] = record.number, record.factor, record.small[2]
    found[row, 6] = record.key[0] == np.uint64(2**64 - 2)
    return len(record.inner.counts) * record.table.shape[1]


def read(words: Words, found: Any) -> int:
    """Look at the first record where it lies."""
    return look(unpack(words), 0, found)


def read_all(words: Words, found: Any) -> int:
    """Look at all records as they are held, twice, and put them back."""
    records = held(words)
    each(look, records, found)
    total = each(look, records, found)
    put_back(records, words)
    return total


def reader(function: Any, packed: Packed) -> Any:
    """`read` or `read_all`, compiled for records packed like these."""
    from numba import float64, int64

    return compiled(function, int64(int64[:, ::1], float64[:, ::1]), codes(packed.packing))


ALL = ["table.0", "table.1", "inner.counts.0", "inner.flag", "number", "small.0", "key.0"]


@pytest.mark.parametrize("fixed", [(), ALL, ["table.1", "inner.counts.0"]])
def test_code_finds_what_was_packed(fixed: list[str]) -> None:
    """Whatever of a block's layout is fixed, compiled code reads and writes the record where it lies."""
    packed, found = pack([outer(0), outer(1)], fixed), np.zeros((1, 7))
    assert reader(read, packed)(packed.words, found) == 12
    assert found.tolist() == [[105.0, 3.0, 1.0, -7.0, 0.25, 2.0, 0.0]]
    assert packed.records[0].table.tolist() == [[0.0, 1.0, 2.0], [3.0, 4.0, 105.0]]
    assert packed.records[1].table.tolist() == [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]


@pytest.mark.parametrize("fixed", [(), ALL, ["table.1", "inner.counts.0"]])
@pytest.mark.parametrize("count", [1, 2, 3])
def test_what_is_held_is_put_back(count: int, fixed: list[str]) -> None:
    """Code reads and writes the records in all rows, each with its number, and leaves all else as it was."""
    packed, found = pack([outer(row) for row in range(count)], fixed), np.zeros((count, 7))
    assert reader(read_all, packed)(packed.words, found) == 12 * count
    for row, record in enumerate(packed.records):
        assert found[row].tolist() == [205.0 + row, 3.0 + row, 1.0, -7.0, 0.25, 2.0 + row, row == 1]
        assert record.table.tolist() == [[row, row + 1.0, row + 2.0], [row + 3.0, row + 4.0, row + 205.0]]
        assert record.inner.counts.tolist() == [row, row + 1, row + 2, row + 3]
        assert record.small.tolist() == [row, row + 1, row + 2]
        assert record.key.tolist() == [2**64 - 1 - row]


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
