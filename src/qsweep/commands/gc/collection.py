"""The whole of it: which runs and checkpoints go, what that frees, and the doing of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from qsweep.commands.gc.condition import Condition, doomed, staying, with_parents
from qsweep.commands.gc.thinning import thin, thinned
from qsweep.errors import Problem, UsageError, one_line, printable
from qsweep.policies.registry.versions import every_version
from qsweep.report.loading.runs import runs_in
from qsweep.report.loading.selection import Selection, selected
from qsweep.system.atomic_files import temporary_folder
from qsweep.tracking import checkpoints
from qsweep.tracking.inventory import local_folder, purge, size
from qsweep.tracking.run_search import every_run
from qsweep.tracking.store import Store
from qsweep.tracking.stored_run import SWEEP, StoredRun

ARCHIVE = Path("checkpoints") / checkpoints.FILE_NAME


@dataclass(frozen=True)
class Collected:
    """What went, or with `dry` would go.

    runs: how many were deleted, parents too; trash: the bytes of their files, which stay until they are
    purged. purged: how many are gone for good, and purged_bytes. histories: how many were thinned, and
    history_bytes that this freed. kept: runs that meet the condition and stay, as they are registered.
    skipped: histories that could not be thinned, with the reason.
    """

    dry: bool
    runs: int
    trash: int
    purged: int
    purged_bytes: int
    histories: int
    history_bytes: int
    kept: int
    skipped: tuple[str, ...]

    def __str__(self) -> str:
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        would = "would be " if self.dry else ""
        deleted, purged = _counted(self.runs, "run"), _counted(self.purged, "run")
        yield f"deleted   {deleted} {would}moved to the trash, {self.trash:,} bytes until --purge"
        yield f"purged    {purged} {would}deleted permanently, {self.purged_bytes:,} bytes freed"
        reduced = _counted(self.histories, "checkpoint file")
        yield f"reduced   {reduced}, {self.history_bytes:,} bytes {would}freed"
        if self.kept:
            yield f"kept      {_counted(self.kept, 'run')} behind a registered version"
        yield from (f"skipped   {printable(line)}" for line in self.skipped)


def collect(store: Store, name: str | None, condition: Condition, dry: bool = False) -> Collected:
    """Do what a condition asks for, to the runs of an experiment or sweep, or of the whole store.

    Runs that a registered version comes from stay, and so do parents of runs that stay; of a history the
    best checkpoint, the last and registered ones. Raises UsageError for a condition that is none, or a name
    that stands for nothing.
    """
    if problems := [*condition.problems()]:
        raise UsageError(problems)
    if store.artifacts is None and (condition.purge or condition.of_checkpoints):
        rule = "need a store in a folder on this machine"
        remedy = "on the server, run mlflow gc, or qsweep gc on the folder that it serves"
        raise UsageError(
            [Problem("--purge, --thin-checkpoints, --keep-checkpoints", rule, store.uri, remedy)]
        )
    frame = selected(store, Selection(name)) if name else runs_in(store)
    runs, registered = every_run(store), _registered(store)
    meeting = set(doomed(frame, condition))
    going = with_parents(meeting - set(registered), runs)
    trash = sum(_bytes(store, runs[run_id]) for run_id in going)
    purged = _purged(going, name, runs, condition, set(registered)) if condition.purge else []
    freed = sum(_bytes(store, runs[run_id]) for run_id in purged)
    stay = [str(run_id) for run_id in frame["run_id"] if run_id not in set(going)]
    thin_runs = [runs[run_id] for run_id in stay if runs[run_id].status == "FINISHED"]
    histories = [*_thin(store, thin_runs, registered, condition, dry)] if condition.of_checkpoints else []
    if not dry:
        for run_id in going:
            store.client.delete_run(run_id)
        for run_id in purged:
            purge(store, runs[run_id])
    saved = [entry for entry in histories if isinstance(entry, int)]
    return Collected(
        dry=dry,
        runs=len(going),
        trash=0 if condition.purge else trash,
        purged=len(purged),
        purged_bytes=freed,
        histories=len(saved),
        history_bytes=sum(saved),
        kept=len(meeting & set(registered)),
        skipped=tuple(entry for entry in histories if isinstance(entry, str)),
    )


def _counted(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def _registered(store: Store) -> dict[str, set[int]]:
    """Runs that registered versions come from, each with its registered checkpoints, in episodes."""
    found: dict[str, set[int]] = {}
    for version in every_version(store):
        for run_id in filter(None, (version.run_id, version.tags.get("qsweep.run_id"))):
            checkpoint = version.tags.get("qsweep.checkpoint", "").removeprefix("ep")
            found.setdefault(run_id, set()).update([int(checkpoint)] if checkpoint.isdecimal() else [])
    return found


def _bytes(store: Store, run: StoredRun) -> int:
    folder = local_folder(store, run.artifacts)
    return size(folder.parent) if folder else 0


def _purged(
    going: Iterable[str],
    name: str | None,
    runs: Mapping[str, StoredRun],
    condition: Condition,
    kept: set[str],
) -> list[str]:
    """What is deleted now, and what was before, under the same name and of that age."""
    trash = [run for run in runs.values() if run.deleted and run.run_id not in kept]
    named = [run for run in trash if name in (None, run.experiment, run.tags.get(SWEEP))]
    started = pd.Series(pd.to_datetime([run.started for run in named], unit="ms", utc=True))
    old: list[bool] = condition.old(started).tolist() if named else []
    return [*going, *(run.run_id for run, is_old in zip(named, old, strict=True) if is_old)]


def _thin(
    store: Store,
    runs: Iterable[StoredRun],
    registered: Mapping[str, set[int]],
    condition: Condition,
    dry: bool,
) -> Iterator[int | str]:
    """Of each history that gets smaller the bytes that are freed, or why it cannot be thinned."""
    with temporary_folder() as scratch:
        for run in runs:
            folder = local_folder(store, run.artifacts)
            path = folder / ARCHIVE if folder else None
            if path is None or path.is_symlink() or not path.is_file():
                continue
            before = path.stat().st_size
            chosen = {*registered.get(run.run_id, ())}
            with suppress(KeyError, ValueError, OverflowError):
                chosen.add(int(run.metrics["best_episode"]))
            try:
                episodes = checkpoints.Archive(path).episodes().tolist()
                wanted = staying(episodes, chosen, condition)
                if len(wanted) < len(episodes):
                    rest = thinned(path, wanted, Path(scratch) / "thin") if dry else thin(path, wanted)
                    yield before - rest
            except Exception as error:  # a damaged file makes its reader raise many kinds
                yield f"{run}: {one_line(error)}"
