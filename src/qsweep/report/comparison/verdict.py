"""The verdict on variants in sentences. None is called better unless the rule of `decide` says so."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import floor, log10

import numpy as np

from qsweep.report.comparison.ranking import Row, ranked
from qsweep.report.comparison.samples import Sample
from qsweep.report.formats import number
from qsweep.report.statistics.comparison import MAX_SEEDS, can_be_significant, min_seeds
from qsweep.report.statistics.significance import LEVEL
from qsweep.report.statistics.summaries import RESAMPLES, Interval

NAMED = 5
"""Maximum number of variants that a sentence lists; further ones are counted."""
PLAIN = re.compile(r"[^\s=]+=[^\s=]+")
"""A label of one key."""
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
    """Return the verdict on variants, by the rule of `decide`; labels are unique."""
    rows = ranked(samples, generator, resamples)
    scored = [row for row in rows if row.summary.n]
    group = [row for row in scored if not row.worse]
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
    names = _listed([row.label for row in group])
    if not _any_can_be_significant(scored):
        return (
            f"{names} cannot be distinguished with {_seeds(scored)}, whatever the scores: at least "
            f"{min_seeds()} seeds each are needed."
        )
    if len(group) == 1:
        rivals, nearest = others[0].label, ""
        if len(others) > 1:
            rivals, nearest = f"each of the {len(others)} others", f"against the next best, {rivals}: "
        odds = f"{nearest}{_odds(leader, others[0])}"
        return f"{leader.label} is significantly better than {rivals} with {_seeds(scored)} ({odds})."
    if len(group) == 2:
        pair = f"{names} cannot be distinguished with {_seeds(group)}"
        return f"{pair} ({_odds(leader, group[1])}); {_why_not(leader, group[1])}."
    return f"{names} cannot be distinguished with {_seeds(group)}."


def _comparisons(scored: list[Row], group: list[Row]) -> Iterator[str]:
    if len(scored) < 2 or _all_equal(scored):
        return
    leader, *others = scored
    yield f"{_score(leader)}; {_score(others[0])}."
    if not _any_can_be_significant(scored):
        return
    if len(group) > 2:
        odds = f"{_odds(leader, group[1])}; {_why_not(leader, group[1])}"
        yield f"Against the next best, {group[1].label}: {odds}."
    beaten = [row.label for row in others if row not in group]
    if beaten and len(group) > 1:
        yield f"{leader.label} is significantly better than {_listed(beaten)}."
    yield from _paired(leader, others[0])
    too_few = [row.label for row in others if not can_be_significant(leader.summary.n, row.summary.n)]
    if too_few:
        has = "has too few seeds" if len(too_few) == 1 else "have too few seeds each"
        yield f"{_listed(too_few)} {has} to be distinguished from {leader.label}, whatever the scores."
    pairs = ", corrected for all pairs of variants" if len(group) > 1 and len(others) > 1 else ""
    yield (
        "A difference counts as significant if the exact rank-sum test and Welch's t-test over seeds both "
        f"give a p-value of at most 0.05{pairs}, and fresh seeds do not reverse it."
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
    return any(can_be_significant(leader.summary.n, row.summary.n) for row in others)


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


def _why_not(leader: Row, other: Row) -> str:
    """Return a clause on what is missing for a significant difference."""
    comparison = other.comparison
    assert comparison is not None
    if other.reversed and comparison.p <= LEVEL:
        means = f"{number(other.fresh.mean)} against {number(leader.fresh.mean)}"
        return f"on fresh seeds alone {other.label} scored at least as high, {means}"
    if comparison.interval[1] < 0.5:
        return f"{leader.label} has the higher mean, but most runs of {other.label} score higher"
    about = "" if comparison.more_seeds is None else "about "
    return f"{about}{seeds_in_words(comparison.more_seeds)} each would be needed"


def _seeds(rows: list[Row]) -> str:
    """Return the number of seeds of variants as text, one number or a range, and how many are fresh."""
    counts, fresh = [row.summary.n for row in rows], [row.fresh.n for row in rows]
    low, high, most = min(counts), max(counts), max(fresh)
    seeds = f"{high} seeds" if low == high else f"{low} to {high} seeds"
    if high == 1:
        seeds = "one seed"
    each = f"{seeds} each" if len(rows) > 1 else seeds
    return f"{each}, {most if min(fresh) == most else f'up to {most}'} of them fresh" if most else each


def _listed(labels: list[str]) -> str:
    """Return labels as a list: buckets=20, 30 and 40; those after the first NAMED are counted."""
    rest = len(labels) - NAMED
    keys = {label.partition("=")[0] for label in labels}
    if len(keys) == 1 and all(PLAIN.fullmatch(label) for label in labels):
        labels = [labels[0], *(label.partition("=")[2] for label in labels[1:])]
    if rest > 0:
        labels = [*labels[:NAMED], f"{rest} {'other' if rest == 1 else 'others'}"]
    return " and ".join([", ".join(labels[:-1]), labels[-1]] if len(labels) > 1 else labels)


def _counted(scores: int) -> str:
    return "1 score was" if scores == 1 else f"{scores:,} scores were"


def _p(value: float) -> str:
    return "p < 0.001" if value < 0.001 else f"p = {value:.2g}"
