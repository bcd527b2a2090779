"""Counts that depend on the code alone, beside baselines: under a minute, and no machine changes them.

.venv/bin/python benchmarks/bench.py --quick              exit code 1 where a count has grown by half
.venv/bin/python benchmarks/bench.py --quick --update     the counts of today become the baselines
"""

from __future__ import annotations

import json
import sqlite3
import sys
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path

import instructions
from measuring import run, warm_folder

BASELINES = Path(__file__).with_name("quick.json")
COUNTING = str(Path(__file__).with_name("counting.py"))
GROWN = 1.5
"""How many times its baseline a count may not reach."""
FEWER, MORE = 2, 6
"""Runs of the two sweeps whose difference is what a run takes."""
OF_A_RUN = (
    "SQL statements",
    "commits",
    "files synced",
    "calls into MLflow",
    "Hydra compositions",
    "configs resolved",
    "processes started",
    "calls of Python functions",
)
AT_ANY_SPEED = "tracking.durable_seconds=0"
"""On a busy machine a run would save points to resume from, which adds SQL statements."""
INSTRUCTIONS = "instructions a training step, as a multiple of a plain loop's"


def check(update: bool = False, baselines: Path = BASELINES) -> int:
    """Count, compare and print; returns the exit code. update: write the baselines anew instead."""
    found, missing = dict(counted()), instructions.absent()
    if missing:
        print(f"absent: {INSTRUCTIONS}: {missing}")
    else:
        loops = instructions.per_step()
        found[INSTRUCTIONS] = loops["qsweep"] / loops["reference"]
    known: dict[str, float] = json.loads(baselines.read_text())["counts"] if baselines.exists() else {}
    if update:
        told = {"why": __doc__.splitlines()[0], "counts": known | {k: round(v, 2) for k, v in found.items()}}
        baselines.write_text(json.dumps(told, indent=1) + "\n")
        return 0
    return compare(found, known)


def compare(found: Mapping[str, float], known: Mapping[str, float]) -> int:
    """Print every count beside its baseline; 1 where one has grown too much or has no baseline."""
    worse = [name for name, count in found.items() if name not in known or grown(count, known[name])]
    print(f"{'':62}{'baseline':>10}{'now':>10}")
    for name, count in found.items():
        mark = "  GROWN" if name in worse else ""
        print(f"{name:62}{known.get(name, float('nan')):10,.1f}{count:10,.1f}{mark}")
    if worse:
        print(f"{GROWN} times the baseline or more; if that must be: bench.py --quick --update, and say why")
    return 1 if worse else 0


def grown(count: float, baseline: float) -> bool:
    """Whether a count is too much more than it was; of few things, one more is not."""
    return count >= GROWN * baseline and count - baseline > 1 if baseline >= 1 else count > baseline + 0.5


def counted() -> Iterator[tuple[str, float]]:
    """All counts but that of instructions, by name."""
    with warm_folder() as folder:
        fewer, more = (sweep(folder, runs) for runs in (FEWER, MORE))
        before = points(folder)
        single = count(folder, "train", "episodes=2500", "registry.promote=never", "seed=1", AT_ANY_SPEED)
        recorded = points(folder) - before
        yield "modules imported by qsweep --help", count(folder, "--help")["modules at the end"]
        yield "modules imported by qsweep runs", count(folder, "runs")["modules at the end"]
        yield "modules imported before the first episode", single["modules at the first episode"]
        statements = single.get("SQL statements", 0)
        yield "SQL statements of a process that trains once", statements
        yield "SQL statements for 1,000 points of curves", 1000 * statements / recorded
        yield "calls of Python functions by a process that trains once", single["calls of Python functions"]
        yield "collections of garbage by a process that trains once", single.get("collections of garbage", 0)
        for kind in OF_A_RUN:
            of_a_run = (more.get(kind, 0) - fewer.get(kind, 0)) / (MORE - FEWER)
            yield f"{kind} of a run in a sweep", of_a_run


def points(folder: Path) -> int:
    """How many points of curves the store in a folder holds."""
    with closing(sqlite3.connect(folder / "mlruns" / "mlflow.db")) as database:
        [(found,)] = database.execute("SELECT count(*) FROM metrics")
    return int(found)


def sweep(folder: Path, runs: int) -> Mapping[str, float]:
    """The counts of a sweep in one process."""
    values = ("-m", f"seed=range({runs})", "episodes=1000", f"sweep.name=of {runs}", "hydra/launcher=basic")
    return count(folder, "train", *values, "registry.promote=never", "sweep.report=never")


def count(folder: Path, *arguments: str) -> Mapping[str, float]:
    """What a command did, counted."""
    file = folder / "counts.json"
    run([sys.executable, COUNTING, str(file), *arguments], folder, {"PYTHONHASHSEED": "0"})
    counts: dict[str, float] = json.loads(file.read_text())
    return counts
