"""The verdict on variants in sentences. None is called the best unless the tests show it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import floor, log10

import numpy as np

from qsweep.report.comparison.ranking import Row, ranked
from qsweep.report.comparison.samples import Sample
from qsweep.report.formats import number
from qsweep.report.statistics.comparison import MAX_SEEDS, can_be_significant, min_seeds
from qsweep.report.statistics.summaries import RESAMPLES, Interval

NAMED = 5
"""Maximum number of variants that a sentence lists; further ones are counted."""
SHORT = 24
"""Maximum length of a label inside P(... better)."""


@dataclass(frozen=True)
class Verdict:
    """The result of comparing variants.

    headline: a sentence. lines: further ones, the most important first. winner: the label of the variant
    that is significantly better than every other, or None. group: the labels of the leader and of all that
    are not significantly worse. rows: all variants, as `ranked` orders them.
    """

    headline: str
    lines: tuple[str, ...]
    winner: str | None
    group: tuple[str, ...]
    rows: tuple[Row, ...]


def judge(samples: Sequence[Sample], generator: np.random.Generator, resamples: int = RESAMPLES) -> Verdict:
    """Return the verdict on variants; labels are unique.

    The leader has the highest mean. It is the winner if, against every other variant, the exact rank-sum
    test gives p <= 0.05 (Holm-corrected for all comparisons with the leader) and the interval of P(leader
    better) lies above 0.5. So equally good variants get a winner in at most 5% of sweeps, with any number
    of seeds.
    """
    rows = ranked(samples, generator, resamples)
    scored = [row for row in rows if row.summary.n]
    group = [row for row in scored if row.comparison is None or not row.comparison.significant]
    winner = group[0].label if len(scored) > 1 and len(group) == 1 else None
    lines = [*_comparisons(scored, group), *_left_out(samples)]
    return Verdict(_headline(scored, group), tuple(lines), winner, tuple(row.label for row in group), rows)


def seeds_in_words(more: int | None) -> str:
    """Return the number of further seeds as text. more: None if above MAX_SEEDS."""
    if more is None:
        return f"more than {MAX_SEEDS:,} seeds"
    return f"{more:,} more {'seed' if more == 1 else 'seeds'}"


def _headline(scored: list[Row], group: list[Row]) -> str:
    if not scored:
        return "There are no scores to compare."
    leader, *others = scored
    if not others:
        return f"There is only one variant: {_score(leader)}."
    if _all_equal(scored):
        both = "Both" if len(scored) == 2 else f"All {len(scored)}"
        return (
            f"{both} variants scored {number(leader.summary.mean)} with every seed: there is no difference."
        )
    if not _any_can_be_significant(scored):
        return (
            f"{leader.label} scored highest, but with {_seeds(scored)} each, {len(scored)} variants cannot "
            "be distinguished, whatever the scores: at least "
            f"{min_seeds(len(others))} seeds each are needed."
        )
    if len(group) == 1:
        rivals, nearest = others[0].label, ""
        if len(others) > 1:
            rivals, nearest = f"each of the {len(others)} others", f"against the next best, {rivals}: "
        odds = f"{nearest}{_odds(leader, others[0])}"
        return f"{leader.label} is significantly better than {rivals} with {_seeds(scored)} ({odds})."
    if len(group) == 2:
        pair = f"{leader.label} and {group[1].label} cannot be distinguished with {_seeds(group)}"
        return f"{pair} ({_odds(leader, group[1])}); {_more_seeds(group[1])}."
    names = _listed([row.label for row in group[1:]])
    return f"{leader.label} leads, but with {_seeds(group)} it cannot be distinguished from {names}."


def _comparisons(scored: list[Row], group: list[Row]) -> Iterator[str]:
    if len(scored) < 2 or _all_equal(scored):
        return
    leader, *others = scored
    yield f"{_score(leader)}; {_score(others[0])}."
    if not _any_can_be_significant(scored):
        return
    if len(group) > 2:
        yield f"Against the next best, {group[1].label}: {_odds(leader, group[1])}; {_more_seeds(group[1])}."
    beaten = [row.label for row in others if row not in group]
    if beaten and len(group) > 1:
        yield f"{leader.label} is significantly better than {_listed(beaten)}."
    yield from _paired(leader, others[0])
    too_few = [
        row.label for row in others if not can_be_significant(leader.summary.n, row.summary.n, len(others))
    ]
    if too_few:
        has = "has too few seeds" if len(too_few) == 1 else "have too few seeds each"
        yield f"{_listed(too_few)} {has} to be distinguished from {leader.label}, whatever the scores."
    times = "" if len(others) == 1 else f", after Holm's correction for {len(others)} comparisons,"
    yield (
        "A difference counts as significant if the exact rank-sum test over seeds gives a p-value of at "
        f"most 0.05{times} and the 95% interval of P(better) lies above 0.5."
    )


def _paired(leader: Row, other: Row) -> Iterator[str]:
    comparison = other.comparison
    assert comparison is not None
    if comparison.common < 2:
        return
    difference = _measured(comparison.difference, comparison.difference_interval)
    yield (
        f"On the {comparison.common} seeds in common, {leader.label} minus {other.label} is {difference}"
        f"; sign-flip test: {_p(comparison.paired_holm_p)}."
    )


def _left_out(samples: Sequence[Sample]) -> Iterator[str]:
    finite = [sample.finite() for sample in samples]
    bad = sum(len(sample.scores) for sample in samples) - sum(len(sample.scores) for sample in finite)
    again = sum(len(sample.scores) - len(sample.once().scores) for sample in finite)
    empty = [sample.label for sample in finite if not len(sample.scores)]
    if bad:
        yield f"{_counted(bad)} left out: not a finite number."
    if again:
        yield f"{_counted(again)} left out: the same variant and seed was run again later."
    if empty:
        yield f"{_listed(empty)} {'has' if len(empty) == 1 else 'have'} no score."


def _all_equal(scored: list[Row]) -> bool:
    return len({score for row in scored for score in (row.summary.worst, row.summary.best)}) == 1


def _any_can_be_significant(scored: list[Row]) -> bool:
    """Return whether any variant has enough seeds for a significant difference from the leader."""
    leader, *others = scored
    return any(can_be_significant(leader.summary.n, row.summary.n, len(others)) for row in others)


def _score(row: Row) -> str:
    """Return a variant's mean with its interval, as a clause."""
    summary = row.summary
    if summary.n == 1:
        return f"{row.label} scored {number(summary.mean)} with one seed"
    return f"{row.label} scored {_measured(summary.mean, summary.interval)} over {summary.n} seeds"


def _measured(mean: float, interval: Interval) -> str:
    """Return a mean with its interval, rounded to a tenth of the interval's width."""
    width = interval[1] - interval[0]
    decimals = max(0, 1 - floor(log10(width))) if width else 0
    words = [f"{value:,.{decimals}f}" if width else number(value) for value in (mean, *interval)]
    return "{} on average (95% interval {} to {})".format(*words)


def _odds(leader: Row, other: Row) -> str:
    assert other.comparison is not None
    low, high = other.comparison.interval
    name = leader.label if len(leader.label) <= SHORT else "leader"
    interval = "no interval with one seed" if np.isnan(low) else f"95% interval {low:.2f} to {high:.2f}"
    return f"P({name} better) = {other.comparison.p_better:.2f}, {interval}"


def _more_seeds(other: Row) -> str:
    """Return a clause on the seeds that a significant difference would need."""
    assert other.comparison is not None
    more = other.comparison.more_seeds
    return f"{'' if more is None else 'about '}{seeds_in_words(more)} each would be needed"


def _seeds(rows: list[Row]) -> str:
    """Return the number of seeds of variants as text: one number or a range."""
    counts = [row.summary.n for row in rows]
    low, high = min(counts), max(counts)
    if high == 1:
        return "one seed"
    return f"{high} seeds" if low == high else f"{low} to {high} seeds"


def _listed(labels: list[str]) -> str:
    """Return labels as a list in a sentence; those after the first NAMED are counted."""
    rest = len(labels) - NAMED
    if rest > 0:
        labels = [*labels[:NAMED], f"{rest} {'other' if rest == 1 else 'others'}"]
    return " and ".join([", ".join(labels[:-1]), labels[-1]] if len(labels) > 1 else labels)


def _counted(scores: int) -> str:
    return "1 score was" if scores == 1 else f"{scores:,} scores were"


def _p(value: float) -> str:
    return "p < 0.001" if value < 0.001 else f"p = {value:.2g}"
