"""What beginners type: understood where it means one thing, else answered with one line of what to type."""

from __future__ import annotations

import shlex
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner
from mlflow.entities import Metric

from qsweep.cli import main
from qsweep.config import flatten, record
from qsweep.errors import UsageError
from qsweep.plan.composition import plan
from qsweep.plan.mistakes import understood
from qsweep.policies.registry.names import resolve
from qsweep.tracking.store import Store, open_store

UNDERSTOOD = {
    "lr=0.2": {"learning_rate": 0.2},
    "alpha=0.2": {"learning_rate": 0.2},
    "gamma=0.9": {"discount": 0.9},
    "--buckets 40": {"buckets": 40},
    "--buckets=40": {"buckets": 40},
    "buckets = 40": {"buckets": 40},
    "buckets = [20, 30]": {"buckets": [20, 30]},
    "buckets 40 episodes: 7": {"buckets": 40},
    "buckets:40": {"buckets": 40},
    "--learning-rate 0.5": {"learning_rate": 0.5},
    "learning-rate=0.5": {"learning_rate": 0.5},
    "learning_rate=0,5": {"learning_rate": 0.5},
    "episodes=1e4": {"episodes": 10_000},
    "episodes=2.5e3": {"episodes": 2500},
    "episodes=10k": {"episodes": 10_000},
    "episodes=10,000": {"episodes": 10_000},
    "EPISODES=2000 SHOW_EVERY=500": {"episodes": 2000, "window": 500},
    "START_EPSILON_DECAYING=1 END_EPSILON_DECAYING=9": {"epsilon.decay_start": 1, "epsilon.decay_end": 9},
    "epsilon_start=1.5 eps_end=0.1": {"epsilon.start": 1.5, "epsilon.end": 0.1},
    "env=MountainCar-v0": {"env.id": "MountainCar-v0"},
    "env=FrozenLake": {"env.id": "FrozenLake-v1", "env.max_steps": 100},
    "env.id=frozen_lake": {"env.id": "FrozenLake-v1"},
    "cart_pole": {"env.id": "CartPole-v1"},
    "tutorial_2000": {"episodes": 2000, "terminal_rule": "tutorial"},
    "algorithm=Q-Learning": {"algorithm": "q_learning"},
    "sarsa": {"algorithm": "sarsa"},
    "algorithm=q_lambda lambda=0.5": {"trace_decay": 0.5},
    "env=frozen_lake is_slippery=false": {"env.kwargs.is_slippery": False},
    "max_steps=500": {"env.max_steps": 500},
    "-m seed=1..5": {"seed": 5},
    "-m episodes=1e2,2e2": {"episodes": 200},
}
"""Words after `qsweep train` -> values of the last run that they ask for."""

REFUSED = {
    "train epsilon=0.3": "epsilon=constant epsilon.start=0.3",
    "train seed=1..5": "qsweep train -m 'seed=range(1,6)'",
    "train seed=1,2": "qsweep train -m seed=1,2",
    "train seed=1,200": "qsweep train -m seed=1,200",
    "train episodes=500,100": "qsweep train -m episodes=500,100",
    "train seeds=5": "qsweep train -m 'seed=range(5)'",
    "train buckets=10,20": "qsweep train -m buckets=10,20; a list: buckets=[...]",
    "train learning_rte=0.1": "did you mean learning_rate?",
    "train env=mountian_car": "did you mean mountain_car?",
    "train env.id=MountanCar-v0": "Did you mean: `MountainCar`?",
    "train algorithm=dqn": "one of double_q_learning, dyna_q",
    "train buckets": "must be written KEY=VALUE",
    "sweep buckets=10,20": "qsweep train -m buckets=10,20",
    "sweep": "qsweep train -m buckets=10,20,40 'seed=range(5)'",
    "run buckets=40": "qsweep train buckets=40",
    "buckets=40": "qsweep train buckets=40",
    "trian buckets=40": "qsweep train buckets=40",
    "evaluate": "qsweep play MODEL@best",
    "list": "qsweep runs",
    "help train": "qsweep train --help",
    "play mountain_car --policy 7": "0 push left, 1 no push, 2 push right",
    "env Nowhere": "must be an environment that Gymnasium can make",
}
"""A command line -> part of the one line that answers it."""

NAMES = {
    "best": ("plain", "ep000100"),
    "@best": ("plain", "ep000100"),
    "MountainCar-v0": ("plain", "ep000100"),
    "mountain_car": ("plain", "ep000100"),
    "MountainCar-v0/best": ("plain", "ep000100"),
    "MountainCar-v0@1": ("plain", "ep000100"),
    "last": ("tutorial", "ep017500"),
    "tutorial_2000": ("tutorial", "ep017500"),
    "tutorial_2000,seed=0/best": ("tutorial", "ep017500"),
    "tutorial_2000,seed=0/1990": ("tutorial", "ep001990"),
    "tutorial_2000,seed=0/last": ("tutorial", None),
}
"""A name as it is typed after `qsweep pull` -> the run and the checkpoint."""


@pytest.mark.parametrize("line", UNDERSTOOD)
def test_what_means_one_thing_is_understood(line: str) -> None:
    """The config is the one that is meant, and a note says how each word was read."""
    given = understood(shlex.split(line))
    multirun = "-m" in given.words
    planned = plan([word for word in given.words if word != "-m"], multirun)
    found = flatten(record(planned.jobs[-1].config))
    assert {key: found[key] for key in UNDERSTOOD[line]} == UNDERSTOOD[line]
    assert given.notes
    assert all(" is read as " in note for note in given.notes)


@pytest.mark.parametrize("line", REFUSED)
def test_what_could_mean_several_things_is_answered(line: str, tmp_path: Path) -> None:
    """One line on stderr says what to type, the exit code is 2, and nothing is left behind."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path)
        ended = CliRunner().invoke(main, shlex.split(line))
    assert (ended.exit_code, ended.stdout, [*tmp_path.iterdir()]) == (2, "", [])
    assert REFUSED[line] in ended.stderr
    assert ended.stderr.startswith("qsweep: ")
    assert ended.stderr.count("\n") == 1


@pytest.fixture(scope="module")
def filled(migrated_store: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Store, dict[str, str]]:
    """A store with two runs, one of them registered as @best; and the ids of the runs."""
    folder = tmp_path_factory.mktemp("beginners")
    shutil.copy(migrated_store, folder / "mlflow.db")
    store = open_store(f"sqlite:///{folder / 'mlflow.db'}")
    client, ids = store.client, {}
    for number, (label, name) in enumerate(
        [("plain", "buckets=20,seed=0"), ("tutorial", "tutorial_2000,seed=0")]
    ):
        run = client.create_run("0", 1_790_000_000_000 + number, {"qsweep.config": "c"}, name)
        ids[label] = run.info.run_id
        client.log_batch(run.info.run_id, [Metric("best_episode", 17_500.0, 0, 0)])
    client.create_registered_model("MountainCar-v0")
    tags = {"qsweep.run_id": ids["plain"], "qsweep.checkpoint": "ep000100"}
    client.create_model_version("MountainCar-v0", "/nowhere", tags=tags)
    client.set_registered_model_alias("MountainCar-v0", "best", "1")
    return store, ids


@pytest.mark.parametrize("name", NAMES)
def test_a_name_that_means_one_thing(name: str, filled: tuple[Store, dict[str, str]]) -> None:
    """Words that are no names stand for the run or version that they can only mean."""
    store, ids = filled
    found = resolve(store, name)
    label, checkpoint = NAMES[name]
    assert (found.run_id, found.checkpoint) == (ids[label], checkpoint)


def test_a_name_that_means_several_things(filled: tuple[Store, dict[str, str]]) -> None:
    """With a second model, `best` is answered with both; `taxi`, which has none, with how to make one."""
    store, ids = filled
    with pytest.raises(
        UsageError, match=r"has no registered version yet; given 'taxi' \(first: qsweep train env=taxi"
    ):
        resolve(store, "taxi")
    store.client.create_registered_model("Taxi-v4")
    tags = {"qsweep.run_id": ids["plain"], "qsweep.checkpoint": "ep000100"}
    store.client.create_model_version("Taxi-v4", "/nowhere", tags=tags)
    store.client.set_registered_model_alias("Taxi-v4", "best", "1")
    try:
        with pytest.raises(UsageError, match=r"one of: (MountainCar-v0|Taxi-v4)@best, "):
            resolve(store, "best")
        assert resolve(store, "MountainCar-v0").version == "1"
    finally:
        store.client.delete_registered_model("Taxi-v4")


@pytest.mark.parametrize(
    "line",
    [
        *("buckets=40 seed=3", "-m buckets=10,20,40 seed=range(5)", "+experiment=tutorial_2000", "--cfg job"),
        *("env.kwargs.is_slippery=false env=frozen_lake", "-c job --package env", "hydra/launcher=basic"),
        *("learning_rate=", "~algorithm", "epsilon={start:1}", "env.id=a:b-v0", "tracking.uri=http://h:5000"),
        *("seed=range(5)", "buckets=[20,20]", "env=mine", "epsilon=constant", "-m epsilon=linear,constant"),
    ],
)
def test_what_is_right_is_left_alone(line: str) -> None:
    """Words in qsweep's own form are passed on as they are, without a note."""
    given = understood(line.split())
    assert (list(given.words), given.notes) == (line.split(), ())


@pytest.mark.parametrize("lines", [(), ("--config-dir", "mine"), ("--config-dir=mine",)])
def test_own_presets_are_taken_by_their_names(workdir: Path, lines: tuple[str, ...]) -> None:
    """A preset of one's own is not read as a packaged one with a similar name."""
    folder = workdir / ("mine" if lines else "conf")
    for name in ("env/FrozenLake", "env/car-v2", "algorithm/MyAlgo"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / f"{name}.yaml").touch()
    words = ("env=FrozenLake", "env=car-v2", "algorithm=MyAlgo")
    assert understood([*lines, *words]).words == (*lines, *words)
