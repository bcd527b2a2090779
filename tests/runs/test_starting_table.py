"""Training that starts from a trained Q-table, `initial_q.from`."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from qsweep.commands.pull import pull
from qsweep.commands.reproduce import reproduce
from qsweep.config import config_hash, variant_hash
from qsweep.errors import UsageError
from qsweep.learning.algorithms import NAMES
from qsweep.learning.engines.learner import learner
from qsweep.learning.training import train
from qsweep.plan.composition import Plan, load_config, load_resolved, plan
from qsweep.report.loading.archives import archive, first_and_last
from qsweep.runs.journal import Journal
from qsweep.runs.runner import Work
from qsweep.runs.starting_table import Tables, with_starts
from qsweep.runs.sweep.batches import Assigned, Batch, run_batch
from qsweep.system.liveness import announce
from qsweep.tracking.checkpoints import sha256
from qsweep.tracking.run_search import run_of
from qsweep.tracking.store import Store, open_store
from qsweep.tracking.stored_run import FROM_CHECKPOINT, FROM_RUN
from tests.support.interpreted import train_interpreted
from tests.support.trained import run

LAKE = [
    "env=frozen_lake",
    "initial_q.low=-1",
    "initial_q.high=1",
    "evaluation.episodes=2",
    "evaluation.test_episodes=2",
    "evaluation.checkpoints=1",
]
BOTH = "'first,seed=0/ep000020','first,seed=0/ep000040'"
TILES = ["discretizer=tiles", "buckets=4"]


@dataclasses.dataclass(frozen=True)
class Trained:
    """A store with a run of 40 episodes on the lake, and its folder with the pulled checkpoint 20."""

    store: Store
    run_id: str
    table: Any


@pytest.fixture(scope="module")
def trained(migrated_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trained]:
    """A run whose checkpoints others start from; the current folder is that of its store."""
    from tests.conftest import copy_store

    folder = tmp_path_factory.mktemp("trained")
    (folder / "mlruns").mkdir()
    copy_store(migrated_store, folder / "mlruns" / "mlflow.db")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        [outcome] = run([Work(load_resolved([*LAKE, "episodes=40"]), "first,seed=0", "")])
        store = open_store("local")
        pulled = pull(store, f"{outcome.run_id}/ep20", Path("pulled"))
        yield Trained(store, outcome.run_id, pulled.policy.q_table)


def started(*lines: str) -> Plan:
    given = [line for line in lines if line != "-m"]
    return with_starts(plan([*LAKE, *given], multirun="-m" in lines))


@pytest.mark.parametrize("algorithm", NAMES)
def test_every_algorithm_starts_from_it(algorithm: str, trained: Trained) -> None:
    """The agent's table is the trained one, so are both of double Q-learning; training changes it."""
    [job] = started("initial_q.from=first,seed=0/ep000020", "episodes=5", f"algorithm={algorithm}").jobs
    learning = learner(job.resolved)
    assert learning.agent.q.reshape(trained.table.shape).tobytes() == trained.table.tobytes()
    if algorithm == "double_q_learning":
        assert learning.memory.q1.tobytes() == learning.memory.q2.tobytes() == trained.table.tobytes()
    with np.errstate(over="ignore"):
        last = train_interpreted(job.resolved)[-1].q_table
    assert 0 < (last != trained.table).sum() < last.size / 2


@pytest.mark.usefixtures("trained")
def test_both_engines_start_from_it() -> None:
    """They give the same table, another one than without it; the run's own table is not changed."""
    lines = ("initial_q.from=first,seed=0", "episodes=30", "tracking=none")
    runs = [started(*lines, f"engine={engine}").jobs[0].resolved for engine in ("compiled", "gymnasium")]
    one, other = ([*train(each)][-1].q_table for each in runs)
    assert one.tobytes() == other.tobytes()
    assert one.tobytes() != [*train(load_resolved([*LAKE, *lines[1:]]))][-1].q_table.tobytes()
    assert runs[0].start is not None
    assert sha256(runs[0].start.q_table) == runs[0].config.initial_q.sha256


@pytest.mark.parametrize(
    ("name", "recorded"),
    [
        ("first,seed=0/ep000020", "{run}/ep000020"),
        ("{run}/ep20", "{run}/ep000020"),
        ("./pulled", "./pulled"),
        ("pulled", "pulled"),
    ],
)
def test_its_lineage_is_recorded(name: str, recorded: str, trained: Trained) -> None:
    """Params and tags name the run and checkpoint; however the table is named, the config is the same."""
    [job] = started(f"initial_q.from={name.format(run=trained.run_id)}", "episodes=10", "seed=1").jobs
    recorded = recorded.format(run=trained.run_id)
    assert job.config.initial_q.from_ == recorded
    assert job.overrides[-1] == f"initial_q.from={recorded}"
    by_id = started(f"initial_q.from={trained.run_id}/ep20", "episodes=10", "seed=1").jobs[0].config
    assert config_hash(job.config) == config_hash(by_id)
    [outcome] = run([Work(job.resolved, job.name, "")])
    made = run_of(trained.store, outcome.run_id)
    assert (made.tags[FROM_RUN], made.tags[FROM_CHECKPOINT]) == (trained.run_id, "ep000020")
    assert made.params["initial_q.from"] == recorded
    assert made.params["initial_q.sha256"] == sha256(trained.table)


def test_the_table_is_checkpoint_0(trained: Trained) -> None:
    """The record of a run is enough to reproduce it, and to compare its tables before and after."""
    [job] = started("initial_q.from=first,seed=0/ep000020", "episodes=25", "seed=5").jobs
    [outcome] = run([Work(job.resolved, job.name, "")])
    made = run_of(trained.store, outcome.run_id)
    with archive(trained.store, made.run_id, made.artifacts) as history:
        assert history.names() == ["ep000000", "ep000010", "ep000020", "ep000025"]
        assert history.q_table("ep000000").tobytes() == trained.table.tobytes()
    found = first_and_last(trained.store, made.run_id, made.artifacts)
    assert found is not None
    assert found[0].tobytes() == trained.table.tobytes()
    again = reproduce(trained.store, made.run_id)
    assert again.equal
    assert again.config == again.recorded_config


def test_a_worker_gets_it_from_the_store(trained: Trained, tmp_path: Path) -> None:
    """A batch names the table; the worker reads it, and refuses another one under that name."""
    jobs = started("-m", f"initial_q.from={BOTH}", "seed=0,1").jobs
    assert len({variant_hash(job.config) for job in jobs}) == 2
    batch = Batch(
        announce(), 1, tuple(Assigned(n, Work(job.resolved, job.name, "")) for n, job in enumerate(jobs))
    )
    again = Batch.decoded(batch.encoded())
    assert all(each.work.resolved.start is None for each in again.runs)
    ended = run_batch(again, Journal(tmp_path))
    found = [run_of(trained.store, str(each.outcome.get("run_id"))) for each in ended]
    assert [made.params["initial_q.sha256"] for made in found] == [
        job.config.initial_q.sha256 for job in jobs
    ]
    assert all(made.tags[FROM_RUN] == trained.run_id for made in found)
    other = dataclasses.replace(jobs[0].config.initial_q, sha256="0" * 64)
    with pytest.raises(UsageError, match=r"initial_q\.from: must be the Q-table with the hash 0000"):
        Tables().started(jobs[0].resolved.changed(initial_q=other))
    assert trained.run_id in str(jobs[0].overrides)


@pytest.mark.usefixtures("trained")
def test_a_worker_in_another_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder's name is relative to the one of the command, though Hydra has changed the worker's."""
    [job] = started("initial_q.from=pulled", "episodes=10", "seed=11").jobs
    batch = Batch(announce(), 1, (Assigned(0, Work(job.resolved, job.name, "")),), str(Path.cwd()))
    monkeypatch.chdir(tmp_path)
    [ended] = run_batch(Batch.decoded(batch.encoded()), Journal(tmp_path))
    assert ended.error == ""


@pytest.mark.usefixtures("trained")
def test_one_run_whose_table_is_gone(tmp_path: Path) -> None:
    """It fails; the others of its batch run."""
    [job] = started("initial_q.from=pulled", "episodes=10", "seed=12").jobs
    gone = job.resolved.changed(initial_q=dataclasses.replace(job.config.initial_q, from_="./gone"))
    runs = (Assigned(0, Work(gone, "gone", "")), Assigned(1, Work(job.resolved, job.name, "")))
    ended = run_batch(Batch.decoded(Batch(announce(), 1, runs).encoded()), Journal(tmp_path))
    assert [each.error.partition(";")[0] for each in ended] == [
        "UsageError: initial_q.from: is no folder that `qsweep pull` wrote",
        "",
    ]


REFUSED = {
    "initial_q.from=nobody": "initial_q.from: is not the name or id of a run; given 'nobody'",
    "initial_q.from=first,seed=0/ep000021": "is not a checkpoint of this run; given 'ep000021' (nearest:",
    "initial_q.from=./nowhere": "initial_q.from: is no folder that `qsweep pull` wrote; given './nowhere'",
    "initial_q.from=first,seed=0 env=taxi": (
        "initial_q.from: must have this run's grid (500 buckets, 6 actions), but has 16 buckets, 4 actions"
    ),
    "initial_q.from=pulled env=mountain_car": "(20 x 20 buckets, 3 actions), but has 16 buckets, 4 actions",
    "initial_q.from=3": "initial_q.from: must be a name that `qsweep pull` takes, a folder, or null; given 3",
    f"initial_q.sha256={'0' * 64}": "initial_q.sha256: needs initial_q.from",
    "initial_q.sha256=abc": "initial_q.sha256: must be 64 hex digits, or null; given 'abc'",
}


@pytest.mark.usefixtures("trained")
@pytest.mark.parametrize("lines", REFUSED)
def test_what_does_not_fit_is_refused(lines: str) -> None:
    """One error names the key, the rule and what was given."""
    with pytest.raises(UsageError) as caught:
        started(*lines.split())
    [problem] = caught.value.problems
    assert REFUSED[lines] in str(problem)


def test_other_buckets_are_refused_with_the_key_that_makes_them_fit(workdir: Path) -> None:
    """If the number of buckets alone differs, the message says which one is needed."""
    lines = ["buckets=[3,4]", "episodes=1", *LAKE[1:]]
    run([Work(load_resolved(lines), "small", "")])
    for other, remedy in (
        ("buckets=5", r"\(set buckets=\[3,4\]\)"),
        ("discretizer=tiles buckets=[3,4]", "$"),
    ):
        with pytest.raises(UsageError, match=f"but has 3 x 4 buckets, 3 actions; given 'small'.*{remedy}"):
            with_starts(plan([*lines, *other.split(), "initial_q.from=small"], multirun=False))
    with pytest.raises(UsageError, match="but has other bounds or edges"):
        with_starts(plan([*lines, "env.low=[-1,-0.07]", "initial_q.from=small"], multirun=False))
    assert workdir.exists()


def test_tilings_start_from_tilings(workdir: Path) -> None:
    """A table of tile coding has a value per tile, and so have the runs that start from it."""
    lines = [*TILES, "episodes=1", *LAKE[1:]]
    [outcome] = run([Work(load_resolved(lines), "tiles", "")])
    [job] = with_starts(plan([*lines, "initial_q.from=tiles"], multirun=False)).jobs
    assert job.resolved.start is not None
    assert job.resolved.start.q_table.shape == job.resolved.shape
    assert (workdir / "mlruns").exists()
    assert outcome.run_id == job.resolved.start.run_id


def test_two_names_of_one_table_are_one_run(trained: Trained) -> None:
    """A multirun over both is refused, as over any two equal values."""
    with pytest.raises(UsageError, match="is the same run as"):
        started("-m", f"initial_q.from=pulled,{trained.run_id}/ep000020")


def test_a_table_where_an_action_does_not_exist(workdir: Path) -> None:
    """Values of actions that a state does not have stay at minus infinity."""
    lines = ["env.id=qsweep/MaximizationBias-v0", "episodes=3", *LAKE[1:]]
    run([Work(load_resolved(lines), "bias", "")])
    [job] = with_starts(plan([*lines, "initial_q.from=bias"], multirun=False)).jobs
    own = learner(load_resolved(lines)).agent.q
    assert (np.isinf(learner(job.resolved).agent.q) == np.isinf(own)).all()
    assert workdir.exists()


def test_training_without_a_store_says_so() -> None:
    """`qsweep.train` alone reads no store."""
    config = load_config([*LAKE, "initial_q.from=first", "engine=gymnasium"])
    with pytest.raises(UsageError, match=re.escape("initial_q.from: needs a store")):
        next(train(config))
