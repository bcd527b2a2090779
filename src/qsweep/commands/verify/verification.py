"""Measure the cases on all cores and compare them with the expected numbers."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Sequence

import numpy as np

from qsweep.commands.verify.cases import CASES, INSTANT, Case, Measurement
from qsweep.commands.verify.table import show
from qsweep.errors import Problem, UsageError, closest
from qsweep.plan.composition import load_config
from qsweep.runs.progress import bar
from qsweep.system.exit_with_parent import exit_with_parent

CONFIDENCE = 0.95


def verify(names: Sequence[str] = (), quick: bool = False) -> bool:
    """Measure the named cases or groups, or all; print a table; return whether all are reproduced.

    quick: use fewer runs and skip the longest. Raises UsageError for an unknown name.
    """
    measurements = measure_all(chosen(names, quick), quick)
    show(measurements)
    return all(measurement.reproduced for measurement in measurements)


def chosen(names: Sequence[str], quick: bool) -> tuple[Case, ...]:
    """Return the cases with these names, or in these groups (before the slash); all without a name.

    Raises UsageError for an unknown name, or if `quick` skips all named cases.
    """
    words = {word for case in CASES for word in (case.name, case.name.partition("/")[0])}
    unknown = [name for name in names if name not in words]
    if unknown:
        rule = "must be a case or a group of cases"
        raise UsageError(Problem("case", rule, name, closest(name, words)) for name in unknown)
    named = [case for case in CASES if not names or {case.name, case.name.partition("/")[0]} & set(names)]
    kept = tuple(case for case in named if case.quick_seeds or not quick)
    if not kept:
        raise UsageError([Problem("case", "has no short form", ", ".join(names), "run it without --quick")])
    return kept


def measure_all(cases: Sequence[Case], quick: bool) -> list[Measurement]:
    """Measure the cases in parallel, one process per core; return the measurements in the cases' order."""
    from joblib import Parallel, cpu_count, delayed

    at_once = min(cpu_count(), len(cases))
    order = sorted(cases, key=lambda case: not case.name.startswith(f"{INSTANT}/"))  # stable
    jobs = (delayed(measure)(case, quick) for case in order)
    worker = {"initializer": exit_with_parent, "initargs": (os.getpid(),)}
    measurements = Parallel(n_jobs=at_once, batch_size=1, return_as="generator_unordered", **worker)(jobs)
    found: dict[str, Measurement] = {}
    with bar("{task.fields[last]}") as progress:
        shown = progress.add_task("verifying", total=len(cases), last="")
        for measurement in measurements:
            found[measurement.case.name] = measurement
            progress.update(shown, advance=1, last=measurement.case.name)
    return [found[case.name] for case in cases]


def measure(case: Case, quick: bool) -> Measurement:
    """Train and measure a case once for each seed."""
    config = load_config(case.overrides)
    seeds = case.quick_seeds if quick else case.seeds
    values = [case.measure(dataclasses.replace(config, seed=seed)) for seed in range(seeds)]
    mean, low, high = mean_interval(values)
    return Measurement(case, seeds, mean, low, high)


def mean_interval(values: Sequence[float]) -> tuple[float, float, float]:
    """Return the mean and the ends of its 95% interval by Student's t; a single value counts as exact."""
    mean = float(np.mean(values))
    if len(values) == 1:
        return mean, mean, mean
    from scipy.special import stdtrit  # type: ignore[import-untyped]

    error = float(np.std(values, ddof=1)) / len(values) ** 0.5
    reach = float(stdtrit(len(values) - 1, (1 + CONFIDENCE) / 2)) * error
    return mean, mean - reach, mean + reach
