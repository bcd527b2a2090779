"""Every run of a store as it lies there, parents and deleted ones too, and where its files are."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from qsweep.tracking.store import Store

if TYPE_CHECKING:
    from mlflow.entities import Run

PAGE = 1000
PARENT = "mlflow.parentRunId"
DAMAGED = "qsweep.damaged"
"""The tag of a run that names its damaged or missing files: nothing goes on with it."""


@dataclass(frozen=True)
class Kept:
    """A run that a store holds.

    started, ended: Unix ms, None while it runs. artifacts: where they lie, as MLflow says. trained:
    whether it is a run of qsweep, and no parent or a stranger.
    """

    id: str
    name: str
    experiment: str
    status: str
    deleted: bool
    started: int
    ended: int | None
    trained: bool
    artifacts: str
    tags: Mapping[str, str]
    metrics: Mapping[str, float]

    def __str__(self) -> str:
        return f"{self.name} ({self.id})"

    @property
    def parent(self) -> str:
        """The id of the run that it is nested under, or empty."""
        return self.tags.get(PARENT, "")


def every_run(store: Store) -> dict[str, Kept]:
    """All runs of a store by their ids."""
    names = {found.experiment_id: found.name for found in every_experiment(store)}
    runs: dict[str, Kept] = {}
    token = None
    while names:
        page = store.client.search_runs(list(names), run_view_type=_all(), max_results=PAGE, page_token=token)
        runs |= {run.info.run_id: _kept(run, names) for run in page}
        token = page.token
        if not token:
            break
    return runs


def every_experiment(store: Store) -> list[Any]:
    """All experiments of a store, deleted ones too, as MLflow gives them."""
    found: list[Any] = []
    token = None
    while True:
        page = store.client.search_experiments(view_type=_all(), max_results=PAGE, page_token=token)
        found += page
        token = page.token
        if not token:
            return found


def local_folder(store: Store, uri: str | None) -> Path | None:
    """The folder of artifacts that a store's record names, if it lies in the store's own, else None.

    A record may name any place; nothing outside the store's folder is its to touch, links included.
    """
    path = unquote((uri or "").removeprefix("file://"))
    if store.artifacts is None or not path.startswith("/"):
        return None
    folder, root = Path(path), store.artifacts.resolve()
    return folder if folder.resolve().is_relative_to(root) and folder.resolve() != root else None


def size(path: Path) -> int:
    """Bytes of a file, or of all files below a folder; links are not followed."""
    if path.is_dir() and not path.is_symlink():
        inner = (each for each in path.rglob("*") if each.is_symlink() or each.is_file())
        return sum(each.lstat().st_size for each in inner)
    return path.lstat().st_size if path.is_symlink() or path.exists() else 0


def purge(store: Store, run: Kept) -> None:
    """Remove a deleted run of a local store for good, files first: killed between, it is still in the trash.

    Raises OSError where its files cannot be removed.
    """
    folder = local_folder(store, run.artifacts)
    if folder and folder.parent.name == run.id and folder.parent.exists():
        shutil.rmtree(folder.parent)
    store.client._tracking_client.store._hard_delete_run(run.id)  # as `mlflow gc` does it


def _all() -> int:
    from mlflow.entities import ViewType

    everything: int = ViewType.ALL
    return everything


def _kept(run: Run, names: Mapping[str, str]) -> Kept:
    info, tags = run.info, run.data.tags
    return Kept(
        id=info.run_id,
        name=str(info.run_name),
        experiment=names[info.experiment_id],
        status=info.status,
        deleted=info.lifecycle_stage != "active",
        started=int(info.start_time),
        ended=info.end_time,
        trained="qsweep.config" in tags,
        artifacts=info.artifact_uri,
        tags=tags,
        metrics=run.data.metrics,
    )
