"""Files from elsewhere: read within limits, and without running anything that is in them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from qsweep.errors import one_line

MOST_TEXT = 64 * 2**20
"""Bytes of a text file at most; a grid of 100,000 learned edges takes a few million."""
MOST_YAML = 2**20
"""Bytes of a config at most: ours have two thousand, and YAML is slow to read."""
DEEPEST = 100
"""Values within each other in a config at most: ours have five, and scanning takes the square of them."""
MOST_ROWS = 2**27
"""Rows of a table of episodes at most: a gigabyte a column."""


def read_json(path: Path) -> Any:
    """The values in a JSON file.

    Raises ValueError where it is too large or malformed.
    """
    return json.loads(_text(path, MOST_TEXT))


def read_yaml(path: Path) -> Any:
    """The plain values in a YAML file.

    Raises ValueError where it is too large, too deep, malformed, or says one thing by reference to another:
    a few lines of references make billions of values.
    """
    import yaml

    text = _text(path, MOST_YAML)
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
        if depth > DEEPEST:
            raise ValueError(f"its values are nested more than {DEEPEST} deep")


def read_columns(path: Path, columns: Sequence[str] | None = None) -> Mapping[str, Any]:
    """Columns of a Parquet file of plain numbers, by their names: arrays [rows].

    Raises ValueError where it has too many rows, or something other than numbers.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    from qsweep.system import arrow

    file = pq.ParquetFile(path, page_checksum_verification=True)
    rows = file.metadata.num_rows
    if rows > MOST_ROWS:
        raise ValueError(f"it claims {rows:,} rows; at most {MOST_ROWS:,} are read")
    plain = (pa.types.is_integer, pa.types.is_floating, pa.types.is_boolean)
    for field in file.schema_arrow:
        if not any(is_plain(field.type) for is_plain in plain):
            raise ValueError(f"its column {field.name} contains {field.type}, not numbers")
    table = file.read(columns=None if columns is None else list(columns))
    missing = set(columns or ()) - set(table.column_names)
    if missing or any(column.null_count for column in table.columns):
        raise ValueError(f"it lacks {', '.join(sorted(missing)) or 'values'}")
    return {name: arrow.numbers(table.column(name)) for name in table.column_names}


def _text(path: Path, most: int) -> str:
    with path.open("rb") as file:
        data = file.read(most + 1)
    if len(data) > most:
        raise ValueError(f"it is larger than {most:,} bytes")
    return data.decode()
