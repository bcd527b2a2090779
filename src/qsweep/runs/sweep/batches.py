"""Runs of a sweep in batches: what a launcher hands to a worker at once, and what the worker does with it.

A batch travels as one override of a Hydra job, so any launcher can carry it, to any machine, and Hydra
composes one config a batch instead of one a run.
"""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from itertools import groupby, islice

from qsweep.config import record, variant_hash
from qsweep.errors import one_line
from qsweep.learning.training import LANES
from qsweep.plan.resolution import resolve
from qsweep.runs.journal import Ended, Jobs
from qsweep.runs.runner import Work, run
from qsweep.runs.sweep.watchdog import Wanted
from qsweep.system.exit_with_parent import BUSY
from qsweep.system.garbage import collect_less_often
from qsweep.system.liveness import Owner
from qsweep.tracking import Tracker, tracker
from qsweep.tracking.store import open_tracked

LARGEST = 48
"""Runs in a batch, at most: a worker that is killed takes no more of them along."""
SHARE = 4
"""A batch is a fourth of a worker's part of what is left, so that all workers end at about the same time."""


@dataclass(frozen=True)
class Assigned:
    """A run and its number in the sweep."""

    number: int
    work: Work


@dataclass(frozen=True)
class Batch:
    """Some runs of a sweep. owner: the process that launches them; lanes: how many train side by side."""

    owner: Owner
    lanes: int
    runs: tuple[Assigned, ...]

    def encoded(self) -> str:
        """The batch as letters and digits."""
        runs = [
            [each.number, record(each.work.config), each.work.name, each.work.command, each.work.run_id]
            for each in self.runs
        ]
        plain = json.dumps([asdict(self.owner), self.lanes, runs])
        return base64.b64encode(zlib.compress(plain.encode()), altchars=b"-_").decode()

    @classmethod
    def decoded(cls, text: str) -> Batch:
        """The batch that `encoded` gave."""
        owner, lanes, runs = json.loads(zlib.decompress(base64.b64decode(text, altchars=b"-_")))
        assigned = (
            Assigned(number, Work(resolve(values), name, command, figures=False, run_id=run_id))
            for number, values, name, command, run_id in runs
        )
        return cls(Owner(**owner), lanes, tuple(assigned))

    def together(self) -> Iterator[tuple[Assigned, ...]]:
        """The runs in groups: so many of one variant that they train side by side, anew, or each alone."""
        for _, group in groupby(self.runs, key=_alike):
            rest = iter(group)
            while some := tuple(islice(rest, self.lanes)):
                yield from [some] if len(some) == self.lanes else ((one,) for one in some)


def _alike(assigned: Assigned) -> str:
    work = assigned.work
    alone = work.run_id or work.config.engine != "compiled"
    return f"{assigned.number}" if alone else f"variant {variant_hash(work.config)}"


def batches(runs: Sequence[Assigned], owner: Owner, size: int | None, workers: int) -> list[Batch]:
    """All runs in batches of `size`, or of fewer and fewer for so many workers; what trains alone is last."""
    lanes = LANES if len(runs) >= 2 * LANES * workers else 1
    alike: dict[str, list[Assigned]] = {}
    for each in runs:
        alike.setdefault(variant_hash(each.work.config), []).append(each)
    ordered: list[Assigned] = []
    over: list[Assigned] = []
    for group in alike.values():
        whole = len(group) - len(group) % lanes
        ordered += group[:whole]
        over += group[whole:]
    ordered += over
    made: list[Batch] = []
    done = 0
    while done < len(ordered):
        fair = max(1, min(LARGEST, (len(ordered) - done) // (SHARE * workers)))
        some = ordered[done : done + (size or fair + -fair % lanes)]
        made.append(Batch(owner, lanes, tuple(some)))
        done += len(some)
    return made


def work_off(batch: Batch, jobs: Jobs) -> list[Ended]:
    """Run what is in a batch; says how each run ended.

    Ends early where the sweep is to stop, or where nobody waits for the batch any more: a queue may hold
    it long after its sweep was launched again.
    """
    collect_less_often()
    ended: list[Ended] = []
    tracking = batch.runs[0].work.config.tracking
    wanted = Wanted(batch.owner, tracking.uri, tracking.parent)
    # A server that has taken the parent is waited for.
    recording = cache(lambda: tracker(open_tracked(tracking.uri, patient=tracking.parent is not None)))
    with BUSY:
        for group in batch.together():
            if jobs.stopped or not wanted.still():
                break
            jobs.start([each.number for each in group])
            for mark in _run(group, wanted, recording, jobs):
                jobs.end(mark)
                ended.append(mark)
    return ended


def _run(
    group: Sequence[Assigned], wanted: Wanted, recording: Callable[[], Tracker], jobs: Jobs
) -> Iterable[Ended]:
    try:
        outcomes = run([each.work for each in group], wanted, recording())
    except KeyboardInterrupt as interrupt:
        jobs.stop()
        return [Ended(each.number, {}, f"stopped by {interrupt}") for each in group]
    except Exception as failure:  # whatever an environment or a store raises; other runs go on
        error = one_line(failure, kind=True)
        return [Ended(each.number, {}, error) for each in group]
    pairs = zip(group, outcomes, strict=True)
    return [Ended(each.number, asdict(outcome), "") for each, outcome in pairs]
