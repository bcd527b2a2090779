"""What a history is made of: names, limits and columns."""

from __future__ import annotations

import hashlib

import numpy as np
import pyarrow as pa

from qsweep.system.arrays import QTable

FILE_NAME = "q_table_history.parquet"
GROUP_ROWS = 100_000
"""Changes in a row group before the next one, with a whole table, starts; more where four tables are more."""
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


def full(entries: int) -> int:
    """How many rows a group of tables of so many values has, at least, before the next one starts."""
    return min(max(GROUP_ROWS, 4 * entries), MAX_GROUP_ROWS - entries)
