"""What stands out in the training of one variant, in words: one function a finding, None where it is not so.

Each takes the courses of the variant's runs, one a seed, and says of how many it holds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats  # type: ignore[import-untyped]

from qsweep.report.formats import number
from qsweep.report.statistics.summaries import Interval
from qsweep.system.arrays import Floats

LEAST_SHARE = 0.01
"""The share of cells never visited from which it is worth a word."""


@dataclass(frozen=True)
class Course:
    """How one run's training went, at all of its episodes or at some of them.

    episodes [points]: numbers from 0, ascending. returns [points]: of the episode, or a trailing average.
    epsilon [points]. successes [points]: whether the goal was reached since the point before; None where
    the environment has no goal. first_table and last_table [buckets..., actions]: before any episode and
    after the last; None where unknown. A first table taken later hides what was visited before it.
    """

    episodes: npt.NDArray[np.int64]
    returns: Floats
    epsilon: Floats
    successes: npt.NDArray[np.bool_] | None = None
    first_table: Floats | None = None
    last_table: Floats | None = None


def findings(courses: Sequence[Course]) -> tuple[str, ...]:
    """All that applies to a variant, the gravest first, a sentence each."""
    found = (
        finding(courses)
        for finding in (never_reached, epsilon_before_success, still_improving, never_visited)
    )
    return tuple(sentence for sentence in found if sentence)


def never_reached(courses: Sequence[Course]) -> str | None:
    """Runs that never reached the goal in training."""
    known = [course.successes for course in courses if course.successes is not None]
    without = sum(not successes.any() for successes in known)
    return f"The goal was never reached in training{_in(without, len(known))}." if without else None


def epsilon_before_success(courses: Sequence[Course]) -> str | None:
    """Runs in which epsilon came down to 0 before the goal was first reached, or where it never was.

    From then on only the Q-table's initial values could lead to anything new. A run without any
    exploration from its first episode was meant so, and is not counted.
    """
    known = [course for course in courses if course.successes is not None and len(course.episodes)]
    ends = [_greedy_before_success(course) for course in known]
    early = [end for end in ends if end is not None]
    if not early:
        return None
    when = f"{min(early):,}" if min(early) == max(early) else f"{min(early):,} to {max(early):,}"
    runs = _in(len(early), len(known))
    return f"Epsilon reached 0 by episode {when}, before the goal was first reached{runs}."


def _greedy_before_success(course: Course) -> int | None:
    """The number of the first episode without exploration, if no success comes before it."""
    assert course.successes is not None
    greedy = course.epsilon <= 0
    first = int(greedy.argmax())
    if not greedy.any() or first == 0 or course.successes[: first + 1].any():
        return None
    return int(course.episodes[first])


def still_improving(courses: Sequence[Course]) -> str | None:
    """Whether the last fifth of training still brought more than the fifth before it.

    The test: each seed's gain is the mean return of the last fifth of its episodes minus that of the fifth
    before; the 95% interval of the mean gain over seeds, by Student's t (a gain averages many episodes, and
    two seeds already give an interval that is not too narrow), lies above 0. So one seed cannot tell.
    """
    gains = [gain for gain in (_last_gain(course) for course in courses) if gain is not None]
    if len(gains) < 2:
        return None
    low, high = _t_interval(np.array(gains))
    if not low > 0:
        return None
    interval = f"95% interval {number(low)} to {number(high)}, {len(gains)} seeds"
    gain = number(float(np.mean(gains)))
    more = f"the mean return of the last fifth of the episodes is {gain} above that of the fifth before"
    return f"Still improving at the end: {more} ({interval})."


def _last_gain(course: Course) -> float | None:
    """The mean return of the last fifth of the episodes minus that of the one before; None without either."""
    if not len(course.episodes):
        return None
    fifth = (course.episodes * 5) // (course.episodes[-1] + 1)  # 0 to 4
    last, before = course.returns[fifth == 4], course.returns[fifth == 3]
    gain = last.mean() - before.mean() if len(last) and len(before) else np.nan
    return float(gain) if np.isfinite(gain) else None


def _t_interval(values: Floats) -> Interval:
    """Student's 95% interval of the mean of at least two values [n]."""
    half = stats.t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values))
    return float(values.mean() - half), float(values.mean() + half)


def never_visited(courses: Sequence[Course]) -> str | None:
    """The share of the table's cells whose values are the initial ones to the bit, for all actions.

    A cell is one combination of buckets. An update that changes nothing, as of 0 by a reward of 0, leaves no
    trace, so that such a cell counts too; the words say no more than that.
    """
    shares = [
        unchanged_share(course.first_table, course.last_table)
        for course in courses
        if course.first_table is not None and course.last_table is not None
    ]
    if not shares or max(shares) < LEAST_SHARE:
        return None
    seeds = f" (mean of {len(shares)} seeds, {min(shares):.0%} to {max(shares):.0%})"
    cells = f"{np.mean(shares):.0%} of the table's cells still have their initial values"
    return f"{cells}{seeds if len(shares) > 1 else ''}: never visited, or nothing learned."


def unchanged_share(first: Floats, last: Floats) -> float:
    """The share of cells that hold the same bits in both tables [buckets..., actions], 0 to 1."""
    bits = (np.ascontiguousarray(table, dtype=np.float64).view(np.int64) for table in (first, last))
    return float(np.mean(np.all(np.equal(*bits), axis=-1)))


def _in(some: int, runs: int) -> str:
    """In how many runs something holds."""
    if runs == 1:
        return ""
    return f" (all {runs} seeds)" if some == runs else f" ({some} of {runs} seeds)"
