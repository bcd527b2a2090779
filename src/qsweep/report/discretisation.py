"""The finding on the leading variant's aliasing: what the states that share a cell have in common."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress

import numpy as np

from qsweep.environments.facts import dimension_names
from qsweep.errors import UsageError
from qsweep.policies.aliasing import Aliasing, aliasing
from qsweep.policies.setting import setting_of_archive
from qsweep.report.comparison.findings import t_interval
from qsweep.report.comparison.studies import Study
from qsweep.report.formats import number
from qsweep.report.loading.archives import archive
from qsweep.report.q_tables import best_checkpoint
from qsweep.tracking.checkpoints import name_of
from qsweep.tracking.store import Store

SEEDS = 16
"""Maximum number of runs whose tables are played: 0.15 s each."""
LEAST = 0.02
"""Minimum share of the regret that halves of the buckets must recover to be recommended."""


def aliasing_finding(study: Study, label: str, store: Store) -> str | None:
    """Return one or two sentences on a variant, None if its tables' aliasing cannot be measured."""
    found = [*_measured(study, label, store)]
    if not found:
        return None
    names = [name.text for name in dimension_names(study.env_id, len(found[0].recovered))]
    return sentences(found, names)


def _measured(study: Study, label: str, store: Store) -> Iterator[Aliasing]:
    for _, run in study.of(label).head(SEEDS).iterrows():
        with suppress(UsageError), archive(store, str(run["run_id"]), run["artifacts"]) as history:
            table = history.q_table(name_of(best_checkpoint(history, run)))
            discount = float(history.about["config"]["discount"])
            if measured := aliasing(setting_of_archive(history), table, discount):
                yield measured


def sentences(found: Sequence[Aliasing], names: Sequence[str]) -> str:
    """Return what was found in one Q-table per seed, and in which dimensions more buckets would help.

    A dimension is recommended if Student's 95% interval over seeds of the share that it recovers lies above
    0, and that of its lead over the other dimensions, too. names: of the dimensions.
    """
    within, overall, regret = (
        number(float(np.mean([getattr(each, name) for each in found])))
        for name in ("within", "overall", "regret")
    )
    spread = f"Within a cell the temporal-difference target varies by {within} (SD; {overall} over all cells)"
    cost = f"one action for all states of a cell costs {regret} of return"
    seeds = f" (means of {len(found)} seeds)" if len(found) > 1 else ""
    shares = np.array([each.recovered for each in found])
    return f"{spread}, and {cost}{seeds}. {_advice(shares, names)}"


def _advice(shares: np.ndarray, names: Sequence[str]) -> str:
    """shares: as `Aliasing.recovered`, float64[seeds, dimensions]."""
    means = shares.mean(axis=0)
    best = int(means.argmax())
    others = [d for d in range(len(names)) if d != best]
    recover = ", ".join(f"in {names[d]} {max(means[d], 0):.0%}" for d in (best, *others))
    halves = f"Halving the buckets would recover of that: {recover}"
    if len(shares) < 2 or means[best] < LEAST or not _above_0(shares[:, best]):
        return f"{halves}; no dimension stands out."
    if not all(_above_0(shares[:, best] - shares[:, d]) for d in others):
        return f"{halves}; these differ too little between dimensions to prefer one."
    useless = [names[d] for d in others if not _above_0(shares[:, d])]
    rest = f", in {' and '.join(useless)} would not" if useless else ""
    return f"{halves}. More buckets in {names[best]} would help{rest}."


def _above_0(values: np.ndarray) -> bool:
    return t_interval(values)[0] > 0
