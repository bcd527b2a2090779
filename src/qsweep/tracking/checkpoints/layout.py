"""The file format of a checkpoint history: names, limits and columns."""

from __future__ import annotations

import hashlib

import numpy as np
import pyarrow as pa

from qsweep.system.arrays import QTable

FILE_NAME = "q_table_history.parquet"
GROUP_ROWS = 100_000
"""Rows after which a new row group, with a complete table, starts; four tables' worth if that is more."""
MAX_GROUP_ROWS = 2**26
"""Arrow's limit for a row group, and so the maximum number of values in a table."""
MAX_METADATA = 2**26
"""Limit of a file's metadata in bytes: a grid of 100,000 learned edges takes a few million."""
MAX_DIMENSIONS = 64
SCHEMA = pa.schema(
    [
        pa.field("episodes", pa.int32(), nullable=False),
        pa.field("entry", pa.int32(), nullable=False),
        pa.field("value", pa.float64(), nullable=False),
    ]
)
"""Not nullable: writing validity bits would take a sixth of the time."""
RETRAINABLE = {b"retrainable": b"true"}
"""Metadata of a history whose run has more checkpoints, which can be trained again."""
MAX_CHECKPOINTS = 2**24
"""Maximum number of a retrainable run's checkpoints: the memory for their names is not in the file."""


def name_of(episodes: int) -> str:
    """Return the name of the checkpoint after `episodes` episodes."""
    return f"ep{episodes:06d}"


def sha256(q_table: QTable) -> str:
    """Return the SHA-256, in hex, of a Q-table's values as little-endian float64 in C order."""
    return hashlib.sha256(np.ascontiguousarray(q_table, dtype="<f8").tobytes()).hexdigest()


def rows_per_group(entries: int) -> int:
    """Return the number of rows after which a new group starts, for tables of `entries` values."""
    return min(max(GROUP_ROWS, 4 * entries), MAX_GROUP_ROWS - entries)
