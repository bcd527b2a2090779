"""MLflow's system metrics of a run: CPU, memory, disk and network use."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from qsweep.config import Tracking
from qsweep.tracking.store import open_store


@contextmanager
def measured(tracking: Tracking, run_id: str) -> Iterator[None]:
    """Record system metrics of a run while entered, by MLflow's own monitor, if they were asked for.

    They are of the whole machine, every 10 s (MLFLOW_SYSTEM_METRICS_SAMPLING_INTERVAL), and once at the end.
    """
    if not tracking.system_metrics or not run_id:
        yield
        return
    # It imports MLflow, which takes a second.
    from mlflow.system_metrics.system_metrics_monitor import SystemMetricsMonitor

    logging.getLogger("mlflow.system_metrics").setLevel(logging.WARNING)
    uri = open_store(tracking.uri).uri
    monitor = SystemMetricsMonitor(run_id, resume_logging=True, tracking_uri=uri)
    monitor.start()
    try:
        yield
    finally:
        monitor.finish()
        monitor.collect_metrics()  # a short run ends before the first sample
        monitor.publish_metrics(monitor.aggregate_metrics())
        monitor.mlflow_logger.flush()
