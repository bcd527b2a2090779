"""Recording through MLflow's client: for tracking servers, and for schemas unknown to `run_tables`."""

from __future__ import annotations

import time
from collections.abc import Mapping
from functools import cache, cached_property
from pathlib import Path

from mlflow.entities import Metric, Param, Run, RunTag
from mlflow.exceptions import MlflowException

from qsweep.errors import Problem, UsageError
from qsweep.system.liveness import HEARTBEAT
from qsweep.tracking.client.unsent import BATCH, BufferedLog, FallbackRunLog
from qsweep.tracking.continued import ContinuedRunLog
from qsweep.tracking.curves import Points
from qsweep.tracking.heartbeat import Heartbeat, sign_of_life
from qsweep.tracking.places import as_location, experiment_folder, place_of
from qsweep.tracking.run_files import keep_file
from qsweep.tracking.run_search import discard
from qsweep.tracking.store import Store
from qsweep.tracking.stored_run import milliseconds
from qsweep.tracking.tracker import (
    EXPERIMENT_TAGS,
    RunLog,
    RunRecord,
    Status,
    Tracker,
    deleted,
    run_tags,
)

FLUSH_SECONDS = 5.0


class MlflowTracker(Tracker):
    """Records runs in an MLflow store."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._experiment = cache(self._find_or_create)

    def open(self, record: RunRecord) -> RunLog:
        """Create the run, with its params and tags.

        Raises UsageError if its experiment has been deleted, or belongs to another user.
        """
        client = self._store.client
        run = self._create(record)
        log = MlflowRunLog(self._store, run.info.run_id)
        try:
            params = [Param(key, value) for key, value in record.params.items()]
            client.log_batch(run.info.run_id, params=params)
        except BaseException:
            log.close("FAILED", {}, {})
            raise
        return self._with_fallback(log)

    def _create(self, record: RunRecord) -> Run:
        experiment = self._experiment(record.experiment)
        try:
            return self._store.client.create_run(experiment, tags=run_tags(record), run_name=record.name)
        except MlflowException as error:
            if error.error_code != "PERMISSION_DENIED":
                raise
            rule = "must be an experiment to which this user may add runs"
            remedy = "ask its owner for EDIT permission, or use another name"
            raise UsageError([Problem("tracking.experiment", rule, record.experiment, remedy)]) from None

    def _with_fallback(self, log: MlflowRunLog) -> RunLog:
        """Return a run's log; for a server, one that saves locally what cannot be sent."""
        return FallbackRunLog(log, self._store) if self._store.artifacts is None else log

    def reopen(self, run_id: str, record: RunRecord) -> ContinuedRunLog:
        """Resume a run that has ended; points it has already logged are skipped."""
        client = self._store.client
        tags = [RunTag(key, value) for key, value in {**record.tags, **sign_of_life()}.items()]
        client.log_batch(run_id, tags=tags)
        client.update_run(run_id, status="RUNNING")

        def logged(key: str) -> int:
            return max((metric.step for metric in client.get_metric_history(run_id, key)), default=-1)

        return ContinuedRunLog(self._with_fallback(MlflowRunLog(self._store, run_id)), logged)

    def discard(self, run_id: str) -> None:
        """Delete a run that has ended, and that a later one replaces."""
        discard(self._store, run_id)

    def _find_or_create(self, name: str) -> str:
        client, artifacts = self._store.client, self._store.artifacts
        found = client.get_experiment_by_name(name)
        if found is None:
            location = as_location(experiment_folder(artifacts, name)) if artifacts else None
            try:
                created: str = client.create_experiment(name, location, EXPERIMENT_TAGS)
                return created
            except MlflowException as error:
                found = client.get_experiment_by_name(name)
                if found is None:  # else another process created it first
                    raise error
        if found.lifecycle_stage != "active":
            raise deleted(name)
        place_of(self._store, found.artifact_location)  # raises if it is outside the store
        existing: str = found.experiment_id
        return existing


class MlflowRunLog(BufferedLog):
    """The log of one MLflow run; metrics are sent in batches."""

    def __init__(self, store: Store, run_id: str) -> None:
        self.run_id = run_id
        self._store, self._client = store, store.client
        self.buffered = []
        self._flushed = time.monotonic()
        self._heartbeat = Heartbeat(lambda now: self._client.set_tag(run_id, HEARTBEAT, now))

    def log(self, points: Points) -> None:
        """Record points of curves; the step is the episode."""
        now = milliseconds()
        steps = points.episodes.tolist()
        for key, values in points.values.items():
            pairs = zip(steps, values.tolist(), strict=True)
            self.buffered += [Metric(key, value, now, step) for step, value in pairs]
        if len(self.buffered) >= BATCH or time.monotonic() - self._flushed > FLUSH_SECONDS:
            self._flush()

    def _flush(self) -> None:
        while self.buffered:
            self._client.log_batch(self.run_id, metrics=self.buffered[:BATCH], synchronous=True)
            del self.buffered[:BATCH]
        self._flushed = time.monotonic()

    def keep(self, file: Path, folder: str = "") -> None:
        """Upload a file as an artifact."""
        keep_file(self._store, self.run_id, self._artifacts, file, folder)

    @cached_property
    def _artifacts(self) -> str:
        return str(self._client.get_run(self.run_id).info.artifact_uri) if self._store.artifacts else ""

    def close(self, status: Status, metrics: Mapping[str, float], tags: Mapping[str, str]) -> None:
        """Send buffered metrics, then end the run."""
        self._heartbeat.stop()
        now = milliseconds()
        self.buffered += [Metric(key, value, now, 0) for key, value in metrics.items()]
        try:
            self._flush()
            last = [RunTag(key, value) for key, value in tags.items()]
            self._client.log_batch(self.run_id, tags=last)
        except BaseException:
            status = "FAILED"  # a run without its results is not finished
            raise
        finally:
            self._client.set_terminated(self.run_id, status)
