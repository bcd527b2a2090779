"""Runs that are RUNNING though their process is gone."""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import partial

from qsweep.commands.doctor.finding import Finding, Patient
from qsweep.system.liveness import FOLDER, is_alive, last_heartbeat, owner_of

AILMENT = "zombie run"
SILENT = 6 * 3600
"""Seconds without a heartbeat after which a run of another host counts as dead."""
ANONYMOUS = 24 * 3600
"""Seconds after which a run that does not say whose it is is worth a word."""


def findings(patient: Patient) -> Iterator[Finding]:
    """The runs whose process is gone; those of other hosts by their heartbeat."""
    now = time.time()
    for run in patient.runs.values():
        if run.status != "RUNNING" or run.deleted:
            continue
        owner = owner_of(run.tags)
        alive = is_alive(owner, patient.folder / FOLDER) if owner else None
        heard = last_heartbeat(run.tags)
        silent = now - (heard or run.started / 1000) if owner else 0.0
        if alive is False or (alive is None and silent > SILENT):
            wrong = (
                "its process has died" if alive is False else f"no sign of life for {silent / 3600:.0f} hours"
            )
            mend = partial(patient.store.client.set_terminated, run.run_id, "KILLED", _end(heard))
            yield Finding(AILMENT, str(run), f"RUNNING, but {wrong}", "marked KILLED", mend)
        elif owner is None and not heard and now - run.started / 1000 > ANONYMOUS:
            wrong = "RUNNING for more than a day, with no process recorded"
            yield Finding(
                AILMENT, str(run), wrong, "if it is dead, end it with mlflow.MlflowClient().set_terminated"
            )


def _end(heard: float) -> int | None:
    """When it ended, in Unix ms, as far as is known."""
    return int(heard * 1000) if 0 < heard < time.time() else None
