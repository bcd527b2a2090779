"""The winner of a multirun: the best variant over its seeds, confirmed on fresh seeds, registered."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pandas as pd

from qsweep.config import config_hash, variant_hash
from qsweep.plan.composition import Job, Plan
from qsweep.policies.registry.promotion import Promotion, register
from qsweep.report.comparison.variants import differing, labels, variants, with_fresh_seeds
from qsweep.report.loading.runs import children, exactly_scored, with_scores
from qsweep.report.loading.selection import CONFIRM
from qsweep.tracking.store import Store
from qsweep.tracking.stored_run import SCORE

FINALISTS = 3
"""Number of variants trained again: the leader of the first estimate is often not the best."""

Launch = Callable[[Sequence[Job], str], object]
"""Train more jobs of a sweep, under a name of their own."""


@dataclass(frozen=True)
class Winner:
    """The variant that ranks first in one environment of a sweep, over all seeds, and its registration.

    leader: the variant with the highest mean over the sweep's own seeds; first: that mean, biased upwards by
    the selection; fresh: the leader's mean over fresh seeds, None without confirmation. promotion: of the
    best run, `run_name`, in the registry: of `runs` runs of the variant, or, if `other` is not empty, of the
    variant with this label.
    """

    env_id: str
    environment: str
    label: str
    leader: str
    run_name: str
    runs: int
    first: float
    fresh: float | None
    promotion: Promotion
    other: str = ""

    def metrics(self, prefix: str = "confirm") -> dict[str, float]:
        """Return the metrics for the parent run."""
        if self.fresh is None:
            return {}
        means = {"first_mean": self.first, "fresh_mean": self.fresh, "optimism": self.first - self.fresh}
        return {f"{prefix}/{name}": value for name, value in means.items()}

    def __str__(self) -> str:
        """Return what became of `best`, as a clause that follows the verdict."""
        best = f"{self.promotion.name}@best"
        run = f"{self.label}, which ranks first ({self.run_name}, of {self.runs} seeds)"
        if self.other:
            run = f"the sweep by exact return ({self.run_name}, of {self.other})"
        if self.promotion.better:
            return f"{best} is now the best run of {run}"
        return f"the best run of {run}, is {self.promotion}"


def winners(store: Store, plan: Plan, parent: str, launch: Launch) -> list[Winner]:
    """Confirm, choose and register the winner of each environment of a finished sweep."""
    if jobs := confirming_jobs(store, plan, parent):
        launch(jobs, f"{plan.name}{CONFIRM}")
    runs = with_fresh_seeds(sweep_runs(store, plan, parent))
    return [
        _winner(runs[runs["environment"] == environment], store)
        for environment in sorted(_planned(plan, runs)["environment"].unique())
    ]


def confirming_jobs(store: Store, plan: Plan, parent: str) -> list[Job]:
    """Return the jobs that confirm the finalists of a finished sweep, also those that have run before."""
    runs = with_fresh_seeds(sweep_runs(store, plan, parent))
    return _confirming_jobs(plan, _planned(plan, runs), runs)


def _planned(plan: Plan, runs: pd.DataFrame) -> pd.DataFrame:
    """Return the runs that the plan names."""
    planned = {config_hash(job.config) for job in plan.jobs}
    return runs[runs["config"].isin(planned) & ~runs["fresh"]]


def sweep_runs(store: Store, plan: Plan, parent: str) -> pd.DataFrame:
    """Return the runs of a sweep under a parent run, those on fresh seeds included."""
    runs = children(store, parent)
    return runs[runs["sweep"].isin([plan.name, f"{plan.name}{CONFIRM}"])]


def _winner(runs: pd.DataFrame, store: Store) -> Winner:
    """Register the best run of the variant that ranks first among the counted runs of one environment."""
    runs = with_scores(runs.reset_index(drop=True))
    before, ranked = variants(runs[~runs["fresh"]]).iloc[0], variants(runs).iloc[0]
    again = runs[runs["fresh"] & (runs["variant"] == before["variant"])][SCORE]
    run = _best_run(runs, str(ranked["variant"]))
    another = run["variant"] != ranked["variant"]
    return Winner(
        env_id=str(run["env.id"]),
        environment=str(run["environment"]),
        label=str(ranked["label"]),
        leader=str(before["label"]),
        run_name=str(run["name"]),
        runs=int((runs["variant"] == ranked["variant"]).sum()),
        first=float(before["mean"]),
        fresh=float(again.mean()) if len(again) else None,
        other=labels(runs, differing(runs))[str(run["variant"])] if another else "",
        promotion=register(store, str(run["run_id"])),
    )


def _best_run(runs: pd.DataFrame, winner: str) -> pd.Series:
    """Return the run to register: the winning variant's best, or the best of all if the scores are exact.

    An exact return is no luck of the test starts, so nothing speaks against the best policy of any variant.
    Of equal ones, the winner's comes first.
    """
    offered = runs if exactly_scored(runs) else runs[runs["variant"] == winner]
    of_winner = (offered["variant"] == winner).rename("of_winner")
    order = pd.concat([offered[SCORE], of_winner], axis=1).sort_values(
        [SCORE, "of_winner"], ascending=False, kind="stable"
    )
    best: pd.Series = offered.loc[order.index[0]]
    return best


def _confirming_jobs(plan: Plan, first: pd.DataFrame, runs: pd.DataFrame) -> list[Job]:
    """Return the jobs that train each environment's finalists on fresh seeds; none with a single variant.

    first: the planned runs, among which finalists are chosen. runs: all runs of the sweep.
    """
    count = plan.jobs[0].config.registry.confirm_seeds
    jobs: list[Job] = []
    for environment, group in first.groupby("environment"):
        ranked = variants(group)
        if count and len(ranked) > 1:
            used = int(runs[(runs["environment"] == environment) & ~runs["fresh"]]["seed"].max())
            finalists = list(ranked["variant"][:FINALISTS])
            jobs += _again(plan, finalists, range(used + 1, used + 1 + count))
    return jobs


def _again(plan: Plan, chosen: Sequence[str], seeds: range) -> list[Job]:
    """Return the first job of each chosen variant, once per seed."""
    jobs = {variant_hash(job.config): job for job in reversed(plan.jobs)}
    return [_with_seed(jobs[variant], seed) for variant in chosen for seed in seeds]


def _with_seed(job: Job, seed: int) -> Job:
    lines = [line for line in job.overrides if not line.startswith("seed=")]
    words = [word for word in job.name.split(",") if not word.startswith("seed=")]
    return Job((*lines, f"seed={seed}"), ",".join([*words, f"seed={seed}"]), job.resolved.changed(seed=seed))
