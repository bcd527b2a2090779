"""Real processes on one store: many at once, and interrupted ones."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from qsweep.tracking.checkpoints import Archive
from tests.support.commands import QSWEEP, run_command, start_command

pytestmark = [pytest.mark.integration, pytest.mark.slow]

Run = Callable[..., subprocess.CompletedProcess[str]]
ENDLESS = ("episodes=100000000", "checkpoint_every=50000", "tracking.max_points=0", "evaluation.episodes=1")


def read(folder: Path) -> sqlite3.Connection:
    """The database, for reading: plain `connect` would make an empty one where there is none."""
    return sqlite3.connect(f"file:{folder}/mlruns/mlflow.db?mode=ro", uri=True)


def statuses(folder: Path) -> dict[str, str]:
    """Run name -> status, read from the database itself."""
    with closing(read(folder)) as connection:
        return dict(connection.execute("SELECT name, status FROM runs"))


def metric_counts(folder: Path) -> dict[str, int]:
    """Run name -> how many metric values it has."""
    query = "SELECT r.name, COUNT(*) FROM runs r JOIN metrics m ON m.run_uuid = r.run_uuid GROUP BY r.name"
    with closing(read(folder)) as connection:
        return dict(connection.execute(query))


def wait_until(holds: Callable[[], bool], seconds: float = 120) -> None:
    """Poll until something holds; fails the test after `seconds`."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.1)


def logging_has_begun(folder: Path) -> bool:
    """Whether any run has metrics."""
    try:
        return bool(metric_counts(folder))
    except sqlite3.OperationalError:  # there is no database, or no table, yet
        return False


def test_eight_processes_make_one_store(tmp_path: Path) -> None:
    """Eight runs started at once in a folder without a database all finish."""
    lines = ["train", "episodes=300", "registry.promote=never"]
    commands = [start_command([*lines, f"seed={seed}"], tmp_path) for seed in range(8)]
    assert [command.wait().returncode for command in commands] == [0] * 8
    assert list(statuses(tmp_path).values()) == ["FINISHED"] * 8
    assert set(metric_counts(tmp_path)) == {f"episodes=300,seed={seed}" for seed in range(8)}


@pytest.mark.parametrize(("signum", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_run_is_killed_and_keeps_all(tmp_path: Path, signum: int, code: int) -> None:
    """SIGINT and SIGTERM end a run KILLED, with its points, episodes and checkpoints kept."""
    process = subprocess.Popen([QSWEEP, "train", *ENDLESS], cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    wait_until(lambda: logging_has_begun(tmp_path))
    process.send_signal(signum)
    assert " is kept; " in process.communicate(timeout=60)[1]
    assert process.returncode == code
    assert list(statuses(tmp_path).values()) == ["KILLED"]
    [episodes] = tmp_path.glob("mlruns/artifacts/*/*/artifacts/episodes.parquet")
    [history] = tmp_path.glob("mlruns/artifacts/*/*/artifacts/checkpoints/q_table_history.parquet")
    done = pq.read_table(episodes).num_rows
    assert done > 0
    assert Archive(history).names()[-1] == f"ep{done:06d}"


@pytest.mark.parametrize(("signum", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_sweep_leaves_nothing_running(tmp_path: Path, signum: int, code: int) -> None:
    """SIGINT and SIGTERM end a sweep's parent and the runs in hand KILLED; the others never begin."""
    command = [QSWEEP, "train", "-m", "seed=range(6)", "hydra.launcher.n_jobs=2", *ENDLESS]
    process = subprocess.Popen(
        command, cwd=tmp_path, start_new_session=True, stderr=subprocess.PIPE, text=True
    )
    wait_until(lambda: logging_has_begun(tmp_path))
    # As a terminal does, SIGINT goes to the workers as well; SIGTERM to the parent alone.
    os.killpg(process.pid, signum) if signum == signal.SIGINT else process.send_signal(signum)
    said = process.communicate(timeout=60)[1]
    assert "0 finished runs are kept; to run the rest: qsweep train -m 'seed=range(6)'" in said
    assert process.returncode == code
    ended = statuses(tmp_path)
    assert set(ended.values()) == {"KILLED"}
    assert 2 <= len(ended) <= 3
    kept = list(tmp_path.glob("mlruns/artifacts/*/*/artifacts/episodes.parquet"))
    assert len(kept) == len(ended) - 1


def test_a_run_that_raises_is_failed(tmp_path: Path) -> None:
    """A run whose environment raises ends FAILED, with what was recorded; the sweep goes on and exits 1."""
    (tmp_path / "brittle.py").write_text(
        "import gymnasium as gym\n"
        "from gymnasium.envs.toy_text.frozen_lake import FrozenLakeEnv\n"
        "class Brittle(FrozenLakeEnv):\n"
        "    steps = 0\n"
        "    def __init__(self, after, **kw):\n"
        "        super().__init__(**kw); self.after = after\n"
        "    def step(self, action):\n"
        "        self.steps += 1\n"
        "        if self.steps > self.after: raise RuntimeError('the ice broke')\n"
        "        return super().step(action)\n"
        "gym.register('Brittle-v0', Brittle, max_episode_steps=100)\n"
    )
    command = ["train", "-m", "env.id=brittle:Brittle-v0", "episodes=500", "seed=0"]
    command.append("engine=gymnasium")  # its tables say nothing of the ice
    swept = [*command, "env.kwargs.after=1000,100000000", "evaluation.episodes=5"]
    ran = run_command(swept, tmp_path, {**os.environ, "PYTHONPATH": str(tmp_path)})
    assert ran.returncode == 1, ran.stderr
    assert "the ice broke" in ran.stderr
    assert "1 of 2 runs" in ran.stdout
    ended = statuses(tmp_path)
    assert sorted(ended.values()) == ["FAILED", "FAILED", "FINISHED"]  # the parent, too
    assert len(list(tmp_path.glob("mlruns/artifacts/*/*/artifacts/episodes.parquet"))) == 2


COUNTING = """
import os
from pathlib import Path
import gymnasium as gym
from gymnasium.envs.toy_text.frozen_lake import FrozenLakeEnv
class Counting(FrozenLakeEnv):
    def __init__(self, **more):
        import numba, pyarrow
        super().__init__(**more)
        seen = (pyarrow.cpu_count(), numba.get_num_threads(), os.environ.get("OPENBLAS_NUM_THREADS", "many"))
        Path(f"threads-{os.getpid()}").write_text(" ".join(map(str, seen)))
gym.register("Counting-v0", Counting, max_episode_steps=20)
"""


def test_workers_do_not_take_more_threads_than_there_are_cores(tmp_path: Path) -> None:
    """As many workers as cores have one thread each for Arrow, numba and linear algebra."""
    (tmp_path / "counting.py").write_text(COUNTING)
    lines = ["env.id=counting:Counting-v0", "seed=range(4)", "episodes=20", "sweep.report=never"]
    lines += ["evaluation.checkpoints=1", "evaluation.episodes=2", "evaluation.test_episodes=2"]
    process = subprocess.Popen(
        [QSWEEP, "train", "-m", *lines, f"hydra.launcher.n_jobs={os.cpu_count()}", "sweep.batch=1"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])},
        stderr=subprocess.PIPE,
        text=True,
    )
    _, complained = process.communicate(timeout=240)
    assert process.returncode == 0, complained
    of_workers = {path.name: path.read_text() for path in tmp_path.glob("threads-*")}
    of_workers.pop(f"threads-{process.pid}", None)
    assert set(of_workers.values()) == ({"1 1 1"} if (os.cpu_count() or 1) > 1 else set())
