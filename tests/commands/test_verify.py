from __future__ import annotations

import dataclasses
from collections.abc import Callable
from subprocess import CompletedProcess

import numpy as np
import pytest

from qsweep.commands.verify import verification
from qsweep.commands.verify.cases import CASES, Case, Measurement
from qsweep.commands.verify.measures import (
    best_return,
    greedy_return,
    mean,
    prediction_error,
    share_of_left,
)
from qsweep.commands.verify.verification import chosen, mean_interval, measure, verify
from qsweep.errors import UsageError
from qsweep.plan.composition import load_config

WINDY = ("env.id=qsweep/WindyGridworld-v0",)
STILL = ("epsilon=constant", "epsilon.start=0", "initial_q.low=0", "initial_q.high=0", "discount=1")


def named(name: str) -> Case:
    """One of the cases."""
    [case] = [case for case in CASES if case.name == name]
    return case


def measurement(low: float, high: float) -> Measurement:
    """Return a measurement with this interval, where 10 +- 1 is expected."""
    case = Case("a/b", "", "", 10.0, 1.0, (), best_return)
    return Measurement(case, 5, (low + high) / 2, low, high)


def test_names_are_unique() -> None:
    """No two cases have one name, and every name has its group before a slash."""
    names = [case.name for case in CASES]
    assert len(set(names)) == len(names)
    assert all(len(name.split("/")) == 2 for name in names)


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_every_case_resolves(case: Case) -> None:
    """The overrides of a case are valid, and compiled."""
    config = load_config(case.overrides)
    assert config.engine == "compiled"
    assert case.seeds >= max(case.quick_seeds, 1)
    assert case.tolerance > 0


@pytest.mark.parametrize(
    ("low", "high", "reproduced"),
    [
        (9.5, 10.5, True),
        (9.0, 11.0, True),
        (8.9, 10.0, False),
        (10.0, 11.1, False),
        (5.0, 15.0, False),
        (11.5, 12.0, False),
        (float("nan"), float("nan"), False),
    ],
)
def test_the_entire_interval_must_be_near(low: float, high: float, reproduced: bool) -> None:
    """A wide interval around the expected number is a miss: noise passes nothing."""
    assert measurement(low, high).reproduced == reproduced


def test_the_interval_of_a_mean() -> None:
    """Student's t: for 1, 2, 3, 4 with 3 degrees of freedom 3.182 standard errors to either side."""
    mean, low, high = mean_interval([1.0, 2.0, 3.0, 4.0])
    error = (5 / 3 / 4) ** 0.5
    assert mean == 2.5
    assert (mean - low, high - mean) == pytest.approx((3.18245 * error,) * 2, rel=1e-5)


def test_a_single_number_is_exact() -> None:
    """A single measurement, such as an optimum, has no spread."""
    assert mean_interval([-13.0]) == (-13.0, -13.0, -13.0)


def test_names_groups_and_all() -> None:
    """Cases are selected by name or by group; without a name, all are."""
    assert [case.name for case in chosen(["cliff/sarsa"], quick=False)] == ["cliff/sarsa"]
    groups = {case.name.partition("/")[0] for case in chosen(["maze", "optimum"], quick=True)}
    assert groups == {"maze", "optimum"}
    assert chosen([], quick=False) == CASES


def test_an_unknown_name_is_refused() -> None:
    """Each unknown name is a problem, with the nearest known one."""
    with pytest.raises(UsageError) as caught:
        chosen(["clif", "optimum", "nothing"], quick=False)
    assert [problem.given for problem in caught.value.problems] == ["clif", "nothing"]
    assert "cliff" in caught.value.problems[0].remedy


def test_what_has_no_short_form_is_refused_there() -> None:
    """If --quick skips all named cases, that is an error, not a success."""
    with pytest.raises(UsageError, match="no short form"):
        chosen(["tutorial/20"], quick=True)


def test_a_wrong_expectation_is_a_miss(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A number outside the range is shown as missed, with the command that trains it."""
    right = named("optimum/cliff_walking")
    wrong = dataclasses.replace(right, name="optimum/wrong", expected=-12.0)
    monkeypatch.setattr(verification, "CASES", (right, wrong))
    assert verify(["optimum/cliff_walking"])
    assert not verify()
    printed = capsys.readouterr().out
    assert "MISSED optimum/wrong: qsweep train env=cliff_walking" in printed
    assert "1 of 2 reproduced" in printed


@pytest.mark.slow
def test_a_case_is_trained_once_for_every_seed() -> None:
    """The mean is over the seeds 0 to n - 1; --quick uses fewer of them."""
    case = dataclasses.replace(named("cliff/sarsa"), seeds=3, quick_seeds=2)
    config = load_config(case.overrides)
    values = [case.measure(dataclasses.replace(config, seed=seed)) for seed in range(3)]
    assert len(set(values)) == 3
    assert measure(case, quick=False).mean == pytest.approx(np.mean(values))
    assert measure(case, quick=True).mean == pytest.approx(np.mean(values[:2]))


def test_returns_and_lengths_of_some_episodes() -> None:
    """Where the goal is 15 steps away, episodes cut after 7 have 7 steps at -1 each."""
    config = load_config([*WINDY, *STILL, "episodes=4", "env.max_steps=7"])
    assert mean(config, "lengths", first=2, last=3) == 7
    assert mean(config, "returns", first=1, last=4) == -7


@pytest.mark.slow
def test_the_share_of_left() -> None:
    """If ties go to the first action, the first episodes go left: two steps, a share of 1."""
    config = load_config(["env.id=qsweep/MaximizationBias-v0", *STILL, "episodes=1"])
    assert share_of_left(config, first=1, last=1) == 1


@pytest.mark.slow
def test_the_prediction_error_of_one_walk() -> None:
    """After one TD(0) episode only the state next to the end has changed, by half of the reward."""
    walk = ["env.id=qsweep/RandomWalk-v0", *STILL, "algorithm=n_step_sarsa", "n=1"]
    config = load_config([*walk, "learning_rate=0.5", "episodes=1", "checkpoint_every=1"])
    true = np.arange(-9, 10) / 10
    learned = np.zeros(19)
    learned[-1] = 0.5  # or the mirror image, whose error is the same
    assert prediction_error(config) == pytest.approx(np.sqrt(np.mean((learned - true) ** 2)))


def test_the_return_of_a_policy_that_ends_and_of_one_that_does_not() -> None:
    """The path along the cliff returns exactly -13; always going up, the reward of 10,000 steps."""
    learned = named("learned/cliff_walking")
    config = load_config(learned.overrides)
    assert greedy_return(config) == -13
    still = load_config([*WINDY, *STILL, "episodes=1", "env.max_steps=1"])
    assert greedy_return(still) == -10_000


def test_best_return_is_the_optimum() -> None:
    """On a lake that is not slippery the goal is always reached."""
    config = load_config(["env=frozen_lake", "env.kwargs.is_slippery=false"])
    assert best_return(config) == pytest.approx(1)


@pytest.mark.slow
def test_the_quick_form_passes(qsweep: Callable[..., CompletedProcess[str]]) -> None:
    """`qsweep verify --quick` reproduces everything and exits with 0."""
    ran = qsweep("verify", "--quick")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "MISSED" not in ran.stdout


def test_the_command_refuses_an_unknown_case(qsweep: Callable[..., CompletedProcess[str]]) -> None:
    """Exit code 2, and one line that says which names there are or which is near."""
    ran = qsweep("verify", "clif/sarsa")
    assert ran.returncode == 2
    assert ran.stderr.startswith("qsweep: case: must be a case or a group of cases; given 'clif/sarsa'")
