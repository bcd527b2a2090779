"""Checkpoints of a few runs, read from their artifacts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path

from qsweep.errors import UsageError
from qsweep.learning.initial_table import initial_table
from qsweep.plan.checking import recorded_config
from qsweep.policies.policy import readable
from qsweep.policies.reachable_cells import Mask, reachable_cells
from qsweep.policies.setting import setting_of_archive
from qsweep.system.arrays import QTable
from qsweep.system.atomic_files import temporary_folder
from qsweep.tracking import checkpoints, visits
from qsweep.tracking.checkpoints import Archive
from qsweep.tracking.places import place_of
from qsweep.tracking.run_files import file_of
from qsweep.tracking.store import Store
from qsweep.tracking.visits import Visits

FILE = f"checkpoints/{checkpoints.FILE_NAME}"


@contextmanager
def archive(store: Store, run_id: str, artifacts: str) -> Iterator[Archive]:
    """Open the checkpoint archive of a run. artifacts: the run's artifact URI.

    Raises UsageError if it is missing or damaged, also when damage shows only while it is read.
    """
    with readable(f"run {run_id}: {FILE}"), _file(store, run_id, artifacts, FILE) as file:
        found = file.stat()
        is_local = place_of(store, artifacts) is not None
        state = (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)
        known = _archive(file, state) if is_local else None
        yield known or Archive(file)


@contextmanager
def closing_archives() -> Iterator[None]:
    """Close at the end the archives that `archive` has kept open meanwhile."""
    try:
        yield
    finally:
        _archive.cache_clear()


@lru_cache(maxsize=64)
def _archive(file: Path, state: tuple[int, ...]) -> Archive:  # noqa: ARG001
    """Open an archive; a report reads several tables of one, at several places."""
    return Archive(file)


@contextmanager
def _file(store: Store, run_id: str, artifacts: str, path: str) -> Iterator[Path]:
    if place_of(store, artifacts) is not None:
        yield file_of(store, run_id, artifacts, path, Path())
        return
    with temporary_folder() as scratch:
        yield file_of(store, run_id, artifacts, path, Path(scratch))


def visits_of(store: Store, run_id: str, artifacts: str, shape: tuple[int, ...]) -> Visits | None:
    """Return how many training steps of a run began in each cell, int64[shape]; None if it is unknown."""
    name = f"checkpoints/{visits.FILE_NAME}"
    with (
        suppress(UsageError),
        readable(f"run {run_id}: {visits.FILE_NAME}"),
        _file(store, run_id, artifacts, name) as file,
    ):
        return visits.read(file, shape)
    return None


def first_and_last(store: Store, run_id: str, artifacts: str) -> tuple[QTable, QTable, Mask | None] | None:
    """Return a run's Q-tables before and after training, float64[buckets..., actions]; None if unreadable.

    The first one is derived again from the seed, unless the run started from a trained table, which is its
    checkpoint 0. The third is which cells training can update, if known.
    """
    with suppress(UsageError), archive(store, run_id, artifacts) as history:
        config = recorded_config(history.about["config"])
        setting = setting_of_archive(history)
        *kept, (_, last) = history.tables([0, int(history.episodes()[-1])])
        first = kept[0][1] if kept else initial_table(config, setting)
        return first, last, reachable_cells(setting.env, setting.grid)
    return None
