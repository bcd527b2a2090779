"""Kill -9, whenever: nothing that was done is lost or done twice, and the same command goes on."""

from __future__ import annotations

import hashlib
import json
import os
import random
import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support.commands import QSWEEP, run_command

pytestmark = [pytest.mark.integration, pytest.mark.slow]

LONG = ("episodes=60000", "checkpoint_every=500", "buckets=10", "evaluation.test_episodes=50")
LONG += ("evaluation.checkpoints=3", "evaluation.episodes=5", "registry.promote=never")
SWEEP = ("episodes=3000", "buckets=8,10", "seed=range(4)", "hydra.launcher.n_jobs=2", "sweep.batch=1")
SWEEP += ("evaluation.checkpoints=3", "evaluation.episodes=5", "evaluation.test_episodes=20")
SWEEP += ("registry.promote=never", "sweep.report=never", "tracking.durable_seconds=0.2")


def start(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    """The real command, in a session of its own."""
    return subprocess.Popen(
        [QSWEEP, "train", *arguments],
        cwd=folder,
        start_new_session=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process: subprocess.Popen[str]) -> str:
    """What it says, once it has ended well."""
    said, complained = process.communicate(timeout=240)
    assert process.returncode == 0, said + complained
    return said


def complete(folder: Path, *arguments: str) -> str:
    """Train undisturbed; return what it says."""
    ran = run_command(["train", *arguments], folder)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


def children_of(pid: int) -> list[int]:
    """The processes that a process has begun, and theirs."""
    found = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # it has ended meanwhile
            parent = status.read_text().rpartition(")")[2].split()[1]
            found += [int(status.parent.name)] if int(parent) == pid else []
    return [*found, *(each for child in found for each in children_of(child))]


def workers_of(pid: int) -> list[int]:
    """The processes that run jobs for a sweep's process."""
    names = {child: Path(f"/proc/{child}/cmdline").read_bytes() for child in children_of(pid)}
    return sorted(child for child, name in names.items() if b"popen_loky" in name)


@dataclass(frozen=True)
class Stored:
    """A run as the database has it, with its points and the hash of its table of episodes."""

    run_id: str
    started: int
    status: str
    name: str
    sha256: str
    points: tuple[tuple[str, int, float], ...]
    episodes: str

    @property
    def result(self) -> tuple[Any, ...]:
        """What does not depend on when and how often it was launched."""
        return (self.name, self.sha256, self.points, self.episodes)


def runs_in(folder: Path) -> list[Stored]:
    """The runs that are no parents and not in the trash, by name."""
    address = f"file:{folder}/mlruns/mlflow.db?mode=ro"
    with closing(sqlite3.connect(address, uri=True)) as connection:
        rows = connection.execute(
            "SELECT run_uuid, start_time, status, name, artifact_uri FROM runs "
            "WHERE lifecycle_stage = 'active' AND run_uuid NOT IN "
            "(SELECT run_uuid FROM tags WHERE key = 'qsweep.varied') ORDER BY name"
        ).fetchall()
        tables = dict(
            connection.execute("SELECT run_uuid, value FROM tags WHERE key = 'qsweep.qtable_sha256'")
        )
        points = connection.execute(
            "SELECT run_uuid, key, step, value FROM metrics WHERE key NOT LIKE 'train/%seconds'"
            " ORDER BY key, step"
        ).fetchall()
    return [
        Stored(
            *row[:4],
            tables.get(row[0], ""),
            tuple((key, step, value) for run, key, step, value in points if run == row[0]),
            hashed(Path(row[4].removeprefix("file://")) / "episodes.parquet"),
        )
        for row in rows
    ]


def hashed(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.exists() else ""


def wait_until(holds: Callable[[], object], process: subprocess.Popen[str]) -> None:
    """Poll until something holds; fails the test if the process ends before."""
    while not holds():
        assert process.poll() is None, process.communicate()
        time.sleep(0.02)


def kill(process: subprocess.Popen[str]) -> None:
    """Kill -9 a process, and hear of its end; its children live on."""
    process.kill()
    process.wait()


def check_all_there(found: list[Stored], whole: list[Stored]) -> None:
    """Each run once, finished, and as if nothing had happened."""
    assert [run.status for run in found] == ["FINISHED"] * len(whole)
    assert [run.result for run in found] == [run.result for run in whole]


def test_a_killed_run_goes_on(tmp_path: Path) -> None:
    """The same command goes on in the same run, and ends as an undisturbed one, to the byte."""
    for folder in ("undisturbed", "killed"):
        (tmp_path / folder).mkdir()
    undisturbed, killed = tmp_path / "undisturbed", tmp_path / "killed"
    complete(undisturbed, *LONG)
    process = start(killed, *LONG, "tracking.durable_seconds=0.2")
    durable = killed / "multirun" / "unfinished"
    wait_until(lambda: list(durable.glob("*/0002-state.npz")), process)
    kill(process)
    [before] = runs_in(killed)
    assert before.status == "RUNNING"
    again = start(killed, *LONG, "tracking.durable_seconds=0.2")
    said, warned = again.communicate(timeout=240)
    assert again.returncode == 0, said + warned
    assert f"resuming run {before.run_id} after episode" in warned
    [after] = runs_in(killed)
    assert after.run_id == before.run_id
    check_all_there([after], runs_in(undisturbed))
    assert list(durable.iterdir()) == []


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which a sweep was launched once and left alone."""
    folder = tmp_path_factory.mktemp("swept")
    complete(folder, "-m", *SWEEP)
    return folder


def started(folder: Path, count: int) -> Callable[[], bool]:
    """Whether so many runs of the only sweep of a folder have ended."""

    def holds() -> bool:
        marks = [file.read_text() for file in folder.glob("multirun/*/*/*.jsonl")]
        return sum(text.count('{"end"') for text in marks) >= count

    return holds


def test_a_sweep_outlives_its_workers(swept: Path, tmp_path: Path) -> None:
    """A worker that is killed takes nothing along: the sweep goes on by itself, and all is there."""
    process = start(tmp_path, "-m", *SWEEP)
    wait_until(started(tmp_path, 2), process)
    os.kill(workers_of(process.pid)[0], signal.SIGKILL)
    assert "8 of 8 runs" in finish(process)
    check_all_there(runs_in(tmp_path), runs_in(swept))


def test_a_sweep_whose_own_process_is_killed(swept: Path, tmp_path: Path) -> None:
    """Killed twice, somewhere, and launched again, it comes to each run once, as an undisturbed one does."""
    when, workers = random.Random(1), set[int]()
    for _ in range(2):
        process = start(tmp_path, "-m", *SWEEP)
        wait_until(started(tmp_path, 1), process)
        time.sleep(when.uniform(0, 0.5))
        workers |= {*workers_of(process.pid)}
        kill(process)
    assert "8 of 8 runs" in complete(tmp_path, "-m", *SWEEP)
    check_all_there(runs_in(tmp_path), runs_in(swept))
    assert workers
    deadline = time.monotonic() + 30
    while any(Path(f"/proc/{worker}").exists() for worker in workers):  # none waits for who is gone
        assert time.monotonic() < deadline, workers
        time.sleep(0.1)


def test_a_finished_sweep_is_not_run_again(tmp_path: Path) -> None:
    """Launched again nothing runs; with more values only those; all of it where that is asked for."""
    complete(tmp_path, "-m", *SWEEP)
    first = runs_in(tmp_path)
    assert "8 of 8 runs" in complete(tmp_path, "-m", *SWEEP)
    assert runs_in(tmp_path) == first
    more = [line.replace("range(4)", "range(5)") for line in SWEEP]
    assert "10 of 10 runs" in complete(tmp_path, "-m", *more)
    grown = runs_in(tmp_path)
    assert [run for run in grown if "seed=4" not in run.name] == first
    assert len(grown) == 10
    complete(tmp_path, "-m", *more, "sweep.rerun=all")
    anew = runs_in(tmp_path)
    assert {run.run_id for run in anew} & {run.run_id for run in grown} == set()
    check_all_there(anew, grown)


def test_two_launches_of_one_sweep(tmp_path: Path) -> None:
    """Of two at once one is refused, in a line, and the other is not disturbed."""
    both = [start(tmp_path, "-m", *SWEEP, "buckets=8", "seed=0,1") for _ in range(2)]
    said = [process.communicate(timeout=240) for process in both]
    assert sorted(process.returncode for process in both) == [0, 2], said
    [refused] = [errors for process, (_, errors) in zip(both, said, strict=True) if process.returncode]
    assert len(refused.splitlines()) == 1
    assert "is already running" in refused
    assert [run.status for run in runs_in(tmp_path)] == ["FINISHED"] * 2


DEADLY = """
import os
from gymnasium.envs.toy_text.frozen_lake import FrozenLakeEnv
import gymnasium as gym
class Deadly(FrozenLakeEnv):
    def __init__(self, deadly=False, **more):
        super().__init__(**more); self.deadly = deadly
    def step(self, action):
        if self.deadly: os.kill(os.getpid(), 9)
        return super().step(action)
gym.register("Deadly-v0", Deadly, max_episode_steps=50)
"""


def test_a_run_that_kills_its_worker(tmp_path: Path) -> None:
    """It is named, and the runs that were at work beside it end well."""
    (tmp_path / "deadly.py").write_text(DEADLY)
    lines = ["env.id=deadly:Deadly-v0", "engine=gymnasium", "env.kwargs.deadly=true,false", "seed=0,1"]
    lines += [*SWEEP[5:], "sweep.batch=1", "episodes=300", "hydra.launcher.n_jobs=2"]
    ran = run_command(["train", "-m", *lines], tmp_path, {**os.environ, "PYTHONPATH": str(tmp_path)})
    assert ran.returncode == 1, ran.stderr
    assert "2 of 4 runs" in ran.stdout
    failed = [line.split(" failed: ") for line in ran.stderr.splitlines() if " failed: " in line]
    assert [name for name, _ in failed] == [
        f"qsweep: run env.kwargs.deadly=True,seed={seed}" for seed in (0, 1)
    ]
    statuses = {run.name: run.status for run in runs_in(tmp_path)}
    assert json.dumps(statuses).count("FINISHED") == 2
    assert "RUNNING" not in statuses.values()
