"""MLflow's system metrics of a run: CPU, memory, disk and network use."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from qsweep.config import Tracking
from qsweep.errors import one_line
from qsweep.tracking.store import open_store

if TYPE_CHECKING:
    from mlflow.system_metrics.system_metrics_monitor import SystemMetricsMonitor


@contextmanager
def measured(tracking: Tracking, run_id: str) -> Iterator[None]:
    """Record system metrics of a run while entered, by MLflow's own monitor, if they were asked for.

    They are of the whole machine, every 10 s (MLFLOW_SYSTEM_METRICS_SAMPLING_INTERVAL), and once at the end.
    The run goes on without them, with a warning, if a server is away.
    """
    if not tracking.system_metrics or not run_id:
        yield
        return
    monitor = None
    with _optional():
        monitor = _started(tracking.uri, run_id)
    try:
        yield
    finally:
        if monitor is not None:
            with _optional():
                _finish(monitor)


def _started(uri: str, run_id: str) -> SystemMetricsMonitor:
    # It imports MLflow, which takes a second.
    from mlflow.system_metrics.system_metrics_monitor import SystemMetricsMonitor

    logging.getLogger("mlflow.system_metrics").setLevel(logging.WARNING)
    monitor = SystemMetricsMonitor(run_id, resume_logging=True, tracking_uri=open_store(uri).uri)
    monitor.start()
    return monitor


def _finish(monitor: SystemMetricsMonitor) -> None:
    monitor.finish()
    monitor.collect_metrics()  # a short run ends before the first sample
    monitor.publish_metrics(monitor.aggregate_metrics())
    monitor.mlflow_logger.flush()


@contextmanager
def _optional() -> Iterator[None]:
    """Log an error as a warning instead of raising it: in place of a run's end or of an interrupt."""
    try:
        yield
    except Exception as error:  # many kinds, of requests, MLflow and psutil
        logging.getLogger(__name__).warning("system metrics are incomplete: %s", one_line(error, kind=True))
