from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces

from qsweep.config import Env
from qsweep.environments import failures
from qsweep.environments.description import describe
from qsweep.environments.failures import EnvironmentFailure
from qsweep.environments.guarded import GuardedEnv, opened
from qsweep.environments.observations import observations
from qsweep.errors import UsageError
from qsweep.system.interrupts import Interrupted, mark_interrupts
from tests.support.misbehaving import EXCEPTIONS, ID, OBSERVATIONS, RESULTS, REWARDS


@pytest.fixture(autouse=True)
def marked() -> Iterator[None]:
    """Let Ctrl-C raise `Interrupted`, as in a command; warn anew."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    mark_interrupts()
    failures._warned.clear()
    yield
    signal.signal(signal.SIGINT, before)


def odd(method: str, how: str, **more: Any) -> GuardedEnv:
    """Return the environment that is odd in its first episode, at its first step."""
    env = Env(ID, kwargs={"method": method, "how": how, "episode": 0, "at": 1, **more})
    return opened(env, describe(env))


@pytest.mark.parametrize("how", EXCEPTIONS)
@pytest.mark.parametrize("method", ["reset", "step", "render"])
def test_whatever_a_method_raises_is_a_failure_in_one_line(method: str, how: str) -> None:
    """The line names the environment, the method, what it raised, and Gymnasium's rule."""
    env = odd(method, how)
    with pytest.raises(EnvironmentFailure) as caught:  # noqa: PT012  # the failing call depends on the case
        env.reset()
        env.step(0)
        env.render()
    text = str(caught.value)
    kind = EXCEPTIONS[how] if isinstance(EXCEPTIONS[how], type) else type(EXCEPTIONS[how])
    assert text.startswith(f"{ID}: {method} raised {kind.__name__}")  # type: ignore[union-attr]
    assert f"; Gymnasium's rule: {method}(" in text
    assert "\n" not in text
    assert "misbehaving.py, line " in text


@pytest.mark.parametrize("how", EXCEPTIONS)
def test_whatever_a_constructor_raises_is_bad_input(how: str) -> None:
    """It is found before anything starts."""
    with pytest.raises(UsageError, match=r"env\.(id|kwargs): must"):
        describe(Env(ID, kwargs={"method": "make", "how": how}))


@pytest.mark.parametrize("how", EXCEPTIONS)
def test_whatever_close_raises_is_a_warning(how: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The results stand; the warning is printed once."""
    for _ in range(2):
        with odd("close", how) as env:
            assert env.reset() == [0.0]
    printed = capsys.readouterr().err.splitlines()
    assert len(printed) == 1
    assert printed[0].startswith(f"qsweep: warning: {ID}: close raised ")


def test_an_interrupt_of_the_users_is_not_the_environments() -> None:
    """A signal that arrives during a step passes; so does KeyboardInterrupt where signals are not marked."""

    class Signalled(gymnasium.Env[Any, Any]):
        observation_space, action_space = spaces.Discrete(2), spaces.Discrete(2)

        def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
            signal.raise_signal(signal.SIGINT)
            return 0, {}

    gymnasium.register("Signalled-v0", entry_point=Signalled)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    mark_interrupts()
    try:
        env = opened(Env("Signalled-v0"), describe(Env("Signalled-v0")))
        with pytest.raises(Interrupted):
            env.reset()
        signal.signal(signal.SIGINT, signal.default_int_handler)
        with pytest.raises(KeyboardInterrupt):
            env.reset()
    finally:
        signal.signal(signal.SIGINT, before)
        del gymnasium.registry["Signalled-v0"]


@pytest.mark.parametrize("how", REWARDS)
def test_a_reward_that_is_no_finite_number_is_a_failure(how: str) -> None:
    """The line names the reward; a vector has a remedy."""
    env = odd("step", how)
    env.reset()
    with pytest.raises(
        EnvironmentFailure, match=r"step returned the reward .*; Gymnasium's rule: a reward is"
    ) as e:
        env.step(0)
    assert ("LinearReward" in str(e.value)) == (how == "a vector")


@pytest.mark.parametrize("reward", [1, True, np.float32(0.1), np.int64(3), np.bool_(True), np.array(2.0)])
def test_numbers_of_other_types_are_rewards(reward: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """They become the float that they equal."""
    monkeypatch.setitem(REWARDS, "given", reward)
    env = odd("step", "given")
    env.reset()
    _, found, _, _ = env.step(0)
    assert (type(found), found) == (float, float(reward))


@pytest.mark.parametrize("how", OBSERVATIONS)
def test_an_observation_outside_its_space_is_a_failure(how: str) -> None:
    """The line names observation and space."""
    env = odd("step", how)
    env.reset()
    said = r"gave (the observation .*, which is not in Discrete\(5\)|an observation that raised .*no word)"
    with pytest.raises(EnvironmentFailure, match=said):
        env.step(0)


@pytest.mark.parametrize("how", RESULTS)
def test_results_of_another_form_are_a_failure(how: str) -> None:
    """The line says what Gymnasium asks for."""
    env = odd("step", how)
    env.reset()
    with pytest.raises(EnvironmentFailure, match=rf"{ID}: step .*; Gymnasium's rule: "):
        env.step(0)


def test_a_reset_of_the_old_form_is_a_failure() -> None:
    """Gym's reset returned the observation alone."""
    for how in ("no tuple", "four values"):
        with pytest.raises(EnvironmentFailure, match=r"reset returned .* returns \(observation, info\)"):
            odd("reset", how).reset()


@pytest.mark.parametrize("method", ["make", "reset", "step", "close"])
def test_an_environment_that_changes_the_folder(
    method: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It finds itself in its folder again, and the caller is always in the caller's."""
    monkeypatch.chdir(tmp_path)
    with odd(method, "chdir") as env:
        assert Path.cwd() == tmp_path
        env.reset()
        assert Path.cwd() == tmp_path
        for _ in range(6):
            env.step(1)
        env.reset()
        assert Path.cwd() == tmp_path
    assert os.getcwd() == str(tmp_path)


SPACES: dict[str, tuple[spaces.Space[Any], list[Any], list[Any]]] = {
    "from three": (spaces.Discrete(4, start=3), [3, 6, np.int64(4), np.float64(5)], [2, 7, 3.5]),
    "several": (spaces.MultiDiscrete([2, 3]), [[1, 2], (0, 0)], [[2, 0], [0, -1], [0.5, 1], [0], [0, 0, 0]]),
    "a tuple": (
        spaces.Tuple((spaces.Discrete(2), spaces.Discrete(3, start=1))),
        [(1, 3), (np.int64(0), 1)],
        [(0, 0), (2, 1), (0, 4), 1, None, ((0,), (1, 2))],
    ),
    "binary": (spaces.MultiBinary(2), [[0, 1], np.array([1, 1], np.int8)], [[0, 2], [0], None]),
    "a box": (spaces.Box(-1, 1, (2,)), [[0, 5], [np.inf, -np.inf]], [[0, np.nan], [0], "ab", {"x": 1}]),
}


@pytest.mark.parametrize("name", SPACES)
def test_observations_are_checked_against_their_space(name: str) -> None:
    """What lies in a discrete space is accepted, nothing else; of a Box NaN is refused, not its bounds."""
    space, good, bad = SPACES[name]
    _, encode = observations("Some-v0", space)
    for seen in good:
        assert encode(seen) == np.ravel(seen).astype(float).tolist()
    for seen in bad:
        with pytest.raises(ValueError, match="observation"):
            encode(seen)


@pytest.mark.parametrize("seen", [{"a": (1,)}, {"a": (1, 3), "b": 0}, {"a": 1, "b": 0}, {"b": 0}, 3, None])
def test_a_nested_observation_of_another_form_is_refused(seen: Any) -> None:
    """A part is missing, too large or of another form."""
    space = spaces.Dict(a=spaces.Tuple((spaces.Discrete(2), spaces.Discrete(3))), b=spaces.Discrete(2))
    _, encode = observations("Some-v0", space)
    assert encode({"b": 1, "a": (1, 2)}) == [1.0, 2.0, 1.0]
    with pytest.raises(ValueError, match=r"the observation .* which is not in Dict"):
        encode(seen)


def test_options_are_passed_to_each_reset() -> None:
    """`env.reset_options` reaches the environment; without them it is not passed at all."""
    env = Env(ID, reset_options={"cell": 2})
    with opened(env, describe(env)) as played:
        assert [played.reset(seed) for seed in (0, 1, None)] == [[2.0]] * 3
    with odd("", "") as played:
        assert played.reset() == [0.0]
