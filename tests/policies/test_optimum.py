from __future__ import annotations

import itertools
import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from functools import cache, partial
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces
from gymnasium.envs.toy_text import blackjack
from gymnasium.envs.toy_text.frozen_lake import FrozenLakeEnv, generate_random_map
from scipy.optimize import linprog  # type: ignore[import-untyped]

from qsweep.config import Env
from qsweep.environments.twins import named_twin
from qsweep.environments.twins.pcg64 import stream
from qsweep.policies.optimum import mountain_car, optimum, tables
from qsweep.policies.optimum.environment_tables import _tables_of
from qsweep.policies.optimum.random_policy import random_return
from qsweep.policies.optimum.tables import Tables, best_within, read
from qsweep.system.arrays import Floats
from tests.support.machine_code import machine_code

RULES: Any = blackjack
"""Gymnasium's own functions of a hand of cards."""

UNLIMITED = 10**6
"""More steps than matter to any of the processes below."""

P = dict[int, dict[int, list[tuple[float, int, float, bool]]]]

WORK_OR_GAMBLE: P = {
    0: {
        0: [(1.0, 0, 1.0, False)],  # work: earn 1 and go on
        1: [(0.5, 0, 4.0, True), (0.5, 0, 0.0, False)],  # gamble: half of the time earn 4, and over
    }
}


def known(env_id: str, max_steps: int = UNLIMITED, **kwargs: Any) -> float:
    found = optimum(Env(env_id, max_steps=max_steps, kwargs=kwargs))
    assert found is not None
    return found


def inner(env_id: str, **kwargs: Any) -> Any:
    return gymnasium.make(env_id, **kwargs).unwrapped


def read_known(p: Any, start: Any, actions: range) -> Tables:
    found = read(p, start, actions)
    assert found is not None
    return found


def random_process(seed: int, states: int = 6, actions: int = 3) -> P:
    """A made-up process whose every action may end the episode."""
    rng = np.random.default_rng(seed)
    return {
        s: {
            a: [
                (float(chance), int(rng.integers(states)), float(rng.normal()), end == 0)
                for end, chance in enumerate(rng.dirichlet(np.ones(4)))
            ]
            for a in range(actions)
        }
        for s in range(states)
    }


def naive(p: P, steps: int) -> list[dict[int, dict[int, float]]]:
    """Return the action values by definition, in plain Python: [steps to go - 1][state][action]."""
    values = dict.fromkeys(p, 0.0)
    worths = []
    for _ in range(steps):
        worth = {
            s: {
                a: sum(
                    chance * (reward + (not over) * values[after]) for chance, after, reward, over in outcomes
                )
                for a, outcomes in choices.items()
            }
            for s, choices in p.items()
        }
        values = {s: max(of_actions.values()) for s, of_actions in worth.items()}
        worths.append(worth)
    return worths


def naive_optimum(p: P, start: Any, steps: int) -> float:
    last = naive(p, steps)[-1]
    return float(sum(chance * max(last[s].values()) for s, chance in enumerate(start)))


def programmed_optimum(p: P, start: Any) -> float:
    """Return values by linear programming: the least that no action improves (Puterman 1994, section 6.9)."""
    rows, limits = [], []
    for s, choices in p.items():
        for outcomes in choices.values():
            row = np.zeros(len(p))
            row[s] -= 1
            for chance, after, _, over in outcomes:
                row[after] += chance * (not over)
            rows.append(row)
            limits.append(-sum(chance * reward for chance, _, reward, _ in outcomes))
    free = any(reward < 0 for s in p for a in p[s] for _, _, reward, _ in p[s][a])
    bounds = (None if free else 0, None)
    solved = linprog(np.ones(len(p)), A_ub=np.array(rows), b_ub=np.array(limits), bounds=bounds)
    assert solved.success, solved.message
    return float(np.asarray(start) @ solved.x)


@pytest.mark.parametrize(
    ("env_id", "max_steps", "kwargs", "expected", "tolerance"),
    [
        ("FrozenLake-v1", 100, {}, 0.744190, 1e-6),
        ("FrozenLake-v1", UNLIMITED, {}, 14 / 17, 1e-9),
        ("FrozenLake-v1", 100, {"is_slippery": False}, 1.0, 0.0),
        ("FrozenLake-v1", 5, {"is_slippery": False}, 0.0, 0.0),
        ("FrozenLake-v1", UNLIMITED, {"map_name": "8x8"}, 1.0, 1e-9),
        ("FrozenLake-v1", 10**9, {}, 14 / 17, 1e-9),
        ("Taxi-v4", 200, {}, 7.930, 1e-3),
        ("CliffWalking-v1", 10_000, {}, -13.0, 0.0),
        ("CliffWalking-v1", 5, {}, -5.0, 0.0),
        ("CliffWalking-v1", UNLIMITED, {}, -13.0, 0.0),
    ],
)
def test_known_optima(
    env_id: str, max_steps: int, kwargs: dict[str, Any], expected: float, tolerance: float
) -> None:
    """Known optima and those that can be computed by hand are found."""
    found = known(env_id, max_steps, **kwargs)
    assert found == pytest.approx(expected, rel=0, abs=tolerance)


@pytest.mark.parametrize(("steps", "expected"), [(1, 2.0), (2, 3.0), (3, 4.0), (100, 101.0)])
def test_a_process_worked_out_by_hand(steps: int, expected: float) -> None:
    """Gamble with one step to go, otherwise work: 2, then max(1 + 2, 2 + 1), then max(1 + 3, 2 + 1.5)."""
    values = best_within(read_known(WORK_OR_GAMBLE, [1.0], range(2)), steps)
    assert values is not None
    assert values.tolist() == [expected]


@pytest.mark.parametrize(
    ("env_id", "kwargs", "steps"),
    [
        ("FrozenLake-v1", {"map_name": "8x8"}, 200),
        ("FrozenLake-v1", {"map_name": "8x8", "is_slippery": False}, 200),
        ("FrozenLake-v1", {"desc": generate_random_map(7, 0.8, seed=3), "success_rate": 0.7}, 60),
        ("FrozenLake-v1", {"reward_schedule": [5, -2, -0.1]}, 100),
        ("CliffWalking-v1", {"is_slippery": True}, 150),
        ("Taxi-v4", {"is_rainy": True}, 30),
    ],
)
def test_within_a_limit_against_the_definition(env_id: str, kwargs: dict[str, Any], steps: int) -> None:
    """Any map, slipperiness and rewards give what a plain recursion over `P` gives."""
    env = inner(env_id, **kwargs)
    expected = naive_optimum(env.P, env.initial_state_distrib, steps)
    assert known(env_id, steps, **kwargs) == pytest.approx(expected, abs=1e-10)


@pytest.mark.parametrize(
    ("env_id", "kwargs"),
    [
        ("FrozenLake-v1", {}),
        ("FrozenLake-v1", {"is_slippery": False}),
        ("FrozenLake-v1", {"desc": generate_random_map(7, 0.8, seed=3), "success_rate": 0.7}),
        ("FrozenLake-v1", {"reward_schedule": [5, -2, -0.1]}),
        ("CliffWalking-v1", {"is_slippery": True}),
        ("Taxi-v4", {}),
        ("Taxi-v4", {"is_rainy": True}),
    ],
)
def test_without_a_limit_against_linear_programming(env_id: str, kwargs: dict[str, Any]) -> None:
    """With more steps than matter, the values are those of the linear program."""
    env = inner(env_id, **kwargs)
    expected = programmed_optimum(env.P, env.initial_state_distrib)
    found = known(env_id, **kwargs)
    assert found == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("seed", range(5))
def test_made_up_processes_against_linear_programming(seed: int) -> None:
    """Rewards of both signs."""
    p, start = random_process(seed), np.full(6, 1 / 6)
    made = read_known(p, start, range(3))
    values = best_within(made, UNLIMITED)
    assert values is not None
    assert made.start @ values == pytest.approx(programmed_optimum(p, start), abs=1e-6)


def test_the_best_policy_earns_it_in_the_real_environment() -> None:
    """Rollouts of the policy that depends on the steps left average FrozenLake 8x8's optimum.

    Returns lie in [0, 1]: by Hoeffding's inequality the mean of 2,000 is off by more than 0.084
    with a probability below 1e-12.
    """
    steps, episodes = 200, 2000
    env = gymnasium.make("FrozenLake-v1", map_name="8x8", max_episode_steps=steps, disable_env_checker=True)
    plain: Any = env.unwrapped
    greedy = [{s: max(worth[s], key=lambda a: worth[s][a]) for s in worth} for worth in naive(plain.P, steps)]
    earned = 0.0
    env.reset(seed=0)
    for _ in range(episodes):
        state, _ = env.reset()
        for policy in reversed(greedy):
            state, reward, terminated, truncated, _ = env.step(policy[int(state)])
            earned += float(reward)
            if terminated or truncated:
                break
    bound = math.sqrt(math.log(2 / 1e-12) / (2 * episodes))
    assert earned / episodes == pytest.approx(known("FrozenLake-v1", steps, map_name="8x8"), abs=bound)


def worth_of(p: P, policy: Floats, steps: int) -> Floats:
    """Return the value of a stochastic policy [states, actions] within a number of steps: [states]."""
    values = np.zeros(len(p))
    for _ in range(steps):
        values = np.array(
            [
                sum(
                    policy[s, a] * chance * (reward + (not over) * values[after])
                    for a in p[s]
                    for chance, after, reward, over in p[s][a]
                )
                for s in p
            ]
        )
    return values


@pytest.mark.parametrize("seed", range(10))
def test_no_policy_beats_the_optimum(seed: int) -> None:
    """Random policies, mixed and pure, earn no more from any state, with a short limit and a long one."""
    p, rng = random_process(seed), np.random.default_rng(seed)
    made = read_known(p, np.full(6, 1 / 6), range(3))
    limited, unlimited = best_within(made, 20), best_within(made, UNLIMITED)
    assert limited is not None
    assert unlimited is not None
    for policy in (rng.dirichlet(np.ones(3), size=6), np.eye(3)[rng.integers(3, size=6)]):
        assert np.all(worth_of(p, policy, 20) <= limited + 1e-12)
        assert np.all(worth_of(p, policy, 400) <= unlimited + 1e-9)


def test_no_random_policy_beats_frozen_lake() -> None:
    """The same on a process that people train on."""
    env, rng = inner("FrozenLake-v1"), np.random.default_rng(0)
    best = known("FrozenLake-v1", 100)
    worths = [worth_of(env.P, rng.dirichlet(np.full(4, 0.3), size=16), 100)[0] for _ in range(10)]
    assert 0 < max(worths) <= best


@pytest.mark.parametrize("reward", [1.0, -1.0])
def test_the_limit_ends_an_endless_sum(reward: float) -> None:
    """Where every step earns the same and nothing ends, the sum has as many terms as steps."""
    made = read_known({0: {0: [(1.0, 0, reward, False)]}}, [1.0], range(1))
    values = best_within(made, 7)
    assert values is not None
    assert values.tolist() == [7 * reward]


def test_states_out_of_reach_do_not_matter() -> None:
    """Unreachable states may be endless or invalid."""
    p: Any = {0: {0: [(1.0, 0, 3.0, True)]}, 1: {0: [(1.0, 1, 1.0, False)]}, 2: "a wall"}
    values = best_within(read_known(p, [1.0, 0.0, 0.0], range(1)), 10)
    assert values is not None
    assert values.tolist() == [3.0]


def test_too_much_work_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """A limit that would take for ever gives None, not a wait."""
    made = read_known({0: {0: [(1.0, 0, 1.0, False)]}}, [1.0], range(1))
    monkeypatch.setattr(tables, "WORK", 1e6)
    assert best_within(made, 10) is not None
    assert best_within(made, 10**9) is None


@pytest.mark.parametrize(
    ("p", "start"),
    [
        (None, [1.0]),
        ({}, [1.0]),
        ({0: {}}, [1.0]),
        ({0: {0: []}}, [1.0]),
        ({0: {0: [(1.0, 0, 0.0)]}}, [1.0]),
        ({0: {0: [(0.6, 0, 0.0, True)]}}, [1.0]),
        ({0: {0: [(1.5, 0, 0.0, True), (-0.5, 0, 0.0, True)]}}, [1.0]),
        ({0: {0: [(math.nan, 0, 0.0, True)]}}, [1.0]),
        ({0: {0: [(1.0, 0, math.inf, True)]}}, [1.0]),
        ({0: {0: [(1.0, 7, 0.0, False)]}}, [1.0]),
        ({0: {0: [(1.0, 0, 0.0, True)]}}, [0.4]),
        ({0: {0: [(1.0, 0, 0.0, True)]}}, [math.nan]),
        ({0: {0: [(1.0, 0, 0.0, True)]}}, []),
        ({0: {0: [(1.0, 0, 0.0, True)]}}, "start"),
    ],
)
def test_what_is_no_process_is_unknown(p: Any, start: Any) -> None:
    """Tables of another form, and probabilities that are none, give None."""
    assert read(p, start, range(1)) is None


class Dice(gymnasium.Env[Any, Any]):
    """A user's own environment: roll for its pips, or stop; actions are called 1 and 2."""

    def __init__(self, sides: int = 6) -> None:
        self.observation_space = spaces.Discrete(1)
        self.action_space = spaces.Discrete(2, start=1)
        self.initial_state_distrib = np.ones(1)
        rolls = [(1 / sides, 0, float(pips), False) for pips in range(1, sides + 1)]
        self.P = {0: {1: rolls, 2: [(1.0, 0, 2.0, True)]}}

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[int, dict[str, Any]]:
        """Return state 0."""
        super().reset(seed=seed)
        return 0, {}

    def step(self, action: int) -> tuple[int, float, bool, bool, dict[str, Any]]:
        """Roll, or stop."""
        _, state, pips, stopped = self.P[0][action][self.np_random.integers(len(self.P[0][action]))]
        return state, pips, stopped, False, {}


class Penalised(FrozenLakeEnv):
    """A user's lake on which a step costs something, which its tables do not say."""

    def step(self, action: int) -> Any:
        """Step, and pay."""
        seen, reward, *others = super().step(action)
        return seen, float(reward) - 0.01, *others


@pytest.fixture
def register() -> Iterator[Callable[..., str]]:
    """Register an environment of the user's for one test; returns its id."""
    ids: list[str] = []

    def registered(**more: Any) -> str:
        ids.append(f"Dice{len(ids)}-v0")
        gymnasium.register(ids[-1], entry_point=lambda **kwargs: Dice(**kwargs), **more)
        return ids[-1]

    yield registered
    for env_id in ids:
        del gymnasium.registry[env_id]
    optimum.cache_clear()
    _tables_of.cache_clear()


def test_a_users_own_environment(register: Callable[..., str]) -> None:
    """Any registered environment with a `P` is solved, with its own arguments and names of actions."""
    env_id = register(max_episode_steps=10)
    assert known(env_id, 10) == pytest.approx(35.0)
    assert known(env_id, 1, sides=2) == 2.0


def test_a_derived_environment_that_contradicts_its_tables() -> None:
    """The optimum and the random return are unknown; an unchanged subclass has both."""
    for entry_point, expected in ((Penalised, False), (type("Same", (FrozenLakeEnv,), {}), True)):
        gymnasium.register("Lake-v0", entry_point=entry_point, max_episode_steps=100)
        try:
            env = Env("Lake-v0", max_steps=100, kwargs={"is_slippery": expected})
            assert (optimum(env) is not None, random_return(env) is not None) == (expected, expected)
        finally:
            del gymnasium.registry["Lake-v0"]


def test_a_wrapper_hides_the_tables(register: Callable[..., str]) -> None:
    """If a wrapper changes the rewards, `P` does not describe them."""
    halved = gymnasium.envs.registration.WrapperSpec(
        "Halved", "gymnasium.wrappers:TransformReward", {"func": lambda reward: reward / 2}
    )
    assert optimum(Env(register(additional_wrappers=(halved,)), max_steps=10)) is None


@pytest.mark.parametrize(
    ("env_id", "kwargs"),
    [
        ("Acrobot-v1", {}),
        ("FrozenLake-v1", {"map_name": None}),  # another map each time
        ("FrozenLake-v1", {"success_rate": 1.5}),
        ("MountainCar-v0", {"goal_velocity": 0.03}),
        ("CartPole-v1", {"sutton_barto_reward": True}),
    ],
)
def test_unknown_optima(env_id: str, kwargs: dict[str, Any]) -> None:
    """The optimum is None where it is unknown."""
    assert optimum(Env(env_id, max_steps=100, kwargs=kwargs)) is None


def dealers_chances(card: int) -> dict[tuple[int, bool], float]:
    """(score, natural) -> probability of the dealer's final hand, card by card, by Gymnasium's own rules."""
    ends: defaultdict[tuple[int, bool], float] = defaultdict(float)
    hands: dict[tuple[int, ...], float] = {(card, hole): n / 13 for hole, n in Counter(RULES.deck).items()}
    while hands:
        ahead: defaultdict[tuple[int, ...], float] = defaultdict(float)
        for hand, chance in hands.items():
            if RULES.sum_hand(hand) >= 17:
                natural = RULES.is_natural(list(hand))
                ends[RULES.score(hand), natural] += chance
                continue
            for drawn, times in Counter(RULES.deck).items():
                ahead[tuple(sorted((*hand, drawn)))] += chance * times / 13
        hands = ahead
    return ends


def enumerated_blackjack(sab: bool, natural: bool) -> float:
    """The optimum over all hands of cards, each hand a state of its own."""
    deck = Counter(RULES.deck)
    total = 0.0
    for card in deck:
        dealer = dealers_chances(card)

        def stick(hand: tuple[int, ...], dealer: dict[tuple[int, bool], float] = dealer) -> float:
            is_natural, earned = RULES.is_natural(list(hand)), 0.0
            for (score, dealer_natural), chance in dealer.items():
                reward = RULES.cmp(RULES.score(hand), score)
                if sab and is_natural and not dealer_natural:
                    reward = 1.0
                elif not sab and natural and is_natural and reward == 1.0:
                    reward = 1.5
                earned += chance * reward
            return earned

        @cache
        def best(hand: tuple[int, ...], stick: Callable[[tuple[int, ...]], float] = stick) -> float:
            if RULES.is_bust(hand):
                return -1.0
            hit = sum(n / 13 * best(tuple(sorted((*hand, drawn)))) for drawn, n in deck.items())
            return max(stick(hand), hit)

        for one, two in itertools.product(deck, deck):
            total += deck[card] * deck[one] * deck[two] / 13**3 * best(tuple(sorted((one, two))))
    return total


@pytest.mark.parametrize(("sab", "natural"), [(True, False), (False, False), (False, True)])
def test_blackjack_against_all_its_hands(sab: bool, natural: bool) -> None:
    """Totals and usable aces are sufficient: the optimum equals that over all hands of cards."""
    found = known("Blackjack-v1", 10_000, sab=sab, natural=natural)
    assert found == pytest.approx(enumerated_blackjack(sab, natural), abs=1e-12)
    assert -0.05 < found < -0.02


def stepper(env_id: str) -> Callable[[Floats, int, Floats], tuple[float, bool]]:
    """A twin's step: (state, action, observation) -> (reward, terminated), writing the arrays."""
    twin = named_twin(env_id)
    assert twin is not None
    return partial(machine_code(twin.step), stream(0), twin.constants)


def test_a_simple_controller_attains_cart_poles_bound() -> None:
    """Pushing to where position, velocity, angle and its velocity, weighted, lean never lets the pole fall.

    From every corner of the starts for 10,000 steps, and from 500 starts within for 500.
    """
    weights, observation = np.array([0.1, 0.2, 1.0, 0.2]), np.empty(4)
    step = stepper("CartPole-v1")

    def stands(start: Floats, steps: int) -> bool:
        state = start.copy()
        return not any(step(state, int(state @ weights > 0), observation)[1] for _ in range(steps))

    assert all(stands(np.array(corner), 10_000) for corner in itertools.product((-0.05, 0.05), repeat=4))
    assert all(stands(start, 500) for start in np.random.default_rng(0).uniform(-0.05, 0.05, (500, 4)))
    assert known("CartPole-v1", 500) == 500.0


def test_the_shipped_optimum_of_mountain_car() -> None:
    """-97.66, and approximate; a limit that no start needs changes nothing."""
    found = known("MountainCar-v0", 200)
    assert found == pytest.approx(-97.66, abs=0.01)
    assert known("MountainCar-v0", 1000) == found
    assert known("MountainCar-v0") == found
    assert sum(mountain_car.STEPS.values()) == mountain_car.STARTS


def test_a_short_limit_cuts_mountain_cars_episodes() -> None:
    """Starts that need more steps than there are earn minus the limit."""
    assert known("MountainCar-v0", 50) == -50
    needs_83 = mountain_car.STEPS[83] / mountain_car.STARTS
    assert known("MountainCar-v0", 84) == pytest.approx(-84 + needs_83)


def pumped(position: float) -> int:
    """Return the steps of a policy that always pushes in the direction of motion."""
    state, observation, step = np.array([position, 0.0]), np.empty(2), stepper("MountainCar-v0")
    for steps in itertools.count(1):
        if step(state, 2 if state[1] > 0 else 0, observation)[1]:
            return steps
    raise AssertionError


def test_pushing_along_does_no_better_than_mountain_cars_optimum() -> None:
    """The policy that always pushes where the car moves takes more steps than the shipped optimum."""
    along = -np.mean([pumped(place) for place in np.linspace(-0.6, -0.4, 500, endpoint=False)])
    assert -200 < along < known("MountainCar-v0", 200)
