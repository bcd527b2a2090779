"""A search's runs as jobs of a sweep: one launch for all that its trials need at once."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from qsweep.config import Config
from qsweep.plan import composition
from qsweep.plan.composition import Job
from qsweep.policies.evaluation.judge import judged
from qsweep.runs.journal import Ended
from qsweep.runs.search.loop import Scored, Wanted
from qsweep.runs.search.planning import SearchPlan, looks
from qsweep.tracking.store import Store

Run = Callable[[Sequence[Job], str], Sequence[Ended]]
"""Train jobs, under a name, and say how each ended, in any order: `launching.Runs.run`.

A job's number counts from 0 over all launches. The outcome holds `run_id`, and of a run of this launch
`scores`, the validation scores of its judged checkpoints, in order.
"""


class Runs:
    """Trains what trials want; `Evaluate` of a plan. jobs: all that were launched, in order.

    store: where runs of an earlier launch are recorded, if there are any.
    """

    def __init__(self, plan: SearchPlan, run: Run, store: Store | None = None) -> None:
        self._plan, self._run, self._store = plan, run, store
        self.jobs: list[Job] = []

    def __call__(self, wanted: Sequence[Wanted]) -> list[Scored]:
        """Launch all runs together; one that left no mark has failed."""
        jobs = [job(self._plan, each.overrides, each.seed, each.floors) for each in wanted]
        first = len(self.jobs)
        self.jobs += jobs
        ended = {mark.number: mark for mark in self._run(jobs, self._plan.name)}
        return [
            _scored(self._store, each, ended.get(number), self._plan.settings.looks)
            for number, each in enumerate(jobs, start=first)
        ]


def job(plan: SearchPlan, overrides: Sequence[str], seed: int, floors: Sequence[float] = ()) -> Job:
    """One run of a trial."""
    lines = (*plan.fixed, *overrides, f"seed={seed}")
    config = composition.load_config(lines)
    stops = tuple(_stops(config, floors))
    words = [line.lstrip("+") for line in (*overrides, f"seed={seed}")]
    tasks = [line for line in lines if not line.startswith(("hydra.", "hydra/"))]
    if stops:
        tasks.append(f"sweep.floors=[{','.join(f'[{episode},{score!r}]' for episode, score in stops)}]")
        config = replace(config, sweep=replace(config.sweep, floors=stops))
    return Job(tuple(tasks), ",".join(words)[:200], config)


def _stops(config: Config, floors: Sequence[float]) -> Iterator[tuple[int, float]]:
    """The episodes and floors of the looks at which a run may stop: not the last, for then it is done."""
    if any(map(math.isfinite, floors)):
        *early, _ = zip(looks(config, len(floors)), floors, strict=True)
        yield from (stop for stop in early if math.isfinite(stop[1]))


def _scored(store: Store | None, each: Job, ended: Ended | None, count: int) -> Scored:
    if ended is None or ended.error:
        return Scored("", (), ended.error if ended else "the worker ended without reporting a result")
    config, run_id = each.config, str(ended.outcome["run_id"])
    # Of a run that an earlier launch finished, nothing is known but which it is.
    scores = ended.outcome.get("scores")
    if not scores:
        assert store is not None
        scores = kept_scores(store, run_id)
    every = judged(config.episodes, config.checkpoint_every, config.evaluation.checkpoints)
    places = [every.index(episode) for episode in looks(config, count)]
    best = tuple(max(scores[: place + 1]) for place in places if place < len(scores))
    return Scored(run_id, best)


def kept_scores(store: Store, run_id: str) -> list[float]:
    """The validation scores that a run recorded, in order."""
    history = store.client.get_metric_history(run_id, "eval/return_mean")
    return [point.value for point in sorted(history, key=lambda point: point.step)]
