"""The exercise of each lesson in docs/course, and the rule that its answer is checked by."""

from __future__ import annotations

from collections.abc import Callable, Sized
from dataclasses import dataclass
from math import prod

import pandas as pd

from qsweep.commands.check.evidence import Result, Variant, finished, numbers, rivals, variants, within
from qsweep.report.formats import number
from qsweep.report.statistics.significance import LEVEL, difference_p

CAR, ICE, CLIFF = "MountainCar-v0", "FrozenLake-v1", "CliffWalking-v1"
PAIR = ("learning_rate", "discount")
SPAN = (17_000, 20_000)
"""The episodes that the tutorial suggests to stop at."""


@dataclass(frozen=True)
class Exercise:
    """The exercise of a lesson.

    question: the lesson's. task: what is asked for. check: runs of the store, the answer given -> the result.
    answer: what the learner gives, empty if the runs alone are the answer.
    """

    question: str
    task: str
    check: Callable[[pd.DataFrame, int | None], Result]
    answer: str = ""


def every_start(runs: pd.DataFrame, _: int | None = None) -> Result:
    """Check for a run whose car reaches the flag from every test start, after few episodes."""
    most, starts = 1000, 1000
    tried = within(finished(runs, CAR), most)
    tried = tried[numbers(tried, "best_episode").notna()]
    tried = tried[numbers(tried, "evaluation.test_episodes").fillna(starts) >= starts]  # none: the default
    rates = numbers(tried, "test/success_rate").fillna(0).to_numpy()
    if not len(rates):
        return Result(
            False,
            f"there is no finished run of {CAR} with at most {most:,} episodes and {starts:,} or more "
            "test starts",
        )
    best, share = tried.iloc[int(rates.argmax())], rates.max()
    episodes = int(best["best_episode"])
    what = (
        f"{best['name']}, after {episodes:,} episodes, reaches the flag from {share:.1%} of the test starts"
    )
    return Result(share == 1, what if share == 1 else f"the best of {_counted(tried, 'run')}: {what}")


def small_grid(runs: pd.DataFrame, _: int | None = None) -> Result:
    """Check for a grid of at most 200 cells with a higher mean than that of 20 x 20."""
    least, most = 5, 200
    tried = variants(finished(runs, CAR, discretizer="uniform"), ["buckets"], least)
    coarse = [variant for variant in tried if _cells(variant) <= most]
    for reference in (
        variant for variant in tried if _cells(variant) == 400 and variant.param("buckets") == 20
    ):
        if others := rivals(reference, coarse, ["buckets"]):
            best = max(others, key=Variant.mean)
            holds = best.mean() > reference.mean()
            means = f"{best.measured()}, {_cells(best)} cells; {reference.measured()}, 400 cells"
            return Result(
                holds, means if holds else f"no grid of at most {most} cells scores higher: {means}"
            )
    return Result(
        False,
        f"needed are runs of {CAR} with buckets=20 and with a grid of at most {most} cells, {least} seeds or "
        f"more of each, equal in all other keys; there are {_counted(coarse)} with so few cells",
    )


def better_pair(runs: pd.DataFrame, _: int | None = None) -> Result:
    """Check for a learning rate and discount that significantly improve the training average."""
    least, metric = 6, "train/return_avg"
    tried = variants(finished(runs, CAR), PAIR, least)
    for reference in (v for v in tried if (v.param("learning_rate"), v.param("discount")) == (0.1, 0.95)):
        if others := rivals(reference, tried, PAIR):
            best = max(others, key=lambda variant: variant.mean(metric))
            p = difference_p(best.values(metric), reference.values(metric)) * len(others)
            higher = best.mean(metric) > reference.mean(metric)
            means = f"{best.measured(metric)}; {reference.measured(metric)}"
            odds = f"p = {min(p, 1):.2g} after a correction for the {len(others)} pairs tried"
            if not higher:
                return Result(False, f"no pair has a higher training average than the default: {means}")
            return Result(p <= LEVEL, f"{means}; {odds}" + ("" if p <= LEVEL else ", which may be luck"))
    return Result(
        False,
        f"needed are runs of {CAR} with learning_rate=0.1 discount=0.95 and with another pair, {least} seeds "
        f"or more of each, equal in all other keys; there are {_counted(tried)} with so many seeds",
    )


def without_chance(runs: pd.DataFrame, _: int | None = None) -> Result:
    """Check for an agent that learns FrozenLake without a single random action."""
    least, enough = 5, 0.7
    found = finished(runs, ICE, epsilon__start=0, exploration="epsilon_greedy")
    tried = variants(found, ["initial_q.low", "initial_q.high", "ties"], least)
    if not tried:
        rule = "epsilon=constant epsilon.start=0 exploration=epsilon_greedy"
        return Result(False, f"there is no variant of {ICE} with {rule} and {least} seeds or more")
    best = max(tried, key=Variant.mean)
    holds = best.mean() >= enough
    return Result(holds, best.measured() if holds else f"the best of {_counted(tried)} is {best.measured()}")


def stopping_early(runs: pd.DataFrame, answer: int | None) -> Result:
    """Check the number of seeds whose best checkpoint is where the tutorial suggests to stop."""
    least, (first, last) = 10, SPAN
    found = finished(runs, CAR, episodes=25_000, terminal_rule="tutorial")
    tried = variants(found, ["buckets"], least)
    if not tried:
        rule = f"needed are {least} seeds or more of +experiment=tutorial_final"
        return Result(False, f"{rule}; there are {len(found)} runs of it")
    seeds, best = tried[0].seeds, tried[0].values("best_episode")
    inside = int(((best >= first) & (best <= last)).sum())
    if answer is None:
        return Result(
            False, f"your {seeds} seeds are there; give your answer: qsweep check 5 NUMBER", waits=True
        )
    if answer != inside:
        return Result(False, f"{answer} is not the number that your {seeds} seeds give")
    return Result(
        True,
        f"{inside} of your {seeds} seeds have their best checkpoint at {first:,} to {last:,} episodes; 7 of "
        f"the 50 evaluated checkpoints are there, so luck alone gives {7 / 50 * seeds:.2g}",
    )


def careful_but_short(runs: pd.DataFrame, _: int | None = None) -> Result:
    """Check for Sarsa on the shortest path along the cliff, with every seed."""
    least, shortest = 5, -13.0
    found = finished(runs, CLIFF, algorithm="sarsa")
    tried = variants(found, ["epsilon.schedule", "epsilon.start", "episodes"], least)
    if not tried:
        return Result(False, f"there is no variant of {CLIFF} with algorithm=sarsa and {least} seeds or more")
    best = max(tried, key=lambda variant: (variant.values("score").min(), variant.mean()))
    short = int((best.values("score") == shortest).sum())
    what = f"{best.name}: {short} of {best.seeds} seeds take the path of 13 steps"
    return Result(
        short == best.seeds, what if short == best.seeds else f"the best of {_counted(tried)}: {what}"
    )


def near_the_optimum(runs: pd.DataFrame, _: int | None = None) -> Result:
    """Check for a variant that comes near MountainCar's optimum after few episodes."""
    least, most, gap = 3, 2000, 5.0
    names = ["algorithm", "discretizer", "buckets", "learning_rate"]
    tried = variants(within(finished(runs, CAR), most), names, least)
    if not tried:
        rule = f"at most {most:,} episodes and {least} seeds or more"
        return Result(False, f"there is no variant of {CAR} with {rule}")
    best = min(tried, key=lambda variant: variant.mean("optimum/gap"))
    what = f"{best.measured()}, which is {number(best.mean('optimum/gap'))} below the optimum"
    holds = best.mean("optimum/gap") <= gap
    return Result(holds, what if holds else f"the best of {_counted(tried)}: {what}")


def _cells(variant: Variant) -> int:
    """Return the cells of an equal grid with two dimensions."""
    buckets = variant.param("buckets")
    return prod(buckets) if isinstance(buckets, list) else int(buckets) ** 2


def _counted(tried: Sized, what: str = "variant") -> str:
    return f"1 {what}" if len(tried) == 1 else f"{len(tried)} {what}s"


EXERCISES: tuple[Exercise, ...] = (
    Exercise(
        "Why is the car too weak?",
        "Train a car that reaches the flag from every test start, in at most 1,000 episodes of 200 steps.",
        every_start,
    ),
    Exercise(
        "What is a bucket?",
        "Find a grid of at most 200 cells that scores higher than 20 x 20.",
        small_grid,
    ),
    Exercise(
        "How fast should it learn, and how far should it look ahead?",
        "Find a learning rate and a discount whose training average is significantly above the default's.",
        better_pair,
    ),
    Exercise(
        "Why act at random?",
        "Learn FrozenLake without a single random action: a mean of at least 0.7 over 5 seeds.",
        without_chance,
    ),
    Exercise(
        "Is it better, or lucky?",
        "Count your seeds whose best checkpoint is at 17,000 to 20,000 episodes.",
        stopping_early,
        answer="that number",
    ),
    Exercise(
        "Sarsa or Q-learning at the cliff?",
        "Make Sarsa learn the path of 13 steps with every seed.",
        careful_but_short,
    ),
    Exercise(
        "How far is it to the optimum?",
        "Come within 5 of MountainCar's optimum in at most 2,000 episodes.",
        near_the_optimum,
    ),
)
"""The exercises in the order of the lessons, which are counted from 1."""
