"""The measurements as a table for the terminal."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from qsweep.commands.verify.cases import EXACT, Case, Measurement

WIDTH = 110
"""Line length in a file or pipe, in characters."""
CAPTION = (
    "measured: mean over runs with its 95% interval, which must lie entirely within the expected range\n"
    "the seeds are 0, 1, 2, ..., so the verdict is the same every time\n"
    "S&B: Sutton and Barto (2018), Reinforcement Learning, second edition\n"
    "simulated: found by a separate program under the conditions of that figure, which prints no number\n"
    "computed: the exact mean of the policies that explore around a shortest path, which learning approaches"
)


def show(measurements: Sequence[Measurement]) -> None:
    """Print a row for each measurement, then the command behind each miss."""
    console = Console()
    console = console if console.is_terminal else Console(width=WIDTH)
    console.print(_table(measurements))
    console.print(CAPTION, soft_wrap=True, style="dim", highlight=False)
    missed = [measurement for measurement in measurements if not measurement.reproduced]
    for measurement in missed:
        command = shlex.join(["qsweep", "train", *measurement.case.overrides, "seed=0"])
        console.print(
            f"MISSED {measurement.case.name}: {command}", soft_wrap=True, highlight=False, markup=False
        )
    console.print(f"{len(measurements) - len(missed)} of {len(measurements)} reproduced", highlight=False)


def _table(measurements: Sequence[Measurement]) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column("what", overflow="fold")
    table.add_column("source")
    for column in ("expected", "measured"):
        table.add_column(column, justify="right", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    for measurement in measurements:
        case = measurement.case
        runs = f"{measurement.seeds:,} runs: " if measurement.seeds > 1 else ""
        what = f"[bold]{case.name}[/]\n{runs}{case.what}"
        verdict = "reproduced" if measurement.reproduced else "[bold red]MISSED[/]"
        table.add_row(what, case.source, _expected(case), _measured(measurement), verdict)
    return table


def _expected(case: Case) -> str:
    return f"{case.expected:.6g}" if case.tolerance <= EXACT else f"{case.expected:g} ± {case.tolerance:g}"


def _measured(measurement: Measurement) -> str:
    """Return the mean and half of its interval, to about a hundredth of the tolerance."""
    half = (measurement.high - measurement.low) / 2
    if half == 0:
        return f"{measurement.mean:.6g}"
    digits = 3 if measurement.case.tolerance < 0.1 else 2
    return f"{measurement.mean:.{digits}f} ± {half:.{digits}f}"
