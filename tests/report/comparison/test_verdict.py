from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest

from qsweep.report.comparison.samples import Sample
from qsweep.report.comparison.verdict import Verdict, judge, seeds_in_words
from qsweep.report.statistics.comparison import can_be_significant

Draw = Callable[[np.random.Generator, tuple[int, int]], npt.NDArray[np.float64]]

STEPS = list(range(10))
"""Ten scores, one point apart."""


def variants(**scores: list[float]) -> list[Sample]:
    """Return samples with seeds from 0; `b_20` is labelled b=20."""
    return [
        Sample(label.replace("_", "="), np.array(values, float), np.arange(len(values)))
        for label, values in scores.items()
    ]


def verdict(**scores: list[float]) -> Verdict:
    return judge(variants(**scores), np.random.default_rng(0))


def shifted(by: float, n: int = 10) -> list[float]:
    """Return scores around -130, shifted."""
    return [-130.0 + by + step for step in STEPS[:n]]


def normal(draw: np.random.Generator, size: tuple[int, int]) -> npt.NDArray[np.float64]:
    return draw.normal(-135, 10, size)


def sometimes_failed(draw: np.random.Generator, size: tuple[int, int]) -> npt.NDArray[np.float64]:
    return np.where(draw.random(size) < 0.3, -200, draw.normal(-135, 10, size))


def heads_or_tails(draw: np.random.Generator, size: tuple[int, int]) -> npt.NDArray[np.float64]:
    return np.where(draw.random(size) < 0.5, -200.0, -130.0)


def share_named(draw: Draw, variants: int, seeds: int, first_better_by: float = 0) -> float:
    """Return the share of simulated sweeps in which a winner is named.

    Of 300, or of 100 where there is a true difference, or where none can be named whatever is drawn.
    """
    generator = np.random.default_rng(20)
    sweeps = 100 if first_better_by or not can_be_significant(seeds, seeds) else 300
    named = 0
    for _ in range(sweeps):
        scores = draw(generator, (variants, seeds))
        scores[0] += first_better_by
        samples = [Sample(str(number), row, np.arange(seeds)) for number, row in enumerate(scores)]
        winner = judge(samples, generator, resamples=200).winner
        assert winner == "0" or not winner or not first_better_by
        named += winner is not None
    return named / sweeps


@pytest.mark.slow
@pytest.mark.parametrize(
    ("variants", "seeds", "draw"),
    [
        (3, 2, normal),
        (3, 3, heads_or_tails),  # three of one kind against three of the other is common, and says nothing
        (3, 5, normal),
        (3, 10, sometimes_failed),
        (2, 5, heads_or_tails),
        (2, 10, normal),
    ],
)
def test_equal_variants_hardly_ever_have_a_winner(variants: int, seeds: int, draw: Draw) -> None:
    """At most about 5% of sweeps name a winner with any number of seeds (2 SE of 300: 2.5%)."""
    named = share_named(draw, variants, seeds)
    assert named <= (0 if seeds < 4 else 0.075)


@pytest.mark.slow
def test_a_true_large_difference_is_named() -> None:
    """Three variants, the first better by two to three seed SDs of 10: the right one is named."""
    assert share_named(normal, variants=3, seeds=10, first_better_by=20) > 0.9
    assert share_named(normal, variants=3, seeds=5, first_better_by=30) > 0.8


def test_two_that_cannot_be_told_apart() -> None:
    """Two similar variants give a sentence with the number of seeds needed."""
    found = verdict(b_40=[5.5, 4.5, 3.5, 2.5, 2.2], b_20=[1, 2, 3, 4, 5])
    comparison = found.rows[1].comparison
    assert comparison is not None
    low, high = comparison.interval
    assert low < 0.5 < high
    assert (found.winner, found.group) == (None, ("b=40", "b=20"))
    # P: 5 + 4 + 3 + 2 + 2 wins of 25. Seeds: 85 each, by the means.
    assert found.headline == (
        "b=40 and 20 cannot be distinguished with 5 seeds each (P(b=40 better) = 0.64, "
        f"95% interval {low:.2f} to {high:.2f}); about 80 more seeds each would be needed."
    )


def test_a_winner_of_two() -> None:
    """Completely separated variants with ten seeds each have a winner."""
    found = verdict(a=shifted(-20), b=shifted(0))
    odds = "(P(b better) = 1.00, 95% interval 1.00 to 1.00)"
    assert found.headline == f"b is significantly better than a with 10 seeds each {odds}."
    assert (found.winner, found.group) == ("b", ("b",))
    # The mean of 0 to 9 is 4.5.
    assert found.lines[0].startswith("b scored -125.5 on average (95% interval -127.")
    assert "On the 10 seeds in common, b minus a is 20 on average (95% interval 20 to 20)" in found.lines[1]
    # Ten pairs of one sign: 2 / 1,024.
    assert found.lines[1].endswith("sign-flip test: p = 0.002.")
    assert found.lines[-1].startswith(
        "A difference counts as significant if the exact rank-sum test and Welch's t-test over seeds both "
    )


def test_a_winner_of_three() -> None:
    """The next best is mentioned; a winner needs no correction, as it must be better than all at once."""
    found = verdict(a=shifted(-20), b=shifted(0), c=shifted(-30))
    assert found.headline.startswith(
        "b is significantly better than each of the 2 others with 10 seeds each (against the next best, a: P("
    )
    assert found.winner == "b"
    assert "corrected" not in found.lines[-1]


def test_a_leading_group() -> None:
    """The sentences name the variants not distinguishable from the leader, and those it beats."""
    found = verdict(a=shifted(-50), b=shifted(0), c=shifted(0.5), d=shifted(-0.5), e=shifted(-60))
    assert found.headline == "c, b and d cannot be distinguished with 10 seeds each."
    assert "corrected for all pairs of variants" in found.lines[-1]
    assert (found.winner, found.group) == (None, ("c", "b", "d"))
    assert found.lines[1].startswith("Against the next best, b: P(c better) = 0.5")
    assert "c is significantly better than a and e." in found.lines


def test_a_group_of_two_above_others() -> None:
    """The leader is significantly better than some, not than one."""
    found = verdict(a=shifted(-50), b=shifted(0), c=shifted(0.5))
    assert found.headline.startswith("c and b cannot be distinguished with 10 seeds each (P(c better) = 0.5")
    assert found.group == ("c", "b")
    assert "c is significantly better than a." in found.lines


def test_long_lists_are_counted() -> None:
    """Five labels are listed; of twelve, the others are counted."""
    one_more = verdict(**{f"v{number}": shifted(0) for number in range(7)})
    assert one_more.headline.startswith("v0, v1, v2, v3, v4 and 2 others cannot be distinguished")
    six = verdict(**{f"v_{number}": shifted(0) for number in range(6)})
    assert six.headline.startswith("v=0, 1, 2, 3, 4 and 1 other cannot be distinguished")


def test_hopeless_differences_are_called_so() -> None:
    """Equally good variants would need more seeds than the maximum."""
    found = verdict(a=[1, 2, 3, 4, 5], b=[1, 2, 3, 4, 5])
    assert found.headline.endswith("; more than 10,000 seeds each would be needed.")


def test_no_variants() -> None:
    """Without variants there are no sentences and no error."""
    assert verdict() == Verdict("There are no scores to compare.", (), None, (), ())


@pytest.mark.parametrize(
    ("scores", "headline"),
    [
        ([-131.25], "There is only one variant: b=20 scored -131.2 with one seed."),
        ([-130, -130], "There is only one variant: b=20 scored -130 on average (95% interval -130 to -130)"),
        ([0.5, 0.75], "There is only one variant: b=20 scored 0.62 on average (95% interval 0.50 to 0.75)"),
    ],
)
def test_one_variant(scores: list[float], headline: str) -> None:
    """A single variant is described and is no winner."""
    found = verdict(b_20=scores)
    assert found.headline.startswith(headline)
    assert (found.winner, found.group, found.lines) == (None, ("b=20",), ())


def test_one_seed_each() -> None:
    """One seed is not enough, and the required number is stated."""
    found = verdict(a=[-140], b=[-120], c=[-130])
    assert found.headline == (
        "b, c and a cannot be distinguished with one seed each, whatever the scores: at least 4 seeds each "
        "are needed."  # 2 / 20 is above 5%, 2 / 70 is not
    )
    assert found.lines == ("b scored -120 with one seed; c scored -130 with one seed.",)
    assert found.winner is None


def test_too_few_seeds_each() -> None:
    """Three seeds are never enough for two variants."""
    found = verdict(a=[-200, -200, -200], b=[-120, -121, -119])
    assert found.headline.startswith("b and a cannot be distinguished with 3 seeds each, whatever")
    assert "at least 4 seeds each" in found.headline
    assert (found.winner, found.group) == (None, ("b", "a"))


def test_different_numbers_of_seeds() -> None:
    """Different seed counts are given as a range, with the variants that have too few."""
    found = verdict(a=shifted(0), b=shifted(0.5, 8), c=[-100.0])
    assert "with 1 to 10 seeds" in found.headline
    assert "c has too few seeds to be distinguished from a, whatever the scores." in found.lines
    several = verdict(a=shifted(0), b=shifted(-1), c=[-135.0], d=[-100.0])
    assert "d and c have too few seeds each to be distinguished from a, whatever the scores." in several.lines


def fresh(label: str, first: list[float], again: list[float]) -> Sample:
    """Return a sample of which the second scores are on fresh seeds."""
    n = len(first) + len(again)
    return Sample(label, np.array([*first, *again]), np.arange(n), np.arange(n) >= len(first))


def test_fresh_seeds_are_evidence() -> None:
    """Three seeds are too few, three more that agree are not; variants without them come last."""
    samples = [
        fresh("b=1", [-10.0, -11.0, -12.0], [-10.5, -11.5, -12.5]),
        fresh("b=2", [-20.0, -21.0, -22.0], [-20.5, -21.5, -22.5]),
        fresh("b=3", [-9.0, -30.0, -31.0], []),
    ]
    found = judge(samples[:2], np.random.default_rng(0))
    assert found.headline.startswith(
        "b=1 is significantly better than b=2 with 6 seeds each, 3 of them fresh (P(b=1 better) = 1.00"
    )
    assert judge(samples[:1] + samples[2:], np.random.default_rng(0)).group == ("b=1", "b=3")


def test_fresh_seeds_that_reverse_the_order() -> None:
    """The headline is what fresh seeds leave standing: a lead that they do not confirm is none."""
    first = [float(n) for n in range(100, 115)]
    samples = [fresh("a", first, [50.0, 51.0]), fresh("b", [n - 40 for n in first], [60.0, 61.0])]
    found = judge(samples, np.random.default_rng(0))
    comparison = found.rows[1].comparison
    assert comparison is not None
    assert comparison.p <= 0.05
    assert found.winner is None
    assert found.headline.startswith(
        "a and b cannot be distinguished with 17 seeds each, 2 of them fresh (P(a "
    )
    assert found.headline.endswith("); on fresh seeds alone b scored at least as high, 60.5 against 50.5.")


def test_a_mean_that_most_runs_contradict() -> None:
    """A higher mean with a P below a half is called neither better nor leading."""
    found = verdict(a=[100.0] * 9 + [-900.0], b=[99.0] * 10, c=[-2000.0, *[50.0] * 9])
    assert [row.label for row in found.rows] == ["b", "a", "c"]
    pair = verdict(a=[1.0] * 9 + [1000.0], b=[2.0] * 10)
    assert pair.winner is None
    assert pair.headline.startswith("a and b cannot be distinguished with 10 seeds each (P(a better) = 0.10")
    assert pair.headline.endswith("); a has the higher mean, but most runs of b score higher.")


def test_a_pair_with_one_seed_has_no_interval() -> None:
    """One seed gives no interval and no NaN."""
    found = verdict(a=shifted(0), b=[-150.0])
    assert (
        "P(a better) = 1.00, no interval with one seed" in found.headline
        or "cannot be distinguished" in found.headline
    )
    assert "nan" not in " ".join([found.headline, *found.lines])


def test_seeds_that_are_not_common() -> None:
    """Without common seeds variants are compared without pairs."""
    samples = [
        Sample("a", np.array(shifted(0)), np.arange(10)),
        Sample("b", np.array(shifted(-20)), np.arange(10, 20)),
    ]
    found = judge(samples, np.random.default_rng(0))
    assert found.winner == "a"
    assert not any("both have" in line for line in found.lines)


def test_scores_left_out_are_counted() -> None:
    """NaN and repeated seeds are dropped, and variants without a score are named."""
    samples = [
        Sample("a", np.array([math.nan, 1, 2, 3]), np.array([0, 1, 2, 1])),
        Sample("b", np.array([math.nan, math.inf]), np.array([0, 1])),
        Sample("c", np.array([]), np.array([], np.int64)),
    ]
    found = judge(samples, np.random.default_rng(0))
    assert found.lines == (
        "3 scores were left out: not a finite number.",
        "1 score was left out: the same variant and seed was run again later.",
        "b and c have no score.",
    )
    assert found.headline.startswith("There is only one variant: a scored 2.5 on average")
    assert [row.label for row in found.rows] == ["a", "b", "c"]


def test_all_scores_equal() -> None:
    """Equal scores give no difference and no number of seeds."""
    found = verdict(a=[-200] * 5, b=[-200] * 5, c=[-200] * 3)
    assert found.headline == "All 3 variants scored -200 with every seed: there is no difference."
    assert (found.winner, found.lines) == (None, ())
    assert verdict(a=[1], b=[1]).headline.startswith("Both variants scored 1 with every seed")


def test_a_long_label_is_not_repeated_inside_the_probability() -> None:
    """A long label appears once, then as the leader."""
    found = verdict(**{"learning_rate_0.1_and_buckets_40": shifted(0), "b": shifted(-0.5)})
    assert "(P(leader better) = " in found.headline


@pytest.mark.parametrize(
    ("more", "words"),
    [(1, "1 more seed"), (12, "12 more seeds"), (1234, "1,234 more seeds"), (None, "more than 10,000 seeds")],
)
def test_seeds_in_words(more: int | None, words: str) -> None:
    """Seeds in words have singular, plural and a maximum."""
    assert seeds_in_words(more) == words


def test_the_same_generator_gives_the_same_verdict() -> None:
    """The verdict is reproducible with the same generator."""
    first, second = (verdict(a=shifted(0), b=shifted(2)) for _ in range(2))
    assert repr(first) == repr(second)  # from Python 3.13 on, records that hold NaN differ from themselves
