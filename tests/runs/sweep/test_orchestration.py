from __future__ import annotations

import importlib.util
import json
import os
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hydra.core.utils import JobReturn, JobStatus
from mlflow import MlflowClient
from mlflow.entities import Run

from qsweep.config import config_hash, variant_hash
from qsweep.plan.composition import load_config, plan
from qsweep.runs.journal import Ended, Journal
from qsweep.runs.runner import run_record
from qsweep.runs.sweep.batches import Batch
from qsweep.runs.sweep.launcher import make_folder, shown
from qsweep.runs.sweep.orchestration import NEEDED_BY_REPORTS, report_loading, sweep
from qsweep.system.liveness import PROCESS, announce
from qsweep.tracking.client.mlflow_tracker import MlflowTracker
from qsweep.tracking.store import open_store
from tests.support.commands import QSWEEP, run_command

Command = Callable[..., subprocess.CompletedProcess[str]]

SMALL = ("episodes=60", "evaluation.episodes=2", "evaluation.test_episodes=5", "evaluation.checkpoints=2")
BASIC = "hydra/launcher=basic"
NOWHERE = "tracking=none"

FRAGILE = """
import gymnasium
from gymnasium import spaces


class Fragile(gymnasium.Env):
    observation_space = spaces.Discrete(4)
    action_space = spaces.Discrete(2)

    def __init__(self, raises):
        self.raises = raises

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        if self.raises:
            raise RuntimeError("the wheel came off")
        self.place = 0
        return 0, {}

    def step(self, action):
        self.place += int(action)
        return self.place % 4, -1.0, self.place == 4, False, {}


gymnasium.register("Fragile-v0", entry_point=Fragile, max_episode_steps=30)
"""
"""A module with an environment that cannot be reset if `raises` is true."""


def stored(folder: Path) -> MlflowClient:
    return open_store(f"sqlite:///{folder}/mlruns/mlflow.db", create=False).client


def runs_in(client: MlflowClient) -> tuple[list[Run], dict[str, Run]]:
    """Return the top-level runs, and the children by name."""
    experiments = [found.experiment_id for found in client.search_experiments()]
    runs = list(client.search_runs(experiments))
    children = {run.info.run_name: run for run in runs if "mlflow.parentRunId" in run.data.tags}
    return [run for run in runs if run.info.run_name not in children], children


def folders_of(sweep_folder: Path) -> list[Path]:
    return sorted(sweep_folder.iterdir())


@pytest.fixture(scope="module")
def swept(migrated_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which two bucket sizes were trained with two seeds each, on every core."""
    folder = tmp_path_factory.mktemp("swept")
    (folder / "mlruns").mkdir()
    shutil.copy(migrated_store, folder / "mlruns" / "mlflow.db")
    lines = [*SMALL, "buckets=[2,3],[3,2]", "seed=range(2)", "registry.promote=never"]
    ran = run_command(["train", "-m", *lines], folder)
    assert (ran.returncode, ran.stderr) == (0, "")
    (folder / "said").write_text(ran.stdout)
    return folder


NAMES = [f"buckets=[{buckets}],seed={seed}" for buckets in ("2,3", "3,2") for seed in (0, 1)]


@pytest.mark.slow
def test_a_parent_and_its_children(swept: Path) -> None:
    """Every combination is a run, nested under one parent named after the varied keys."""
    [parent], children = runs_in(stored(swept))
    assert sorted(children) == NAMES
    assert parent.info.run_name == "buckets,seed"
    assert parent.data.tags["qsweep.sweep"] == "buckets,seed"
    assert json.loads(parent.data.tags["qsweep.varied"]) == ["buckets", "seed"]
    assert not {"qsweep.config", "qsweep.variant"} & set(parent.data.tags)
    assert (parent.data.params, parent.data.metrics) == ({}, {})
    for run in (parent, *children.values()):
        assert run.info.status == "FINISHED"
        assert run.info.experiment_id == parent.info.experiment_id
    for run in children.values():
        assert run.data.tags["mlflow.parentRunId"] == parent.info.run_id
        assert run.data.tags["qsweep.sweep"] == "buckets,seed"


@pytest.mark.slow
def test_a_child_is_the_run_it_is_named_after(swept: Path) -> None:
    """A child has the hashes and the params of its overrides; seeds of one variant share its hash."""
    _, children = runs_in(stored(swept))
    for name, run in children.items():
        buckets, seed = name[len("buckets=") : -len(",seed=0")], name[-1]
        config = load_config([*SMALL, f"buckets={buckets}", f"seed={seed}", "registry.promote=never"])
        assert run.data.tags["qsweep.config"] == config_hash(config)
        assert run.data.tags["qsweep.variant"] == variant_hash(replace(config, seed=0))
        assert (run.data.params["seed"], json.loads(run.data.params["buckets"])) == (
            seed,
            json.loads(buckets),
        )
    assert len({run.data.tags["qsweep.variant"] for run in children.values()}) == 2


@pytest.mark.slow
def test_a_childs_command_is_that_run_alone(swept: Path) -> None:
    """A child's command gives its config, without the parent."""
    _, children = runs_in(stored(swept))
    for run in children.values():
        words = shlex.split(run.data.tags["qsweep.command"])
        assert words[:2] == ["qsweep", "train"]
        assert config_hash(load_config(words[2:])) == run.data.tags["qsweep.config"]
        assert load_config(words[2:]).tracking.parent is None


@pytest.mark.slow
def test_a_childs_result_is_that_of_a_run_alone(swept: Path, workdir: Path, qsweep: Command) -> None:
    """A child's command reproduces its Q-table."""
    _, children = runs_in(stored(swept))
    child = children[NAMES[1]].data.tags
    ran = qsweep(*shlex.split(child["qsweep.command"])[1:])
    assert ran.returncode == 0
    [alone], _ = runs_in(stored(workdir))
    assert alone.data.tags["qsweep.qtable_sha256"] == child["qsweep.qtable_sha256"]


@pytest.mark.slow
def test_what_a_sweep_says(swept: Path) -> None:
    """The leaderboard and the number of runs are printed; no winner with promote=never."""
    said = (swept / "said").read_text()
    assert "MountainCar-v0: variants" in said
    assert "4 of 4 runs finished in" in said
    assert "winner" not in said
    for buckets in ("[2,3]", "[3,2]"):
        assert f"buckets={buckets}" in said.replace(", ", ",")
    assert list(stored(swept).search_registered_models()) == []


@pytest.mark.slow
def test_a_sweeps_folder(swept: Path) -> None:
    """The folder is named after sweep and time, and records the end of every job."""
    [folder] = folders_of(swept / "multirun" / "buckets,seed")
    assert [mark.number for mark in Journal(folder).ended()] == [0, 1, 2, 3]
    assert [mark.outcome["name"] for mark in Journal(folder).ended()] == NAMES
    assert not any(mark.error for mark in Journal(folder).ended())
    assert sorted(path.name for path in swept.iterdir()) == ["mlruns", "multirun", "said"]


@pytest.mark.slow
def test_the_basic_launcher(workdir: Path, qsweep: Command) -> None:
    """A sweep in one process leaves the same records, under a custom name with a quote."""
    name, quoted = "it's mine", "sweep.name='it\\'s mine'"
    ran = qsweep("train", "-m", *SMALL, "seed=0,1", BASIC, quoted, "registry.promote=never")
    assert (ran.returncode, ran.stderr) == (0, "")
    [parent], children = runs_in(stored(workdir))
    assert sorted(children) == ["seed=0", "seed=1"]
    assert {run.data.tags["qsweep.sweep"] for run in (parent, *children.values())} == {name}
    assert parent.info.run_name == name
    assert "2 of 2 runs finished in" in ran.stdout


def test_nothing_is_tracked(tmp_path: Path, qsweep: Command) -> None:
    """With tracking=none the leaderboard is printed, and only multirun/ is left."""
    ran = qsweep("train", "-m", *SMALL, "buckets=2,3", "seed=0,1", NOWHERE, BASIC)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert [path.name for path in tmp_path.iterdir()] == ["multirun"]
    lines = [line.split() for line in ran.stdout.splitlines()]
    table = [line[:2] for line in lines if line and line[0].startswith("buckets=")]
    assert sorted(table) == [["buckets=2", "2"], ["buckets=3", "2"]]
    assert "4 of 4 runs finished in" in ran.stdout
    assert ran.stdout.rstrip().endswith("Both variants scored -200 with every seed: there is no difference.")


FAILED = (
    "fragile:Fragile-v0: reset raised RuntimeError: the wheel came off (fragile.py, line 16), in episode 0"
    " (the first is 0), at step 0; Gymnasium's rule: reset(seed=..., options=...) returns (observation, info)"
)


def fragile(tmp_path: Path, qsweep: Command, *lines: str) -> subprocess.CompletedProcess[str]:
    """A sweep of the fragile environment."""
    (tmp_path / "fragile.py").write_text(FRAGILE)
    given = [*SMALL, "env.id=fragile:Fragile-v0", BASIC, *lines]
    path = os.pathsep.join(filter(None, [str(tmp_path), os.environ.get("PYTHONPATH")]))
    return qsweep("train", "-m", *given, PYTHONPATH=path)


@pytest.mark.slow
def test_a_job_that_fails(workdir: Path, qsweep: Command) -> None:
    """Other runs continue, failed ones are listed with the reason, and the exit code is 1."""
    ran = fragile(workdir, qsweep, "env.kwargs.raises=true,false", "seed=0,1", "registry.confirm_seeds=0")
    assert ran.returncode == 1
    assert ran.stderr.splitlines() == [
        f"qsweep: run env.kwargs.raises=True,seed={seed} failed: {FAILED}" for seed in (0, 1)
    ]
    assert "2 of 4 runs finished in" in ran.stdout
    [parent], children = runs_in(stored(workdir))
    assert parent.info.status == "FAILED"
    assert {name: run.info.status for name, run in children.items()} == {
        "env.kwargs.raises=True,seed=0": "FAILED",
        "env.kwargs.raises=True,seed=1": "FAILED",
        "env.kwargs.raises=False,seed=0": "FINISHED",
        "env.kwargs.raises=False,seed=1": "FINISHED",
    }


@pytest.mark.parametrize("tracking", ["tracking=none", "tracking=local"])
@pytest.mark.usefixtures("workdir")
def test_every_job_fails(tmp_path: Path, qsweep: Command, tracking: str) -> None:
    """If nothing finished, only the failures are listed."""
    ran = fragile(tmp_path, qsweep, "env.kwargs.raises=true", "seed=0,1", tracking)
    assert ran.returncode == 1
    assert ran.stderr.splitlines() == [f"qsweep: run seed={seed} failed: {FAILED}" for seed in (0, 1)]
    assert ran.stdout.startswith("0 of 2 runs finished in")


def test_folders_of_one_second(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sweeps of one name launched in the same second have separate folders."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("qsweep.runs.sweep.launcher.time.strftime", lambda _: "2025-01-02_03-04-05")
    folders = [make_folder(name, None) for name in ("s", "s", "s", "a/b c")]
    assert [str(shown(folder)) for folder in folders] == [
        "multirun/s/2025-01-02_03-04-05",
        "multirun/s/2025-01-02_03-04-05_1",
        "multirun/s/2025-01-02_03-04-05_2",
        "multirun/a_b_c/2025-01-02_03-04-05",
    ]
    assert all(folder.is_dir() for folder in folders)


@pytest.mark.integration
def test_two_launches_at_once(tmp_path: Path) -> None:
    """Two simultaneous sweeps both run, in separate folders."""
    given = [QSWEEP, "train", "-m", *SMALL, "seed=0,1,2", NOWHERE, BASIC]
    processes = [subprocess.Popen(given, cwd=tmp_path, stdout=subprocess.DEVNULL) for _ in range(2)]
    assert [process.wait(timeout=240) for process in processes] == [0, 0]
    folders = folders_of(tmp_path / "multirun" / "seed")
    assert [[mark.number for mark in Journal(folder).ended()] for folder in folders] == [[0, 1, 2]] * 2


def test_a_folder_of_ones_own(tmp_path: Path, qsweep: Command) -> None:
    """hydra.sweep.dir sets the folder; a further launch makes one in it, and what is a file is refused."""
    given = ("train", "-m", *SMALL, "seed=0", NOWHERE, BASIC, "hydra.sweep.dir=mine")
    assert qsweep(*given).returncode == 0
    assert [mark.number for mark in Journal(tmp_path / "mine").ended()] == [0]
    assert qsweep(*given).returncode == 0
    [again] = (path for path in (tmp_path / "mine").iterdir() if path.is_dir())
    assert [mark.number for mark in Journal(again).ended()] == [0]
    (tmp_path / "file").touch()
    refused = qsweep(*given[:-1], "hydra.sweep.dir=file")
    assert refused.returncode == 2
    assert refused.stderr.startswith("qsweep: hydra.sweep.dir: must be a folder that can be created")


class Launcher:
    """A launcher whose workers start every run and die; then it acts as configured."""

    def __init__(self, then: Callable[[], Sequence[JobReturn]]) -> None:
        self._then = then

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Start the runs."""
        number, _, place = announce().process.split("-")
        dead = {PROCESS: f"{number}-{'0' * 16}-{place}"}
        for [line] in job_overrides:
            for each in Batch.decoded(line.removeprefix("+batch='").removesuffix("'")).runs:
                record = run_record(each.work.resolved, each.work.name, "")
                MlflowTracker(open_store("local")).open(replace(record, tags={**record.tags, **dead}))
        return self._then()


def statuses(folder: Path) -> tuple[str, set[str]]:
    """Return the status of the parent and those of its children."""
    client = stored(folder)
    experiments = [found.experiment_id for found in client.search_experiments()]
    runs = list(client.search_runs(experiments))
    [parent] = [run.info.status for run in runs if "qsweep.varied" in run.data.tags]
    return parent, {run.info.status for run in runs if "qsweep.varied" not in run.data.tags}


def launch(workdir: Path, then: Callable[[], Sequence[JobReturn]]) -> None:
    """Launch two runs."""
    wanted = plan((*SMALL, "seed=0,1", "registry.promote=never", "sweep.batch=2"), multirun=True)
    sweep(wanted, Launcher(then), workdir / "multirun" / "s")


def test_an_interrupted_launcher(workdir: Path) -> None:
    """The parent ends KILLED, and no run of a dead process stays RUNNING."""

    def interrupt() -> Sequence[JobReturn]:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        launch(workdir, interrupt)
    assert statuses(workdir) == ("KILLED", {"KILLED"})


def test_a_launcher_that_breaks_off(workdir: Path) -> None:
    """Runs of dead workers and the parent fail, with the reason."""

    def fail() -> Sequence[JobReturn]:
        raise RuntimeError("no more processes")

    launch(workdir, fail)
    assert statuses(workdir) == ("FAILED", {"KILLED"})
    errors = [mark.error for mark in Journal(workdir / "multirun" / "s").ended()]
    assert errors == ["RuntimeError: no more processes"] * 2


def test_jobs_that_never_ended(workdir: Path) -> None:
    """A sweep whose jobs recorded no end is FAILED, even without a launcher error."""

    def silent() -> Sequence[JobReturn]:
        job = JobReturn(status=JobStatus.COMPLETED)
        job.return_value = []
        return [job]

    launch(workdir, silent)
    assert statuses(workdir) == ("FAILED", {"KILLED"})


def test_what_a_report_needs_is_imported_while_runs_train(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Modules are imported once the first run has ended, never without one."""
    for name in ("needed", "not_needed"):
        (tmp_path / f"{name}.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    with report_loading(tmp_path / "none", ["not_needed"]):
        pass
    jobs = Journal(tmp_path / "some")
    with report_loading(jobs.folder, ["needed"]):
        time.sleep(0.4)
        assert "needed" not in sys.modules
        jobs.end(Ended(0, {}, ""))
        deadline = time.monotonic() + 30
        while "needed" not in sys.modules and time.monotonic() < deadline:
            time.sleep(0.05)
    assert "needed" in sys.modules
    assert "not_needed" not in sys.modules


@pytest.mark.parametrize("module", NEEDED_BY_REPORTS)
def test_what_a_report_needs_is_there(module: str) -> None:
    """All listed modules exist; a renamed one would be skipped silently."""
    assert importlib.util.find_spec(module) is not None
