"""The loop of a search: ask the study for trials, train their runs, tell the study the results.

The objective is the mean over seeds of a run's best validation score: the highest `eval/return_mean` of its
evaluated checkpoints, by which its best checkpoint is chosen. The test score is kept for the report: hundreds
of trials compared by it would use it up. The seeds and the validation starts are the same in every trial, so
trials are compared in pairs.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from optuna.trial import FrozenTrial, Trial, TrialState

from qsweep.runs.search.samplers import untried
from qsweep.runs.search.settings import Settings
from qsweep.runs.search.spaces import Space
from qsweep.runs.search.study import ERROR, MEAN, OVERRIDES, RUNS, SEEDS, STANDARD_ERROR, SearchStudy


@dataclass(frozen=True)
class RunRequest:
    """A run that a trial needs. overrides: the trial's, without the seed."""

    overrides: tuple[str, ...]
    seed: int


@dataclass(frozen=True)
class RunScore:
    """The result of a run. score: its best validation score. error: one line; empty if the run succeeded."""

    run_id: str
    score: float
    error: str = ""


TrainRuns = Callable[[Sequence[RunRequest]], Sequence[RunScore]]
"""Trains runs, together and in any order; returns their scores in the order of the requests."""


@dataclass(frozen=True)
class TrialResult:
    """The result of a trial. mean, standard_error: over the seeds done; NaN if these are too few."""

    number: int
    overrides: tuple[str, ...]
    state: Literal["complete", "pruned", "failed"]
    mean: float
    standard_error: float
    seeds: int
    error: str = ""


STATES = {"complete": TrialState.COMPLETE, "pruned": TrialState.PRUNED, "failed": TrialState.FAIL}


@dataclass
class _RunningTrial:
    """A trial that has not ended. scores, run_ids: of the seeds done."""

    trial: Trial
    overrides: tuple[str, ...]
    scores: list[float] = field(default_factory=list)
    run_ids: list[str] = field(default_factory=list)

    def result(self, state: Literal["complete", "pruned", "failed"], error: str = "") -> TrialResult:
        """Return the result of the trial if it ends now."""
        scores = np.array(self.scores)
        mean = float(scores.mean()) if len(scores) else math.nan
        standard_error = float(scores.std(ddof=1) / np.sqrt(len(scores))) if len(scores) > 1 else math.nan
        return TrialResult(self.trial.number, self.overrides, state, mean, standard_error, len(scores), error)


class Search:
    """A process that searches a study; several may share one."""

    def __init__(self, study: SearchStudy, space: Space, settings: Settings, train: TrainRuns) -> None:
        self._study, self._space, self._settings, self._train = study, space, settings, train

    def run(self) -> Iterator[TrialResult]:
        """Search until the study has all its trials; yield the result of each trial that ends.

        A trial fails if one of its runs fails, and the search continues. Any other exception leaves the study
        in a state from which the next search resumes it.
        """
        running: dict[int, _RunningTrial] = {}
        with self._study:
            while True:
                asked = self._ask(self._settings.parallel - len(running))
                running |= {each.trial.number: each for each in asked}
                if not running:
                    return
                for result in self._advance(list(running.values())):
                    del running[result.number]
                    yield result

    def _ask(self, count: int) -> Iterator[_RunningTrial]:
        """Start new trials: at most `count`, and no more than the study still needs."""
        for _ in range(count):
            with self._study.writing:
                if not self._needs_trials():
                    return
                trial = self._study.ask(self._space)
                overrides = self._space.overrides(trial.params)
                trial.set_user_attr(OVERRIDES, list(overrides))
            yield _RunningTrial(trial, overrides)

    def _needs_trials(self) -> bool:
        if self._study.study.get_trials(deepcopy=False, states=(TrialState.WAITING,)):
            return True
        if self._study.count_trials() >= self._settings.trials:
            return False
        return self._settings.sampler != "grid" or untried(self._study.study, self._space) > 0

    def _advance(self, running: Sequence[_RunningTrial]) -> Iterator[TrialResult]:
        """Train the next runs of all running trials; yield the results of the trials that end."""
        first: dict[
            tuple[str, ...], _RunningTrial
        ] = {}  # later trials of equal overrides wait for its result
        for each in running:
            earlier = None if each.run_ids else self._ended_trial(each.overrides)
            if earlier is None:
                first.setdefault(each.overrides, each)
            else:
                yield self._repeat(each, earlier)
        if not first:
            return
        requests = {overrides: self._requests(each) for overrides, each in first.items()}
        scores = iter(self._train([request for some in requests.values() for request in some]))
        for overrides, each in first.items():
            result = self._record(each, [next(scores) for _ in requests[overrides]])
            if result:
                yield result

    def _requests(self, running: _RunningTrial) -> list[RunRequest]:
        """Return the runs of the trial's next seed; of all its seeds if no pruner can stop it."""
        seeds = self._settings.seeds[len(running.scores) :]
        if self._settings.pruner != "none":
            seeds = seeds[:1]
        return [RunRequest(running.overrides, seed) for seed in seeds]

    def _record(self, running: _RunningTrial, runs: Sequence[RunScore]) -> TrialResult | None:
        """Report a trial's new scores to the study; return the trial's result if it ends."""
        with self._study.writing:
            for run in runs:
                running.run_ids.append(run.run_id)
                if error := _error(run):
                    return self._end(running, running.result("failed", error))
                running.scores.append(run.score)
                running.trial.report(float(np.mean(running.scores)), step=len(running.scores))
            if len(running.scores) == len(self._settings.seeds):
                return self._end(running, running.result("complete"))
            return self._end(running, running.result("pruned")) if running.trial.should_prune() else None

    def _end(self, running: _RunningTrial, result: TrialResult) -> TrialResult:
        """Tell the study a trial's result: its attributes first, so that every ended trial has them."""
        trial, complete = running.trial, result.state == "complete"
        trial.set_user_attr(RUNS, running.run_ids)
        trial.set_user_attr(SEEDS, result.seeds)
        for name, value in ((MEAN, result.mean), (STANDARD_ERROR, result.standard_error)):
            if not math.isnan(value):
                trial.set_user_attr(name, value)
        if result.error:
            trial.set_user_attr(ERROR, result.error)
        self._study.study.tell(trial, result.mean if complete else None, STATES[result.state])
        return result

    def _ended_trial(self, overrides: tuple[str, ...]) -> FrozenTrial | None:
        """Return an ended trial with these overrides: the runs of another would repeat it bit for bit."""
        ended = (TrialState.COMPLETE, TrialState.PRUNED)
        for trial in self._study.study.get_trials(deepcopy=False, states=ended):
            if tuple(trial.user_attrs[OVERRIDES]) == overrides:
                return trial
        return None

    def _repeat(self, running: _RunningTrial, earlier: FrozenTrial) -> TrialResult:
        """End a trial with the result of an earlier one."""
        known = earlier.user_attrs
        running.run_ids += known[RUNS]
        result = TrialResult(
            number=running.trial.number,
            overrides=running.overrides,
            state="complete" if earlier.state == TrialState.COMPLETE else "pruned",
            mean=float(known.get(MEAN, math.nan)),
            standard_error=float(known.get(STANDARD_ERROR, math.nan)),
            seeds=int(known[SEEDS]),
        )
        with self._study.writing:
            for step, mean in earlier.intermediate_values.items():
                running.trial.report(mean, step)
                running.trial.should_prune()  # successive halving counts the trials that it was asked about
            return self._end(running, result)


def _error(run: RunScore) -> str:
    """Return why a run has no score that can be told to the study; empty if it has one."""
    if run.error:
        return run.error
    # optuna would fail a trial of NaN by itself, without the reason that makes the trial count.
    return "" if math.isfinite(run.score) else "a run's validation score is not finite"
