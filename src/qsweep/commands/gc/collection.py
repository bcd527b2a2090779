"""Delete the runs and checkpoints that a condition selects, and report the space freed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

import pandas as pd

from qsweep.commands.gc.condition import Condition, kept_checkpoints, runs_to_delete, with_parents
from qsweep.commands.gc.downsampling import downsample, write_downsampled
from qsweep.errors import Problem, UsageError, one_line, printable
from qsweep.policies.registry.versions import every_version, place_of_version
from qsweep.report.loading.runs import brief
from qsweep.report.loading.selection import in_sweep_or_experiment
from qsweep.system.atomic_files import temporary_folder
from qsweep.tracking import checkpoints
from qsweep.tracking.companions import Companions
from qsweep.tracking.inventory import local_folder, purge, size
from qsweep.tracking.places import recorded_path
from qsweep.tracking.run_search import every_run, parents
from qsweep.tracking.store import Store
from qsweep.tracking.stored_run import CONFIG, PARENT, SWEEP, Keys, StoredRun
from qsweep.tracking.tables import registry_rows

NEEDED = Keys(("env.id",), (CONFIG, PARENT, SWEEP), ("best_episode",))
"""What is needed of each run."""
RUN_IDS = re.compile(r"(?<![0-9a-f-])[0-9a-f]{32}(?![0-9a-f])")
MODEL_IDS = re.compile(r"\bm-[0-9a-f]{32}\b")
ARCHIVE = Path("checkpoints") / checkpoints.FILE_NAME


@dataclass(frozen=True)
class Collected:
    """The numbers of deleted runs and checkpoints, or with `dry` those that would be deleted.

    runs: deleted runs, including parents; trash: the bytes of their files until they are purged.
    purged, purged_bytes: permanently deleted runs. histories, history_bytes: checkpoint files that were
    reduced, and the bytes freed. kept: runs that meet the condition but are registered. skipped: runs
    that are not purged, and checkpoint files that are not reduced, with the reason.
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
    deleted = with_parents(meeting - set(registered), runs, set(registered), parents(store))
    sizes = cache(partial(_bytes, store))
    trash = sum(sizes(runs[run_id].artifacts) for run_id in deleted)
    purged: list[str] = []
    left: list[tuple[str, str]] = []
    if condition.purge:
        others = Companions(store)
        for run_id in _purged(deleted, name, runs, condition, set(registered)):
            reason = _kept_files(store, runs[run_id], others)
            left += [(str(runs[run_id]), f"stays in the trash, because {reason}")] if reason else []
            purged += [] if reason else [run_id]
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
        trash=trash - sum(sizes(runs[run_id].artifacts) for run_id in purged if run_id in gone),
        purged=len(purged),
        purged_bytes=freed,
        histories=len(saved),
        history_bytes=sum(saved),
        kept=len(meeting & set(registered)),
        skipped=(*_grouped([*left, *(entry for entry in histories if isinstance(entry, tuple))]),),
    )


def _counted(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def _registered(store: Store) -> dict[str, set[int]]:
    """Return the runs behind registered versions, each with its registered checkpoints, in episodes.

    A version may name its run, or only the place of the run's files, or of a model that the run made.
    """
    found: dict[str, set[int]] = {}
    makers = {}
    if store.tables:
        makers = {each.model_id: each.run_id for each in registry_rows.logged_models(store.tables.database)}
    for version in every_version(store):
        named = {version.run_id, version.tags.get("qsweep.run_id")}
        for place in (version.source, place_of_version(store, version) if store.artifacts else ""):
            named |= {*RUN_IDS.findall(place or "")}
            named |= {makers.get(model) for model in MODEL_IDS.findall(place or "")}
        for run_id in filter(None, named):
            checkpoint = version.tags.get("qsweep.checkpoint", "").removeprefix("ep")
            found.setdefault(run_id, set()).update([int(checkpoint)] if checkpoint.isdecimal() else [])
    return found


def _kept_files(store: Store, run: StoredRun, others: Companions) -> str:
    """Return why a run must not be purged; empty if it may."""
    folder, recorded = local_folder(store, run.artifacts), recorded_path(store, run.artifacts)
    if by := others.naming(run.run_id):
        return f"the database {by.name} beside this one may name it"
    if folder is None and run.trained:
        return f"its files are outside the store: {run.artifacts}"
    if folder is not None and folder != recorded and not folder.exists() and run.trained:
        return f"its files are not here; recorded at {recorded}"
    return ""


def _grouped(entries: Iterable[tuple[str, str]]) -> Iterator[str]:
    """Yield a line for each reason, with the first of its runs and the number of the others."""
    runs: dict[str, list[str]] = {}
    for run, reason in entries:
        runs.setdefault(reason, []).append(run)
    for reason, some in runs.items():
        more = f" and {len(some) - 1:,} more" if len(some) > 1 else ""
        yield f"{some[0]}{more}: {reason}"


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
) -> Iterator[int | tuple[str, str]]:
    """Reduce checkpoint files; yield for each the bytes freed, or the run and why it could not be."""
    others = Companions(store)
    with temporary_folder() as scratch:
        for run in runs:
            if by := others.naming(run.run_id):
                yield str(run), f"the database {by.name} beside this one may name its checkpoints"
                continue
            folder = local_folder(store, run.artifacts)
            path = folder / ARCHIVE if folder else None
            if path is None or path.is_symlink() or not path.is_file():
                continue
            before = path.stat().st_size
            chosen = {0, *registered.get(run.run_id, ())}  # 0: the table that it started from, if any
            with suppress(KeyError, ValueError, OverflowError):
                chosen.add(int(run.metrics["best_episode"]))
            try:
                episodes = checkpoints.Archive(path).stored.tolist()
                kept = kept_checkpoints(episodes, chosen, condition)
                if len(kept) < len(episodes):
                    rest = (
                        write_downsampled(path, kept, Path(scratch) / "reduced")
                        if dry
                        else downsample(path, kept)
                    )
                    yield before - rest
            except Exception as error:  # a damaged file makes its reader raise many kinds
                yield str(run), one_line(error)
