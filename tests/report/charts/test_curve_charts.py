from __future__ import annotations

import numpy as np
import pytest

from qsweep.report.charts.chart import LeftOut, Line, LineChart, Rule
from qsweep.report.charts.curve_charts import (
    MAX_COLOURED,
    MAX_CURVES,
    best_run,
    greedy_curves,
    learning_curves,
)
from qsweep.report.comparison.studies import Study, studies
from qsweep.report.loading.curves import Histories
from tests.support.recorded import SCORE, frame

X = np.arange(0.0, 100.0, 10.0)
RULES = [Rule(-97.66, "optimum")]


def study_of(scores: dict[str, list[float]]) -> Study:
    [study] = studies(frame(scores), SCORE, None, np.random.default_rng(0))
    return study


def curves_of(study: Study) -> Histories:
    """Return curves: the average is the score, the minimum 1 below, the maximum 2 and evaluation 3 above."""
    found = {}
    for run in study.counted.to_dict("records"):
        for metric, shift in (("avg", 0.0), ("min", -1.0), ("max", 2.0)):
            found[f"train/return_{metric}", run["run_id"]] = (X, np.full(10, run[SCORE] + shift))
        found["eval/return_mean", run["run_id"]] = (X[4:6], np.full(2, run[SCORE] + 3))
    return found


def drawn(chart: LineChart | LeftOut) -> LineChart:
    assert isinstance(chart, LineChart)
    return chart


def learning(study: Study, found: Histories) -> LineChart:
    return drawn(learning_curves(study, found, RULES, np.random.default_rng(0)))


def test_a_curve_is_the_mean_over_seeds() -> None:
    """A curve is the mean of the seeds, with the lowest minimum and the highest maximum of all."""
    study = study_of({"buckets=10": [-150.0, -140.0, -130.0]})
    [line] = learning(study, curves_of(study)).lines
    assert line.x.tolist() == X.tolist()
    assert line.y.tolist() == [-140.0] * 10
    assert line.least.tolist() == [-151.0] * 10
    assert line.most.tolist() == [-128.0] * 10
    assert (line.low >= -150).all()
    assert (line.low < -140).all()
    assert (line.high > -140).all()


def test_one_seed_has_no_band() -> None:
    """With one seed there is no interval, only the run's own minimum and maximum."""
    study = study_of({"buckets=10": [-150.0]})
    [line] = learning(study, curves_of(study)).lines
    assert np.isnan(line.low).all()
    assert (line.least[0], line.most[0]) == (-151.0, -148.0)


def test_curves_are_ordered_and_coloured_by_score() -> None:
    """The leader has the first colour, and the reference lines are drawn."""
    study = study_of({"buckets=10": [-150.0, -149.0], "buckets=20": [-120.0, -121.0]})
    chart = learning(study, curves_of(study))
    assert [(line.label, line.colour) for line in chart.lines] == [("buckets=20", 0), ("buckets=10", 1)]
    assert chart.rules == tuple(RULES)


def test_many_variants() -> None:
    """The best variants have colours and bands, a limited number is drawn, and the caption says so."""
    study = study_of({f"buckets={n}": [-float(n), -float(n) - 1] for n in range(1, MAX_CURVES + 11)})
    chart = learning(study, curves_of(study))
    colours = [line.colour for line in chart.lines]
    assert colours == [*range(MAX_COLOURED), *[None] * (MAX_CURVES - MAX_COLOURED)]
    assert all(np.isnan(line.low).all() for line in chart.lines[MAX_COLOURED:])
    grey = f"the next {MAX_CURVES - MAX_COLOURED} of {MAX_CURVES + 10} in grey"
    assert f"The {MAX_COLOURED} best variants are in colour, {grey}" in chart.caption


def test_runs_without_curves() -> None:
    """A run without a curve is omitted; without any curve the chart is omitted, with a reason."""
    study = study_of({"buckets=10": [-150.0, -140.0]})
    found = dict(curves_of(study))
    for metric in ("avg", "min", "max"):
        del found[f"train/return_{metric}", study.of(study.labels[0])["run_id"].iloc[0]]
    [line] = learning(study, found).lines
    assert line.y[0] == -140.0
    for draw in (learning_curves, greedy_curves):
        left = draw(study, {}, RULES, np.random.default_rng(0))
        assert isinstance(left, LeftOut)
        assert left.why.endswith(".")


def test_curves_without_minimum_and_maximum() -> None:
    """If only the average was recorded, only the average is drawn."""
    study = study_of({"buckets=10": [-150.0, -140.0]})
    found = {key: run for key, run in curves_of(study).items() if key[0] == "train/return_avg"}
    [line] = learning(study, found).lines
    assert np.isnan(line.least).all()
    assert np.isnan(line.most).all()
    assert line.y[0] == -145.0


def test_greedy_curves() -> None:
    """The chart has the checkpoints' validation scores, with the lowest and the highest seed."""
    study = study_of({"buckets=10": [-150.0, -140.0]})
    [line] = drawn(greedy_curves(study, curves_of(study), RULES, np.random.default_rng(0))).lines
    assert line.x.tolist() == [40.0, 50.0]
    assert [line.y[0], line.least[0], line.most[0]] == [-142.0, -147.0, -137.0]


def test_the_best_run() -> None:
    """The chart has average, minimum and maximum of the leading variant's run with the highest score."""
    study = study_of({"buckets=10": [-100.0, -190.0], "buckets=20": [-120.0, -121.0]})
    chart = drawn(best_run(study, curves_of(study), RULES))
    [line] = chart.lines
    assert "buckets=20,seed=0" in chart.caption
    assert [line.least[0], line.y[0], line.most[0]] == [-121.0, -120.0, -118.0]
    assert isinstance(best_run(study, {}, RULES), LeftOut)


def test_no_best_run() -> None:
    """Without a score there is no best run."""
    [study] = studies(frame({"buckets=10": [-1.0]}, status="FAILED"), SCORE, None, np.random.default_rng(0))
    assert isinstance(best_run(study, {}, RULES), LeftOut)


@pytest.mark.parametrize("label", ["buckets=10"])
def test_the_band_of_two_seeds(label: str) -> None:
    """The band of two seeds reaches from one to the other, because no resample lies outside."""
    study = study_of({label: [-150.0, -140.0]})
    line: Line = learning(study, curves_of(study)).lines[0]
    assert (line.low[0], line.high[0]) == (-150.0, -140.0)
