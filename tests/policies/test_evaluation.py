from __future__ import annotations

import signal
import tracemalloc
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from gymnasium import spaces
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from qsweep import seeds
from qsweep.environments.resolved import Resolved, Setting
from qsweep.learning.blocks import chunks, spans
from qsweep.learning.engines import gymnasium_engine
from qsweep.learning.training import Chunk, train, train_blocks
from qsweep.plan.resolution import resolve
from qsweep.policies.evaluation import rollouts
from qsweep.policies.evaluation.bootstrap import mean_interval
from qsweep.policies.evaluation.evaluator import EvaluationResult, Evaluator, evaluated_episodes
from qsweep.policies.evaluation.rollouts import LANES, Rollouts, roll_out
from qsweep.policies.evaluation.starts import StartSet
from qsweep.system.interrupts import Interrupted

Table = npt.NDArray[np.float64]

TWINS: dict[str, dict[str, Any]] = {
    "MountainCar-v0": {"buckets": 20},
    "CartPole-v1": {
        "buckets": [3, 3, 12, 8],
        "env": {"low": [-2.4, -3.0, -0.2095, -3.5], "high": [2.4, 3.0, 0.2095, 3.5]},
    },
    "Acrobot-v1": {"buckets": [4, 4, 4, 4, 6, 6]},
    "FrozenLake-v1": {},
    "Taxi-v4": {"env": {"kwargs": {"is_rainy": True}}},
    "CliffWalking-v1": {"env": {"kwargs": {"is_slippery": True}, "max_steps": 300}},
    "Blackjack-v1": {"env": {"kwargs": {"natural": True, "sab": False}}},
}
"""Environments that have a compiled twin, with the grids of their presets; some draw at each step."""


def setting_of(env_id: str, **env: Any) -> Resolved:
    preset = TWINS.get(env_id, {})
    given = {key: value for key, value in env.items() if value is not None}
    return resolve({**preset, "env": {**preset.get("env", {}), "id": env_id, **given}})


def without_twin(setting: Setting) -> Setting:
    """Return the same setting without a twin, so that the Gymnasium environment is used."""
    return replace(setting, twin=None)


def same(one: Rollouts, other: Rollouts) -> bool:
    """Return whether two rollouts are identical to the bit, including types."""
    pairs = zip(vars(one).values(), vars(other).values(), strict=True)
    return all(a.dtype == b.dtype and a.tobytes() == b.tobytes() for a, b in pairs)


def random_table(setting: Setting, seed: int) -> Table:
    """A Q-table of small whole numbers, so that many actions tie."""
    return np.random.default_rng(seed).integers(0, 4, size=setting.shape).astype(np.float64)


@pytest.mark.parametrize("env_id", TWINS)
@settings(max_examples=6, deadline=None)
@given(seed=st.integers(0, 2**32), first=st.integers(0, 2**32), max_steps=st.sampled_from([None, 37]))
def test_both_engines_roll_out_alike(env_id: str, seed: int, first: int, max_steps: int | None) -> None:
    """Compiled and Gymnasium rollouts of a Q-table agree to the bit: returns, lengths, terminations."""
    setting = setting_of(env_id, max_steps=max_steps)
    table = random_table(setting, seed)
    starts = range(first, first + (2 if env_id == "Acrobot-v1" else 6))
    assert same(roll_out(setting, table, starts), roll_out(without_twin(setting), table, starts))


@pytest.mark.slow
@pytest.mark.parametrize("env_id", TWINS)
def test_both_engines_agree_on_a_trained_table(env_id: str) -> None:
    """They also agree on a trained Q-table, whose episodes terminate."""
    config = resolve(
        {**TWINS[env_id], "env": {**TWINS[env_id].get("env", {}), "id": env_id}, "episodes": 800}
    )
    *_, last = train(config)
    starts = seeds.test(3 if env_id == "Acrobot-v1" else 20)
    compiled = roll_out(config, last.q_table, starts)
    assert same(compiled, roll_out(without_twin(config), last.q_table, starts))
    assert compiled.terminated.any()


@pytest.mark.parametrize("compiled", [True, False])
def test_a_start_gives_one_episode(compiled: bool) -> None:
    """The episode of a start seed is the same alone, among others, and a second time."""
    twin = setting_of("CartPole-v1")
    setting = twin if compiled else without_twin(twin)
    table = random_table(setting, 0)
    among, alone, again = (roll_out(setting, table, range(*ends)) for ends in ((5, 15), (9, 10), (9, 10)))
    assert same(alone, again)
    assert (among.returns[4], among.lengths[4]) == (alone.returns[0], alone.lengths[0])
    assert len(set(among.lengths.tolist())) > 1


GRIDS: dict[str, dict[str, Any]] = {
    "equal": {"buckets": 20},
    "tilings": {"buckets": 8, "discretizer": "tiles", "tilings": 4},
    "learned": {"buckets": 9, "discretizer": "quantile"},
}


def check_turns(setting: Setting, starts: range) -> None:
    """Many episodes in one call, or fewer than lanes, give the same as each alone."""
    table = random_table(setting, 3)
    alone = [roll_out(setting, table, range(start, start + 1)) for start in starts]
    for count in (len(starts), 2):
        found = roll_out(setting, table, starts[:count])
        expected = [
            [getattr(each, part)[0] for each in alone[:count]]
            for part in ("returns", "lengths", "terminated")
        ]
        assert [part.tolist() for part in vars(found).values()] == expected


@pytest.mark.slow
@pytest.mark.parametrize("max_steps", [None, 1])
@pytest.mark.parametrize("env_id", TWINS)
def test_episodes_by_turns_are_what_each_is_alone(env_id: str, max_steps: int | None) -> None:
    """Interleaved episodes do not affect one another, in any twin and of any length."""
    check_turns(setting_of(env_id, max_steps=max_steps), range(50, 50 + 3 * LANES + 2))


@pytest.mark.parametrize("grid", GRIDS)
def test_episodes_by_turns_on_any_grid(grid: str) -> None:
    """The same holds on grids of learned edges and on tilings, where both engines agree too."""
    setting = resolve({"env": {"id": "MountainCar-v0"}, **GRIDS[grid]})
    check_turns(setting, range(7, 7 + LANES + 1))
    table, starts = random_table(setting, 3), range(7, 7 + LANES + 1)
    assert same(roll_out(setting, table, starts), roll_out(without_twin(setting), table, starts))


@pytest.mark.parametrize("compiled", [True, False])
def test_the_first_of_tied_actions_is_taken(compiled: bool) -> None:
    """Of several actions with the highest value the first is taken."""
    twin = setting_of("MountainCar-v0")
    setting = twin if compiled else without_twin(twin)
    zeros = np.zeros((20, 20, 3))
    for tied, first in (((0, 1, 2), 0), ((1, 2), 1), ((0, 2), 0), ((2,), 2)):
        table, alone = zeros.copy(), zeros.copy()
        table[..., list(tied)] = 1.0
        alone[..., first] = 1.0
        starts = seeds.validation(5)
        assert same(roll_out(setting, table, starts), roll_out(setting, alone, starts))


def test_long_rollouts_look_for_a_request_to_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    """They do so about every second, and are the same episodes; whatever the look raises ends them."""
    config = resolve({})
    table = np.random.default_rng(0).normal(size=config.shape)
    for setting, limit in ((config, "STEPS"), (without_twin(config), "GYMNASIUM_STEPS")):
        whole, looks = roll_out(setting, table, seeds.test(7)), []
        monkeypatch.setattr(rollouts, limit, 3 * setting.max_steps)
        assert same(roll_out(setting, table, seeds.test(7), lambda: looks.append(1)), whole)  # noqa: B023
        assert len(looks) == 3

        def stop() -> None:
            raise Interrupted(signal.SIGTERM)

        with pytest.raises(Interrupted):
            roll_out(setting, table, seeds.test(7), stop)


def test_a_walk_that_never_ends_is_cut_off() -> None:
    """On CliffWalking, which has no limit of its own, a policy that runs into a wall stops at the limit."""
    for config in (
        resolve({"env": {"id": "CliffWalking-v1", "max_steps": 70}}),
        resolve({"env": {"id": "CliffWalking-v1"}}),
    ):
        upwards = np.zeros((48, 4))
        rollouts = roll_out(without_twin(config), upwards, seeds.test(2))
        assert rollouts.lengths.tolist() == [config.env.max_steps] * 2
        assert rollouts.returns.tolist() == [-float(config.env.max_steps or 0)] * 2
        assert not rollouts.terminated.any()


class Diary(gymnasium.Env[Any, int]):
    """An environment that terminates after one step and records the seeds of its resets."""

    observation_space = spaces.Discrete(2)
    action_space = spaces.Discrete(2)
    seeded: list[int | None] = []  # noqa: RUF012 - one for all that are made

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[int, Any]:
        """Record the seed."""
        super().reset(seed=seed)
        self.seeded.append(seed)
        return 0, {}

    def step(self, action: int) -> tuple[int, float, bool, bool, dict[str, Any]]:
        """Terminate."""
        return 1, 0.0, True, False, {}


@pytest.fixture
def diary() -> Iterator[list[int | None]]:
    """Register Diary-v0; return the list of the seeds of its resets."""
    gymnasium.register("Diary-v0", entry_point=Diary)
    Diary.seeded.clear()
    yield Diary.seeded
    del gymnasium.registry["Diary-v0"]


@settings(max_examples=200)
@given(seed=st.integers(0, 2**64))
def test_training_is_seeded_below_all_others(seed: int) -> None:
    """Whatever a run's seed, its training environment is seeded below validation and test starts."""
    environment = seeds.streams(seed).environment
    assert 0 <= environment < seeds.VALIDATION == seeds.validation(10**6)[0]
    assert seeds.validation(10**6)[-1] < seeds.TEST == seeds.test(10**6)[0]


@pytest.mark.parametrize("seed", [0, 1, 2**63])
def test_starts_of_training_validation_and_test_differ(diary: list[int | None], seed: int) -> None:
    """The environment is reset with one seed for training, and with the ranges of the other two."""
    evaluation = {"checkpoints": 2, "episodes": 3, "test_episodes": 4}
    config = resolve({"env": {"id": "Diary-v0"}, "episodes": 20, "seed": seed, "evaluation": evaluation})
    evaluator = Evaluator(config)
    for _, block in train_blocks([config]):
        list(evaluator.receive(block))
    evaluator.result()
    given_seeds = [each for each in diary if each is not None and each > 1]  # 0 and 1: has it tables?
    training = [each for each in given_seeds if each < seeds.VALIDATION]
    assert training == [seeds.streams(seed).environment]
    validation, test = list(seeds.validation(3)), list(seeds.test(4))
    assert [each for each in given_seeds if each not in training] == validation * 2 + test * 2


def test_evaluated_checkpoints_by_hand() -> None:
    """Two of ten are the fifth and the last; the last is included even if it is no multiple."""
    assert evaluated_episodes(100, 10, 2) == [50, 100]
    assert evaluated_episodes(105, 10, 1) == [105]
    assert evaluated_episodes(105, 50, 3) == [50, 100, 105]
    assert evaluated_episodes(7, 10, 5) == [7]
    assert evaluated_episodes(25_000, 10, 50) == list(range(500, 25_001, 500))


sizes = st.tuples(st.integers(1, 3000), st.integers(1, 400), st.integers(1, 300))


@given(sizes)
def test_as_many_are_evaluated_as_requested(size: tuple[int, int, int]) -> None:
    """Exactly `count` checkpoints are evaluated, or all of them if there are fewer."""
    episodes, every, count = size
    assert len(evaluated_episodes(episodes, every, count)) == min(count, -(-episodes // every))


@given(sizes)
def test_evaluated_checkpoints_exist_and_include_the_last(size: tuple[int, int, int]) -> None:
    """Evaluated checkpoints are some that training makes, in order, and include the last."""
    episodes, every, count = size
    found = evaluated_episodes(episodes, every, count)
    made = [span.end for span in spans(episodes, every, 10**9) if span.checkpoint]
    assert found == sorted(set(found) & set(made))
    assert found[-1] == episodes


@given(sizes)
def test_evaluated_checkpoints_are_evenly_spaced(size: tuple[int, int, int]) -> None:
    """The number of checkpoints between two evaluated ones differs by at most one."""
    episodes, every, count = size
    places = [-(-end // every) for end in evaluated_episodes(episodes, every, count)]
    steps = [after - before for before, after in pairwise([0, *places])]
    assert max(steps) - min(steps) <= 1


def test_a_long_run_has_no_long_list() -> None:
    """Choosing among a million checkpoints takes less than 1 MiB."""
    tracemalloc.start()
    found = evaluated_episodes(10**8, 100, 50)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(found) == 50
    assert peak < 2**20


LAKE = {
    "env": {"id": "FrozenLake-v1"},
    "episodes": 400,
    "checkpoint_every": 20,
    "initial_q": {"low": 0, "high": 0},
    "epsilon": {"start": 1.0, "end": 0.2},
    "evaluation": {"checkpoints": 10, "episodes": 10, "test_episodes": 40},
}


def walks(table: Table, starts: range) -> list[float]:
    """Return the returns of greedy episodes on FrozenLake, computed with Gymnasium alone."""
    lake = gymnasium.make("FrozenLake-v1")
    returns = []
    for start in starts:
        place, _ = lake.reset(seed=start)
        total, over = 0.0, False
        while not over:
            place, reward, terminated, truncated, _ = lake.step(table[place].argmax())
            total, over = total + float(reward), terminated or truncated
        returns.append(total)
    return returns


def evaluated(config: Resolved) -> tuple[Evaluator, list[Chunk], dict[int, float]]:
    """Train with an evaluator; return it, the chunks, and its scores by episode."""
    evaluator, blocks, scores = Evaluator(config), [], {}
    for _, block in train_blocks([config]):
        blocks.append(block)
        for points in evaluator.receive(block):
            assert set(points.values) == {"eval/return_mean"}
            scores[int(points.episodes[0])] = float(points.values["eval/return_mean"][0])
    return evaluator, list(chunks(blocks)), scores


@pytest.mark.parametrize("seed", range(4))
def test_the_first_of_the_best_checkpoints_is_chosen(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without an exact evaluation the first with the highest mean on validation starts is measured."""
    monkeypatch.setattr("qsweep.policies.evaluation.exact.AFFORDABLE", 0.0)
    evaluator, chunks, scores = evaluated(resolve({**LAKE, "seed": seed}))
    tables = {chunk.span.end: chunk.q_table for chunk in chunks}
    by_hand = {end: float(np.mean(walks(tables[end], seeds.validation(10)))) for end in range(40, 401, 40)}
    assert scores == {end - 1: score for end, score in by_hand.items()}
    result = evaluator.result()
    assert result is not None
    assert result.episodes == max(by_hand, key=lambda end: by_hand[end])
    assert result.q_table.tobytes() == tables[result.episodes].tobytes()
    assert result.test.returns.tolist() == walks(tables[result.episodes], seeds.test(40))
    assert result.final.returns.tolist() == walks(tables[400], seeds.test(40))


@pytest.mark.parametrize("seed", range(4))
def test_the_best_checkpoint_by_exact_return_is_chosen(seed: int) -> None:
    """With transition tables the first checkpoint with the highest expected return is chosen, by no luck."""
    config = resolve({**LAKE, "seed": seed})
    evaluator, chunks, scores = evaluated(config)
    lake = gymnasium.make("FrozenLake-v1").unwrapped
    exact = {}
    for chunk in chunks:
        if chunk.span.end % 40 == 0:
            here, total = np.eye(16)[0], 0.0
            for _ in range(config.max_steps):
                following = np.zeros(16)
                for place in np.flatnonzero(here):
                    action = int(chunk.q_table[place].argmax())
                    for chance, after, reward, over in lake.P[int(place)][action]:  # type: ignore[attr-defined]
                        total += here[place] * chance * reward
                        following[after] += here[place] * chance * (not over)
                here = following
            exact[chunk.span.end] = round(total, 9)
    assert scores == pytest.approx({end - 1: value for end, value in exact.items()}, abs=1e-9)
    result = evaluator.result()
    assert result.episodes == max(exact, key=lambda end: exact[end])
    assert result.metrics()["score"] == pytest.approx(exact[result.episodes], abs=1e-9)
    assert result.metrics()["final/return_exact"] == pytest.approx(exact[400], abs=1e-9)


def test_an_evaluator_keeps_its_scores() -> None:
    """It keeps the scores of the evaluated checkpoints in order."""
    evaluator, _, scores = evaluated(resolve({**LAKE, "seed": 1}))
    assert evaluator.scores == [scores[end] for end in sorted(scores)]


def test_an_evaluator_gives_no_score_between_its_checkpoints() -> None:
    """A checkpoint that is not to be evaluated gives no score."""
    config = resolve(LAKE)
    evaluator = Evaluator(config)
    parts = list(gymnasium_engine.train(config))
    received = [list(evaluator.receive(part)) for part in parts[:4]]
    assert [len(points) for points in received] == [0, 1, 0, 1]


def result_of(
    env_id: str, returns: list[float], lengths: list[int], terminated: list[bool]
) -> EvaluationResult:
    test = Rollouts(np.array(returns), np.array(lengths, np.int32), np.array(terminated))
    final = Rollouts(test.returns - 1, test.lengths, test.terminated)
    return EvaluationResult(17_500, np.zeros((2, 3)), test, final, StartSet(seeds.test(len(returns))), env_id)


def test_metrics_of_a_result() -> None:
    """The summary metrics are the mean, worst and interval of the test returns, by their names."""
    result = result_of(
        "MountainCar-v0", [-100, -110, -200, -90], [100, 110, 200, 90], [True, True, False, True]
    )
    metrics = result.metrics()
    low, high = metrics.pop("test/return_ci_low"), metrics.pop("test/return_ci_high")
    assert -200 < low < -125 < high < -90
    assert metrics == {
        "best_episode": 17_500.0,
        "score": -125.0,
        "test/return_mean": -125.0,
        "test/return_worst": -200.0,
        "final/return_mean": -126.0,
        "test/success_rate": 0.75,
    }


def test_an_exact_return_is_the_score() -> None:
    """It stands beside the sampled mean, and ranks."""
    sampled = result_of("FrozenLake-v1", [1.0, 0.0], [9, 9], [True, True])
    metrics = replace(sampled, exact=0.75, final_exact=0.7).metrics()
    assert (metrics["score"], metrics["test/return_exact"], metrics["test/return_mean"]) == (0.75, 0.75, 0.5)
    assert (metrics["final/return_exact"], metrics["final/return_mean"]) == (0.7, -0.5)


def test_a_verdict_comes_back_as_it_was_written(tmp_path: Path) -> None:
    """The file of test episodes has the start seeds and the results of both Q-tables."""
    result = result_of("MountainCar-v0", [-100, -200.5, 1 / 3], [100, 200, 1], [True, False, True])
    result.write(tmp_path / "test.parquet")
    assert pd.read_parquet(tmp_path / "test.parquet").to_dict("list") == {
        "seed": list(seeds.test(3)),
        "return": [-100, -200.5, 1 / 3],
        "length": [100, 200, 1],
        "terminated": [True, False, True],
        "final_return": [-101, -201.5, 1 / 3 - 1],
    }


REACHED, CUT_OFF, LOST = (0.0, True), (0.0, False), (-1.0, True)
WON = (1.0, True)
"""An episode's return, and whether it terminated."""


@pytest.mark.parametrize(
    ("env_id", "succeeds", "fails"),
    [
        ("MountainCar-v0", [REACHED], [CUT_OFF]),
        ("Acrobot-v1", [REACHED], [CUT_OFF]),
        ("CliffWalking-v1", [REACHED, LOST], [CUT_OFF]),
        ("Taxi-v4", [REACHED, LOST], [CUT_OFF]),
        ("CartPole-v1", [CUT_OFF], [REACHED, WON]),
        ("FrozenLake-v1", [WON], [REACHED, CUT_OFF]),
        ("FrozenLake8x8-v1", [WON], [REACHED, CUT_OFF]),
    ],
)
def test_success(env_id: str, succeeds: list[tuple[float, bool]], fails: list[tuple[float, bool]]) -> None:
    """Success is reaching the goal, surviving or earning a reward, as the environment defines it."""
    returns, terminated = zip(*succeeds, *fails, strict=True)
    result = result_of(env_id, list(returns), [1] * len(returns), list(terminated))
    successes = result.test.successes(env_id)
    assert successes is not None
    assert successes.tolist() == [True] * len(succeeds) + [False] * len(fails)
    assert result.metrics()["test/success_rate"] == len(succeeds) / len(returns)


def test_where_success_is_not_defined() -> None:
    """An environment that is a game of chance, or unknown, has no success rate."""
    for env_id in ("Blackjack-v1", "Diary-v0"):
        result = result_of(env_id, [1.0], [1], [True])
        assert result.test.successes(env_id) is None
        assert "test/success_rate" not in result.metrics()


SAMPLES = {
    "normal": np.random.default_rng(0).normal(-120, 15, size=1000).round(),
    "skewed": -100 - np.random.default_rng(1).exponential(30, size=400).round(),
    "rare": np.array([1.0] * 15 + [0.0] * 985),
    "many": np.random.default_rng(3).normal(-120, 15, size=1500).round(),
    "few": np.array([-200.0, -150.0, -140.0, -139.0, -120.0]),
}


@pytest.mark.parametrize("name", SAMPLES)
def test_the_interval_is_the_percentile_bootstraps(name: str) -> None:
    """The interval agrees with scipy's percentile bootstrap to a tenth of its width."""
    values = SAMPLES[name]
    expected = stats.bootstrap(
        (values,), np.mean, method="percentile", n_resamples=9999, rng=np.random.default_rng(2)
    ).confidence_interval
    low, high = mean_interval(values)
    assert low <= values.mean() <= high
    assert (low, high) == pytest.approx(tuple(expected), abs=(expected.high - expected.low) / 10)


@pytest.mark.parametrize("values", [[-200.0] * 1000, [-0.7] * 1000, [0.1] * 3, [0.1] * 2000, [5.0]])
def test_the_interval_of_equal_values(values: list[float]) -> None:
    """If all returns are equal, so are both ends of the interval."""
    assert mean_interval(np.array(values)) == (values[0], values[0])
