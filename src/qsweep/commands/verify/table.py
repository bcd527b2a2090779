"""What was verified, as a table for the terminal."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from qsweep.commands.verify.cases import EXACT, Case, Finding

WIDTH = 110
"""Characters a line may have in a file or pipe."""
CAPTION = (
    "measured: mean over runs with its 95% interval, which must lie entirely within the expected range\n"
    "the seeds are 0, 1, 2, ..., so the verdict is the same every time\n"
    "S&B: Sutton and Barto (2018), Reinforcement Learning, second edition\n"
    "simulated: found by a separate program under the conditions of that figure, which prints no number\n"
    "computed: the exact mean of the policies that explore around a shortest path, which learning approaches"
)


def show(findings: Sequence[Finding]) -> None:
    """Print a row for each finding, then the command behind each miss."""
    console = Console()
    console = console if console.is_terminal else Console(width=WIDTH)
    console.print(_table(findings))
    console.print(CAPTION, soft_wrap=True, style="dim", highlight=False)
    missed = [finding for finding in findings if not finding.reproduced]
    for finding in missed:
        command = shlex.join(["qsweep", "train", *finding.case.overrides, "seed=0"])
        console.print(f"MISSED {finding.case.name}: {command}", soft_wrap=True, highlight=False, markup=False)
    console.print(f"{len(findings) - len(missed)} of {len(findings)} reproduced", highlight=False)


def _table(findings: Sequence[Finding]) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column("what", overflow="fold")
    table.add_column("source")
    for column in ("expected", "measured"):
        table.add_column(column, justify="right", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    for finding in findings:
        case = finding.case
        what = f"[bold]{case.name}[/]\n{_runs(finding)}{case.what}"
        verdict = "reproduced" if finding.reproduced else "[bold red]MISSED[/]"
        table.add_row(what, case.source, _expected(case), _measured(finding), verdict)
    return table


def _runs(finding: Finding) -> str:
    return f"{finding.seeds:,} runs: " if finding.seeds > 1 else ""


def _expected(case: Case) -> str:
    return f"{case.expected:.6g}" if case.tolerance <= EXACT else f"{case.expected:g} ± {case.tolerance:g}"


def _measured(finding: Finding) -> str:
    """The mean and half of its interval, to about a hundredth of the tolerance."""
    half = (finding.high - finding.low) / 2
    if half == 0:
        return f"{finding.mean:.6g}"
    digits = 3 if finding.case.tolerance < 0.1 else 2
    return f"{finding.mean:.{digits}f} ± {half:.{digits}f}"
