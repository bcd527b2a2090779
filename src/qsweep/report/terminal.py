"""Leaderboards printed in the terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pandas as pd
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from qsweep.config import with_slashes
from qsweep.errors import Problem, UsageError, closest, printable
from qsweep.report.comparison.variants import among, environment_titles, mean_of, variants, with_fresh_seeds
from qsweep.report.formats import number, scale, share_of_optimum
from qsweep.report.loading.runs import brief, check_any, kind_of_score, mixture, with_params, with_scores
from qsweep.report.loading.selection import in_sweep_or_experiment
from qsweep.tracking.run_ids import short
from qsweep.tracking.store import Store
from qsweep.tracking.stored_run import SCORE

SHOWN = ("train/return_avg", "optimum/return", "random/return", "train/seconds")
"""Metrics in the table of variants, besides the score."""
MOST = 500
"""Maximum number of variants in a table."""
WIDTH = 140
"""Maximum line length in a file or pipe."""


def show_runs(store: Store, name: str | None, limit: int, by: str | None = None) -> None:
    """Print the leaderboard of an experiment or sweep, or of every experiment. by: only this user's runs.

    Raises UsageError if the name or the user is unknown.
    """
    console = wide_console()
    runs = in_sweep_or_experiment(store, name, brief(metrics=SHOWN))
    if name is not None:
        check_any(store, name, runs)
    if runs.empty:
        console.print("no runs of qsweep yet; start with: qsweep train")
        return
    runs = runs if by is None else _runs_by(runs, by)
    groups = _tables(runs)
    chosen = [_with_labels(store, group) for group in groups]
    for title, shown, group in zip(_titles(chosen), chosen, groups, strict=True):
        kept, all_of = (some["variant"].nunique() for some in (shown, group))
        most = f" (the best {kept:,} of {all_of:,})" if kept < all_of else ""
        _show(shown, f"{title}: variants{most}", console)
    console.print(runs_table(runs, limit))


def _runs_by(runs: pd.DataFrame, user: str) -> pd.DataFrame:
    """Return the runs of a user, with scores of one kind. Raises UsageError if there are none."""
    found = runs[runs["user"] == user]
    if found.empty:
        known = sorted(runs["user"].dropna().unique())
        raise UsageError([Problem("--by", "must be a user with runs here", user, closest(user, known))])
    return with_scores(found.reset_index(drop=True))


def _with_labels(store: Store, runs: pd.DataFrame) -> pd.DataFrame:
    """Return the runs of the best MOST variants, with the params from which labels are made."""
    if store.tables is None:
        return runs
    counted = with_fresh_seeds(runs)
    firsts = counted.drop_duplicates("variant")
    if len(firsts) > MOST:
        best = {*counted.groupby("variant")[SCORE].mean().nlargest(MOST).index}
        firsts, runs = (some[among(some["variant"], best)] for some in (firsts, runs))
    return with_params(store, runs, list(firsts["run_id"]))


def wide_console() -> Console:
    """Return a console on stdout, with a fixed width if it is not a terminal."""
    console = Console()
    return console if console.is_terminal else Console(width=WIDTH)


def show_variants(runs: pd.DataFrame, console: Console, only: Sequence[str] | None = None) -> None:
    """Print the variants of each experiment among `runs`, the leader first. only: as in `variants_table`."""
    if runs.empty:
        return
    groups = _tables(runs)
    for title, group in zip(_titles(groups), groups, strict=True):
        _show(group, f"{title}: variants", console, only)


def _tables(runs: pd.DataFrame) -> list[pd.DataFrame]:
    """Return the runs of each experiment and environment that have a finished one."""
    groups = runs.groupby(["experiment", "environment"], dropna=False, sort=False)
    return [group for _, group in groups if (group["status"] == "FINISHED").any()]


def _titles(groups: list[pd.DataFrame]) -> list[str]:
    """Return the experiment of each group, with its environment if the experiment has several."""
    titles: dict[int, str] = {}
    for name in dict.fromkeys(str(group["experiment"].iloc[0]) for group in groups):
        places = [n for n, group in enumerate(groups) if str(group["experiment"].iloc[0]) == name]
        environments = environment_titles([groups[n] for n in places])
        for place, environment in zip(places, environments, strict=True):
            named = with_slashes(
                name, str(groups[place]["env.id"].iloc[0]) if "env.id" in groups[place] else ""
            )
            other = environment if environment.startswith(named) else f"{named}, {environment}"
            titles[place] = other if len(places) > 1 else named
    return [titles[n] for n in range(len(groups))]


def _show(runs: pd.DataFrame, title: str, console: Console, only: Sequence[str] | None = None) -> None:
    console.print(variants_table(runs, escape(printable(title)), only))
    for line in captions(runs):
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


def _user(run: pd.Series) -> str:
    return "-" if pd.isna(run["user"]) or not run["user"] else escape(str(run["user"]))


def runs_table(runs: pd.DataFrame, limit: int) -> Table:
    """Return the latest runs as a table for the terminal."""
    shown = runs.head(limit)
    more = f" (the latest {limit} of {len(runs)})" if len(runs) > limit else ""
    table = Table(title=f"Runs{more}", title_justify="left", box=None, pad_edge=False)
    users = "user" in runs and runs["user"].nunique() > 1
    for column in ("started", "run", *(["user"] if users else []), "id", "status"):
        table.add_column(column, overflow="fold")
    table.add_column("score", justify="right")
    for _, run in shown.iterrows():
        score = run.get(SCORE, float("nan"))
        started = run["started"].tz_convert(None).strftime("%Y-%m-%d %H:%M")
        value = "-" if pd.isna(score) else number(score)
        user = [_user(run)] if users else []
        table.add_row(started, escape(str(run["name"])), *user, short(run["run_id"]), run["status"], value)
    return table
