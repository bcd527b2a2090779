"""The Parquet file of a run's episodes: episode, return, length, epsilon."""

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
from qsweep.system.untrusted_files import read_columns
from qsweep.tracking.curves import Curves, Points

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
"""Episodes per row group; fixed, so that the file's bytes do not depend on the blocks added."""


CURVE_POINTS = 1000
"""Most points of a drawn curve, about its width in pixels."""


class EpisodeFile(AbstractContextManager["EpisodeFile"]):
    """Writes episodes in order. `path` appears, complete, when the file is closed.

    first: the number of the first episode.
    """

    def __init__(self, path: Path, first: int = 0) -> None:
        self._file = AtomicFile(path)
        self._writer = pq.ParquetWriter(
            self._file,
            SCHEMA,
            compression="zstd",
            use_dictionary=["return", "length"],  # few distinct values
            write_page_checksum=True,
            column_encoding={"episode": "DELTA_BINARY_PACKED", "epsilon": "BYTE_STREAM_SPLIT"},
        )
        self._next = first
        self._buffer: list[pa.Table] = []
        self._rows = 0

    def add(
        self,
        returns: npt.NDArray[np.float64],
        lengths: npt.NDArray[np.int32],
        epsilon: npt.NDArray[np.float64],
    ) -> None:
        """Append the next block of episodes; all arrays are [n]."""
        episodes = np.arange(self._next, self._next + len(returns))
        self._next += len(returns)
        self._append(arrow.table(SCHEMA, [episodes, returns, lengths, epsilon]))

    def _append(self, table: pa.Table) -> None:
        self._buffer.append(table)
        self._rows += len(table)
        if self._rows >= GROUP:
            buffered = pa.concat_tables(self._buffer)
            written = self._rows - self._rows % GROUP
            self._write(buffered.slice(0, written))
            self._buffer, self._rows = [buffered.slice(written)], self._rows - written

    def _write(self, table: pa.Table) -> None:
        self._writer.write_table(table.combine_chunks(), row_group_size=GROUP)

    def __exit__(self, *error: object) -> None:
        """Complete the file, also after an error: what was added is kept."""
        if self._rows:
            self._write(pa.concat_tables(self._buffer))
        self._writer.close()
        self._file.close()


def blocks(path: Path) -> Iterable[pa.Table]:
    """Yield the episodes of a file, at most `GROUP` at a time, with the columns of `SCHEMA`."""
    with pq.ParquetFile(path) as file:
        for group in range(file.num_row_groups):
            yield file.read_row_group(group)


def curves(path: Path, window: int) -> Points:
    """Return the curves of a whole run, at most CURVE_POINTS of each, from its file, which is not trusted.

    window: the number of episodes in an average. Raises ValueError if the file is damaged or too large.
    """
    columns = read_columns(path, ["return", "epsilon"])
    returns, epsilon = columns["return"], columns["epsilon"]
    return Curves(len(returns), window, CURVE_POINTS).add(returns, epsilon)


def join(parts: Iterable[Path], path: Path) -> None:
    """Write the episodes of consecutive files to one, byte for byte as if it had been written at once."""
    with EpisodeFile(path) as joined:
        for part in parts:
            for block in blocks(part):
                joined._append(block)
