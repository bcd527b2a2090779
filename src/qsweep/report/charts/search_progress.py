"""The progress of a search: the score of each variant in the order of their starts, and the best so far."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from qsweep.report.charts.chart import Axis, Line, LineChart, Rule, no_values
from qsweep.report.charts.score_charts import metric_label
from qsweep.report.charts.swept_values import MAX_VALUES
from qsweep.report.comparison.studies import Study
from qsweep.system.arrays import Floats


def search_progress(study: Study, rules: tuple[Rule, ...]) -> Iterator[LineChart]:
    """Yield the chart if a key has more values than a grid would list: only a search has an order.

    A variant with fewer seeds than others was pruned: its mean is shown, but is never the best.
    """
    if not any(study.counted[key].nunique() > MAX_VALUES for key in study.keys):
        return
    tried = study.counted.groupby("label", sort=False)
    found = tried.agg(started=("started", "min"), seeds=("seed", "nunique"), mean=(study.metric, "mean"))
    found = found.sort_values("started", kind="stable")
    means = found["mean"].to_numpy(np.float64)
    complete = (found["seeds"] == found["seeds"].max()).to_numpy()
    best = np.maximum.accumulate(np.where(complete, means, -np.inf))
    first = int(complete.argmax())
    x = np.arange(1.0, len(means) + 1)
    pruned = int((~complete).sum())
    fewer = f" {pruned} of them have fewer seeds and never count as the best." if pruned else ""
    yield LineChart(
        name="search_progress",
        title="Search progress",
        caption=f"Mean over seeds of each variant, in the order in which they were started.{fewer}",
        x=Axis("variants tried"),
        y=Axis(metric_label(study)),
        lines=(
            _line("best so far", x[first:], best[first:], 0),
            _line("each variant", x, means, None),
        ),
        rules=rules,
    )


def _line(label: str, x: Floats, y: Floats, colour: int | None) -> Line:
    nothing = no_values(len(x))
    return Line(label, x, y, nothing, nothing, nothing, nothing, colour)
