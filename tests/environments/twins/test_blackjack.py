"""Blackjack's twin deals the cards that Gymnasium deals, and pays what Gymnasium pays."""

from __future__ import annotations

from collections import Counter
from typing import Any

import gymnasium
import numpy as np
import pytest

from qsweep.config import Env
from qsweep.environments.description import describe
from qsweep.environments.twins.matching import twin_of
from qsweep.environments.twins.pcg64 import stream
from qsweep.environments.twins.twin import Twin
from qsweep.learning.engines import compiled_engine
from qsweep.learning.training import chunks, train
from qsweep.plan.composition import load_resolved
from qsweep.seeds import generator_state
from tests.support.machine_code import machine_code

GAMES: list[dict[str, bool]] = [
    {},
    {"sab": False},
    {"natural": True},  # without effect: the registered game has sab=True
    {"natural": True, "sab": False},
    {"natural": False, "sab": True},
]
PAID = {-1.0, 0.0, 1.0}


def twin_with(arguments: dict[str, Any]) -> Twin | None:
    """Return the twin of the game with these arguments; None if it has none."""
    env = Env("Blackjack-v1", kwargs=arguments)
    return twin_of(env, describe(env))


def play(arguments: dict[str, bool], seeds: range, hands: int, compiled: bool = True) -> Counter[float]:
    """Play hands from each seed in both, check that all is equal; return how often each reward ended one."""
    env: Any = gymnasium.make("Blackjack-v1", **arguments).unwrapped
    twin, actions, paid = twin_with(arguments), np.random.default_rng(0), Counter[float]()
    assert twin is not None
    reset, step = (machine_code(part) if compiled else part for part in (twin.reset, twin.step))
    state, observation = twin.buffers()
    for seed in seeds:
        random, likely = stream(seed), actions.random()
        for hand in range(hands):
            seen, _ = env.reset(seed=None if hand else seed)
            reset(random, twin.constants, state, observation)
            assert tuple(observation) == seen
            over = False
            while not over:
                action = int(actions.random() < likely)
                seen, reward, over, truncated, _ = env.step(action)
                found = step(random, twin.constants, state, action, observation)
                assert (*found, tuple(observation)) == (reward, over, seen)
                assert not truncated
            paid[reward] += 1
        assert random.tolist() == generator_state(env.np_random).tolist()
    return paid


@pytest.mark.parametrize("arguments", GAMES, ids=str)
def test_hands_are_gymnasiums(arguments: dict[str, bool]) -> None:
    """Thousands of hands agree; half of 64 random bits is kept from one card, or hand, to the next."""
    paid = play(arguments, range(8), 1000)
    assert set(paid) == PAID | ({1.5} if arguments == {"natural": True, "sab": False} else set())


@pytest.mark.parametrize("arguments", GAMES, ids=str)
def test_the_first_hand_of_a_seed_is_gymnasiums(arguments: dict[str, bool]) -> None:
    """So do single hands from thousands of seeds, small and large."""
    assert set(play(arguments, range(2000), 1)) >= PAID
    play(arguments, range(2**31, 2**31 + 500), 2)


@pytest.mark.slow
def test_many_hands_are_gymnasiums() -> None:
    """A hundred thousand hands agree."""
    assert play({"natural": True, "sab": False}, range(100, 150), 2000)[1.5] > 100


def test_it_does_the_same_uncompiled() -> None:
    """The lines that are compiled do the same when Python runs them."""
    with np.errstate(over="ignore"):  # the products of PCG64 are meant to overflow
        play({"natural": True, "sab": False}, range(5), 100, compiled=False)


@pytest.mark.parametrize("arguments", [{"natural": 1}, {"sab": "yes"}, {"natural": None}])
def test_arguments_that_are_not_true_or_false(arguments: dict[str, Any]) -> None:
    """The twin leaves them to Gymnasium."""
    assert twin_with(arguments) is None


@pytest.mark.slow
@pytest.mark.parametrize("algorithm", ["q_learning", "sarsa", "monte_carlo"])
def test_interleaved_seeds_are_gymnasiums(algorithm: str) -> None:
    """Eleven runs side by side have the Q-tables and returns of each alone on the Gymnasium engine."""
    lines = ["env=blackjack", "+env.kwargs.natural=true", "+env.kwargs.sab=false", f"algorithm={algorithm}"]
    lines += ["episodes=300", "checkpoint_every=50", "tracking=none", "epsilon=constant", "ties=random"]
    runs = [load_resolved([*lines, f"seed={seed}"]) for seed in range(11)]
    of_seed: dict[int, list[Any]] = {number: [] for number in range(len(runs))}
    for number, block in compiled_engine.train_interleaved(runs):
        of_seed[number].append(block)
    for number in range(len(runs)):
        expected = list(train(load_resolved([*lines, f"seed={number}", "engine=gymnasium"])))
        found = list(chunks(iter(of_seed[number])))
        assert expected[-1].q_table.any()
        for one, other in zip(found, expected[-len(found) :], strict=True):
            assert one.span == other.span
            assert one.q_table.tobytes() == other.q_table.tobytes()
            assert one.returns.tobytes() == other.returns.tobytes()
