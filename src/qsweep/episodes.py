"""Every episode of a run, as a Parquet file: episode, return, length, epsilon."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from qsweep.durable import WholeFile

FILE_NAME = "episodes.parquet"
SCHEMA = pa.schema(
    [
        ("episode", pa.int64()),
        ("return", pa.float64()),
        ("length", pa.int32()),
        ("epsilon", pa.float64()),
    ]
)


class EpisodeFile:
    """Writes episodes in order to `path`, which appears, complete, when it is closed."""

    def __init__(self, path: Path) -> None:
        self._file = WholeFile(path)
        self._writer = pq.ParquetWriter(self._file, SCHEMA, compression="zstd", write_page_checksum=True)
        self._next = 0

    def add(
        self,
        returns: npt.NDArray[np.float64],
        lengths: npt.NDArray[np.int32],
        epsilon: npt.NDArray[np.float64],
    ) -> None:
        """Append the next block of episodes, all [n]."""
        episodes = np.arange(self._next, self._next + len(returns))
        self._next += len(returns)
        self._writer.write_table(pa.table([episodes, returns, lengths, epsilon], schema=SCHEMA))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Complete the file, after an error too: what was added is kept."""
        self._writer.close()
        self._file.close()
