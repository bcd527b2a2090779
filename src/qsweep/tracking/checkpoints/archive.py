"""Reading a checkpoint history: single checkpoints, several in one pass, and changes per cell."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
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
from qsweep.system.untrusted_files import opened
from qsweep.tracking.checkpoints import layout
from qsweep.tracking.checkpoints.layout import name_of

Cells = npt.NDArray[np.int64]
"""A number for each cell, int64[buckets...]."""


class Archive:
    """Reads a checkpoint history.

    The file is not trusted. Anything that `History` would not have written raises ValueError, before more
    memory is allocated than a table of the declared shape needs.
    """

    def __init__(self, path: Path) -> None:
        opened(path).close()
        self._file = pq.ParquetFile(
            path, page_checksum_verification=True, thrift_string_size_limit=layout.MAX_METADATA
        )
        schema, metadata = self._file.schema_arrow, self._file.schema_arrow.metadata or {}
        if not layout.SCHEMA.equals(_without_nulls(schema)) or not {b"shape", b"qsweep"} <= metadata.keys():
            raise ValueError("its columns or metadata are not those of a checkpoint history")
        self.shape = _checked_shape(json.loads(metadata[b"shape"]))
        self.about: dict[str, Any] = json.loads(metadata[b"qsweep"])
        self.retrainable = layout.RETRAINABLE.items() <= metadata.items()
        self._entries = math.prod(self.shape)
        self._bounds = [*self._checked_bounds()]

    def _checked_bounds(self) -> Iterator[tuple[int, int]]:
        """Yield the first and last checkpoint of each row group, in episodes."""
        most = layout.rows_per_group(self._entries) + self._entries
        last = -1
        for number in range(self._file.num_row_groups):
            group = self._file.metadata.row_group(number)
            if not self._entries <= group.num_rows <= most:
                shape = f"tables of shape {list(self.shape)}"
                raise ValueError(f"a row group of {group.num_rows:,} rows does not fit {shape}")
            column = group.column(0)
            # Arrow aborts the process when asked for the statistics of a column of another type.
            bounds = column.statistics if column.physical_type == "INT32" else None
            if bounds is None or not last < bounds.min <= bounds.max:
                raise ValueError("its row groups are not in order")
            last = bounds.max
            yield bounds.min, last

    @property
    def grid(self) -> Grid:
        """The grid of the tables.

        Raises ValueError, TypeError or KeyError if the history describes none.
        """
        return recorded_grid(self.about["grid"])

    @cached_property
    def stored(self) -> npt.NDArray[np.int64]:
        """The number of episodes before each checkpoint in the file, int64[n], ascending.

        The tables of durable points in between, from which a killed run was resumed, are left out.
        """
        column = arrow.numbers(self._file.read(columns=["episodes"]).column(0))
        numbers = np.unique(column).astype(np.int64)
        if not self.retrainable or not len(numbers):
            return numbers
        ends = numbers % self._every == 0
        ends[-1] = True
        kept: npt.NDArray[np.int64] = numbers[ends]
        return kept

    @property
    def _every(self) -> int:
        every = self.about["config"]["checkpoint_every"]
        if type(every) is not int or every < 1:
            raise ValueError(f"a run has no checkpoint every {every!r} episodes")
        return every

    def episodes(self) -> npt.NDArray[np.int64]:
        """Return the number of episodes before each checkpoint of the run, int64[n], ascending."""
        if not self.retrainable or not len(self.stored):
            return self.stored
        every, last = self._every, self.stored[-1]
        if last // every > layout.MAX_CHECKPOINTS:
            raise ValueError(f"a run of {last:,} episodes has no checkpoint every {every} of them")
        return np.union1d(self.stored, np.arange(every, last, every))

    def names(self) -> list[str]:
        """Return the names of the checkpoints, in order."""
        return [name_of(n) for n in self.episodes().tolist()]

    def q_table(self, name: str) -> QTable:
        """Return the table of one checkpoint, float64[buckets..., actions].

        Raises UsageError if there is no such checkpoint.
        """
        match = re.fullmatch(r"ep(\d{1,18})", name)
        for _, table in self.tables([int(match[1])] if match else []):
            return table
        raise UsageError(
            [Problem("checkpoint", "is not a checkpoint of this run", name, closest(name, self.names()))]
        )

    def tables(self, episodes: Iterable[int]) -> Iterator[tuple[int, QTable]]:
        """Yield (episodes, Q-table) for the given numbers of episodes, ascending, in one pass.

        Numbers without a checkpoint are skipped. Raises UsageError if one is not in the file, and training
        the run again does not lead to the tables in it.
        """
        if not self.retrainable:
            return self.stored_tables(episodes)
        requested = np.intersect1d(np.fromiter(episodes, np.int64), self.episodes())
        if np.isin(requested, self.stored).all():
            return self.stored_tables(requested.tolist())
        from qsweep.tracking.checkpoints.retraining import retrained  # numba is slow to import

        stored = self.stored_tables(self.stored.tolist())
        return retrained(self.about["config"], stored, requested.tolist())

    def stored_tables(self, episodes: Iterable[int]) -> Iterator[tuple[int, QTable]]:
        """Yield (episodes, Q-table) as `tables` does, without the checkpoints that are not in the file."""
        requested = np.unique(np.fromiter(episodes, np.int64))
        for group in range(self._file.num_row_groups):
            first, last = self._bounds[group]
            inside = requested[(requested >= first) & (requested <= last)]
            if not len(inside):
                continue
            numbers, entries, values = self._rows(group)
            table, start = np.empty(self._entries), 0
            for n, end in zip(inside.tolist(), np.searchsorted(numbers, inside, side="right"), strict=True):
                # Of an entry that occurs twice, the later value is kept.
                table[entries[start:end]] = values[start:end]
                start = end
                if numbers[end - 1] == n:
                    yield n, table.reshape(self.shape).copy()

    def with_changes(
        self, episodes: Sequence[int], complete: bool = True
    ) -> Iterator[tuple[int, QTable, Cells]]:
        """Yield `tables`, each with the changes of every cell up to it, int64[buckets...].

        The changes are the number of checkpoints at which a cell differs from the previous one. A cell
        changes when the value of any of its actions does. The first checkpoint is no change.
        complete: count all checkpoints, also those that must be trained again for that.
        """
        counted = self.episodes() if complete else np.union1d(self.stored, np.array(episodes, np.int64))
        requested, changes, previous = set(episodes), np.zeros(self.shape[:-1], np.int64), None
        for number, table in self.tables(counted[counted <= max(requested, default=-1)].tolist()):
            bits = table.view(np.int64)
            changes += 0 if previous is None else (bits != previous).any(axis=-1)
            previous = bits
            if number in requested:
                yield number, table, changes.copy()

    def changes(self, until: int | None = None, complete: bool = True) -> Cells:
        """Return the changes of each cell up to the checkpoint `until`, as `with_changes` counts them."""
        numbers = self.episodes()
        last = numbers[-1:] if until is None else numbers[numbers <= until][-1:]
        for _, _, changes in self.with_changes(last.tolist(), complete):
            return changes
        return np.zeros(self.shape[:-1], np.int64)

    def _rows(self, group: int) -> tuple[Any, Any, Any]:
        """Check a row group and return its episodes, entries and values."""
        rows = self._file.read_row_group(group)
        numbers, entries, values = (arrow.numbers(rows.column(c)) for c in range(3))
        size = self._entries
        if not np.array_equal(entries[:size], np.arange(size)) or numbers[0] != numbers[size - 1]:
            raise ValueError("a row group does not start with a complete table")
        if entries.min() < 0 or entries.max() >= size:
            raise ValueError(f"an entry is outside the table of {size:,} values")
        if (numbers[0], numbers[-1]) != self._bounds[group] or (np.diff(numbers) < 0).any():
            raise ValueError("checkpoints are not in order")
        return numbers, entries, values


def _without_nulls(schema: pa.Schema) -> pa.Schema:
    """Return the schema with its columns marked non-nullable; earlier versions did not mark them."""
    return pa.schema([field.with_nullable(False) for field in schema])


def _checked_shape(shape: Any) -> tuple[int, ...]:
    """Return the shape as a tuple. Raises ValueError if no table can have it."""
    positive = isinstance(shape, list) and all(type(n) is int and n > 0 for n in shape)
    if (
        not positive
        or not 0 < len(shape) <= layout.MAX_DIMENSIONS
        or math.prod(shape) > layout.MAX_GROUP_ROWS
    ):
        raise ValueError(f"no table has the shape {str(shape)[:100]}")
    return tuple(shape)
