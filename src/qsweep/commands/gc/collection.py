"""Delete the runs and checkpoints that a condition selects, and report the space freed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

import pandas as pd

from qsweep.commands.gc.condition import Condition, kept_checkpoints, runs_to_delete, with_parents
from qsweep.commands.gc.downsampling import downsample, write_downsampled
from qsweep.errors import Problem, UsageError, one_line, printable
from qsweep.policies.registry.versions import every_version
from qsweep.report.loading.runs import brief
from qsweep.report.loading.selection import in_sweep_or_experiment
from qsweep.system.atomic_files import temporary_folder
from qsweep.tracking import checkpoints
from qsweep.tracking.inventory import local_folder, purge, size
from qsweep.tracking.run_search import every_run
from qsweep.tracking.store import Store
from qsweep.tracking.stored_run import CONFIG, PARENT, SWEEP, Keys, StoredRun

NEEDED = Keys(("env.id",), (CONFIG, PARENT, SWEEP), ("best_episode",))
"""What is needed of each run."""
ARCHIVE = Path("checkpoints") / checkpoints.FILE_NAME


@dataclass(frozen=True)
class Collected:
    """The numbers of deleted runs and checkpoints, or with `dry` those that would be deleted.

    runs: deleted runs, including parents; trash: the bytes of their files until they are purged.
    purged, purged_bytes: permanently deleted runs. histories, history_bytes: checkpoint files that were
    reduced, and the bytes freed. kept: runs that meet the condition but are registered. skipped:
    checkpoint files that could not be reduced, with the reason.
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
    """Delete runs and checkpoints of an experiment or sweep, or of all, that meet a condition.

    Runs behind a registered version and parents of kept runs are kept; so are the best, the last and the
    registered checkpoints of each run. Raises UsageError for an invalid condition or an unknown name.
    """
    if problems := [*condition.problems()]:
        raise UsageError(problems)
    if store.artifacts is None and (condition.purge or condition.of_checkpoints):
        rule = "need a store in a folder on this machine"
        remedy = "on the server, run mlflow gc, or qsweep gc on the folder that it serves"
        raise UsageError(
            [Problem("--purge, --thin-checkpoints, --keep-checkpoints", rule, store.uri, remedy)]
        )
    frame = in_sweep_or_experiment(store, name, brief())
    runs, registered = every_run(store, NEEDED), _registered(store)
    meeting = set(runs_to_delete(frame, condition))
    deleted = with_parents(meeting - set(registered), runs)
    sizes = cache(partial(_bytes, store))
    trash = sum(sizes(runs[run_id].artifacts) for run_id in deleted)
    purged = _purged(deleted, name, runs, condition, set(registered)) if condition.purge else []
    freed = sum(sizes(runs[run_id].artifacts) for run_id in purged)
    gone = set(deleted)
    kept = [str(run_id) for run_id in frame["run_id"] if run_id not in gone]
    finished = [runs[run_id] for run_id in kept if runs[run_id].status == "FINISHED"]
    histories = (
        [*_downsample(store, finished, registered, condition, dry)] if condition.of_checkpoints else []
    )
    if not dry:
        for run_id in deleted:
            store.client.delete_run(run_id)
        for run_id in purged:
            purge(store, runs[run_id])
    saved = [entry for entry in histories if isinstance(entry, int)]
    return Collected(
        dry=dry,
        runs=len(deleted),
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
    """Return the runs behind registered versions, each with its registered checkpoints, in episodes."""
    found: dict[str, set[int]] = {}
    for version in every_version(store):
        for run_id in filter(None, (version.run_id, version.tags.get("qsweep.run_id"))):
            checkpoint = version.tags.get("qsweep.checkpoint", "").removeprefix("ep")
            found.setdefault(run_id, set()).update([int(checkpoint)] if checkpoint.isdecimal() else [])
    return found


def _bytes(store: Store, artifacts: str) -> int:
    folder = local_folder(store, artifacts)
    return size(folder.parent) if folder else 0


def _purged(
    deleted: Iterable[str],
    name: str | None,
    runs: Mapping[str, StoredRun],
    condition: Condition,
    kept: set[str],
) -> list[str]:
    """Return the runs to purge: those deleted now, and those in the trash of the same name and age."""
    trash = [run for run in runs.values() if run.deleted and run.run_id not in kept]
    named = [run for run in trash if name in (None, run.experiment, run.tags.get(SWEEP))]
    started = pd.Series(pd.to_datetime([run.started for run in named], unit="ms", utc=True))
    old: list[bool] = condition.old(started).tolist() if named else []
    return [*deleted, *(run.run_id for run, is_old in zip(named, old, strict=True) if is_old)]


def _downsample(
    store: Store,
    runs: Iterable[StoredRun],
    registered: Mapping[str, set[int]],
    condition: Condition,
    dry: bool,
) -> Iterator[int | str]:
    """Reduce checkpoint files; yield for each the bytes freed, or the reason why it could not be."""
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
                kept = kept_checkpoints(episodes, chosen, condition)
                if len(kept) < len(episodes):
                    rest = (
                        write_downsampled(path, kept, Path(scratch) / "reduced")
                        if dry
                        else downsample(path, kept)
                    )
                    yield before - rest
            except Exception as error:  # a damaged file makes its reader raise many kinds
                yield f"{run}: {one_line(error)}"
