"""Writing runs directly into MLflow's tables: the rows that MLflow would write, in few transactions."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from qsweep.tracking.tables.curve_rows import COLUMNS, Curve, Row
from qsweep.tracking.tables.database import Database, Transaction

_KEY = re.compile(r"[\w.\-][/\w.\- :]{0,249}")
_RUN = (
    "run_uuid, name, source_type, source_name, entry_point_name, user_id, status, start_time,"
    " source_version, lifecycle_stage, artifact_uri, experiment_id"
)
_CREATE_RUN = f"""
INSERT INTO runs ({_RUN})
VALUES (?, ?, 'UNKNOWN', '', '', ?, 'RUNNING', ?, '', 'active', ?, ?) ON CONFLICT DO NOTHING
"""  # noqa: S608
_LATEST = f"""
INSERT INTO latest_metrics ({", ".join(COLUMNS)}) VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (key, run_uuid) DO UPDATE SET
  value = excluded.value, timestamp = excluded.timestamp,
  step = excluded.step, is_nan = excluded.is_nan
WHERE (excluded.step, excluded.timestamp, excluded.value)
  > (latest_metrics.step, latest_metrics.timestamp, latest_metrics.value)
"""  # noqa: S608
_PARAM = "INSERT INTO params (key, value, run_uuid) VALUES (?, ?, ?) ON CONFLICT DO NOTHING"
_TAG = """
INSERT INTO tags (key, value, run_uuid) VALUES (?, ?, ?)
ON CONFLICT (key, run_uuid) DO UPDATE SET value = excluded.value
"""
_CREATE_EXPERIMENT = """
INSERT INTO experiments (name, artifact_location, lifecycle_stage, creation_time, last_update_time, workspace)
VALUES (?, ?, 'active', ?, ?, 'default') ON CONFLICT DO NOTHING
"""
_NAMED = "FROM experiments WHERE name = ? AND workspace = 'default'"
_EXPERIMENT_TAG = """
INSERT INTO experiment_tags (key, value, experiment_id) VALUES (?, ?, ?) ON CONFLICT DO NOTHING
"""
_INFO = "experiment_id, user_id, status, start_time, end_time, lifecycle_stage, artifact_uri, name"


class Unwritable(Exception):
    """Nothing was written: the run is missing or deleted, or a param would change its value."""


@dataclass(frozen=True)
class Experiment:
    """A row of `experiments`. location: the folder or URI of its runs' artifacts."""

    experiment_id: int
    location: str
    active: bool


@dataclass(frozen=True)
class NewRun:
    """A run to be created. started: ms since 1970. tags: including MLflow's own."""

    run_id: str
    name: str
    experiment_id: int
    artifact_uri: str
    started: int
    user: str = "unknown"
    params: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class End:
    """A run's new status and its end in ms since 1970; RUNNING for a resumed run."""

    status: str
    ended: int | None


@dataclass(frozen=True)
class RunChanges:
    """Changes to a run, made together. latest: the latest row of each key of the curves."""

    curves: Sequence[Curve] = ()
    latest: Sequence[Row] = ()
    params: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    end: End | None = None


def is_plain(key: str) -> bool:
    """Return True if MLflow certainly accepts this name for a metric, param or tag."""
    return _KEY.fullmatch(key) is not None and posixpath.normpath(key) == key and not key.startswith("..")


class RunTables:
    """MLflow's tables of experiments and runs; each method is one transaction."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def experiment(self, name: str, location: str, tags: Mapping[str, str], now: int) -> Experiment:
        """Return the experiment with a name, created with `location` and `tags` if there is none."""

        def change(transaction: Transaction) -> None:
            transaction.run(_CREATE_EXPERIMENT, [(name, location, now, now)])
            [(number,)] = transaction.rows(f"SELECT experiment_id {_NAMED}", (name,))
            rows = [(key, value, number) for key, value in tags.items()]
            transaction.run(_EXPERIMENT_TAG, rows)

        found = self._experiment(name)
        if found is None:
            self.database.write(change)
            found = self._experiment(name)
            assert found is not None
        return found

    def _experiment(self, name: str) -> Experiment | None:
        asked = f"SELECT experiment_id, artifact_location, lifecycle_stage {_NAMED}"
        found = self.database.read(asked, (name,))
        return Experiment(found[0][0], found[0][1], found[0][2] == "active") if found else None

    def info(self, run_id: str) -> tuple[Any, ...]:
        """Return the arguments of MLflow's RunInfo after the id."""
        [row] = self.database.read(f"SELECT {_INFO} FROM runs WHERE run_uuid = ?", (run_id,))  # noqa: S608
        return (str(row[0]), *row[1:])

    def create(self, run: NewRun) -> None:
        """Create a run. Raises Unwritable if its experiment has been deleted."""

        def change(transaction: Transaction) -> None:
            stage = "SELECT lifecycle_stage FROM experiments WHERE experiment_id = ?"
            if transaction.rows(stage, (run.experiment_id,)) != [("active",)]:
                raise Unwritable(run.experiment_id)
            row = (run.run_id, run.name, run.user, run.started, run.artifact_uri, run.experiment_id)
            transaction.rows(_CREATE_RUN, row)
            transaction.run(_TAG, _of_run(run.run_id, run.tags))
            transaction.run(_PARAM, _of_run(run.run_id, run.params))

        self.database.write(change)

    def add(self, run_id: str, changes: RunChanges) -> None:
        """Change a run. Raises Unwritable if it is missing or deleted."""

        def change(transaction: Transaction) -> None:
            stage = "SELECT lifecycle_stage FROM runs WHERE run_uuid = ?"
            if transaction.rows(stage, (run_id,)) != [("active",)]:
                raise Unwritable(run_id)
            _add_params(transaction, run_id, changes.params)
            if changes.curves:
                transaction.add_points(run_id, changes.curves)
                transaction.run(_LATEST, sorted(changes.latest))  # sorted: another order might deadlock
            if changes.tags:
                transaction.run(_TAG, _of_run(run_id, changes.tags))
            if changes.end:
                end = (changes.end.status, changes.end.ended, run_id)
                transaction.rows("UPDATE runs SET status = ?, end_time = ? WHERE run_uuid = ?", end)

        self.database.write(change)

    def last_step(self, run_id: str, key: str) -> int:
        """Return the highest step of a metric; -1 if it has none."""
        [(step,)] = self.database.read(
            "SELECT max(step) FROM metrics WHERE run_uuid = ? AND key = ?", (run_id, key)
        )
        return -1 if step is None else int(step)


def _add_params(transaction: Transaction, run_id: str, params: Mapping[str, str]) -> None:
    if not params:
        return
    known = dict(transaction.rows("SELECT key, value FROM params WHERE run_uuid = ?", (run_id,)))
    if any(known.get(key, value) != value for key, value in params.items()):
        raise Unwritable(run_id)
    transaction.run(_PARAM, _of_run(run_id, params))


def _of_run(run_id: str, values: Mapping[str, str]) -> Iterable[tuple[str, str, str]]:
    return [(key, value, run_id) for key, value in values.items()]
