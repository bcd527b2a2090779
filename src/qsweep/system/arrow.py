"""Conversion of numpy arrays to Arrow columns and back, without importing pandas.

pyarrow's own conversions import pandas, which takes longer than a short training. Here only buffers are
passed, and none is copied on the way into a table.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Numbers = npt.NDArray[Any]


def table(schema: pa.Schema, columns: Sequence[Numbers]) -> pa.Table:
    """Return a table made of arrays [n] of numbers or booleans, each cast to its column's type."""
    arrays = [_array(field.type, values) for field, values in zip(schema, columns, strict=True)]
    return pa.Table.from_arrays(arrays, schema=schema)


def _array(kind: pa.DataType, values: Numbers) -> pa.Array:
    if kind == pa.bool_():
        data = np.packbits(np.asarray(values, np.bool_), bitorder="little")
    else:
        data = np.ascontiguousarray(values, _dtype(kind))
    return pa.Array.from_buffers(kind, len(values), [None, pa.py_buffer(data)])


def numbers(column: pa.Array | pa.ChunkedArray) -> Numbers:
    """Return a column of numbers or booleans as an array [n]; raise ValueError if it has nulls."""
    chunks = column.chunks if isinstance(column, pa.ChunkedArray) else [column]
    dtype = _dtype(column.type)
    parts = [_part(chunk, dtype) for chunk in chunks]
    return parts[0] if len(parts) == 1 else np.concatenate([np.empty(0, dtype), *parts])


def _dtype(kind: pa.DataType) -> np.dtype[Any]:
    name = str(kind)  # numpy knows most of Arrow's names (int32, double); `to_pandas_dtype` needs pandas
    return np.dtype({"halffloat": "float16", "float": "float32"}.get(name, name))


def _part(chunk: pa.Array, dtype: np.dtype[Any]) -> Numbers:
    if chunk.null_count:
        raise ValueError("a column of numbers contains nulls")
    if not len(chunk):
        return np.empty(0, dtype)
    if dtype == np.bool_:
        bits = np.frombuffer(chunk.buffers()[1], np.uint8)
        return np.unpackbits(bits, count=chunk.offset + len(chunk), bitorder="little")[chunk.offset :].view(
            np.bool_
        )
    return np.frombuffer(chunk.buffers()[1], dtype, len(chunk), chunk.offset * dtype.itemsize)
