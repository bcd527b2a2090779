"""`qsweep watch`: show a sweep's progress until it ends."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from qsweep.commands.watch.state import SweepState, find_sweep, sweep_state
from qsweep.commands.watch.views import lines, page
from qsweep.errors import Problem, UsageError
from qsweep.system.atomic_files import write_text
from qsweep.system.overwriting import file_problems, writing_to
from qsweep.tracking.store import Store

SHARE = 5.0
"""The least ratio of the time between two looks to the time that one takes: a large sweep is read slowly."""


def watch(
    store: Store,
    name: str | None,
    every: float,
    once: bool = False,
    file: Path | None = None,
    force: bool = False,
) -> SweepState:
    """Show the state of a sweep every so many seconds until it ends; return its last state.

    name: the sweep; None: the one that runs, or the latest. once: show it once. file: a page that is written
    each time, and reloads itself in a browser. Ctrl-C ends the watching, not the sweep. Raises UsageError if
    there is no such sweep, or the file may not be replaced.
    """
    if file is not None and (problems := [*_problems(file, force)]):
        raise UsageError(problems)
    parent = find_sweep(store, name).run_id
    with _screen() as show:
        while True:
            began = time.monotonic()
            state = sweep_state(store, parent)
            if file is not None:
                with writing_to("--page", file):
                    write_text(file, page(state, max(1, round(every))))
            show("\n".join(lines(state)))
            if once or not state.alive:
                return state
            try:
                time.sleep(max(every, SHARE * (time.monotonic() - began)))
            except KeyboardInterrupt:
                return state


def _problems(file: Path, force: bool) -> Iterator[Problem]:
    if file.suffix.lower() != ".html":
        yield Problem("--page", "must end in .html", str(file))
    else:
        yield from file_problems("--page", file, force)


@contextmanager
def _screen() -> Iterator[Callable[[str], None]]:
    """Yield a function that shows a text: in place of the one before in a terminal, else below it."""
    if not sys.stdout.isatty():
        yield _printing()
        return
    from rich.live import Live
    from rich.text import Text

    with Live(auto_refresh=False) as live:
        yield lambda text: live.update(Text(text), refresh=True)


def _printing() -> Callable[[str], None]:
    """Return a function that prints a text if its counts have changed."""
    last = ""

    def show(text: str) -> None:
        nonlocal last
        counts = text.partition("\n")[2].partition(";")[0]
        if counts != last:
            click.echo(text)
        last = counts

    return show
