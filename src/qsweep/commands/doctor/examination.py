"""The examination of a store: run all checks, repair defects, print the results."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from qsweep.commands.doctor import archives, leftovers, orphans, parents, places, schema, versions, zombies
from qsweep.commands.doctor.defect import Defect, Workspace
from qsweep.commands.doctor.disk import DiskUse, uses
from qsweep.errors import Problem, UsageError, one_line, printable
from qsweep.runs.progress import bar
from qsweep.runs.store_note import note
from qsweep.system.start_folder import start_folder
from qsweep.tracking.store import database_of, open_store

CHECKS: tuple[Callable[[Workspace], Iterable[Defect]], ...] = (
    zombies.defects,
    parents.defects,
    versions.defects,
    places.defects,
    orphans.defects,
    archives.defects,
    leftovers.defects,
)
"""Parents before versions: a run that is restored as a parent is no defect of a version any more."""


@dataclass(frozen=True)
class Handled:
    """A defect, whether it was repaired, and the outcome in words."""

    defect: Defect
    repaired: bool
    outcome: str


@dataclass(frozen=True)
class Examination:
    """All defects of a store, and its disk usage. note: a sentence about the store, may be empty."""

    store: str
    found: tuple[Handled, ...]
    uses: tuple[DiskUse, ...]
    note: str = ""

    @property
    def healthy(self) -> bool:
        """True if there was no defect, or all were repaired or are harmless."""
        return all(found.repaired or found.defect.harmless for found in self.found)

    def show(self, console: Console) -> None:
        """Print the defects and the disk usage as tables."""
        if self.uses:
            console.print(self._disk())
        if self.note:
            console.print(f"note: {escape(self.note)}; orphaned files are not looked for")
        if not self.found:
            console.print(f"{escape(self.store)}: no problems found")
            return
        table = Table(title=escape(f"{self.store}: problems"), title_justify="left")
        for column in ("problem", "where", "details", "repair"):
            table.add_column(column, overflow="fold")
        for each in self.found:
            defect = each.defect
            row = (defect.kind, defect.what, defect.details, each.outcome)
            table.add_row(*(escape(printable(text)) for text in row))
        console.print(table)
        repaired = sum(found.repaired for found in self.found)
        fixable = sum(found.defect.repair is not None and not found.repaired for found in self.found)
        hint = f"; qsweep doctor --fix can repair {fixable}" if fixable else ""
        console.print(f"{len(self.found)} found, {repaired} repaired{hint}")

    def _disk(self) -> Table:
        table = Table(title="disk usage", title_justify="left")
        table.add_column("what", overflow="fold")
        table.add_column("runs", justify="right")
        table.add_column("MB", justify="right")
        for use in self.uses:
            table.add_row(escape(printable(use.what)), use.runs, f"{use.bytes / 1e6:,.1f}")
        return table


def examine(uri: str = "local", fix: bool = False) -> Examination:
    """Check a store, and the current folder, for all kinds of defects.

    fix: repair what can be repaired; no result is deleted. Raises UsageError if the store does not
    exist or is no database, or a server does not answer.
    """
    database = database_of(uri)
    found = [*_treated(_of_schema(database), fix)] if database else []
    if not all(each.repaired for each in found):
        return Examination(str(database), tuple(found), ())  # nothing else can be read from it
    workspace = Workspace(open_store(uri, create=False), start_folder())
    if fix and not workspace.store.writable:
        raise UsageError([Problem("--fix", "needs a store that can be written", str(database), "omit --fix")])
    with bar() as shown:
        task = shown.add_task("examining", total=len(CHECKS) + 1)
        for kind in CHECKS:
            shown.update(task, description=f"examining: {kind.__module__.rpartition('.')[2]}")
            found += _treated(kind(workspace), fix)
            shown.advance(task)
        shown.update(task, description="examining: disk usage")
        of_store = note(workspace.store)
        return Examination(str(database or uri), tuple(found), tuple(uses(workspace)), of_store)


def _of_schema(database: Path) -> list[Defect]:
    if not database.is_file():
        return []  # `open_store` reports it
    try:
        return [*schema.defects(database)]
    except sqlite3.Error as error:
        rule = "must be a readable and writable MLflow store"
        raise UsageError([Problem("--uri", rule, str(database), str(error))]) from None


def _treated(defects: Iterable[Defect], fix: bool) -> Iterator[Handled]:
    for defect in list(defects):
        if not fix or defect.repair is None:
            yield Handled(defect, False, f"with --fix: {defect.remedy}" if defect.repair else defect.remedy)
            continue
        outcome, repaired = f"repaired: {defect.remedy}", True
        try:
            defect.repair()
        except Exception as error:  # the other defects are still repaired
            outcome, repaired = f"not repaired: {one_line(error)}", False
        yield Handled(defect, repaired, outcome)
