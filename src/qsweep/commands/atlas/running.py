"""Carrying out cells of the atlas: a search for the best setting, then the runs that are reported."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass

from qsweep.commands.api.training import sweep
from qsweep.commands.atlas.protocol import Cell, Protocol, reporting, tuning
from qsweep.errors import Failure, UsageError, one_line
from qsweep.plan import overrides
from qsweep.plan.command_line import read
from qsweep.runs.sweep.launcher import launching
from qsweep.tracking import run_search
from qsweep.tracking.store import Store
from qsweep.tracking.stored_run import SWEEP, Keys


@dataclass(frozen=True)
class Failed:
    """A cell that has no result, and why."""

    cell: Cell
    error: str


def run_cells(
    given: Protocol, wanted: Sequence[Cell], done: Collection[Cell], show: Callable[[int, Cell], object]
) -> Iterator[Failed]:
    """Carry out the cells that are not done; yield those that fail. show: told of each cell before it starts.

    Whatever finished in an earlier launch is kept, within a cell, too. An interrupt ends all.
    """
    for number, cell in enumerate(wanted):
        if cell in done:
            continue
        show(number, cell)
        try:
            problems = run_cell(given, cell)
        except (UsageError, Failure) as error:
            problems = [one_line(error)]
        if problems:
            yield Failed(cell, problems[0])


def run_cell(given: Protocol, cell: Cell) -> Sequence[str]:
    """Search, then train the best setting on fresh seeds; return the errors of failed runs."""
    _search(tuning(given, cell))
    return sweep(*reporting(given, cell, best_setting(cell))[1:]).failed


def _search(words: Sequence[str]) -> None:
    from qsweep.runs.search import orchestration  # optuna is slow to import
    from qsweep.runs.search.planning import search_plan

    line = read([overrides.normalized(word) for word in words if "=" in word], multirun=True)
    wanted = search_plan(line.lines, line.sweeper)
    with launching(line, wanted.name) as (launcher, folder):
        orchestration.search(wanted, launcher, folder, say=lambda _: None)


def best_setting(cell: Cell, uri: str = "local") -> tuple[str, ...]:
    """Return the overrides of the best trial of a cell's search; of equal ones, the first.

    Raises UsageError if no trial is complete.
    """
    from qsweep.runs.search.study import best_of, database, ended_trials  # optuna is slow to import

    trials = ended_trials(database(uri), cell.tuned)
    if not trials:
        raise Failure(f"no setting of {cell} has a score")
    return best_of(trials.values())


def done_cells(store: Store | None, given: Protocol, wanted: Sequence[Cell]) -> set[Cell]:
    """Return the cells all of whose reported runs have finished."""
    if store is None:
        return set()
    counts: dict[str, int] = {}
    experiments = {f"atlas_{cell.budget.name}" for cell in wanted}
    named = {key: name for key, name in run_search.experiments(store).items() if name in experiments}
    for run in run_search.runs(store, named, status="FINISHED", only=Keys((), (SWEEP, "qsweep.config"), ())):
        name = run.tags.get(SWEEP, "") if run.trained else ""
        counts[name] = counts.get(name, 0) + 1
    return {cell for cell in wanted if counts.get(cell.reported, 0) >= given.seeds}
