"""What a report reads from the artifacts of a few runs: checkpoints, and the first and last Q-table."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from qsweep.errors import UsageError
from qsweep.learning.task import first_table
from qsweep.plan.checking import recorded_config
from qsweep.policies.policy import readable
from qsweep.policies.setting import setting_of_archive
from qsweep.system.arrays import QTable
from qsweep.system.atomic_files import temporary_folder
from qsweep.tracking import checkpoints
from qsweep.tracking.checkpoints import Archive
from qsweep.tracking.run_files import file_of
from qsweep.tracking.store import Store

FILE = f"checkpoints/{checkpoints.FILE_NAME}"


@contextmanager
def archive(store: Store, run_id: str, artifacts: str) -> Iterator[Archive]:
    """The history of a run's Q-table, while entered. artifacts: where the run's lie, as MLflow says.

    Raises UsageError where there is none, or it is damaged, in whatever is done with it, too.
    """
    with temporary_folder() as scratch, readable(f"run {run_id}: {FILE}"):
        yield Archive(file_of(store, run_id, artifacts, FILE, Path(scratch)))


def first_and_last(store: Store, run_id: str, artifacts: str) -> tuple[QTable, QTable] | None:
    """A run's Q-table before training and after, float64[buckets..., actions] both; None if not to be had.

    The first one is drawn again from the seed.
    """
    try:
        with archive(store, run_id, artifacts) as history:
            config = recorded_config(history.about["config"])
            setting = setting_of_archive(history)
            first = first_table(config, setting.shape, setting.description.available)(0)
            [(_, last)] = history.tables([config.episodes])
    except UsageError:
        return None
    return first, last
