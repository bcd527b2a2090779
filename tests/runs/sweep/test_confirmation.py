from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
import pytest
from mlflow import MlflowClient

from qsweep import seeds
from qsweep.commands.gc.condition import Condition, runs_to_delete
from qsweep.config import Config
from qsweep.environments.resolved import Resolved
from qsweep.learning.initial_table import initial_table
from qsweep.plan.composition import Job, Plan, load_resolved, plan
from qsweep.policies.evaluation.evaluator import TEST_FILE, EvaluationResult
from qsweep.policies.evaluation.rollouts import Rollouts
from qsweep.policies.evaluation.starts import StartSet
from qsweep.policies.registry.promotion import Promotion
from qsweep.report.comparison.standings import load_variants
from qsweep.report.loading.runs import load_runs, with_scores
from qsweep.report.loading.selection import Selection, selected
from qsweep.report.terminal import show_runs, variants_table
from qsweep.report.words import conclusions
from qsweep.runs.runner import about, run_record
from qsweep.runs.sweep.confirmation import Winner, _best_run, winners
from qsweep.tracking.checkpoints import FILE_NAME, History
from qsweep.tracking.client.mlflow_tracker import MlflowTracker
from qsweep.tracking.store import Store, open_store
from qsweep.tracking.stored_run import EXACT, SAMPLED
from qsweep.tracking.tracker import RunRecord
from tests.support.commands import run_command

pytestmark = pytest.mark.slow

Score = Callable[[Config], float | None]
"""The score of a config on every test start; None: its run fails."""


def measure(store: Store, made: Resolved, name: str, score: float | None) -> None:
    """Record a run as if it had been trained, with a random table and this score."""
    log = MlflowTracker(store).open(run_record(made, name, ""))
    if score is None:
        log.close("FAILED", {}, {})
        return
    table = initial_table(made.config, made)
    test = Rollouts(np.full(5, score), np.full(5, 9, np.int32), np.ones(5, bool))
    result = EvaluationResult(10, table, test, test, StartSet(seeds.test(5)), made.env.id)
    with TemporaryDirectory() as temporary:
        folder = Path(temporary)
        with History(folder / FILE_NAME, table.shape, about(made)) as history:
            history.add(10, table)
        log.keep(folder / FILE_NAME, "checkpoints")
        result.write(folder / TEST_FILE)
        log.keep(folder / TEST_FILE, "evaluation")
    log.close("FINISHED", result.metrics() | {"train/return_avg": score, "train/seconds": 1.0}, {})


@dataclass
class Sweep:
    """A multirun whose runs get given scores. launched: the confirmation's jobs."""

    store: Store
    plan: Plan
    score: Score
    parent: str
    launched: list[Job] = field(default_factory=list)

    def launch(self, jobs: Sequence[Job], name: str) -> None:
        """Record the jobs under the parent."""
        own = (f"sweep.name='{name}'", f"tracking.parent={self.parent}")
        for job in jobs:
            made = load_resolved([*job.overrides, *own])
            measure(self.store, made, job.name, self.score(made.config))

    def confirm(self, jobs: Sequence[Job], name: str) -> None:
        """The launch function passed to `winners`."""
        assert name == f"{self.plan.name}-confirm"
        self.launched += jobs
        self.launch(jobs, name)

    def winners(self) -> list[Winner]:
        """Run the sweep, and choose."""
        self.launch(self.plan.jobs, self.plan.name)
        return winners(self.store, self.plan, self.parent, self.confirm)


@pytest.fixture
def sweep(workdir: Path) -> Callable[..., Sweep]:
    """Return a function that makes a sweep of overrides in an empty store."""
    store = open_store(f"sqlite:///{workdir}/mlruns/mlflow.db")

    def make(score: Score, *lines: str) -> Sweep:
        wanted = plan(("episodes=100", *lines), multirun=True)
        record = RunRecord(wanted.name, "MountainCar-v0", {}, {"qsweep.sweep": wanted.name})
        return Sweep(store, wanted, score, MlflowTracker(store).open(record).run_id)

    return make


def by_table(scores: dict[tuple[object, int], float | None]) -> Score:
    """The score of a number of buckets and a seed."""
    return lambda config: scores[config.buckets, config.seed]


def best_run(store: Store, name: str) -> str:
    """Return the name of the run behind a model's `best`."""
    version = store.client.get_model_version_by_alias(name, "best")
    return str(store.client.get_run(version.run_id).info.run_name)


LUCKY = {
    (2, 0): -100.0, (2, 1): -120.0, (2, 2): -150.0, (2, 3): -160.0,
    (3, 0): -115.0, (3, 1): -125.0, (3, 2): -126.0, (3, 3): -112.0,
}  # fmt: skip
"""Two buckets lead over the sweep's seeds, three over fresh ones."""


def test_fresh_seeds_decide(sweep: Callable[..., Sweep]) -> None:
    """The best variant over all seeds wins, not the first leader; its best run is registered."""
    made = sweep(by_table(LUCKY), "buckets=2,3", "seed=0,1", "registry.confirm_seeds=2")
    [winner] = made.winners()
    assert winner == Winner(
        env_id="MountainCar-v0",
        environment=winner.environment,
        label="buckets=3",
        leader="buckets=2",
        run_name="buckets=3,seed=3",
        runs=4,
        first=-110.0,
        fresh=-155.0,
        promotion=Promotion("MountainCar-v0", "1", better=True, difference=None),
    )
    assert best_run(made.store, "MountainCar-v0") == "buckets=3,seed=3"
    assert winner.metrics() == {
        "confirm/first_mean": -110.0,
        "confirm/fresh_mean": -155.0,
        "confirm/optimism": 45.0,
    }


def test_finalists_are_trained_on_fresh_seeds(sweep: Callable[..., Sweep]) -> None:
    """The three best variants are trained on the configured number of unused seeds."""
    made = sweep(
        lambda config: -100.0 - (int(str(config.buckets)) - 4) ** 2 - config.seed,
        "buckets=2,3,4,5,6",
        "seed=7,9",
        "registry.confirm_seeds=2",
    )
    [winner] = made.winners()
    assert sorted(job.name for job in made.launched) == [
        f"buckets={buckets},seed={seed}" for buckets in (3, 4, 5) for seed in (10, 11)
    ]
    assert all(f"seed={job.name[-2:]}" in job.overrides for job in made.launched)
    assert not any("seed=7" in job.overrides or "seed=9" in job.overrides for job in made.launched)
    assert (winner.label, winner.run_name) == ("buckets=4", "buckets=4,seed=7")
    confirmed = load_runs(f"{made.plan.name}-confirm", made.store.uri)
    assert sorted(zip(confirmed["buckets"], confirmed["seed"], strict=True)) == [
        (buckets, seed) for buckets in (3, 4, 5) for seed in (10, 11)
    ]


@pytest.mark.parametrize(
    "lines",
    [("buckets=2,3", "seed=0,1", "registry.confirm_seeds=0"), ("buckets=2", "seed=0,1")],
    ids=["switched off", "one variant"],
)
def test_without_confirmation(sweep: Callable[..., Sweep], lines: tuple[str, ...]) -> None:
    """Without confirmation, or with one variant, the sweep's best run is registered."""
    made = sweep(by_table(LUCKY), *lines)
    [winner] = made.winners()
    assert made.launched == []
    assert (winner.run_name, winner.fresh, winner.metrics()) == (made.plan.jobs[0].name, None, {})
    assert best_run(made.store, "MountainCar-v0") == winner.run_name
    assert "\n" not in str(winner)


def test_a_winner_in_each_environment(sweep: Callable[..., Sweep]) -> None:
    """In a sweep over environments each has its finalists, its winner and its model."""
    rates = ("learning_rate=0.1,0.2,0.3,0.4", "env=mountain_car,cart_pole", "registry.confirm_seeds=1")
    made = sweep(
        lambda config: (
            -config.learning_rate if config.env.id == "CartPole-v1" else config.learning_rate - 200
        ),
        *rates,
    )
    found = {winner.env_id: winner for winner in made.winners()}
    assert {env: winner.label for env, winner in found.items()} == {
        "CartPole-v1": "learning_rate=0.1",
        "MountainCar-v0": "learning_rate=0.4",
    }
    assert len(made.launched) == 6
    assert best_run(made.store, "CartPole-v1").startswith("learning_rate=0.1,env=cart_pole")
    assert best_run(made.store, "MountainCar-v0").startswith("learning_rate=0.4,env=mountain_car")


def test_a_winner_that_does_not_beat_the_best(sweep: Callable[..., Sweep]) -> None:
    """A later sweep's winner becomes a version, and `best` stays where it does not beat it."""
    lines = ("seed=0,1", "registry.confirm_seeds=2")
    sweep(by_table(LUCKY), "buckets=2,3", *lines).winners()
    [winner] = sweep(lambda config: -130.0 - config.seed, "buckets=4,5", *lines).winners()
    assert winner.promotion == Promotion("MountainCar-v0", "2", better=False, difference=-18.0)


def test_runs_that_failed_do_not_count(sweep: Callable[..., Sweep]) -> None:
    """Only finished runs count; a variant without any is no finalist."""
    scores = {**LUCKY, (2, 0): None, (2, 1): None, (3, 0): None}
    made = sweep(by_table(scores), "buckets=2,3", "seed=0,1", "registry.confirm_seeds=2")
    [winner] = made.winners()
    assert (winner.run_name, winner.first, made.launched) == ("buckets=3,seed=1", -125.0, [])


def test_one_ranking_everywhere(sweep: Callable[..., Sweep], monkeypatch: pytest.MonkeyPatch) -> None:
    """Terminal, sentence, report, registry and gc have one order, over all seeds, fresh ones included.

    Over the sweep's own seeds alone, three buckets would lead, which did badly on their fresh seeds; by the
    plain mean over whatever runs there are two buckets would, of whose runs but one finished.
    """
    scores = {
        (2, 0): -100.0, (2, 1): None,
        (3, 0): -120.0, (3, 1): -121.0, (3, 2): -190.0, (3, 3): -191.0,
        (4, 0): -130.0, (4, 1): -131.0, (4, 2): -130.0, (4, 3): -131.0,
        (5, 0): -140.0, (5, 1): -141.0, (5, 2): -140.0, (5, 3): -141.0,
    }  # fmt: skip
    made = sweep(by_table(scores), "buckets=2,3,4,5", "seed=0,1", "registry.confirm_seeds=2")
    [winner] = made.winners()
    assert list(dict.fromkeys(job.name.partition(",")[0] for job in made.launched)) == [
        "buckets=3",
        "buckets=4",
        "buckets=5",
    ]
    order = ["buckets=4", "buckets=5", "buckets=3", "buckets=2"]
    assert (winner.label, winner.run_name) == ("buckets=4", "buckets=4,seed=0")
    assert best_run(made.store, "MountainCar-v0") == "buckets=4,seed=0"
    runs = selected(made.store, Selection(made.plan.name))
    assert [*variants_table(runs, "").columns[0].cells] == order
    assert load_variants(made.plan.name, made.store.uri)["label"].tolist() == order
    called = runs.set_index("run_id")["name"].str.partition(",")[0]
    for count in range(1, 5):
        assert set(called.drop(runs_to_delete(runs, Condition(keep_best=count)))) == set(order[:count])
    monkeypatch.setenv("COLUMNS", "140")
    for name in (made.plan.name, "MountainCar-v0", None):
        assert printed_order(made.store, name) == order
    [sentence] = conclusions(runs, {winner.environment: str(winner)})
    assert sentence.startswith(
        "buckets=4, 5, 3 and 2 cannot be distinguished with 1 to 4 seeds each, up to 2 of "
    )
    assert sentence.endswith(
        "; MountainCar-v0@best is now the best run of buckets=4, which ranks first (buckets=4,seed=0, of 4 "
        "seeds)."
    )


def printed_order(store: Store, name: str | None) -> list[str]:
    """Return the variants in the order in which `qsweep runs` prints them."""
    output = StringIO()
    with redirect_stdout(output):
        show_runs(store, name, 5)
    lines = output.getvalue().partition("Runs")[0].splitlines()
    return [line.split()[0] for line in lines if line.startswith("buckets=")]


def test_a_second_plan_under_one_name(sweep: Callable[..., Sweep]) -> None:
    """What another launch added to the sweep counts, too: the first in its report is registered."""
    lines = ("seed=0,1", "registry.confirm_seeds=0", "sweep.name=s")
    made = sweep(lambda config: -100.0 - int(str(config.buckets)), "buckets=2,3", *lines)
    made.winners()
    made.plan = plan(("episodes=100", "buckets=4,5", *lines), multirun=True)
    [winner] = made.winners()
    assert winner.label == load_variants("s", made.store.uri)["label"][0] == "buckets=2"


def test_no_run_finished(sweep: Callable[..., Sweep]) -> None:
    """If every run failed, there is no winner, and nothing is registered."""
    made = sweep(lambda _: None, "buckets=2,3", "seed=0,1")
    assert made.winners() == []
    assert list(made.store.client.search_registered_models()) == []


def test_confirmations_that_all_fail(sweep: Callable[..., Sweep]) -> None:
    """If no fresh run finishes, the sweep's own runs decide."""
    scores = {key: score if key[1] < 2 else None for key, score in LUCKY.items()}
    made = sweep(by_table(scores), "buckets=2,3", "seed=0,1", "registry.confirm_seeds=2")
    [winner] = made.winners()
    assert (winner.run_name, winner.fresh) == ("buckets=2,seed=0", None)


def test_a_leader_that_fails_on_fresh_seeds(sweep: Callable[..., Sweep]) -> None:
    """If only the leader's fresh runs fail, another finalist wins."""
    scores = {**LUCKY, (2, 2): None, (2, 3): None}
    made = sweep(by_table(scores), "buckets=2,3", "seed=0,1", "registry.confirm_seeds=2")
    [winner] = made.winners()
    assert winner.run_name == "buckets=3,seed=3"


def test_names_with_lists(sweep: Callable[..., Sweep]) -> None:
    """A fresh run's name differs from the first ones only by the seed, also with list values."""
    made = sweep(lambda config: -100.0 - config.seed, "buckets=[2,3],[3,2]", "registry.confirm_seeds=1")
    made.winners()
    names = [job.name.replace(" ", "") for job in made.launched]
    assert sorted(names) == ["buckets=[2,3],seed=1", "buckets=[3,2],seed=1"]


def test_a_winner_in_words() -> None:
    """The clause says which run is `best` now, or why another one is."""
    first = Promotion("Taxi-v4", "3", better=True, difference=None)
    winner = Winner("Taxi-v4", "e", "buckets=3", "buckets=2", "buckets=3,seed=3", 7, -110.0, -155.0, first)
    assert str(winner) == (
        "Taxi-v4@best is now the best run of buckets=3, which ranks first (buckets=3,seed=3, of 7 seeds)"
    )
    second = Promotion("Taxi-v4", "4", better=False, difference=-2.5)
    assert str(Winner("Taxi-v4", "e", "buckets=3", "x", "r", 2, -110.0, None, second)) == (
        "the best run of buckets=3, which ranks first (r, of 2 seeds), is Taxi-v4/4; "
        "Taxi-v4@best is kept: it is better by 2.5 on the same starts"
    )
    other = Promotion("Taxi-v4", "5", better=False, difference=None)
    assert "other arguments or another step limit" in str(
        Winner("Taxi-v4", "e", "x", "y", "r", 2, -1.0, None, other)
    )


@pytest.mark.parametrize(
    ("exact", "expected"),
    [
        ([0.70, 0.72, 0.74, 0.74], "b1"),  # the winner's come first among equals
        ([0.70, 0.72, 0.74, 0.75], "a2"),
        ([0.70, 0.72, 0.74, None], "b2"),  # sampled: only the winner's runs, by their means
    ],
)
def test_the_best_policy_of_the_sweep_is_registered_if_returns_are_exact(
    exact: list[float | None], expected: str
) -> None:
    """Exact returns are compared over all variants; sampled ones only within the winner."""
    runs = pd.DataFrame(
        {
            "environment": "e",
            "variant": ["a", "b", "b", "a"],
            "run_id": ["a1", "b2", "b1", "a2"],
            EXACT: exact,
            SAMPLED: [0.9, 0.8, 0.6, 0.7],
        }
    )
    assert _best_run(with_scores(runs), "b")["run_id"] == expected


def test_a_best_policy_of_another_variant_in_words() -> None:
    """The clause says that the best policy is of another variant than the one that ranks first."""
    promotion = Promotion("Taxi-v4", "3", better=True, difference=None)
    winner = Winner("Taxi-v4", "e", "n=2", "n=2", "n=1,seed=3", 7, 7.5, None, promotion, "n=1")
    assert str(winner) == (
        "Taxi-v4@best is now the best run of the sweep by exact return (n=1,seed=3, of n=1)"
    )


@dataclass(frozen=True)
class Swept:
    """A real multirun."""

    ran: subprocess.CompletedProcess[str]
    runs: pd.DataFrame
    client: MlflowClient


@pytest.fixture(scope="module")
def swept(migrated_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Swept:
    """Two variants of CartPole, two seeds, confirmed on two more."""
    folder = tmp_path_factory.mktemp("winners")
    (folder / "mlruns").mkdir()
    shutil.copy(migrated_store, folder / "mlruns" / "mlflow.db")
    lines = ["env=cart_pole", "learning_rate=0.05,0.3", "seed=range(2)", "episodes=500"]
    lines += ["registry.confirm_seeds=2", "evaluation.episodes=10", "evaluation.test_episodes=50"]
    ran = run_command(["train", "-m", *lines, "sweep.name=rates"], folder)
    store = open_store(f"sqlite:///{folder}/mlruns/mlflow.db", create=False)
    return Swept(ran, load_runs(uri=store.uri), store.client)


@pytest.mark.slow
def test_a_real_sweep_confirms_and_registers(swept: Swept) -> None:
    """Parent metrics, fresh runs and the registered version match values computed by hand."""
    assert (swept.ran.returncode, swept.ran.stderr) == (0, "")
    first = swept.runs[swept.runs["sweep"] == "rates"]
    fresh = swept.runs[swept.runs["sweep"] == "rates-confirm"]
    assert (len(first), len(fresh)) == (4, 4)
    assert set(first["seed"]) == {0, 1}
    assert set(fresh["seed"]) == {2, 3}
    means, again = (part.groupby("learning_rate")["test/return_mean"].mean() for part in (first, fresh))
    pooled = pd.concat([first, fresh]).groupby("learning_rate")["test/return_mean"].mean()
    leader, best = means.idxmax(), pooled.idxmax()
    parent = swept.client.get_parent_run(str(first.iloc[0]["run_id"]))
    assert parent.data.metrics == pytest.approx(
        {
            "confirm/first_mean": means[leader],
            "confirm/fresh_mean": again[leader],
            "confirm/optimism": means[leader] - again[leader],
        }
    )
    chosen = swept.runs[swept.runs["learning_rate"] == best].sort_values("test/return_mean").iloc[-1]
    version = swept.client.get_model_version_by_alias("CartPole-v1", "best")
    assert (version.run_id, int(version.version)) == (chosen["run_id"], 1)
    [sentence] = [line for line in swept.ran.stdout.splitlines() if "@best is now" in line]
    assert sentence.endswith(
        f"; CartPole-v1@best is now the best run of learning_rate={best:g}, which ranks first "
        f"({chosen['name']}, of 4 seeds)."
    )
    assert "4 of 4 runs and 4 on fresh seeds finished in" in swept.ran.stdout
    rows = [line.split() for line in swept.ran.stdout.splitlines() if line.startswith("learning_rate=")]
    assert rows[0][:4] == [f"learning_rate={best:g}", "4", "(2", "fresh)"]


@pytest.mark.slow
def test_fresh_runs_are_children_too(swept: Swept) -> None:
    """Runs on fresh seeds are nested under the sweep's parent and named like the first ones."""
    runs = swept.runs
    parents = {swept.client.get_parent_run(run_id).info.run_id for run_id in runs["run_id"]}
    assert len(parents) == 1
    assert sorted(runs["name"]) == sorted(
        f"learning_rate={rate},seed={seed}" for rate in (0.05, 0.3) for seed in range(4)
    )
