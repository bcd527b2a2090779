"""Batches of a sweep's runs: the unit that a launcher passes to a worker, and its execution there.

A batch is encoded as one override of a Hydra job, so any launcher can pass it to any machine, and Hydra
composes one config per batch instead of one per run.
"""

from __future__ import annotations

import base64
import json
import os
import zlib
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache
from itertools import groupby, islice
from pathlib import Path

from qsweep.config import record, variant_hash
from qsweep.errors import Failure, one_line
from qsweep.learning.training import LANES
from qsweep.plan.resolution import resolve
from qsweep.runs.journal import Ended, Journal
from qsweep.runs.runner import Ending, InterleavedFailure, Outcome, Work, run
from qsweep.runs.starting_table import Tables
from qsweep.runs.sweep.watchdog import Watchdog
from qsweep.system.exit_with_parent import BUSY
from qsweep.system.garbage import collect_less_often
from qsweep.system.liveness import Owner
from qsweep.system.start_folder import start_folder, started_in
from qsweep.tracking import Tracker, tracker
from qsweep.tracking.places import places_trusted, trust_places
from qsweep.tracking.store import open_tracked
from qsweep.tracking.unfinished import progress_of

LARGEST = 48
"""Maximum number of runs in a batch: a killed worker loses no more."""
FEW = 4
"""The number of interleaved runs from which on more of them save less than workers without a run lose."""
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

    owner: the process that launches them. lanes: how many train interleaved, at most. folder: the one in
    which that process was started. trust: whether the user gave --trust.
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
        """Return the batch that `encoded` encoded, still without the Q-tables that its runs start from."""
        owner, lanes, runs, folder, trust = json.loads(
            zlib.decompress(base64.b64decode(text, altchars=b"-_"))
        )
        assigned = (
            Assigned(number, Work(resolve(values), name, command, figures=False, run_id=run_id))
            for number, values, name, command, run_id in runs
        )
        return cls(Owner(**owner), lanes, tuple(assigned), folder, trust)

    def groups(self) -> Iterator[tuple[Assigned, ...]]:
        """Yield groups that train interleaved: at most `lanes` new runs of one variant, or a single run."""
        for _, rest in groupby(self.runs, key=_variant):
            while group := tuple(islice(rest, self.lanes)):
                yield group


def _variant(assigned: Assigned) -> str:
    work = assigned.work
    alone = work.run_id or work.config.engine != "compiled"
    return f"{assigned.number}" if alone else f"variant {variant_hash(work.config)}"


def batches(runs: Sequence[Assigned], owner: Owner, size: int | None, workers: int) -> list[Batch]:
    """Return all runs in batches of at most `size`, or of decreasing sizes; smaller groups come last."""
    variants: dict[str, list[Assigned]] = {}
    for each in runs:
        variants.setdefault(_variant(each), []).append(each)
    lanes = lanes_for(max(map(len, variants.values()), default=1), len(runs), workers, size)
    parts = (
        group[first : first + lanes] for group in variants.values() for first in range(0, len(group), lanes)
    )
    groups = deque(sorted(parts, key=len, reverse=True))
    made: list[Batch] = []
    left = len(runs)
    while groups:
        most = size or max(1, min(LARGEST, left // (SHARE * workers)))
        some = groups.popleft()
        while groups and len(some) + len(groups[0]) <= most:
            some += groups.popleft()
        made.append(Batch(owner, lanes, tuple(some), str(start_folder()), places_trusted()))
        left -= len(some)
    return made


def lanes_for(seeds: int, runs: int, workers: int, size: int | None) -> int:
    """Return how many runs train interleaved, so that each worker has two groups of them, better four.

    seeds: the largest number of runs of a variant, which is divided into equal groups.
    """
    if runs < 2 * FEW * workers:
        return 1
    most = min(LANES, size or LANES, max(FEW, runs // (4 * workers)))
    return -(-seeds // -(-seeds // most))


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
    watchdog = Watchdog(batch.owner, tracking.uri, tracking.parent, lambda: journal.stopped)
    # If a server recorded the parent run, wait for it. A local store that was deleted is not made again.
    nested = tracking.parent is not None
    recording = cache(lambda: tracker(open_tracked(tracking.uri, patient=nested, create=not nested)))
    tables = Tables()
    for group in batch.groups():
        if journal.stopped or not watchdog.launcher_alive():
            break
        journal.start([each.number for each in group])
        for mark in _run(group, watchdog, recording, journal, tables):
            journal.end(mark)
            ended.append(mark)
    return ended


def _run(
    group: Sequence[Assigned],
    watchdog: Watchdog,
    recording: Callable[[], Tracker],
    journal: Journal,
    tables: Tables,
) -> Iterator[Ended]:
    try:
        # Here, as the tables may be in relative folders, and in places that only --trust allows.
        works = [replace(each.work, resolved=tables.started(each.work.resolved)) for each in group]
        outcomes = run(works, watchdog.update, recording())
    except KeyboardInterrupt as interrupt:
        journal.stop()
        yield from (Ended(each.number, {}, f"stopped by {interrupt}") for each in group)
    except InterleavedFailure as failed:
        for each, ending in zip(group, failed.endings, strict=True):
            error = ending.unrecorded or failed.error
            if ending.outcome:
                yield _finished(each, ending.outcome)
            elif ending.unrecorded or journal.stopped or not watchdog.launcher_alive():
                yield _failed(each, error)
            else:
                yield from _retry(each, ending, watchdog, recording, journal, tables)
    except Exception as failure:  # from an environment or a store; other runs continue
        yield from (_failed(each, failure) for each in group)
    else:
        yield from map(_finished, group, outcomes)


def _retry(
    assigned: Assigned,
    ending: Ending,
    watchdog: Watchdog,
    recording: Callable[[], Tracker],
    journal: Journal,
    tables: Tables,
) -> Iterator[Ended]:
    """Execute a run alone that another one's failure may have ended."""
    try:
        alone = _alone(assigned, ending, recording())
    except Exception as failure:  # of the store
        yield _failed(assigned, failure)
    else:
        yield from _run([alone], watchdog, recording, journal, tables)


def _alone(assigned: Assigned, ending: Ending, tracking: Tracker) -> Assigned:
    """Return the retry of an ended run: it resumes from a checkpoint, or replaces the record without one."""
    saved = progress_of(ending.run_id).episodes if ending.run_id else 0
    if ending.run_id and not saved:
        tracking.discard(ending.run_id)
    return replace(assigned, work=replace(assigned.work, run_id=ending.run_id if saved else ""))


def _finished(assigned: Assigned, outcome: Outcome) -> Ended:
    # Lists, as they are read again from the journal.
    return Ended(assigned.number, asdict(outcome) | {"notes": [*outcome.notes]}, "")


def _failed(assigned: Assigned, error: Exception) -> Ended:
    return Ended(assigned.number, {}, one_line(error, kind=not isinstance(error, Failure)))
