"""Writing runs directly into MLflow's tables: the rows that MLflow would write, in few transactions."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from qsweep.tracking.tables.curve_rows import COLUMNS, Curve, latest_rows
from qsweep.tracking.tables.database import Database, Transaction
from qsweep.tracking.users import UNKNOWN, USER

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
_STATUS = "UPDATE runs SET status = ?, end_time = coalesce(?, end_time) WHERE run_uuid = ?"
_NAMED = "FROM experiments WHERE name = ? AND workspace = 'default'"
_EXPERIMENT_TAG = """
INSERT INTO experiment_tags (key, value, experiment_id) VALUES (?, ?, ?) ON CONFLICT DO NOTHING
"""

_CHANGED_EXPERIMENT_TAG = """
INSERT INTO experiment_tags (key, value, experiment_id) VALUES (?, ?, ?)
ON CONFLICT (key, experiment_id) DO UPDATE SET value = excluded.value
"""


class Unwritable(Exception):
    """Nothing was written: the run or its experiment is missing or deleted."""


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
    params: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class RunChanges:
    """Changes to a run, made together. status: None if it stays. ended: ms since 1970; None if it stays."""

    curves: Sequence[Curve] = ()
    tags: Mapping[str, str] = field(default_factory=dict)
    status: str | None = None
    ended: int | None = None


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

    def experiment_tags(self, experiment_id: int) -> Mapping[str, str]:
        """Return the tags of an experiment."""
        asked = "SELECT key, value FROM experiment_tags WHERE experiment_id = ?"
        return {str(key): str(value) for key, value in self.database.read(asked, (experiment_id,))}

    def tag_experiment(self, experiment_id: int, key: str, value: str) -> None:
        """Set a tag of an experiment, which may have it already."""

        def change(transaction: Transaction) -> None:
            transaction.run(_CHANGED_EXPERIMENT_TAG, [(key, value, experiment_id)])

        self.database.write(change)

    def create(self, run: NewRun) -> None:
        """Create a run. Raises Unwritable if its experiment has been deleted."""

        def change(transaction: Transaction) -> None:
            stage = "SELECT lifecycle_stage FROM experiments WHERE experiment_id = ?"
            if transaction.rows(stage, (run.experiment_id,)) != [("active",)]:
                raise Unwritable(run.experiment_id)
            user = run.tags.get(USER, UNKNOWN)
            row = (run.run_id, run.name, user, run.started, run.artifact_uri, run.experiment_id)
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
            if changes.curves:
                transaction.add_points(run_id, changes.curves)
                transaction.run(_LATEST, latest_rows(run_id, changes.curves))
            if changes.tags:
                transaction.run(_TAG, _of_run(run_id, changes.tags))
            if changes.status:
                transaction.rows(_STATUS, (changes.status, changes.ended, run_id))

        self.database.write(change)

    def last_step(self, run_id: str, key: str) -> int:
        """Return the highest step of a metric; -1 if it has none."""
        [(step,)] = self.database.read(
            "SELECT max(step) FROM metrics WHERE run_uuid = ? AND key = ?", (run_id, key)
        )
        return -1 if step is None else int(step)


def _of_run(run_id: str, values: Mapping[str, str]) -> Iterable[tuple[str, str, str]]:
    return [(key, value, run_id) for key, value in values.items()]
