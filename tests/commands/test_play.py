from __future__ import annotations

import dataclasses
import os
import re
import shutil
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pygame
import pytest

from qsweep import seeds
from qsweep.commands.play import Pictures, Played, named, play
from qsweep.commands.pull import pull
from qsweep.config import Env, record
from qsweep.environments.grid import Grid
from qsweep.errors import UsageError
from qsweep.pictures.agent_video import show
from qsweep.plan.composition import load_resolved
from qsweep.policies.evaluation.rollouts import Rollouts, roll_out
from qsweep.policies.policy import Policy
from qsweep.policies.registry.promotion import register
from qsweep.runs.runner import Work
from qsweep.tracking.checkpoints import sha256
from qsweep.tracking.store import open_store
from tests.support.trained import run

SHORT = ("episodes=200", "evaluation.episodes=5", "evaluation.test_episodes=20", "evaluation.checkpoints=3")
TWINS = ("mountain_car", "cart_pole", "acrobot")


@dataclass(frozen=True)
class Trained:
    """A store with one run, whose best checkpoint is version 1 of its model, and `best`."""

    uri: str
    run_id: str
    folder: Path


@pytest.fixture(scope="module")
def trained(migrated_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """One run in a store, and the folder that its best checkpoint was pulled into."""
    folder = tmp_path_factory.mktemp("playing")
    shutil.copy(migrated_store, folder / "mlflow.db")
    uri = f"sqlite:///{folder / 'mlflow.db'}"
    config = load_resolved([*SHORT, f"tracking.uri={uri}"])
    [outcome] = run([Work(config, "a run", "")])
    store = open_store(uri)
    register(store, outcome.run_id)
    return Trained(uri, outcome.run_id, pull(store, "MountainCar-v0@best", folder / "pulled").folder)


def random_policy(*lines: str, seed: int = 1) -> Policy:
    """A policy that was never trained: a table of random values."""
    made = load_resolved(lines)
    table = np.random.default_rng(seed).normal(size=made.shape)
    origin = {"run_id": "0" * 32, "run_name": "by hand", "checkpoint": "ep000010", "sha256": sha256(table)}
    return Policy(
        q_table=table,
        grid=made.grid,
        env=made.env,
        first_action=made.description.first_action,
        config=record(made.config),
        origin={**origin, "metrics": {}},
    )


def by_hand(policy: Policy, seed: int) -> tuple[float, int]:
    """Return the return and length of an episode, from a loop with only Gymnasium and the policy."""
    env = gymnasium.make(policy.env_id, max_episode_steps=policy.env.max_steps, **policy.env.kwargs)
    seen, _ = env.reset(seed=seed)
    total, length, over = 0.0, 0, False
    while not over:
        seen, reward, terminated, truncated, _ = env.step(policy.act(np.ravel(seen).tolist()))
        total, length, over = total + float(reward), length + 1, terminated or truncated
    env.close()
    return total, length


def same(one: Rollouts, other: Rollouts) -> bool:
    pairs = zip(dataclasses.astuple(one), dataclasses.astuple(other), strict=True)
    return all(np.array_equal(a, b) and a.dtype == b.dtype for a, b in pairs)


def test_every_form_of_a_name_plays(trained: Trained, monkeypatch: pytest.MonkeyPatch) -> None:
    """Alias, version, run name, run id, checkpoint and pulled folder give the same ten episodes."""
    monkeypatch.chdir(trained.folder.parent)
    best, source = named("MountainCar-v0@best", trained.uri)
    forms = ["MountainCar-v0/1", "a run", trained.run_id, f"a run/{best.origin['checkpoint']}"]
    forms += ["pulled", "./pulled", "pulled/", str(trained.folder)]
    expected = play("MountainCar-v0@best", uri=trained.uri)
    assert source.endswith(f"of run a run ({trained.run_id}), registered as MountainCar-v0/1")
    for name in forms:
        found = play(name, uri=trained.uri)
        assert same(found.rollouts, expected.rollouts), name
        assert found.policy.origin["checkpoint"] == best.origin["checkpoint"]


def test_a_folder_needs_no_store(trained: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a store, a folder pulled elsewhere can be played, and the output names the folder."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(trained.folder, "MountainCar-v0@best")
    source = named("MountainCar-v0@best")[1]
    assert source.endswith(", from the folder MountainCar-v0@best")
    assert not Path("mlruns").exists()


def test_the_store_comes_before_a_folder(trained: Trained, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder with the name of a registered version is played only if it is written as a path."""
    monkeypatch.chdir(trained.folder.parent)
    shutil.copytree(trained.folder, "MountainCar-v0@best", dirs_exist_ok=True)
    assert "folder" not in named("MountainCar-v0@best", trained.uri)[1]
    assert "folder" in named("./MountainCar-v0@best", trained.uri)[1]


@pytest.mark.slow
@pytest.mark.parametrize("preset", [*TWINS, "frozen_lake", "taxi", "blackjack"])
def test_rollouts_are_gymnasiums(preset: str) -> None:
    """Returns and lengths are those of a plain loop over the environment, from the play starts."""
    policy = random_policy(f"env={preset}")
    rollouts = roll_out(policy.setting(), policy.q_table, seeds.play(4, first=7))
    expected = [by_hand(policy, seed) for seed in range(3 * 2**30 + 7, 3 * 2**30 + 11)]
    assert list(zip(rollouts.returns.tolist(), rollouts.lengths.tolist(), strict=True)) == expected


@pytest.mark.slow
@pytest.mark.parametrize("preset", TWINS)
def test_a_policy_rolls_out_as_its_training_task_does(preset: str) -> None:
    """The settings of a policy and of its run give the same episodes, compiled or not."""
    policy, made = random_policy(f"env={preset}"), load_resolved([f"env={preset}"])
    compiled = [policy.setting(), made]
    stepped = [dataclasses.replace(setting, twin=None) for setting in compiled]
    found = [roll_out(setting, policy.q_table, seeds.test(5)) for setting in (*compiled, *stepped)]
    assert all(same(found[0], other) for other in found[1:])


def test_a_later_first_start_shifts_the_episodes(trained: Trained) -> None:
    """`--seed 2` leaves out the first two starts and keeps the order of the others."""
    one, other = (play(str(trained.folder), episodes=5, first=first) for first in (0, 2))
    assert other.starts == range(3 * 2**30 + 2, 3 * 2**30 + 7)
    assert one.rollouts.returns.tolist()[2:] == other.rollouts.returns.tolist()[:3]


def summary(env_id: str, returns: list[float], lengths: list[int], terminated: list[bool]) -> list[str]:
    """Return the lines of a summary after the first, which names the policy."""
    policy = dataclasses.replace(random_policy("env=mountain_car"), env=Env(env_id, max_steps=200))
    rollouts = Rollouts(np.array(returns), np.array(lengths, np.int32), np.array(terminated))
    return str(Played(policy, "from a test", seeds.play(len(returns)), rollouts)).splitlines()


def test_the_complete_summary() -> None:
    """The output for three episodes of MountainCar, computed by hand except for the interval."""
    lines = summary("MountainCar-v0", [-100, -110, -200], [100, 110, 200], [True, True, False])
    assert re.fullmatch(
        r"return    mean -136\.7 \(95% -200 to -10\d(\.\d)?\), worst -200, best -100", lines.pop(3)
    )
    assert lines == [
        "MountainCar-v0  from a test",
        "played    3 greedy episodes",
        "starts    seeds 3221225472 to 3221225474, not used in training, validation or test",
        "returns   -100 -110 -200",
        "success   66.7%: 2 of 3",
        "length    mean 136.7 steps",
    ]


def test_one_episode_has_no_interval() -> None:
    """For a single episode its return is printed, without a spread."""
    lines = summary("Taxi-v4", [7.0], [14], [True])
    assert lines[1:4] == [
        "played    1 greedy episode",
        "starts    seed 3221225472, not used in training, validation or test",
        "return    7",
    ]


def test_many_returns_are_not_listed() -> None:
    """Up to 20 returns are listed; of 21 only mean, worst and best are printed."""
    for count, listed in ((20, True), (21, False)):
        lines = summary("CartPole-v1", [9.0] * count, [9] * count, [True] * count)
        assert any(line.startswith("returns ") for line in lines) == listed


@pytest.mark.parametrize(
    ("env_id", "success"),
    [("CartPole-v1", "50.0%: 1 of 2"), ("FrozenLake-v1", "50.0%: 1 of 2"), ("Blackjack-v1", None)],
)
def test_success_is_said_where_it_is_defined(env_id: str, success: str | None) -> None:
    """Success is surviving in CartPole and the reward in FrozenLake; Blackjack defines none."""
    lines = summary(env_id, [1.0, 0.0], [500, 20], [False, True])
    assert [line[10:] for line in lines if line.startswith("success")] == ([success] if success else [])


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "no episodes": ({"episodes": 0}, "--episodes: must be a whole number from 1 to 1,000,000; given 0"),
    "too many": ({"episodes": 10**6 + 1}, "--episodes: must be .* 1,000,000; given 1000001"),
    "negative seed": ({"first": -1}, "--seed: must be a whole number from 0 to .*; given -1"),
    "a seed of other starts": ({"first": 2**30}, "--seed: must be a whole number from 0 to "),
    "no MP4": ({"pictures": Pictures(video=Path("x.avi"))}, r"--video: must end in \.mp4; given 'x\.avi'"),
    "no GIF": ({"pictures": Pictures(gif=Path("x.mp4"))}, r"--gif: must end in \.gif; given 'x\.mp4'"),
    "a folder": ({"pictures": Pictures(gif=Path("dir.gif"), force=True)}, "--gif: is a folder"),
    "there": (
        {"pictures": Pictures(video=Path("old.mp4"))},
        "--video: exists; .*another --video, or --force",
    ),
    "a link": ({"pictures": Pictures(gif=Path("link.gif"))}, "--gif: exists"),
    "in a file": (
        {"pictures": Pictures(video=Path("old.mp4/x.mp4"))},
        r"--video: cannot be written; given '.*/old\.mp4/x\.mp4'",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_bad_input(case: str, trained: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each is refused with option, rule and value, and nothing is written."""
    monkeypatch.chdir(tmp_path)
    Path("dir.gif").mkdir()
    Path("old.mp4").write_bytes(b"mine")
    Path("link.gif").symlink_to("nowhere")
    given, message = WRONG[case]
    with pytest.raises(UsageError, match=message):
        play(str(trained.folder), **given)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["dir.gif", "link.gif", "old.mp4"]
    assert Path("old.mp4").read_bytes() == b"mine"


def test_everything_wrong_is_said_at_once() -> None:
    """Four mistakes in one command give four problems."""
    pictures = Pictures(video=Path("x"), gif=Path("y"))
    with pytest.raises(UsageError) as caught:
        play("nothing", episodes=0, first=-1, pictures=pictures)
    assert [problem.key for problem in caught.value.problems] == ["--episodes", "--seed", "--video", "--gif"]


@pytest.mark.parametrize("settings", [{}, {"DISPLAY": ":987"}, {"DISPLAY": ":0", "SDL_VIDEODRIVER": "dummy"}])
def test_no_window_without_a_display(settings: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a display, or with SDL's dummy, --human is refused before the name is resolved."""
    for key in ("DISPLAY", "WAYLAND_DISPLAY", "SDL_VIDEODRIVER"):
        monkeypatch.delenv(key, raising=False)
    for key, value in settings.items():
        monkeypatch.setenv(key, value)
    with pytest.raises(UsageError, match=r"--human: needs a display.*--video FILE\.mp4"):
        play("nothing", pictures=Pictures(window=True))


def test_an_environment_of_another_shape_is_refused() -> None:
    """A policy whose table does not fit the environment here is refused."""
    policy = random_policy("env=mountain_car")
    deeper = dataclasses.replace(policy, grid=Grid((0.0,) * 3, (1.0,) * 3, (2,) * 3))
    wider = dataclasses.replace(policy, q_table=np.zeros((20, 20, 4)))
    for wrong in (deeper, wider, dataclasses.replace(policy, first_action=1)):
        with pytest.raises(UsageError, match=r"name: has a policy for .* but the environment has 2 dim"):
            wrong.setting()


def test_an_unknown_name(trained: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that is neither in the store nor a folder is refused, with the known names."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(
        UsageError, match=r"name: .* given 'MountainCar-v0@bset' \(known: MountainCar-v0@best"
    ):
        play("MountainCar-v0@bset", uri=trained.uri)


@pytest.mark.parametrize(
    ("env", "policy", "said", "mean"),
    [
        ("mountain_car", "2", "always action 2: push right", -200.0),
        ("MountainCar-v0", "push right", "always action 2: push right", -200.0),
        ("qsweep/RandomWalk-v0", "random", "random actions", None),
        ("qsweep/WindyGridworld-v0", "right", "always action 1: right", None),
        ("pendulum", "0", "always action 0: torque -2", None),
        ("qsweep/MaximizationBias-v0", "random", "random actions", None),
    ],
)
def test_a_policy_that_learned_nothing(env: str, policy: str, said: str, mean: float | None) -> None:
    """Random actions, or one action by its number or name, are played without a store, the same each time."""
    one, other = (play(env, 5, untrained=policy) for _ in range(2))
    assert same(one.rollouts, other.rollouts)
    assert str(one).splitlines()[0].endswith(f"  {said}")
    assert "5 episodes" in str(one)
    assert mean is None or one.rollouts.returns.tolist() == [mean] * 5


@pytest.mark.slow
def test_a_policy_that_learned_nothing_on_video(tmp_path: Path) -> None:
    """The film's caption names the policy."""
    played = play("mountain_car", 1, 0, Pictures(gif=tmp_path / "weak.gif"), untrained="2")
    assert played.info is not None
    assert played.info.frames == 201
    assert (tmp_path / "weak.gif").stat().st_size > 10_000


@pytest.mark.parametrize(
    ("env", "policy", "rule"),
    [
        ("mountain_car", "3", r"must be random or an action .* \(0 push left, 1 no push, 2 push right\)"),
        ("mountain_car", "best", "must be random or an action of MountainCar-v0; given 'best'"),
        ("qsweep/MaximizationBias-v0", "5", "an action of every state .*: one of the first 2; given '5'"),
        ("Nowhere-v0", "random", "must be an environment that Gymnasium can make"),
    ],
)
def test_an_action_that_does_not_exist(env: str, policy: str, rule: str) -> None:
    """The error lists the actions that exist."""
    with pytest.raises(UsageError, match=rule):
        play(env, untrained=policy)


def test_a_page_needs_a_table(tmp_path: Path) -> None:
    """A page shows a Q-table, which random actions do not have."""
    with pytest.raises(UsageError, match="--page: shows a Q-table"):
        play("mountain_car", 1, 0, Pictures(page=tmp_path / "page.html"), untrained="random")


def test_a_folder_that_is_none(qsweep: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    """The command prints one line, without a traceback, and exits with 2."""
    ran = qsweep("play", "./nothing")
    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr.startswith("qsweep: name: is no folder that `qsweep pull` wrote; given './nothing'")
    assert ran.stderr.count("\n") == 1


@pytest.mark.slow
def test_the_command(
    trained: Trained, tmp_path: Path, qsweep: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    """10,000 episodes and a video: stdout has only the summary, and the files are complete."""
    shutil.copytree(trained.folder, tmp_path / "pulled")
    ran = qsweep(
        "play", "./pulled", "--episodes", "10000", "--video", "a/b.mp4", "--gif", "b.GIF", DISPLAY=""
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    lines = ran.stdout.splitlines()
    assert lines[1] == "played    10,000 greedy episodes"
    assert re.match(
        r"wrote     a/b.mp4, b.GIF: the first episode, \d+ frames of 600 x \d+ pixels, 30 ", lines[-1]
    )
    assert sorted(path.name for path in tmp_path.rglob("*b.*")) == ["b.GIF", "b.mp4"]


def close_window_after(seconds: float) -> None:
    time.sleep(seconds)
    pygame.event.post(pygame.event.Event(pygame.QUIT))


def test_a_window_plays_until_it_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Closing the window ends episodes that would take hours."""
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    policy = random_policy("env=mountain_car")
    closing = threading.Thread(target=close_window_after, args=(1.0,))
    closing.start()
    show(policy.setting(), policy, seeds.play(1000))
    closing.join()
    assert not pygame.display.get_init()


def test_a_window_shows_every_episode(monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise it shows all steps of all episodes at the environment's frame rate."""
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    policy = random_policy("env=mountain_car", "env.max_steps=9")
    started = time.perf_counter()
    show(policy.setting(), policy, seeds.play(3))
    assert time.perf_counter() - started > 0.8 * 3 * 9 / 30
    assert os.environ["SDL_VIDEODRIVER"] == "dummy"
