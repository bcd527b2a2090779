"""Leaderboards printed in the terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pandas as pd
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from qsweep.config import with_slashes
from qsweep.errors import printable
from qsweep.report.comparison.variants import mean_of, variants, with_fresh_seeds
from qsweep.report.formats import number, scale, share_of_optimum
from qsweep.report.loading.runs import kind_of_score, mixture, runs_in
from qsweep.report.loading.selection import Selection, selected
from qsweep.tracking.run_ids import short
from qsweep.tracking.store import Store
from qsweep.tracking.stored_run import SCORE

WIDTH = 140
"""Maximum line length in a file or pipe."""


def show_runs(store: Store, name: str | None, limit: int) -> None:
    """Print the leaderboard of an experiment or sweep, or of every experiment.

    Raises UsageError if the name is unknown.
    """
    console = wide_console()
    runs = runs_in(store) if name is None else selected(store, Selection(name))
    if runs.empty:
        console.print("no runs yet; start with: qsweep train")
        return
    show_variants(runs, console)
    console.print(runs_table(runs, limit))


def wide_console() -> Console:
    """Return a console on stdout, with a fixed width if it is not a terminal."""
    console = Console()
    return console if console.is_terminal else Console(width=WIDTH)


def show_variants(runs: pd.DataFrame, console: Console, only: Sequence[str] | None = None) -> None:
    """Print the variants of each experiment among `runs`, the leader first. only: as in `variants_table`."""
    if runs.empty:
        return
    for (experiment, _), group in runs.groupby(["experiment", "environment"], dropna=False, sort=False):
        if (group["status"] == "FINISHED").any():
            named = with_slashes(str(experiment), str(group["env.id"].iloc[0]) if "env.id" in group else "")
            title = escape(printable(f"{named}: variants"))
            console.print(variants_table(group, title, only))
            for line in captions(group):
                console.print(line, soft_wrap=True, style="dim", highlight=False)
            console.print()


def captions(runs: pd.DataFrame) -> Iterator[str]:
    """Yield the explanations of the columns of `variants_table`."""
    counted = with_fresh_seeds(runs)
    yield f"mean, SD, worst and best over all seeds of the chosen checkpoint's {kind_of_score(counted)}"
    if note := mixture(counted):
        yield note
    if ends := scale(mean_of(counted, "optimum/return"), mean_of(counted, "random/return")):
        yield ends
    yield "training, s: the last trailing average, with exploration; the seconds of training"


def variants_table(runs: pd.DataFrame, title: str, only: Sequence[str] | None = None) -> Table:
    """Return the variants as a table for the terminal. only: those to show, by their hashes; None: all."""
    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    table.add_column("variant", overflow="fold")
    for column in ("seeds", "mean", "SD", "worst", "best", "of optimum", "training", "s"):
        table.add_column(column, justify="right")
    for row in variants(runs).to_dict("records"):
        if only is not None and row["variant"] not in only:
            continue
        spread = "-" if row["seeds"] == 1 else f"{row['sd']:.2g}"
        scores = (number(row["mean"]), spread, number(row["worst"]), number(row["best"]))
        training = (number(row["train"]), f"{row['seconds']:.2f}")
        share = share_of_optimum(row["mean"], row["optimum"], row["random"])
        seeds = f"{row['seeds']} ({row['fresh']} fresh)" if row["fresh"] else str(row["seeds"])
        table.add_row(escape(row["label"]), seeds, *scores, share, *training)
    return table


def runs_table(runs: pd.DataFrame, limit: int) -> Table:
    """Return the latest runs as a table for the terminal."""
    shown = runs.head(limit)
    more = f" (the latest {limit} of {len(runs)})" if len(runs) > limit else ""
    table = Table(title=f"Runs{more}", title_justify="left", box=None, pad_edge=False)
    for column in ("started", "run", "id", "status"):
        table.add_column(column, overflow="fold")
    table.add_column("score", justify="right")
    for _, run in shown.iterrows():
        score = run.get(SCORE, float("nan"))
        started = run["started"].tz_convert(None).strftime("%Y-%m-%d %H:%M")
        value = "-" if pd.isna(score) else number(score)
        table.add_row(started, escape(str(run["name"])), short(run["run_id"]), run["status"], value)
    return table
