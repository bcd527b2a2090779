from __future__ import annotations

import math

import numpy as np
import optuna
import pytest
from optuna.pruners import SuccessiveHalvingPruner

from qsweep.runs.search.pruners import NOBODY, Course, Median, Steps, SuccessiveHalving, pruner


def complete(*values: float) -> Course:
    return Course(dict(enumerate(values, start=1)), complete=True)


def test_the_axis_of_steps() -> None:
    """Seed after seed, look after look; the end of a seed is the look before the next one's first."""
    steps = Steps(seeds=3, looks=2)
    assert [steps.at(seed, look) for seed in range(3) for look in (1, 2)] == [1, 2, 3, 4, 5, 6]
    assert steps.at(2, 0) == steps.at(1, 2)


def test_what_is_reported() -> None:
    """The mean over the seeds before and the run in hand: (-100 - 120 - 200) / 3 = -140 at its first look."""
    values = Steps(seeds=3, looks=2).values([-100.0, -120.0], [-200.0, -110.0])
    assert values == {5: pytest.approx(-140), 6: pytest.approx(-110)}


def test_a_runs_own_floors() -> None:
    """A floor of -150 under a mean over three is one of -230 under the third, after -100 and -120."""
    under = {5: -150.0, 6: NOBODY}
    assert Steps(seeds=3, looks=2).floors([-100.0, -120.0], under.__getitem__) == (-230.0, NOBODY)


def test_median() -> None:
    """The floor is the median of the completed trials at that very step; of pruned ones nothing counts."""
    others = [complete(v, 10 * v) for v in (1.0, 2.0, 3.0, 4.0, 50.0)]
    others += [Course({1: -100.0}, complete=False)] * 9
    rule = Median(last=3)
    assert rule.floor(1, others) == 3.0
    assert rule.floor(2, others) == 30.0


def test_the_median_waits() -> None:
    """Nobody is given up before five trials are complete, nor at the end, where nothing is left to save."""
    others = [complete(v, v, v) for v in (1.0, 2.0, 3.0, 4.0, 5.0)]
    assert Median(last=3).floor(1, others[:4]) == NOBODY
    assert Median(last=3).floor(3, others) == NOBODY


def test_an_early_lucky_seed_does_not_shield() -> None:
    """What counts is the latest value: optuna's own rule would take the best so far."""
    others = [complete(5.0, 5.0, 5.0)] * 5
    value_after_two_seeds = (9.0 + 0.0) / 2
    assert value_after_two_seeds < Median(last=3).floor(2, others)


@pytest.mark.parametrize(
    ("others", "floor"),
    [
        ([], NOBODY),  # the first goes on
        ([4.0], 4.0),  # of two, three, four, five the best one goes on
        ([4.0, 1.0, 2.0, 3.0], 4.0),
        ([4.0, 1.0, 2.0, 3.0, 0.0], 3.0),  # of six the best two
        ([9.0, 8.0, 7.0, 6.0, 5.0, 4.0, 3.0, 2.0], 7.0),  # of nine the best three
    ],
)
def test_successive_halving(others: list[float], floor: float) -> None:
    """Of n that got to a rung, the best n // 3 go on, one at least."""
    rule = SuccessiveHalving(rungs=(1, 3), factor=3)
    courses = [Course({1: value}, complete=False) for value in others]
    assert rule.floor(1, courses) == floor
    assert rule.floor(2, courses) == NOBODY  # no rung
    assert rule.floor(3, courses) == NOBODY  # nobody got there


def test_successive_halving_decides_as_optunas_does() -> None:
    """Trial for trial and step for step, on random courses with ties."""
    generator = np.random.default_rng(0)
    theirs = SuccessiveHalvingPruner(min_resource=1, reduction_factor=3)
    ours = SuccessiveHalving(rungs=(1, 3, 9), factor=3)
    study = optuna.create_study(direction="maximize")
    courses: list[Course] = []
    ends = []
    for _ in range(60):
        trial = study.ask()
        values: dict[int, float] = {}
        pruned = False
        for step in range(1, 12):
            values[step] = float(generator.integers(12))
            trial.report(values[step], step)
            frozen = study.get_trials(deepcopy=False)[trial.number]
            pruned = theirs.prune(study, frozen)
            assert pruned == (values[step] < ours.floor(step, courses))
            if pruned:
                break
        study.tell(trial, state=optuna.trial.TrialState.PRUNED)
        courses.append(Course(values, complete=not pruned))
        ends.append(max(values))
    assert {1, 3, 9, 11} <= set(ends)


@pytest.mark.parametrize(
    ("seeds", "looks", "rungs"),
    [(5, 1, (1, 3)), (10, 1, (1, 3, 9)), (3, 1, (1,)), (5, 9, (1, 3, 9, 27)), (2, 5, (1, 5)), (1, 1, ())],
)
def test_rungs(seeds: int, looks: int, rungs: tuple[int, ...]) -> None:
    """Each rung is three times as far as the last; one lies at the first seed's end, none at the trial's."""
    rule = pruner("successive_halving", Steps(seeds, looks))
    assert isinstance(rule, SuccessiveHalving)
    assert rule.rungs == rungs


def test_without_a_pruner() -> None:
    """Nobody is given up, and all seeds may be trained at once."""
    never = pruner("none", Steps(5, 1))
    assert never.together
    assert math.isinf(never.floor(1, [complete(1.0)] * 9))
    assert not pruner("median", Steps(5, 1)).together
