from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pytest

from qsweep.learning.compiler.compilation import compiled
from qsweep.learning.compiler.intrinsics import (
    copy_lane,
    enter,
    intrinsics_for,
    leave,
    local_arrays,
    record_in,
    unpack,
)
from qsweep.learning.compiler.packing import Packed, Words, pack


class Inner(NamedTuple):
    """A record within another."""

    counts: Any
    flag: bool


class Outer(NamedTuple):
    """A record with arrays and numbers of every kind that agents have."""

    table: Any
    inner: Inner
    number: int
    factor: float
    small: Any
    key: Any


def outer(shift: int, flag: bool = True) -> Outer:
    """Return a record whose arrays hold numbers from `shift` on."""
    table, counts = np.arange(6.0).reshape(2, 3) + shift, np.arange(4) + shift
    key = np.array([2**64 - 1 - shift], np.uint64)
    return Outer(table, Inner(counts, flag), -7, 0.25, np.arange(3, dtype=np.int32) + shift, key)


def look(record: Outer, row: int, found: Any) -> int:
    """Write values of a record to a row of `found`, after changing one in its table."""
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
    """Read and change the first record in its memory."""
    return look(unpack(words), 0, found)


def read_all(words: Words, found: Any) -> int:
    """Read and change the records twice, each in the lane of its row, and store them from the next lane."""
    arrays, total = local_arrays(words), 0
    for row in range(len(words)):
        enter(words, arrays, row, row)
    for _ in range(2):
        for row in range(len(words)):
            total = look(record_in(words, arrays, row), row, found)
            change(record_in(words, arrays, row))
    for row in range(len(words) - 1, -1, -1):
        copy_lane(words, arrays, row, row + 1)
        leave(words, arrays, row + 1)
    return total


def change(record: Outer) -> None:
    """Change local arrays."""
    record.small[1] += 10
    record.inner.counts[0] += 20


def reader(function: Any, packed: Packed) -> Any:
    """Return `read` or `read_all`, compiled for a packing."""
    from numba import float64, int64

    return compiled(function, int64(int64[:, ::1], float64[:, ::1]), intrinsics_for(packed.packing))


ALL = ["table.0", "table.1", "inner.counts.0", "inner.flag", "number", "small.0", "key.0"]


@pytest.mark.parametrize("fixed", [(), ALL, ["table.1", "inner.counts.0"]])
def test_compiled_code_reads_packed_records(fixed: list[str]) -> None:
    """With any part of the layout fixed, compiled code reads and writes a record in its memory."""
    packed, found = pack([outer(0), outer(1)], fixed), np.zeros((1, 7))
    assert reader(read, packed)(packed.words, found) == 12
    assert found.tolist() == [[105.0, 3.0, 1.0, -7.0, 0.25, 2.0, 0.0]]
    assert packed.records[0].table.tolist() == [[0.0, 1.0, 2.0], [3.0, 4.0, 105.0]]
    assert packed.records[1].table.tolist() == [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]


@pytest.mark.parametrize("count", [1, 2, 3])
def test_records_in_lanes_are_stored(count: int) -> None:
    """Compiled code reads and changes records in lanes, copies a lane, and stores each in its own row."""
    local = ("inner.counts", "small", "key")
    records = [outer(row) for row in range(count)]
    packed, found = pack(records, ALL, 4, local, ("table",)), np.zeros((count, 7))
    assert reader(read_all, packed)(packed.words, found) == 12
    for row, record in enumerate(packed.records):
        assert found[row].tolist() == [
            105 + 100 * (count + row),
            3.0 + row,
            1.0,
            -7.0,
            0.25,
            2.0 + row,
            row == 1,
        ]
        assert record.inner.counts.tolist() == [row + 40, row + 1, row + 2, row + 3]
        assert record.small.tolist() == [row, row + 21, row + 2]
        assert record.key.tolist() == [2**64 - 1 - row]
    assert packed.records[0].table.tolist() == [[0.0, 1.0, 2.0], [3.0, 4.0, 5.0 + 200 * count]]


def test_records_are_copied() -> None:
    """Changing a packed record does not change the original."""
    first = outer(0)
    packed = pack([first])
    packed.records[0].table[:] = 9.0
    assert first.table.max() == 5.0
    assert (packed.records[0].number, packed.records[0].inner.flag) == (-7, True)


def test_fixed_values_are_part_of_the_packing() -> None:
    """Different values of fixed words are different packings; those of other words are not."""
    one, other = (pack([outer(0, flag)], ["inner.flag"]).packing for flag in (True, False))
    assert one != other
    assert repr(one) != repr(other)
    assert pack([outer(0, True)]).packing == pack([outer(0, False)]).packing
