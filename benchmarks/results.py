"""What was measured, part by part, in a JSON file from which the page is written."""

from __future__ import annotations

import dataclasses
import json
import os
import platform
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

from measuring import Point, Row

FILE = Path(__file__).with_name("results.json")
PACKAGES = ("qsweep", "numpy", "numba", "gymnasium", "mlflow", "hydra-core", "pandas", "matplotlib")


@dataclass(frozen=True)
class Part:
    """What one module measured, when, and how busy the machine was with other things before.

    load: processes that wanted a core, over the minute before. error: why it gave nothing, or empty.
    """

    date: str
    load: float
    seconds: float
    options: str
    rows: tuple[Row, ...] = ()
    points: tuple[Point, ...] = ()
    error: str = ""


@dataclass(frozen=True)
class Results:
    """All parts, by name, and the machine and versions of the one that was measured last."""

    machine: Mapping[str, str] = field(default_factory=dict)
    parts: Mapping[str, Part] = field(default_factory=dict)

    @property
    def rows(self) -> list[Row]:
        """The rows of all parts."""
        return [row for part in self.parts.values() for row in part.rows]

    @property
    def points(self) -> list[Point]:
        """The points of all parts."""
        return [point for part in self.parts.values() for point in part.points]


def read(file: Path = FILE) -> Results:
    """What a file holds; nothing where there is none."""
    if not file.exists():
        return Results()
    told = json.loads(file.read_text())
    return Results(told["machine"], {name: _part(part) for name, part in told["parts"].items()})


def _part(told: dict[str, Any]) -> Part:
    rows = tuple(Row(**{**row, "samples": tuple(row["samples"])}) for row in told.pop("rows"))
    points = tuple(Point(**point) for point in told.pop("points"))
    return Part(**told, rows=rows, points=points)


def write(results: Results, file: Path = FILE) -> None:
    """Write a file that `read` reads."""
    file.write_text(json.dumps(dataclasses.asdict(results), indent=1) + "\n")


def sorted_out(found: Iterable[Row | Point]) -> tuple[tuple[Row, ...], tuple[Point, ...]]:
    """Rows and points apart."""
    found = list(found)
    rows = tuple(each for each in found if isinstance(each, Row))
    return rows, tuple(each for each in found if isinstance(each, Point))


def machine() -> dict[str, str]:
    """What the figures depend on, as words."""
    return {
        "processor": _processor(),
        "cores": str(len(os.sched_getaffinity(0))),
        "memory": f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GiB",
        "system": f"{platform.system()} {platform.release()}",
        "Python": platform.python_version(),
        **{name: version(name) for name in PACKAGES},
        "commit": _commit(),
    }


def _processor() -> str:
    information = Path("/proc/cpuinfo")
    lines = information.read_text().splitlines() if information.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def _commit() -> str:
    """The commit, and whether anything differs from it but what is written here."""
    written = (f":(top,exclude){name}" for name in ("benchmarks/results.json", "docs/performance*"))
    found = _git("describe", "--always", "--exclude", "*").stdout.strip()
    changed = _git("diff", "--quiet", "HEAD", "--", ":/", *written).returncode
    return f"{found}{'-dirty' * bool(changed)}" if found else "unknown"


def _git(*arguments: str) -> subprocess.CompletedProcess[str]:
    folder = Path(__file__).parent
    return subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True, check=False)
