from __future__ import annotations

import numpy as np
import pandas as pd

from qsweep.report.charts.chart import Bar, BarChart, HeatChart, LeftOut, ParallelChart
from qsweep.report.charts.key_charts import heat_map, importance_chart, important_keys, parallel_coordinates
from qsweep.report.comparison.studies import Study, studies
from tests.support.recorded import SCORE, frame, row


def study_of(runs: pd.DataFrame) -> Study:
    [study] = studies(runs, SCORE, None, np.random.default_rng(0))
    return study


def grid(rates: tuple[float, ...] = (0.1, 0.5), discounts: tuple[float, ...] = (0.95,)) -> Study:
    """Return a study of buckets, learning rates, discounts, 2 seeds; scores depend on buckets and seed."""
    rows = [
        row(f"b{b}r{r}d{d}", seed, -b - seed, buckets=b, learning_rate=r, discount=d)
        for b in (10, 20, 40)
        for r in rates
        for d in discounts
        for seed in (0, 1)
    ]
    return study_of(pd.DataFrame(rows))


ONE_KEY = study_of(frame({"buckets=10": [-1.0, -2.0], "buckets=20": [-3.0, -4.0]}))


def test_a_heat_map() -> None:
    """The map has the mean of each pair, with the lowest value of the vertical key at the bottom."""
    chart = heat_map(grid(), [])
    assert isinstance(chart, HeatChart)
    assert (chart.x.label, chart.x.names) == ("buckets", ("10", "20", "40"))
    assert (chart.y.label, chart.y.names) == ("learning_rate", ("0.5", "0.1"))
    assert chart.values.tolist() == [[-10.5, -20.5, -40.5]] * 2
    assert chart.counts.tolist() == [[2, 2, 2]] * 2


def test_a_pair_without_a_run() -> None:
    """A pair without a run has no value."""
    study = grid()
    runs = study.counted[~((study.counted["buckets"] == 20) & (study.counted["learning_rate"] == 0.5))]
    chart = heat_map(study_of(runs.drop(columns="label")), [])
    assert isinstance(chart, HeatChart)
    assert np.isnan(chart.values[0, 1])
    assert chart.counts[0].tolist() == [2, 0, 2]


def test_the_two_most_important_keys() -> None:
    """Of three keys the map has the two most important ones, and the caption says so."""
    study = grid(discounts=(0.9, 0.99))
    ranked = [Bar(key, share, (0, 1)) for key, share in (("discount", 0.6), ("buckets", 0.3))]
    chart = heat_map(study, [*ranked, Bar("learning_rate", 0.1, (0, 1))])
    assert isinstance(chart, HeatChart)
    assert {chart.x.label, chart.y.label} == {"discount", "buckets"}
    assert "These two of 3 keys are the most important" in chart.caption
    assert chart.counts.tolist() == [[4, 4, 4]] * 2


def test_parallel_coordinates() -> None:
    """Each variant is a line, with heights from 0 to 1, few values at equal distances, the score last."""
    chart = parallel_coordinates(grid())
    assert isinstance(chart, ParallelChart)
    assert chart.axes == ("buckets", "learning_rate", "mean score")
    assert chart.labels[0].startswith("buckets=10")
    assert chart.places[:, 0].tolist() == [0.0, 0.0, 0.5, 0.5, 1.0, 1.0]
    assert chart.places[:, 2].tolist() == [1.0, 1.0, 2 / 3, 2 / 3, 0.0, 0.0]
    assert chart.words[0] == ("10", "0.1", "-10.5")
    assert chart.ticks[0] == ((0.0, "10"), (0.5, "20"), (1.0, "40"))


def test_importance() -> None:
    """The key on which the score depends explains nearly all; the caption has the share between variants."""
    study = grid(rates=(0.1, 0.2, 0.5))
    important = important_keys(study, np.random.default_rng(0))
    assert [found.label for found in important] == ["buckets", "learning_rate"]
    assert important[0].value > 0.9
    chart = importance_chart(study, important)
    assert isinstance(chart, BarChart)
    assert [bar.label for bar in chart.bars] == ["buckets", "learning_rate"]
    assert "of the variance between runs is between variants" in chart.caption


def test_one_swept_key() -> None:
    """With one swept key the heat map, importance and parallel coordinates are omitted, with a reason."""
    assert important_keys(ONE_KEY, np.random.default_rng(0)) == []
    for left in (heat_map(ONE_KEY, []), parallel_coordinates(ONE_KEY), importance_chart(ONE_KEY, [])):
        assert isinstance(left, LeftOut)
        assert left.why.endswith("here only buckets varies.")


def test_one_variant() -> None:
    """With one variant the heat map is omitted."""
    left = heat_map(study_of(frame({"buckets=10": [-1.0, -2.0]})), [])
    assert isinstance(left, LeftOut)
    assert left.why.endswith("here there is only one variant.")


def test_nothing_matters() -> None:
    """If all variants have the same score, no key is important."""
    study = study_of(grid().counted.drop(columns="label").assign(**{SCORE: -1.0}))
    assert important_keys(study, np.random.default_rng(0)) == []
    assert isinstance(importance_chart(study, []), LeftOut)
