"""A search from its command line to its printed end."""

from __future__ import annotations

import time

import click

from qsweep.errors import Problem, UsageError, collecting
from qsweep.plan.command_line import CommandLine
from qsweep.runs.journal import Journal
from qsweep.runs.search import orchestration
from qsweep.runs.sweep.launcher import launching
from qsweep.runs.sweep.multirun import check_requirements, show_end, show_next, telling_what_is_kept
from qsweep.system.start_folder import shown as shown_folder

SHOWN = 20
"""Variants of a search that are listed at its end."""


def search(line: CommandLine, quiet: bool = False) -> int:
    """Search what a command line varies; prints the best variants. quiet: without the next steps."""
    from qsweep.report.comparison.variants import variants
    from qsweep.report.loading.runs import children
    from qsweep.report.loading.selection import CONFIRM
    from qsweep.runs.search.planning import search_plan

    problems = [*line.problems]
    with collecting(problems):
        wanted = search_plan(line.lines, line.sweeper)
    if problems:
        raise UsageError(problems)
    uri = wanted.first.tracking.uri
    if uri == "none" or wanted.first.sweep.dry_run:
        key, given = ("tracking", uri) if uri == "none" else ("sweep.dry_run", "true")
        raise UsageError([Problem(key, "cannot be used in a search", given)])
    store = check_requirements(uri, line.launcher)
    assert store is not None
    started = time.perf_counter()
    with launching(line, wanted.name) as (launcher, folder), telling_what_is_kept(line, folder):
        concluded = orchestration.search(wanted, launcher, folder)
    took = time.perf_counter() - started
    runs = children(store, concluded.parent)
    runs = runs[runs["sweep"].isin([wanted.name, f"{wanted.name}{CONFIRM}"])]
    ranked = variants(runs)
    shown = list(ranked["variant"][:SHOWN]) if len(ranked) else []
    ended = Journal(folder).ended()
    failed = [each for each in ended if each.error]
    count = f"{len(ended) - len(failed)} runs in {took:.1f} s; folder: {shown_folder(folder)}"
    show_end(concluded, runs, count, shown)
    for note in dict.fromkeys(note for each in ended for note in each.outcome.get("notes", ())):
        click.echo(f"qsweep: warning: {note}", err=True)
    for each in failed:
        click.echo(f"qsweep: run {each.number} failed: {each.error}", err=True)
    show_next(store, wanted.name, concluded, quiet)
    return 1 if failed else 0
