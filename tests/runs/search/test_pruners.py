from __future__ import annotations

from collections.abc import Sequence

import optuna
import pytest
from optuna.trial import TrialState

from qsweep.runs.search.pruners import pruner


def study_of(name: str, *trials: Sequence[float], state: TrialState = TrialState.COMPLETE) -> optuna.Study:
    """A study whose trials reported the given means, seed after seed."""
    study = optuna.create_study(direction="maximize", pruner=pruner(name))
    for means in trials:
        add(study, means, state)
    return study


def add(study: optuna.Study, means: Sequence[float], state: TrialState = TrialState.COMPLETE) -> None:
    trial = study.ask()
    for seeds, mean in enumerate(means, start=1):
        trial.report(mean, seeds)
        trial.should_prune()
    study.tell(trial, means[-1] if state == TrialState.COMPLETE else None, state)


def prunes(study: optuna.Study, *means: float) -> list[bool]:
    """Whether a new trial would be pruned after each of its seeds."""
    trial = study.ask()
    found = []
    for seeds, mean in enumerate(means, start=1):
        trial.report(mean, seeds)
        found.append(trial.should_prune())
    return found


FIVE = [(1.0, 10.0), (2.0, 20.0), (3.0, 30.0), (4.0, 40.0), (50.0, 500.0)]


def test_median() -> None:
    """The median of the complete trials is 3 after one seed, 30 after two; a trial below it is pruned."""
    study = study_of("median", *FIVE)
    assert prunes(study, 3.0, 30.0) == [False, False]
    assert prunes(study, 2.9, 29.0) == [True, True]
    assert prunes(study, 99.0, 29.0) == [False, True]


def test_pruned_trials_do_not_change_the_median() -> None:
    """Only complete trials count."""
    study = study_of("median", *FIVE)
    for _ in range(9):
        add(study, (100.0,), TrialState.PRUNED)
    assert prunes(study, 3.0) == [False]


def test_the_median_needs_five_complete_trials() -> None:
    """Nothing is pruned while fewer are complete."""
    assert prunes(study_of("median", *FIVE[:4]), -100.0) == [False]


def test_a_lucky_first_seed_does_not_protect_a_trial() -> None:
    """The latest mean counts; optuna's own pruner takes the best so far, and keeps the trial."""
    trials = [(5.0, 5.0)] * 5
    assert prunes(study_of("median", *trials), 9.0, 4.5) == [False, True]
    optunas = study_of("none", *trials)
    optunas.pruner = optuna.pruners.MedianPruner()
    assert prunes(optunas, 9.0, 4.5) == [False, False]


@pytest.mark.parametrize(
    ("others", "least"),
    [
        ([], -1000.0),  # the first trial continues
        ([4.0], 4.0),  # of two, three, four or five the best one continues
        ([4.0, 1.0, 2.0, 3.0], 4.0),
        ([4.0, 1.0, 2.0, 3.0, 0.0], 3.0),  # of six the best two
        ([9.0, 8.0, 7.0, 6.0, 5.0, 4.0, 3.0, 2.0], 7.0),  # of nine the best three
    ],
)
def test_successive_halving(others: list[float], least: float) -> None:
    """Of n trials that reached a rung the best n // 3 continue, at least one."""
    reached = [(other,) for other in others]
    assert prunes(study_of("successive_halving", *reached, state=TrialState.PRUNED), least) == [False]
    if others:
        study = study_of("successive_halving", *reached, state=TrialState.PRUNED)
        assert prunes(study, least - 0.5) == [True]


def test_rungs_of_successive_halving() -> None:
    """Trials are compared after 1, 3, 9, ... seeds, and after no other number."""
    better = [9.0] * 12
    found = prunes(
        study_of("successive_halving", better), *[9.0, 0.0, 9.0, 0.0, 0.0, 0.0, 0.0, 0.0, 9.0, 0.0]
    )
    assert not any(found)
    for rung in (1, 3, 9):
        means = [9.0] * 12
        means[rung - 1] = 0.0
        found = prunes(study_of("successive_halving", better), *means)
        assert found.index(True) == rung - 1


def test_without_a_pruner() -> None:
    """No trial is pruned."""
    assert prunes(study_of("none", *[(1.0, 1.0)] * 9), -100.0, -100.0) == [False, False]
