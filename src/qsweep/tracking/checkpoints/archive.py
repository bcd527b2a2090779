"""Reads a history: one checkpoint, or several in one pass."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from qsweep.environments.grid import Grid, recorded_grid
from qsweep.errors import Problem, UsageError, closest
from qsweep.system import arrow
from qsweep.system.arrays import QTable
from qsweep.tracking.checkpoints import layout
from qsweep.tracking.checkpoints.layout import name_of


class Archive:
    """Reads a history: one checkpoint, or several in one pass.

    The file may come from anywhere: whatever in it `History` would not have written raises ValueError, before
    more memory is taken than the table that it says it holds.
    """

    def __init__(self, path: Path) -> None:
        self._file = pq.ParquetFile(
            path, page_checksum_verification=True, thrift_string_size_limit=layout.MAX_METADATA
        )
        schema, metadata = self._file.schema_arrow, self._file.schema_arrow.metadata or {}
        if not layout.SCHEMA.equals(_without_nulls(schema)) or not {b"shape", b"qsweep"} <= metadata.keys():
            raise ValueError("its columns or metadata are not those of a checkpoint history")
        self.shape = _checked_shape(json.loads(metadata[b"shape"]))
        self.about: dict[str, Any] = json.loads(metadata[b"qsweep"])
        self._entries = math.prod(self.shape)
        self._bounds = [*self._checked_bounds()]

    def _checked_bounds(self) -> Iterator[tuple[int, int]]:
        """The first and last checkpoint of each row group, in episodes."""
        most = layout.full(self._entries) + self._entries
        last = -1
        for number in range(self._file.num_row_groups):
            group = self._file.metadata.row_group(number)
            if not self._entries <= group.num_rows <= most:
                shape = f"tables of shape {list(self.shape)}"
                raise ValueError(f"a row group of {group.num_rows:,} rows does not fit {shape}")
            column = group.column(0)
            # Arrow ends the process where it is asked for the statistics of a column of another type.
            bounds = column.statistics if column.physical_type == "INT32" else None
            if bounds is None or not last < bounds.min <= bounds.max:
                raise ValueError("its row groups are not in order")
            last = bounds.max
            yield bounds.min, last

    @property
    def grid(self) -> Grid:
        """The grid that the tables lie on.

        Raises ValueError, TypeError or KeyError where the history describes none.
        """
        return recorded_grid(self.about["grid"])

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
            [Problem("checkpoint", "is not a checkpoint of this run", name, closest(name, self.names()))]
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
        numbers, entries, values = (arrow.numbers(rows.column(c)) for c in range(3))
        whole = np.arange(self._entries)
        if not np.array_equal(entries[: len(whole)], whole) or numbers[0] != numbers[len(whole) - 1]:
            raise ValueError("a row group does not start with a complete table")
        if entries.min() < 0 or entries.max() >= len(whole):
            raise ValueError(f"an entry is outside the table of {len(whole):,} values")
        if (numbers[0], numbers[-1]) != self._bounds[group] or (np.diff(numbers) < 0).any():
            raise ValueError("checkpoints are not in order")
        end = None if until is None else int(np.searchsorted(numbers, until, side="right"))
        return numbers[:end], entries[:end], values[:end]


def _without_nulls(schema: pa.Schema) -> pa.Schema:
    """A schema whose columns have none, as those of a history; earlier ones did not say so."""
    return pa.schema([field.with_nullable(False) for field in schema])


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
    if not whole or not 0 < len(shape) <= layout.MAX_DIMENSIONS or math.prod(shape) > layout.MAX_GROUP_ROWS:
        raise ValueError(f"no table has the shape {str(shape)[:100]}")
    return tuple(shape)
