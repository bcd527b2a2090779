"""`qsweep report`: compare runs and write a folder that is either whole or not there."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from qsweep.errors import Problem, UsageError
from qsweep.report.comparison.standings import together
from qsweep.report.contents import Contents, contents
from qsweep.report.loading.runs import IDENTITY, SCORE
from qsweep.report.loading.selection import Selection, selected
from qsweep.report.markdown import markdown
from qsweep.report.page.page import UI, page
from qsweep.report.q_table_figures import q_table_figures
from qsweep.system.atomic_files import replacing_folder, write_text
from qsweep.system.overwriting import only_over, writing_to
from qsweep.tracking.store import Store, local_database

PAGE, SUMMARY, RUNS, VARIANTS, FIGURES = "report.html", "report.md", "runs.csv", "variants.csv", "figures"
WRITTEN = (PAGE, SUMMARY, RUNS, VARIANTS, FIGURES)
FORMATS = ("png", "svg")
UNDATED: dict[str, dict[str, None]] = {"png": {}, "svg": {"Date": None}}
"""What keeps a figure's file the same whenever it is drawn."""
FIRST = ("run_id", "name", "label", "seed", "status", "counts", "fresh")
"""The first columns of runs.csv."""
FORMULA = re.compile(r"[=+\-@\t\r](?!\d+(\.\d*)?(e[+-]?\d+)?$)")
"""How a text begins that a spreadsheet runs; numbers are none."""


@dataclass(frozen=True)
class Report:
    """What was written, and where; headlines: the verdict of each environment."""

    folder: Path
    headlines: tuple[str, ...]

    def __str__(self) -> str:
        lines = [*self.headlines, f"wrote {self.folder}: {', '.join(WRITTEN)}"]
        return "\n".join([*lines, f"open {self.folder / PAGE} in a browser"])


def report(store: Store, selection: Selection, out: Path | None = None, ui: str | None = None) -> Report:
    """Compare the runs of a selection in a store and write the folder `out` (by default called after it).

    A folder that holds an earlier report and nothing else is replaced. ui: the address of the MLflow UI
    that links lead to (by default the server's, or that of `qsweep ui`). Raises UsageError where there is
    nothing of that name, the selection is not clear, or `out` may not be replaced.
    """
    folder = Path(os.path.abspath(out or folder_name(selection.name)))
    figures = [f"{FIGURES}/*.{kind}" for kind in FORMATS]
    check = partial(only_over, what="a report", files=WRITTEN, inner=figures)
    check(folder)
    address = (ui or ui_of(store)).rstrip("/")
    if not re.fullmatch(r"https?://[^\s\"'<>@]+", address):
        raise UsageError([Problem("--ui", "must be http(s)://HOST, without user or password", ui)])
    made = contents(store, selected(store, selection), selection)
    with writing_to("--out", folder), replacing_folder(folder, check) as new:
        write_files(store, made, new, command(store, selection, out), address)
    return Report(folder, tuple(headlines(made)))


def folder_name(name: str) -> str:
    """The folder of a report by default, named after what it is about: a,b -> a,b-report."""
    return re.sub(r"^\.|[^\w.,=@+-]", "_", name)[:200] + "-report"


def ui_of(store: Store) -> str:
    """The address of the MLflow UI on a store: the server's, or that of `qsweep ui`."""
    return store.uri if store.artifacts is None else UI


def command(store: Store, selection: Selection, out: Path | None = None) -> str:
    """What a user types to make a report again."""
    words = ["qsweep", "report", selection.name]
    words += ["--since", selection.since] if selection.since is not None else []
    words += [word for text in selection.where for word in ("--where", text)]
    words += ["--metric", selection.metric] if selection.metric != SCORE else []
    words += ["--baseline", selection.baseline] if selection.baseline is not None else []
    words += ["--uri", store.uri] if store.database != local_database() else []
    words += ["--out", str(out)] if out is not None else []
    return shlex.join(words)


def write_files(
    store: Store, made: Contents, folder: Path, command: str, ui: str, formats: Sequence[str] = FORMATS
) -> None:
    """Write all files of a report into an existing folder. formats: those of its figures."""
    write_text(folder / PAGE, page(made, command, ui))
    write_text(folder / SUMMARY, markdown(made, command))
    harmless(runs_frame(made)).to_csv(folder / RUNS, index=False)
    variants = together(section.standings for section in made.sections)
    harmless(variants).to_csv(folder / VARIANTS, index=False)
    _draw(store, made, folder / FIGURES, formats)


def runs_frame(made: Contents) -> pd.DataFrame:
    """All runs of a report, one row each, with the columns of `load_runs` and three more.

    label: the variant's; counts: whether the run is in the comparison; fresh: whether it confirmed one.
    """
    labels: dict[str, str] = {}
    counting: set[str] = set()
    fresh: set[str] = set()
    for study in (section.study for section in made.sections):
        for runs in (study.counted, study.fresh):
            labels |= dict(zip(runs["run_id"], runs["label"], strict=True))
        counting |= set(study.counted["run_id"])
        fresh |= set(study.confirming["run_id"])
    ids = made.runs["run_id"]
    told = made.runs.assign(label=ids.map(labels), counts=ids.isin(counting), fresh=ids.isin(fresh))
    first = [column for column in FIRST if column in told]
    rest = [column for column in (*IDENTITY, *told.columns) if column not in first]
    return told[list(dict.fromkeys([*first, *rest]))].drop(columns="artifacts", errors="ignore")


def harmless(frame: pd.DataFrame) -> pd.DataFrame:
    """The frame with a ' before every text that a spreadsheet would take for a formula."""

    def quoted(value: Any) -> Any:
        return f"'{value}" if isinstance(value, str) and FORMULA.match(value) else value

    safe = frame.map(quoted)
    safe.columns = pd.Index([quoted(column) for column in safe.columns])
    return safe


def _draw(store: Store, made: Contents, folder: Path, formats: Sequence[str]) -> None:
    """Every figure in some formats; of several environments each with the section's number in its name."""
    from qsweep.report.figures import as_words, draw  # matplotlib is slow to import

    folder.mkdir()
    for number, section in enumerate(made.sections, start=1):
        prefix = f"{number}_" if len(made.sections) > 1 else ""
        drawn = [(chart.name, draw(chart)) for chart in section.charts]
        drawn += [(f"q_table_{name}", figure) for name, figure in q_table_figures(section.study, store)]
        for name, figure in drawn:
            for kind in formats:
                with as_words():
                    figure.savefig(folder / f"{prefix}{file_name(name)}.{kind}", metadata=UNDATED[kind])


def file_name(name: str) -> str:
    """A chart's name as that of a file."""
    return re.sub(r"[^\w.,=-]", "_", name)[:120]


def headlines(made: Contents) -> Iterator[str]:
    """The verdict of every environment in a sentence."""
    for study in (section.study for section in made.sections):
        yield f"{study.title}: {study.verdict.headline}" if len(made.sections) > 1 else study.verdict.headline
