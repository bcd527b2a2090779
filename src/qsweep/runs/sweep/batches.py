"""Batches of a sweep's runs: the unit that a launcher passes to a worker, and its execution there.

A batch is encoded as one override of a Hydra job, so any launcher can pass it to any machine, and Hydra
composes one config per batch instead of one per run.
"""

from __future__ import annotations

import base64
import json
import os
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from itertools import groupby, islice
from pathlib import Path

from qsweep.config import record, variant_hash
from qsweep.errors import Failure, one_line
from qsweep.learning.training import LANES
from qsweep.plan.resolution import resolve
from qsweep.runs.journal import Ended, Journal
from qsweep.runs.runner import Work, run
from qsweep.runs.starting_table import Tables
from qsweep.runs.sweep.watchdog import Watchdog
from qsweep.system.exit_with_parent import BUSY
from qsweep.system.garbage import collect_less_often
from qsweep.system.liveness import Owner
from qsweep.system.start_folder import start_folder, started_in
from qsweep.tracking import Tracker, tracker
from qsweep.tracking.places import places_trusted, trust_places
from qsweep.tracking.store import open_tracked

LARGEST = 48
"""Maximum number of runs in a batch: a killed worker loses no more."""
SHARE = 4
"""A batch is 1/SHARE of a worker's part of the remaining runs, so that workers end at similar times."""


@dataclass(frozen=True)
class Assigned:
    """A run and its number in the sweep."""

    number: int
    work: Work


@dataclass(frozen=True)
class Batch:
    """Some runs of a sweep.

    owner: the process that launches them. lanes: how many train interleaved. folder: the one in which that
    process was started. trust: whether the user gave --trust.
    """

    owner: Owner
    lanes: int
    runs: tuple[Assigned, ...]
    folder: str = ""
    trust: bool = False

    def encoded(self) -> str:
        """Return the batch as URL-safe base64."""
        runs = [
            [each.number, record(each.work.config), each.work.name, each.work.command, each.work.run_id]
            for each in self.runs
        ]
        plain = json.dumps([asdict(self.owner), self.lanes, runs, self.folder, self.trust])
        return base64.b64encode(zlib.compress(plain.encode()), altchars=b"-_").decode()

    @classmethod
    def decoded(cls, text: str) -> Batch:
        """Return the batch that `encoded` encoded."""
        owner, lanes, runs, folder, trust = json.loads(
            zlib.decompress(base64.b64decode(text, altchars=b"-_"))
        )
        tables = Tables()
        assigned = (
            Assigned(
                number, Work(tables.started(resolve(values)), name, command, figures=False, run_id=run_id)
            )
            for number, values, name, command, run_id in runs
        )
        return cls(Owner(**owner), lanes, tuple(assigned), folder, trust)

    def groups(self) -> Iterator[tuple[Assigned, ...]]:
        """Yield groups that train interleaved: `lanes` new runs of one variant, or a single run."""
        for _, rest in groupby(self.runs, key=_variant):
            while group := tuple(islice(rest, self.lanes)):
                yield from [group] if len(group) == self.lanes else ((one,) for one in group)


def _variant(assigned: Assigned) -> str:
    work = assigned.work
    alone = work.run_id or work.config.engine != "compiled"
    return f"{assigned.number}" if alone else f"variant {variant_hash(work.config)}"


def batches(runs: Sequence[Assigned], owner: Owner, size: int | None, workers: int) -> list[Batch]:
    """Return all runs in batches of `size`, or of decreasing sizes; runs that train alone come last."""
    lanes = LANES if len(runs) >= 2 * LANES * workers else 1
    variants: dict[str, list[Assigned]] = {}
    for each in runs:
        variants.setdefault(variant_hash(each.work.config), []).append(each)
    ordered: list[Assigned] = []
    single: list[Assigned] = []
    for group in variants.values():
        interleaved = len(group) - len(group) % lanes
        ordered += group[:interleaved]
        single += group[interleaved:]
    ordered += single
    made: list[Batch] = []
    done = 0
    while done < len(ordered):
        fair = max(1, min(LARGEST, (len(ordered) - done) // (SHARE * workers)))
        some = ordered[done : done + (size or fair + -fair % lanes)]
        made.append(Batch(owner, lanes, tuple(some), str(start_folder()), places_trusted()))
        done += len(some)
    return made


def run_batch(batch: Batch, journal: Journal) -> list[Ended]:
    """Execute a batch; return how each run ended.

    Ends early if the sweep is stopped or its launching process is gone: a queue may hold a batch until long
    after its sweep was relaunched.
    """
    collect_less_often()
    trust_places(batch.trust)
    current = Path.cwd()
    try:
        with started_in(working_folder(batch)), BUSY:
            return _run_all(batch, journal)
    finally:
        os.chdir(current)  # an environment may have changed it


def working_folder(batch: Batch) -> Path:
    """Return the folder in which the launching process was started; the current one if it is missing here.

    Hydra may have changed the current folder.
    """
    known = bool(batch.folder) and Path(batch.folder).is_dir()
    return Path(batch.folder) if known else Path.cwd()


def _run_all(batch: Batch, journal: Journal) -> list[Ended]:
    ended: list[Ended] = []
    tracking = batch.runs[0].work.config.tracking
    watchdog = Watchdog(batch.owner, tracking.uri, tracking.parent)
    # If a server recorded the parent run, wait for it. A local store that was deleted is not made again.
    nested = tracking.parent is not None
    recording = cache(lambda: tracker(open_tracked(tracking.uri, patient=nested, create=not nested)))
    for group in batch.groups():
        if journal.stopped or not watchdog.launcher_alive():
            break
        journal.start([each.number for each in group])
        for mark in _run(group, watchdog, recording, journal):
            journal.end(mark)
            ended.append(mark)
    return ended


def _run(
    group: Sequence[Assigned], watchdog: Watchdog, recording: Callable[[], Tracker], journal: Journal
) -> Iterable[Ended]:
    try:
        outcomes = run([each.work for each in group], watchdog.update, recording())
    except KeyboardInterrupt as interrupt:
        journal.stop()
        return [Ended(each.number, {}, f"stopped by {interrupt}") for each in group]
    except Exception as failure:  # from an environment or a store; other runs continue
        error = one_line(failure, kind=not isinstance(failure, Failure))
        return [Ended(each.number, {}, error) for each in group]
    pairs = zip(group, outcomes, strict=True)
    # Lists, as they are read again from the journal.
    return [Ended(e.number, asdict(outcome) | {"notes": [*outcome.notes]}, "") for e, outcome in pairs]
