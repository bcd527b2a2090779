from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import pytest
from hydra.core.utils import JobReturn, JobStatus

from qsweep.plan.composition import Plan, plan
from qsweep.report.loading.selection import CONFIRM
from qsweep.runs.journal import Journal
from qsweep.runs.parent_run import parent_run
from qsweep.runs.sweep.batches import Batch, run_batch
from qsweep.runs.sweep.confirmation import confirming_jobs
from qsweep.runs.sweep.dry_run import dry_run
from qsweep.runs.sweep.executor import Executor
from qsweep.tracking.store import open_store

SMALL = (
    "env=frozen_lake",
    "env.max_steps=20",
    "episodes=70",
    "checkpoint_every=20",
    "registry.promote=never",
)
SMALL += ("evaluation.checkpoints=3", "evaluation.episodes=2", "evaluation.test_episodes=5")


def planned(*lines: str) -> Plan:
    return plan((*SMALL, *lines), multirun=True)


class Here:
    """A launcher that executes every batch in this process."""

    def __init__(self, jobs: Journal) -> None:
        self._jobs = jobs

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Execute the batches."""
        made = [JobReturn(status=JobStatus.COMPLETED) for _ in job_overrides]
        for job, [line] in zip(made, job_overrides, strict=True):
            job.return_value = run_batch(Batch.decoded(line[len("+batch='") : -1]), self._jobs)
        return made


def trained(wanted: Plan, count: int) -> None:
    """Train some of a plan's runs, for real."""
    jobs = Journal(Path("multirun") / "s")
    with parent_run(wanted) as parent:
        Executor(parent, Here(jobs), jobs, wanted.jobs[0].config).run(wanted.jobs[:count], wanted.name)


def files() -> list[str]:
    return sorted(path.name for path in Path.cwd().rglob("*") if not path.name.startswith("mlflow.db"))


@pytest.mark.parametrize("tracking", ["local", "none"])
def test_before_anything_was_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tracking: str) -> None:
    """All runs are to run; the amount is printed, and nothing is written, not even a store."""
    monkeypatch.chdir(tmp_path)
    lines = dry_run(planned("learning_rate=0.1,0.2", "seed=range(3)", f"tracking={tracking}")).splitlines()
    assert lines[:2] == ["learning_rate,seed: 6 runs", "  6 to run"]
    assert re.fullmatch(r"  420 episodes, 1,698 points, about [\d.]+ [km]?B", lines[2], re.IGNORECASE)
    assert re.fullmatch(r"  about \d+ s on \d+ cores; 2 of 2 variants were timed", lines[3])
    assert lines[4:] == ["nothing was run (sweep.dry_run=true)"]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("workdir")
def test_steps_may_end_runs_before() -> None:
    """With `steps`, the numbers of episodes and points are bounds, and are called so."""
    lines = dry_run(planned("seed=0,1", "steps=100")).splitlines()
    assert lines[2].startswith("  at most 140 episodes, 566 points, about ")
    assert lines[3].startswith("  then about ")


@pytest.mark.parametrize("more", [(), ("tracking.max_points=10",), ("tracking.max_points=0", "episodes=33")])
@pytest.mark.usefixtures("workdir")
def test_points_are_those_that_a_run_logs(more: tuple[str, ...]) -> None:
    """The estimated number of points matches a real run."""
    wanted = planned("seed=0,1", *more)
    [said] = re.findall(r"([\d,]+) points", dry_run(wanted))
    trained(wanted, 2)
    client = open_store("local").client
    experiment = client.get_experiment_by_name("FrozenLake-v1").experiment_id
    curves = ("train/return_avg", "train/return_min", "train/return_max", "train/epsilon", "eval/return_mean")
    logged = [
        len(client.get_metric_history(run.info.run_id, key))
        for run in client.search_runs([experiment])
        for key in curves
    ]
    assert int(said.replace(",", "")) == sum(logged)


@pytest.mark.usefixtures("workdir")
def test_what_an_earlier_launch_left() -> None:
    """Finished runs are skipped unless rerun is set; new values run; a dry run changes nothing."""
    trained(planned("learning_rate=0.1,0.2", "seed=range(2)"), 3)
    before = files()
    grown = ("learning_rate=0.1,0.2,0.3", "seed=range(2)")
    assert dry_run(planned(*grown)).splitlines()[1:3] == [
        "  3 to run",
        "  3 already finished",
    ]
    assert dry_run(planned(*grown, "sweep.rerun=all")).splitlines()[1] == "  6 to run"
    assert dry_run(planned(*grown, "discount=0.5")).splitlines()[1] == "  6 to run"
    assert files() == before


@pytest.mark.usefixtures("workdir")
def test_a_sweep_that_is_whole() -> None:
    """If nothing is to run, nothing is measured."""
    wanted = planned("seed=0,1")
    trained(wanted, 2)
    assert dry_run(wanted).splitlines() == [
        "seed: 2 runs",
        "  0 to run",
        "  2 already finished",
        "nothing was run (sweep.dry_run=true)",
    ]


@pytest.mark.usefixtures("workdir")
def test_runs_on_fresh_seeds_that_a_finished_sweep_lacks() -> None:
    """They are counted exactly, whether none or some of them have finished."""
    wanted = planned("learning_rate=0.1,0.2", "seed=range(2)", "registry.promote=auto")
    trained(wanted, 4)
    assert dry_run(wanted).splitlines()[1:4] == [
        "  0 to run",
        "  4 already finished",
        "  10 more, of the best variants on fresh seeds (registry.confirm_seeds=5)",
    ]
    jobs = Journal(Path("multirun") / "s")
    with parent_run(wanted) as parent:
        assert parent.store
        fresh = confirming_jobs(parent.store, wanted, parent.run_id)
        Executor(parent, Here(jobs), jobs, wanted.jobs[0].config).run(fresh[:7], f"{wanted.name}{CONFIRM}")
    assert "  3 more, of the best variants" in dry_run(wanted)


@pytest.mark.parametrize(
    ("lines", "more"),
    [
        (("learning_rate=0.1,0.2,0.3,0.4", "seed=range(2)"), 3 * 5),
        (("learning_rate=0.1,0.2", "seed=range(2)", "registry.confirm_seeds=2"), 2 * 2),
        (("learning_rate=0.1,0.2", "env.max_steps=20,30"), 2 * 2 * 5),
        (("seed=range(2)",), 0),  # nothing to choose between
        (("learning_rate=0.1,0.2", "registry.confirm_seeds=0"), 0),
        (("learning_rate=0.1,0.2", "tracking=none"), 0),
    ],
)
@pytest.mark.usefixtures("workdir")
def test_runs_on_fresh_seeds_are_counted(lines: tuple[str, ...], more: int) -> None:
    """Confirmation runs are listed at their maximum and included in episodes and time."""
    wanted = planned(*lines, "registry.promote=auto")
    said = dry_run(wanted)
    assert re.findall(r"up to (\d+) more, of the best variants on fresh seeds", said) == (
        [str(more)] if more else []
    )
    assert f"{70 * (len(wanted.jobs) + more):,} episodes" in said
