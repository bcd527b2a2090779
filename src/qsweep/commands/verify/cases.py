"""The cases: each with its source, its expected number, and the overrides that train it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from qsweep.commands.verify.measures import (
    best_return,
    exact_minus_occupancy,
    exact_minus_sampled,
    greedy_return,
    mean,
    prediction_error,
    share_of_left,
)
from qsweep.config import Config

EXACT = 1e-9
"""The tolerance of a number that is known exactly, for rounding."""


@dataclass(frozen=True)
class Case:
    """A published or exact number, and how to measure it.

    what: the number in words. expected, tolerance: the range of the mean over runs. overrides: as for
    `qsweep train`, without a seed; measure: resolved config -> the number of one run. seeds: number of
    runs, with the seeds 0 to `seeds` - 1; quick_seeds: the same with --quick, 0 skips the case. On a new
    machine compiling takes most of the time of --quick, so it skips cases with an algorithm of their own.
    """

    name: str
    what: str
    source: str
    expected: float
    tolerance: float
    overrides: tuple[str, ...]
    measure: Callable[[Config], float]
    seeds: int = 1
    quick_seeds: int = 1


NO_LIMIT = "env.max_steps=1000000"
FROM_ZERO = ("initial_q.low=0", "initial_q.high=0")
STEADY = (*FROM_ZERO, "ties=random", "epsilon=constant")


def _cliff(algorithm: str, expected: float, quick_seeds: int = 200) -> Case:
    settings = ("learning_rate=0.5", "epsilon.start=0.1", "episodes=500", "checkpoint_every=500")
    return Case(
        f"cliff/{algorithm}",
        "mean return of episodes 101 to 500",
        "S&B, Example 6.6",
        expected,
        1.0,
        ("env=cliff_walking", f"algorithm={algorithm}", *STEADY, "discount=1", *settings, NO_LIMIT),
        partial(mean, of="returns", first=101, last=500),
        seeds=1000,
        quick_seeds=quick_seeds,
    )


def _bias(algorithm: str, source: str, expected: float, tolerance: float, quick_seeds: int) -> Case:
    settings = ("learning_rate=0.1", "epsilon.start=0.1", "episodes=300", "checkpoint_every=300")
    return Case(
        f"bias/{algorithm}",
        "share of action left in episodes 21 to 30",
        source,
        expected,
        tolerance,
        ("env.id=qsweep/MaximizationBias-v0", f"algorithm={algorithm}", *STEADY, "discount=1", *settings),
        partial(share_of_left, first=21, last=30),
        seeds=10_000,
        quick_seeds=quick_seeds,
    )


def _mountain_car(learning_rate: float, expected: float) -> Case:
    settings = (f"learning_rate={learning_rate}", "epsilon.start=0", "episodes=500", "checkpoint_every=500")
    tiles = ("discretizer=tiles", "tilings=8", "buckets=8")
    return Case(
        f"car/{learning_rate}",
        f"mean steps of episodes 401 to 500, alpha {learning_rate}/8",
        "S&B, Figure 10.2",
        expected,
        4.0,
        ("env=mountain_car", "algorithm=sarsa", *tiles, *STEADY, "discount=1", *settings, NO_LIMIT),
        partial(mean, of="lengths", first=401, last=500),
        seeds=200,
        quick_seeds=0,
    )


def _maze(planning_steps: int, first: int, tolerance: float) -> Case:
    """The book shows after how many episodes the paths are about as short as possible with epsilon 0.1.

    The exact mean of the epsilon-greedy policies of a shortest path is 15.9 steps.
    """
    settings = ("learning_rate=0.1", "epsilon.start=0.1", "episodes=50", "checkpoint_every=50")
    planning = ("algorithm=dyna_q", f"planning_steps={planning_steps}")
    return Case(
        f"maze/{planning_steps}",
        f"mean steps of episodes {first} to 50, {planning_steps} planning steps",
        "S&B, Figure 8.2, computed",
        15.9,
        tolerance,
        ("env.id=qsweep/DynaMaze-v0", *planning, *STEADY, "discount=0.95", *settings, NO_LIMIT),
        partial(mean, of="lengths", first=first, last=50),
        seeds=400,
        quick_seeds=100,
    )


def _walk(
    name: str, figure: str, learning_rate: float, expected: float, *algorithm: str, quick_seeds: int = 100
) -> Case:
    settings = (f"learning_rate={learning_rate}", "epsilon.start=0", "episodes=10", "checkpoint_every=1")
    return Case(
        f"walk/{name}",
        f"RMS error over the first 10 episodes, alpha {learning_rate}",
        f"S&B, Figure {figure}, simulated",
        expected,
        0.02,
        ("env.id=qsweep/RandomWalk-v0", *algorithm, *STEADY, "discount=1", *settings, NO_LIMIT),
        prediction_error,
        seeds=400,
        quick_seeds=quick_seeds,
    )


def _n_step(n: int, learning_rate: float, expected: float) -> Case:
    return _walk(f"n={n}", "7.2", learning_rate, expected, "algorithm=n_step_sarsa", f"n={n}")


def _trace_decay(decay: float, learning_rate: float, expected: float) -> Case:
    traces = ("algorithm=sarsa_lambda", f"trace_decay={decay}", "traces=accumulating")
    return _walk(f"lambda={decay}", "12.6", learning_rate, expected, *traces, quick_seeds=0)


def _optimum(name: str, expected: float, *overrides: str) -> Case:
    what = "optimum, by dynamic programming"
    return Case(f"optimum/{name}", what, "exact", expected, EXACT, overrides, best_return)


def _learned(name: str, expected: float, *overrides: str) -> Case:
    given = (*STEADY, "algorithm=q_learning", *overrides)
    what = "exact return of the learned greedy policy"
    return Case(
        f"learned/{name}", what, "exact", expected, EXACT, given, greedy_return, seeds=5, quick_seeds=2
    )


def _sampled(name: str, tolerance: float, quick_seeds: int, *overrides: str) -> Case:
    return Case(
        f"sampled/{name}",
        "exact return of the learned policy minus the mean of its episodes",
        "exact",
        0.0,
        tolerance,
        (*STEADY, "algorithm=q_learning", *overrides),
        exact_minus_sampled,
        seeds=10,
        quick_seeds=quick_seeds,
    )


def _recorded(name: str, *overrides: str) -> Case:
    return Case(
        f"recorded/{name}",
        "exact return of the learned policy minus that by the probabilities of states",
        "exact",
        0.0,
        EXACT,
        (*STEADY, "algorithm=q_learning", *overrides),
        exact_minus_occupancy,
        seeds=10,
        quick_seeds=3,
    )


def _tutorial(buckets: int, expected: float) -> Case:
    return Case(
        f"tutorial/{buckets}",
        f"mean return of the last 500 of 25,000 episodes, {buckets} buckets",
        "another program, 400 runs",
        expected,
        3.0,
        ("+experiment=tutorial_25000", f"buckets={buckets}", "checkpoint_every=25000"),
        partial(mean, of="returns", first=24_501, last=25_000),
        seeds=150,
        quick_seeds=0,
    )


WALK = ("epsilon.start=0.1", "learning_rate=0.5", "discount=1", "episodes=2000", "checkpoint_every=2000")
TAXI = ("env=taxi", "learning_rate=1", "epsilon.start=0.5", "episodes=20000", "checkpoint_every=20000")
ICE = ("env=frozen_lake", "checkpoint_every=50000", "episodes=50000", "discount=0.999", "epsilon.start=0.5")
SHORT = ("learning_rate=0.1", "epsilon.start=0.5", "episodes=5000", "checkpoint_every=5000")

CASES: tuple[Case, ...] = (
    _tutorial(20, -136.1),
    _tutorial(40, -134.4),
    _mountain_car(0.1, 137.0),
    _mountain_car(0.2, 127.0),
    _mountain_car(0.5, 118.0),
    _bias("q_learning", "S&B, Figure 6.5", 0.94, 0.02, quick_seeds=2000),
    _bias("double_q_learning", "S&B, Figure 6.5, simulated", 0.235, 0.05, quick_seeds=0),
    _cliff("sarsa", -28.1),
    _cliff("q_learning", -49.7),
    _cliff("expected_sarsa", -21.1, quick_seeds=0),
    _maze(0, 26, 4.0),
    _maze(5, 6, 1.5),
    _maze(50, 4, 1.5),
    _n_step(1, 0.8, 0.346),
    _n_step(4, 0.4, 0.265),
    _n_step(16, 0.2, 0.326),
    _trace_decay(0.8, 0.3, 0.264),
    _optimum("cliff_walking", -13.0, "env=cliff_walking", NO_LIMIT),
    _optimum("windy_gridworld", -15.0, "env.id=qsweep/WindyGridworld-v0"),
    _optimum("taxi", 7.93, "env=taxi"),
    _optimum("frozen_lake", 14 / 17, "env=frozen_lake", "env.max_steps=1000000000"),
    _optimum("frozen_lake_dry", 1.0, "env=frozen_lake", "env.kwargs.is_slippery=false"),
    _optimum("blackjack", -0.043113105413477, "env=blackjack"),
    _learned("cliff_walking", -13.0, "env=cliff_walking", *WALK),
    _learned("windy_gridworld", -15.0, "env.id=qsweep/WindyGridworld-v0", *WALK),
    _learned("taxi", 7.93, *TAXI),
    _learned("frozen_lake", 14 / 17, *ICE, "learning_rate_schedule=linear", "learning_rate=0.1"),
    _sampled("frozen_lake", 0.015, 5, "env=frozen_lake", *SHORT),
    _sampled("frozen_lake_8x8", 0.015, 0, "env=frozen_lake_8x8", *SHORT),
    _sampled("taxi_rainy", 1.0, 0, "env=taxi", "env.kwargs.is_rainy=true", *SHORT),
    _sampled("cliff_slippery", 10.0, 0, "env=cliff_walking", "env.kwargs.is_slippery=true", *SHORT),
    _recorded("frozen_lake", "env=frozen_lake", *SHORT),
    _recorded("frozen_lake_8x8", "env=frozen_lake_8x8", *SHORT),
    _recorded("taxi", "env=taxi", *SHORT),
    _recorded("taxi_rainy", "env=taxi", "env.kwargs.is_rainy=true", *SHORT),
    _recorded("cliff_walking", "env=cliff_walking", *SHORT),
    _recorded("cliff_slippery", "env=cliff_walking", "env.kwargs.is_slippery=true", *SHORT),
    _recorded("windy_gridworld", "env.id=qsweep/WindyGridworld-v0", *SHORT),
)
"""The longest first, so that all cores finish at about the same time; `measure_all` begins with `INSTANT`."""
INSTANT = "optimum"
"""The group of cases that train and compile nothing."""


@dataclass(frozen=True)
class Measurement:
    """The mean over the runs of a case, and its 95% interval."""

    case: Case
    seeds: int
    mean: float
    low: float
    high: float

    @property
    def reproduced(self) -> bool:
        """True if the entire interval lies within the tolerance.

        So a case with too few runs is a miss, and noise cannot make one pass.
        """
        expected, tolerance = self.case.expected, self.case.tolerance
        return expected - tolerance <= self.low and self.high <= expected + tolerance
