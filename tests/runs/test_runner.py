from __future__ import annotations

import json
import os
import re
import shutil
import signal
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import gymnasium
import pandas as pd
import pytest
import yaml
from filelock import FileLock
from gymnasium import spaces
from mlflow import MlflowClient
from mlflow.entities import Run

from qsweep import seeds
from qsweep.config import Config, config_hash, record, variant_hash
from qsweep.environments.failures import EnvironmentFailure
from qsweep.environments.resolved import Resolved
from qsweep.errors import UsageError
from qsweep.learning.engines import compiled_engine
from qsweep.learning.training import Block
from qsweep.plan.resolution import resolve
from qsweep.policies.evaluation.starts import stratified_seeds
from qsweep.policies.registry.promotion import register
from qsweep.runs.runner import UNTRACKED, Outcome, Work, _Recording
from qsweep.tracking import recorder, table_tracker, visits
from qsweep.tracking.checkpoints import FILE_NAME, Archive, sha256
from qsweep.tracking.store import open_store
from qsweep.tracking.stored_run import FROM_CHECKPOINT, FROM_RUN, NOTES
from qsweep.tracking.tables.run_tables import RunChanges
from qsweep.tracking.unfinished import all_progress
from tests.support.trained import run

PAGE = Path(__file__).parents[2] / "docs" / "records.md"
CURVES = ("train/return_avg", "train/return_min", "train/return_max", "train/epsilon")
FILES = [
    f"checkpoints/{FILE_NAME}",
    "checkpoints/visits.parquet",
    "config.yaml",
    "episodes.parquet",
    "evaluation/test_episodes.parquet",
    "figures/learning_curve.png",
]
SMALL: dict[str, Any] = {
    "episodes": 233,
    "window": 15,
    "checkpoint_every": 20,
    "seed": 3,
    "evaluation": {"checkpoints": 3, "episodes": 5, "test_episodes": 25},
    "tracking": {"max_points": 25},
}
"""A quarter of a second of MountainCar; neither its checkpoints nor its points divide its episodes."""


UNTIMED = {"train/seconds": 0.0, "train/compile_seconds": 0.0}
"""Metrics that are not the same twice."""


@dataclass(frozen=True)
class Recorded:
    """A run, its outcome, and its artifacts as files."""

    config: Config
    outcome: Outcome
    client: MlflowClient
    folder: Path

    @property
    def run(self) -> Run:
        """The run as MLflow returns it."""
        return self.client.get_run(self.outcome.run_id)

    def curve(self, name: str) -> dict[int, float]:
        """A metric's value by step."""
        history = self.client.get_metric_history(self.outcome.run_id, name)
        assert len({metric.step for metric in history}) == len(history)
        return {metric.step: metric.value for metric in history}

    @property
    def files(self) -> list[str]:
        """The paths of the artifacts."""
        return sorted(str(path.relative_to(self.folder)) for path in self.folder.rglob("*") if path.is_file())

    @property
    def episodes(self) -> pd.DataFrame:
        """Every episode."""
        return pd.read_parquet(self.folder / "episodes.parquet")

    @property
    def archive(self) -> Archive:
        """The checkpoints."""
        return Archive(self.folder / "checkpoints" / FILE_NAME)


def artifacts_of(run: Run) -> Path:
    return Path(run.info.artifact_uri.removeprefix("file://"))


def recorded(values: Mapping[str, Any], uri: str) -> Recorded:
    """Run and record a config, and read it back through MLflow's own URI."""
    tracking = {**values.get("tracking", {}), "uri": uri}
    wanted = resolve({**values, "tracking": tracking})
    [outcome] = run([Work(wanted, "buckets=20,seed=3", "qsweep train seed=3")])
    client = MlflowClient(open_store(uri, create=False).uri)
    return Recorded(wanted.config, outcome, client, artifacts_of(client.get_run(outcome.run_id)))


@pytest.fixture(scope="module")
def small(migrated_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    """One run, which the tests only read."""
    database = tmp_path_factory.mktemp("runner") / "mlflow.db"
    shutil.copy(migrated_store, database)
    return recorded(SMALL, f"sqlite:///{database}")


def flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in values.items():
        found |= (
            flat(value, f"{prefix}{key}.") if isinstance(value, dict) and value else {f"{prefix}{key}": value}
        )
    return found


def test_params_are_the_resolved_config(small: Recorded) -> None:
    """Each key except recording keys is a param with its resolved value."""
    resolved = flat(record(small.config)).items()
    expected = {key: value for key, value in resolved if key not in UNTRACKED and key[:6] != "sweep."}
    found = small.run.data.params
    assert set(found) == set(expected)
    for key, value in expected.items():
        assert found[key] == value if isinstance(value, str) else json.loads(found[key]) == value
    assert (found["epsilon.decay_end"], found["env.max_steps"], found["engine"]) == ("116", "200", "compiled")
    assert json.loads(found["env.low"]) == [-1.2, -0.07]


def test_points_of_the_curves(small: Recorded) -> None:
    """A curve has at most max_points evenly spaced points, including the last episode."""
    for name in CURVES:
        assert list(small.curve(name)) == list(range(2, 233, 10))
    assert list(small.curve("eval/return_mean")) == [79, 159, 232]


def test_every_point_follows_from_the_episodes(small: Recorded) -> None:
    """Each point is the average, minimum and maximum of the window that ends at its episode."""
    episodes = small.episodes
    returns, epsilon = episodes["return"].tolist(), episodes["epsilon"].tolist()
    average, low, high, chance = (small.curve(name) for name in CURVES)
    for step in average:
        seen = returns[max(0, step - 14) : step + 1]
        assert average[step] == pytest.approx(sum(seen) / len(seen), abs=1e-9)
        assert (low[step], high[step], chance[step]) == (min(seen), max(seen), epsilon[step])


def test_every_episode_is_kept(small: Recorded) -> None:
    """The table of episodes is complete, with lengths and epsilon."""
    episodes = small.episodes
    assert episodes["episode"].tolist() == list(range(233))
    assert (episodes["return"] == -episodes["length"]).all()
    assert episodes["epsilon"][:2].tolist() == [0.5, 0.5]
    assert episodes["epsilon"][58] == pytest.approx(0.5 * (116 - 58) / 115)
    assert (episodes["epsilon"][116:] == 0).all()


def test_summary_metrics(small: Recorded) -> None:
    """The summary metrics follow from test episodes, scores and training episodes."""
    found = small.run.data.metrics
    test = pd.read_parquet(small.folder / "evaluation" / "test_episodes.parquet")
    assert test["seed"].tolist() == list(stratified_seeds(seeds.TEST, 25))
    assert found["test/return_mean"] == pytest.approx(test["return"].mean())
    assert found["test/return_worst"] == test["return"].min()
    assert found["test/success_rate"] == pytest.approx(test["terminated"].mean())
    assert found["final/return_mean"] == pytest.approx(test["final_return"].mean())
    assert found["test/return_ci_low"] <= found["test/return_mean"] <= found["test/return_ci_high"]
    assert found["train/steps"] == small.episodes["length"].sum()
    assert found["train/seconds"] > 0
    assert found["train/compile_seconds"] > 0
    assert found["optimum/gap"] == pytest.approx(found["optimum/return"] - found["test/return_mean"])
    scores = small.curve("eval/return_mean")
    assert found["best_episode"] == max(scores, key=lambda step: scores[step]) + 1


def test_the_runs_table_shows_the_last_points(small: Recorded) -> None:
    """MLflow's latest value of a curve is the last episode's, as in the outcome."""
    found = small.run.data.metrics
    for name in (*CURVES, "eval/return_mean"):
        assert found[name] == small.curve(name)[232]
    assert dict(small.outcome.metrics) == {k: v for k, v in found.items() if k != "eval/return_mean"}
    assert (small.outcome.name, small.outcome.episodes) == ("buckets=20,seed=3", 233)


def test_tags(small: Recorded) -> None:
    """Tags hold the command, the hashes, the versions and the last Q-table's hash."""
    found = small.run.data.tags
    assert found["qsweep.command"] == "qsweep train seed=3"
    assert found["qsweep.config"] == config_hash(small.config)
    assert found["qsweep.variant"] == variant_hash(replace(small.config, seed=17))
    assert {"qsweep.version", "qsweep.packages", "qsweep.python", "qsweep.platform"} <= set(found)
    assert not {"qsweep.sweep", "mlflow.parentRunId"} & set(found)


def test_the_hash_is_that_of_the_last_checkpoint(small: Recorded) -> None:
    """Checkpoints are every twenty episodes and the last; the tag is the hash of the last one's bits."""
    names = small.archive.names()
    assert names == [*(f"ep{episodes:06d}" for episodes in range(20, 221, 20)), "ep000233"]
    assert small.run.data.tags["qsweep.qtable_sha256"] == sha256(small.archive.q_table("ep000233"))


def test_artifacts(small: Recorded) -> None:
    """The run has exactly these files, its name, and status FINISHED."""
    assert small.files == FILES
    assert (small.folder / "figures" / "learning_curve.png").read_bytes().startswith(b"\x89PNG")
    assert small.run.info.status == "FINISHED"
    assert small.run.info.run_name == "buckets=20,seed=3"
    assert small.client.get_experiment(small.run.info.experiment_id).name == "MountainCar-v0"


def test_the_kept_config_is_the_run_again(small: Recorded) -> None:
    """config.yaml and the archive's description resolve to the config of the run."""
    assert resolve(yaml.safe_load((small.folder / "config.yaml").read_text())).config == small.config
    assert resolve(small.archive.about["config"]).config == small.config


def test_the_documented_names_are_the_real_ones(small: Recorded) -> None:
    """docs/records.md names exactly the metrics, tags and artifacts of a run."""
    table = [line.split("|")[1:3] for line in PAGE.read_text().splitlines() if line.startswith("| ")]
    named = {kind.partition(",")[0].strip(): set(re.findall(r"`([^`]+)`", names)) for kind, names in table}
    with_tables = {"test/return_exact", "final/return_exact"}
    metrics = named["metrics"] - {"window"} | named["summary metrics"]
    assert with_tables < metrics
    assert metrics - with_tables == set(small.run.data.metrics)
    assert named["artifacts"] == set(small.files)
    tags = {key for key in small.run.data.tags if key.startswith("qsweep.")}
    only_some = {"qsweep.sweep", "qsweep.git_commit", "qsweep.git_dirty", "qsweep.alive", NOTES}
    only_some |= {FROM_RUN, FROM_CHECKPOINT}
    assert named["tags"] - tags <= only_some
    assert tags <= named["tags"]


def test_every_episode_as_points(workdir: Path) -> None:
    """With max_points=0 a curve has a point for every episode."""
    found = recorded({**SMALL, "episodes": 61, "tracking": {"max_points": 0}}, "local")
    for name in CURVES:
        assert list(found.curve(name)) == list(range(61))
    assert (workdir / "mlruns" / "artifacts" / "MountainCar-v0" / found.outcome.run_id).is_dir()


@pytest.mark.usefixtures("workdir")
def test_a_run_of_one_episode() -> None:
    """A run of one episode has a point, a checkpoint and an evaluation."""
    found = recorded({**SMALL, "episodes": 1}, "local")
    assert list(found.curve("train/return_avg")) == list(found.curve("eval/return_mean")) == [0]
    assert found.archive.names() == ["ep000001"]
    assert (found.files, found.run.data.metrics["best_episode"]) == (FILES, 1)


@pytest.mark.slow
@pytest.mark.usefixtures("workdir")
def test_another_environment_under_a_name_of_ones_own() -> None:
    """Environment arguments are params; the run is in its experiment, nested under its sweep."""
    parent = open_store("local").client.create_run("0").info.run_id
    values = {
        **SMALL,
        "env": {"id": "FrozenLake-v1", "kwargs": {"is_slippery": False}},
        "tracking": {"experiment": "My lakes", "parent": parent, "name": "walk"},
        "sweep": {"name": "lakes"},
    }
    found = recorded(values, "local")
    params, tags = found.run.data.params, found.run.data.tags
    assert (params["env.kwargs.is_slippery"], params["buckets"], params["env.low"]) == (
        "false",
        "[16]",
        "null",
    )
    assert (tags["qsweep.sweep"], tags["mlflow.parentRunId"]) == ("lakes", parent)
    assert found.client.get_experiment(found.run.info.experiment_id).name == "My lakes"
    assert resolve(yaml.safe_load((found.folder / "config.yaml").read_text())).config == found.config
    assert found.run.data.metrics["optimum/return"] == 1.0


def test_an_experiment_that_was_deleted(workdir: Path) -> None:
    """A deleted experiment is refused with a remedy."""
    client = open_store("local").client
    client.delete_experiment(client.create_experiment("MountainCar-v0", str(workdir / "artifacts")))
    with pytest.raises(UsageError, match=r"tracking\.experiment: must not be a deleted experiment"):
        recorded(SMALL, "local")
    assert client.search_runs(["0"]) == []


def test_without_tracking_nothing_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With tracking.uri=none the results are the same, without an id or files."""
    monkeypatch.chdir(tmp_path)
    [outcome] = run([Work(resolve({**SMALL, "tracking": {"uri": "none"}}), "seed=3", "")])
    assert (outcome.run_id, outcome.episodes) == ("", 233)
    assert outcome.metrics["test/return_worst"] >= -200
    assert set(CURVES) < set(outcome.metrics)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_where_it_is_recorded_does_not_change_a_result(
    small: Recorded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Untracked, on the other engine, the summary is equal except for time."""
    monkeypatch.chdir(tmp_path)
    values = {**SMALL, "engine": "gymnasium", "tracking": {**SMALL["tracking"], "uri": "none"}}
    [outcome] = run([Work(resolve(values), "seed=3", "")])
    found = {**outcome.metrics, **UNTIMED}
    assert found == {**small.outcome.metrics, **UNTIMED}


class Fragile(gymnasium.Env[Any, int]):
    """Four places in a ring; every reset counts, and the one numbered `lasts` raises, as do late starts.

    With `lasts` 0 it never tires; `untested` makes it raise on test starts.
    """

    observation_space = spaces.Discrete(4)
    action_space = spaces.Discrete(2)

    def __init__(self, lasts: int = 0, untested: bool = False) -> None:
        self._left, self._untested = lasts, untested

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[int, Any]:
        """Return the first place, or raise."""
        super().reset(seed=seed)
        self._left -= 1
        if self._left == 0 or (self._untested and seed is not None and seed >= seeds.TEST):
            raise RuntimeError("the wheel came off")
        self._place = 0
        return self._place, {}

    def step(self, action: int) -> tuple[int, float, bool, bool, dict[str, Any]]:
        """Move to the next place or stay; the last place terminates."""
        self._place += int(action)
        return self._place % 4, -1.0, self._place == 4, False, {}


@pytest.fixture(autouse=True, scope="module")
def _registered() -> Iterator[None]:
    """Gymnasium knows the environment above by id."""
    gymnasium.register("Fragile-v0", entry_point=Fragile, max_episode_steps=30)
    yield
    del gymnasium.registry["Fragile-v0"]


def fragile(kwargs: Mapping[str, Any]) -> Recorded:
    """Run the fragile environment until it raises, and read back the only run."""
    wanted = resolve({**SMALL, "env": {"id": "Fragile-v0", "kwargs": dict(kwargs)}})
    with pytest.raises(EnvironmentFailure, match="Fragile-v0: reset raised RuntimeError: the wheel came off"):
        run([Work(wanted, "fragile", "")])
    return only_run(wanted)


def only_run(wanted: Resolved) -> Recorded:
    client = MlflowClient(open_store("local", create=False).uri)
    everywhere = [experiment.experiment_id for experiment in client.search_experiments()]
    [found] = client.search_runs(everywhere)
    outcome = Outcome(found.info.run_name, found.info.run_id, 0, {})
    return Recorded(wanted.config, outcome, client, artifacts_of(found))


def check_kept(found: Recorded, done: int) -> None:
    """Check that all records up to episode `done` exist: episodes, points, checkpoints, hash."""
    assert found.episodes["episode"].tolist() == list(range(done))
    assert set(FILES[:3]) <= set(found.files)
    assert found.archive.names()[-1] == f"ep{done:06d}"
    last = sha256(found.archive.q_table(f"ep{done:06d}"))
    assert found.run.data.tags["qsweep.qtable_sha256"] == last
    assert list(found.curve("train/return_avg")) == list(range(2, done, 10))
    steps = found.run.data.metrics.get("train/steps")
    assert steps == (None if all_progress() else found.episodes["length"].sum())  # that comes at its end
    assert found.run.info.end_time is not None


def check_not_measured(found: Recorded) -> None:
    """Only a complete run has a test score."""
    assert found.files == [path for path in FILES if not path.startswith("evaluation/")]
    summary = {key for key in found.run.data.metrics if not key.startswith(("train/", "eval/"))}
    assert summary == set()


def test_an_environment_that_raises(workdir: Path) -> None:
    """An error ends the run FAILED with its records, is raised, and leaves no files."""
    found = fragile({"lasts": 95})
    assert found.run.info.status == "FAILED"
    check_kept(found, 80)
    check_not_measured(found)
    assert list(workdir.glob("multirun/unfinished/*")) == []


@pytest.mark.usefixtures("workdir")
def test_an_environment_that_raises_at_once() -> None:
    """A run that fails before its first checkpoint is FAILED, with its config and no episodes."""
    found = fragile({"lasts": 1})
    assert found.run.info.status == "FAILED"
    assert found.files == ["config.yaml", "episodes.parquet"]
    assert len(found.episodes) == 0
    assert found.run.data.params["episodes"] == "233"


@pytest.mark.usefixtures("workdir")
def test_an_environment_that_raises_on_test_starts() -> None:
    """A run that fails in evaluation is FAILED and keeps its training records."""
    found = fragile({"untested": True})
    assert found.run.info.status == "FAILED"
    check_kept(found, 233)
    check_not_measured(found)
    assert list(found.curve("eval/return_mean")) == [79, 159, 232]


class StopsAfter:
    """A receiver that sends this process a signal after some episodes."""

    def __init__(self, episodes: int, signum: signal.Signals) -> None:
        self._episodes, self._signum = episodes, signum

    def __call__(self, block: Block) -> None:
        """Receive the next block."""
        if block.first < self._episodes <= block.end:
            os.kill(os.getpid(), self._signum)


@pytest.mark.slow
@pytest.mark.usefixtures("workdir")
@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_a_run_that_is_interrupted(signum: signal.Signals) -> None:
    """SIGINT and SIGTERM end the run KILLED, with its records."""
    wanted = resolve({**SMALL, "env": {"id": "Fragile-v0"}})
    with pytest.raises(KeyboardInterrupt, match=signum.name):
        run([Work(wanted, "interrupted", "")], StopsAfter(100, signum))
    found = only_run(wanted)
    assert found.run.info.status == "KILLED"
    check_kept(found, 100)
    check_not_measured(found)
    assert list(found.curve("eval/return_mean")) == [79]


GOES_ON = {**SMALL, "tracking": {"max_points": 25, "durable_seconds": 1e-9}}
"""A run that is durable whenever its engine has a state."""


@pytest.fixture
def _short_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Use blocks of one checkpoint, make every third one durable, store points at once."""
    monkeypatch.setattr(compiled_engine, "MAX_EPISODES", 20)
    checkpoint = _Recording._checkpoint_if_due

    def now_and_then(recording: _Recording, done: int, state: Any) -> None:
        if done % 60 == 0:
            checkpoint(recording, done, state)

    monkeypatch.setattr(_Recording, "_checkpoint_if_due", now_and_then)
    monkeypatch.setattr(table_tracker, "FLUSH_POINTS", 1)


class CopiesAll:
    """A receiver that copies the folder after every block, as a kill -9 would leave it."""

    def __init__(self, to: Path) -> None:
        self._to = to

    def __call__(self, block: Block) -> None:
        """Receive the next block."""
        for name in ("mlruns", "multirun"):
            shutil.copytree(name, self._to / f"{block.end:03d}" / name)


def only_run_again(wanted: Resolved) -> Recorded:
    """Resume the only run; read it back."""
    run_id = only_run(wanted).outcome.run_id
    [outcome] = run([Work(wanted, "again", "", run_id=run_id)])
    assert outcome.run_id == run_id
    return replace(only_run(wanted), outcome=outcome)


def check_same(found: Recorded, whole: Recorded) -> None:
    """A resumed run equals an uninterrupted one, except for time."""
    assert found.run.info.status == "FINISHED"
    for name in (*CURVES, "eval/return_mean"):
        assert found.curve(name) == whole.curve(name)
    for name in ("episodes.parquet", "evaluation/test_episodes.parquet"):
        assert (found.folder / name).read_bytes() == (whole.folder / name).read_bytes()
    assert found.archive.names() == whole.archive.names()
    tables = [dict(each.archive.tables(each.archive.episodes())) for each in (found, whole)]
    assert all((tables[0][n] == tables[1][n]).all() for n in tables[1])
    tags = [each.run.data.tags["qsweep.qtable_sha256"] for each in (found, whole)]
    assert tags[0] == tags[1]
    metrics = [{**each.outcome.metrics, **UNTIMED} for each in (found, whole)]
    assert metrics[0] == metrics[1]
    assert len(found.client.get_metric_history(found.outcome.run_id, "train/steps")) == 1


@pytest.mark.slow
@pytest.mark.usefixtures("_short_blocks")
@pytest.mark.parametrize("engine", ["compiled", "gymnasium"])
def test_a_killed_run_goes_on(
    small: Recorded, workdir: Path, monkeypatch: pytest.MonkeyPatch, engine: str
) -> None:
    """A run killed after any block and resumed has no lost and no duplicate points."""
    wanted = resolve({**GOES_ON, "engine": engine})
    run([Work(wanted, "first", "")], CopiesAll(workdir / "killed"))
    moments = sorted((workdir / "killed").iterdir())
    assert [path.name for path in moments] == [f"{n:03d}" for n in (*range(20, 233, 20), 233)]
    for moment in moments[:: 2 if engine == "compiled" else 5]:
        monkeypatch.chdir(moment)
        at = min(int(moment.name), 232) // 60 * 60
        assert [left.episodes for left in all_progress()] == ([at] if at else [])
        check_same(only_run_again(wanted), small)
        assert all_progress() == []


@pytest.mark.slow
@pytest.mark.usefixtures("workdir", "_short_blocks")
def test_a_run_that_was_killed_at_its_very_end(small: Recorded) -> None:
    """A run with all episodes durable is evaluated and finished."""
    wanted = resolve(GOES_ON)
    with pytest.raises(KeyboardInterrupt):
        run([Work(wanted, "first", "")], StopsAfter(233, signal.SIGTERM))
    check_same(only_run_again(wanted), small)


@pytest.mark.slow
@pytest.mark.usefixtures("workdir", "_short_blocks")
def test_an_interrupted_run_goes_on(small: Recorded) -> None:
    """A run interrupted twice, with its artifacts stored, still equals an uninterrupted one."""
    wanted = resolve(GOES_ON)
    with pytest.raises(KeyboardInterrupt):
        run([Work(wanted, "first", "")], StopsAfter(60, signal.SIGTERM))
    check_kept(only_run(wanted), 60)
    run_id = only_run(wanted).outcome.run_id
    with pytest.raises(KeyboardInterrupt):
        run([Work(wanted, "second", "", run_id=run_id)], StopsAfter(160, signal.SIGINT))
    check_kept(only_run(wanted), 160)
    check_same(only_run_again(wanted), small)


@pytest.mark.slow
@pytest.mark.usefixtures("workdir", "_short_blocks")
def test_a_run_whose_end_cannot_be_recorded_goes_on(small: Recorded, monkeypatch: pytest.MonkeyPatch) -> None:
    """Durable files stay until the store has recorded the end."""
    wanted, flush = resolve(GOES_ON), table_tracker.TableRunLog._flush

    def fails_at_the_end(log: Any, changes: RunChanges) -> None:
        if changes.status is not None:
            raise OSError("the disk is full")
        flush(log, changes)

    with monkeypatch.context() as away:
        away.setattr(table_tracker.TableRunLog, "_flush", fails_at_the_end)
        with pytest.raises(OSError, match="the disk is full"):
            run([Work(wanted, "first", "")])
    assert only_run(wanted).run.info.status == "FAILED"
    assert [left.episodes for left in all_progress()] == [180]
    check_same(only_run_again(wanted), small)


@pytest.mark.slow
@pytest.mark.usefixtures("workdir", "_short_blocks")
def test_a_spoilt_state_begins_anew(small: Recorded) -> None:
    """With unreadable durable files the run restarts at its first episode, without duplicate points."""
    wanted = resolve(GOES_ON)
    with pytest.raises(KeyboardInterrupt):
        run([Work(wanted, "first", "")], StopsAfter(160, signal.SIGTERM))
    [left] = all_progress()
    (left.folder / "0002-state.npz").write_bytes(b"nothing")
    check_same(only_run_again(wanted), small)


@pytest.mark.slow
@pytest.mark.usefixtures("workdir")
def test_a_run_that_another_process_goes_on_with(workdir: Path) -> None:
    """Resuming a run that another process executes is refused, and the run stays RUNNING."""
    wanted = resolve(GOES_ON)
    with pytest.raises(KeyboardInterrupt):
        run([Work(wanted, "first", "")], StopsAfter(100, signal.SIGTERM))
    found = only_run(wanted)
    tags, status = dict(found.run.data.tags), found.run.info.status
    with FileLock(workdir / "multirun" / "unfinished" / found.outcome.run_id / ".lock", is_singleton=False):
        with pytest.raises(UsageError, match="another process"):
            run([Work(wanted, "again", "", run_id=found.outcome.run_id)])
        assert (found.run.info.status, dict(found.run.data.tags)) == (status, tags)


@pytest.mark.usefixtures("workdir", "_short_blocks")
def test_an_untracked_run_that_fails_harms_no_other() -> None:
    """A failing untracked run does not delete another run's files."""
    with pytest.raises(KeyboardInterrupt):
        run([Work(resolve(GOES_ON), "first", "")], StopsAfter(100, signal.SIGTERM))
    before = all_progress()
    values = {**SMALL, "env": {"id": "Fragile-v0", "kwargs": {"lasts": 95}}, "tracking": {"uri": "none"}}
    with pytest.raises(EnvironmentFailure, match="Fragile-v0: reset raised RuntimeError: the wheel came off"):
        run([Work(resolve(values), "untracked", "")])
    assert all_progress() == before != []


def test_every_file_is_durable_before_the_run_is_finished(
    workdir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The files of a run, and of its version, are synced: a power failure leaves none of them empty."""
    synced: set[int] = set()
    fsync = os.fsync

    def remember(handle: int) -> None:
        synced.add(os.fstat(handle).st_ino)
        fsync(handle)

    monkeypatch.setattr(os, "fsync", remember)
    [outcome] = run([Work(resolve({"env": {"id": "FrozenLake-v1"}, "episodes": 20}), "durable", "")])
    register(open_store("local"), outcome.run_id)
    files = [path for path in (workdir / "mlruns" / "artifacts").rglob("*") if path.is_file()]
    assert len(files) > 10
    assert [path.name for path in files if path.stat().st_ino not in synced] == []


@pytest.mark.slow
@pytest.mark.usefixtures("workdir")
def test_seeds_side_by_side_are_the_runs_alone(small: Recorded) -> None:
    """Interleaved runs give the same results as single ones."""
    configs = [resolve({**SMALL, "seed": seed}) for seed in (2, 3, 4)]
    outcomes = run([Work(each, f"seed={each.config.seed}", "") for each in configs])
    assert [outcome.name for outcome in outcomes] == ["seed=2", "seed=3", "seed=4"]
    client = MlflowClient(open_store("local").uri)
    found = client.get_run(outcomes[1].run_id)
    middle = Recorded(configs[1].config, outcomes[1], client, artifacts_of(found))
    check_same(middle, small)


@pytest.mark.slow
@pytest.mark.usefixtures("workdir")
@pytest.mark.parametrize("engine", ["compiled", "gymnasium"])
def test_blocks_without_a_checkpoint(engine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With checkpoints further apart than blocks, all checkpoints and episodes exist."""
    monkeypatch.setattr(compiled_engine, "MAX_EPISODES", 40)
    monkeypatch.setattr(recorder, "FLUSH_EPISODES", 1)
    wanted = resolve({**SMALL, "engine": engine, "checkpoint_every": 110})
    run([Work(wanted, "far apart", "")])
    found = only_run(wanted)
    assert found.run.info.status == "FINISHED"
    assert found.archive.names() == ["ep000110", "ep000220", "ep000233"]
    check_kept(found, 233)


def test_visits_are_counted(small: Recorded) -> None:
    """Each training step is counted once, in the cell in which it began."""
    counts = visits.read(small.folder / "checkpoints" / visits.FILE_NAME, small.archive.shape[:-1])
    assert counts.sum() == small.run.data.metrics["train/steps"]
    changed = small.archive.changes() > 0
    assert (counts[changed] > 0).all()
