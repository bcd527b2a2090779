"""The report attached to a multirun's parent run, and Q-table sliders in its best runs."""

from __future__ import annotations

import re
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from qsweep.errors import UsageError, one_line
from qsweep.pictures.q_table_slider import q_table_images, write_slider
from qsweep.report.contents import Section, contents
from qsweep.report.folder import PAGE, command, headlines, ui_of, write_files
from qsweep.report.loading.archives import archive
from qsweep.report.loading.runs import children
from qsweep.report.loading.selection import Selection
from qsweep.report.markdown import plain
from qsweep.report.q_tables import layout_of
from qsweep.report.shared_view import WORKFLOW, prepare_view
from qsweep.system.atomic_files import temporary_folder
from qsweep.tracking.places import place_of
from qsweep.tracking.provenance import NOTE
from qsweep.tracking.run_files import add_files
from qsweep.tracking.run_search import run_of
from qsweep.tracking.store import Store
from qsweep.tracking.stored_run import SWEEP, StoredRun
from qsweep.tracking.tables.run_tables import RunChanges
from qsweep.tracking.tracker import LONGEST_TAG

ARTIFACTS = "report"
"""Artifact folder of the report in the parent run."""
LINK = "Report: figures, tables, and the agent at play"
"""The words of its link in the parent run's Description."""
IMAGES, IMAGES_TAG = "images", "mlflow.loggedImages"
"""Artifact folder in which MLflow finds images with a step, and the tag of runs that have some."""
FORMATS = ("png",)
"""Formats of the figures. SVG, the slowest to draw, is written only by `qsweep report`."""
SLIDERS, STEPS = 2, 8
"""Number of leading variants whose best run gets a slider, and of images in each."""


def attach(store: Store, parent_run_id: str) -> str:
    """Attach the report on a multirun to its parent run; return a line with its address.

    The best run of each leading variant gets its Q-tables as images with a step. An error is returned as
    text, not raised: the runs are complete without a report.
    """
    try:
        parent = run_of(store, parent_run_id)
        name = parent.tags.get(SWEEP, parent.name)
        selection = Selection(name)
        made = contents(store, children(store, parent_run_id), selection)
        with temporary_folder() as scratch:
            write_files(store, made, Path(scratch), command(store, selection), ui_of(store), FORMATS)
            add_files(store, parent, Path(scratch), ARTIFACTS)
        _tag(store, parent.run_id, NOTE, description(parent, headlines(made)))
        prepare_view(store, parent.experiment_id, parent.experiment)
        for section in made.sections:
            _add_sliders(section, store)
    except Exception as error:  # of MLflow, the network, the disk, ...
        return f"the report failed: {one_line(error, kind=True)}"
    return f"report: {_place(store, parent)}"


def description(parent: StoredRun, verdicts: Iterable[str]) -> str:
    """Return the parent run's Description in MLflow's UI: verdicts, link of the report, the user's note."""
    page = (
        f"#/experiments/{parent.experiment_id}/runs/{parent.run_id}/artifacts/{ARTIFACTS}/{PAGE}?{WORKFLOW}"
    )
    before, after = _own(parent.tags.get(NOTE, ""))
    lines = [before, *(f"**{plain(line)}**" for line in verdicts), f"[{LINK}]({page})", after]
    return "\n\n".join(filter(None, lines))[:LONGEST_TAG]


def _own(note: str) -> tuple[str, str]:
    """Return what the user wrote before and after the verdicts and the link of an earlier launch."""
    parts = re.split(rf"\[{re.escape(LINK)}\]\([^)\s]*\)", note, maxsplit=1)
    if len(parts) == 1:
        return "", note
    paragraphs = [text.strip() for text in re.split(r"\n\s*\n", parts[0])]
    others = [text for text in paragraphs if not re.fullmatch(r"\*\*(\\.|[^*\\])+\*\*", text)]  # no verdicts
    return "\n\n".join(others).strip(), parts[1].strip()


def _place(store: Store, parent: StoredRun) -> str:
    """Return the page's address: a file, or the parent run's artifacts on a server."""
    if store.artifacts is None:
        return f"{store.uri}/#/experiments/{parent.experiment_id}/runs/{parent.run_id}/artifacts"
    place = place_of(store, parent.artifacts)
    return str(place / ARTIFACTS / PAGE) if place else f"{parent.artifacts}/{ARTIFACTS}/{PAGE}"


def _add_sliders(section: Section, store: Store) -> None:
    for label in section.study.labels[:SLIDERS]:
        run = section.study.best_run(label)
        best = run_of(store, str(run["run_id"]))
        opened = archive(store, best.run_id, best.artifacts)
        with suppress(UsageError), opened as history, temporary_folder() as scratch:  # if it can be read
            images = q_table_images(history, layout_of(history), best.name, STEPS)
            write_slider(Path(scratch), images, best.started)
            add_files(store, best, Path(scratch), IMAGES)
            _tag(store, best.run_id, IMAGES_TAG, "True")


def _tag(store: Store, run_id: str, key: str, value: str) -> None:
    if store.tables is None:
        store.client.set_tag(run_id, key, value)
    else:
        store.tables.add(run_id, RunChanges(tags={key: value}))
