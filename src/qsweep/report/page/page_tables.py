"""The page's two large tables, leaderboard and runs, cell by cell."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd

from qsweep.report.charts.curve_charts import MAX_COLOURED
from qsweep.report.charts.score_charts import metric_label
from qsweep.report.contents import RUNS, Section
from qsweep.report.formats import scale, share_of_optimum, with_interval
from qsweep.report.page.cells import (
    Cell,
    Column,
    SortableTable,
    interval,
    link_cell,
    number_cell,
    spread_cell,
    text_of,
)
from qsweep.tracking.checkpoints import name_of
from qsweep.tracking.run_ids import short


def leaderboard(section: Section, place: str, ui: str) -> SortableTable:
    """Return the table of variants, leader first. place: the section's id. ui: the MLflow UI's address."""
    study, frame = section.study, section.standings
    columns = [
        Column("variant", "the parameters in which it differs from the others"),
        Column("seeds", "number of seeds", number=True),
        Column("mean (95% interval)", "mean score over all seeds", number=True),
        Column("spread", fixed=True),
        Column("P(leader better)", "probability that a run of the leader scores higher", number=True),
        Column("significant", "whether the leader is significantly better"),
    ]
    if len(study.fresh):
        columns.append(Column("fresh seeds", "mean of the fresh seeds alone", number=True))
    if frame["optimum"].notna().any():
        columns.append(Column("of optimum", "0%: random actions, 100%: the optimum", number=True))
    columns.append(Column("best run", "in the MLflow UI"))
    scores = study.counted[study.metric]
    span = float(scores.min()), float(scores.max())
    rows = []
    for position, row in enumerate(frame.to_dict("records")):
        cells = [
            Cell(row["label"], row["label"], "label", colour=position if position < MAX_COLOURED else None),
            number_cell(row["seeds"], str(row["seeds"])),
            number_cell(row["mean"], with_interval(row["mean"], row["mean_low"], row["mean_high"])),
            spread_cell(row, study.scores(row["label"]), span),
            number_cell(row["leader_p_better"], f"{row['leader_p_better']:.2f}", _odds(row)),
            Cell(_apart(row), _apart(row)),
        ]
        if len(study.fresh):
            cells.append(number_cell(row["fresh_mean"]))
        if frame["optimum"].notna().any():
            cells.append(
                number_cell(row["mean"], share_of_optimum(row["mean"], row["optimum"], row["random"]))
            )
        run = study.best_run(row["label"])
        cells.append(
            link_cell(str(run["name"]), ui, str(run["experiment_id"]), run["run_id"], row["command"])
        )
        rows.append(tuple(cells))
    ends = scale(frame["optimum"].iloc[0], frame["random"].iloc[0]) if len(frame) else ""
    caption = (
        f"Variants by {metric_label(study)}, over seeds. Copy: the command that trains the best seed again."
    )
    caption += f" {ends[0].upper()}{ends[1:]}." if ends else ""
    return SortableTable(f"{place}-variants", caption, "buckets=40", tuple(columns), tuple(rows))


def runs_table(section: Section, place: str, ui: str) -> SortableTable:
    """Return the table of all runs of any status, by descending score; those without one come last."""
    study = section.study
    labels = dict(zip(study.counted["run_id"], study.counted["label"], strict=True))
    runs = pd.concat([study.runs.assign(fresh=False), study.confirming.assign(fresh=True)])
    if study.metric in runs:
        runs = runs.sort_values(study.metric, ascending=False, na_position="last", kind="stable")
    columns = (
        Column("run"),
        Column("variant"),
        Column("seed", number=True),
        Column("status"),
        Column("score", metric_label(study), number=True, sort="descending"),
        Column("on test starts", "95% interval of the mean return on test starts", number=True),
        Column("checkpoint", "the one with the highest score in the run", number=True),
        Column("s", "seconds of training", number=True),
        Column("started", "UTC"),
        Column("in MLflow"),
    )
    rows = tuple(_run(run, labels, study.metric, ui) for run in runs.head(RUNS).to_dict("records"))
    return SortableTable(
        f"{place}-all-runs",
        f"Every run, by {metric_label(study)}. Copy: the command that trains it again.",
        "seed=3, failed, fresh",
        columns,
        rows,
    )


def _run(run: dict[Any, Any], labels: dict[str, str], metric: str, ui: str) -> tuple[Cell, ...]:
    best = run.get("best_episode", math.nan)
    status = str(run["status"]).lower() + (", fresh seed" if run["fresh"] else "")
    low, high = run.get("test/return_ci_low", math.nan), run.get("test/return_ci_high", math.nan)
    seed, started = run.get("seed"), run["started"].tz_convert(None).strftime("%Y-%m-%d %H:%M")
    label = labels.get(run["run_id"], "")
    return (
        Cell(str(run["name"]), str(run["name"]), "label", command=text_of(run.get("command"))),
        Cell(label or "-", label),
        number_cell(seed, "-" if pd.isna(seed) else str(seed)),
        Cell(status, status),
        number_cell(run.get(metric)),
        number_cell(low, interval(low, high)),
        number_cell(best, "-" if pd.isna(best) else name_of(int(best))),
        number_cell(run.get("train/seconds")),
        Cell(started, started),
        link_cell(short(str(run["run_id"])), ui, str(run["experiment_id"]), str(run["run_id"])),
    )


def _odds(row: dict[Any, Any]) -> str:
    """Return the interval of P(leader better) in words, "" if there is none."""
    low, high = row["leader_p_low"], row["leader_p_high"]
    return "" if pd.isna(low) else f"95% interval {low:.2f} to {high:.2f}"


def _apart(row: dict[Any, Any]) -> str:
    if pd.isna(row["leader_p_better"]):
        return "leader"
    return "yes" if row["told_apart"] else "no"
