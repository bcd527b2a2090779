from __future__ import annotations

import numpy as np
import pandas as pd

from qsweep.report.charts.chart import DotChart, LeftOut, LineChart, Rule, ScatterChart
from qsweep.report.charts.score_charts import profiles, score_by_key, steps_and_score
from qsweep.report.comparison.studies import Study, studies
from tests.support.recorded import SCORE, frame, row

RULES = [Rule(-97.66, "optimum")]


def study_of(runs: pd.DataFrame) -> Study:
    [study] = studies(runs, SCORE, None, np.random.default_rng(0))
    return study


def grid() -> pd.DataFrame:
    """Return runs of two bucket sizes, two learning rates and two seeds; the score is minus the product."""
    rows = [
        row(f"b{b}r{r}", seed, -b * r - seed, buckets=b, learning_rate=r)
        for b in (10, 20)
        for r in (0.1, 0.5)
        for seed in (0, 1)
    ]
    return pd.DataFrame(rows)


def test_every_seed_is_a_dot() -> None:
    """Each value is a group, with a named dot per run, for all values of the other keys."""
    chart = score_by_key(study_of(grid()), "buckets", RULES, np.random.default_rng(0))
    assert isinstance(chart, DotChart)
    assert [(group.label, group.x) for group in chart.groups] == [("10", 10.0), ("20", 20.0)]
    assert sorted(chart.groups[0].values.tolist()) == [-6.0, -5.0, -2.0, -1.0]
    assert chart.groups[0].mean == -3.5
    assert chart.groups[0].names[0] == "b10r0.1,seed=0"
    assert chart.groups[0].interval[0] < -3.5 < chart.groups[0].interval[1]
    assert "for all values of learning_rate" in chart.caption
    assert chart.rules == tuple(RULES)


def test_values_that_are_not_numbers() -> None:
    """Texts, and a missing value, have a position of their own."""
    runs = grid().assign(**{"epsilon.schedule": ["linear", None] * 4})
    chart = score_by_key(study_of(runs), "epsilon.schedule", [], np.random.default_rng(0))
    assert isinstance(chart, DotChart)
    assert chart.x.names == ("linear", "none")
    assert [len(group.values) for group in chart.groups] == [4, 4]


def test_too_many_numbers_for_groups() -> None:
    """Every run of a search is a dot at its value, coloured by variant, on the best scale."""
    scores = {f"buckets={n}": [-float(n), -float(n) - 2] for n in range(1, 100)}
    chart = score_by_key(study_of(frame(scores)), "buckets", RULES, np.random.default_rng(0))
    assert isinstance(chart, ScatterChart)
    assert (chart.x.label, chart.x.scale, len(chart.clouds)) == ("buckets", "log", 99)
    leader, *_, last = chart.clouds
    assert (leader.x.tolist(), leader.y.tolist(), leader.colour) == ([1.0, 1.0], [-1.0, -3.0], 0)
    assert (last.x.tolist(), last.y.tolist(), last.colour) == ([99.0, 99.0], [-99.0, -101.0], None)
    assert chart.rules == tuple(RULES)


def test_too_many_texts() -> None:
    """A key with too many texts has no chart."""
    runs = pd.DataFrame([row(f"v{n}", 0, -float(n), terminal_rule=f"rule {n}") for n in range(99)])
    left = score_by_key(study_of(runs), "terminal_rule", [], np.random.default_rng(0))
    assert left == LeftOut(
        "terminal_rule has 99 values, too many to give each its own place on the axis.",
    )


def test_a_profile_falls_from_all_to_none() -> None:
    """All runs are above a value below the lowest score, two of four above -2, none above the highest."""
    study = study_of(frame({"buckets=10": [-4.0, -3.0, -2.0, -1.0], "buckets=20": [-8.0, -8.0]}))
    chart = profiles(study)
    assert isinstance(chart, LineChart)
    line = chart.lines[0]
    assert line.label == "buckets=10"
    assert (line.y[0], line.y[-1]) == (1.0, 0.0)
    at = int(np.abs(line.x + 2).argmin())
    expected = np.mean(np.array([-4.0, -3.0, -2.0, -1.0]) > line.x[at])
    assert line.y[at] == expected
    assert (line.low <= line.y).all()
    assert (line.y <= line.high).all()


def test_no_profile() -> None:
    """With one seed each, or with equal scores, there is no profile."""
    assert isinstance(profiles(study_of(frame({"buckets=10": [-1.0], "buckets=20": [-2.0]}))), LeftOut)
    assert isinstance(profiles(study_of(frame({"buckets=10": [-1.0, -1.0]}))), LeftOut)


def test_steps_against_score() -> None:
    """Every run is a dot of its variant; runs without steps are omitted; seconds stand beside."""
    runs = frame({"buckets=10": [-4.0, -3.0], "buckets=20": [-8.0, -7.0]})
    runs["train/steps"] = [1000.0, np.nan, 3000.0, 4000.0]
    runs["train/seconds"] = [0.5, 0.5, 0.1, 0.2]
    chart = steps_and_score(study_of(runs), RULES)
    assert isinstance(chart, ScatterChart)
    found = {cloud.label: (cloud.x.tolist(), cloud.y.tolist()) for cloud in chart.clouds}
    assert found == {"buckets=10": ([1000.0], [-4.0]), "buckets=20": ([3000.0, 4000.0], [-8.0, -7.0])}
    assert [*chart.header()][1] == "mean environment steps"
    assert [row[1:] for row in chart.rows()] == [("1,000", "-4", "0.5 s"), ("3,500", "-7.5", "0.15 s")]


def test_no_steps() -> None:
    """Without steps the chart is omitted, without seconds they are."""
    assert isinstance(steps_and_score(study_of(grid().drop(columns="train/steps")), []), LeftOut)
    assert isinstance(steps_and_score(study_of(grid().assign(**{"train/steps": np.nan})), []), LeftOut)
    chart = steps_and_score(study_of(grid().drop(columns="train/seconds")), [])
    assert isinstance(chart, ScatterChart)
    assert set(chart.seconds) == {"-"}
