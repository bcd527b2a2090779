"""The Q-table's history as one Parquet file of its changes; checkpoints have names such as ep017500.

Columns: `episodes` (int32, how many episodes had been trained), `entry` (int32, which value of the
table, in C order) and `value` (float64). A row says that at that checkpoint that entry had come to
that value. Every row group begins with the whole table, so reading one checkpoint reads one row
group: apply its rows in order, up to the checkpoint's. The shape is in the schema's metadata.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from qsweep import arrow
from qsweep.compiling import compiled
from qsweep.durable import WholeFile
from qsweep.problems import Problem, UsageError, closest

QTable = npt.NDArray[np.float64]
Bits = npt.NDArray[np.int64]
Entries = npt.NDArray[np.int32]

FILE_NAME = "q_table_history.parquet"
GROUP_ROWS = 50_000
"""Changes in a row group before the next one starts, unless four tables are more."""
MAX_GROUP_ROWS = 2**26
"""The most that Arrow writes as one row group; so the most values that a table can have."""
MAX_METADATA = 2**26
"""Bytes of a file's own description at most: a grid of 100,000 learned edges takes a few million."""
MAX_DIMENSIONS = 64
SCHEMA = pa.schema(
    [
        pa.field("episodes", pa.int32(), nullable=False),
        pa.field("entry", pa.int32(), nullable=False),
        pa.field("value", pa.float64(), nullable=False),
    ]
)
"""Without nulls: to say of each value that it is there takes a sixth of the time to write them."""


def name_of(episodes: int) -> str:
    """The name of the checkpoint after `episodes` episodes."""
    return f"ep{episodes:06d}"


def sha256(q_table: QTable) -> str:
    """The SHA-256 of a Q-table's values as little-endian float64 in C order, in hex."""
    return hashlib.sha256(np.ascontiguousarray(q_table, dtype="<f8").tobytes()).hexdigest()


def _writer(file: WholeFile, schema: pa.Schema) -> pq.ParquetWriter:
    return pq.ParquetWriter(
        file,
        schema,
        compression={"episodes": "lz4", "entry": "none", "value": "lz4"},  # zstd: 3% smaller, half as fast
        use_dictionary=False,
        write_statistics=["episodes"],
        write_page_checksum=True,
        column_encoding={
            "episodes": "PLAIN",
            "entry": "DELTA_BINARY_PACKED",
            "value": "BYTE_STREAM_SPLIT",
        },
    )


def note(
    tables: Bits,
    episodes: Bits,
    first: int,
    row: int,
    full: int,
    numbers: Entries,
    entries: Entries,
    values: Bits,
) -> tuple[int, int]:
    """Write which entries of tables differ from those of the table before them, as rows from `row` on.

    tables int64[k, n]: their bits; episodes int64[k]: after how many they are. From number `first` on, above
    0, until there are `full` rows; the columns have room for those and n more. Of each table one is written
    at least, so that a checkpoint without a change is there by name. Returns the table and the row after.
    """
    number, n = first, tables.shape[1]
    while number < len(tables) and row < full:
        begin = row
        for i in range(n):  # without a branch: which entries change cannot be foretold
            entries[row] = i
            row += tables[number - 1, i] != tables[number, i]
        if row == begin:
            entries[row] = 0
            row += 1
        for i in range(begin, row):
            numbers[i], values[i] = episodes[number], tables[number, entries[i]]
        number += 1
    return number, row


@cache
def _noting() -> Callable[..., tuple[int, int]]:
    from numba import int32, int64  # slow to import
    from numba.types import UniTuple

    columns = (int32[::1], int32[::1], int64[::1])
    signature = UniTuple(int64, 2)(int64[:, ::1], int64[::1], int64, int64, int64, *columns)
    return compiled(note, signature)  # type: ignore[no-any-return]


class History:
    """Writes checkpoints to `path`, which appears, complete, when the history is closed."""

    def __init__(self, path: Path, shape: tuple[int, ...], about: Mapping[str, Any]) -> None:
        metadata = {"shape": json.dumps(shape), "qsweep": json.dumps(dict(about))}
        self._schema = SCHEMA.with_metadata(metadata)
        self._file = WholeFile(path)
        self._writer = _writer(self._file, self._schema)
        size = math.prod(shape)
        self._full = min(max(GROUP_ROWS, 4 * size), MAX_GROUP_ROWS - size)
        self._row = 0  # how many rows the group has
        room = self._full + size + 1
        self._numbers, self._entries = (np.empty(room, np.int32) for _ in range(2))
        self._values = np.empty(room, np.int64)
        self._last = np.empty(size, np.int64)

    def add(self, episodes: int, q_table: QTable) -> None:
        """Append the table after `episodes` episodes; later than any before."""
        self.extend([episodes], np.asarray(q_table)[np.newaxis])

    def extend(self, episodes: Sequence[int], q_tables: QTable) -> None:
        """Append tables [k, buckets..., actions], each after so many episodes."""
        tables = np.ascontiguousarray(q_tables, np.float64).reshape(len(episodes), -1).view(np.int64)
        columns, counts = (self._numbers, self._entries, self._values), np.array(episodes, np.int64)
        done = 0
        while done < len(tables):
            row = self._begin(counts[done], tables[done])
            done, row = _noting()(tables, counts, done + 1, row, self._full, *columns)
            self._last[:] = tables[done - 1]
            self._row = row  # last: an interrupt leaves rows that are whole
            if row >= self._full:
                self._end_group()

    def _begin(self, episodes: int, now: Bits) -> int:
        """Note a table whose predecessor came in another call; returns the row after it."""
        changed = np.flatnonzero(now != self._last) if self._row else np.arange(len(now))
        entries = changed if len(changed) else np.zeros(1, np.int64)
        rows = slice(self._row, self._row + len(entries))
        self._numbers[rows], self._entries[rows], self._values[rows] = episodes, entries, now[entries]
        return rows.stop

    def _end_group(self) -> None:
        rows, self._row = self._row, 0  # first: what could not be written is not added to
        if rows:
            columns = (self._numbers, self._entries, self._values.view(np.float64))
            table = arrow.table(self._schema, [column[:rows] for column in columns])
            self._writer.write_table(table, row_group_size=rows)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Complete the file, after an error too: what was added is kept."""
        self._end_group()
        self._writer.close()
        self._file.close()


def join(parts: Sequence[Path], path: Path) -> None:
    """Write the checkpoints of consecutive histories as one."""
    file = WholeFile(path)
    with pq.ParquetFile(parts[0]) as first:
        writer = _writer(file, first.schema_arrow)
    for part in parts:
        with pq.ParquetFile(part, page_checksum_verification=True) as source:
            for group in range(source.num_row_groups):
                writer.write_table(source.read_row_group(group), row_group_size=MAX_GROUP_ROWS)
    writer.close()
    file.close()


class Archive:
    """Reads a history: one checkpoint, or several in one pass.

    The file may come from anywhere: whatever in it `History` would not have written raises ValueError, before
    more memory is taken than the table that it says it holds.
    """

    def __init__(self, path: Path) -> None:
        self._file = pq.ParquetFile(
            path, page_checksum_verification=True, thrift_string_size_limit=MAX_METADATA
        )
        schema, metadata = self._file.schema_arrow, self._file.schema_arrow.metadata or {}
        if not schema.equals(SCHEMA) or not {b"shape", b"qsweep"} <= metadata.keys():
            raise ValueError("its columns or its description are not those of a history")
        self.shape = _checked_shape(json.loads(metadata[b"shape"]))
        self.about: dict[str, Any] = json.loads(metadata[b"qsweep"])
        self._entries = math.prod(self.shape)
        self._bounds = [*self._checked_bounds()]

    def _checked_bounds(self) -> Iterator[tuple[int, int]]:
        """The first and last checkpoint of each row group, in episodes."""
        most = min(max(GROUP_ROWS, 4 * self._entries), MAX_GROUP_ROWS - self._entries) + self._entries
        last = -1
        for number in range(self._file.num_row_groups):
            group = self._file.metadata.row_group(number)
            if not self._entries <= group.num_rows <= most:
                shape = f"tables of shape {list(self.shape)}"
                raise ValueError(f"a row group of {group.num_rows:,} rows does not suit {shape}")
            bounds = group.column(0).statistics
            if bounds is None or not last < bounds.min <= bounds.max:
                raise ValueError("its row groups are not in order")
            last = bounds.max
            yield bounds.min, last

    def episodes(self) -> npt.NDArray[np.int64]:
        """After how many episodes each checkpoint was taken, int64[n], ascending."""
        column = arrow.numbers(self._file.read(columns=["episodes"]).column(0))
        return np.unique(column).astype(np.int64)

    def names(self) -> list[str]:
        """The checkpoints' names, in order."""
        return [name_of(n) for n in self.episodes().tolist()]

    def q_table(self, name: str) -> QTable:
        """The table of one checkpoint, float64[buckets..., actions].

        Raises UsageError where there is no such checkpoint.
        """
        match = re.fullmatch(r"ep(\d{1,18})", name)
        for _, table in self.tables([int(match[1])] if match else []):
            return table
        raise UsageError(
            [Problem("checkpoint", "there is none of this name", name, closest(name, self.names()))]
        )

    def tables(self, episodes: Iterable[int]) -> Iterator[tuple[int, QTable]]:
        """The checkpoints after so many episodes each, in order, in one pass: episodes and Q-table.

        Where there is none after so many, it is left out.
        """
        wanted = np.unique(np.fromiter(episodes, np.int64))
        for group in range(self._file.num_row_groups):
            first, last = self._bounds[group]
            inside = wanted[(wanted >= first) & (wanted <= last)]
            if not len(inside):
                continue
            numbers, entries, values = self._rows(group)
            table, start = np.empty(self._entries), 0
            for n, end in zip(inside.tolist(), np.searchsorted(numbers, inside, side="right"), strict=True):
                # Where an entry occurs twice, the later value stays.
                table[entries[start:end]] = values[start:end]
                start = end
                if numbers[end - 1] == n:
                    yield n, table.reshape(self.shape).copy()

    def changes(self, until: int | None = None) -> npt.NDArray[np.int64]:
        """At how many checkpoints each cell had changed since the one before, int64[buckets...].

        A cell changes when the value of any of its actions does. The first checkpoint counts for no
        cell. until: the last checkpoint that counts, in episodes.
        """
        cells = math.prod(self.shape[:-1])
        counts, table = np.zeros(cells, np.int64), np.empty(0, np.int64)
        for group, (first, _) in enumerate(self._bounds):
            if until is not None and first > until:
                break
            numbers, entries, values = self._rows(group, until)
            bits = values.view(np.int64)
            table = table if len(table) else bits[: self._entries].copy()
            where = np.flatnonzero(bits != _before(table, numbers, entries, bits))
            # A number for each checkpoint and cell; as a history writes them they are in order already.
            found = numbers[where].astype(np.int64) * cells + entries[where] // self.shape[-1]
            found.sort(kind="stable")
            counts += np.bincount(found[np.diff(found, prepend=-1) > 0] % cells, minlength=cells)
        return counts.reshape(self.shape[:-1])

    def changed(self) -> npt.NDArray[np.bool_]:
        """Which cells changed at any checkpoint since the first one, bool[buckets...].

        Where `changes` is above 0, in half the time: a value that ever changed once differed from its first.
        """
        changed, table = np.zeros(self._entries, np.bool_), np.empty(0, np.int64)
        for group in range(len(self._bounds)):
            _, entries, values = self._rows(group)
            bits = values.view(np.int64)
            table = table if len(table) else bits[: self._entries].copy()
            changed[entries[bits != table[entries]]] = True
        return np.asarray(changed.reshape(self.shape).any(axis=-1))

    def _rows(self, group: int, until: int | None = None) -> tuple[Any, Any, Any]:
        """Episodes, entries and values of a row group, as far as the last checkpoint that counts."""
        rows = self._file.read_row_group(group)
        if any(column.null_count for column in rows.columns):
            raise ValueError("values are missing")
        numbers, entries, values = (arrow.numbers(rows.column(c)) for c in range(3))
        whole = np.arange(self._entries)
        if not np.array_equal(entries[: len(whole)], whole) or numbers[0] != numbers[len(whole) - 1]:
            raise ValueError("a row group does not begin with a whole table")
        if entries.min() < 0 or entries.max() >= len(whole):
            raise ValueError(f"an entry lies outside of a table of {len(whole):,} values")
        if (numbers[0], numbers[-1]) != self._bounds[group] or (np.diff(numbers) < 0).any():
            raise ValueError("checkpoints are not in order")
        end = None if until is None else int(np.searchsorted(numbers, until, side="right"))
        return numbers[:end], entries[:end], values[:end]


def _before(
    table: npt.NDArray[np.int64],
    numbers: npt.NDArray[np.int32],
    entries: npt.NDArray[np.int32],
    bits: npt.NDArray[np.int64],
) -> npt.NDArray[np.int64]:
    """The value of each row's entry at the checkpoint before, int64[rows], all by their bits.

    table int64[entries]: that of the checkpoint before the rows; afterwards that of their last one.
    """
    before, start = np.empty_like(bits), 0
    for end in (np.flatnonzero(np.diff(numbers, append=-1)) + 1).tolist():
        rows = slice(start, end)
        before[rows] = table[entries[rows]]
        table[entries[rows]] = bits[rows]
        start = end
    return before


def _checked_shape(shape: Any) -> tuple[int, ...]:
    """A table's shape, if it is one that a table can have."""
    whole = isinstance(shape, list) and all(type(n) is int and n > 0 for n in shape)
    if not whole or not 0 < len(shape) <= MAX_DIMENSIONS or math.prod(shape) > MAX_GROUP_ROWS:
        raise ValueError(f"no table has the shape {str(shape)[:100]}")
    return tuple(shape)
