"""A whole `qsweep train` process, tracked, checkpointed and evaluated, beside the plain loop, untracked.

Both train MountainCar with 20 buckets and the tutorial's constants, in a fresh interpreter, on a store
that exists, with compiled code on disk.
"""

from __future__ import annotations

import sys
from pathlib import Path

from measuring import Point, Row, qsweep, run, warm_folder

LOOP = [sys.executable, str(Path(__file__).with_name("tutorial_loop.py"))]
TRAIN = ("train", "+experiment=tutorial_25000")


def measure(episodes: int = 25_000, times: int = 5, thorough: bool = False) -> list[Row | Point]:
    """Seconds of both at `episodes` and at ten times as many; the loop's larger one is ten times its smaller.

    thorough: the larger loop is run, too, which takes ten minutes.
    """
    rows: list[Row | Point] = []
    with warm_folder() as folder:
        loop = run([*LOOP, str(episodes), "20"], folder).seconds
        for many, repeated in ((episodes, times), (10 * episodes, max(1, times // 2 + 1))):
            told = ""
            if many == episodes:
                of_loop = loop
            elif thorough:
                of_loop = run([*LOOP, str(many), "20"], folder).seconds
            else:
                of_loop, told = 10 * loop, "extrapolated from a tenth of the episodes"
            loop_name = f"tutorial loop, untracked, {many:,} episodes"
            rows.append(Row("whole run", loop_name, "s", (of_loop,), told, peer=True))
            named = [f"episodes={many}", f"tracking.name=whole {many}"]
            ran = [qsweep(folder, *TRAIN, *named, f"seed={seed}") for seed in range(repeated)]
            seconds = tuple(process.seconds for process in ran)
            name = f"qsweep train, {many:,} episodes"
            rows.append(Row("whole run", name, "s", seconds))
            ratios = tuple(of_loop / second for second in seconds)
            rows.append(Row("whole run", f"{name}: how many times faster", "times", ratios))
            memory = tuple(process.memory_mb for process in ran)
            rows.append(Row("whole run", f"{name}: memory", "MB", memory))
    return rows
