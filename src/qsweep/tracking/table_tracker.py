"""Recording directly in MLflow's tables on SQLite or PostgreSQL, without importing MLflow."""

from __future__ import annotations

import errno
import posixpath
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from qsweep.errors import Problem, UsageError
from qsweep.system.liveness import HEARTBEAT
from qsweep.tracking.continued import ContinuedRunLog
from qsweep.tracking.curves import Points
from qsweep.tracking.heartbeat import Heartbeat, sign_of_life
from qsweep.tracking.places import as_location, current_location, experiment_folder
from qsweep.tracking.run_files import keep_file
from qsweep.tracking.run_ids import new_run_id
from qsweep.tracking.run_search import discard, run_of
from qsweep.tracking.store import Store
from qsweep.tracking.stored_run import milliseconds
from qsweep.tracking.tables.curve_rows import Logged, curves_of
from qsweep.tracking.tables.database import DatabaseError
from qsweep.tracking.tables.run_tables import NewRun, RunChanges, RunTables, is_plain
from qsweep.tracking.tracker import (
    EXPERIMENT_TAGS,
    LONGEST_PARAM,
    LONGEST_TAG,
    RunLog,
    RunRecord,
    Status,
    Tracker,
    deleted,
    run_tags,
)

FLUSH_POINTS = 20_000
"""Points per transaction, which blocks other writers for about 0.05 s."""
FLUSH_SECONDS = 5.0


class TableTracker(Tracker):
    """Records runs in the tables of a store."""

    def __init__(self, store: Store, tables: RunTables) -> None:
        self._store = store
        self._tables = tables

    def open(self, record: RunRecord) -> RunLog:
        """Create the run, with its params and tags, in one transaction.

        Raises UsageError if its experiment has been deleted, or the store cannot be written.
        """
        if not all(is_plain(key) for key in (*record.params, *record.tags)):
            from qsweep.tracking.client.mlflow_tracker import MlflowTracker  # it validates such names

            return MlflowTracker(self._store).open(record)
        try:
            run = self._create(record)
        except DatabaseError as error:
            rule = "the store did not accept the run"
            raise UsageError([Problem("tracking.uri", rule, self._store.uri, str(error))]) from error
        keep = partial(keep_file, self._store, run.run_id, run.artifact_uri)
        return TableRunLog(self._tables, run.run_id, keep)

    def _create(self, record: RunRecord) -> NewRun:
        now, run_id = milliseconds(), new_run_id()
        folder = self._store.artifacts
        location = as_location(experiment_folder(folder, record.experiment)) if folder else ""
        experiment = self._tables.experiment(record.experiment, location, EXPERIMENT_TAGS, now)
        if not experiment.active:
            raise deleted(record.experiment)
        artifacts = _artifact_uri(current_location(self._store, experiment.location), run_id)
        params = {key: value[:LONGEST_PARAM] for key, value in record.params.items()}
        tags = {**run_tags(record), "mlflow.runName": record.name}
        number = experiment.experiment_id
        run = NewRun(run_id, record.name, number, artifacts, now, params=params, tags=tags)
        self._tables.create(run)
        return run

    def reopen(self, run_id: str, record: RunRecord) -> RunLog:
        """Resume a run that has ended; points it has already logged are skipped."""
        artifacts = run_of(self._store, run_id).artifacts
        kept = {key: value[:LONGEST_TAG] for key, value in record.tags.items()} | sign_of_life()
        self._tables.add(run_id, RunChanges(tags=kept, status="RUNNING"))
        log = TableRunLog(self._tables, run_id, partial(keep_file, self._store, run_id, artifacts))
        return ContinuedRunLog(log, partial(self._tables.last_step, run_id))

    def discard(self, run_id: str) -> None:
        """Delete a run that has ended, and that a later one replaces."""
        discard(self._store, run_id)


class TableRunLog(RunLog):
    """The log of a run in MLflow's tables; points are written in batches. keep: saves a file in a folder."""

    def __init__(self, tables: RunTables, run_id: str, keep: Callable[[Path, str], Path | None]) -> None:
        self.run_id = run_id
        self._tables = tables
        self._keep = keep
        self._kept: list[Path] = []
        self._logged: list[Logged] = []
        self._points = 0
        self._flushed = time.monotonic()
        self._heartbeat = Heartbeat(lambda now: tables.add(run_id, RunChanges(tags={HEARTBEAT: now})))

    def log(self, points: Points) -> None:
        """Record points of curves; the step is the episode."""
        self._logged.append((points, milliseconds()))
        self._points += len(points.episodes) * len(points.values)
        if self._points >= FLUSH_POINTS or time.monotonic() - self._flushed > FLUSH_SECONDS:
            self._flush(RunChanges())

    def _flush(self, changes: RunChanges) -> None:
        """Write the buffered points, together with other changes."""
        self._tables.add(self.run_id, replace(changes, curves=list(curves_of(self._logged))))
        self._logged, self._points = [], 0
        self._flushed = time.monotonic()

    def keep(self, file: Path, folder: str = "") -> None:
        """Save a file as an artifact; it must not be written to afterwards."""
        if path := self._keep(file, folder):
            self._kept.append(path)

    def close(self, status: Status, metrics: Mapping[str, float], tags: Mapping[str, str]) -> None:
        """Write the buffered points and end the run, in one transaction."""
        self._heartbeat.stop()
        now = milliseconds()
        summary = {key: np.array([value], np.float64) for key, value in metrics.items()}
        self._logged.append((Points(np.zeros(1, np.int64), summary), now))
        try:
            if status == "FINISHED":
                self._check_files()
            kept = {key: value[:LONGEST_TAG] for key, value in tags.items()}
            self._flush(RunChanges(tags=kept, status=status, ended=now))
        except BaseException:
            # A run without its results is not finished.
            self._tables.add(self.run_id, RunChanges(status="FAILED", ended=milliseconds()))
            raise

    def _check_files(self) -> None:
        for path in self._kept:
            if not path.is_file():
                raise FileNotFoundError(
                    errno.ENOENT, "a file of the run was removed before the run ended", str(path)
                )


def _artifact_uri(location: str, run_id: str) -> str:
    """Return the artifact URI of a run, as MLflow forms it."""
    if location.startswith("/"):
        return posixpath.join(location, run_id, "artifacts")
    from mlflow.utils.uri import append_to_uri_path  # slow to import

    found: str = append_to_uri_path(location, run_id, "artifacts")
    return found
