"""Two runs read from a store, and what differs between them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from qsweep.config import WITHOUT_EFFECT, with_slashes
from qsweep.environments.grid import Grid
from qsweep.errors import Problem, UsageError, printable
from qsweep.pictures.layouts import layout
from qsweep.pictures.surfaces import Layout
from qsweep.policies.evaluation.bootstrap import mean_interval
from qsweep.policies.evaluation.evaluator import TEST_FILE
from qsweep.policies.policy import readable
from qsweep.policies.registry.names import Target, checkpoint_in, resolve
from qsweep.policies.registry.rivals import Sampled, test_returns
from qsweep.policies.setting import setting_of_archive
from qsweep.report.loading.archives import archive
from qsweep.system.arrays import QTable
from qsweep.system.atomic_files import temporary_folder
from qsweep.tracking import episodes
from qsweep.tracking.curves import Points
from qsweep.tracking.run_files import file_of
from qsweep.tracking.run_search import run_of
from qsweep.tracking.store import Store
from qsweep.tracking.stored_run import EXACT, SAMPLED, StoredRun

ENVIRONMENT = "qsweep.environment"
"""The tag with the environment of a run; returns are comparable only if it is equal."""
HIDDEN = tuple(f"{group}." for group in ("tracking", "registry", "sweep"))
"""Params that say how a run was recorded."""
TILES = "tiles have no action of their own"
"""Why tile codings have no share of cells: an action is greedy by the sum over the tilings."""


@dataclass(frozen=True, eq=False)
class Side:
    """One of the two runs. checkpoint: the compared one. curve: None if the run has no episodes file."""

    record: StoredRun
    checkpoint: str
    q_table: QTable
    grid: Grid
    updated: np.ndarray
    curve: Points | None

    @property
    def name(self) -> str:
        """The run's name."""
        env_id = printable(self.record.params.get("env.id", ""))
        return with_slashes(printable(self.record.name), env_id)

    @property
    def is_best(self) -> bool:
        """Whether the checkpoint is the one that the run's score belongs to."""
        return self.record.metrics.get("best_episode") == int(self.checkpoint.removeprefix("ep"))


@dataclass(frozen=True)
class ConfigRow:
    """One key of both configs; a value is "-" if the run's config does not have the key."""

    key: str
    values: tuple[str, str]

    @property
    def differs(self) -> bool:
        """Whether the values differ."""
        return self.values[0] != self.values[1]


@dataclass(frozen=True)
class Difference:
    """The second run's score minus the first one's. interval: 95%, NaN if both are exact; starts: 0 then.

    paired: whether the runs were evaluated on the same test starts, of which there are `starts`; otherwise
    it is a difference of means, and `starts` the smaller number of both.
    """

    mean: float
    interval: tuple[float, float]
    starts: int
    paired: bool = True


@dataclass(frozen=True)
class CellShares:
    """Shares of cells whose greedy action differs: of all cells, and of those that both runs updated.

    updated: the number of the latter; its share is NaN without any.
    """

    cells: int
    of_all: float
    updated: int
    of_updated: float


@dataclass(frozen=True, eq=False)
class Pair:
    """Two runs. configs: one row per key, those that differ first.

    difference: None if the scores cannot be compared. shares: None if the tables cannot be compared cell by
    cell; why_not: the reason. layout: how to draw the tables, if they can.
    """

    sides: tuple[Side, Side]
    configs: tuple[ConfigRow, ...]
    difference: Difference | None
    shares: CellShares | None
    why_not: str
    layout: Layout | None


def pair(store: Store, names: tuple[str, str]) -> Pair:
    """Return the comparison of two runs or checkpoints, by names that `qsweep pull` takes.

    Raises UsageError if a name is unknown, a run has no checkpoints, or both names mean the same checkpoint.
    """
    targets = tuple(resolve(store, name) for name in names)
    first, second = (_side(store, target) for target in targets)
    if (first.record.run_id, first.checkpoint) == (second.record.run_id, second.checkpoint):
        rule = "must name two runs, or two checkpoints of a run"
        raise UsageError([Problem("RUN RUN", rule, " ".join(names))])
    why_not, drawn = _why_not(first, second), None
    if why_not in ("", TILES):
        with suppress(UsageError), archive(store, second.record.run_id, second.record.artifacts) as history:
            drawn = layout(setting_of_archive(history), second.updated.astype(np.int64))
    shares = None if why_not else _shares(first, second)
    rows = tuple(_config_rows(first.record.params, second.record.params))
    return Pair((first, second), rows, _difference(store, first, second), shares, why_not, drawn)


def _side(store: Store, target: Target) -> Side:
    with readable(f"run {target.run_id}"):
        record = run_of(store, target.run_id)
    with archive(store, record.run_id, record.artifacts) as history:
        checkpoint = checkpoint_in(history, target)
        number = int(checkpoint[2:])
        updated = history.changes(number, complete=False) > 0
        return Side(
            record, checkpoint, history.q_table(checkpoint), history.grid, updated, _curve(store, record)
        )


def _curve(store: Store, record: StoredRun) -> Points | None:
    with suppress(UsageError), temporary_folder() as scratch, readable(episodes.FILE_NAME):
        kept = file_of(store, record.run_id, record.artifacts, episodes.FILE_NAME, Path(scratch))
        return episodes.curves(kept, int(record.params["window"]))
    return None


def _config_rows(first: Mapping[str, str], second: Mapping[str, str]) -> Iterator[ConfigRow]:
    """Yield the keys of two runs' params, those that differ first."""
    keys = [key for key in dict.fromkeys([*first, *second]) if not key.startswith(HIDDEN)]
    rows = [
        ConfigRow(printable(key), (printable(first.get(key, "-")), printable(second.get(key, "-"))))
        for key in keys
    ]
    yield from sorted(rows, key=lambda row: (not row.differs, row.key.startswith(WITHOUT_EFFECT)))


def _difference(store: Store, first: Side, second: Side) -> Difference | None:
    """Return the difference of the scores of two best checkpoints in one environment."""
    runs = (first.record, second.record)
    if len({run.tags.get(ENVIRONMENT, run.run_id) for run in runs}) > 1:
        return None
    if not (first.is_best and second.is_best):
        return None
    if all(EXACT in run.metrics for run in runs):
        return Difference(runs[1].metrics[EXACT] - runs[0].metrics[EXACT], (np.nan, np.nan), 0)
    if not all(SAMPLED in run.metrics for run in runs):
        return None
    one, other = (_test_returns(store, run) for run in runs)
    if one is None or other is None:
        return None
    n = min(len(one.seeds), len(other.seeds))
    _, here, there = np.intersect1d(one.seeds, other.seeds, return_indices=True)
    if len(here) < n:
        mean = float(other.returns.mean() - one.returns.mean())
        halves = [(run.interval[1] - run.interval[0]) / 2 for run in runs]
        half = float(np.hypot(halves[0], halves[1]))
        return Difference(mean, (mean - half, mean + half), n, paired=False)
    paired = other.returns[there] - one.returns[here]
    return Difference(float(paired.mean()), mean_interval(paired) if n > 1 else (np.nan, np.nan), n)


def _test_returns(store: Store, run: StoredRun) -> Sampled | None:
    """Return the returns on the test starts with their seeds; None if they cannot be read, or are none."""
    with suppress(UsageError), temporary_folder() as scratch, readable(TEST_FILE):
        found = test_returns(store, run, Path(scratch))
        return found if len(found.seeds) else None
    return None


def _why_not(first: Side, second: Side) -> str:
    shapes = [side.q_table.shape for side in (first, second)]
    if shapes[0] != shapes[1]:
        return "{} and {} values".format(*(" x ".join(map(str, shape)) for shape in shapes))
    if first.grid == second.grid and first.grid.tilings > 1:
        return TILES
    return "" if first.grid == second.grid else "the same shape, but other bounds of their cells"


def _shares(first: Side, second: Side) -> CellShares:
    differs = first.q_table.argmax(axis=-1) != second.q_table.argmax(axis=-1)
    both = first.updated & second.updated
    of_updated = float(differs[both].mean()) if both.any() else np.nan
    return CellShares(differs.size, float(differs.mean()), int(both.sum()), of_updated)
