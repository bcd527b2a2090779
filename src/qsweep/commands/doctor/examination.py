"""The whole examination: every ailment in turn, the mends, and what is said of them."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from qsweep.commands.doctor import archives, leftovers, orphans, parents, schema, versions, zombies
from qsweep.commands.doctor.disk import Use, uses
from qsweep.commands.doctor.finding import Finding, Patient
from qsweep.errors import Problem, UsageError, one_line, printable
from qsweep.tracking.store import database_of, open_store

AILMENTS: tuple[Callable[[Patient], Iterable[Finding]], ...] = (
    zombies.findings,
    parents.findings,
    versions.findings,
    orphans.findings,
    archives.findings,
    leftovers.findings,
)
"""Parents before versions: what is restored for one need not be for the other."""


@dataclass(frozen=True)
class Found:
    """A finding and what became of it."""

    finding: Finding
    mended: bool
    outcome: str


@dataclass(frozen=True)
class Examination:
    """Everything found, what was mended, and who takes how much of the disk."""

    store: str
    found: tuple[Found, ...]
    uses: tuple[Use, ...]

    @property
    def well(self) -> bool:
        """Whether nothing is wrong, or all that was is mended."""
        return all(found.mended for found in self.found)

    def show(self, console: Console) -> None:
        """Print it as tables."""
        if self.uses:
            console.print(self._disk())
        if not self.found:
            console.print(f"{escape(self.store)}: no problems found")
            return
        table = Table(title=escape(f"{self.store}: problems"), title_justify="left")
        for column in ("problem", "where", "details", "repair"):
            table.add_column(column, overflow="fold")
        for each in self.found:
            finding = each.finding
            told = (finding.ailment, finding.what, finding.wrong, each.outcome)
            table.add_row(*(escape(printable(text)) for text in told))
        console.print(table)
        mended = sum(found.mended for found in self.found)
        fixable = sum(found.finding.mend is not None and not found.mended for found in self.found)
        hint = f"; qsweep doctor --fix can repair {fixable}" if fixable else ""
        console.print(f"{len(self.found)} found, {mended} repaired{hint}")

    def _disk(self) -> Table:
        table = Table(title="disk usage", title_justify="left")
        table.add_column("what", overflow="fold")
        table.add_column("runs", justify="right")
        table.add_column("MB", justify="right")
        for use in self.uses:
            table.add_row(escape(printable(use.what)), use.runs, f"{use.bytes / 1e6:,.1f}")
        return table


def examine(uri: str = "local", fix: bool = False) -> Examination:
    """Look for everything that can be wrong with a store and the folder it is used from.

    fix: mend what can be mended; nothing that holds a result is deleted. Raises UsageError where
    there is no store, or it is no database, or a server does not answer.
    """
    database = database_of(uri)
    found = [*_treated(_of_schema(database), fix)] if database else []
    if not all(each.mended for each in found):
        return Examination(str(database), tuple(found), ())  # nothing else can be asked of it
    patient = Patient(open_store(uri, create=False), Path.cwd())
    for ailment in AILMENTS:
        found += _treated(ailment(patient), fix)
    return Examination(str(database or uri), tuple(found), tuple(uses(patient)))


def _of_schema(database: Path) -> list[Finding]:
    if not database.is_file():
        return []  # opening it says so
    try:
        return [*schema.findings(database)]
    except sqlite3.Error as error:
        rule = "must be a readable and writable MLflow store"
        raise UsageError([Problem("--uri", rule, str(database), str(error))]) from None


def _treated(findings: Iterable[Finding], fix: bool) -> Iterator[Found]:
    for finding in list(findings):
        if not fix or finding.mend is None:
            yield Found(finding, False, f"with --fix: {finding.remedy}" if finding.mend else finding.remedy)
            continue
        outcome, mended = f"repaired: {finding.remedy}", True
        try:
            finding.mend()
        except Exception as error:  # one that cannot be mended keeps no other from it
            outcome, mended = f"not repaired: {one_line(error)}", False
        yield Found(finding, mended, outcome)
