"""The runs, the table and the pictures of docs/which-bucket-size.md: `make docs`. Some ten minutes."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from scipy.special import stdtrit

import qsweep
from qsweep.report.charts.marks import BLUE, GREY, ORANGE

Floats = npt.NDArray[np.float64]

DOCS = Path(__file__).parent
RUNS = DOCS / "which-bucket-size.csv"
"""Every run of the study: sweep, buckets, cells, episodes, seed and its three scores, mean returns."""
QSWEEP = str(Path(sys.executable).with_name("qsweep"))

OPTIMUM, LIMIT = -97.66, -200
CLOSE = (20, 30, 40)
"""The sizes between which a sweep of a few seeds has to choose."""
SWEEPS = {
    "equal": ("buckets=10,20,25,30,40", "checkpoint_every=500", "seed=range(60)"),
    "tiles": ("discretizer=tiles", "buckets=3,6,8,10,13", "checkpoint_every=500", "seed=range(20)"),
    "short": ("buckets=10,20,40,80", "episodes=5000", "checkpoint_every=100", "seed=range(20)"),
    "usual": ("buckets=10,20,40,80", "episodes=25000", "checkpoint_every=500", "seed=range(20)"),
    "long": ("buckets=10,20,40,80", "episodes=250000", "checkpoint_every=5000", "seed=range(20)"),
}
"""What is run, by name; 50 checkpoints each, of which the best is chosen on validation starts."""
SCORES = {
    "chosen": "test/return_mean",
    "last": "final/return_mean",
    "training": "train/return_avg",
}
"""The best checkpoint, and the last Q-table, on test starts; the last 500 episodes of training."""


def main() -> None:
    """Train, write down, draw; print the table for the page."""
    run().to_csv(RUNS, index=False, float_format="%.2f")
    runs = pd.read_csv(RUNS)
    for name, draw in {"scores": draw_scores, "luck": draw_luck, "length": draw_length}.items():
        draw(runs).savefig(DOCS / f"which-bucket-size-{name}.png")
    print(table(runs))


def run() -> pd.DataFrame:
    """The runs of all sweeps, trained in an empty folder."""
    frames = []
    with tempfile.TemporaryDirectory() as folder:
        for name, given in SWEEPS.items():
            overrides = ("-m", *given, "window=500", f"sweep.name={name}", "registry.promote=never")
            subprocess.run([QSWEEP, "train", *overrides], cwd=folder, check=True)
            found = qsweep.load_runs(name, uri=f"sqlite:///{folder}/mlruns/mlflow.db")
            frames.append(found.assign(**{score: found[metric] for score, metric in SCORES.items()}))
    runs = pd.concat(frames)
    runs["cells"] = np.where(runs["sweep"] == "tiles", 8 * (runs["buckets"] + 1) ** 2, runs["buckets"] ** 2)
    columns = ["sweep", "buckets", "cells", "episodes", "seed", *SCORES]
    return runs[columns].sort_values(["sweep", "episodes", "buckets", "seed"])


def by_size(runs: pd.DataFrame, sweep: str, score: str = "chosen") -> dict[int, Floats]:
    """The scores of a sweep, one for each seed, by buckets per dimension."""
    chosen = runs[runs["sweep"] == sweep]
    return {int(size): found[score].to_numpy() for size, found in chosen.groupby("buckets")}  # type: ignore[call-overload]


def interval(values: Floats) -> float:
    """Half the width of the 95% interval of a mean, by Student's t."""
    reach = float(stdtrit(len(values) - 1, 0.975)) * float(values.std(ddof=1))
    return reach / len(values) ** 0.5


def luck(scores: Sequence[Floats], seeds: int, draws: int = 20_000) -> tuple[float, float]:
    """Sweeps of a few seeds, drawn from many: how often they name the true best, and overstate it by.

    scores: those of each size, over all seeds; the true best is that of the highest mean. A sweep names
    the size whose mean over its seeds is highest; that mean less the true one is what it overstates.
    """
    generator = np.random.default_rng(0)
    true = np.array([values.mean() for values in scores])
    means = np.stack([generator.choice(s, size=(draws, seeds)).mean(axis=1) for s in scores], axis=1)
    named = means.argmax(axis=1)
    return float((named == true.argmax()).mean()), float((means.max(axis=1) - true[named]).mean())


def table(runs: pd.DataFrame) -> str:
    """Mean and SD over seeds, by size and score, as a table of Markdown."""
    lines = ["| grid | buckets | cells | best checkpoint | last Q-table | while training |"]
    lines.append("| --- | --- | --- | --- | --- | --- |")
    for sweep, grid in (("equal", "equal buckets"), ("tiles", "8 tilings")):
        for size, found in runs[runs["sweep"] == sweep].groupby("buckets"):
            scores = (f"{found[s].mean():.1f} ({found[s].std():.1f})" for s in SCORES)
            lines.append(f"| {grid} | {size} | {found['cells'].iloc[0]:,} | {' | '.join(scores)} |")
    return "\n".join(lines)


def canvas(panels: int, width: float = 8.0) -> tuple[Figure, Any]:
    """A figure of panels side by side, in the style of the project's figures."""
    figure = Figure(figsize=(width, 4), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(1, panels, squeeze=False)[0]
    for axis in axes:
        axis.grid(color=GREY, alpha=0.2, lw=0.6)
        axis.spines[["top", "right"]].set_visible(False)
    return figure, axes


def draw_scores(runs: pd.DataFrame) -> Figure:
    """Every seed as a dot, the means with their intervals, the optimum as a line."""
    figure, axes = canvas(2)
    titles = {"equal": "equal buckets", "tiles": "8 tilings, about as many cells"}
    generator = np.random.default_rng(0)
    for axis, (sweep, title) in zip(axes, titles.items(), strict=True):
        scores = by_size(runs, sweep)
        for place, values in enumerate(scores.values()):
            spread = generator.uniform(-0.25, 0.25, len(values))
            axis.scatter(place + spread, values, s=9, color=BLUE, alpha=0.45, lw=0)
            axis.errorbar(place, values.mean(), interval(values), color="black", marker="_", ms=14, capsize=4)
        cells = [size**2 if sweep == "equal" else 8 * (size + 1) ** 2 for size in scores]
        labels = [f"{size}\n({n:,})" for size, n in zip(scores, cells, strict=True)]
        axis.set_xticks(range(len(scores)), labels)
        axis.set_xlabel("buckets per dimension (cells)")
        axis.set_title(title, loc="left", fontsize=10)
        axis.axhline(OPTIMUM, color=ORANGE, lw=1.2)
        axis.set_ylim(-163, -94)
    axes[0].text(-0.4, OPTIMUM - 0.8, "optimum", color=ORANGE, fontsize=9, va="top")
    axes[0].set_ylabel("mean return of the best checkpoint, test starts")
    return figure


def draw_luck(runs: pd.DataFrame) -> Figure:
    """How often sweeps name the true best, and by how much they overstate it, by their number of seeds."""
    figure, axes = canvas(2)
    numbers = (1, 2, 3, 5, 7, 10, 15, 20, 30)
    for score, colour, name in (
        ("chosen", BLUE, "by the best checkpoint"),
        ("last", ORANGE, "by the last Q-table"),
    ):
        scores = [by_size(runs, "equal", score)[size] for size in CLOSE]
        shares, excess = zip(*(luck(scores, n) for n in numbers), strict=True)
        axes[0].plot(numbers, np.array(shares) * 100, color=colour, marker="o", ms=4, label=name)
        axes[1].plot(numbers, excess, color=colour, marker="o", ms=4)
    axes[0].axhline(100 / len(CLOSE), color=GREY, lw=1, ls="--")
    axes[0].text(30, 100 / len(CLOSE) - 1, "chance", color=GREY, fontsize=9, va="top", ha="right")
    axes[0].set_ylim(0, 100)
    axes[0].set_title("names the true best of 20, 30, 40 (% of sweeps)", loc="left", fontsize=10)
    axes[0].legend(loc="upper left", fontsize=9, frameon=False)
    axes[1].set_ylim(bottom=0)
    axes[1].set_title("overstates the score of what it names by", loc="left", fontsize=10)
    for axis in axes:
        axis.set_xlabel("seeds of each size in the sweep")
    return figure


def draw_length(runs: pd.DataFrame) -> Figure:
    """The means with their intervals, by size, for runs of three lengths."""
    figure, [axis] = canvas(1, width=6.5)
    colours = {"short": GREY, "usual": BLUE, "long": ORANGE}
    for sweep, colour in colours.items():
        scores = by_size(runs, sweep)
        means = [values.mean() for values in scores.values()]
        reach = [interval(values) for values in scores.values()]
        episodes = runs[runs["sweep"] == sweep]["episodes"].iloc[0]
        axis.errorbar(range(len(scores)), means, reach, color=colour, marker="o", ms=4, capsize=4)
        axis.text(
            len(scores) - 0.9, means[-1], f"{episodes:,} episodes", color=colour, fontsize=9, va="center"
        )
        axis.set_xticks(range(len(scores)), list(scores))
    axis.axhline(OPTIMUM, color="black", lw=1)
    axis.text(-0.2, OPTIMUM - 1, "optimum", fontsize=9, va="top")
    axis.set_xlim(-0.3, len(scores) + 0.1)
    axis.set_xlabel("buckets per dimension")
    axis.set_ylabel("mean return of the best checkpoint, test starts")
    return figure


if __name__ == "__main__":
    main()
