"""Reports in a headless browser: bytes, time to the first paint and to the agent at play, frames per second.

PYTHONPATH=. .venv/bin/python benchmarks/report_page.py REPORT.html... [--make RUNS]

With --make it also makes a report of so many short runs, in a temporary folder. Prints a table.
"""

from __future__ import annotations

import argparse
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from docs.pictures import DESKTOP, QSWEEP, chromium, tab_of

SECONDS = 3.0
"""For which frames are counted."""
WATCH = """
window.played = new Promise((done) => addEventListener("DOMContentLoaded", () => {
  const look = () => {
    const stage = document.querySelector(".stage");
    if (stage && !stage.dataset.seen) {
      stage.dataset.seen = 1;
      stage.scrollIntoView({ behavior: "instant", block: "center" });
    }
    const words = document.querySelector(".now")?.textContent ?? "";
    if (words && !words.startsWith("Step 0")) done(performance.now());
    else requestAnimationFrame(look);
  };
  look();
}));
"""
PAINT = 'performance.getEntriesByName("first-contentful-paint")[0].startTime'
FRAMES = """
(seconds) => new Promise((done) => {
  let frames = 0;
  const start = performance.now();
  const count = (now) => {
    frames += 1;
    if (now - start < 1000 * seconds) requestAnimationFrame(count);
    else done(1000 * frames / (now - start));
  };
  requestAnimationFrame(count);
})
"""


def make(runs: int, folder: Path) -> Path:
    """Return the report of a sweep of short runs: ten seeds of each of several bucket counts."""
    buckets = ",".join(str(number) for number in range(10, 10 + runs // 10))
    keys = ("evaluation.test_episodes=10", "evaluation.episodes=10", "registry.promote=never", "sweep.name=x")
    command = [QSWEEP, "train", "-m", f"buckets={buckets}", "seed=range(10)", "episodes=1000", *keys]
    subprocess.run([*command, "sweep.report=never"], cwd=folder, check=True, capture_output=True)
    subprocess.run([QSWEEP, "report", "x", "--out", "report"], cwd=folder, check=True, capture_output=True)
    return folder / "report" / "report.html"


def measure(path: Path) -> dict[str, Any]:
    """Return what a fresh tab measures of a report; times in ms since it was asked for."""
    with chromium() as browser, tab_of(browser) as page:
        page.set_viewport_size(DESKTOP)
        page.add_init_script(WATCH)
        page.goto(f"file://{path.resolve()}")
        playing = page.evaluate("window.played")
        found = {"first paint, ms": page.evaluate(PAINT), "playing, ms": playing}
        return {"MB": path.stat().st_size / 1e6, **found, "frames/s": page.evaluate(FRAMES, SECONDS)}


def main() -> None:
    """Measure the reports that are named and made."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("reports", nargs="*", type=Path)
    parser.add_argument("--make", type=int, nargs="*", default=[], metavar="RUNS")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        made = {f"{path}": path for path in given.reports}
        for runs in given.make:
            folder = Path(temporary) / str(runs)
            folder.mkdir()
            made[f"{runs:,} short runs"] = make(runs, folder)
        for name, path in made.items():
            print(name, "  ".join(f"{key} {value:.4g}" for key, value in measure(path).items()), sep="  ")


if __name__ == "__main__":
    main()
