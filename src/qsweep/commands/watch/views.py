"""A sweep's progress as lines for the terminal and as a page that reloads itself."""

from __future__ import annotations

from collections.abc import Iterator

from qsweep.commands.watch.state import Best, SweepState
from qsweep.report.displays import html_table
from qsweep.report.formats import with_interval
from qsweep.report.page.rendering import sheet

LISTED = 5
"""Most failed runs that are named."""
LETTERS = 24
"""Length of the bar in the terminal."""


def lines(state: SweepState) -> Iterator[str]:
    """Yield the state as lines of text."""
    yield f"sweep {state.name}  {state.experiment}  {_status(state)}"
    yield f"{_bar(state)}{_counts(state)}"
    for best in state.best:
        yield f"best so far  {_best(best, len(state.best) > 1)}"
    if state.failed:
        yield f"failed       {_failed(state)}"


def page(state: SweepState, refresh: int) -> str:
    """Return the state as a page, which reloads itself every `refresh` seconds while the sweep runs."""
    rows = [("state", _status(state)), ("runs", _counts(state))]
    rows += [("best so far", _best(best, len(state.best) > 1)) for best in state.best]
    rows += [("failed", _failed(state))] if state.failed else []
    bar = ""
    if state.planned:
        bar = f'<p><progress max="{state.planned}" value="{_planned_done(state)}"></progress></p>'
    return sheet(f"Sweep {state.name}", bar + html_table(rows), refresh if state.alive else None)


def duration(seconds: float) -> str:
    """Return a time in its two largest units: 2 h 5 min, 3 min 20 s, 4 s."""
    whole = round(seconds)
    for size, name, part, smaller in ((3600, "h", 60, "min"), (60, "min", 1, "s")):
        if whole >= size:
            rest = whole % size // part
            return f"{whole // size:,} {name}" + (f" {rest} {smaller}" if rest else "")
    return f"{whole} s"


def _status(state: SweepState) -> str:
    if state.alive:
        return f"running for {duration(state.seconds)}"
    if state.status == "RUNNING":
        return "its process has died; run the same command again to continue it"
    words = {"FINISHED": "finished", "FAILED": "ended with failed runs", "KILLED": "was interrupted"}
    return f"{words.get(state.status, state.status)} after {duration(state.seconds)}"


def _planned_done(state: SweepState) -> int:
    return min(state.done - state.fresh, state.planned or 0)


def _bar(state: SweepState) -> str:
    if not state.planned:
        return ""
    full = LETTERS * _planned_done(state) // state.planned
    return f"[{'#' * full}{'.' * (LETTERS - full)}] "


def _counts(state: SweepState) -> str:
    of = f" of {state.planned:,}" if state.planned else ""
    words = [f"{state.done - state.fresh:,}{of} runs done"]
    words += [f"{state.fresh:,} more on fresh seeds"] if state.fresh else []
    words += [f"{state.running:,} running"] if state.running else []
    words += [f"{len(state.failed):,} failed or killed"] if state.failed else []
    words += [f"{state.lost:,} whose process died"] if state.lost else []
    left = "" if not state.left else f"; about {duration(state.left)} left"
    return ", ".join(words) + left


def _best(best: Best, several: bool) -> str:
    seeds = f"{best.seeds} seeds" if best.seeds > 1 else "one seed"
    where = f"{best.environment}: " if several else ""
    return f"{where}{best.label}: {with_interval(best.mean, *best.interval)}, {seeds}"


def _failed(state: SweepState) -> str:
    more = len(state.failed) - LISTED
    return ", ".join(state.failed[:LISTED]) + (f" and {more} more" if more > 0 else "")
