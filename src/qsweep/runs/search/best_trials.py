"""The best trials of a search, as a sweep's plan: what is confirmed on fresh seeds, and shown."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any

from qsweep.plan.composition import Plan
from qsweep.runs.search.planning import SearchPlan
from qsweep.runs.search.trials import job

LEADERS = 10
OVERRIDES = "overrides"
"""The user attribute of a trial that holds what it tried."""


def leading(plan: SearchPlan, trials: Sequence[Any]) -> Plan:
    """The runs of the best complete trials; where there is none, one run that a trial might have.

    trials: optuna's. Multiruns of one name whose searches have the same facts are one.
    """
    complete = [trial for trial in trials if trial.state.name == "COMPLETE"]  # a pruned one has a value, too
    best = sorted(complete, key=lambda trial: -trial.value)
    tried = dict.fromkeys(tuple(trial.user_attrs[OVERRIDES]) for trial in best)
    found = list(tried)[:LEADERS] or [tuple(plan.space.lines(next(iter(plan.space.corners()))))]
    jobs = tuple(job(plan, lines, seed) for lines in found for seed in plan.settings.seeds)
    facts = json.dumps(plan.facts, sort_keys=True, default=str)
    return Plan(plan.name, plan.varied, hashlib.sha256(facts.encode()).hexdigest()[:12], jobs)
