from __future__ import annotations

import numpy as np
import pandas as pd

from qsweep.report.charts.chart import LineChart
from qsweep.report.charts.search_progress import search_progress
from qsweep.report.comparison.studies import studies
from tests.support.recorded import SCORE, row

BEGUN = pd.Timestamp("2025-01-02", tz="UTC")


def progress(tried: list[tuple[float, list[float]]]) -> list[LineChart]:
    """Return the charts of variants in the order of their starts, each a learning rate and seeds' scores."""
    rows = [
        row(f"v{place}", seed, score, learning_rate=rate, started=BEGUN + pd.Timedelta(minutes=place))
        for place, (rate, scores) in enumerate(tried)
        for seed, score in enumerate(scores)
    ]
    [study] = studies(pd.DataFrame(rows[::-1]), SCORE, None, np.random.default_rng(0))
    return list(search_progress(study, ()))


def test_the_best_so_far() -> None:
    """The best mean rises with a variant that exceeds all before it; one with fewer seeds never counts."""
    first = [
        (0.001, [9.0]),
        (0.002, [-4.0, -2.0]),
        (0.003, [-6.0, -6.0]),
        (0.004, [0.0]),
        (0.005, [1.0, 2.0]),
    ]
    rest = [(0.01 + place / 1000, [-9.0, -9.0]) for place in range(60)]
    [chart] = progress([*first, *rest])
    best, each = chart.lines
    assert each.y[:5].tolist() == [9.0, -3.0, -6.0, 0.0, 1.5]
    assert best.x[:4].tolist() == [2.0, 3.0, 4.0, 5.0]
    assert best.y[:4].tolist() == [-3.0, -3.0, -3.0, 1.5]
    assert set(best.y[4:]) == {1.5}
    assert "2 of them have fewer seeds" in chart.caption


def test_a_grid_has_no_order() -> None:
    """A sweep of few values per key, a grid, has no search progress."""
    assert progress([(place / 10, [float(place)]) for place in range(1, 9)]) == []
