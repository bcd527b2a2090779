"""The winner of a multirun: the best variant over its seeds, confirmed on fresh seeds, registered."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import pandas as pd

from qsweep.config import config_hash, variant_hash
from qsweep.plan.composition import Job, Plan
from qsweep.policies.registry.promotion import Promotion, register
from qsweep.report.comparison.variants import counted_runs, variants
from qsweep.report.formats import number
from qsweep.report.loading.runs import SCORE, children
from qsweep.tracking.store import Store

FINALISTS = 3
"""Number of variants trained again: the leader of the first estimate is often not the best."""

Launch = Callable[[Sequence[Job], str], object]
"""Train more jobs of a sweep, under a name of their own."""


@dataclass(frozen=True)
class Winner:
    """The winner in one environment of a sweep.

    leader: the variant with the highest mean over the sweep's seeds; first: that mean, biased upwards by
    the selection; fresh: the leader's mean over fresh seeds, None without confirmation. promotion: of the
    winner's best run in the registry.
    """

    env_id: str
    label: str
    leader: str
    run_name: str
    runs: int
    first: float
    fresh: float | None
    promotion: Promotion

    def metrics(self, prefix: str = "confirm") -> dict[str, float]:
        """Return the metrics for the parent run."""
        if self.fresh is None:
            return {}
        means = {"first_mean": self.first, "fresh_mean": self.fresh, "optimism": self.first - self.fresh}
        return {f"{prefix}/{name}": value for name, value in means.items()}

    def __str__(self) -> str:
        run = f"run {self.run_name}, the best of {self.runs} seeds"
        lines = [f"{self.env_id}: winner {self.label}, {run}: {self.promotion}"]
        if self.fresh is not None:
            lines.insert(
                0,
                f"{self.env_id}: {self.leader} led the sweep with {number(self.first)} and scored "
                f"{number(self.fresh)} on fresh seeds: optimism {self.first - self.fresh:+.2g}",
            )
        return "\n".join(lines)


def winners(store: Store, plan: Plan, parent: str, launch: Launch) -> list[Winner]:
    """Confirm, choose and register the winner of each environment of a finished sweep."""
    first = counted_runs(requested_runs(store, plan, parent))
    if first.empty:
        return []
    fresh = _confirmed(store, plan, parent, first, launch)
    return [
        _winner(group, fresh[fresh["environment"] == environment], store)
        for environment, group in first.groupby("environment")
    ]


def requested_runs(store: Store, plan: Plan, parent: str) -> pd.DataFrame:
    """Return the runs of a plan under a parent run, without confirmation runs and other plans' runs."""
    runs = children(store, parent)
    planned = {config_hash(job.config) for job in plan.jobs}
    return runs[(runs["sweep"] == plan.name) & runs["config"].isin(planned)]


def _winner(first: pd.DataFrame, fresh: pd.DataFrame, store: Store) -> Winner:
    """Choose and register the winner among one environment's runs, on the sweep's seeds and fresh ones."""
    ranked = variants(first).set_index("variant")
    again = ranked if fresh.empty else variants(fresh).set_index("variant")
    leader, best = str(ranked.index[0]), str(again.index[0])
    confirmed = not fresh.empty and leader in again.index
    runs = pd.concat([first, fresh])
    run = runs[runs["variant"] == best].sort_values(SCORE, ascending=False).iloc[0]
    return Winner(
        env_id=str(run["env.id"]),
        label=str(ranked["label"][best]),
        leader=str(ranked["label"][leader]),
        run_name=str(run["name"]),
        runs=int((runs["variant"] == best).sum()),
        first=float(ranked["mean"][leader]),
        fresh=float(again["mean"][leader]) if confirmed else None,
        promotion=register(store, str(run["run_id"])),
    )


def _confirmed(store: Store, plan: Plan, parent: str, first: pd.DataFrame, launch: Launch) -> pd.DataFrame:
    """Train the finalists on fresh seeds and return these runs; none with a single variant."""
    count = plan.jobs[0].config.registry.confirm_seeds
    jobs: list[Job] = []
    for _, group in first.groupby("environment"):
        ranked = variants(group)
        if count and len(ranked) > 1:
            fresh_seeds = range(int(group["seed"].max()) + 1, int(group["seed"].max()) + 1 + count)
            jobs += _again(plan, list(ranked["variant"][:FINALISTS]), fresh_seeds)
    if not jobs:
        return first.iloc[:0]
    again = replace(plan, name=f"{plan.name}-confirm", jobs=tuple(jobs))
    launch(jobs, again.name)
    return counted_runs(requested_runs(store, again, parent))


def _again(plan: Plan, chosen: Sequence[str], seeds: range) -> list[Job]:
    """Return the first job of each chosen variant, once per seed."""
    jobs = {variant_hash(job.config): job for job in reversed(plan.jobs)}
    return [_with_seed(jobs[variant], seed) for variant in chosen for seed in seeds]


def _with_seed(job: Job, seed: int) -> Job:
    lines = [line for line in job.overrides if not line.startswith("seed=")]
    words = [word for word in job.name.split(",") if not word.startswith("seed=")]
    return Job((*lines, f"seed={seed}"), ",".join([*words, f"seed={seed}"]), job.resolved.changed(seed=seed))
