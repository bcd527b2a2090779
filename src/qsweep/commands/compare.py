"""`qsweep compare`: two runs side by side in the terminal, and as a page."""

from __future__ import annotations

from pathlib import Path

import click

from qsweep.errors import Problem, UsageError
from qsweep.report.page.rendering import sheet
from qsweep.report.pair import views
from qsweep.report.pair.pair import pair
from qsweep.report.terminal import wide_console
from qsweep.system.atomic_files import write_text
from qsweep.system.overwriting import file_problems, writing_to
from qsweep.tracking.store import Store


def compare(store: Store, names: tuple[str, str], page: Path | None = None, force: bool = False) -> None:
    """Print the comparison of two runs; page: an HTML file to write it to, with curves and Q-tables.

    Raises UsageError if a name is unknown, or the file may not be written.
    """
    if page is not None:
        ending = [] if page.suffix.lower() == ".html" else [Problem("--page", "must end in .html", str(page))]
        if problems := [*ending, *file_problems("--page", page, force)]:
            raise UsageError(problems)
    found = pair(store, names)
    views.show(found, wide_console())
    if page is not None:
        first, second = (side.name for side in found.sides)
        with writing_to("--page", page):
            write_text(page, sheet(f"{first} and {second}", views.html(found)))
        click.echo(f"wrote {page}: open it in a browser")
