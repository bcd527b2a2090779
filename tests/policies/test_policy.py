from __future__ import annotations

import json
import math
import pickle
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qsweep import seeds
from qsweep.commands.play import play
from qsweep.config import Env
from qsweep.environments.grid import Grid, bucket_edges, cell_of
from qsweep.errors import UsageError
from qsweep.plan.composition import load_resolved
from qsweep.policies.evaluation.rollouts import roll_out
from qsweep.policies.policy import Policy
from qsweep.runs.runner import about
from qsweep.tracking.checkpoints import FILE_NAME, Archive, History, sha256

FILES = ["README.md", "config.yaml", "policy.json", "q_table.npy"]

ALONE = """
import json, sys
if "qsweep" not in sys.argv[2]:
    sys.modules["qsweep"] = None  # importing it fails
exec(compile(sys.argv[1], "README.md", "exec"), globals())
env.observation_space.seed(1)
seen = [env.observation_space.sample() for _ in range(200)]
print(json.dumps([[np.ravel(one).tolist() for one in seen], [act(one) for one in seen]]))
"""


def archived(folder: Path, *lines: str, seed: int = 1) -> Archive:
    """An archive as a run leaves it, whose one checkpoint, ep000010, is a random table."""
    made = load_resolved(lines)
    with History(folder / FILE_NAME, made.shape, about(made)) as history:
        history.add(10, np.random.default_rng(seed).normal(size=made.shape))
    return Archive(folder / FILE_NAME)


def policy_of(folder: Path, *lines: str, seed: int = 1) -> Policy:
    archive = archived(folder, *lines, seed=seed)
    return Policy.from_checkpoint(archive, "ep000010", "0" * 32, "a run", {"test/return_mean": -123.0})


def saved(folder: Path, *lines: str) -> Policy:
    policy = policy_of(folder, *lines)
    (folder / FILE_NAME).unlink()
    policy.save(folder)
    return policy


def by_hand(q_table: list[list[float]], first_action: int = 0) -> Policy:
    """Two buckets over [0, 2], on one dimension."""
    grid = Grid((0.0,), (2.0,), (len(q_table),))
    return Policy(np.array(q_table), grid, Env("Any-v0", max_steps=10), first_action, {}, {})


@pytest.mark.parametrize(("observation", "action"), [(-9.0, 1), (0.5, 1), (1.0, 0), (1.5, 0), (math.inf, 0)])
def test_actions_by_hand(observation: float, action: int) -> None:
    """The action of the highest value in the bucket is taken, outside the bounds in the edge bucket."""
    assert by_hand([[0.0, 1.0], [0.0, -1.0]]).act([observation]) == action


def test_the_first_of_equal_actions_is_taken() -> None:
    """Of two actions with equal values the first is taken."""
    assert by_hand([[0.0, 5.0, 5.0]]).act([1.0]) == 1


def test_actions_are_the_environments() -> None:
    """If an environment numbers its actions from 4, so does the policy."""
    assert by_hand([[0.0, 1.0]], first_action=4).act([1.0]) == 5


@pytest.mark.parametrize("observation", [[math.nan], [], [0.0, 0.0]])
def test_no_action_without_an_observation(observation: list[float]) -> None:
    """NaN, or an observation of another length, is refused."""
    with pytest.raises(ValueError, match="must be 1 numbers without NaN"):
        by_hand([[0.0, 1.0]]).act(observation)


bounds = st.floats(-1e6, 1e6, allow_subnormal=False)


@given(bounds, st.floats(1e-3, 1e6), st.integers(1, 60), st.data())
def test_edges_are_exact(low: float, width: float, buckets: int, data: st.DataObject) -> None:
    """Searching the edges finds the bucket that training used, also at and next to an edge."""
    grid = Grid((low,), (low + width,), (buckets,))
    [edges] = bucket_edges(grid)
    edge = data.draw(st.sampled_from(edges))
    for x in (edge, np.nextafter(edge, -np.inf), np.nextafter(edge, np.inf), data.draw(bounds)):
        found = int(np.searchsorted(edges[1:-1], x, side="right"))
        assert found == cell_of([x], grid.low, grid.scale, grid.buckets)
    assert (len(edges), edges[0], edges[-1]) == (buckets + 1, low, low + width)


def test_a_policy_tells_where_it_comes_from(tmp_path: Path) -> None:
    """Its origin is the run, the checkpoint, the table's hash and the finite ones of the metrics."""
    archive = archived(tmp_path)
    metrics = {"test/return_mean": -3.0, "test/return_worst": math.nan}
    policy = Policy.from_checkpoint(archive, "ep000010", "id", "name", metrics)
    assert policy.origin == {
        "run_id": "id",
        "run_name": "name",
        "checkpoint": "ep000010",
        "sha256": sha256(policy.q_table),
        "metrics": {"test/return_mean": -3.0},
    }


def test_what_was_saved_is_loaded(tmp_path: Path) -> None:
    """Table, grid, environment, config and origin come back as they were."""
    before = saved(tmp_path, "env=frozen_lake", "env.kwargs.is_slippery=false", "env.max_steps=7")
    after = Policy.load(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == FILES
    assert after.q_table.tobytes() == before.q_table.tobytes()
    assert replace(after, q_table=before.q_table).__dict__ == before.__dict__
    env = after.env
    assert (env.id, env.kwargs, env.max_steps) == ("FrozenLake-v1", {"is_slippery": False}, 7)


def test_no_such_checkpoint(tmp_path: Path) -> None:
    """A checkpoint that is not in the archive is refused."""
    archive = archived(tmp_path)
    with pytest.raises(UsageError, match="ep000020"):
        Policy.from_checkpoint(archive, "ep000020")


def test_an_archive_of_another_shape_is_refused(tmp_path: Path) -> None:
    """Tables that do not match the grid in their archive are not read."""
    with History(tmp_path / FILE_NAME, (5, 3), about(load_resolved())) as history:
        history.add(10, np.zeros((5, 3)))
    with pytest.raises(UsageError, match=r"checkpoints: is missing or damaged.*shape \(5, 3\)"):
        Policy.from_checkpoint(Archive(tmp_path / FILE_NAME), "ep000010")


class Trap:
    """An object that creates a file when it is unpickled."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Callable[..., object], tuple[str, str]]:
        return (open, (self.path, "w"))


def object_array(folder: Path) -> None:
    np.save(folder / "q_table.npy", np.array([Trap(str(folder / "sprung"))], object), allow_pickle=True)


def bare_pickle(folder: Path) -> None:
    (folder / "q_table.npy").write_bytes(pickle.dumps(Trap(str(folder / "sprung"))))


def zipped(folder: Path) -> None:
    with (folder / "q_table.npy").open("wb") as file:
        np.savez(file, q_table=np.zeros((20, 20, 3)))


def another_type(folder: Path) -> None:
    np.save(folder / "q_table.npy", np.zeros((20, 20, 3), np.float32))


def another_shape(folder: Path) -> None:
    np.save(folder / "q_table.npy", np.zeros((20, 20, 4)))


def another_table(folder: Path) -> None:
    np.save(folder / "q_table.npy", np.zeros((20, 20, 3)))


def cut_short(folder: Path) -> None:
    whole = (folder / "q_table.npy").read_bytes()
    (folder / "q_table.npy").write_bytes(whole[:-8])


def missing(folder: Path) -> None:
    (folder / "q_table.npy").unlink()


@pytest.mark.parametrize(
    "spoil",
    [object_array, bare_pickle, zipped, another_type, another_shape, another_table, cut_short, missing],
)
def test_a_spoilt_table_is_refused(tmp_path: Path, spoil: Callable[[Path], None]) -> None:
    """A file that is no table of the right shape and hash is named and refused, and never run."""
    saved(tmp_path)
    spoil(tmp_path)
    with pytest.raises(UsageError, match=r"q_table\.npy: is missing or damaged"):
        Policy.load(tmp_path)
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("buckets", [20]),
        ("buckets", [20, 0]),
        ("low", [0.7, -0.07]),
        ("high", "0.6"),
        ("max_steps", 0),
        ("max_steps", None),
        ("actions", "3"),
        ("first_action", 0.5),
        ("kwargs", []),
        ("origin", {}),
        ("env", None),
    ],
)
def test_a_spoilt_record_is_refused(tmp_path: Path, key: str, value: object) -> None:
    """A policy.json whose values make no sense is named and refused."""
    saved(tmp_path)
    record = json.loads((tmp_path / "policy.json").read_text())
    (tmp_path / "policy.json").write_text(json.dumps({**record, key: value}))
    with pytest.raises(UsageError, match=r"policy\.json: is missing or damaged"):
        Policy.load(tmp_path)


@pytest.mark.parametrize(
    "text", ["", "[]", "env: {id: Other-v0, low: null}", "!!python/object/apply:exit []"]
)
def test_a_spoilt_config_is_refused(tmp_path: Path, text: str) -> None:
    """A config.yaml that is no config, another environment's, or code, is named and refused."""
    saved(tmp_path)
    (tmp_path / "config.yaml").write_text(text)
    with pytest.raises(UsageError, match=r"config\.yaml: is missing or damaged"):
        Policy.load(tmp_path)


EXAMPLES = {
    "env=mountain_car": 12,
    "env=acrobot": 12,
    "env=cart_pole": 12,
    "env=frozen_lake": 12,
    "env=blackjack": 12,
    "env=mountain_car discretizer=quantile buckets=[7,9]": 12,
    "env=cart_pole discretizer=quantile buckets=5": 12,
    "env=mountain_car discretizer=tiles": 16,
    "env=cart_pole discretizer=tiles tilings=3 buckets=[3,4,5,6]": 16,
    "env=pendulum": 17,
    "env=pendulum discretizer=tiles buckets=[4,5,6] env.actions=3": 21,
    "env=mountain_car env.wrapper=gymnasium.wrappers:RecordEpisodeStatistics": 15,
    "env=minigrid": 15,
}
"""A config, and how many lines its example may have."""


@pytest.mark.integration
@pytest.mark.parametrize("given", EXAMPLES)
def test_the_example_plays_alone(tmp_path: Path, given: str) -> None:
    """The code in README.md runs without qsweep, takes the policy's actions and gets its return."""
    if "minigrid" in given:
        pytest.importorskip("minigrid")
    policy = saved(tmp_path, *given.split())
    [code] = re.findall("```python\n(.*?)```", (tmp_path / "README.md").read_text(), re.DOTALL)
    command = [sys.executable, "-c", ALONE, code, policy.env.wrapper or ""]
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    played, told = ran.stdout.splitlines()
    observations, actions = json.loads(told)
    setting = replace(Policy.load(tmp_path).setting(), twin=None)
    rollout = roll_out(setting, policy.q_table, range(1))
    assert float(played.removeprefix("return ")) == pytest.approx(rollout.returns[0], rel=1e-12)
    assert actions == [policy.act(observation) for observation in observations]
    assert len(code.splitlines()) <= EXAMPLES[given]


@pytest.mark.integration
@pytest.mark.parametrize("given", ["discretizer=tiles", "discretizer=quantile", "env=pendulum"])
def test_the_example_gets_what_play_gets(tmp_path: Path, given: str) -> None:
    """The example's return is that of the first episode of `qsweep play`, from the same start."""
    saved(tmp_path, *given.split())
    [code] = re.findall("```python\n(.*?)```", (tmp_path / "README.md").read_text(), re.DOTALL)
    assert code.count("seed=0") == 1
    code = code.replace("seed=0", f"seed={seeds.play(1)[0]}")
    command = [sys.executable, "-c", ALONE, code, ""]
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    played = play(str(tmp_path), episodes=1)
    found = float(ran.stdout.splitlines()[0].removeprefix("return "))
    assert found == pytest.approx(played.rollouts.returns[0], rel=1e-12)


@pytest.mark.parametrize("given", [*EXAMPLES, "discretizer=tiles tilings=2", "env=frozen_lake_8x8"])
def test_whatever_a_table_lies_on_comes_back(tmp_path: Path, given: str) -> None:
    """Learned edges, tilings, discretised actions and wrappers are read back as they were written."""
    if "minigrid" in given:
        pytest.importorskip("minigrid")
    before = saved(tmp_path, *given.split())
    after = Policy.load(tmp_path)
    assert (after.grid, after.env) == (before.grid, before.env)
    assert after.q_table.tobytes() == before.q_table.tobytes()
    made = load_resolved(given.split())
    assert after.grid == made.grid
    assert after.env == replace(made.env, low=None, high=None)


@pytest.mark.parametrize("given", ["discretizer=tiles", "discretizer=quantile", "env=mountain_car"])
def test_a_policy_acts_as_a_rollout_does(tmp_path: Path, given: str) -> None:
    """In machine code, in Gymnasium and by `Policy.act`, a table takes the same actions."""
    policy = policy_of(tmp_path, *given.split())
    setting = policy.setting()
    assert setting.twin is not None
    compiled = roll_out(setting, policy.q_table, range(5))
    plain = roll_out(replace(setting, twin=None), policy.q_table, range(5))
    assert compiled.returns.tolist() == plain.returns.tolist()
    env = setting.make()
    for seed, length in enumerate(plain.lengths):
        observation, _ = env.reset(seed=seed)
        for step in range(length):
            observation, _, terminated, truncated, _ = env.step(policy.act(observation.tolist()))
            assert (terminated or truncated) == (step == length - 1)
