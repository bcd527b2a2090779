"""Findings about the training of one variant, in sentences: one function each, None if it does not apply.

Each takes the training curves of the variant's runs, one per seed, and states for how many it holds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats  # type: ignore[import-untyped]

from qsweep.report.formats import number, percent
from qsweep.report.statistics.summaries import Interval
from qsweep.system.arrays import Floats

LEAST_SHARE = 0.01
"""Minimum share of never visited cells that is reported."""
MOST_CONCENTRATED = 0.1
"""Maximum share of the cells with half of the steps that is reported."""


@dataclass(frozen=True)
class TrainingCurves:
    """The training of one run, at all or some of its episodes.

    episodes [points]: numbers from 0, ascending. returns [points]: of the episode, or a trailing average.
    epsilon [points]. successes [points]: whether the goal was reached since the previous point; None if
    the environment has no goal. first_table, last_table [buckets..., actions]: before the first episode and
    after the last; None if unknown. A first table taken later hides earlier visits. reachable [cells]: which
    cells, in C order, training can update; None if unknown. visits [buckets...]: the number of training steps
    that began in each cell; None if it was not recorded.
    """

    episodes: npt.NDArray[np.int64]
    returns: Floats
    epsilon: Floats
    successes: npt.NDArray[np.bool_] | None = None
    first_table: Floats | None = None
    last_table: Floats | None = None
    reachable: npt.NDArray[np.bool_] | None = None
    visits: npt.NDArray[np.int64] | None = None


def findings(curves: Sequence[TrainingCurves]) -> tuple[str, ...]:
    """Return all findings that apply to a variant, the most serious first, one sentence each."""
    found = (
        finding(curves)
        for finding in (never_reached, epsilon_before_success, still_improving, never_visited, concentration)
    )
    return tuple(sentence for sentence in found if sentence)


def never_reached(curves: Sequence[TrainingCurves]) -> str | None:
    """Report runs that never reached the goal in training."""
    known = [run.successes for run in curves if run.successes is not None]
    without = sum(not successes.any() for successes in known)
    return f"The goal was never reached in training{_in(without, len(known))}." if without else None


def epsilon_before_success(curves: Sequence[TrainingCurves]) -> str | None:
    """Report runs in which epsilon reached 0 before the goal was first reached, or it never was.

    From then on only the Q-table's initial values cause exploration. Runs with epsilon 0 from the first
    episode are not counted: that was chosen.
    """
    known = [run for run in curves if run.successes is not None and len(run.episodes)]
    ends = [_greedy_before_success(run) for run in known]
    early = [end for end in ends if end is not None]
    if not early:
        return None
    when = f"{min(early):,}" if min(early) == max(early) else f"{min(early):,} to {max(early):,}"
    runs = _in(len(early), len(known))
    return f"Epsilon reached 0 by episode {when}, before the goal was first reached{runs}."


def _greedy_before_success(run: TrainingCurves) -> int | None:
    """Return the first episode with epsilon 0 if no success precedes it, else None."""
    assert run.successes is not None
    greedy = run.epsilon <= 0
    first = int(greedy.argmax())
    if not greedy.any() or first == 0 or run.successes[: first + 1].any():
        return None
    return int(run.episodes[first])


def still_improving(curves: Sequence[TrainingCurves]) -> str | None:
    """Report a mean return that still rose in the last fifth of training, against the fifth before it.

    The test: each seed's gain is the difference of the two mean returns; Student's 95% interval of the mean
    gain over seeds must lie above 0 (a gain averages many episodes, so the interval is wide enough even with
    two seeds). It needs at least two seeds.
    """
    gains = [gain for gain in (_last_gain(run) for run in curves) if gain is not None]
    if len(gains) < 2:
        return None
    low, high = t_interval(np.array(gains))
    if not low > 0:
        return None
    interval = f"95% interval {number(low)} to {number(high)}, {len(gains)} seeds"
    gain = number(float(np.mean(gains)))
    more = f"the mean return of the last fifth of the episodes is {gain} above that of the fifth before"
    return f"Still improving at the end: {more} ({interval})."


def _last_gain(run: TrainingCurves) -> float | None:
    """Return the mean return of the last fifth of the episodes minus that of the fourth; None if unknown."""
    if not len(run.episodes):
        return None
    fifth = (run.episodes * 5) // (run.episodes[-1] + 1)  # 0 to 4
    last, before = run.returns[fifth == 4], run.returns[fifth == 3]
    gain = last.mean() - before.mean() if len(last) and len(before) else np.nan
    return float(gain) if np.isfinite(gain) else None


def t_interval(values: Floats) -> Interval:
    """Return Student's 95% interval of the mean of at least two values [n]."""
    half = stats.t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values))
    return float(values.mean() - half), float(values.mean() + half)


def never_visited(curves: Sequence[TrainingCurves]) -> str | None:
    """Report the share of cells in which no training step began.

    A cell is one combination of buckets. Cells that training cannot update are not counted, where they are
    known. For runs without recorded visits, cells count whose values are still the initial ones, bit for bit;
    updates may have changed nothing (a value and a reward of 0), and the sentence says so.
    """
    if all(run.visits is not None for run in curves):
        return _without_visits(curves)
    shares = [
        unchanged_share(run.first_table, run.last_table, run.reachable)
        for run in curves
        if run.first_table is not None and run.last_table is not None
    ]
    if not shares or max(shares) < LEAST_SHARE:
        return None
    known = [run.reachable for run in curves if run.reachable is not None]
    which = "reachable cells" if known else "table's cells"
    cells = f"{_mean(shares).capitalize()} of the {which} still have their initial values"
    sentence = f"{cells}{_spread(shares)}: never visited, or nothing learned."
    return f"{sentence}{_out_of_reach(known[0])}" if known else sentence


def _without_visits(curves: Sequence[TrainingCurves]) -> str | None:
    shares = [float(np.mean(counts == 0)) for counts in map(_reachable_visits, curves) if counts is not None]
    if not shares or max(shares) < LEAST_SHARE:
        return None
    known = [run.reachable for run in curves if run.reachable is not None]
    which = "reachable cells" if known else "table's cells"
    sentence = f"{_mean(shares).capitalize()} of the {which} were never visited in training{_spread(shares)}."
    return f"{sentence}{_out_of_reach(known[0])}" if known else sentence


def concentration(curves: Sequence[TrainingCurves]) -> str | None:
    """Report the smallest share of the reachable cells in which half of the training steps began."""
    counts = [found for found in map(_reachable_visits, curves) if found is not None and found.any()]
    shares = [_half_in(found) for found in counts]
    if not shares or np.mean(shares) > MOST_CONCENTRATED:
        return None
    return f"Half of the training steps began in {_mean(shares)} of the cells{_spread(shares)}."


def _half_in(counts: npt.NDArray[np.int64]) -> float:
    """Return the smallest share of cells that have half of all visits, 0 to 1."""
    largest = np.sort(counts)[::-1].cumsum()
    return float(np.searchsorted(2 * largest, largest[-1]) + 1) / len(counts)


def _reachable_visits(run: TrainingCurves) -> npt.NDArray[np.int64] | None:
    """Return the visits of a run's reachable cells, and of all others that were visited, [cells]."""
    if run.visits is None:
        return None
    counts = run.visits.ravel()
    return counts if run.reachable is None else counts[run.reachable | (counts > 0)]


def _mean(shares: Sequence[float]) -> str:
    return percent(float(np.mean(shares)))


def _spread(shares: Sequence[float]) -> str:
    if len(shares) == 1:
        return ""
    return f" (mean of {len(shares)} seeds, {percent(min(shares))} to {percent(max(shares))})"


def _out_of_reach(reachable: npt.NDArray[np.bool_]) -> str:
    others = int((~reachable).sum())
    which = f" {others:,} of the table's {len(reachable):,} cells are not counted"
    return f"{which}: no step starts in them, because they are terminal or out of reach." if others else ""


def unchanged_share(first: Floats, last: Floats, reachable: npt.NDArray[np.bool_] | None = None) -> float:
    """Return the share of cells with the same bits in both tables [buckets..., actions], 0 to 1.

    reachable [cells]: the cells to count, beside those that changed; None: all.
    """
    bits = (np.ascontiguousarray(table, dtype=np.float64).view(np.int64) for table in (first, last))
    same = np.all(np.equal(*bits), axis=-1).ravel()
    return float(np.mean(same if reachable is None else same[reachable | ~same]))


def _in(some: int, runs: int) -> str:
    """Return in how many runs something holds, as text; empty for a single run."""
    if runs == 1:
        return ""
    return f" (all {runs} seeds)" if some == runs else f" ({some} of {runs} seeds)"
