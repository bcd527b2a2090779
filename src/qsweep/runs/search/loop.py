"""The loop of a search: ask for trials, have their runs trained, tell the study what came of them.

What is optimised is the mean over the seeds of a run's best validation score, the highest
`eval/return_mean` of its judged checkpoints, which is the score that the checkpoint was chosen by. The test
score is for reporting alone: choosing among hundreds of trials by it would use it up. The seeds and the
validation starts are the same in every trial, so trials are compared in pairs.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from optuna.trial import FrozenTrial, Trial, TrialState

from qsweep.runs.search.pruners import Course, Pruner, Steps, pruner
from qsweep.runs.search.samplers import untried
from qsweep.runs.search.settings import Settings
from qsweep.runs.search.spaces import Space
from qsweep.runs.search.study import AGAIN, ERROR, WORKER, SearchStudy

OVERRIDES, RUNS, MEAN, STANDARD_ERROR, SEEDS = "overrides", "runs", "mean", "standard_error", "seeds"
"""User attributes of a trial; optuna-dashboard shows them."""


@dataclass(frozen=True)
class Wanted:
    """A run that a trial needs.

    overrides: the trial's, without the seed. floors [looks]: the run may stop at a look at which its best
    validation score so far lies below the look's floor; -inf: it may not.
    """

    trial: int
    overrides: tuple[str, ...]
    seed: int
    floors: tuple[float, ...]


@dataclass(frozen=True)
class Scored:
    """What came of a run: its best validation score so far at each look that it got to, at most [looks].

    error: one line; empty, unless the run failed.
    """

    run_id: str
    scores: tuple[float, ...]
    error: str = ""


Evaluate = Callable[[Sequence[Wanted]], Sequence[Scored]]
"""Trains runs, together and in any order; answers in the order in which it was asked."""


@dataclass(frozen=True)
class Told:
    """How a trial ended. mean, standard_error: over the seeds done; NaN where there are none or too few."""

    number: int
    overrides: tuple[str, ...]
    state: Literal["complete", "pruned", "failed"]
    mean: float
    standard_error: float
    seeds: int
    error: str


@dataclass
class _Candidate:
    """A trial under way. scores: the final ones of the seeds done."""

    trial: Trial
    overrides: tuple[str, ...]
    scores: list[float] = field(default_factory=list)
    runs: list[str] = field(default_factory=list)


class Search:
    """One process's part in a study."""

    def __init__(self, study: SearchStudy, space: Space, settings: Settings, evaluate: Evaluate) -> None:
        self._study, self._space, self._settings, self._evaluate = study, space, settings, evaluate
        self._steps = Steps(len(settings.seeds), settings.looks)
        self._pruner: Pruner = pruner(settings.pruner, self._steps)

    def run(self) -> Iterator[Told]:
        """Search until the study has its trials; yields each trial that ends.

        A trial one of whose runs fails is told as failed, and the search goes on. Whatever is raised
        elsewhere leaves the study such that the next search goes on with it.
        """
        candidates: list[_Candidate] = []
        with self._study:
            while True:
                candidates += self._asked(self._settings.parallel - len(candidates))
                if not candidates:
                    return
                for candidate in list(candidates):
                    told = self._repeated(candidate)
                    if told:
                        candidates.remove(candidate)
                        yield told
                active = _distinct(candidates)
                if not active:
                    continue
                wanted = [self._wanted(candidate) for candidate in active]
                scored = iter(self._evaluate([run for runs in wanted for run in runs]))
                for candidate, runs in zip(active, wanted, strict=True):
                    told = self._heard(candidate, [next(scored) for _ in runs])
                    if told:
                        candidates.remove(candidate)
                        yield told

    def _asked(self, count: int) -> Iterator[_Candidate]:
        """New candidates, at most `count`, and no more than the study still lacks."""
        for _ in range(count):
            with self._study.writing():
                if not self._waiting() and not self._lacking():
                    return
                trial = self._study.ask(self._space)
                overrides = self._space.lines(trial.params)
                trial.set_user_attr(OVERRIDES, list(overrides))
            yield _Candidate(trial, overrides)

    def _waiting(self) -> bool:
        return bool(self._study.study.get_trials(deepcopy=False, states=(TrialState.WAITING,)))

    def _lacking(self) -> bool:
        if self._study.counted() >= self._settings.trials:
            return False
        return self._settings.sampler != "grid" or untried(self._study.study, self._space) > 0

    def _wanted(self, candidate: _Candidate) -> list[Wanted]:
        """The runs that a candidate needs next: one, or all where none can make another needless."""
        done, seeds = len(candidate.scores), self._settings.seeds
        others = self._courses(candidate.trial.number)
        floors = self._steps.floors(candidate.scores, lambda step: self._pruner.floor(step, others))
        next_seeds = seeds[done:] if self._pruner.together else seeds[done : done + 1]
        return [Wanted(candidate.trial.number, candidate.overrides, seed, floors) for seed in next_seeds]

    def _heard(self, candidate: _Candidate, runs: Sequence[Scored]) -> Told | None:
        """Report a candidate's runs; how it ended, if it did."""
        with self._study.writing():
            for run in runs:
                candidate.runs.append(run.run_id)
                if wrong := _wrong(run):
                    return self._told(candidate, "failed", wrong)
                values = self._steps.values(candidate.scores, run.scores)
                for step, value in values.items():
                    candidate.trial.report(value, step)
                if len(run.scores) < self._settings.looks:
                    return self._told(candidate, "pruned")
                candidate.scores.append(run.scores[-1])
            if len(candidate.scores) == len(self._settings.seeds):
                return self._told(candidate, "complete")
            step = self._steps.at(len(candidate.scores), 0)
            floor = self._pruner.floor(step, self._courses(candidate.trial.number))
            return self._told(candidate, "pruned") if np.mean(candidate.scores) < floor else None

    def _told(
        self, candidate: _Candidate, state: Literal["complete", "pruned", "failed"], error: str = ""
    ) -> Told:
        """End a candidate; its attributes first, so that a trial that has ended has them."""
        scores = np.array(candidate.scores)
        mean = float(scores.mean()) if len(scores) else float("nan")
        spread = float(scores.std(ddof=1) / np.sqrt(len(scores))) if len(scores) > 1 else float("nan")
        told = Told(candidate.trial.number, candidate.overrides, state, mean, spread, len(scores), error)
        known = {RUNS: candidate.runs, SEEDS: len(scores), MEAN: mean, STANDARD_ERROR: spread, ERROR: error}
        for name, value in known.items():
            if value == value and value != "":  # what is not known is left out
                candidate.trial.set_user_attr(name, value)
        if state == "complete":
            self._study.study.tell(candidate.trial, mean)
        else:
            ended = TrialState.PRUNED if state == "pruned" else TrialState.FAIL
            self._study.study.tell(candidate.trial, state=ended)
        return told

    def _repeated(self, candidate: _Candidate) -> Told | None:
        """End a candidate as an earlier trial did that tried the same: its runs would repeat bit for bit."""
        done = (TrialState.COMPLETE, TrialState.PRUNED)
        for earlier in self._study.study.get_trials(deepcopy=False, states=done):
            if tuple(earlier.user_attrs[OVERRIDES]) == candidate.overrides and not candidate.runs:
                return self._retold(candidate, earlier)
        return None

    def _retold(self, candidate: _Candidate, earlier: FrozenTrial) -> Told:
        attributes = {k: v for k, v in earlier.user_attrs.items() if k not in (WORKER, AGAIN)}
        complete = earlier.state == TrialState.COMPLETE
        with self._study.writing():
            for step, value in earlier.intermediate_values.items():
                candidate.trial.report(value, step)
            for name, attribute in attributes.items():
                candidate.trial.set_user_attr(name, attribute)
            if complete:
                self._study.study.tell(candidate.trial, earlier.value)
            else:
                self._study.study.tell(candidate.trial, state=TrialState.PRUNED)
        mean, spread = (float(attributes.get(name, "nan")) for name in (MEAN, STANDARD_ERROR))
        state: Literal["complete", "pruned"] = "complete" if complete else "pruned"
        seeds = int(attributes[SEEDS])
        return Told(candidate.trial.number, candidate.overrides, state, mean, spread, seeds, "")

    def _courses(self, but: int) -> list[Course]:
        """What the other trials reported, whoever trained them."""
        trials = self._study.study.get_trials(deepcopy=False)
        return [
            Course(trial.intermediate_values, trial.state == TrialState.COMPLETE)
            for trial in trials
            if trial.number != but and trial.state != TrialState.FAIL
        ]


def _wrong(run: Scored) -> str:
    """Why a run's scores cannot be told to the study; empty where they can."""
    if run.error or not run.scores:
        return run.error or "a run has no validation score"
    # optuna fails a trial of NaN by itself, without a reason by which the trial would count.
    return "" if all(map(math.isfinite, run.scores)) else "a run's validation score is not finite"


def _distinct(candidates: Sequence[_Candidate]) -> list[_Candidate]:
    """The candidates, of those that try the same the first alone; the others wait for what comes of it."""
    first = {candidate.overrides: candidate for candidate in reversed(candidates)}
    return [candidate for candidate in candidates if first[candidate.overrides] is candidate]
