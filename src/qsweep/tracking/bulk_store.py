"""MLflow's SQLite store with metrics inserted in bulk: same tables, same rows, less time.

MLflow loads it by the URI scheme `qsweep-sqlite`, through its `mlflow.tracking_store` entry point;
everything else, and every reader, uses the plain `sqlite` scheme on the same file.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Any

from mlflow.entities import Metric, Param, RunTag
from mlflow.store.tracking.dbmodels.models import SqlLatestMetric, SqlMetric
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore
from mlflow.utils.validation import _validate_metric

from qsweep.tracking.store import BULK_SCHEME

LARGEST = 1.7976931348623157e308
"""What MLflow stores for infinity."""
COLUMNS = ("key", "value", "timestamp", "step", "is_nan", "run_uuid")

_INSERT = f"INSERT OR IGNORE INTO metrics ({', '.join(COLUMNS)}) VALUES (?, ?, ?, ?, ?, ?)"  # noqa: S608
_UPSERT = f"""
INSERT INTO latest_metrics ({", ".join(COLUMNS)}) VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (key, run_uuid) DO UPDATE SET
  value = excluded.value, timestamp = excluded.timestamp,
  step = excluded.step, is_nan = excluded.is_nan
WHERE (excluded.step, excluded.timestamp, excluded.value) > (step, timestamp, value)
"""  # noqa: S608

Row = tuple[str, float, int, int, bool, str]


class BulkSqliteStore(SqlAlchemyStore):
    """A tracking store for `qsweep-sqlite:///FILE`."""

    def __init__(self, store_uri: str, artifact_uri: str) -> None:
        super().__init__(store_uri.replace(BULK_SCHEME, "sqlite", 1), artifact_uri)

    def log_batch(
        self,
        run_id: str,
        metrics: Sequence[Metric],
        params: Sequence[Param],
        tags: Sequence[RunTag],
    ) -> None:
        """Log metrics, params and tags; only metrics go another way than MLflow's own."""
        if not metrics or not _writes_all_of(metrics):
            super().log_batch(run_id, metrics, params, tags)
            return
        rows = _rows(run_id, metrics)
        super().log_batch(run_id, [], params, tags)  # checks the run, too
        with self.engine.begin() as connection:
            connection.exec_driver_sql(_INSERT, rows)
            connection.exec_driver_sql(_UPSERT, list(_latest(rows)))


def _writes_all_of(metrics: Iterable[Metric]) -> bool:
    """Whether the tables are those that this module knows, and no metric needs others as well."""
    known = all(
        {column.name for column in table.__table__.columns} == set(COLUMNS)
        for table in (SqlMetric, SqlLatestMetric)
    )
    return known and all(metric.model_id is None for metric in metrics)


def _rows(run_id: str, metrics: Iterable[Metric]) -> list[Row]:
    """Metrics as MLflow's rows, without repeats, in order."""
    rows: dict[Row, None] = {}
    checked: set[str] = set()
    for metric in metrics:
        # MLflow's own check is slow: once for each key, and for all that is not plainly right.
        kinds = (type(metric.value), type(metric.timestamp), type(metric.step))
        if metric.key not in checked or kinds != (float, int, int) or metric.timestamp < 0:
            _validate_metric(metric.key, metric.value, metric.timestamp, metric.step)
            checked.add(metric.key)
        value = float(metric.value)
        nan = math.isnan(value)
        stored = 0.0 if nan else min(max(value, -LARGEST), LARGEST)
        rows[(metric.key, stored, metric.timestamp, metric.step, nan, run_id)] = None
    return list(rows)


def _latest(rows: Iterable[Row]) -> Iterable[Row]:
    """Of each key the row that is latest: by step, then timestamp, then value; the first of equals."""
    by_key: Any = groupby(sorted(rows, key=lambda row: row[0]), key=lambda row: row[0])
    for _, group in by_key:
        yield max(group, key=lambda row: (row[3], row[2], row[1]))
