"""Two runs as rows of text, for the terminal and for a page."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from qsweep.report.formats import number, share_of_optimum, with_interval
from qsweep.report.pair.pair import Pair, Side
from qsweep.system.arrays import Floats
from qsweep.tracking.stored_run import EXACT

BARS = "▁▂▃▄▅▆▇█"
BAR_COUNT = 32
"""Number of letters of a learning curve in the terminal."""
ONE_SEED = (
    "Two runs show what two seeds did. To compare variants, train several seeds of each and run: "
    "qsweep report"
)

Row = tuple[str, str, str]


def results(pair: Pair) -> Iterator[Row]:
    """Yield the results of both runs: name of the row, first, second."""
    sides = pair.sides
    yield "checkpoint", sides[0].checkpoint, sides[1].checkpoint
    yield "score of the best", _score(sides[0]), _score(sides[1])
    if any("optimum/return" in side.record.metrics for side in sides):
        yield "of optimum", _share(sides[0]), _share(sides[1])
    for label, key, form in (
        ("last checkpoint", "final/return_mean", "{:.4g}"),
        ("training, last average", "train/return_avg", "{:.4g}"),
        ("training steps", "train/steps", "{:,.0f}"),
        ("training seconds", "train/seconds", "{:.2f}"),
    ):
        values = [side.record.metrics.get(key) for side in sides]
        if any(value is not None for value in values):
            first, second = ("-" if value is None else form.format(value) for value in values)
            yield label, first, second


def curves(pair: Pair) -> Row | None:
    """Return both learning curves as bars of one scale; None if a run has no curve."""
    found = [side.curve for side in pair.sides]
    values = [points.values["train/return_avg"] for points in found if points is not None]
    finite = [each[np.isfinite(each)] for each in values]
    if len(values) < 2 or not all(len(each) for each in finite):
        return None
    low, high = min(each.min() for each in finite), max(each.max() for each in finite)
    first, second = (bars(each, float(low), float(high)) for each in finite)
    return f"{number(float(low))} to {number(float(high))}", first, second


def bars(values: Floats, low: float, high: float) -> str:
    """Return a curve [n] as at most BAR_COUNT bars between low and high."""
    parts = np.array_split(values, min(BAR_COUNT, len(values)))
    heights = np.array([part.mean() for part in parts])
    share = (heights - low) / (high - low) if high > low else np.ones(len(heights))
    return "".join(BARS[int(place)] for place in np.rint(share * (len(BARS) - 1)))


def sentences(pair: Pair) -> Iterator[str]:
    """Yield the difference of the scores, and the share of cells in which the Q-tables differ."""
    names = [f"{side.name}" for side in pair.sides]
    found = pair.difference
    if found is None:
        yield "The scores cannot be compared: other environments, or checkpoints that were not evaluated."
    elif not found.starts:
        yield f"Difference of the scores, second minus first: {number(found.mean)} (exact)."
    else:
        low, high = found.interval
        on = f"on the same {found.starts:,} test starts" if found.paired else "a difference of two means"
        yield (f"Difference of the scores, second minus first, {on}: {with_interval(found.mean, low, high)}.")
    if pair.shares is None:
        yield f"The Q-tables cannot be compared cell by cell: {pair.why_not}."
    else:
        shares = pair.shares
        both = f", and in {shares.of_updated:.1%} of the {shares.updated:,} that both updated"
        yield (
            f"The greedy action differs in {shares.of_all:.1%} of {shares.cells:,} cells"
            f"{both if shares.updated else ''}."
        )
    if names[0] != names[1]:
        yield f"{ONE_SEED} EXPERIMENT."


def _score(side: Side) -> str:
    exact = " exact" if EXACT in side.record.metrics else ""
    return f"{with_interval(side.record.score, *side.record.interval)}{exact}"


def _share(side: Side) -> str:
    metrics = side.record.metrics
    best, by_chance = (metrics.get(key, np.nan) for key in ("optimum/return", "random/return"))
    return share_of_optimum(side.record.score, best, by_chance)
