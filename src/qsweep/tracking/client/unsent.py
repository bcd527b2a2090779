"""Runs saved locally while a tracking server cannot be reached, for uploading later.

Each run has a folder with `run.json` (server, run, status, tags), `metrics.parquet` (key, value,
timestamp in ms, step) and `artifacts/`, laid out as on the server.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, get_args

import pyarrow as pa
import pyarrow.parquet as pq
from filelock import FileLock, Timeout
from mlflow.entities import Metric, RunTag
from mlflow.exceptions import MlflowException

from qsweep.errors import Problem, UsageError, collecting, one_line
from qsweep.system.atomic_files import AtomicFile, write_text
from qsweep.system.start_folder import start_folder
from qsweep.system.untrusted_files import disk_failed, read_json
from qsweep.tracking.curves import Points
from qsweep.tracking.patience import ServerGone
from qsweep.tracking.store import Store, open_store
from qsweep.tracking.tracker import RunLog, Status

FOLDER = Path("mlruns") / "unsent"
RUN, METRICS, ARTIFACTS = "run.json", "metrics.parquet", "artifacts"
BATCH = 1000
"""Metrics per call: MLflow's limit. With the longest keys they take a third of the 1 MB limit."""


class BufferedLog(RunLog):
    """A log whose metrics are sent in batches. buffered: those that are not sent yet."""

    buffered: list[Metric]


class FallbackRunLog(RunLog):
    """The log of a run on a server; data that cannot be sent is saved locally, and training continues."""

    def __init__(self, log: BufferedLog, store: Store) -> None:
        self.run_id = log.run_id
        self._log, self._store = log, store
        self._folder = _folder() / log.run_id

    def log(self, points: Points) -> None:
        """Record points of curves; those that cannot be sent now are sent with the next."""
        with suppress(ServerGone):
            self._log.log(points)

    def keep(self, file: Path, folder: str = "") -> None:
        """Upload a file, or save a copy of it."""
        try:
            self._log.keep(file, folder)
        except ServerGone:
            copy = AtomicFile(_ensured(self._folder / ARTIFACTS / folder) / file.name)
            with file.open("rb") as original:
                shutil.copyfileobj(original, copy)
            copy.close()

    def close(self, status: Status, metrics: Mapping[str, float], tags: Mapping[str, str]) -> None:
        """Upload saved files and end the run. Raises ServerGone, with the folder, if the run stays local."""
        gone = self._gone(lambda: _send_artifacts(self._store, self.run_id, self._folder))
        # A run without its files is not finished; its last metrics and tags are still sent or saved.
        gone = self._gone(lambda: self._log.close("FAILED" if gone else status, metrics, tags)) or gone
        if gone is None:
            shutil.rmtree(self._folder, ignore_errors=True)
            return
        _ensured(self._folder)
        _write_metrics(self._folder / METRICS, self._log.buffered)
        about = {"uri": self._store.uri, "run": self.run_id, "status": status, "tags": dict(tags)}
        write_text(self._folder / RUN, json.dumps(about))
        raise ServerGone(
            gone.uri, gone.reason, f"the run is saved in {self._folder}; upload it later with: qsweep send"
        )

    @staticmethod
    def _gone(ask: Callable[[], None]) -> ServerGone | None:
        try:
            ask()
        except ServerGone as gone:
            return gone
        return None


def send() -> list[str]:
    """Upload all saved runs to their servers, remove them here, and return their ids.

    Raises UsageError if another process is uploading them, and, after uploading the others, for each run
    that is damaged, or that its server refuses or cannot be reached for.
    """
    if not _folder().is_dir():
        return []
    sent: list[str] = []
    problems: list[Problem] = []
    with _alone():
        for described in sorted(_folder().glob(f"*/{RUN}")):
            with collecting(problems):
                sent.append(_send_saved(described.parent))
    if problems:
        raise UsageError(problems)
    return sent


def _folder() -> Path:
    return start_folder() / FOLDER


@contextmanager
def _alone() -> Iterator[None]:
    try:
        with FileLock(_folder().with_name(".unsent.lock"), timeout=0):
            yield
    except Timeout:
        rule = "another process is uploading these runs"
        raise UsageError([Problem("qsweep send", rule, str(_folder()), "wait for it")]) from None


def _send_saved(folder: Path) -> str:
    """Upload a saved run, remove it here and return its id. Raises UsageError if it or its server fails."""
    about, rows = _read(folder)
    store = open_store(about["uri"])
    try:
        _send(store, folder, about, rows)
    except (MlflowException, ServerGone) as error:
        rule = "the server refused this run, or has gone"
        raise UsageError([Problem("qsweep send", rule, str(folder), one_line(error))]) from None
    shutil.rmtree(folder)
    return str(about["run"])


def _read(folder: Path) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return a saved run and its metrics, checked. Raises UsageError if a file is missing or damaged."""
    try:
        about = read_json(folder / RUN)
        fields = {key: about[key] for key in ("uri", "run", "status")}
        if not all(isinstance(value, str) for value in fields.values()):
            raise ValueError(f"uri, run and status in {RUN} must be text")
        if fields["status"] not in get_args(Status):
            raise ValueError(f"status in {RUN} must be one of {', '.join(get_args(Status))}")
        tags = {str(key): str(value) for key, value in about["tags"].items()}
        rows = pq.read_table(folder / METRICS, columns=["key", "value", "timestamp", "step"]).to_pylist()
        if not all(isinstance(row["key"], str) and None not in row.values() for row in rows):
            raise ValueError(f"{METRICS} lacks values")
    except (OSError, ValueError, TypeError, LookupError, AttributeError, pa.ArrowException) as error:
        if disk_failed(error):
            raise
        rule, remedy = "this saved run is damaged", f"{one_line(error, kind=True)}; move the folder away"
        raise UsageError([Problem("qsweep send", rule, str(folder), remedy)]) from None
    return {**fields, "tags": tags}, rows


def _send(store: Store, folder: Path, about: Mapping[str, Any], rows: list[dict[str, Any]]) -> None:
    run = about["run"]
    _send_artifacts(store, run, folder)
    for first in range(0, len(rows), BATCH):
        metrics = [Metric(**row) for row in rows[first : first + BATCH]]
        store.client.log_batch(run, metrics=metrics, synchronous=True)
    store.client.log_batch(run, tags=[RunTag(key, value) for key, value in about["tags"].items()])
    store.client.set_terminated(run, about["status"])


def _send_artifacts(store: Store, run: str, folder: Path) -> None:
    if (folder / ARTIFACTS).exists():
        store.client.log_artifacts(run, str(folder / ARTIFACTS))


def _write_metrics(path: Path, metrics: list[Metric]) -> None:
    columns = {
        "key": pa.array([metric.key for metric in metrics], pa.string()),
        "value": pa.array([metric.value for metric in metrics], pa.float64()),
        "timestamp": pa.array([metric.timestamp for metric in metrics], pa.int64()),
        "step": pa.array([metric.step for metric in metrics], pa.int64()),
    }
    file = AtomicFile(path)
    pq.write_table(pa.table(columns), file)
    file.close()


def _ensured(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder
