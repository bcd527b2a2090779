"""The best trials of a search as a sweep's plan: its report and the confirmation on fresh seeds use them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence

from optuna.trial import FrozenTrial, TrialState

from qsweep.plan.composition import Plan
from qsweep.runs.search.planning import SearchPlan
from qsweep.runs.search.study import MEAN, OVERRIDES
from qsweep.runs.search.trials import job

BEST = 10
"""Trials in the plan, at most."""


def plan_of_best(plan: SearchPlan, trials: Sequence[FrozenTrial]) -> Plan:
    """Return the runs of the best complete trials; without any, those of the first point of the space.

    Searches of the same name and facts have the same plan, but for its jobs: they share a parent run.
    """
    complete = [
        trial for trial in trials if trial.state == TrialState.COMPLETE
    ]  # pruned ones have a value, too
    best = sorted(complete, key=lambda trial: trial.user_attrs[MEAN], reverse=True)
    tried = dict.fromkeys(tuple(trial.user_attrs[OVERRIDES]) for trial in best)
    found = list(tried)[:BEST] or [plan.space.overrides(next(plan.space.corners()))]
    jobs = tuple(job(plan, overrides, seed) for overrides in found for seed in plan.settings.seeds)
    facts = json.dumps(plan.facts, sort_keys=True, default=str)
    return Plan(plan.name, plan.varied, hashlib.sha256(facts.encode()).hexdigest()[:12], jobs)
