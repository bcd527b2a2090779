"""Run the cases, on every core, and judge what they give."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Sequence

import numpy as np

from qsweep.commands.verify.cases import CASES, Case, Finding
from qsweep.errors import Problem, UsageError, closest
from qsweep.plan.composition import load_config
from qsweep.runs.progress import bar
from qsweep.system.exit_with_parent import exit_with_parent

CONFIDENCE = 0.95


def verify(names: Sequence[str] = (), quick: bool = False) -> bool:
    """Run the cases of these names, or groups, or all; print a table; whether all are reproduced.

    quick: fewer runs, and not the longest. Raises UsageError for a name that is none.
    """
    from qsweep.commands.verify.table import show

    findings = find(chosen(names, quick), quick)
    show(findings)
    return all(finding.reproduced for finding in findings)


def chosen(names: Sequence[str], quick: bool) -> tuple[Case, ...]:
    """The cases of these names, or of the groups before the slash; all for no name.

    Raises UsageError for a name that is none, or where the short form leaves out all that is named.
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


def find(cases: Sequence[Case], quick: bool) -> list[Finding]:
    """What the cases give, in their order; each in one process, as many at a time as there are cores."""
    from joblib import Parallel, cpu_count, delayed

    at_once = min(cpu_count(), len(cases))
    jobs = (delayed(measured)(case, quick) for case in cases)
    worker = {"initializer": exit_with_parent, "initargs": (os.getpid(),)}
    findings = Parallel(n_jobs=at_once, batch_size=1, return_as="generator_unordered", **worker)(jobs)
    found: dict[str, Finding] = {}
    with bar("{task.fields[last]}") as progress:
        shown = progress.add_task("verifying", total=len(cases), last="")
        for finding in findings:
            found[finding.case.name] = finding
            progress.update(shown, advance=1, last=finding.case.name)
    return [found[case.name] for case in cases]


def measured(case: Case, quick: bool) -> Finding:
    """Train and measure a case once for every seed."""
    config = load_config(case.overrides)
    seeds = case.quick_seeds if quick else case.seeds
    values = [case.measure(dataclasses.replace(config, seed=seed)) for seed in range(seeds)]
    mean, low, high = mean_interval(values)
    return Finding(case, seeds, mean, low, high)


def mean_interval(values: Sequence[float]) -> tuple[float, float, float]:
    """The mean, and the ends of its 95% interval by Student's t; a single value is taken as exact."""
    mean = float(np.mean(values))
    if len(values) == 1:
        return mean, mean, mean
    from scipy.special import stdtrit  # type: ignore[import-untyped]

    error = float(np.std(values, ddof=1)) / len(values) ** 0.5
    reach = float(stdtrit(len(values) - 1, (1 + CONFIDENCE) / 2)) * error
    return mean, mean - reach, mean + reach
