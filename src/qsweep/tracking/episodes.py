"""Every episode of a run, as a Parquet file: episode, return, length, epsilon."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from qsweep.system import arrow
from qsweep.system.atomic_files import AtomicFile

FILE_NAME = "episodes.parquet"
SCHEMA = pa.schema(
    [
        ("episode", pa.int64()),
        ("return", pa.float64()),
        ("length", pa.int32()),
        ("epsilon", pa.float64()),
    ]
)


GROUP = 10_000
"""Episodes in a row group: the file's bytes do not depend on the blocks in which they came."""


class EpisodeFile(AbstractContextManager["EpisodeFile"]):
    """Writes episodes in order to `path`, which appears, complete, when it is closed.

    first: the number of the first one.
    """

    def __init__(self, path: Path, first: int = 0) -> None:
        self._file = AtomicFile(path)
        self._writer = pq.ParquetWriter(
            self._file,
            SCHEMA,
            compression="zstd",
            use_dictionary=["return", "length"],  # few different ones
            write_page_checksum=True,
            column_encoding={"episode": "DELTA_BINARY_PACKED", "epsilon": "BYTE_STREAM_SPLIT"},
        )
        self._next = first
        self._waiting: list[pa.Table] = []
        self._rows = 0

    def add(
        self,
        returns: npt.NDArray[np.float64],
        lengths: npt.NDArray[np.int32],
        epsilon: npt.NDArray[np.float64],
    ) -> None:
        """Append the next block of episodes, all [n]."""
        episodes = np.arange(self._next, self._next + len(returns))
        self._next += len(returns)
        self._append(arrow.table(SCHEMA, [episodes, returns, lengths, epsilon]))

    def _append(self, table: pa.Table) -> None:
        self._waiting.append(table)
        self._rows += len(table)
        if self._rows >= GROUP:
            waiting = pa.concat_tables(self._waiting)
            whole = self._rows - self._rows % GROUP
            self._write(waiting.slice(0, whole))
            self._waiting, self._rows = [waiting.slice(whole)], self._rows - whole

    def _write(self, table: pa.Table) -> None:
        self._writer.write_table(table.combine_chunks(), row_group_size=GROUP)

    def __exit__(self, *error: object) -> None:
        """Complete the file, after an error too: what was added is kept."""
        if self._rows:
            self._write(pa.concat_tables(self._waiting))
        self._writer.close()
        self._file.close()


def blocks(path: Path) -> Iterable[pa.Table]:
    """The episodes of a file, `GROUP` at a time at most, with the columns of `SCHEMA`."""
    with pq.ParquetFile(path) as file:
        for group in range(file.num_row_groups):
            yield file.read_row_group(group)


def join(parts: Iterable[Path], path: Path) -> None:
    """Write the episodes of consecutive files as one, the same to the byte as if it had been the only one."""
    with EpisodeFile(path) as whole:
        for part in parts:
            for block in blocks(part):
                whole._append(block)
