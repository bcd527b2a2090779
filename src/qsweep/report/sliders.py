"""Sliders over the Q-tables of a sweep's best runs, as the files that MLflow's UI finds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from qsweep.durable import temporary_folder
from qsweep.pictures.q_table_slider import q_table_images, write_slider
from qsweep.problems import UsageError
from qsweep.report.archives import archive
from qsweep.report.page.q_tables import best_run, layout_of
from qsweep.tracking.store import open_store

if TYPE_CHECKING:  # its tests are slow to import, and who only draws needs none
    from qsweep.report.studies import Study

SLIDERS, STEPS = 2, 8
"""Variants whose best run gets a slider, the first in the order of their scores; and images of each."""


@dataclass(frozen=True)
class Shown:
    """A run whose Q-tables are shown. artifacts: where its lie, as MLflow says. started: ms since 1970."""

    run_id: str
    name: str
    artifacts: str
    started: int


def shown(study: Study) -> Iterator[Shown]:
    """The best run of each leading variant."""
    for label in study.labels[:SLIDERS]:
        run = best_run(study, label)
        started = int(run["started"].timestamp() * 1000)
        yield Shown(str(run["run_id"]), str(run["name"]), str(run["artifacts"]), started)


def slider(run: Shown, uri: str) -> dict[str, bytes]:
    """The files of a run's slider by name; none where its checkpoints cannot be read."""
    store = open_store(uri, create=False)
    try:
        with archive(store, run.run_id, run.artifacts) as history, temporary_folder() as scratch:
            images = q_table_images(history, layout_of(history), run.name, STEPS)
            write_slider(Path(scratch), images, run.started)
            return {path.name: path.read_bytes() for path in Path(scratch).iterdir()}
    except UsageError:
        return {}
