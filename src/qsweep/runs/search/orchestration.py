"""A search under one parent run, then its winner confirmed and its runs compared."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click
from hydra.plugins.launcher import Launcher

from qsweep.runs.journal import Journal
from qsweep.runs.parent_run import parent_run
from qsweep.runs.sweep.executor import Executor
from qsweep.runs.sweep.orchestration import Concluded, conclude, stopping_runs

if TYPE_CHECKING:
    from qsweep.runs.search.loop import RunRequest, RunScore
    from qsweep.runs.search.planning import SearchPlan


def search(
    wanted: SearchPlan, launcher: Launcher, folder: Path, say: Callable[[str], object] = click.echo
) -> Concluded:
    """Search as a plan says, every run under one parent run; then confirm the winner, and compare.

    say: told of each trial that is the best so far.

    The study of an earlier launch is resumed. Raises as `sweep` does.
    """
    from qsweep.runs.search import study  # optuna is slow to import
    from qsweep.runs.search.best_trials import plan_of_best
    from qsweep.runs.search.loop import Search
    from qsweep.runs.search.pruners import pruner
    from qsweep.runs.search.samplers import sampler
    from qsweep.runs.search.trials import train_runs

    journal, plan = Journal(folder), plan_of_best(wanted, [])
    first, how = wanted.first, wanted.settings
    points = sampler(how.sampler, how.seed, wanted.space)
    path, stops = study.database(first.tracking.uri), pruner(how.pruner)
    held = study.SearchStudy(wanted.name, path, points, stops, wanted.study_facts)
    with stopping_runs(journal), parent_run(plan, how.trials * len(how.seeds)) as parent:
        runs = Executor(parent, launcher, journal, first)
        best = -math.inf

        def train(requests: Sequence[RunRequest]) -> Sequence[RunScore]:
            runs.doing = f"trial {min(held.count_trials() + 1, how.trials):,} of {how.trials:,}"
            return train_runs(wanted, runs.run, parent.store, requests)

        for result in Search(held, wanted.space, how, train).run():
            if result.state == "complete" and result.mean > best:
                best = result.mean
                number = held.number_of(result.number)
                say(f"trial {number}: {', '.join(result.overrides)}: {result.mean:.4g}")
        plan = plan_of_best(wanted, held.study.get_trials(deepcopy=False))
        concluded = Concluded(parent.run_id, {}, "")
        if runs.check_recorded():
            concluded = conclude(plan, parent, runs, journal)
        parent.complete = runs.check_recorded()
    return concluded
