from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from qsweep.report.comparison.findings import (
    TrainingCurves,
    concentration,
    epsilon_before_success,
    findings,
    never_reached,
    never_visited,
    still_improving,
    unchanged_share,
)


def run(
    returns: Sequence[float] = (0,) * 10,
    epsilon: Sequence[float] = (1,) * 10,
    successes: Sequence[int] | None = None,
    every: int = 1,
    **tables: Any,
) -> TrainingCurves:
    """Return a run with points at regular episodes; successes are 0 or 1."""
    points = np.arange(1, len(returns) + 1) * every - 1
    reached = None if successes is None else np.array(successes, bool)
    return TrainingCurves(points, np.array(returns, float), np.array(epsilon, float), reached, **tables)


FALLING = [1, 0.5, 0.2, 0, 0, 0, 0, 0, 0, 0]
"""Epsilon that reaches 0 at the fourth point."""
LATE = [0, 0, 0, 0, 0, 0, 1, 0, 1, 1]
"""A first success at the seventh point."""
EARLY = [0, 1, 0, 0, 0, 0, 0, 0, 0, 0]
NEVER = [0] * 10


def test_never_reached() -> None:
    """The finding holds for one, some or all runs; not without a goal in the environment."""
    assert never_reached([run(successes=NEVER)]) == "The goal was never reached in training."
    some = never_reached([run(successes=NEVER), run(successes=EARLY), run()])
    assert some == "The goal was never reached in training (1 of 2 seeds)."
    every = never_reached([run(successes=NEVER)] * 3)
    assert every == "The goal was never reached in training (all 3 seeds)."
    assert never_reached([run(successes=EARLY)]) is None
    assert never_reached([run()]) is None
    assert never_reached([]) is None


def test_epsilon_reached_0_before_the_first_success() -> None:
    """The finding states the episode and the number of seeds."""
    late = run(epsilon=FALLING, successes=LATE, every=1000)
    assert epsilon_before_success([late]) == (
        "Epsilon reached 0 by episode 3,999, before the goal was first reached."
    )
    early = run(epsilon=FALLING, successes=EARLY, every=1000)
    assert epsilon_before_success([late, early, late]) == (
        "Epsilon reached 0 by episode 3,999, before the goal was first reached (2 of 3 seeds)."
    )


def test_epsilon_reached_0_and_no_success_came() -> None:
    """A goal never reached counts as reached later."""
    assert epsilon_before_success([run(epsilon=FALLING, successes=NEVER)]) is not None


@pytest.mark.parametrize(
    ("epsilon", "successes"),
    [
        (FALLING, EARLY),
        (FALLING, [0, 0, 0, 1, 0, 0, 0, 0, 0, 0]),  # since the point before, when there was exploration
        ([1] * 10, LATE),  # never 0
        ([0] * 10, LATE),  # meant so from the start
        (FALLING, None),  # no goal
    ],
)
def test_epsilon_is_no_finding(epsilon: list[float], successes: list[int] | None) -> None:
    """There is no finding with an earlier success, exploration to the end, none at all, or no goal."""
    assert epsilon_before_success([run(epsilon=epsilon, successes=successes)]) is None


def test_still_improving_by_hand() -> None:
    """Gains of 3, 4 and 5: their mean 4, SD 1, and Student's 4.303 times 1 / sqrt 3 either way."""
    # Points 7 and 8 of ten are the fifth before, 9 and 10 the last one; the rest does not count.
    training = [run([9] * 6 + [-10, -12, gain - 11, gain - 11]) for gain in (3, 4, 5)]
    # 4 - 2.484 = 1.516, 4 + 2.484 = 6.484
    assert still_improving(training) == (
        "Still improving at the end: the mean return of the last fifth of the episodes is 4 above that of "
        "the fifth before (95% interval 1.516 to 6.484, 3 seeds)."
    )


def test_fifths_are_of_episodes_not_of_points() -> None:
    """A curve with most of its points early has the same fifths."""
    episodes = np.array([0, 1, 2, 3, 4, 5, 65, 79, 80, 99])
    curves = [[0.0] * 6 + [-4, -6, 5 + offset, 5 + offset] for offset in (0, 1)]
    training = [TrainingCurves(episodes, np.array(curve), np.ones(10)) for curve in curves]
    # Gains of 10 and 11: 10.5, and 12.706 x 0.7071 / sqrt 2 = 6.353 either way.
    found = still_improving(training)
    assert found is not None
    assert "is 10.5 above that of the fifth before" in found
    assert "interval 4.147 to 16.85, 2 seeds" in found


@pytest.mark.parametrize(
    "gains",
    [
        [],
        [50],  # one seed cannot tell
        [3, -3, 1],
        [-3, -4, -5],  # getting worse
        [1, 9],  # both up, but two seeds say little: 5 - 12.7 x 4
        [0, 0, 0],
    ],
)
def test_not_still_improving(gains: list[float]) -> None:
    """There is no finding if the interval includes 0."""
    assert still_improving([run([0] * 8 + [gain, gain]) for gain in gains]) is None


def test_seeds_without_the_last_two_fifths_do_not_count() -> None:
    """There is no finding with too few points or NaN."""
    short = run([1.0], epsilon=[1])
    broken = run([0] * 9 + [np.nan])
    empty = run([], epsilon=[])
    assert still_improving([short, broken, empty]) is None
    good = [run([0] * 8 + [gain, gain]) for gain in (3, 4, 5)]
    assert still_improving([*good, short, broken, empty]) == still_improving(good)


def test_noise_is_seldom_called_improvement() -> None:
    """Of 400 variants of three flat runs about 2.5% are called improving."""
    draw = np.random.default_rng(0)
    called = [still_improving([run(draw.normal(size=50), [1] * 50) for _ in range(3)]) for _ in range(400)]
    assert np.mean([sentence is not None for sentence in called]) <= 0.045


def tables(changed: int) -> dict[str, Any]:
    """Return a 4 x 5 table of two actions, and a copy with some cells changed."""
    first = np.random.default_rng(0).uniform(-2, 0, (4, 5, 2))
    last = first.copy()
    last.reshape(-1, 2)[:changed, 1] += 1e-9
    return {"first_table": first, "last_table": last}


def test_a_cell_is_visited_if_any_action_was_updated() -> None:
    """Seven of twenty cells changed in one action, by little: 13 of 20 are left."""
    assert unchanged_share(**{key[:-6]: table for key, table in tables(7).items()}) == pytest.approx(0.65)
    assert never_visited([run(**tables(7))]) == (
        "65% of the table's cells still have their initial values: never visited, or nothing learned."
    )


def test_never_visited_over_seeds() -> None:
    """The finding has mean and range of the share; runs without tables do not count."""
    found = never_visited([run(**tables(7)), run(**tables(15)), run()])
    assert found is not None
    assert found.startswith(
        "45% of the table's cells still have their initial values (mean of 2 seeds, 25% to 65"
    )


def test_all_cells_visited() -> None:
    """Almost no unvisited cells, or no tables, give no finding."""
    assert never_visited([run(**tables(20))]) is None
    assert never_visited([run()]) is None
    assert never_visited([]) is None


def test_bits_are_compared() -> None:
    """NaN equals itself, and a table need not be contiguous."""
    table = np.full((3, 2, 4), np.nan)
    assert unchanged_share(table, table.copy()) == 1
    turned = np.asfortranarray(np.arange(24.0).reshape(3, 2, 4))
    assert unchanged_share(turned, np.arange(24.0).reshape(3, 2, 4)) == 1


def test_findings_gathers_what_applies() -> None:
    """The most serious finding comes first; there are none without problems."""
    bad = [run([0] * 8 + [gain, gain], FALLING, NEVER, **tables(10)) for gain in (3, 4, 5)]
    found = findings(bad)
    assert [sentence.split()[0] for sentence in found] == ["The", "Epsilon", "Still", "50%"]
    assert findings([run(successes=EARLY)]) == ()
    assert findings([]) == ()


def test_cells_that_cannot_be_updated_are_not_counted() -> None:
    """Terminal and unreachable cells keep their initial values; a cell that changed was reached."""
    first = np.zeros((4, 5, 2))
    last = first.copy()
    last.reshape(20, 2)[:6] = 1.0
    reachable = np.arange(20) < 8
    reachable[0] = False
    run_of_both = run(first_table=first, last_table=last, reachable=reachable)
    assert unchanged_share(first, last, reachable) == pytest.approx(2 / 8)
    assert never_visited([run_of_both]) == (
        "25% of the reachable cells still have their initial values: never visited, or nothing learned. "
        "13 of the table's 20 cells are not counted: no step starts in them, because they are terminal or "
        "out of reach."
    )
    last.reshape(20, 2)[:8] = 1.0
    assert never_visited([run(first_table=first, last_table=last, reachable=reachable)]) is None


def test_visits_decide_where_they_are_recorded() -> None:
    """Cells count by their visits, whether or not their values changed."""
    counts = np.array([[9, 0], [1, 0]])
    one = run(visits=counts, **tables(0))
    assert never_visited([one]) == "50% of the table's cells were never visited in training."
    reachable = np.array([True, True, True, False])
    sentence = never_visited([run(visits=counts, reachable=reachable, **tables(0))])
    assert sentence is not None
    assert sentence.startswith(
        "33% of the reachable cells were never visited in training. 1 of the table's 4"
    )
    assert never_visited([run(visits=counts + 1, **tables(0))]) is None
    assert never_visited([one, run(visits=counts[::-1, ::-1] * 0 + 1, **tables(0))]) == (
        "25% of the table's cells were never visited in training (mean of 2 seeds, 0% to 50%)."
    )
    first = np.eye(1, 500, dtype=int)[0]
    assert never_visited([run(visits=first, **tables(0))]) == (
        "Over 99% of the table's cells were never visited in training."
    )


def test_concentration_by_hand() -> None:
    """Half of 100 steps are in the two largest of 40 cells; half of equal counts is in half of the cells."""
    counts = np.array([30, 25, *[1] * 35, 10, 0, 0])
    assert concentration([run(visits=counts)]) == "Half of the training steps began in 5% of the cells."
    few = np.array([1000, *[1] * 499])
    assert concentration([run(visits=few)]) == "Half of the training steps began in under 1% of the cells."
    assert concentration([run(visits=np.ones(40, int))]) is None
    assert concentration([run()]) is None
