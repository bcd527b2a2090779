"""The file of a run's visits: how many training steps began in each cell of its Q-table."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from qsweep.system import arrow
from qsweep.system.atomic_files import write_bytes
from qsweep.system.untrusted_files import read_columns

FILE_NAME = "visits.parquet"
SCHEMA = pa.schema([pa.field("visits", pa.int64(), nullable=False)])

Visits = npt.NDArray[np.int64]


def write(path: Path, visits: Visits) -> None:
    """Write the visits of all cells, int64[buckets...], in C order."""
    buffer = BytesIO()
    pq.write_table(arrow.table(SCHEMA, [visits.ravel()]), buffer, compression="zstd")
    write_bytes(path, buffer.getvalue())


def read(path: Path, shape: tuple[int, ...]) -> Visits:
    """Return the visits in a file, int64[shape]. Raises ValueError if they are none of a table like that."""
    visits: Visits = read_columns(path, ["visits"])["visits"]
    if visits.dtype != np.int64 or (visits < 0).any():
        raise ValueError("its visits are no counts")
    return visits.reshape(shape)
