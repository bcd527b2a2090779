"""What qsweep wants to show, as bounds on rows; the page says of each whether it holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from measuring import PLAIN_C, Point, Row
from scale import slope

QUADRATIC = 1.25
"""A curve of time that rises more steeply than this, in log-log, is said to: noise reaches 1.2."""


C_NS = 25.5
"""What plain C takes for a step on the machine for which bounds of time were set, in ns."""


@dataclass(frozen=True)
class Claim:
    """A bound on the median of a row. about: what is claimed, in words. most: above it, it fails.

    of_time: whether a slower machine has as much more time.
    """

    about: str
    table: str
    name: str
    bound: float
    most: bool = True
    unit: str = ""
    of_time: bool = False

    def found(self, rows: Sequence[Row]) -> Row | None:
        """The row that it speaks of, if that was measured."""
        found = (r for r in rows if r.table == self.table and r.name == self.name and r.samples)
        return next((row for row in found if not self.unit or row.unit == self.unit), None)

    def bound_at(self, pace: float) -> float:
        """The bound on a machine that takes so many times longer."""
        if not self.of_time:
            return self.bound
        return self.bound * pace if self.most else self.bound / pace

    def holds(self, row: Row, pace: float = 1.0) -> bool:
        """Whether the row keeps within the bound on a machine of that pace."""
        bound = self.bound_at(pace)
        return row.median <= bound if self.most else row.median >= bound


CLAIMS = (
    Claim("a training step, relative to plain C (30 ns to 25 ns)", "against C", "qsweep, q_learning", 1.2),
    Claim(
        "a training step, 16 seeds side by side, relative to plain C",
        "against C",
        "qsweep, q_learning, 16 seeds side by side",
        0.45,
    ),
    Claim(
        "speed-up of two cores over one", "against C", "speed-up of two processes over one", 1.9, most=False
    ),
    *(
        Claim(
            f"the Gymnasium engine's loop on {name}, relative to Gymnasium's step",
            "generic",
            f"qsweep, {name}",
            1.12,
        )
        for name in ("MountainCar-v0", "CartPole-v1", "LunarLander-v3", "MiniGrid-Empty-5x5-v0")
    ),
    Claim(
        "25,000 episodes, complete command, speed-up over the tutorial's loop",
        "whole run",
        "qsweep train, 25,000 episodes: how many times faster",
        25,
        most=False,
    ),
    Claim(
        "250,000 episodes, complete command, speed-up over the tutorial's loop",
        "whole run",
        "qsweep train, 250,000 episodes: how many times faster",
        150,
        most=False,
    ),
    Claim(
        "a tracked sweep with its report, relative to training only",
        "sweep",
        "qsweep train -m, relative to training only",
        1,
    ),
    Claim(
        "a tracked sweep until its last run has ended, relative to training only",
        "sweep",
        "the same until the last run has ended, without the report",
        2,
    ),
    Claim("overhead per run in a sweep", "sweep", "overhead per run", 60, of_time=True),
    Claim("`qsweep --help`", "start-up", "qsweep --help", 0.3, of_time=True),
    Claim(
        "`qsweep train`, until the first episodes are trained",
        "start-up",
        "qsweep train, until the first episodes are trained",
        1.5,
        of_time=True,
    ),
    Claim("memory of a run of 10,000,000 episodes", "growth", "memory of a run of 10,000,000 episodes", 500),
    *(
        Claim(f"points recorded, {kind}", "tracking", f"qsweep ({kind})", rate, False, "points/s", True)
        for kind, rate in {"SQLite": 250_000, "PostgreSQL": 60_000}.items()
    ),
    Claim(
        "time for which a run holds SQLite's write lock",
        "writers",
        "a run holds SQLite's write lock",
        8,
        of_time=True,
    ),
    Claim(
        "`qsweep runs` on 1,000 runs", "start-up", "qsweep runs, on a store of 1,000 runs", 2.5, of_time=True
    ),
)


def pace(rows: Sequence[Row]) -> float:
    """How many times longer than there plain C takes for a step here; 1 where it was not timed."""
    found = [row for row in rows if row.table == "training" and row.name == PLAIN_C and row.samples]
    return found[0].median / C_NS if found else 1.0


def steep(points: Sequence[Point]) -> dict[str, float]:
    """The curves whose time grows faster than in proportion at their end, with the exponent."""
    curves = {point.curve for point in points}
    slopes = {
        curve: slope([p for p in points if p.curve == curve], lambda p: p.seconds) for curve in sorted(curves)
    }
    return {curve: exponent for curve, exponent in slopes.items() if exponent > QUADRATIC}
