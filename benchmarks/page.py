"""docs/performance.md from the results: tables with our rows beside the peers', and pictures."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import page_pictures
from claims import C_NS, CLAIMS, QUADRATIC, Claim, pace, steep
from measuring import Point, Row
from results import Part, Results
from scale import slope

DOCS = Path(__file__).parents[1] / "docs"
PAGE = "performance.md"
SECTIONS = {
    "training": (
        "Training",
        "Q-learning on MountainCar-v0. A step is one step of the environment and one update of the table.",
    ),
    "against C": (
        "Comparison with C, and two cores",
        "Shortest times of the compiled loop, relative to the same loop in C, which gives the same\n"
        "table to the last bit.",
    ),
    "algorithms": (
        "Other algorithms",
        "Measured in the same way.\n\n"
        "Q(lambda), Sarsa(lambda) and Dyna-Q train one seed after the other. Compiled for 16 lanes\n"
        "all the same, they took 1.56, 1.19 and 1.53 times as long a step (fastest rounds, interleaved,\n"
        "on a loaded machine), where Q-learning took 0.42 times. One step takes 116, 216 and 162 ns\n"
        "alone, one of Q-learning 46 ns, which is about the part that lanes have in common. The rest\n"
        "are loops over traces or planned steps, of different length in every lane and at scattered\n"
        "addresses, which run lane after lane. If lanes sped up the common part as they do\n"
        "Q-learning, and cost nothing elsewhere, the gain would be 1.30, 1.14 and 1.20 times.",
    ),
    "generic": (
        "Environments without a twin",
        "The Gymnasium engine's whole loop, relative to a loop that takes the same steps and resets and\n"
        "uses nothing of them: processor time, alternately. The MiniGrid agent's view, which no table uses,\n"
        "is not computed.",
    ),
    "tracking": (
        "Logging 100,000 points",
        "Four curves of 25,000 points, written to the local disk, from the start of the run to its end.",
    ),
    "runs": (
        "Overhead per run",
        "A run that trains nothing: its parameters, tags and files, its start and end.",
    ),
    "writers": (
        "Many writers",
        "Runs of 3,300 points, recorded by processes that wait for a second on average between two runs, as\n"
        "if each trained on a core of its own. Where fewer runs a second arrive than the processes could\n"
        "record, the store, or this machine's two cores, holds them up.",
    ),
    "whole run": (
        "Complete commands",
        "From the start of the command to its end, in a new interpreter, with compiled code on disk.",
    ),
    "start-up": ("Start-up time", "In a new interpreter, with compiled code on disk."),
    "growth": ("Peak memory", "The largest resident memory of the process."),
    "sweep": (
        "A sweep",
        "`buckets=10,20,30,40` over many seeds on two cores, with its report. For comparison: training\n"
        "only, by two processes that discard what they train, one seed after another; the mean of a\n"
        "measurement before the sweep and one after it. The overhead is the time of the sweep minus this\n"
        "training and evaluation. The sweep trains seeds side by side, which is faster, so files, store\n"
        "and processes cost more than the overhead shows. Its three parts add up to it.",
    ),
}
"""Table -> its heading, and what it shows."""
TIMES = {"training": "ns per step", "runs": "ms per run"}
"""Tables whose rows are compared with our first, and in what unit."""
RATE = "points/s"
CURVE_COSTS: dict[str, Callable[[Point], float | None]] = {
    "time": lambda point: point.seconds,
    "memory": lambda point: point.memory_mb,
    "disk": lambda point: point.disk_mb,
}
HEAD = """# Performance

`make bench` measures the figures and writes this page from `benchmarks/results.json`; no figure is typed
by hand. Figures are medians, with the smallest and the largest measurement in brackets. On another
machine, times change more than ratios.
"""
PACED = """
Limits were set on a machine where C needs {c} ns per step. This one needs {here} ns, so time limits
are scaled by {pace}.
"""
EXPLAINED = """## How cost grows

Each point is a separate process, start-up included. The slope is that of a line fitted to the
logarithms of the last three points: 0 means constant, 1 proportional, 2 quadratic. The dashed lines in
the pictures are proportional.
"""
GROWTH = (
    "\n| what grows | from, to | time | slope | memory | slope | disk | slope |",
    "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |",
)
LOAD = """
The load is the average number of processes that needed a core in the minute before: well below 1 means
that the machine was idle.
"""


def write(results: Results, docs: Path = DOCS) -> None:
    """Write the page and its pictures into a folder."""
    docs.mkdir(parents=True, exist_ok=True)
    drawn = page_pictures.write(results, docs)
    (docs / PAGE).write_text(text(results, drawn))
    print(f"\nwrote {docs / PAGE} and {len(drawn)} pictures")


def text(results: Results, pictures: Iterable[str] = ()) -> str:
    """The page; pictures: the names of those that were drawn."""
    pictures = set(pictures)
    sections = [HEAD, _claims(results)]
    for table, (heading, about) in SECTIONS.items():
        rows = [row for row in results.rows if row.table == table]
        if rows:
            sections.append(
                f"## {heading}\n\n{about}\n{_picture(table, heading, pictures)}\n{_table(table, rows)}"
            )
    if results.points:
        sections.append(_growth(results.points, pictures))
    sections += [_absent(results), _machine(results)]
    return "\n".join(section for section in sections if section)


def told(part: Part) -> str:
    """A part, as it is printed when it has been measured."""
    lines = [f"  {row.name:62} {_figure(row)} {row.unit}" for row in part.rows if row.samples]
    lines += [f"  absent: {row.name}: {row.absent}" for row in part.rows if row.absent]
    lines += [f"  {_slopes(curve, points)}" for curve, points in _curves(part.points).items()]
    lines += [f"  FAILED: {part.error}"] if part.error else []
    return "\n".join([*lines, f"  {part.seconds:.0f} s"])


def _claims(results: Results) -> str:
    lines = ["## Limits\n", "| what | limit | measured | met |", "| --- | --- | --- | --- |"]
    slower = pace(results.rows)
    lines += [_claim(claim, row, slower) for claim in CLAIMS if (row := claim.found(results.rows))]
    if results.points:
        found = ", ".join(f"{curve} ({exponent:.2f})" for curve, exponent in steep(results.points).items())
        bound = f"at most proportional: slope {QUADRATIC}"
        grows = "time grows at most in proportion to the work"
        lines.append(f"| {grows} | {bound} | {found or 'none exceeds it'} | {_yes(not found)} |")
    told = PACED.format(c=C_NS, here=_short(C_NS * slower), pace=_short(slower)) if slower != 1 else ""
    return "\n".join(lines) + f"\n{told}" if len(lines) > 3 else ""


def _claim(claim: Claim, row: Row, slower: float) -> str:
    bound = f"{'at most' if claim.most else 'at least'} {claim.bound:,g} {row.unit}"
    bound += f"; scaled {_short(claim.bound_at(slower))}" if claim.of_time and slower != 1 else ""
    return f"| {claim.about} | {bound} | {_figure(row)} {row.unit} | {_yes(claim.holds(row, slower))} |"


def _yes(holds: bool) -> str:
    return "yes" if holds else "**no**"


def _table(table: str, rows: Sequence[Row]) -> str:
    """The rows of a table: ours first, then the peers, the quickest first where there is a unit for all."""
    if table == "tracking":
        return _tracking(rows)
    ours = next((row for row in rows if not row.peer and row.samples), None)
    compared = ours is not None and table in TIMES
    if table in TIMES:
        rows = sorted(rows, key=lambda row: row.median if row.samples else math.inf)
    lines = [
        f"| what | measured |{' relative to qsweep |' * compared} |",
        f"| --- | ---: |{' ---: |' * compared} --- |",
    ]
    for row in rows:
        ratio = _short(row.median / ours.median) if ours and row.samples else ""
        cells = [_name(row), f"{_figure(row)} {row.unit}", *[ratio] * compared, row.about or row.absent]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _tracking(rows: Sequence[Row]) -> str:
    """Rates and sizes of one name in one line."""
    rates = [row for row in rows if row.unit == RATE and row.samples]
    sizes = {row.name: row for row in rows if row.unit != RATE and row.samples}
    ours = next((row for row in rates if not row.peer), None)
    lines = ["| what | points/s | times slower than qsweep | MB | |", "| --- | ---: | ---: | ---: | --- |"]
    for row in sorted(rates, key=lambda row: -row.median):
        ratio = _short(ours.median / row.median) if ours else ""
        size = _short(sizes[row.name].median) if row.name in sizes else ""
        lines.append(f"| {_name(row)} | {_figure(row)} | {ratio} | {size} | {row.about} |")
    return "\n".join(lines) + "\n"


def _name(row: Row) -> str:
    return row.name if row.peer else f"**{row.name}**"


def _figure(row: Row) -> str:
    """The median, and between what it lies."""
    if not row.samples:
        return "absent"
    if len(row.samples) == 1:
        return _short(row.median)
    return f"{_short(row.median)} ({_short(min(row.samples))} to {_short(max(row.samples))})"


def _short(value: float) -> str:
    """Three figures that count."""
    if not math.isfinite(value) or value == 0:
        return f"{value:g}"
    digits = max(0, 2 - math.floor(math.log10(abs(value))))
    return f"{round(value, 2 - math.floor(math.log10(abs(value)))):,.{digits}f}"


def _curves(points: Iterable[Point]) -> dict[str, list[Point]]:
    """The points of each curve, by x; curves as they come."""
    curves: dict[str, list[Point]] = {}
    for point in points:
        curves.setdefault(point.curve, []).append(point)
    return {curve: sorted(found, key=lambda point: point.x) for curve, found in curves.items()}


def _growth(points: Sequence[Point], pictures: set[str]) -> str:
    shown = (_picture(f"growth-{cost}", f"{cost} by size", pictures) for cost in CURVE_COSTS)
    lines = [EXPLAINED, *shown, *GROWTH]
    for curve, found in _curves(points).items():
        first, last = found[0], found[-1]
        cells = [curve, f"{first.x:,.0f} to {last.x:,.0f} {last.unit}"]
        for (name, cost), unit in zip(CURVE_COSTS.items(), ("s", "MB", "MB"), strict=True):
            reached = cost(last)
            exponent = slope(found, cost)
            bold = "**" * (name == "time" and exponent > QUADRATIC)
            cells.append("" if reached is None else f"{_short(cost(first) or 0)} to {_short(reached)} {unit}")
            cells.append("" if math.isnan(exponent) else f"{bold}{exponent:.2f}{bold}")
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _slopes(curve: str, points: list[Point]) -> str:
    """A curve in a line of the terminal."""
    last = points[-1]
    slopes = ", ".join(f"{name} {slope(points, cost):.2f}" for name, cost in CURVE_COSTS.items())
    cost = f"{last.seconds:7.1f} s, {last.memory_mb or 0:6,.0f} MB"
    return f"{curve:30} to {last.x:>12,.0f}: {cost}; slopes {slopes}"


def _picture(name: str, about: str, pictures: set[str]) -> str:
    file = f"performance-{name}.png"
    return f"\n![{about}]({file})\n" if file in pictures else ""


def _absent(results: Results) -> str:
    absent = [f"- {row.name}: {row.absent}" for row in results.rows if row.absent]
    absent += [f"- {name}: {part.error}" for name, part in results.parts.items() if part.error]
    return "## Not measured\n\n" + "\n".join(absent) + "\n" if absent else ""


def _machine(results: Results) -> str:
    known = ", ".join(f"{key} {value}" for key, value in results.machine.items())
    lines = ["## Machine, versions and dates\n", known, ""]
    lines += ["| part | date | load before | duration | options |", "| --- | --- | ---: | ---: | --- |"]
    for name, part in results.parts.items():
        lines.append(f"| {name} | {part.date} | {part.load:.1f} | {part.seconds:.0f} s | {part.options} |")
    return "\n".join(lines) + "\n" + LOAD
