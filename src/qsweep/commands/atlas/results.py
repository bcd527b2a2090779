"""The results of the atlas: per cell the scores on fresh seeds, between random actions and the optimum."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from qsweep.commands.atlas.protocol import Cell, Entry, Protocol
from qsweep.plan.composition import load_resolved
from qsweep.policies.evaluation.rollouts import roll_out_by
from qsweep.policies.evaluation.starts import test_starts
from qsweep.policies.untrained import RANDOM, Untrained
from qsweep.report.comparison.decision import Decision, decide
from qsweep.report.comparison.samples import Sample
from qsweep.report.loading.curves import Histories, histories
from qsweep.report.loading.runs import runs_in
from qsweep.report.statistics.summaries import Summary, summaries
from qsweep.report.statistics.thresholds import median_episodes
from qsweep.system.arrays import Floats
from qsweep.system.atomic_files import temporary_folder
from qsweep.system.untrusted_files import read_columns
from qsweep.tracking import episodes
from qsweep.tracking.run_files import file_of
from qsweep.tracking.store import Store
from qsweep.tracking.stored_run import SCORE

SEED = 0
"""Of the bootstrap."""
NEAR = 0.95
"""The share of the way from random actions to the optimum whose cost in steps is reported."""
EVALUATED = "eval/return_mean"


@dataclass(frozen=True)
class Scale:
    """The ends of an environment's scale: 0 is the mean return of random actions, 1 the optimum.

    proven: whether the optimum is known; otherwise it is the best mean score in the atlas.
    """

    random: float
    optimum: float
    proven: bool

    def of(self, returns: Floats) -> Floats:
        """Return mean returns on the scale."""
        return np.asarray((returns - self.random) / (self.optimum - self.random))


@dataclass(frozen=True, eq=False)
class Result:
    """A cell's result. setting: the overrides that were tuned. trials: its search, one row per setting.

    scores, seeds: of the reported runs [n]. costs: the training steps of each until a checkpoint came near
    the optimum, or all its steps if none did. reached: whether one did.
    """

    cell: Cell
    setting: tuple[str, ...]
    trials: pd.DataFrame
    runs: pd.DataFrame
    scores: Floats
    seeds: Floats
    costs: Floats
    reached: npt.NDArray[np.bool_]

    @property
    def steps(self) -> float:
        """The median number of training steps until a checkpoint came near the optimum; inf without."""
        return median_episodes(self.costs, self.reached)

    @property
    def best_run(self) -> str:
        """The id of the run with the highest score."""
        return str(self.runs["run_id"].iloc[int(np.argmax(self.scores))])


@dataclass(frozen=True, eq=False)
class Page:
    """The results of one environment, in the order of the algorithms."""

    entry: Entry
    scale: Scale
    results: tuple[Result, ...]

    @cached_property
    def summaries(self) -> list[Summary]:
        """The summaries of the results, on the scale."""
        generator = np.random.default_rng(SEED)
        return summaries([self.scale.of(result.scores) for result in self.results], generator)

    @cached_property
    def decision(self) -> Decision:
        """Which algorithm leads, and which ones are significantly worse."""
        return decide([Sample(r.cell.algorithm, r.scores, r.seeds.astype(np.int64)) for r in self.results])

    @property
    def best(self) -> Result:
        """The result whose best run has the highest score."""
        return max(self.results, key=lambda result: float(result.scores.max()))


def pages(store: Store, given: Protocol, cells: Sequence[Cell]) -> list[Page]:
    """Return the results of all environments of cells that are done."""
    [budget] = {cell.budget.name for cell in cells}
    runs = runs_in(store, f"atlas_{budget}")
    # In the order of seeds: in that in which runs end, intervals and the best of equal runs were chance.
    runs = runs[runs["status"] == "FINISHED"].sort_values("seed", kind="stable")
    of_sweep = {str(sweep): some for sweep, some in runs.groupby("sweep")}
    return [
        _page(store, given.environments[name], [c for c in cells if c.entry.name == name], of_sweep)
        for name in dict.fromkeys(cell.entry.name for cell in cells)
    ]


def _page(store: Store, entry: Entry, cells: Sequence[Cell], of_sweep: Mapping[str, pd.DataFrame]) -> Page:
    own = [of_sweep[cell.reported].reset_index(drop=True) for cell in cells]
    scale = _scale(entry, own)
    found = histories(store, pd.concat(own), (EVALUATED,))
    results = [_result(store, cell, runs, scale, found) for cell, runs in zip(cells, own, strict=True)]
    return Page(entry, scale, tuple(results))


def _result(store: Store, cell: Cell, runs: pd.DataFrame, scale: Scale, found: Histories) -> Result:
    from qsweep.runs.search.study import MEAN, OVERRIDES, STANDARD_ERROR, best_of, database, ended_trials

    trials = ended_trials(database(store.uri), cell.tuned)
    rows = [
        {
            "environment": cell.entry.name,
            "algorithm": cell.algorithm,
            "trial": number,
            "setting": " ".join(trial.user_attrs[OVERRIDES]),
            "mean": float(trial.user_attrs[MEAN]),
            "standard_error": float(trial.user_attrs.get(STANDARD_ERROR, np.nan)),
        }
        for number, trial in trials.items()
    ]
    reached = [_steps_until_near(store, run, scale, found) for _, run in runs.iterrows()]
    costs, near = (np.array(column) for column in zip(*reached, strict=True))
    return Result(
        cell=cell,
        setting=best_of(trials.values()),
        trials=pd.DataFrame(rows),
        runs=runs,
        scores=runs[SCORE].to_numpy(np.float64),
        seeds=runs["seed"].to_numpy(np.float64),
        costs=costs.astype(np.float64),
        reached=near.astype(bool),
    )


def _steps_until_near(store: Store, run: pd.Series, scale: Scale, found: Histories) -> tuple[int, bool]:
    """Return the steps after which a checkpoint of a run came near the optimum, and whether one did."""
    with temporary_folder() as scratch:
        run_id, artifacts = str(run["run_id"]), str(run["artifacts"])
        path = file_of(store, run_id, artifacts, episodes.FILE_NAME, Path(scratch))
        taken = np.cumsum(read_columns(path, ["length"])["length"])
    at, values = found[EVALUATED, str(run["run_id"])]
    near = np.flatnonzero(scale.of(values) >= NEAR)
    return (int(taken[int(at[near[0]])]), True) if len(near) else (int(taken[-1]), False)


def _scale(entry: Entry, own: Sequence[pd.DataFrame]) -> Scale:
    together = pd.concat(own)
    known = [
        float(together[name].mean()) if name in together else np.nan
        for name in ("random/return", "optimum/return")
    ]
    random = _measured(entry) if np.isnan(known[0]) else known[0]
    seen = max(float(runs[SCORE].mean()) for runs in own)
    return Scale(random, seen if np.isnan(known[1]) else known[1], not np.isnan(known[1]))


def _measured(entry: Entry) -> float:
    """Return the mean return of random actions from an environment's test starts."""
    run = load_resolved(list(entry.chosen))
    policy = Untrained.of(run, RANDOM)
    return float(roll_out_by(run, policy.act, test_starts(run.env, run.test_episodes).seeds).returns.mean())
