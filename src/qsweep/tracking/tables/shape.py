"""The tables of MLflow that qsweep uses without MLflow, compared with those of a store.

A table can be used if a row that is written without MLflow is complete:

- It has every column that is named here, of the same kind: another kind means other values.
- A row may omit every other column: it accepts NULL or has a default, as in rows of other writers.
- Its unique keys are those named here and no others. ON CONFLICT depends on them. A column that separates the
  rows of several owners, as `workspace` does from MLflow 3.10 on, belongs to one, even if it has a default.
- It has no triggers: with them, a change has effects that were never compared with MLflow's.

Other indexes, lengths, foreign keys and CHECK constraints are not compared: a row that breaks one is refused,
which is an error and no wrong row. Two things cannot be seen in a schema: a further table that MLflow writes
with each run, and another meaning of a value. Therefore runs are compared row by row with those of several
releases (tests/tracking/tables/test_releases.py), and pyproject.toml excludes the next major release.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

TEXT, INTEGER, REAL, BOOLEAN = "text", "integer", "real", "boolean"
KINDS = {
    "VARCHAR": TEXT,
    "CHARACTER": TEXT,  # VARYING, in PostgreSQL
    "TEXT": TEXT,
    "INTEGER": INTEGER,
    "BIGINT": INTEGER,
    "FLOAT": REAL,
    "DOUBLE": REAL,  # PRECISION
    "BOOLEAN": BOOLEAN,
}
"""First word of a column's type -> its kind."""

Key = frozenset[str]
"""The columns of a primary key or unique index."""


@dataclass(frozen=True)
class Column:
    """A column of a store. type: as the database names it. required: a row cannot be added without it."""

    type: str
    required: bool


@dataclass(frozen=True)
class Table:
    """A table of a store. columns: by name, without generated ones."""

    columns: Mapping[str, Column]
    keys: frozenset[Key]
    triggers: bool


@dataclass(frozen=True)
class Known:
    """A table as it is used. written: the kinds of the columns that a new row is given; read: of others."""

    written: Mapping[str, str]
    keys: frozenset[Key]
    read: Mapping[str, str]


def _known(*keys: str, read: Mapping[str, str] | None = None, **kinds: str) -> Known:
    """Return a table from the names of its columns by kind, and the columns of its keys, in words."""
    written = {name: kind for kind, names in kinds.items() for name in names.split()}
    return Known(written, frozenset(frozenset(key.split()) for key in keys), read or {})


def _point(key: str) -> Known:
    return _known(key, text="key run_uuid", real="value", integer="timestamp step", boolean="is_nan")


RUNS = {
    "experiments": _known(
        "experiment_id",
        "workspace name",
        text="name artifact_location lifecycle_stage workspace",
        integer="creation_time last_update_time",
        read={"experiment_id": INTEGER},
    ),
    "experiment_tags": _known("key experiment_id", text="key value", integer="experiment_id"),
    "runs": _known(
        "run_uuid",
        text="run_uuid name source_type source_name entry_point_name user_id status source_version"
        " lifecycle_stage artifact_uri",
        integer="start_time experiment_id",
        read={"end_time": INTEGER},
    ),
    "metrics": _point("key timestamp step run_uuid value is_nan"),
    "latest_metrics": _point("key run_uuid"),
    "params": _known("key run_uuid", text="key value run_uuid"),
    "tags": _known("key run_uuid", text="key value run_uuid"),
}
"""The tables of experiments and runs."""
REGISTRY = {
    "logged_models": _known(
        "model_id",
        text="model_id name artifact_location lifecycle_stage source_run_id",
        integer="experiment_id creation_timestamp_ms last_updated_timestamp_ms status",
    ),
    "logged_model_metrics": _known(
        "model_id metric_name metric_timestamp_ms metric_step run_id",
        text="model_id metric_name run_id",
        integer="metric_timestamp_ms metric_step experiment_id",
        real="metric_value",
    ),
    "registered_models": _known(
        "workspace name", text="name description workspace", integer="creation_time last_updated_time"
    ),
    "model_versions": _known(
        "workspace name version",
        text="name current_stage source run_id status storage_location workspace",
        integer="version creation_time last_updated_time",
    ),
    "model_version_tags": _known(
        "workspace key name version", text="key value name workspace", integer="version"
    ),
    "registered_model_aliases": _known(
        "workspace name alias", text="alias name workspace", integer="version"
    ),
}
"""The tables of models, which are written in local stores only."""


def described(
    columns: Iterable[tuple[Any, ...]], keys: Iterable[tuple[Any, ...]], triggers: Iterable[tuple[Any, ...]]
) -> dict[str, Table]:
    """Return tables by name from rows about their schema.

    columns: table, column, type, whether it is required. keys: table, unique key, column, one row per column.
    triggers: table.
    """
    of_table: dict[str, dict[str, Column]] = defaultdict(dict)
    for table, name, kind, required in columns:
        of_table[table][name] = Column(kind, bool(required))
    of_key: dict[tuple[str, str], set[str]] = defaultdict(set)
    for table, key, name in keys:
        of_key[table, key].add(name or "an expression")
    with_triggers = {table for (table,) in triggers}
    return {
        table: Table(
            found,
            frozenset(frozenset(names) for (owner, _), names in of_key.items() if owner == table),
            table in with_triggers,
        )
        for table, found in of_table.items()
    }


def difference(found: Mapping[str, Table], known: Mapping[str, Known]) -> str:
    """Return the first difference that forbids using a store's tables, in words; empty if there is none."""
    for name, table in known.items():
        if name not in found:
            return f"there is no table {name}"
        for problem in _problems(table, found[name]):
            return f"in table {name}, {problem}"
    return ""


def _problems(known: Known, found: Table) -> Iterator[str]:
    for column, kind in {**known.written, **known.read}.items():
        if column not in found.columns:
            yield f"column {column} does not exist"
        elif _kind(found.columns[column].type) != kind:
            yield f"column {column} has type {found.columns[column].type or 'none'}, not {kind}"
    for column, about in found.columns.items():
        if about.required and column not in known.written:
            yield f"column {column} is new and must not be empty"
    if found.keys != known.keys:
        yield f"the unique keys are {_words(found.keys)}, not {_words(known.keys)}"
    if found.triggers:
        yield "there are triggers"


def _kind(type_name: str) -> str | None:
    word = re.match(r"\w*", type_name)
    return KINDS.get(word[0].upper()) if word else None


def _words(keys: Iterable[Key]) -> str:
    return " and ".join(f"({', '.join(key)})" for key in sorted(map(sorted, keys))) or "none"
