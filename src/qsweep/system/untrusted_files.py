"""Untrusted files, read within limits and without executing anything in them."""

from __future__ import annotations

import errno
import json
import os
import stat
from collections.abc import Mapping, Sequence
from io import BufferedReader
from pathlib import Path
from typing import Any

from qsweep.errors import one_line

MAX_TEXT_BYTES = 64 * 2**20
"""The largest text file that is read, in bytes; a grid of 100,000 learned edges takes a few million."""
MAX_YAML_BYTES = 2**20
"""The largest YAML file that is read, in bytes; qsweep's configs have 2,000, and YAML is slow to read."""
MAX_DEPTH = 100
"""The deepest nesting of a YAML file that is read; qsweep's have 5, and scanning takes its square."""
MAX_ROWS = 2**27
"""The largest number of rows that is read of a Parquet file: a gigabyte per column."""


NO_FAILURES = (
    errno.ENOENT,
    errno.ENOTDIR,
    errno.EISDIR,
    errno.ELOOP,
    errno.ENAMETOOLONG,
    errno.EINVAL,
    errno.ENXIO,
)
"""The errors of the system that tell about a file or its name, not about a disk that fails."""


def opened(path: Path) -> BufferedReader:
    """Open a regular file for reading.

    Raises ValueError if it is a pipe or a device: reading one may never end.
    """
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise ValueError("it is no regular file")
        return os.fdopen(handle, "rb")
    except BaseException:
        os.close(handle)
        raise


def disk_failed(error: BaseException | None) -> bool:
    """Return whether an error comes from the disk or from permissions, which is no damage of a file."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        if isinstance(error, OSError) and error.errno is not None:
            return error.errno not in NO_FAILURES
        error = error.__cause__ or error.__context__
    return False


def read_json(path: Path) -> Any:
    """Return the values in a JSON file.

    Raises ValueError if the file is too large or malformed.
    """
    return json.loads(_text(path, MAX_TEXT_BYTES))


def read_yaml(path: Path) -> Any:
    """Return the plain values in a YAML file.

    Raises ValueError if the file is too large, nested too deeply, malformed, or has references: a few
    lines of references expand to billions of values.
    """
    import yaml

    text = _text(path, MAX_YAML_BYTES)
    try:
        _check_tokens(text)
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ValueError(one_line(error)) from None


def _check_tokens(text: str) -> None:
    import yaml

    depth = 0
    for token in yaml.scan(text, yaml.SafeLoader):
        if isinstance(token, yaml.AliasToken):
            raise ValueError("it contains references (*NAME), which are not supported")
        name = type(token).__name__
        if name.startswith(("Block", "Flow")):
            depth += name.endswith("StartToken") - name.endswith("EndToken")
        if depth > MAX_DEPTH:
            raise ValueError(f"its values are nested more than {MAX_DEPTH} deep")


def read_columns(path: Path, columns: Sequence[str] | None = None) -> Mapping[str, Any]:
    """Return columns of a Parquet file of plain numbers by name, as arrays [rows].

    Raises ValueError if the file has too many rows, values other than numbers, or a column is missing.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    from qsweep.system import arrow

    opened(path).close()
    file = pq.ParquetFile(path, page_checksum_verification=True)
    rows = file.metadata.num_rows
    if rows > MAX_ROWS:
        raise ValueError(f"it claims {rows:,} rows; at most {MAX_ROWS:,} are read")
    plain = (pa.types.is_integer, pa.types.is_floating, pa.types.is_boolean)
    for field in file.schema_arrow:
        if not any(is_plain(field.type) for is_plain in plain):
            raise ValueError(f"its column {field.name} contains {field.type}, not numbers")
    table = file.read(columns=None if columns is None else list(columns))
    missing = set(columns or ()) - set(table.column_names)
    if missing or any(column.null_count for column in table.columns):
        raise ValueError(f"it lacks {', '.join(sorted(missing)) or 'values'}")
    return {name: arrow.numbers(table.column(name)) for name in table.column_names}


def _text(path: Path, limit: int) -> str:
    with opened(path) as file:
        data = file.read(limit + 1)
    if len(data) > limit:
        raise ValueError(f"it is larger than {limit:,} bytes")
    return data.decode()
