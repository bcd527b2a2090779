"""Leaderboards printed in the terminal."""

from __future__ import annotations

import pandas as pd
from rich.console import Console
from rich.markup import escape

from qsweep.problems import printable
from qsweep.report.frames import load_runs
from qsweep.report.leaderboard import CAPTION, runs_table, variants_table

WIDTH = 140
"""Characters a line may have in a file or pipe."""


def show_runs(name: str | None, limit: int, uri: str = "local") -> None:
    """Print the leaderboard of an experiment or sweep, or of every experiment.

    Raises UsageError where there is no store or nothing of that name.
    """
    console = wide_console()
    runs = load_runs(name, uri)
    if runs.empty:
        console.print("no runs yet: qsweep train")
        return
    show_variants(runs, console)
    console.print(runs_table(runs, limit))


def wide_console() -> Console:
    """Stdout; wide enough for tables where it is no terminal."""
    console = Console()
    return console if console.is_terminal else Console(width=WIDTH)


def show_variants(runs: pd.DataFrame, console: Console) -> None:
    """Print the variants of each experiment among `runs`, the best first."""
    if runs.empty:
        return
    for (experiment, _), group in runs.groupby(["experiment", "environment"], dropna=False, sort=False):
        if (group["status"] == "FINISHED").any():
            title = escape(printable(f"{experiment}: variants"))
            console.print(variants_table(group, title))
            console.print(CAPTION, "", soft_wrap=True, style="dim")
