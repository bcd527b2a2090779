"""The options of a search: `hydra.sweeper.trials` and the like, checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import joblib
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import ChoiceSweep, RangeSweep

from qsweep.config import LARGEST_SEED, is_name
from qsweep.errors import Problem, UsageError, closest, collecting
from qsweep.plan.overrides import HydraErrors

SAMPLERS = ("tpe", "random", "grid", "cmaes", "qmc")
PRUNERS = ("none", "median", "successive_halving")
LARGEST = 1_000_000
"""The upper bound of every whole number, and of the number of seeds."""
PREFIX = "hydra.sweeper"


@dataclass(frozen=True)
class Settings:
    """The keys of conf/hydra/sweeper/qsweep_optuna.yaml, but for `params`, which is the search space.

    trials: in the whole study. seeds: of every trial's runs. parallel: trials that run at once. seed: the
    sampler's. study: the name of the study.
    """

    trials: int
    seeds: tuple[int, ...]
    sampler: str = "tpe"
    pruner: str = "none"
    parallel: int = 1
    seed: int = 0
    study: str | None = None


def settings(given: Mapping[str, Any]) -> Settings:
    """Check the options of the sweeper. Raises UsageError with every problem found."""
    problems: list[Problem] = []

    def whole(name: str, low: int) -> int:
        value = given[name]
        if isinstance(value, int) and not isinstance(value, bool) and low <= value <= LARGEST:
            return value
        rule = f"must be a whole number from {low} to {LARGEST:,}"
        problems.append(Problem(f"{PREFIX}.{name}", rule, value))
        return low

    def one_of(name: str, known: tuple[str, ...]) -> str:
        if given[name] in known:
            return str(given[name])
        rule = f"must be one of {', '.join(known)}"
        problems.append(Problem(f"{PREFIX}.{name}", rule, given[name], closest(str(given[name]), known)))
        return known[0]

    seeds: tuple[int, ...] = ()
    with collecting(problems):
        seeds = _seeds(given["seeds"])
    study = given["study"]
    if study is not None and not is_name(study):  # it is also the name of the sweep and of its folder
        rule = "must be a name without slashes or a leading dot, or null (sweep.name, or the searched keys)"
        problems.append(Problem(f"{PREFIX}.study", rule, study))
    checked = Settings(
        trials=whole("trials", 1),
        seeds=seeds,
        sampler=one_of("sampler", SAMPLERS),
        pruner=one_of("pruner", PRUNERS),
        parallel=joblib.cpu_count() if given["parallel"] is None else whole("parallel", 1),
        seed=whole("seed", 0),
        study=study,
    )
    if problems:
        raise UsageError(problems)
    return checked


def _seeds(given: Any) -> tuple[int, ...]:
    """Return the seeds of range(5), "0,1,2" or [0,1,2]: different whole numbers of at least 0."""
    found = _as_list(given)
    if (
        found
        and all(type(seed) is int and 0 <= seed <= LARGEST_SEED for seed in found)
        and len(set(found)) == len(found)
    ):
        return tuple(found)
    rule = "must be range(N), range(A,B), or a list of different whole numbers from 0 to 10^15"
    remedy = "range(5) for five seeds, [5] for the seed 5"
    raise UsageError([Problem(f"{PREFIX}.seeds", rule, given, remedy)])


def _as_list(given: Any) -> list[Any]:
    if isinstance(given, str):
        try:
            value = OverridesParser.create().parse_override(f"seed={given}").value()
        except HydraErrors:
            return []
        if isinstance(value, RangeSweep):
            length = abs(float(value.stop or 0) - float(value.start or 0))
            return list(value.range()) if length <= LARGEST else []
        given = value.list if isinstance(value, ChoiceSweep) else value
    return list(given) if isinstance(given, list | tuple) else []
