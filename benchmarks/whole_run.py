"""A whole `qsweep train` process, tracked, beside the plain loop, untracked: `make bench`.

Both train 25,000 episodes of MountainCar with 20 buckets and the tutorial's constants. Reported is
the ratio of their wall times in one go, on a store that exists, with compiled caches warm.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

QSWEEP = str(Path(sys.executable).with_name("qsweep"))
LOOP = [sys.executable, str(Path(__file__).with_name("tutorial_loop.py"))]
TRACKED = [QSWEEP, "train", "+experiment=tutorial_25000"]
RUNS = 5


def seconds(command: list[str], folder: str) -> float:
    """The wall time of a process."""
    started = time.perf_counter()
    subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


def main() -> None:
    """Time one loop and several tracked runs; print each and the ratio to the median."""
    with tempfile.TemporaryDirectory() as folder:
        seconds([*TRACKED, "episodes=100"], folder)  # makes the store and fills the caches
        tracked = [seconds([*TRACKED, f"seed={seed}"], folder) for seed in range(RUNS)]
        loop = seconds(LOOP, folder)
    median = statistics.median(tracked)
    print(f"plain loop, untracked          {loop:8.2f} s")
    spread = f"({min(tracked):.2f} to {max(tracked):.2f})"
    print(f"qsweep train, whole process    {median:8.2f} s, median of {RUNS} {spread}")
    print(f"ratio                          {loop / median:8.1f}")


if __name__ == "__main__":
    main()
