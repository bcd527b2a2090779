"""What a measurement gives: rows of a table, points of a curve; and processes that are timed.

A module of benchmarks/ that takes part in `make bench` has a function that returns a list of these.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

QSWEEP = str(Path(sys.executable).with_name("qsweep"))
SPAWNED = (sys.executable, "-S", str(Path(__file__).with_name("spawned.py")))
PLAIN_C = "plain C, libm"
"""The row to which a machine's pace is told."""
SETTINGS = {"PYTHONWARNINGS": "ignore", "HYDRA_FULL_ERROR": "1"}
NOT_INHERITED = "MLFLOW_TRACKING_URI"
"""A variable that MLflow's client sets for the process that measures it, and others do not inherit."""


@dataclass(frozen=True)
class Row:
    """One figure. table: which one of the page it stands in; name: what was measured.

    samples: what was measured each time, in `unit`; empty where `absent` says why there is none.
    about: what a reader has to know to understand the name. peer: not ours, but what it stands beside.
    """

    table: str
    name: str
    unit: str
    samples: tuple[float, ...]
    about: str = ""
    peer: bool = False
    absent: str = ""

    @property
    def median(self) -> float:
        """The figure."""
        return statistics.median(self.samples)


@dataclass(frozen=True)
class Point:
    """One point of a curve of costs. x: in `unit`; memory: most resident at a time; disk: left behind.

    What was not measured is None.
    """

    curve: str
    unit: str
    x: float
    seconds: float
    memory_mb: float | None = None
    disk_mb: float | None = None


@dataclass(frozen=True)
class Ran:
    """A process that has ended well. memory_mb: the most that it, or a child, had resident."""

    seconds: float
    memory_mb: float
    output: str


def run(command: Sequence[str], folder: Path, settings: Mapping[str, str] | None = None) -> Ran:
    """Run a process in a folder; raises RuntimeError with what it complained of where it fails."""
    inherited = {name: value for name, value in os.environ.items() if name != NOT_INHERITED}
    environment = {**inherited, **SETTINGS, **(settings or {})}
    with tempfile.NamedTemporaryFile("r+") as took:
        ran = subprocess.run(
            [*SPAWNED, took.name, *command], cwd=folder, env=environment, capture_output=True, text=True
        )
        if ran.returncode:
            raise RuntimeError(f"{' '.join(command)}: exit code {ran.returncode}\n{ran.stderr[-2000:]}")
        seconds, resident = map(float, took.read().split())
    return Ran(seconds, resident / 1024, ran.stdout)


def qsweep(folder: Path, *arguments: str) -> Ran:
    """Run a `qsweep` command in a folder."""
    return run([QSWEEP, *arguments], folder)


@contextmanager
def warm_folder() -> Iterator[Path]:
    """An empty folder but for a store with one short run; compiled code is on disk after it."""
    with tempfile.TemporaryDirectory(prefix="qsweep-bench-") as name:
        folder = Path(name)
        qsweep(folder, "train", "episodes=200", "registry.promote=never", "tracking.experiment=warm")
        yield folder


def megabytes(folder: Path) -> float:
    """What the files of a folder hold."""
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) / 1e6
