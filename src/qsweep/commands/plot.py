"""`qsweep plot`: a run's learning curve and charts of its Q-tables, as PNG, SVG or PDF files."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from pathlib import Path

from qsweep.errors import Problem, UsageError, printable
from qsweep.pictures.learning_curve import LEGEND_POSITIONS, learning_curve
from qsweep.policies.policy import readable
from qsweep.policies.registry import names
from qsweep.policies.registry.fetching import folder_name
from qsweep.report.figures import save
from qsweep.report.loading.archives import archive
from qsweep.report.q_table_figures import checkpoint_figures
from qsweep.runs.progress import bar
from qsweep.system.atomic_files import replacing_folder, temporary_folder, write_bytes
from qsweep.system.overwriting import file_problems, only_over, writing_to
from qsweep.tracking import episodes
from qsweep.tracking.checkpoints import Archive, name_of
from qsweep.tracking.run_files import file_of
from qsweep.tracking.run_search import run_of
from qsweep.tracking.store import Store
from qsweep.tracking.stored_run import StoredRun

CURVE = "curve"
CHARTS = (CURVE, "actions", "policy", "values", "visits")
TYPES = (".png", ".svg", ".pdf")


@dataclass(frozen=True)
class Request:
    """What to draw, and where.

    chart: one of CHARTS. out: a file of one of TYPES, by default NAME-CHART.png; with `every` a folder.
    every: draw each checkpoint whose number of episodes is a multiple of this, and the last. legend: one of
    LEGEND_POSITIONS, or its index, of the curve. force: replace existing files.
    """

    chart: str = CURVE
    out: Path | None = None
    every: int | None = None
    legend: str = "best"
    force: bool = False


@dataclass(frozen=True)
class Plotted:
    """The pictures that were made. path: a file, or a folder with `count` files."""

    title: str
    path: Path
    count: int | None = None

    def __str__(self) -> str:
        return f"{self.title}\nwrote {self.path}" + (f": {self.count:,} pictures" if self.count else "")


def plot(store: Store, name: str, request: Request) -> Plotted:
    """Draw a chart of the run or checkpoint that a name stands for.

    Raises UsageError if the name is unknown, or `out` cannot be written or may not be replaced.
    """
    default = f"{folder_name(name)}-{request.chart}{'' if request.every else '.png'}"
    out = request.out or Path(default)
    if problems := [*_problems(request, out)]:
        raise UsageError(problems)
    target = names.resolve(store, name)
    with readable(f"run {target.run_id}"):
        run = run_of(store, target.run_id)
    title = printable(f"{run.params.get('env.id', 'unknown')} · {run.name}")
    if request.chart == CURVE:
        place = LEGEND_POSITIONS[int(request.legend)] if request.legend.isdigit() else request.legend
        _draw_curve(store, run, title, place, out)
        return Plotted(title, out)
    with archive(store, run.run_id, run.artifacts) as history:
        if request.every:
            return Plotted(title, out, _draw_each(history, title, request, out))
        checkpoint = names.checkpoint_in(history, target)
        [(_, figure)] = checkpoint_figures(history, request.chart, [int(checkpoint[2:])], title)
        with writing_to("--out", out):
            save(figure, out)
    return Plotted(f"{title} · {checkpoint}", out)


def _problems(request: Request, out: Path) -> Iterator[Problem]:
    if request.chart not in CHARTS:
        yield Problem("CHART", f"must be one of {', '.join(CHARTS)}", request.chart)
    if request.legend not in (*LEGEND_POSITIONS, *map(str, range(len(LEGEND_POSITIONS)))):
        rule = (
            f"must be a number from 0 to {len(LEGEND_POSITIONS) - 1}, or one of {', '.join(LEGEND_POSITIONS)}"
        )
        yield Problem("--legend", rule, request.legend)
    if request.every is None:
        if out.suffix.lower() not in TYPES:
            yield Problem("--out", f"must end in {', '.join(TYPES)}", str(out))
        yield from file_problems("--out", out, request.force)
    elif request.chart == CURVE:
        yield Problem("--every", "is for charts of Q-tables; a curve shows all episodes", request.every)
    elif request.every < 1:
        yield Problem("--every", "must be a whole number of at least 1", request.every)
    else:
        _only_over_pictures(out, request.force)


def _only_over_pictures(folder: Path, force: bool) -> None:
    only_over(folder, "pictures of checkpoints", (), ("ep*.png",), force)


def _draw_curve(store: Store, run: StoredRun, title: str, legend: str, out: Path) -> None:
    with readable(f"run {run.run_id}: param window"):
        window = int(run.params["window"])
    with temporary_folder() as scratch, readable(f"run {run.run_id}: {episodes.FILE_NAME}"):
        kept = file_of(store, run.run_id, run.artifacts, episodes.FILE_NAME, Path(scratch))
        points = episodes.curves(kept, window)
    with writing_to("--out", out):
        if out.suffix.lower() == ".png":
            drawn = BytesIO()
            learning_curve(points, window, title, legend).save(drawn, "png")
            write_bytes(out, drawn.getvalue())
        else:
            from qsweep.pictures.curve_figure import curve_figure

            save(curve_figure(points, window, title, legend), out)


def _draw_each(history: Archive, title: str, request: Request, out: Path) -> int:
    """Draw checkpoints into a folder, which appears once it is complete; return their number."""
    assert request.every is not None
    numbers = history.episodes().tolist()
    shown = [number for number in numbers if number % request.every == 0 or number == numbers[-1]]
    check = partial(_only_over_pictures, force=request.force)
    with writing_to("--out", out), replacing_folder(out, check) as folder, bar() as progress:
        task = progress.add_task("drawing", total=len(shown))
        for number, figure in checkpoint_figures(history, request.chart, shown, title):
            save(figure, folder / f"{name_of(number)}.png")
            progress.advance(task)
    return len(shown)
