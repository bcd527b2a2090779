"""`qsweep report`: compare runs and write a report folder, atomically."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from qsweep.errors import Problem, UsageError
from qsweep.report.comparison.standings import together
from qsweep.report.contents import Contents, contents
from qsweep.report.latex import latex
from qsweep.report.loading.archives import closing_archives
from qsweep.report.loading.runs import IDENTITY
from qsweep.report.loading.selection import Selection, selected
from qsweep.report.markdown import markdown
from qsweep.report.page.page import UI, page
from qsweep.report.q_table_figures import q_table_figures
from qsweep.system.atomic_files import replacing_folder, write_text
from qsweep.system.file_names import fitting
from qsweep.system.overwriting import only_over, writing_to
from qsweep.tracking.places import place_of
from qsweep.tracking.store import Store, local_database
from qsweep.tracking.stored_run import SCORE

PAGE, SUMMARY, RUNS, VARIANTS, FIGURES = "report.html", "report.md", "runs.csv", "variants.csv", "figures"
WRITTEN = (PAGE, SUMMARY, RUNS, VARIANTS, FIGURES)
LATEX = "variants.tex"
PDF = "pdf"
"""A table and figures for papers; reports of earlier versions do not have them, and are replaced, too."""
FORMATS = ("png", "svg")
FIRST = ("run_id", "name", "label", "seed", "status", "counts", "fresh")
"""The first columns of runs.csv."""
Say = Callable[[str], object]
FORMULA = re.compile(r"[=+\-@\t\r](?!\d+(\.\d*)?(e[+-]?\d+)?$)")
"""Beginning of a text that a spreadsheet would execute; numbers do not match."""


@dataclass(frozen=True)
class Report:
    """A written report. headlines: the verdict of each environment."""

    folder: Path
    headlines: tuple[str, ...]

    def __str__(self) -> str:
        files = ", ".join((*WRITTEN, LATEX))
        lines = [*self.headlines, f"wrote {self.folder}: {files}"]
        return "\n".join([*lines, f"open {self.folder / PAGE} in a browser"])


def report(
    store: Store,
    selection: Selection,
    out: Path | None = None,
    ui: str | None = None,
    pdf: bool = False,
    say: Say = lambda _: None,
) -> Report:
    """Compare the selected runs of a store and write the folder `out` (default: named after the selection).

    A folder that holds an earlier report and nothing else is replaced. ui: address of the MLflow UI for
    links (default: the server's, or that of `qsweep ui`). pdf: also write the charts for papers. say:
    receives what is being done. Raises UsageError if the name is unknown, the selection is invalid, or `out`
    may not be replaced.
    """
    folder = Path(os.path.abspath(out or folder_name(selection.name)))
    figures = [f"{FIGURES}/*.{kind}" for kind in (*FORMATS, PDF)]
    check = partial(only_over, what="a report", files=WRITTEN, inner=(*figures, LATEX))
    check(folder)
    address = (ui or ui_of(store)).rstrip("/")
    if not re.fullmatch(r"https?://[^\s\"'<>@]+", address):
        raise UsageError([Problem("--ui", "must be http(s)://HOST, without user or password", ui)])
    say("reading the runs")
    chosen = selected(store, selection)
    check_places(store, chosen)
    say(f"comparing {len(chosen):,} runs")
    with closing_archives():
        made = contents(store, chosen, selection)
        with writing_to("--out", folder), replacing_folder(folder, check) as new:
            formats = (*FORMATS, PDF) if pdf else FORMATS
            write_files(store, made, new, command(store, selection, out), address, formats, say)
    return Report(folder, tuple(headlines(made)))


def check_places(store: Store, runs: pd.DataFrame) -> None:
    """Raise ForeignPlace if the files of some runs are outside the store, without --trust."""
    pairs = zip(runs["run_id"], runs["artifacts"], strict=True)
    for place in {str(artifacts).replace(run_id, "0" * len(run_id)) for run_id, artifacts in pairs}:
        place_of(store, place)


def folder_name(name: str) -> str:
    """Return the default folder of a report on an experiment or sweep: a,b -> a,b-report."""
    return fitting(re.sub(r"^\.|[^\w.,=@+-]", "_", name)) + "-report"


def ui_of(store: Store) -> str:
    """Return the address of a store's MLflow UI: the server's, or that of `qsweep ui`."""
    return store.uri if store.artifacts is None else UI


def command(store: Store, selection: Selection, out: Path | None = None) -> str:
    """Return the command line that makes a report again."""
    words = ["qsweep", "report", selection.name]
    words += ["--since", selection.since] if selection.since is not None else []
    words += [word for text in selection.where for word in ("--where", text)]
    words += ["--metric", selection.metric] if selection.metric != SCORE else []
    words += ["--baseline", selection.baseline] if selection.baseline is not None else []
    words += ["--uri", store.uri] if store.database != local_database() else []
    words += ["--out", str(out)] if out is not None else []
    return shlex.join(words)


def write_files(
    store: Store,
    made: Contents,
    folder: Path,
    command: str,
    ui: str,
    formats: Sequence[str] = FORMATS,
    say: Say = lambda _: None,
) -> None:
    """Write all files of a report into an existing folder. formats: of the figures. say: as for `report`."""
    say("writing the page")
    write_text(folder / PAGE, page(made, command, ui))
    write_text(folder / SUMMARY, markdown(made, command))
    harmless(runs_frame(made)).to_csv(folder / RUNS, index=False)
    variants = together(section.standings for section in made.sections)
    harmless(variants).to_csv(folder / VARIANTS, index=False)
    write_text(folder / LATEX, latex(made, command))
    _draw(store, made, folder / FIGURES, formats, say)


def runs_frame(made: Contents) -> pd.DataFrame:
    """Return all runs of a report, one row each, with the columns of `load_runs` and three more.

    label: the variant's; counts: whether the run is in the comparison; fresh: whether it is a confirmation.
    """
    labels: dict[str, str] = {}
    counting: set[str] = set()
    fresh: set[str] = set()
    for study in (section.study for section in made.sections):
        labels |= dict(zip(study.counted["run_id"], study.counted["label"], strict=True))
        counting |= set(study.counted["run_id"])
        fresh |= set(study.confirming["run_id"])
    ids = made.runs["run_id"]
    frame = made.runs.assign(label=ids.map(labels), counts=ids.isin(counting), fresh=ids.isin(fresh))
    first = [column for column in FIRST if column in frame]
    rest = [column for column in (*IDENTITY, *frame.columns) if column not in first]
    return frame[list(dict.fromkeys([*first, *rest]))].drop(columns="artifacts", errors="ignore")


def harmless(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the frame with a ' before every text that a spreadsheet would take for a formula."""

    def quoted(value: Any) -> Any:
        return f"'{value}" if isinstance(value, str) and FORMULA.match(value) else value

    safe = frame.map(quoted)
    safe.columns = pd.Index([quoted(column) for column in safe.columns])
    return safe


def _draw(store: Store, made: Contents, folder: Path, formats: Sequence[str], say: Say) -> None:
    """Draw every figure in all formats; of several environments, names start with the section number."""
    from qsweep.report.figures import draw, save  # matplotlib is slow to import
    from qsweep.report.paper_figures import write_pdf

    folder.mkdir()
    for number, section in enumerate(made.sections, start=1):
        prefix = f"{number}_" if len(made.sections) > 1 else ""
        drawn = [(chart.name, draw(chart)) for chart in section.drawn]
        drawn += [(f"q_table_{name}", figure) for name, figure in q_table_figures(section.study, store)]
        for done, (name, figure) in enumerate(drawn, start=1):
            say(f"drawing figure {done} of {len(drawn)}")
            for kind in set(formats) - {PDF}:
                save(figure, folder / f"{prefix}{file_name(name)}.{kind}")
        for chart in section.drawn if PDF in formats else ():
            write_pdf(chart, folder / f"{prefix}{file_name(chart.name)}.{PDF}")


def file_name(name: str) -> str:
    """Return a chart's name as a safe file name."""
    return re.sub(r"[^\w.,=-]", "_", name)[:120]


def headlines(made: Contents) -> Iterator[str]:
    """Yield the verdict of each environment as one sentence."""
    for study in (section.study for section in made.sections):
        yield f"{study.title}: {study.verdict.headline}" if len(made.sections) > 1 else study.verdict.headline
