"""All measurements in one go: `make bench`. Writes docs/performance.md, its pictures, and results.json.

.venv/bin/python benchmarks/bench.py              some fifteen minutes
.venv/bin/python benchmarks/bench.py --thorough   an hour: nothing left out or extrapolated
.venv/bin/python benchmarks/bench.py --only sweep --only scale     the other parts stay as they were
.venv/bin/python benchmarks/bench.py --page       the page again, from the results
.venv/bin/python benchmarks/bench.py --quick      counts that no machine changes, against baselines
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import sys
import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Any

import page
import quick
import results
from measuring import PLAIN_C, Point, Row
from results import Part, Results

RAW = argparse.RawDescriptionHelpFormatter
Found = Iterable[Row | Point]


def parts(thorough: bool) -> dict[str, Callable[[], Found]]:
    """What is measured, in order; the sizes of those that have a smaller and a larger form."""
    return {
        "kernel": lambda: of_kernel(import_module("kernel").measure()),
        "generic": lambda: import_module("generic_engine").measure(),
        "tracking": lambda: of_tracking(import_module("tracking").measure()),
        "writers": lambda: import_module("writers").measure(),
        "peers": lambda: import_module("peer_runs").measure(),
        "whole run": lambda: import_module("whole_run").measure(thorough=thorough),
        "start-up": lambda: import_module("start_up").measure(),
        "sweep": lambda: import_module("sweep").measure(times=3 if thorough else 1),
        "scale": lambda: import_module("scale").measure(thorough=thorough),
    }


def of_kernel(found: Iterable[Any]) -> Iterator[Row]:
    """The rows of `kernel`: C is a peer, the other algorithms have a table of their own."""
    ways = {way.name: way for way in found}
    for name, way in ways.items():
        peer, own = name == "C", f"qsweep, {name}"
        table = "training" if peer or name.startswith("q_learning") else "algorithms"
        about = f"fastest round {way.ns:.1f}"
        yield Row(table, PLAIN_C if peer else own, "ns per step", (way.median,), about, peer)
        if "C" in ways and table == "training" and not peer:
            yield Row("against C", own, "times C's", (way.ratio,), "fastest round of each")
    one, two = (ways.get(f"q_learning, {number}") for number in ("one process", "two processes"))
    if one and two:
        yield Row("against C", "speed-up of two processes over one", "times", (one.ns / two.ns,))


def of_tracking(found: Iterable[Any]) -> Iterator[Row]:
    """The rows of `tracking`, which has one for several figures of a way of recording."""
    for way in found:
        peer = "qsweep" not in way.name
        if way.points_per_second is not None:
            yield Row("tracking", way.name, "points/s", way.samples, peer=peer)
        if way.milliseconds is not None:
            yield Row("runs", way.name, "ms per run", way.samples, peer=peer)
        if way.megabytes is not None:
            yield Row("tracking", way.name, "MB for 100,000 points", (way.megabytes,), peer=peer)


def main(arguments: list[str]) -> int:
    """Measure and write; returns the exit code: 1 where a part failed, or a count has grown."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--thorough", action="store_true")
    parser.add_argument("--only", action="append", choices=list(parts(False)), default=[])
    parser.add_argument("--page", action="store_true")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--update", action="store_true", help="with --quick: write the baselines anew")
    parser.add_argument("--docs", type=Path, default=page.DOCS, help=argparse.SUPPRESS)
    parser.add_argument("--results", type=Path, default=results.FILE, help=argparse.SUPPRESS)
    chosen = parser.parse_args(arguments)
    if chosen.quick:
        return quick.check(update=chosen.update)
    found = results.read(chosen.results)
    if not chosen.page:
        options = "--thorough" * chosen.thorough
        for name, measure in parts(chosen.thorough).items():
            if not chosen.only or name in chosen.only:
                found = with_part(found, name, measured(name, measure, options))
                results.write(found, chosen.results)  # at once: a part takes minutes
    page.write(found, chosen.docs)
    return 1 if any(part.error for part in found.parts.values()) else 0


def measured(name: str, measure: Callable[[], Found], options: str) -> Part:
    """One part; where it fails, why."""
    print(f"\n{name}", flush=True)
    date = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    load, started, error = os.getloadavg()[0], time.perf_counter(), ""
    try:
        rows, points = results.sorted_out(measure())
    except Exception as failure:
        traceback.print_exc()
        rows, points, error = (), (), (f"{type(failure).__name__}: {failure}".splitlines()[0])
    part = Part(date, load, time.perf_counter() - started, options, rows, points, error)
    print(page.told(part), flush=True)
    return part


def with_part(found: Results, name: str, part: Part) -> Results:
    """The results with one part in place of an earlier one of its name."""
    return dataclasses.replace(found, machine=results.machine(), parts={**found.parts, name: part})


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
