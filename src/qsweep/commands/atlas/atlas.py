"""`qsweep atlas`: run the cells that are wanted and not done, then write the results as a folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from qsweep.commands.atlas.protocol import Cell, Protocol, cells, protocol
from qsweep.commands.atlas.running import done_cells, run_cells
from qsweep.errors import UsageError
from qsweep.tracking.store import Store, open_store


def run_atlas(
    budget: str, environments: Sequence[str], algorithms: Sequence[str], dry_run: bool, out: Path
) -> int:
    """Run the atlas and return the exit code; 1 if a cell failed.

    environments, algorithms: names; empty: all. dry_run: only print the runs and the time that they would
    take. The same command resumes an interrupted one. Raises UsageError for an unknown name.
    """
    given = protocol()
    wanted = cells(given, budget, environments, algorithms)
    done = done_cells(_existing_store(), given, wanted)
    if dry_run:
        from qsweep.commands.atlas.estimate import estimate

        click.echo(estimate(given, [cell for cell in wanted if cell not in done], len(done)))
        return 0

    def show(number: int, cell: Cell) -> None:
        click.echo(f"cell {number + 1} of {len(wanted)}: {cell}")

    failed = 0
    try:
        for failure in run_cells(given, wanted, done, show):
            failed += 1
            click.echo(f"qsweep: {failure.cell} failed: {failure.error}", err=True)
    except KeyboardInterrupt as interrupt:
        interrupt.add_note("finished runs are kept; the same command runs the rest")
        raise
    click.echo(_written(given, cells(given, budget, (), algorithms), out))
    return 1 if failed else 0


def _written(given: Protocol, wanted: Sequence[Cell], out: Path) -> str:
    """Write the results of the environments all of whose cells are done; return a line about it."""
    from qsweep.commands.atlas.results import pages  # pandas and matplotlib are slow to import
    from qsweep.commands.atlas.writing import write

    store = open_store("local", create=False)
    done = done_cells(store, given, wanted)
    names = dict.fromkeys(cell.entry.name for cell in wanted)
    whole = [n for n in names if all(cell in done for cell in wanted if cell.entry.name == n)]
    if not whole:
        return "no environment is complete yet: nothing is written"
    write(store, given, pages(store, given, [cell for cell in wanted if cell.entry.name in whole]), out)
    return f"wrote {out}: {len(whole)} of {len(names)} environments, {len(done)} of {len(wanted)} cells"


def _existing_store() -> Store | None:
    try:
        return open_store("local", create=False)
    except UsageError:
        return None
