"""A multirun's report in its parent run, and sliders over Q-tables in its best runs."""

from __future__ import annotations

from concurrent.futures import Executor
from pathlib import Path
from typing import Any

from qsweep.durable import temporary_folder
from qsweep.report.beside import second_process
from qsweep.report.frames import SWEEP, children
from qsweep.tracking.store import Store, open_store

ARTIFACTS = "report"
"""The parent's folder that the report lies in."""
IMAGES, IMAGES_TAG = "images", "mlflow.loggedImages"
"""Where MLflow looks for a run's images with a step, and the tag of runs that have some."""


def attach(parent_run_id: str, uri: str) -> str:
    """Write the report on a multirun's runs into its parent run; returns the verdict, and where it lies.

    The best run of each leading variant gets its Q-tables as images with a step. What goes wrong is said,
    not raised: the runs are whole without it.
    """
    try:
        with second_process() as beside:
            return _attach(parent_run_id, uri, beside)
    except Exception as error:  # of MLflow, the network, the disk, and whatever else
        return f"no report in the parent run: {' '.join(f'{type(error).__name__}: {error}'.split())[:300]}"


def _attach(parent_run_id: str, uri: str, beside: Executor) -> str:
    store, runs = open_store(uri, create=False), children(parent_run_id, uri)
    # Slow to import: the second process has begun meanwhile.
    from qsweep.report.contents import contents
    from qsweep.report.page.page import UI
    from qsweep.report.selection import Selection
    from qsweep.report.sliders import shown, slider
    from qsweep.report.writing import PAGE, command, headlines, write_files

    parent = store.client.get_run(parent_run_id)
    selection = Selection(parent.data.tags.get(SWEEP, parent.info.run_name), uri)
    made = contents(runs, selection, beside)
    best = [run for section in made.sections for run in shown(section.study)]
    sliders = [(run.run_id, beside.submit(slider, run, uri)) for run in best]
    with temporary_folder() as scratch:
        write_files(made, Path(scratch), command(selection), uri if uri.startswith("http") else UI)
        store.client.log_artifacts(parent_run_id, scratch, ARTIFACTS)
    for run_id, files in reversed(sliders):  # the other process is at the first one
        _add_slider(store, run_id, files.result())
    return "\n".join([*headlines(made), f"report: {_place(store, parent, PAGE)}"])


def _place(store: Store, parent: Any, page: str) -> str:
    """Where the page is to be seen: a file, or the parent run's artifacts on a server."""
    if store.artifacts is None:
        return f"{store.uri}/#/experiments/{parent.info.experiment_id}/runs/{parent.info.run_id}/artifacts"
    return f"{parent.info.artifact_uri.removeprefix('file://')}/{ARTIFACTS}/{page}"


def _add_slider(store: Store, run_id: str, files: dict[str, bytes]) -> None:
    if not files:
        return
    with temporary_folder() as scratch:
        for name, content in files.items():
            (Path(scratch) / name).write_bytes(content)
        store.client.log_artifacts(run_id, scratch, IMAGES)
    store.client.set_tag(run_id, IMAGES_TAG, "True")
