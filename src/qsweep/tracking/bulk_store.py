"""MLflow's store on SQL with what a run writes in few statements: same tables, same rows, less time.

MLflow loads it by the URI schemes `qsweep-sqlite` and `qsweep-postgresql`, through its
`mlflow.tracking_store` entry point; every reader may use the plain schemes on the same tables.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from mlflow.entities import (
    LifecycleStage,
    Metric,
    Param,
    Run,
    RunData,
    RunInfo,
    RunInputs,
    RunStatus,
    RunTag,
)
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import INVALID_STATE, TEMPORARILY_UNAVAILABLE
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore
from mlflow.utils.mlflow_tags import MLFLOW_RUN_NAME
from mlflow.utils.uri import append_to_uri_path
from mlflow.utils.validation import (
    _validate_batch_log_data,
    _validate_batch_log_limits,
    _validate_metric,
    _validate_param_keys_unique,
    _validate_run_id,
)

from qsweep.tracking import schema
from qsweep.tracking.curve_rows import LARGEST, Curve, Row, later
from qsweep.tracking.database import Database, DatabaseError
from qsweep.tracking.run_ids import new_run_id
from qsweep.tracking.run_tables import Batch, End, NewRun, RunTables, Unwritable
from qsweep.tracking.sqlite_database import SqliteDatabase
from qsweep.tracking.store import BULK_SCHEMES, versions_in


class BulkStore(SqlAlchemyStore):
    """A tracking store for `qsweep-sqlite:///FILE` and `qsweep-postgresql://HOST/DATABASE`.

    What is out of the ordinary goes MLflow's own way, so that MLflow judges it, and says what is wrong.
    Raises MlflowException where the tables are of a version that is not known here.
    """

    def __init__(self, store_uri: str, artifact_uri: str) -> None:
        opened = _OPENED[store_uri.partition(":")[0]](store_uri)
        if not opened.versions or not schema.KNOWN.issuperset(opened.versions):
            found, known = (", ".join(versions) or "none" for versions in (opened.versions, schema.KNOWN))
            message = f"{store_uri} has tables of version {found}, and qsweep knows {known}"
            raise MlflowException(f"{message}; MLflow's own scheme may take it", INVALID_STATE)
        super().__init__(opened.sqlalchemy_uri, artifact_uri)
        self._tables = RunTables(opened.database)

    def create_run(
        self, experiment_id: str, user_id: str, start_time: int, tags: Sequence[RunTag], run_name: str
    ) -> Run:
        """Create a run, in one transaction."""
        new = self._new_run(experiment_id, user_id, start_time, tags or (), run_name)
        if new is None or not self._written(lambda: self._tables.create(new)):
            made: Run = super().create_run(experiment_id, user_id, start_time, tags, run_name)
            return made
        active = (RunStatus.to_string(RunStatus.RUNNING), start_time, None, LifecycleStage.ACTIVE)
        info = RunInfo(new.run_id, str(new.experiment_id), user_id, *active, new.artifact_uri, run_name)
        own = [RunTag(key, value) for key, value in new.tags.items()]
        return Run(info, RunData([], [], own), RunInputs(dataset_inputs=[]))

    def _new_run(
        self, experiment_id: str, user_id: str, start_time: int, tags: Sequence[RunTag], run_name: str
    ) -> NewRun | None:
        values = {tag.key: tag.value for tag in tags}
        if not run_name or MLFLOW_RUN_NAME in values or len(values) < len(tags):
            return None
        number = str(experiment_id)
        with _as_mlflow():
            found = self._tables.experiment_of(int(number)) if re.fullmatch(r"\d{1,9}", number) else None
        if found is None or not found.active:
            return None
        run_id, values = new_run_id(), {**values, MLFLOW_RUN_NAME: run_name}
        artifacts = append_to_uri_path(found.location, run_id, self.ARTIFACTS_FOLDER_NAME)
        return NewRun(run_id, run_name, found.experiment_id, artifacts, start_time, user_id, tags=values)

    def update_run_info(
        self, run_id: str, run_status: int | None, end_time: int | None, run_name: str | None
    ) -> RunInfo:
        """Change a run's status; any other change is MLflow's own."""
        end = None
        if run_status is not None and end_time is not None and not run_name:
            end = End(RunStatus.to_string(run_status), end_time)
        if end is None or not self._written(lambda: self._tables.add(run_id, Batch(end=end))):
            changed: RunInfo = super().update_run_info(run_id, run_status, end_time, run_name)
            return changed
        return RunInfo(run_id, *self._tables.info(run_id))

    def log_batch(
        self,
        run_id: str,
        metrics: Sequence[Metric],
        params: Sequence[Param],
        tags: Sequence[RunTag],
    ) -> None:
        """Log metrics, params and tags, in one transaction."""
        _validate_run_id(run_id)
        _, params, tags = _validate_batch_log_data([], params, tags)
        _validate_batch_log_limits(metrics, params, tags)
        _validate_param_keys_unique(params)
        _check(metrics)
        plain = all(metric.model_id is None for metric in metrics) and all(
            tag.key != MLFLOW_RUN_NAME for tag in tags
        )
        values = {param.key: param.value for param in params}, {tag.key: tag.value for tag in tags}
        if not plain or not self._written(lambda: self._tables.add(run_id, _batch(run_id, metrics, *values))):
            super().log_batch(run_id, metrics, params, tags)

    def _written(self, write: Callable[[], None]) -> bool:
        """Whether a change was made; where it was refused, MLflow is to say why."""
        try:
            with _as_mlflow():
                write()
        except Unwritable:
            return False
        return True


@contextmanager
def _as_mlflow() -> Iterator[None]:
    """Let the database's errors be those that MLflow raises for them."""
    try:
        yield
    except DatabaseError as error:
        raise MlflowException(str(error), TEMPORARILY_UNAVAILABLE) from error


def _check(metrics: Sequence[Metric]) -> None:
    """Raise what MLflow raises; its own check is slow: once for each key, and for all not plainly right."""
    checked: set[str] = set()
    for index, metric in enumerate(metrics):
        kinds = (type(metric.value), type(metric.timestamp), type(metric.step))
        if metric.key not in checked or kinds != (float, int, int) or metric.timestamp < 0:
            path = f"metrics[{index}]"
            _validate_metric(metric.key, metric.value, metric.timestamp, metric.step, path=path)
            checked.add(metric.key)


def _batch(run_id: str, metrics: Iterable[Metric], params: dict[str, str], tags: dict[str, str]) -> Batch:
    """Metrics as curves, and of each key the latest."""
    curves: dict[tuple[str, bool], Curve] = {}
    latest: dict[str, Row] = {}
    for metric in metrics:
        given = float(metric.value)
        nan = math.isnan(given)
        value = 0.0 if nan else min(max(given, -LARGEST), LARGEST)
        key = metric.key, nan
        curve = curves.get(key)
        if curve is None:
            curve = curves[key] = Curve(*key, [], [], [])
        curve.timestamps.append(metric.timestamp)
        curve.steps.append(metric.step)
        curve.values.append(value)
        row = (metric.key, value, metric.timestamp, metric.step, nan, run_id)
        latest[metric.key] = later(latest.get(metric.key, row), row)
    return Batch(list(curves.values()), list(latest.values()), params, tags)


@dataclass(frozen=True)
class _Opened:
    sqlalchemy_uri: str
    versions: Sequence[str]
    database: Database


def _sqlite(uri: str) -> _Opened:
    file = Path(uri.partition(":///")[2])
    database = SqliteDatabase(file)
    with _as_mlflow():
        return _Opened(f"sqlite:///{file}", versions_in(database), database)


def _postgresql(uri: str) -> _Opened:
    from qsweep.tracking import postgresql_database as postgresql

    plain = uri.replace(BULK_SCHEMES["postgresql"], "postgresql", 1)
    database = postgresql.PostgresqlDatabase(plain)
    return _Opened(postgresql.sqlalchemy_uri(plain), postgresql.versions(plain) or [], database)


_OPENED: dict[str, Callable[[str], _Opened]] = {
    BULK_SCHEMES["sqlite"]: _sqlite,
    BULK_SCHEMES["postgresql"]: _postgresql,
}
