"""How often the verdict on a sweep is wrong, and how often it says nothing: simulated sweeps of real scores.

    .venv/bin/python benchmarks/decision_rule.py            all sweeps; writes docs/decision-rule.md
    .venv/bin/python benchmarks/decision_rule.py --sweeps 0.1    a tenth of them

A simulated sweep draws the scores of its variants, with replacement, from `decision_rule_scores.csv`: the
test scores of variants of four environments, 100 to 150 seeds each. Every variant's scores are moved to the
same mean; then the first variant's are raised by a true difference, in its own SDs. In half of the sweeps
all variants have the distribution of one real variant, in the other half each has its own. With
confirmation, the three variants with the highest means get five more scores each, on fresh seeds. The first
lines of the file say how it was made.
"""

from __future__ import annotations

import argparse
import csv
import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import product
from pathlib import Path

import numpy as np

from decision_rule_page import page
from qsweep.report.comparison.decision import decide
from qsweep.report.comparison.samples import Sample, ordered
from qsweep.report.statistics.comparison import probability_of_improvement
from qsweep.report.statistics.significance import LEVEL, holm, rank_sum_p, welch_p
from qsweep.report.statistics.summaries import iqm
from qsweep.system.arrays import Floats

SEED = 20_261_130
SCORES = Path(__file__).with_name("decision_rule_scores.csv")
DIFFERENCES, SEEDS, FRESH = (0.0, 0.5, 1.0, 2.0), (2, 3, 5, 10, 20), (0, 5)
SWEEPS = {2: 150, 3: 60, 10: 15, 50: 4}
"""Number of variants -> simulated sweeps of each kind."""
WITHOUT_DIFFERENCE = 3
"""Times as many are simulated without a true difference, where every winner is wrong."""
FINALISTS = 3
RESAMPLES = 200

Rule = Callable[[Sequence[Sample], np.random.Generator], int | None]
"""Samples -> the index of the winner, or None."""


@dataclass(frozen=True)
class Kind:
    """A kind of sweep. difference: of the first variant, in SDs. alike: variants share a distribution."""

    variants: int
    seeds: int
    fresh: int
    difference: float
    alike: bool


def real_scores(path: Path = SCORES) -> dict[str, list[Floats]]:
    """Return environment -> the scores of each of its variants."""
    found: dict[str, list[Floats]] = {}
    with path.open() as file:
        for row in csv.DictReader(line for line in file if not line.startswith("#")):
            scores = np.array(row["scores"].split(), float)
            found.setdefault(row["environment"], []).append(scores)
    return found


def sweep(kind: Kind, scores: Mapping[str, Sequence[Floats]], generator: np.random.Generator) -> list[Sample]:
    """Return the samples of one simulated sweep; the first variant is truly better by the difference."""
    variants = scores[str(generator.choice(sorted(scores)))]
    size = 1 if kind.alike else kind.variants
    shapes = [variants[n] for n in generator.integers(len(variants), size=size)] * (kind.variants // size)
    gains = [kind.difference * float(shapes[0].std()), *[0.0] * (kind.variants - 1)]

    def draw(variant: int, count: int) -> Floats:
        shape = shapes[variant]
        return generator.choice(shape, count) - float(shape.mean()) + gains[variant]

    n, m = kind.seeds, kind.fresh
    first = [
        Sample(str(variant), draw(variant, n), np.arange(n), np.zeros(n, bool))
        for variant in range(kind.variants)
    ]
    for variant in ordered(first)[:FINALISTS] if m else []:
        both = np.concatenate([first[variant].scores, draw(variant, m)])
        first[variant] = Sample(str(variant), both, np.arange(n + m), np.arange(n + m) >= n)
    return first


def by_test(
    test: Callable[[Floats, Floats], float], samples: Sequence[Sample], _: np.random.Generator
) -> int | None:
    """The highest mean, if a test finds it different from each of the others after Holm's correction."""
    leader, *others = ordered(samples)
    x, ys = samples[leader].scores, [samples[other].scores for other in others]
    ahead = all(float(probability_of_improvement(x, y)) > 0.5 for y in ys) or test is welch_p
    corrected = holm(np.array([test(x, y) for y in ys]))
    return leader if ahead and bool((corrected <= LEVEL).all()) else None


def by_intervals(
    statistic: Callable[..., Floats], samples: Sequence[Sample], generator: np.random.Generator
) -> int | None:
    """The highest mean, if the bootstrap interval of a statistic lies above those of all others."""
    leader, *others = ordered(samples)
    ends = [_interval(statistic, sample.scores, generator) for sample in samples]
    return leader if all(ends[leader][0] > ends[other][1] for other in others) else None


def _interval(statistic: Callable[..., Floats], scores: Floats, generator: np.random.Generator) -> Floats:
    drawn = scores[generator.integers(len(scores), size=(RESAMPLES, len(scores)))]
    return np.percentile(statistic(drawn, axis=-1), [2.5, 97.5])


OURS = "qsweep"
OTHERS: Mapping[str, Rule] = {
    "Mann-Whitney, Holm": partial(by_test, rank_sum_p),
    "Welch's t, Holm": partial(by_test, welch_p),
    "rliable: intervals of the IQM apart": partial(by_intervals, iqm),
    "Patterson et al.: intervals of the mean apart": partial(by_intervals, np.mean),
}


def simulate(kind: Kind, sweeps: int, seed: int) -> Counter[tuple[str, str]]:
    """Return (rule, result) -> the number of sweeps; results: right, wrong, nothing, or a wrong claim."""
    scores, found = real_scores(), Counter[tuple[str, str]]()
    generator = np.random.default_rng(seed)
    for _ in range(sweeps):
        samples = sweep(kind, scores, generator)
        decision = decide(samples)
        winners = {OURS: decision.winner} | {name: rule(samples, generator) for name, rule in OTHERS.items()}
        for name, winner in winners.items():
            right = winner == 0 and kind.difference > 0
            found[name, "nothing" if winner is None else "right" if right else "wrong"] += 1
        better = kind.difference > 0 and decision.order[0] == 0  # is the leader truly
        found[OURS, "claim"] += any(decision.worse) and not better
    return found


def kinds() -> Iterator[Kind]:
    """Yield every kind of sweep."""
    for values in product(SWEEPS, SEEDS, FRESH, DIFFERENCES, (True, False)):
        yield Kind(*values)


def main() -> None:
    """Simulate every kind of sweep and write the page."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sweeps", type=float, default=1.0, help="share of the sweeps of each kind")
    parser.add_argument("--out", type=Path, default=Path(__file__).parents[1] / "docs" / "decision-rule.md")
    given = parser.parse_args()
    every = list(kinds())
    sweeps = [
        max(1, round(given.sweeps * SWEEPS[kind.variants] * (1 if kind.difference else WITHOUT_DIFFERENCE)))
        for kind in every
    ]
    with ProcessPoolExecutor() as pool:
        found = list(pool.map(simulate, every, sweeps, range(SEED, SEED + len(every))))
    took = sum(os.times()[2:4])  # of the processes of the pool
    given.out.write_text(page(dict(zip(every, found, strict=True)), [OURS, *OTHERS], SEED, took))
    print(f"{sum(sweeps):,} sweeps in {took:.0f} s; wrote {given.out}")


if __name__ == "__main__":
    main()
