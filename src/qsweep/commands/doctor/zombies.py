"""Runs that are RUNNING although their process has died."""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import partial

from qsweep.commands.doctor.defect import Defect, Workspace
from qsweep.system.liveness import FOLDER, is_alive, last_heartbeat, owner_of

KIND = "zombie run"
SILENT = 6 * 3600
"""Seconds without a heartbeat after which a run of another host counts as dead."""
ANONYMOUS = 24 * 3600
"""Seconds after which a run without a recorded process is reported."""


def defects(workspace: Workspace) -> Iterator[Defect]:
    """Yield the runs whose process has died; for other hosts, whose heartbeat stopped."""
    now = time.time()
    for run in workspace.runs.values():
        if run.status != "RUNNING" or run.deleted:
            continue
        owner = owner_of(run.tags)
        alive = is_alive(owner, workspace.folder / FOLDER) if owner else None
        heartbeat = last_heartbeat(run.tags)
        silent = now - (heartbeat or run.started / 1000) if owner else 0.0
        if alive is False or (alive is None and silent > SILENT):
            details = (
                "its process has died" if alive is False else f"no sign of life for {silent / 3600:.0f} hours"
            )
            end = int(heartbeat * 1000) if 0 < heartbeat < now else None
            repair = partial(workspace.store.client.set_terminated, run.run_id, "KILLED", end)
            yield Defect(KIND, str(run), f"RUNNING, but {details}", "marked KILLED", repair)
        elif owner is None and not heartbeat and now - run.started / 1000 > ANONYMOUS:
            details = "RUNNING for more than a day, with no process recorded"
            yield Defect(
                KIND, str(run), details, "if it is dead, end it with mlflow.MlflowClient().set_terminated"
            )
