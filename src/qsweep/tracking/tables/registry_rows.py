"""Reading the registry and the recorded places directly from MLflow's tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from qsweep.tracking.tables.database import Database

_VERSIONS = """
SELECT name, version, run_id, source, storage_location FROM model_versions
WHERE workspace = 'default' AND coalesce(current_stage, '') != 'Deleted_Internal' ORDER BY name, version
"""
_TAGS = "SELECT name, version, key, value FROM model_version_tags WHERE workspace = 'default'"
_ALIASES = "SELECT alias, version FROM registered_model_aliases WHERE workspace = 'default' AND name = ?"
_MODEL = "SELECT name FROM registered_models WHERE workspace = 'default' AND name = ?"


@dataclass(frozen=True)
class VersionRow:
    """A registered version, under the names of MLflow's entity.

    source: the location of its model's files, or models:/ID of a logged model.
    """

    name: str
    version: str
    run_id: str
    source: str
    tags: Mapping[str, str] = field(default_factory=dict)


def versions(database: Database) -> list[VersionRow]:
    """Return all versions, by model, oldest first. Values that are no text are left out."""
    tags: dict[tuple[Any, Any], dict[str, str]] = {}
    for name, version, key, value in database.read(_TAGS):
        if isinstance(key, str) and isinstance(value, str):
            tags.setdefault((name, version), {})[key] = value
    return [
        VersionRow(
            name, str(version), _text(run_id), _text(place) or _text(source), tags.get((name, version), {})
        )
        for name, version, run_id, source, place in database.read(_VERSIONS)
        if isinstance(name, str) and isinstance(version, int)
    ]


def aliases(database: Database, model: str) -> dict[str, str] | None:
    """Return the version that each alias of a model stands for; None if there is no such model."""
    if not database.read(_MODEL, (model,)):
        return None
    rows = database.read(_ALIASES, (model,))
    return {alias: str(version) for alias, version in rows if isinstance(alias, str)}


def models(database: Database) -> list[str]:
    """Return the names of all registered models."""
    rows = database.read("SELECT name FROM registered_models WHERE workspace = 'default' ORDER BY name")
    return [name for (name,) in rows if isinstance(name, str)]


@dataclass(frozen=True)
class LoggedModel:
    """A logged model: its id, the folder or URI of its files, its experiment and the run that made it."""

    model_id: str
    location: str
    experiment_id: str
    run_id: str


def logged_models(database: Database) -> list[LoggedModel]:
    """Return all logged models, also deleted ones."""
    rows = database.read(
        "SELECT model_id, artifact_location, experiment_id, source_run_id FROM logged_models"
    )
    return [LoggedModel(*map(_text, row)) for row in rows if isinstance(row[0], str)]


PLACES: Sequence[tuple[str, str, str]] = (
    ("experiments", "artifact_location", "name"),
    ("runs", "artifact_uri", "run_uuid"),
    ("logged_models", "artifact_location", "model_id"),
    ("model_versions", "source", "name"),
    ("model_versions", "storage_location", "name"),
)
"""Every table and column that names a place, and the column that says whose it is."""


def places(database: Database) -> Iterator[tuple[str, str, int, Any, Any]]:
    """Yield table, column, row id, owner and value of every place that is recorded.

    A column that this release of MLflow does not have names none.
    """
    found = database.tables(table for table, _, _ in PLACES)
    for table, column, owner in PLACES:
        if table not in found or not {column, owner} <= set(found[table].columns):
            continue
        asked = f"SELECT rowid, {owner}, {column} FROM {table} WHERE {column} IS NOT NULL"  # noqa: S608
        for row, name, value in database.read(asked):
            yield table, column, row, name, value


def _text(value: Any) -> str:
    return "" if value is None else str(value)
