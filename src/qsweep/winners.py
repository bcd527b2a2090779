"""The winner of a multirun: the best variant over its seeds, confirmed on fresh ones, registered."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from qsweep.composition import Job, Plan
from qsweep.config import variant_hash
from qsweep.registry import Promotion, register
from qsweep.report.frames import children
from qsweep.report.leaderboard import SCORE, finished, number, variants
from qsweep.tracking.store import open_store

FINALISTS = 3
"""How many variants are trained again: the best by the first estimate is often not the best."""

Launch = Callable[[Sequence[Job], str], None]
"""Train more jobs of a sweep, under a name of their own."""


@dataclass(frozen=True)
class Winner:
    """What won in one environment of a sweep.

    first: the mean over the sweep's seeds of the variant that led there, which is too good, because
    the leader was picked for it; fresh: the same variant's mean over fresh seeds, or None where
    nothing was confirmed. promotion: what the registry made of the winner's best run.
    """

    env_id: str
    label: str
    run_name: str
    first: float
    fresh: float | None
    promotion: Promotion

    def metrics(self) -> Mapping[str, float]:
        """The parent run's metrics."""
        if self.fresh is None:
            return {}
        return {
            "confirm/first_mean": self.first,
            "confirm/fresh_mean": self.fresh,
            "confirm/optimism": self.first - self.fresh,
        }

    def __str__(self) -> str:
        lines = []
        if self.fresh is not None:
            lines.append(
                f"{self.env_id}: the leader's mean was {number(self.first)} over the sweep's seeds and "
                f"{number(self.fresh)} over fresh ones: optimism {self.first - self.fresh:+.2g}"
            )
        what = f"{self.promotion.name}/{self.promotion.version}"
        if self.promotion.better:
            fate = f"is {self.promotion.name}@best"
        else:
            fate = f"does not beat @best ({self.promotion.difference:+.3g} on the same starts)"
        lines.append(f"{self.env_id}: winner {self.label}, run {self.run_name}: {what} {fate}")
        return "\n".join(lines)


def winners(plan: Plan, parent: str, launch: Launch) -> list[Winner]:
    """Confirm, choose and register the winner of each environment of a finished sweep."""
    uri = plan.jobs[0].config.tracking.uri
    first = finished(children(parent, uri))
    if SCORE not in first:
        return []
    fresh = _confirmed(plan, parent, first, launch)
    store = open_store(uri)
    found = []
    for env_id, group in first.groupby("env.id"):
        ranked = variants(group)
        leader = ranked.iloc[0]
        again = fresh[fresh["env.id"] == env_id] if len(fresh) else fresh
        means = (
            variants(again).set_index("variant")["mean"]
            if len(again)
            else ranked.set_index("variant")["mean"]
        )
        best = str(means.idxmax())
        runs = pd.concat([group, again])
        run = runs[runs["variant"] == best].sort_values(SCORE, ascending=False).iloc[0]
        found.append(
            Winner(
                env_id=str(env_id),
                label=str(ranked.set_index("variant")["label"][best]),
                run_name=str(run["name"]),
                first=float(leader["mean"]),
                fresh=float(means[leader["variant"]]) if len(again) else None,
                promotion=register(store, str(run["run_id"])),
            )
        )
    return found


def _confirmed(plan: Plan, parent: str, first: pd.DataFrame, launch: Launch) -> pd.DataFrame:
    """The runs of the finalists on fresh seeds; none where there is nothing to choose between."""
    count = plan.jobs[0].config.registry.confirm_seeds
    jobs: list[Job] = []
    for _, group in first.groupby("env.id"):
        ranked = variants(group)
        if count and len(ranked) > 1:
            fresh_seeds = range(int(group["seed"].max()) + 1, int(group["seed"].max()) + 1 + count)
            jobs += _again(plan, list(ranked["variant"][:FINALISTS]), fresh_seeds)
    if not jobs:
        return first.iloc[:0]
    name = f"{plan.name}-confirm"
    launch(jobs, name)
    runs = finished(children(parent, plan.jobs[0].config.tracking.uri))
    return runs[runs["sweep"] == name]


def _again(plan: Plan, chosen: Sequence[str], seeds: range) -> list[Job]:
    """The first job of each chosen variant, once for each seed."""
    jobs = {variant_hash(job.config): job for job in reversed(plan.jobs)}
    return [_with_seed(jobs[variant], seed) for variant in chosen for seed in seeds]


def _with_seed(job: Job, seed: int) -> Job:
    lines = [line for line in job.overrides if not line.startswith("seed=")]
    words = [word for word in job.name.split(",") if not word.startswith("seed=")]
    return Job((*lines, f"seed={seed}"), ",".join([*words, f"seed={seed}"]), job.config)
