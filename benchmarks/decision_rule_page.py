"""docs/decision-rule.md, from the results of decision_rule.py."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from decision_rule import Kind

Found = Mapping["Kind", Counter[tuple[str, str]]]
Chosen = Callable[["Kind"], bool]

PAGE = """# How often the verdict is wrong

The verdict of a sweep names a winner, or says which variants cannot be distinguished.
`benchmarks/decision_rule.py` simulates sweeps and counts: a **wrong** winner is one that is not truly better
than every other variant, **nothing** means that no winner was named. The scores are real ones, drawn from
{environments}; they are far from normal. In half of the sweeps all variants have the distribution of one real
variant, moved to the same mean; in the other half each has its own. One variant is then truly better by the
difference, in standard deviations over seeds.

## The rule

The variants are ranked by their mean over all seeds; those that were confirmed on fresh seeds come before
those that were not. The first one is the winner if it is better than every other one: its mean is higher,
most of its runs score higher, both the exact rank-sum test and Welch's t-test give p <= 0.05, and fresh seeds
that both have do not reverse the order. All of these must hold at once, so no correction for their number is
needed (Berger 1982). Without a winner, a variant is called worse than the first one only after a correction
for all pairs of variants, because the first one was selected by its scores. `decide` in
`qsweep.report.comparison.decision` is this rule, and the simulation calls it.

## Wrong winners and silence

Percent of sweeps: wrong / nothing. "+ 5": the three best variants are trained again on five fresh seeds. Each
percentage is of {counts}.

{table}

Without a true difference, a wrong winner is named in {two} of the sweeps of two variants, the hardest case;
the highest rate of any row is {worst} (of {least} sweeps, where chance alone turns 5% into up to {upper}). In
{claims} of the sweeps without any true difference, some variant is called worse than the first one.

## Other rules on the same sweeps

Percent of sweeps over all numbers of seeds. Wrong: winners among two variants without a true difference; the
same where each variant has its own distribution; and there the highest rate of any number of seeds. Right: of
any number of variants, with a true difference of 1 and 2 SD.

{rules}

- *Mann-Whitney* and *Welch's t* compare the highest mean with each other variant, corrected by Holm's method.
  With the bootstrap interval of P(better) above 0.5 in addition, the first was qsweep's rule before this
  simulation.
- *rliable* (Agarwal et al. 2021) plots stratified bootstrap intervals of the interquartile mean, *Patterson
  et al.* (2024) recommend bootstrap intervals of the mean. They do not define a winner: here it is the
  highest mean whose interval ({resamples} resamples) overlaps no other one's.
- The highest mean, which a table alone suggests, is always a "winner", and without a difference always wrong.

Seed {seed}; {sweeps:,} sweeps took {took:.0f} s of processor time on {date}.
"""


def page(found: Found, rules: Sequence[str], seed: int, took: float) -> str:
    """Return the page. found: kind -> (rule, result) -> the number of sweeps. took: seconds of processor."""
    from decision_rule import OURS, RESAMPLES, real_scores

    equal = [_of(*row, 0.0) for row in _rows(found)]
    worst, least = max((_percent(found, OURS, "wrong", row), _count(found, row)) for row in equal)
    return PAGE.format(
        environments=", ".join(sorted(real_scores())),
        table="\n".join(_table(found)),
        two=f"{_percent(found, OURS, 'wrong', lambda k: k.variants == 2 and not k.difference):.1f}%",
        worst=f"{worst:.1f}%",
        least=f"{least:,}",
        upper=f"{5 + 196 * (0.05 * 0.95 / least) ** 0.5:.1f}%",
        counts=_counts(found),
        claims=f"{_percent(found, OURS, 'claim', lambda kind: kind.difference == 0):.1f}%",
        rules="\n".join(_comparison(found, rules)),
        resamples=RESAMPLES,
        seed=seed,
        sweeps=_count(found, lambda _: True),
        took=took,
        date=f"{datetime.now(UTC):%Y-%m-%d}",
    )


def _counts(found: Found) -> str:
    """Return the numbers of simulated sweeps per cell of the table, as text."""
    words = []
    for variants in dict.fromkeys(kind.variants for kind in found):
        seeds, fresh = next((n, m) for v, n, m in _rows(found) if v == variants)
        none, some = (_count(found, _of(variants, seeds, fresh, difference)) for difference in (0.0, 1.0))
        words.append(
            f"{none:,} sweeps of {variants} variants without a true difference and {some:,} with one"
        )
    return "; ".join(words)


def _rows(found: Found) -> list[tuple[int, int, int]]:
    return list(dict.fromkeys((kind.variants, kind.seeds, kind.fresh) for kind in found))


def _of(variants: int, seeds: int, fresh: int, difference: float) -> Chosen:
    wanted = (variants, seeds, fresh, difference)
    return lambda kind: (kind.variants, kind.seeds, kind.fresh, kind.difference) == wanted


def _table(found: Found) -> Iterator[str]:
    differences = list(dict.fromkeys(kind.difference for kind in found))
    heads = ["variants", "seeds", *(f"{difference:g} SD" for difference in differences)]
    yield f"| {' | '.join(heads)} |"
    yield f"|{' ---: |' * len(heads)}"
    for variants, seeds, fresh in _rows(found):
        cells = [f"{variants}", f"{seeds}{f' + {fresh}' if fresh else ''}"]
        for difference in differences:
            chosen = _of(variants, seeds, fresh, difference)
            wrong, nothing = (_percent(found, "qsweep", what, chosen) for what in ("wrong", "nothing"))
            cells.append(f"{wrong:.1f} / {nothing:.0f}")
        yield f"| {' | '.join(cells)} |"


def _comparison(found: Found, rules: Sequence[str]) -> Iterator[str]:
    heads = ["rule", "wrong", "own distributions", "highest", "right, 1 SD", "right, 2 SD"]
    yield f"| {' | '.join(heads)} |"
    yield f"| --- |{' ---: |' * (len(heads) - 1)}"
    two = [(n, m) for variants, n, m in _rows(found) if variants == 2]
    for rule in rules:
        shares = [
            _percent(found, rule, "wrong", lambda k: k.variants == 2 and not k.difference),
            _percent(found, rule, "wrong", lambda k: k.variants == 2 and not k.difference and not k.alike),
            max(_percent(found, rule, "wrong", _own(seeds, fresh)) for seeds, fresh in two),
        ]
        right = [_percent(found, rule, "right", _difference(difference)) for difference in (1.0, 2.0)]
        cells = [*(f"{share:.1f}" for share in shares), *(f"{share:.0f}" for share in right)]
        yield f"| {rule} | {' | '.join(cells)} |"


def _own(seeds: int, fresh: int) -> Chosen:
    wanted = (2, seeds, fresh, False, 0.0)
    return lambda k: (k.variants, k.seeds, k.fresh, k.alike, k.difference) == wanted


def _difference(difference: float) -> Chosen:
    return lambda kind: kind.difference == difference


def _count(found: Found, chosen: Chosen) -> int:
    each = (counts for kind, counts in found.items() if chosen(kind))
    return sum(counts["qsweep", what] for counts in each for what in ("right", "wrong", "nothing"))


def _percent(found: Found, rule: str, result: str, chosen: Chosen) -> float:
    some = [counts for kind, counts in found.items() if chosen(kind)]
    return 100 * sum(counts[rule, result] for counts in some) / max(_count(found, chosen), 1)
